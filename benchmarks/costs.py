# SPDX-License-Identifier: Apache-2.0
"""What requests cost this process in CPU time; the database is another process and not counted.

    python benchmarks/costs.py [--jobs 10000] [--url mysql+pymysql://root@127.0.0.1:3306/] [--only TEXT] [--profile]

The aims are those of the project for MariaDB and PyMySQL; figures move with the machine, ratios hardly.
Writes of jobs have no aims.
"""

import argparse
import cProfile
import pstats
import statistics
import sys
import time
from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa
from asked import make, make_writes
from dataset import Dataset
from harness import Request, build, database, send, server

ROUNDS = 7
SECONDS = 0.4  # of each round

# CPU milliseconds at most.
AIMS = {
    'jobs: poll of a client of 10': 1.5,
    'jobs: poll of the large client': 1.5,
    'jobs: poll of a central client': 1.5,
    'jobs: poll of no client': 1.5,
    'jobs: one': 1.0,
    'jobs: list': 1.5,
    'jobs: list 100': 4,
    'jobs: list 1000': 30,
    'jobs: deep page': 1.5,
    'sessions: one': 1.0,
    'clients: one': 1.0,
    'actions: one': 1.0,
    'backups: one': 1.0,
    'backups: by hostname': 1.5,
    'backups: by container': 1.5,
    'backups: by backup_name': 1.5,
    'backups: in an hour': 1.5,
    'clients: list': 1.5,
    'sessions: list': 1.5,
}


def _repeat(
    application: Any, requests: Sequence[Request], seconds: float
) -> tuple[int, float]:
    """Send requests in turn for so long; return how many, and the CPU milliseconds of one."""
    count = 0
    begin = time.process_time()
    end = time.perf_counter() + seconds
    while time.perf_counter() < end:
        send(application, requests[count % len(requests)])
        count += 1
    return count, (time.process_time() - begin) * 1000 / count


def _print_profile(application: Any, requests: Sequence[Request]) -> None:
    profile = cProfile.Profile()
    profile.enable()
    count, _ = _repeat(application, requests, 3.0)
    profile.disable()
    print(f'\n{requests[0].name}, {count} times')
    pstats.Stats(profile).sort_stats('tottime').print_stats(40)


def main() -> int:
    """Print the table; returns the exit code."""
    parser = argparse.ArgumentParser(description='CPU time of requests.')
    parser.add_argument('--jobs', type=int, default=10_000, help='size of the data set')
    parser.add_argument('--url', help='a MariaDB server to use; a database is made and dropped there')
    parser.add_argument('--only', default='', help='only requests whose name contains this')
    parser.add_argument('--profile', action='store_true', help='print where the time goes')
    options = parser.parse_args()

    with server(options.url) as of, database(of) as url:
        data = Dataset(options.jobs)
        engine = sa.create_engine(url)
        data.load(engine)
        engine.dispose()
        application = build(url)
        try:
            _report(application, data, options)
        finally:
            application.database.dispose()
    return 0


def _report(application: Any, data: Dataset, options: argparse.Namespace) -> None:
    requests: dict[str, Sequence[Request]] = {request.name: (request,) for request in make(data)}
    writes = make_writes(data)
    requests |= writes
    print(f'{"request":40} {"CPU ms":>7} {"best":>7} {"aim":>5}')
    for name in (*AIMS, *writes):
        # The first of the writes makes what the others change.
        if options.only not in name and name not in list(writes)[:1]:
            continue
        aim = AIMS.get(name)
        _repeat(application, requests[name], SECONDS)
        costs = [_repeat(application, requests[name], SECONDS)[1] for _ in range(ROUNDS)]
        median = statistics.median(costs)
        print(
            f'{name:40} {median:7.2f} {min(costs):7.2f} {aim or "":>5}'
            + (' over' if aim and median > aim else '')
        )
        if options.profile:
            _print_profile(application, requests[name])


if __name__ == '__main__':
    sys.exit(main())
