# SPDX-License-Identifier: Apache-2.0
"""Each request that changes something, or tries to, leaves one record of who did what."""

import json
import logging
from pathlib import Path
from typing import Any, ClassVar

import fixtures
import webtest
from keystonemiddleware import audit as cadf
from keystonemiddleware import opts as auth_options
from oslo_config import cfg
from oslo_context import context as oslo_context
from oslo_messaging.notify import _impl_test
from sqlalchemy import event

from freezer_api.api import app as api_app
from tests import base, routes
from tests.routes import ROUTES

MAP = Path(__file__).parent.parent.parent / 'etc' / 'freezer' / 'api_audit_map.conf'
SECRET = 'hunter2'


class Records(logging.Handler):
    """Collects what is logged, and whom oslo.log names before each line: user and request."""

    def __init__(self) -> None:
        super().__init__()
        self.lines: list[str] = []
        self.named: list[tuple[str | None, str | None]] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(record.getMessage())
        current = oslo_context.get_current()
        self.named.append((current.user_id, current.request_id))


class AuditCase(routes.RouteTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.records = Records()
        logger = logging.getLogger('freezer_api.audit')
        logger.addHandler(self.records)
        self.addCleanup(logger.removeHandler, self.records)

    def take(self) -> list[dict[str, Any]]:
        """The records since the last time."""
        lines, self.records.lines = self.records.lines, []
        for line in lines:
            self.assertEqual(1, len(line.splitlines()))
        return [json.loads(line) for line in lines]

    def changing(self) -> dict[str, str]:
        """The routes that change something, with their rules."""
        served = {name: route.rule for name, route in routes.served(self.api_version)}
        return {name: rule for name, rule in served.items() if not name.startswith('GET')}


class AuditTest(AuditCase):
    def test_log_names_the_caller_and_the_request_of_each_line(self) -> None:
        name = 'POST /actions'
        body = ROUTES[name][0].content
        sent = [(user, self.send(name, body, api=self.as_(user))) for user in ('alice', 'bob')]
        # Refused before anybody knows who asks.
        sent.append((None, self.send(name, b'x' * (2**20 + 1))))
        expected = [(user, answer.headers['x-openstack-request-id']) for user, answer in sent]
        self.assertEqual(expected, self.records.named)

    def check_record(
        self, case: str, name: str, answer: webtest.TestResponse, **expected: Any
    ) -> None:
        """Exactly one record, that fits the answer."""
        records = self.take()
        places = {place[1:-1] for place in routes.places(name)}
        wanted = {
            'user_id': 'alice',
            'user_project_id': 'p1',
            'project_id': 'p1',
            'action': self.changing()[name],
            'request_id': answer.headers['x-openstack-request-id'],
            'outcome': answer.status_int,
            **expected,
        }
        if len(records) != 1:
            self.wrong.append(f'{case}: {len(records)} records')
            return
        ids = records[0].pop('ids')
        if records[0] != wanted:
            self.wrong.append(f'{case}: {records[0]} instead of {wanted}')
        if not places <= set(ids):
            self.wrong.append(f'{case}: the ids are {ids}')

    def test_every_route_that_changes_something_succeeds(self) -> None:
        for name in self.changing():
            for sample in ROUTES[name]:
                answer = self.send(name, sample.content)
                self.check(name, answer, sample.status)
                self.check_record(name, name, answer)
                self.restore()
        self.finish()

    def test_every_route_that_changes_something_is_refused(self) -> None:
        for name in self.changing():
            body = ROUTES[name][0].content
            reader = self.as_('rita', roles='reader')
            answer = self.send(name, body, api=reader)
            self.check(name, answer, 403)
            self.check_record(f'{name} for a reader', name, answer, user_id='rita')
            if body:
                answer = self.send(name, b'{')
                self.check(name, answer, 400)
                self.check_record(f'{name} with half a body', name, answer)
            answer = self.send(name, b'x' * (2**20 + 1))
            self.check(name, answer, 413)
            unknown = None if self.api_version == 'v1' else 'p1'
            nobody = {'user_id': None, 'user_project_id': None, 'project_id': unknown}
            self.check_record(f'{name} with too much', name, answer, **nobody)
            place = routes.places(name)[-1:]
            if place and self.missing(name):
                answer = self.send(name, body, self.path(name, **{place[0]: 'absent'}))
                self.check_record(f'{name} of nothing', name, answer)
            self.restore()
        self.finish()

    def test_a_failure_of_the_server_is_an_outcome(self) -> None:
        self.useFixture(fixtures.MonkeyPatch('freezer_api.db.jobs.delete', None))
        answer = self.send('DELETE /jobs/{job_id}')
        self.assertEqual(500, answer.status_int)
        self.check_record('500', 'DELETE /jobs/{job_id}', answer)
        self.finish()

    def test_callers_without_a_token_leave_a_record(self) -> None:
        self.webtest = webtest.TestApp(self.protected())
        unknown = None if self.api_version == 'v1' else 'p1'
        nobody = {'user_id': None, 'user_project_id': None, 'project_id': unknown}
        for name in self.changing():
            answer = self.send(name, ROUTES[name][0].content)
            self.check(name, answer, 401)
            self.check_record(name, name, answer, **nobody)
        self.finish()

    def protected(self) -> Any:
        """The service, which asks a Keystone that is not there."""
        conf = base.new_conf(self.database.url, auth_strategy='keystone')
        for group, opts in auth_options.list_auth_token_opts():
            conf.register_opts(opts, group=group)
        conf.set_override('www_authenticate_uri', 'http://127.0.0.1:1', 'keystone_authtoken')
        application = api_app.build(conf)
        self.addCleanup(application.database.dispose)
        return application

    def test_conflicts_leave_a_record(self) -> None:
        """409 and 412, by every route that answers so."""
        stale = {'If-Match': '"99"'}
        for name in self.changing():
            method = name.split()[0]
            content = ROUTES[name][0].body
            options: dict[str, Any] = {} if content is None else {'json': content}
            if name in ('POST /actions', 'POST /jobs') and self.api_version == 'v2':
                key = name.removeprefix('POST /').removesuffix('s') + '_id'
                options['json'] = {**content, key: self.ids[f'{{{key}}}']}
                answer = self.api.request(method, self.path(name), **options, status=409)
                self.check_record(f'{name} of what is there', name, answer)
            elif len(routes.places(name)) == 1 and name.endswith('_id}') and 'client' not in name:
                answer = self.api.request(
                    method, self.path(name), headers=stale, **options, status=412
                )
                self.check_record(f'{name} of another version', name, answer)
        self.finish()

    def test_failures_of_the_database_leave_a_record(self) -> None:
        application = self.build_app()

        def fail(cursor: Any, statement: str, parameters: Any, context: Any) -> None:
            raise ValueError

        for engine in application.database.engines:
            event.listen(engine, 'do_execute', fail)
        self.webtest = webtest.TestApp(application, {'REMOTE_ADDR': '127.0.0.1'})
        for name in self.changing():
            answer = self.send(name, ROUTES[name][0].content)
            self.check_record(name, name, answer)
            self.assertEqual(500, answer.status_int, name)
        self.finish()

    @base.only('v2')
    def test_the_project_of_the_rows_and_that_of_the_caller(self) -> None:
        admin = self.as_('root', 'p9', 'admin')
        answer = self.send('DELETE /jobs/{job_id}', api=admin)
        self.assertEqual(204, answer.status_int)
        expected = {'user_id': 'root', 'user_project_id': 'p9'}
        self.check_record('admin', 'DELETE /jobs/{job_id}', answer, **expected)
        self.finish()

    def test_ids_of_what_was_created(self) -> None:
        for collection in ('actions', 'backups', 'clients', 'jobs', 'sessions'):
            name = f'POST /{collection}'
            answer = self.send(name, ROUTES[name][0].content)
            key = f'{collection.removesuffix("s")}_id'
            self.assertEqual([{key: answer.json[key]}], [record['ids'] for record in self.take()])

    def test_ids_of_the_path(self) -> None:
        self.send('PUT /sessions/{session_id}/jobs/{job_id}')
        self.assertEqual({'session_id': 's1', 'job_id': 'j1'}, self.take()[0]['ids'])

    def test_ids_are_as_long_as_ids_can_be(self) -> None:
        self.send('DELETE /jobs/{job_id}', path=self.path('DELETE /jobs/{job_id}', **{'{job_id}': 'x' * 4000}))
        self.assertEqual('x' * 320, self.take()[0]['ids']['job_id'])

    def test_reading_and_what_nothing_answers_leave_no_record(self) -> None:
        for name in self.routes:
            if name.startswith('GET'):
                self.send(name)
        for method in ('POST', 'PUT', 'PATCH', 'DELETE'):
            self.send(f'{method} /nothing', path='/v2/p1/nothing')
            self.send(f'{method} /', path='/v2/%FF')
        self.send('PUT /jobs/{job_id}')
        self.assertEqual([], self.take())

    def test_no_record_holds_anything_of_a_document(self) -> None:
        body = json.loads(json.dumps(ROUTES['POST /jobs'][0].body))
        body['description'] = body['job_actions'][0]['freezer_action']['ssh_password'] = SECRET
        for document in (body, {**body, SECRET: 1}, [SECRET]):
            self.send('POST /jobs', json.dumps(document).encode())
            self.send('PATCH /jobs/{job_id}', json.dumps(document).encode())
        self.assertEqual(6, len(self.records.lines))
        self.assertNotIn(SECRET, ''.join(self.records.lines))


class EventsTest(AuditCase):
    """Events in the format of CADF, which keystonemiddleware makes."""

    OPTIONS: ClassVar = {'audit.enabled': True, 'audit.map_file': str(MAP)}

    def setUp(self) -> None:
        super().setUp()
        _impl_test.reset()
        self.addCleanup(_impl_test.reset)

    def enable(self, bus: bool = True, **options: Any) -> None:
        """Let the requests of the test be answered by a service that sends events.

        :param bus: by oslo.messaging, else to the log
        """
        conf = base.new_conf(self.database.url, **self.OPTIONS, **options)
        for group, opts in cadf.list_opts():
            conf.register_opts(opts, group=group)
        conf.set_override('driver', 'test', group=cadf.AUDIT_MIDDLEWARE_GROUP)
        conf.set_override('use_oslo_messaging', bus, group=cadf.AUDIT_MIDDLEWARE_GROUP)
        conf.set_override('transport_url', 'fake:/', group=cadf.AUDIT_MIDDLEWARE_GROUP)
        application = api_app.build(conf)
        self.addCleanup(application.database.dispose)
        self.webtest = webtest.TestApp(application, {'REMOTE_ADDR': '127.0.0.1'})
        self.levels = dict(item.split('=') for item in conf.default_log_levels)

    def events(self) -> list[dict[str, Any]]:
        """The events since the last time."""
        sent = [message for _, message, _, _ in _impl_test.NOTIFICATIONS]
        _impl_test.reset()
        return sent

    def test_every_route_that_changes_something_sends_two_events(self) -> None:
        self.enable()
        for name in self.changing():
            answer = self.send(name, ROUTES[name][0].content)
            self.check(name, answer, ROUTES[name][0].status)
            self.restore()
            events = self.events()
            types = [event['event_type'] for event in events]
            self.assertEqual(['audit.http.request', 'audit.http.response'], types, name)
            payload = events[1]['payload']
            self.assertEqual('success', payload['outcome'], name)
            self.assertEqual('alice', payload['initiator']['id'])
            self.assertEqual('p1', payload['initiator']['project_id'])
            self.assertEqual(
                answer.headers['x-openstack-request-id'], payload['initiator']['request_id']
            )
            verb = payload['action'].split('/')[0]
            verbs = {'DELETE': 'delete', 'PATCH': 'update', 'PUT': 'update'}
            wanted = verbs.get(name.split()[0]) or ('update' if routes.places(name) else 'create')
            self.assertEqual(wanted, verb, name)
        self.finish()

    def test_a_refusal_is_an_event(self) -> None:
        self.enable()
        self.send('DELETE /jobs/{job_id}', api=self.as_('rita', roles='reader'))
        payload = self.events()[1]['payload']
        self.assertEqual('failure', payload['outcome'])
        self.assertEqual('403', payload['reason']['reasonCode'])

    def test_documents_are_in_no_event(self) -> None:
        self.enable(**{'audit.ignored_methods': []})
        # Searches may be in the query.
        self.send('GET /jobs', query=f'match=[{{"description":"{SECRET}"}}]')
        for name in ('POST /jobs/{job_id}/event', 'POST /sessions/{session_id}/action'):
            self.send(name, json.dumps({SECRET: {SECRET: SECRET}}).encode())
        self.send('POST /jobs', json.dumps({'description': SECRET}).encode())
        events = self.events()
        self.assertEqual(8, len(events))
        self.assertNotIn(SECRET, repr(events))

    def test_tokens_are_in_no_event(self) -> None:
        self.enable()
        tokens = dict.fromkeys(('X-Auth-Token', 'X-Service-Token'), 'QZXWV' * 40)
        api = self.client_of(self.webtest.app)
        api.delete(self.path('DELETE /jobs/{job_id}'), headers=tokens, status=204)
        events = self.events()
        self.assertEqual(2, len(events))
        self.assertNotIn('QZXW', repr(events))
        self.assertNotIn('ZXWV', repr(events))

    def test_events_go_to_the_log_if_there_is_no_bus(self) -> None:
        self.enable(bus=False)
        heard = Records()
        # As oslo.log sets them.
        for name in ('keystonemiddleware', 'keystonemiddleware.audit'):
            logger = logging.getLogger(name)
            self.addCleanup(logger.setLevel, logger.level)
            logger.setLevel(self.levels.get(name, 'NOTSET').replace('WARN', 'WARNING'))
            logger.addHandler(heard)
            self.addCleanup(logger.removeHandler, heard)
        self.send('DELETE /jobs/{job_id}')
        kinds = {line.split(',')[0] for line in heard.lines}
        self.assertIn('Event type: audit.http.request', kinds)
        self.assertIn('Event type: audit.http.response', kinds)

    def test_reading_sends_events_only_if_wanted(self) -> None:
        self.enable()
        self.send('GET /jobs')
        self.assertEqual([], self.events())
        self.enable(**{'audit.ignored_methods': []})
        self.send('GET /jobs')
        self.assertEqual(2, len(self.events()))

    def test_paths_that_nothing_answers_stay_errors_of_the_caller(self) -> None:
        self.enable()
        for path in ('/v2/%FF', '/v2/p1/jobs/%FF', '/nothing'):
            answer = self.send('POST /', path=path)
            self.check(path, answer, 404)
        self.assertEqual([], self.events())
        self.finish()

    def test_a_map_comes_with_the_service(self) -> None:
        for name in ('api_audit_map.conf', ''):
            self.build_app(**{'audit.enabled': True, 'audit.map_file': name})

    def test_a_map_that_is_not_there_is_an_error_at_the_start(self) -> None:
        options = {'audit.enabled': True, 'audit.map_file': '/nowhere/map.conf'}
        conf = base.new_conf(self.database.url, **options)
        self.assertRaises(cfg.ConfigFilesNotFoundError, api_app.build, conf)
