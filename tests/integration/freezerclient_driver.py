# SPDX-License-Identifier: Apache-2.0
"""Calls the client library, whose interpreter runs this file.

Usage: freezerclient_driver.py ENDPOINT PROJECT_ID CLIENT_ID. Each line of the input is a JSON list: ``manager.method``,
arguments, keyword arguments. Each line of the output is an object with ``result``, or with ``error`` and
``status_code``. The name ``calls`` lists what can be called.
"""

import inspect
import json
import sys

import library_client
from freezerclient import exceptions

MANAGERS = ('actions', 'backups', 'clients', 'jobs', 'sessions')


def main(endpoint, project_id, client_id):
    api = library_client.connect(endpoint, project_id, client_id)
    for line in sys.stdin:
        name, args, kwargs = json.loads(line)
        try:
            answer = {'result': call(api, name, args, kwargs)}
        except exceptions.ApiClientException as error:
            answer = {'error': str(error), 'status_code': error.status_code}
        print(json.dumps(answer), flush=True)


def call(api, name, args, kwargs):
    if name == 'calls':
        return [
            f'{manager}.{method}'
            for manager in MANAGERS
            for method, _ in inspect.getmembers(getattr(api, manager), inspect.ismethod)
            if not method.startswith('_')
        ]
    manager, method = name.split('.')
    return getattr(getattr(api, manager), method)(*args, **kwargs)


if __name__ == '__main__':
    main(*sys.argv[1:])
