# SPDX-License-Identifier: Apache-2.0
"""What surrounds the resources: discovery, routing, headers, and who is let in."""

import http
import io
import json
import pathlib
import sys
import warnings
from typing import Any
from urllib import parse as urlparse

import fixtures
import webtest
from gunicorn.http.errors import InvalidChunkSize
from webtest import lint

from freezer_api import conf
from freezer_api.api import app
from freezer_api.api.controllers import root
from tests import base, routes

LOCAL = {'REMOTE_ADDR': '127.0.0.1'}


def send(
    application: Any, method: str, path: str, body: bytes = b'', **environ: Any
) -> webtest.TestResponse:
    """Send a request as it is, to an application or a TestApp; ``environ`` is of WSGI."""
    if not isinstance(application, webtest.TestApp):
        application = webtest.TestApp(application)
    path, _, query = path.partition('?')
    request = webtest.TestRequest.blank('/', method=method, environ={**LOCAL, **environ})
    request.environ['PATH_INFO'] = urlparse.unquote_to_bytes(path).decode('latin-1')
    request.environ['QUERY_STRING'] = query
    if body:
        request.body = body
    with warnings.catch_warnings():
        # Methods that nobody knows.
        warnings.simplefilter('ignore', lint.WSGIWarning)
        return application.do_request(request, status='*', expect_errors=True)


class BrokenInput(io.RawIOBase):
    """As servers hand on a body with malformed chunks."""

    def __init__(self, error: Exception) -> None:
        self._error = error

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        raise self._error


class DiscoveryCase(base.ApiTestCase):
    def configure(self, auth_strategy: str = 'noauth', **options: object) -> Any:
        """An application with a configuration file: options of middleware exist once it is built.

        :param options: group__option to value
        """
        lines = [
            f'[DEFAULT]\nauth_strategy = {auth_strategy}',
            f'[database]\nconnection = {self.database.url}',
        ]
        lines += ['[{}]\n{} = {}'.format(*k.split('__'), v) for k, v in options.items()]
        file = pathlib.Path(self.useFixture(fixtures.TempDir()).path, 'freezer-api.conf')
        file.write_text('\n'.join(lines))
        application: Any = app.build(conf.new(default_config_files=[str(file)]))
        self.addCleanup(application.database.dispose)
        return application

    def send(self, method: str, path: str, body: bytes = b'', **environ: Any) -> Any:
        return send(self.webtest, method, path, body, **environ)

    def assert_error(self, answer: webtest.TestResponse, code: int) -> dict[str, Any]:
        """An answer is an error of our form; return its document."""
        self.assertEqual(code, answer.status_int, answer.text)
        self.assertEqual('application/json', answer.headers['Content-Type'])
        document: dict[str, Any] = answer.json
        self.assertEqual({'title', 'description', 'code'}, set(document))
        self.assertEqual(code, document['code'])
        # The name of this one is not the same in all releases of Python.
        phrase = 'Request Entity Too Large' if code == 413 else http.HTTPStatus(code).phrase
        self.assertEqual(phrase, document['title'])
        self.assertTrue(document['description'].strip())
        self.assert_request_id(answer)
        return document

    def assert_request_id(self, answer: webtest.TestResponse) -> None:
        self.assertEqual(1, len(answer.headers.getall('x-openstack-request-id')))
        self.assertRegex(answer.headers['x-openstack-request-id'], r'\Areq-[^\s]+\Z')


