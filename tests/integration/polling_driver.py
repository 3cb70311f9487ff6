# SPDX-License-Identifier: Apache-2.0
"""Lets the agent's scheduler poll, whose interpreter runs this file.

Usage: polling_driver.py ENDPOINT PROJECT_ID CLIENT_ID FOLDER. Each line of the input is a turn. The scheduler polls.
Before each page it prints the line ``page`` and waits for a turn; after the last one it prints an object with
``armed``, the ids of the jobs that its timer knows. Nothing runs, for the timer is never started.
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
    list_jobs = api.jobs.list

    def list_in_turn(*args, **kwargs):
        print('page', flush=True)
        sys.stdin.readline()
        return list_jobs(*args, **kwargs)

    api.jobs.list = list_in_turn
    scheduler = freezer_scheduler.FreezerScheduler(api, interval=3600, job_path=folder)
    while sys.stdin.readline():
        scheduler.poll()
        armed = [job_id for job_id in scheduler.jobs if scheduler.is_scheduled(job_id)]
        print(json.dumps({'armed': armed}), flush=True)


if __name__ == '__main__':
    main(*sys.argv[1:])
