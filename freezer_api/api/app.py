# SPDX-License-Identifier: Apache-2.0
"""The application: Pecan, and around it the middleware."""

from collections.abc import Callable, Iterable
from typing import Any, ClassVar

import orjson
import pecan.core
import webob
from keystonemiddleware import auth_token
from oslo_config import cfg
from oslo_middleware import (
    cors,
    healthcheck,
    http_proxy_to_wsgi,
    request_id,
    sizelimit,
)

from freezer_api import exceptions
from freezer_api.api import audit, body, hooks, token_cache
from freezer_api.api.controllers import root
from freezer_api.api.middleware import (
    ContextMiddleware,
    GivenRequestId,
    JSONErrors,
    KeystoneErrors,
    NoAuth,
    ReadableBodies,
)
from freezer_api.api.request import Reply, Request, Services
from freezer_api.db import search
from freezer_api.db.session import Database
from freezer_api.keystone import Keystone
from freezer_api.policy import Policy
from freezer_api.quotas import Quotas
from freezer_api.schemas.schedules import Rules
from freezer_api.trusts import Trusts

WSGI = Callable[..., Iterable[bytes]]

_JSON = 'application/json'
_JSON_HOME = 'application/json-home'


class Application(pecan.core.PecanBase):  # type: ignore[misc]  # Pecan is untyped
    """Pecan with our routing and rendering.

    Pecan's own asks for the signature of a handler several times a request, which costs more than the rest of it.
    """

    def route(self, request: Request, node: root.Root, path: str) -> tuple[Any, list[str]]:
        _check_accept(request)
        request.pecan['content_type'] = _JSON
        return node.find(request)

    def get_args(
        self, state: Any, params: Any, remainder: list[str], argspec: Any, im_self: Any
    ) -> tuple[list[Any], list[Any], dict[str, Any]]:
        return [state.request, *remainder], [], {}

    def invoke_controller(
        self, controller: Any, args: list[Any], kwargs: dict[str, Any], state: Any
    ) -> None:
        answer = controller(*args, **kwargs)
        response: webob.Response = state.response
        response.status_int = controller.route.status
        if isinstance(answer, Reply):
            response.headers['ETag'] = f'"{answer.version}"'
            if answer.found and state.request.has_version(answer.version):
                response.status_int = 304
                return
            answer = answer.document
        if answer is not None:
            if controller.route.status == 201:
                state.request.environ[audit.CREATED] = answer
            response.body = orjson.dumps(answer)
            response.content_type = _JSON


def _check_accept(request: Request) -> None:
    accept = request.environ.get('HTTP_ACCEPT')
    if accept in (None, '', '*/*', _JSON):
        return
    if not request.accept.acceptable_offers([_JSON]):
        raise exceptions.NotAcceptable('This service answers application/json.')