class VersionsTest(DiscoveryCase):
    def test_versions(self) -> None:
        answer = self.send('GET', '/')
        self.assertEqual(300, answer.status_int)
        self.assertEqual('application/json', answer.headers['Content-Type'])
        self.assertEqual(
            [
                {
                    'id': 'v2',
                    'status': 'CURRENT',
                    'updated': '2018-02-21T13:30:00',
                    'links': [{'href': 'http://localhost/v2/', 'rel': 'self'}],
                },
                {
                    'id': 'v1',
                    'status': 'DEPRECATED',
                    'updated': '2018-02-21T13:30:00',
                    'links': [{'href': 'http://localhost/v1/', 'rel': 'self'}],
                },
            ],
            answer.json['versions'],
        )
        self.assert_request_id(answer)

    def hrefs(self, application: Any = None, **environ: Any) -> list[str]:
        answer = send(application or self.webtest, 'GET', '/', **environ)
        self.assertEqual(300, answer.status_int)
        return [version['links'][0]['href'] for version in answer.json['versions']]

    def test_links_are_those_of_each_request(self) -> None:
        self.assertEqual('http://one.example:9090/v2/', self.hrefs(HTTP_HOST='one.example:9090')[0])
        self.assertEqual(
            'https://two.example/v2/',
            self.hrefs(HTTP_HOST='two.example', **{'wsgi.url_scheme': 'https'})[0],
        )
        self.assertEqual(
            'http://localhost/backup/v2/',
            self.hrefs(HTTP_HOST='localhost', SCRIPT_NAME='/backup')[0],
        )

    def test_links_behind_a_proxy(self) -> None:
        forwarded = {
            'HTTP_X_FORWARDED_PROTO': 'https',
            'HTTP_X_FORWARDED_HOST': 'public.example',
            'HTTP_X_FORWARDED_PREFIX': '/backup',
        }
        application = self.configure(oslo_middleware__enable_proxy_headers_parsing=True)
        self.assertEqual(
            'https://public.example/backup/v2/', self.hrefs(application, **forwarded)[0]
        )
        self.assertEqual(
            'https://new.example/v2/',
            self.hrefs(application, HTTP_FORWARDED='proto=https;host=new.example')[0],
        )
        # Without the option anybody could send such headers.
        self.assertEqual('http://localhost/v2/', self.hrefs(HTTP_HOST='localhost', **forwarded)[0])

    def test_json_home(self) -> None:
        for path in ('/v2', '/v2/', '/v2//'):
            for accept in ('application/json', 'application/json-home', '*/*'):
                answer = self.send('GET', path, HTTP_ACCEPT=accept)
                self.assertEqual(200, answer.status_int)
                self.assertEqual('application/json-home', answer.headers['Content-Type'])
                resources = json.loads(answer.body)['resources']
                self.assertEqual({'rel/backups', 'rel/jobs', 'rel/job'}, set(resources))
                self.assertEqual('GET', resources['rel/backups']['hints']['allow'][0])
                self.assertEqual(
                    '/v2/{project_id}/backups/{backup_id}',
                    resources['rel/backups']['href-template'],
                )

    def test_json_home_of_v1(self) -> None:
        for path in ('/v1', '/v1/', '/v1//'):
            for accept in ('application/json', 'application/json-home', '*/*'):
                answer = self.send('GET', path, HTTP_ACCEPT=accept)
                self.assertEqual(200, answer.status_int)
                self.assertEqual('application/json-home', answer.headers['Content-Type'])
                backups = {
                    'href-template': '/v1/backups/{backup_id}',
                    'href-vars': {'backup_id': 'param/backup_id'},
                    'hints': {'allow': ['GET'], 'formats': {'application/json': {}}},
                }
                self.assertEqual({'resources': {'rel/backups': backups}}, json.loads(answer.body))

    def test_health_check(self) -> None:
        for path in ('/healthcheck', '/healthcheck/'):
            answer = self.send('GET', path)
            self.assertEqual(200, answer.status_int)
            self.assert_request_id(answer)
            self.assertEqual(b'', self.send('HEAD', path).body)
        answer = self.send('GET', '/healthcheck', HTTP_ACCEPT='application/json')
        self.assertEqual({'detailed': False, 'reasons': []}, json.loads(answer.body))

    def test_unhealthy(self) -> None:
        application = self.configure(
            healthcheck__backends='disable_by_file', healthcheck__disable_by_file_path=__file__
        )
        answer = send(application, 'GET', '/healthcheck')
        self.assert_error(answer, 503)
        self.assertEqual('1', answer.headers['Retry-After'])

    def test_health_is_told_to_allowed_addresses_alone(self) -> None:
        application = self.configure(healthcheck__allowed_source_ranges='192.0.2.0/24')
        answer = send(application, 'GET', '/healthcheck', REMOTE_ADDR='192.0.2.1')
        self.assertEqual(200, answer.status_int)
        for address in ('198.51.100.1', '::1'):
            self.assert_error(send(application, 'GET', '/healthcheck', REMOTE_ADDR=address), 404)

    def test_health_is_not_told_through_a_proxy_if_so_configured(self) -> None:
        application = self.configure(healthcheck__ignore_proxied_requests='true')
        self.assertEqual(200, send(application, 'GET', '/healthcheck').status_int)
        proxied = {'HTTP_X_FORWARDED_FOR': '192.0.2.1'}
        self.assert_error(send(application, 'GET', '/healthcheck', **proxied), 404)
        self.assertEqual(404, send(application, 'HEAD', '/healthcheck', **proxied).status_int)

    def test_other_methods_are_not_allowed(self) -> None:
        for path in ('/', '/v1', '/v2', '/healthcheck'):
            for method in ('POST', 'PUT', 'PATCH', 'DELETE', 'TRACE', 'BREW'):
                answer = self.send(method, path)
                self.assert_error(answer, 405)
                self.assertEqual('GET, HEAD, OPTIONS', answer.headers['Allow'])


