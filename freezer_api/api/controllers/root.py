# SPDX-License-Identifier: Apache-2.0
"""Versions, discovery, and the way from a path to a controller."""

import re
from typing import Any

from freezer_api import exceptions
from freezer_api.api.controllers.actions import ActionsController
from freezer_api.api.controllers.backups import BackupsController
from freezer_api.api.controllers.base import RestController
from freezer_api.api.controllers.clients import ClientsController
from freezer_api.api.controllers.jobs import JobsController
from freezer_api.api.controllers.sessions import SessionsController
from freezer_api.api.request import Document, Request

_PROJECT_ID = re.compile(r'[!-~]{1,64}\Z')

COLLECTIONS: dict[str, RestController] = {
    controller.collection: controller
    for controller in (
        ActionsController(),
        BackupsController(),
        ClientsController(),
        JobsController(),
        SessionsController(),
    )
}


def is_project_id(text: str) -> bool:
    """Whether the text can be the id of a project."""
    # For a token without a project, oslo.policy would take its None for a project of this name.
    return _PROJECT_ID.match(text) is not None and text != 'None'


def versions(request: Request) -> Document:
    """GET /: the versions, newest first."""
    return {
        'versions': [
            {
                'id': 'v2',
                'status': 'CURRENT',
                'updated': '2018-02-21T13:30:00',
                'links': [{'href': f'{request.application_url}/v2/', 'rel': 'self'}],
            }
        ]
    }


def _resource(template: str, allow: list[str], *names: str) -> Document:
    return {
        'href-template': template,
        'href-vars': {name: f'param/{name}' for name in names},
        'hints': {'allow': allow, 'formats': {'application/json': {}}},
    }


HOME_V2: Document = {
    'resources': {
        'rel/backups': _resource(
            '/v2/{project_id}/backups/{backup_id}', ['GET'], 'project_id', 'backup_id'
        ),
        'rel/jobs': _resource(
            '/v2/{project_id}/jobs{?all_projects,offset,limit}', ['GET', 'POST'], 'project_id'
        ),
        'rel/job': _resource(
            '/v2/{project_id}/jobs/{job_id}',
            ['GET', 'PATCH', 'POST', 'DELETE'],
            'project_id',
            'job_id',
        ),
    }
}


class Root:
    """The root that Pecan asks for; see :meth:`find`."""

    def find(self, request: Request) -> tuple[Any, list[str]]:
        """The authorised handler of a request and its path arguments.

        :raises NotFound: no such path
        :raises MethodNotAllowed: a path, but not for this method
        :raises Forbidden: the policy says no
        """
        controller, project_id, segments = _locate(request)
        handler, names = controller.find(request, segments)
        controller.authorize(request, handler.route, project_id)
        return handler, names


def methods(request: Request) -> list[str]:
    """The methods that the path of a request answers.

    :raises NotFound: no such path
    """
    controller, _, segments = _locate(request)
    return controller.methods(request, segments)


def _locate(request: Request) -> tuple[RestController, str, list[str]]:
    """The controller of a path, the project, and the segments below the collection.

    :raises NotFound: no such path
    """
    # One or more slashes at the end mean nothing; the clients' library sends one.
    path = request.environ.get('PATH_INFO', '')
    try:
        path = path.encode('latin-1').decode('utf-8')
    except UnicodeError:
        raise exceptions.NotFound('There is no such path.') from None
    segments = path.rstrip('/').split('/')[1:]
    if not path.isprintable() or any(segment.strip() != segment for segment in segments):
        # No id has them, and the databases disagree on what to make of them.
        raise exceptions.NotFound('There is no such path.')
    if not segments or segments[0] != 'v2' or len(segments) < 3:
        raise exceptions.NotFound('There is no such path.')
    project_id, collection, *rest = segments[1:]
    if collection not in COLLECTIONS or not is_project_id(project_id):
        raise exceptions.NotFound('There is no such path.')
    return COLLECTIONS[collection], project_id, rest
