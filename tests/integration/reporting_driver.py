# SPDX-License-Identifier: Apache-2.0
"""Lets the agent's scheduler poll and run jobs, whose interpreter runs this file.

Usage: reporting_driver.py ENDPOINT PROJECT_ID CLIENT_ID FOLDER. Each line of the input is ``poll``, ``run JOB_ID`` or a
turn. Before each PATCH of a job the line ``patch`` is printed and a turn awaited; at the end of a command an object
with ``armed``, the ids of the jobs that the timer knows. The timer is never started, and the agent that a run starts
does nothing.
"""

import json
import sys

from freezer.scheduler import arguments, freezer_scheduler
from freezerclient.v2 import client
from keystoneauth1 import session, token_endpoint


def main(endpoint, project_id, client_id, folder):
    sys.argv = ['freezer-scheduler', 'start']
    arguments.parse_args(['start'])
    # Without a session the library would ask Keystone for a catalogue.
    auth = token_endpoint.Token(endpoint, 'a-token')
    api = client.Client(
        token='a-token',
        endpoint=endpoint,
        project_id=project_id,
        session=session.Session(auth=auth),
    )
    api.client_id = client_id
    update = api.jobs.update

    def update_in_turn(*args, **kwargs):
        print('patch', flush=True)
        sys.stdin.readline()
        return update(*args, **kwargs)

    api.jobs.update = update_in_turn
    scheduler = freezer_scheduler.FreezerScheduler(api, interval=3600, job_path=folder)
    scheduler.freezerc_executable = '/bin/true'
    for line in sys.stdin:
        command, *job_ids = line.split()
        if command == 'poll':
            scheduler.poll()
        for job_id in job_ids:
            if not scheduler.jobs[job_id].job_doc['job_schedule'].get('schedule_interval'):
                # What the timer does with a job that runs once.
                scheduler.remove_job(job_id)
            scheduler.jobs[job_id].execute()
        armed = [job_id for job_id in scheduler.jobs if scheduler.is_scheduled(job_id)]
        print(json.dumps({'armed': armed}), flush=True)


if __name__ == '__main__':
    main(*sys.argv[1:])