class MethodsTest(routes.RouteTestCase, DiscoveryCase):
    def allowed(self, path: str) -> str:
        """The methods of a path below the project, from the route tables."""
        methods = {name.split()[0] for name in self.routes if name.split()[1] == path}
        if 'GET' in methods:
            methods.add('HEAD')
        return ', '.join(sorted(methods | {'OPTIONS'}))

    def test_head_is_get_without_a_body(self) -> None:
        paths = [self.path(name) for name in self.routes if name.startswith('GET')]
        paths += [self.path('GET /jobs/absent'), self.path('GET /nothing'), '/x']
        caller = {
            'HTTP_X_USER_ID': 'alice',
            'HTTP_X_PROJECT_ID': 'p1',
            'HTTP_X_ROLES': 'reader',
        }
        for path in ('/', '/v1', '/v1/', '/v2', '/v2/', '/healthcheck', *paths):
            get, head = (
                send(self.webtest, method, path, **caller) for method in ('GET', 'HEAD')
            )
            self.assertEqual(get.status, head.status, path)
            self.assertEqual(b'', head.body, path)
            for header in ('Content-Type', 'Content-Length', 'ETag'):
                self.assertEqual(get.headers.get(header), head.headers.get(header), path)

    def test_options_of_every_path(self) -> None:
        paths = {self.path(name): self.allowed(name.split()[1]) for name in self.routes}
        for path in ('/', '/v1', '/v2', '/healthcheck'):
            paths[path] = 'GET, HEAD, OPTIONS'
        for path, allowed in paths.items():
            for ending in ('', '/'):
                answer = send(self.webtest, 'OPTIONS', path + ending)
                self.assertEqual(200, answer.status_int, path)
                self.assertEqual(allowed, answer.headers['Allow'], path)
                self.assertEqual(b'', answer.body)
                self.assertEqual('0', answer.headers['Content-Length'])
                self.assertNotIn('Content-Type', answer.headers)
                self.assert_request_id(answer)

    def test_options_of_no_path(self) -> None:
        for path in ('/nothing', '/jobs/a/b', '/jobs/%FF', '/jobs/j1/event/x'):
            self.assert_error(send(self.webtest, 'OPTIONS', self.path(f'GET {path}')), 404)
        for path in ('/v3', '/v2/p1', '/v1/p1/jobs'):
            self.assert_error(send(self.webtest, 'OPTIONS', path), 404)

    def test_methods_that_a_path_does_not_have(self) -> None:
        for path in sorted({name.split()[1] for name in self.routes}):
            for method in ('GET', 'POST', 'PUT', 'PATCH', 'DELETE', 'TRACE', 'BREW', 'get'):
                if f'{method} {path}' not in self.routes:
                    answer = send(self.webtest, method, self.path(f'{method} {path}'))
                    self.assert_error(answer, 405)
                    self.assertEqual(self.allowed(path), answer.headers['Allow'])
        self.check_untouched('405')
        self.finish()