class Discovery:
    """Middleware for what needs no token: ``/``, ``/v1``, ``/v2``, ``/healthcheck``, and OPTIONS of every path."""

    _HOMES: ClassVar = {'/v1': root.HOME_V1, '/v2': root.HOME_V2}
    _PATHS = ('', *_HOMES, '/healthcheck')
    _METHODS: ClassVar = ['GET', 'HEAD', 'OPTIONS']

    def __init__(self, application: WSGI, health: WSGI) -> None:
        self._application = application
        self._health = health

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        path = environ.get('PATH_INFO', '').rstrip('/')
        method = environ['REQUEST_METHOD']
        if path not in self._PATHS and method != 'OPTIONS':
            return self._application(environ, start_response)
        if path == '/healthcheck' and method in ('GET', 'HEAD'):
            return self._check_health(environ, start_response)
        try:
            response = self._response(Request(environ), path)
        except exceptions.FreezerError as error:
            response = hooks.answer(error, environ)
        answer: Iterable[bytes] = response(environ, start_response)
        return answer

    def _check_health(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        # oslo.middleware has a status of its own for HEAD.
        answer = self._health({**environ, 'REQUEST_METHOD': 'GET'}, start_response)
        return [] if environ['REQUEST_METHOD'] == 'HEAD' else answer

    def _response(self, request: Request, path: str) -> webob.Response:
        methods = self._METHODS if path in self._PATHS else root.methods(request)
        if request.method == 'OPTIONS':
            headers = [('Allow', ', '.join(methods)), ('Content-Length', '0')]
            return webob.Response(status=200, headerlist=headers)
        if request.method not in methods:
            raise exceptions.MethodNotAllowed(methods)
        if path == '':
            versions = orjson.dumps(root.versions(request))
            return webob.Response(body=versions, status=300, content_type=_JSON, charset=None)
        return webob.Response(
            body=orjson.dumps(self._HOMES[path]), content_type=_JSON_HOME, charset=None
        )


def _hidden(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
    """Answers those from whom ``[healthcheck]`` hides the health check; without it, WebOb would ask over HTTP."""
    missing = hooks.answer(exceptions.NotFound('There is no such path.'), environ)
    answer: Iterable[bytes] = missing(environ, start_response)
    return answer


def _authenticated(application: WSGI, conf: cfg.ConfigOpts) -> WSGI:
    auth = auth_token.AuthProtocol(
        application, {'oslo_config_config': conf, 'cache': token_cache.ENVIRON}
    )
    protected: WSGI = KeystoneErrors(auth)
    if conf.keystone_authtoken.memcached_servers:
        token_cache.check_client(conf.keystone_authtoken)
        return protected
    return token_cache.WithTokenCache(protected)


def build(conf: cfg.ConfigOpts) -> WSGI:
    """The whole WSGI application for a configuration.

    Its attribute ``database`` is the :class:`~freezer_api.db.session.Database` that it uses.
    """
    database = Database(conf)
    keystone = None
    if conf.auth_strategy == 'keystone':
        keystone = Keystone(conf, conf.centralized_scheduler.auth_section)
    services = Services(
        policy=Policy(conf),
        default_limit=conf.api.default_limit,
        max_limit=conf.api.max_limit,
        max_job_actions=conf.api.max_job_actions,
        limits=body.Limits(
            depth=conf.api.max_depth,
            keys=conf.api.max_keys,
            items=conf.api.max_list_length,
            key_length=conf.api.max_key_length,
            text_length=conf.api.max_text_length,
        ),
        terms=search.Terms(
            conditions=conf.api.max_search_conditions,
            text_length=conf.api.max_search_text,
        ),
        schedules=Rules(conf.api.strict_schedules, conf.api.schedule_zones),
        quotas=Quotas(conf) if conf.quotas.enabled else None,
        trusts=Trusts(conf, keystone),
    )
    application: Any = Application(
        root.Root(),
        hooks=[hooks.ErrorHook()],
        guess_content_type_from_ext=False,
        force_canonical=False,
        request_cls=Request,
    )
    if conf.audit.enabled:
        application = audit.Events(application, conf)
    application = ContextMiddleware(application, database, services)
    if conf.auth_strategy == 'noauth':
        application = NoAuth(application)
    else:
        application = _authenticated(application, conf)
    application = Discovery(application, healthcheck.Healthcheck(_hidden, conf))
    application = sizelimit.RequestBodySizeLimiter(application, conf)
    # Outside of the size limit, after which every body passes for one that the server handed on.
    application = ReadableBodies(application)
    application = audit.Audit(JSONErrors(application))
    conf.register_opts(cors.CORS_OPTS, 'cors')
    if conf.cors.allowed_origin:
        application = cors.CORS(application, conf)
    application = request_id.RequestId(GivenRequestId(application), conf)
    conf.register_opts(http_proxy_to_wsgi.OPTS, 'oslo_middleware')
    if conf.oslo_middleware.enable_proxy_headers_parsing:
        # Else it would look at nothing, and cost more than to find the handler.
        application = http_proxy_to_wsgi.HTTPProxyToWSGI(application, conf)
    application.database = database
    whole: WSGI = application
    return whole
