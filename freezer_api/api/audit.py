# SPDX-License-Identifier: Apache-2.0
"""Who changed what: one line of log for each request that may change something, and CADF events if wanted."""

import logging
from collections.abc import Callable, Iterable
from typing import Any

import orjson
from oslo_config import cfg

from freezer_api import exceptions, shipped
from freezer_api.api.controllers import root
from freezer_api.api.request import Document, Request
from freezer_api.conf import audit

WSGI = Callable[..., Iterable[bytes]]

# In the environment of a request: the document that answers the creation of something, which names it.
CREATED = 'freezer.created'

# In what keystonemiddleware sees of a request: its environment.
_WHOLE = 'freezer.environ'

_HIDDEN = {'QUERY_STRING': '', 'HTTP_X_AUTH_TOKEN': '', 'HTTP_X_SERVICE_TOKEN': ''}

# Not the module's name, so that operators can say where its records go, wherever the module lies.
LOG = logging.getLogger('freezer_api.audit')

_CHANGING = ('POST', 'PATCH', 'PUT', 'DELETE')
# Characters of an id in a record; no stored one is longer.
_ID_LENGTH = 320


class Audit:
    """Write a record of each request to a route that changes something, whether it is done or refused.

    A record is an object of JSON in one line: ``user_id`` and ``user_project_id`` of the token (null if there was none
    that is valid), ``project_id`` of the rows, ``action``, which is the name of the policy rule, ``ids`` from the path
    or of what was created, ``request_id``, and ``outcome``, the status of the answer. Nothing of the document is in it.
    """

    def __init__(self, application: WSGI) -> None:
        self._application = application

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        if environ['REQUEST_METHOD'] not in _CHANGING:
            return self._application(environ, start_response)
        target = _target(environ)
        if target is None:
            return self._application(environ, start_response)
        outcome = 500

        def start(status: str, headers: list[tuple[str, str]], exc_info: Any = None) -> Any:
            nonlocal outcome
            outcome = int(status[:3])
            return start_response(status, headers, exc_info)

        try:
            return self._application(environ, start)
        finally:
            LOG.info('%s', orjson.dumps(_record(environ, target, outcome)).decode())


def _target(environ: dict[str, Any]) -> root.Target | None:
    """What a request is for; None if nothing answers its path and method."""
    try:
        return root.target(Request(environ))
    except exceptions.FreezerError:
        return None


def _record(environ: dict[str, Any], target: root.Target, outcome: int) -> Document:
    caller = environ.get('freezer.context')
    user_id = getattr(caller, 'user_id', None)
    own_project_id = getattr(caller, 'project_id', None)
    ids = {name: value[:_ID_LENGTH] for name, value in target.ids.items()}
    created = environ.get(CREATED) or {}
    ids |= {name: value for name, value in created.items() if name.endswith('_id')}
    return {
        'user_id': user_id,
        'user_project_id': own_project_id,
        'project_id': target.project_id or own_project_id,
        'action': target.route.rule,
        'ids': ids,
        'request_id': environ.get('openstack.request_id'),
        'outcome': outcome,
    }


class Events:
    """keystonemiddleware's audit filter for the routes of the API.

    :param application: with the identity headers vouched for
    """

    def __init__(self, application: WSGI, conf: cfg.ConfigOpts) -> None:
        # Not at the top: it brings the whole of oslo.messaging, and eventlet with it.
        from keystonemiddleware import audit as cadf

        def whole(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
            return application(environ[_WHOLE], start_response)

        self._application = application
        self._ignored = frozenset(method.upper() for method in conf.audit.ignored_methods)
        self._audited: Any = cadf.AuditMiddleware(
            whole, oslo_config_config=conf, audit_map_file=_map_file(conf)
        )

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        # The filter fails at paths that are not UTF-8; no route has such.
        ignored = environ['REQUEST_METHOD'] in self._ignored or _target(environ) is None
        if ignored:
            return self._application(environ, start_response)
        # It copies the query into its events, and searches may tell as much as documents. And both ends of tokens.
        shown = {**environ, **_HIDDEN, _WHOLE: environ}
        answer: Iterable[bytes] = self._audited(shown, start_response)
        return answer


def _map_file(conf: cfg.ConfigOpts) -> str:
    """The path of the map: a file of the operator, else the one that comes with the service.

    :raises ConfigFilesNotFoundError: the operator names another file, which is not there
    """
    name: str = conf.audit.map_file or audit.MAP_FILE
    path: str | None = conf.find_file(name)
    if path is not None:
        return path
    if name != audit.MAP_FILE:
        raise cfg.ConfigFilesNotFoundError([name])
    return str(shipped.folder('etc', 'etc/freezer') / name)