class RoutingTest(routes.RouteTestCase, DiscoveryCase):
    @base.only('v2')
    def test_unknown_paths(self) -> None:
        for path in (
            *('/v3', '/v', '/v2/p1', '/v2/p1/', '/v2/p1/nothing', '/v2/p1/Jobs', '/v22/p1/jobs'),
            *('/v2/p1/jobs/j1/event/x', '/v2/p1/jobs/j1/nothing', '/v2/p1/sessions/s1/jobs'),
            *('/v2//jobs', '//v2/p1/jobs', '/v2//p1/jobs', '/v2/p1//jobs', '/v2/p1/jobs//j1'),
            *('/v1/nothing', '/v1/p1', '/v1/p1/jobs', '/v1//jobs', '//v1/jobs', '/v1/Jobs', '/v1/%FF'),
            *('/V1/jobs', '/v11/jobs', '/v1.json', '/v1/jobs.json', '/v1jobs', '/v1/jobs//j1'),
            *('/v1/jobs/j1/event/x', '/v1/jobs/j1/nothing', '/v1/sessions/s1/jobs'),
            *('/V2/p1/jobs', '/v2/p1/jobs.json', '/index.html', '/v2.json', '/robots.txt', '/%FF'),
        ):
            for method in ('GET', 'POST', 'DELETE', 'BREW'):
                self.assert_error(self.raw(method, path), 404)

    def raw(self, method: str, path: str, body: bytes = b'', **environ: Any) -> Any:
        return send(
            self.webtest,
            method,
            path,
            body,
            HTTP_X_USER_ID='alice',
            HTTP_X_PROJECT_ID='p1',
            HTTP_X_ROLES='member',
            **environ,
        )

    def test_slashes_at_the_end_mean_nothing(self) -> None:
        for name, samples in self.routes.items():
            for slashes in ('/', '///'):
                answer = self.send_route(name, samples[0].content, slashes)
                self.check(name, answer, samples[0].status)
                self.restore()
        self.finish()

    def send_route(self, name: str, body: bytes, ending: str) -> Any:
        return self.raw(name.split()[0], self.path(name) + ending, body)

    def test_a_parameter_does_not_change_the_method(self) -> None:
        path = self.path('GET /jobs/j1')
        for query in ('_method=DELETE', '_method=PATCH&_method=DELETE', 'method=delete'):
            for method, status in (('GET', 200), ('POST', 400)):
                answer = self.raw(method, f'{path}?{query}')
                self.assertEqual(status, answer.status_int)
        for header in ('HTTP_X_HTTP_METHOD_OVERRIDE', 'HTTP_X_METHOD_OVERRIDE'):
            self.assertEqual(400, self.raw('POST', path, **{header: 'DELETE'}).status_int)
        body = b'_method=DELETE'
        environ = {'CONTENT_TYPE': 'application/x-www-form-urlencoded'}
        self.assert_error(self.raw('POST', path, body, **environ), 400)
        self.assertEqual(self.stored, self.rows())

    def test_names_in_the_code_are_no_paths(self) -> None:
        names = ('get_all', 'get', 'post', 'delete', 'find', 'routes', 'collection', 'authorize')
        for name in (*names, '__class__', '__init__', '_lookup', '_default', 'index', 'children'):
            for collection in root.COLLECTIONS:
                path = self.path(f'GET /{collection}/{name}')
                self.assert_error(self.raw('GET', path), 404)
                self.assert_error(self.raw('GET', f'{path}/{name}'), 404)
            self.assert_error(self.raw('GET', self.path(f'GET /{name}')), 404)
            self.assert_error(self.raw('GET', f'/{name}'), 404)
            path = self.path(f'GET /jobs/j1/{name}')
            self.assert_error(self.raw('POST', path, b'{"start": null}'), 404)

    def test_client_ids_that_look_like_file_names(self) -> None:
        for client_id in ('web01.json', 'web01.html', 'web01.tar.gz', 'index.txt', 'p1_db.xml'):
            self.api.post(self.url('clients'), json={'client_id': client_id})
            answer = self.api.get(self.url('clients', client_id))
            self.assertEqual(client_id, answer.json['client']['client_id'])
            self.assertEqual('application/json', answer.headers['Content-Type'])
            self.api.delete(self.url('clients', client_id), status=204)
            self.api.get(self.url('clients', client_id), status=404)

    def test_content_type_of_requests_means_nothing(self) -> None:
        for kind in ('text/plain', 'application/x-www-form-urlencoded', 'multipart/form-data', ''):
            body = b'{"client_id": "web05"}'
            answer = self.raw('POST', self.path('GET /clients'), body, CONTENT_TYPE=kind)
            self.assertEqual(201, answer.status_int, kind)

    def test_accept(self) -> None:
        for accept in ('application/json', '*/*', 'application/*', '', 'text/html, */*;q=0.1'):
            answer = self.raw('GET', self.path('GET /jobs'), HTTP_ACCEPT=accept)
            self.assertEqual(200, answer.status_int, accept)
        for accept in ('text/html', 'application/json-home', 'application/json;q=0', 'text/*'):
            for route, samples in self.routes.items():
                path = self.path(route)
                answer = self.raw(route.split()[0], path, samples[0].content, HTTP_ACCEPT=accept)
                self.assert_error(answer, 406)
        # Unreadable headers are as good as none.
        for accept in ('x', ';;;', '/', '\xff'):
            answer = self.raw('GET', self.path('GET /jobs'), HTTP_ACCEPT=accept)
            self.assertLess(answer.status_int, 500)
        self.assertEqual(self.stored, self.rows())

    def test_body_without_a_length_is_read(self) -> None:
        """As servers hand on a body in chunks."""
        body = json.dumps({'client_id': 'web07'}).encode()
        environ = {'HTTP_TRANSFER_ENCODING': 'chunked', 'wsgi.input_terminated': True}
        answer = self.chunked('POST', self.path('GET /clients'), body, **environ)
        self.assertEqual(201, answer.status_int, answer.text)
        self.api.get(self.url('clients', 'web07'))
        answer = self.chunked('POST', self.path('GET /clients'), b'{', **environ)
        self.assert_error(answer, 400)
        stored = self.rows()
        body = json.dumps({'client_id': 'web08', 'free': 'x' * 1024 * 1024}).encode()
        self.assert_error(self.chunked('POST', self.path('GET /clients'), body, **environ), 413)
        self.assertEqual(stored, self.rows())

    def test_body_in_chunks_that_the_server_does_not_hand_on_is_refused(self) -> None:
        body = json.dumps({'client_id': 'web07', 'match': [{'client_id': 'web08'}]}).encode()
        for method in ('GET', 'POST'):
            answer = self.chunked(
                method, self.path('GET /clients'), body, HTTP_TRANSFER_ENCODING='chunked'
            )
            self.assert_error(answer, 411)
        self.assertEqual(self.stored, self.rows())

    def test_body_that_a_proxy_took_out_of_chunks_is_read(self) -> None:
        body = json.dumps({'client_id': 'web07'}).encode()
        headers = {'X-Project-Id': 'p1', 'X-Roles': 'member', 'Transfer-Encoding': 'chunked'}
        request = webtest.TestRequest.blank(
            self.path('GET /clients'), method='POST', environ=dict(LOCAL), headers=headers, body=body
        )
        answer = self.webtest.do_request(request, status='*', expect_errors=True)
        self.assertEqual(201, answer.status_int, answer.text)
        self.api.get(self.url('clients', 'web07'))

    def test_body_that_ends_too_early_is_an_error_of_the_caller(self) -> None:
        environ = {'HTTP_TRANSFER_ENCODING': 'chunked', 'wsgi.input_terminated': True}
        path = self.path('GET /clients')
        # Of older servers, and of gunicorn 27.
        for error in (OSError('Invalid chunk size'), InvalidChunkSize(b'ZZ')):
            self.assert_error(self.chunked('POST', path, BrokenInput(error), **environ), 400)
        request = webtest.TestRequest.blank(path, method='POST', environ=dict(LOCAL))
        request.headers.update({'X-Project-Id': 'p1', 'X-Roles': 'member'})
        request.environ.update({'CONTENT_LENGTH': '100', 'wsgi.input': io.BytesIO(b'{}')})
        answer = self.webtest.do_request(request, status='*', expect_errors=True)
        self.assert_error(answer, 400)

    def test_bodies_are_read_without_files(self) -> None:
        """A full disk is no fault of the caller."""
        self.useFixture(fixtures.MonkeyPatch('tempfile.TemporaryFile', None))
        document = {'client_id': 'web07', 'free': 'x' * 200_000}
        request = webtest.TestRequest.blank(self.path('GET /clients'), method='POST', environ=dict(LOCAL))
        request.headers.update({'X-Project-Id': 'p1', 'X-Roles': 'member'})
        body = json.dumps(document).encode()
        request.environ.update({'CONTENT_LENGTH': str(len(body)), 'wsgi.input': io.BytesIO(body)})
        answer = self.webtest.do_request(request, status='*', expect_errors=True)
        self.assertEqual(201, answer.status_int, answer.text)

    def chunked(self, method: str, path: str, body: bytes | io.RawIOBase, **environ: Any) -> Any:
        request = webtest.TestRequest.blank('/', method=method, environ={**LOCAL, **environ})
        request.environ.update(
            PATH_INFO=path,
            HTTP_X_PROJECT_ID='p1',
            HTTP_X_ROLES='member',
            **{'wsgi.input': io.BytesIO(body) if isinstance(body, bytes) else body},
        )
        request.environ.pop('CONTENT_LENGTH', None)
        return self.webtest.do_request(request, status='*', expect_errors=True)


