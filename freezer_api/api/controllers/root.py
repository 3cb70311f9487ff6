# SPDX-License-Identifier: Apache-2.0
"""Versions, discovery, and the way from a path to a controller."""

import dataclasses
import re
from typing import Any

from freezer_api import exceptions
from freezer_api.api.controllers.actions import ActionsController
from freezer_api.api.controllers.backups import BackupsController
from freezer_api.api.controllers.base import RestController
from freezer_api.api.controllers.clients import ClientsController
from freezer_api.api.controllers.jobs import JobsController
from freezer_api.api.controllers.sessions import SessionsController
from freezer_api.api.expose import Route
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
                'id': version,
                'status': status,
                'updated': '2018-02-21T13:30:00',
                'links': [{'href': f'{request.application_url}/{version}/', 'rel': 'self'}],
            }
            for version, status in (('v2', 'CURRENT'), ('v1', 'DEPRECATED'))
        ]
    }


def _resource(template: str, allow: list[str], *names: str) -> Document:
    return {
        'href-template': template,
        'href-vars': {name: f'param/{name}' for name in names},
        'hints': {'allow': allow, 'formats': {'application/json': {}}},
    }


HOME_V1: Document = {
    'resources': {'rel/backups': _resource('/v1/backups/{backup_id}', ['GET'], 'backup_id')}
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
        own = _project_of_token(request)
        controller.authorize(request, handler.route, project_id or own)
        return handler, names


@dataclasses.dataclass(frozen=True, slots=True)
class Target:
    """What a request is for.

    :ivar project_id: in the path; None in v1
    :ivar ids: in the path, by name
    """

    route: Route
    project_id: str | None
    ids: dict[str, str]


def target(request: Request) -> Target:
    """What a request is for, whoever sends it.

    :raises NotFound: no such path
    :raises MethodNotAllowed: a path, but not for this method
    """
    controller, project_id, segments = _locate(request)
    handler, values = controller.find(request, segments)
    route: Route = handler.route
    names = (segment[1:-1] for segment in route.segments if segment.startswith('{'))
    return Target(route, project_id, dict(zip(names, values, strict=True)))


def methods(request: Request) -> list[str]:
    """The methods that the path of a request answers.

    :raises NotFound: no such path
    """
    controller, _, segments = _locate(request)
    return controller.methods(request, segments)


def _project_of_token(request: Request) -> str:
    """The project of the caller, which by v1 is that of the request.

    :raises Forbidden: the token has none: it is for a domain or the system, or for nothing
    """
    caller = request.caller
    project_id: str = caller.project_id or ''
    if not is_project_id(project_id) or not caller.user_id:
        raise exceptions.Forbidden('This needs the token of a user for a project.')
    return project_id


def _locate(request: Request) -> tuple[RestController, str | None, list[str]]:
    """The controller of a path, the project (none in v1), and the segments below the collection.

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
    match segments:
        case ['v1', collection, *rest] if collection in COLLECTIONS:
            return COLLECTIONS[collection], None, rest
        case ['v2', project_id, collection, *rest] if collection in COLLECTIONS:
            if is_project_id(project_id):
                return COLLECTIONS[collection], project_id, rest
    raise exceptions.NotFound('There is no such path.')
