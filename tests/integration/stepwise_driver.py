# SPDX-License-Identifier: Apache-2.0
"""Lets the agent's scheduler poll and run jobs, step by step; the agent's interpreter runs this file.

Usage: stepwise_driver.py ENDPOINT PROJECT_ID CLIENT_ID FOLDER STEP. Each line of the input is ``poll``, ``run JOB_ID``
or a turn. STEP is a call on jobs: ``list``, which gets one page, or ``update``. Before each of these the line ``step``
is printed and a turn awaited; at the end of a command an object with ``armed``, the ids of the jobs that the timer
knows. The timer is never started, and the agent that a run starts does nothing.
"""

import json
import sys

import library_client
from freezer.scheduler import arguments, freezer_scheduler


def main(endpoint, project_id, client_id, folder, step):
    sys.argv = ['freezer-scheduler', 'start']
    arguments.parse_args(['start'])
    api = library_client.connect(endpoint, project_id, client_id)
    call = getattr(api.jobs, step)

    def call_in_turn(*args, **kwargs):
        print('step', flush=True)
        sys.stdin.readline()
        return call(*args, **kwargs)

    setattr(api.jobs, step, call_in_turn)
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