class RequestIdTest(DiscoveryCase):
    def test_every_answer_has_an_id_of_its_own(self) -> None:
        answers = [
            self.send(method, path, **environ)
            for method, path, environ in (
                ('GET', '/', {}),
                ('GET', '/v2', {}),
                ('GET', '/healthcheck', {}),
                ('GET', '/v2/demo/jobs', {}),
                ('GET', '/v2/demo/jobs/absent', {}),
                ('GET', '/v2/demo/jobs', {'HTTP_X_ROLES': 'none'}),
                ('GET', '/v2/demo/jobs', {'HTTP_ACCEPT': 'text/html'}),
                ('GET', '/nothing', {}),
                ('PUT', '/v2/demo/jobs', {}),
                ('OPTIONS', '/v2/demo/jobs', {}),
                ('DELETE', '/v2/demo/jobs/absent', {}),
                ('GET', '/v2/demo/jobs', {'REMOTE_ADDR': '192.0.2.1'}),
                ('POST', '/v2/demo/jobs', {'CONTENT_LENGTH': str(2**40)}),
            )
        ]
        for answer in answers:
            self.assert_request_id(answer)
        ids = {answer.headers['x-openstack-request-id'] for answer in answers}
        self.assertEqual(len(answers), len(ids))

    def test_id_of_the_caller_is_kept(self) -> None:
        given = 'req-4a1c0f2e-0000-4000-8000-0123456789ab'
        for sent, expected in (
            (given, given),
            (given[4:], given),
            ('req-nightly.1', 'req-nightly.1'),
            ('nightly_1', 'req-nightly_1'),
        ):
            for path in ('/', '/v2/demo/jobs', '/v2/demo/jobs/absent', '/nothing'):
                answer = self.send('GET', path, HTTP_X_OPENSTACK_REQUEST_ID=sent)
                self.assert_request_id(answer)
                self.assertEqual(expected, answer.headers['x-openstack-request-id'])

    def test_id_that_could_not_stand_in_a_log_is_not_kept(self) -> None:
        for sent in ('two words', 'a\tb', 'x' * 300, 'ü', '<b>', '', '\xa0', 'a"b', 'a,b', '%0A'):
            answer = self.send('GET', '/v2/demo/jobs', HTTP_X_OPENSTACK_REQUEST_ID=sent)
            self.assert_request_id(answer)
            self.assertRegex(
                answer.headers['x-openstack-request-id'], r'\Areq-[0-9a-f]{8}(-[0-9a-f]{4}){3}-'
            )


class NoAuthTest(DiscoveryCase):
    def test_identity_has_defaults(self) -> None:
        self.send('POST', '/v2/demo/clients', b'{"client_id": "web01"}')
        answer = self.send('GET', '/v2/demo/clients/web01')
        self.assertEqual('demo', answer.json['project_id'])
        self.assertEqual('demo', answer.json['user_id'])
        # The default roles are an admin's.
        self.assertEqual(200, self.send('GET', '/v2/other/jobs').status_int)

    def test_headers_say_who_calls(self) -> None:
        environ = {
            'HTTP_X_USER_ID': 'alice',
            'HTTP_X_PROJECT_ID': 'p1',
            'HTTP_X_ROLES': 'member',
        }
        self.send('POST', '/v2/p1/clients', b'{"client_id": "web01"}', **environ)
        answer = self.send('GET', '/v2/p1/clients/web01')
        self.assertEqual('alice', answer.json['user_id'])
        self.assert_error(self.send('GET', '/v2/demo/jobs', **environ), 403)

    def test_callers_on_other_hosts_are_refused(self) -> None:
        for address in ('192.0.2.1', '10.0.0.1', '0.0.0.0', '::', '2001:db8::1', '', 'x', 'unix:'):
            for method in ('GET', 'POST', 'DELETE'):
                self.assert_error(self.send(method, '/v2/demo/jobs', REMOTE_ADDR=address), 403)
        for address in ('127.0.0.1', '127.8.8.8', '::1'):
            answer = self.send('GET', '/v2/demo/jobs', REMOTE_ADDR=address)
            self.assertEqual(200, answer.status_int)

    def test_callers_behind_a_proxy_are_refused(self) -> None:
        """A proxy on this host would let everybody in, and its headers can be made up."""
        parsing = self.configure(oslo_middleware__enable_proxy_headers_parsing=True)
        for application in (self.webtest, parsing):
            for address in ('127.0.0.1', '192.0.2.1'):
                for header in ('HTTP_X_FORWARDED_FOR', 'HTTP_FORWARDED'):
                    for value in ('127.0.0.1', 'for=127.0.0.1', '192.0.2.1', 'for=192.0.2.1'):
                        environ = {'REMOTE_ADDR': address, header: value}
                        answer = send(application, 'GET', '/v2/demo/jobs', **environ)
                        self.assert_error(answer, 403)

    def test_ids_that_no_keystone_gives_are_refused(self) -> None:
        for header in ('HTTP_X_USER_ID', 'HTTP_X_PROJECT_ID'):
            for value in ('x' * 65, 'x' * 300, 'a b', '\xfc', 'a\tb'):
                body = b'{"client_id": "web01"}'
                answer = self.send('POST', '/v2/demo/clients', body, **{header: value})
                self.assert_error(answer, 400)
        for value in ('x' * 300, '\xfc', ',,,', ' admin ', 'a' * 10000):
            answer = self.send('GET', '/v2/demo/jobs', HTTP_X_ROLES=value)
            self.assertIn(answer.status_int, (200, 403))


class KeystoneTest(DiscoveryCase):
    def setUp(self) -> None:
        super().setUp()
        self.application = self.configure(
            'keystone', keystone_authtoken__www_authenticate_uri='https://keystone.example/v3'
        )

    def test_discovery_needs_no_token(self) -> None:
        for path, status in (('/', 300), ('/v1', 200), ('/v2', 200), ('/healthcheck', 200)):
            answer = send(self.application, 'GET', path)
            self.assertEqual(status, answer.status_int)
            self.assert_request_id(answer)

    def test_keystone_that_is_away_says_when_to_come_back(self) -> None:
        application = self.configure(
            'keystone',
            keystone_authtoken__auth_type='password',
            keystone_authtoken__auth_url='http://127.0.0.1:1',
            keystone_authtoken__http_request_max_retries=0,
        )
        answer = send(application, 'GET', '/v2/p1/jobs', HTTP_X_AUTH_TOKEN='x')
        self.assert_error(answer, 503)
        self.assertEqual('1', answer.headers['Retry-After'])

    def test_everything_else_needs_a_token(self) -> None:
        for method, path in (
            ('GET', '/v1/jobs'),
            ('POST', '/v1/backups/'),
            ('GET', '/v2/p1/jobs'),
            ('GET', '/v2/p1/jobs/'),
            ('POST', '/v2/p1/jobs'),
            ('DELETE', '/v2/p1/clients/web01'),
            ('HEAD', '/v2/p1/nothing'),
            ('GET', '/nothing'),
            ('GET', '/v2/%FF'),
            ('GET', '/v2/p1/..'),
        ):
            answer = send(self.application, method, path)
            if method == 'HEAD':
                self.assertEqual(401, answer.status_int)
                continue
            self.assert_error(answer, 401)
            self.assertIn('WWW-Authenticate', answer.headers)

    def test_headers_do_not_make_an_identity(self) -> None:
        answer = send(
            self.application,
            'GET',
            '/v2/p1/jobs',
            HTTP_X_USER_ID='alice',
            HTTP_X_PROJECT_ID='p1',
            HTTP_X_ROLES='admin',
            HTTP_X_IDENTITY_STATUS='Confirmed',
        )
        self.assert_error(answer, 401)

    def test_a_service_without_a_keystone_fails_in_our_form(self) -> None:
        self.assert_error(send(self.configure('keystone'), 'GET', '/v2/p1/jobs'), 500)
        self.assertIn('MissingAuthPlugin', self.log.output)

    def test_shared_cache_without_its_client_is_an_error_at_the_start(self) -> None:
        servers = {'keystone_authtoken__memcached_servers': '127.0.0.1:11211'}
        self.useFixture(fixtures.MonkeyPatch('sys.modules', {**sys.modules, 'memcache': None}))
        error = self.assertRaises(RuntimeError, self.configure, 'keystone', **servers)
        self.assertIn('freezer-api[memcached]', str(error))

    def test_size_is_limited_before_anything_else(self) -> None:
        body = b'x' * (1024 * 1024 + 1)
        self.assert_error(send(self.application, 'POST', '/v2/p1/jobs', body), 413)


class CrossOriginTest(DiscoveryCase):
    ORIGIN = 'https://dashboard.example'

    def preflight(self, application: Any, origin: str, method: str = 'PATCH') -> Any:
        return send(
            application,
            'OPTIONS',
            '/v2/p1/jobs/j1',
            HTTP_ORIGIN=origin,
            HTTP_ACCESS_CONTROL_REQUEST_METHOD=method,
            HTTP_ACCESS_CONTROL_REQUEST_HEADERS='X-Auth-Token,If-Match',
        )

    def test_preflight(self) -> None:
        for strategy in ('noauth', 'keystone'):
            application = self.configure(strategy, cors__allowed_origin=self.ORIGIN)
            answer = self.preflight(application, self.ORIGIN)
            self.assertEqual(200, answer.status_int)
            self.assertEqual(b'', answer.body)
            self.assertEqual(self.ORIGIN, answer.headers['Access-Control-Allow-Origin'])
            self.assertEqual('PATCH', answer.headers['Access-Control-Allow-Methods'])
            self.assertEqual(
                'X-Auth-Token,If-Match', answer.headers['Access-Control-Allow-Headers']
            )
            self.assert_request_id(answer)
            answer = self.preflight(application, 'https://other.example')
            self.assertNotIn('Access-Control-Allow-Origin', answer.headers)

    def test_answers_to_an_allowed_origin(self) -> None:
        application = self.configure(cors__allowed_origin=self.ORIGIN)
        for path in ('/', '/v2/demo/jobs', '/v2/demo/jobs/absent', '/nothing'):
            answer = send(application, 'GET', path, HTTP_ORIGIN=self.ORIGIN)
            self.assertEqual(self.ORIGIN, answer.headers['Access-Control-Allow-Origin'])
            self.assertIn('ETag', answer.headers['Access-Control-Expose-Headers'])
            self.assert_request_id(answer)
            answer = send(application, 'GET', path, HTTP_ORIGIN='https://other.example')
            self.assertNotIn('Access-Control-Allow-Origin', answer.headers)

    def test_no_origin_is_allowed_unless_configured(self) -> None:
        answer = self.preflight(self.webtest, self.ORIGIN)
        self.assertEqual(200, answer.status_int)
        self.assertNotIn('Access-Control-Allow-Origin', answer.headers)
