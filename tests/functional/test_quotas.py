# SPDX-License-Identifier: Apache-2.0
"""Projects get no more than Keystone allows them, whoever creates it, by which route and how many at once."""

import threading
from collections import Counter
from collections.abc import Callable, Iterable
from concurrent import futures
from typing import Any

import fixtures
import webtest
from oslo_limit import fixture

from tests import base

HOST = 'p1_host'
DEFINITION = {'action': 'backup', 'mode': 'fs', 'path_to_backup': '/srv'}
ENTRY = {'freezer_action': DEFINITION}
RESOURCES = ('actions', 'backups', 'clients', 'jobs', 'sessions')

BODIES: dict[str, dict[str, Any]] = {
    'actions': ENTRY,
    'backups': {'backup_name': 'www', 'container': 'vault', 'hostname': 'web01'},
    'jobs': {'client_id': HOST, 'job_actions': []},
    'sessions': {'schedule': {}},
}


class QuotasTest(base.ApiTestCase):
    versions = ('v1', 'v2')

    def setUp(self) -> None:
        super().setUp()
        self.api.post(self.url('clients'), json={'client_id': HOST})
        # The service with quotas; the one of self.api has none.
        self.limited = self.client_of(self.build_app(**{'quotas.enabled': True}))

    def allow(self, project: dict[str, int] | None = None, **registered: int) -> None:
        """Let Keystone have registered limits, -1 where nothing is said, and limits of project p1."""
        limits = {**dict.fromkeys(RESOURCES, -1), **registered}
        self.useFixture(fixture.LimitFixture(limits, {'p1': project or {}}))

    def assert_over(self, answer: webtest.TestResponse, resource: str, limit: int) -> None:
        self.assertEqual(413, answer.status_int)
        self.assertEqual(413, answer.json['code'])
        self.assertIn(f'limit of {limit} on "{resource}"', answer.json['description'])

    def create(self, collection: str, number: int = 0) -> webtest.TestResponse:
        body = BODIES.get(collection) or {'client_id': f'new{number}'}
        return self.limited.post(self.url(collection), json=body, status='*')

    def count(self, collection: str) -> int:
        return len(self.rows()[collection])

    # --- the limit ------------------------------------------------------------------------------

    def test_each_resource_has_its_limit(self) -> None:
        self.allow(actions=2, backups=2, clients=3, jobs=2, sessions=2)
        for collection in RESOURCES:
            for number in range(2):
                self.assertEqual(201, self.create(collection, number).status_int, collection)
            before = self.rows()
            answer = self.create(collection, 2)
            self.assert_over(answer, collection, 3 if collection == 'clients' else 2)
            self.assertEqual(before, self.rows())

    def test_the_limit_of_the_project_wins_over_the_registered_one(self) -> None:
        self.allow({'backups': 2}, backups=0)
        self.assertEqual([201, 201, 413], [self.create('backups').status_int for _ in range(3)])

    def test_others_have_a_limit_of_their_own(self) -> None:
        self.allow(backups=1)
        self.assertEqual([201, 413], [self.create('backups').status_int for _ in range(2)])
        other = base.Client(self.limited.app, 'bob', 'p2', version=self.api_version)
        other.post(other.url('backups'), json=BODIES['backups'], status=201)

    def test_what_has_no_registered_limit_cannot_be_created(self) -> None:
        self.useFixture(fixture.LimitFixture({'jobs': 1}, {}))
        self.assert_over(self.create('backups'), 'backups', 0)

    def test_deletion_makes_room(self) -> None:
        self.allow(sessions=1)
        session_id = self.create('sessions').json['session_id']
        self.assertEqual(413, self.create('sessions').status_int)
        self.limited.delete(self.url('sessions', session_id), status=204)
        self.assertEqual(201, self.create('sessions').status_int)

    def test_what_is_there_counts_and_stays_when_the_limit_is_lower(self) -> None:
        for _ in range(3):
            self.api.post(self.url('jobs'), json={**BODIES['jobs'], 'job_actions': [ENTRY]})
        self.allow(jobs=1, actions=1, clients=0)
        self.assert_over(self.create('jobs'), 'jobs', 1)
        job = self.limited.get(self.url('jobs')).json['jobs'][0]
        self.limited.patch(self.url('jobs', job['job_id']), json={'description': 'x'}, status=200)
        self.limited.patch(self.url('jobs', job['job_id']), json=job, status=200)
        self.limited.post(self.url('clients'), json={'client_id': HOST}, status=201)

    # --- the ways to create ---------------------------------------------------------------------

    def test_actions_that_a_job_brings_count(self) -> None:
        self.allow(actions=3)
        body = {**BODIES['jobs'], 'job_actions': [ENTRY, ENTRY]}
        self.limited.post(self.url('jobs'), json=body, status=201)
        before = self.rows()
        answer = self.limited.post(self.url('jobs'), json=body, status='*')
        self.assert_over(answer, 'actions', 3)
        self.assertEqual(before, self.rows())

    def test_actions_that_a_change_of_a_job_brings_count(self) -> None:
        self.allow(actions=1)
        job_id = self.create('jobs').json['job_id']
        path = self.url('jobs', job_id)
        self.limited.patch(path, json={'job_actions': [ENTRY]}, status=200)
        for method in ('PATCH', 'POST'):
            times = {'time_created': 1, 'time_started': -1, 'time_ended': -1}
            body = {'client_id': HOST, 'job_schedule': times, 'job_actions': [ENTRY, ENTRY]}
            answer = self.limited.request(method, path, json=body, status='*')
            self.assert_over(answer, 'actions', 1)
        self.assertEqual(1, self.count('actions'))

    def test_creation_by_an_id_counts_and_replacement_does_not(self) -> None:
        self.allow(actions=1, jobs=1, sessions=1)
        times = {'time_created': 1, 'time_started': -1, 'time_ended': -1}
        bodies = {
            'actions': ENTRY,
            'jobs': {**BODIES['jobs'], 'job_schedule': times},
            'sessions': {'schedule': {}, 'session_tag': 0, 'hold_off': 1},
        }
        for collection, body in bodies.items():
            for _ in range(2):
                self.limited.post(self.url(collection, 'a'), json=body, status=201)
            answer = self.limited.post(self.url(collection, 'b'), json=body, status='*')
            self.assert_over(answer, collection, 1)

    # --- Keystone -------------------------------------------------------------------------------

    def test_no_limit_is_asked_for_within_a_transaction_or_for_reading(self) -> None:
        self.allow()
        asked: list[int] = []

        def limits(quotas: Any, project_id: str, resources: Iterable[str]) -> dict[str, int]:
            asked.append(len(sent))
            return dict.fromkeys(resources, 1)

        self.useFixture(fixtures.MonkeyPatch('freezer_api.quotas.Quotas.limits', limits))
        with self.count_statements() as sent:
            self.limited.get(self.url('backups'))
            sent.clear()
            self.create('backups')
        self.assertEqual([0], asked)

    def test_a_limit_is_used_for_a_while(self) -> None:
        limits = self.useFixture(fixture.LimitFixture(dict.fromkeys(RESOURCES, 5), {}))
        for _ in range(3):
            self.create('backups')
        self.assertEqual(1, limits.mock_conn.registered_limits.call_count)
        always = self.client_of(
            self.build_app(**{'quotas.enabled': True, 'quotas.cache_time': 0})
        )
        limits.reglimits = dict.fromkeys(RESOURCES, 3)
        always.post(self.url('backups'), json=BODIES['backups'], status=413)

    def test_keystone_that_cannot_tell_is_no_permission(self) -> None:
        limits = self.useFixture(fixture.LimitFixture({}, {}))
        limits.mock_conn.limits.side_effect = ValueError('no route to hunter2')
        with self.assertLogs('freezer_api.quotas') as heard:
            answer = self.create('backups')
        self.assertIn('ValueError', heard.output[0])
        self.assertNotIn('hunter2', heard.output[0])
        self.assertEqual(503, answer.status_int)
        self.assertNotIn('hunter2', answer.text)
        self.assertEqual(0, self.count('backups'))
        # What creates nothing goes on.
        self.limited.get(self.url('backups'), status=200)

    # --- cost -----------------------------------------------------------------------------------

    def test_no_statement_where_there_is_no_limit(self) -> None:
        self.allow()
        for collection in ('actions', 'backups', 'jobs', 'sessions'):
            counts = []
            for api in (self.api, self.limited):
                with self.count_statements() as statements:
                    api.post(self.url(collection), json=BODIES[collection], status=201)
                counts.append(len(statements))
            self.assertEqual(counts[0], counts[1], collection)

    def test_a_limit_takes_three_statements(self) -> None:
        self.allow(backups=5)
        for _ in range(2):
            with self.count_statements() as statements:
                self.create('backups')
            self.assertEqual(4, len(statements), statements)

    # --- at once --------------------------------------------------------------------------------

    def at_once(self, calls: Iterable[Callable[[], webtest.TestResponse]]) -> dict[int, int]:
        """Make all calls at the same moment; return how many had which status."""
        calls = list(calls)
        barrier = threading.Barrier(len(calls))

        def run(call: Callable[[], webtest.TestResponse]) -> int:
            barrier.wait()
            return int(call().status_int)

        with futures.ThreadPoolExecutor(len(calls)) as pool:
            return dict(Counter(f.result() for f in [pool.submit(run, call) for call in calls]))

    @base.only('v2')
    def test_many_at_once_get_no_more_than_the_limit(self) -> None:
        self.allow(actions=5, backups=5, clients=6, jobs=5, sessions=5)
        # Two servers.
        second = self.client_of(self.build_app(**{'quotas.enabled': True}))
        for collection in RESOURCES:
            calls = []
            for number in range(20):
                api = (self.limited, second)[number % 2]
                body = BODIES.get(collection) or {'client_id': f'new{number}'}
                path = self.url(collection)

                def call(api: base.Client = api, path: str = path, body: Any = body) -> Any:
                    return api.post(path, json=body, status='*')

                calls.append(call)
            self.assertEqual({201: 5, 413: 15}, self.at_once(calls), collection)

    @base.only('v2')
    def test_actions_of_jobs_and_of_the_catalogue_at_once(self) -> None:
        self.allow(actions=10)
        job = {**BODIES['jobs'], 'job_actions': [ENTRY] * 3}
        calls: list[Callable[[], webtest.TestResponse]] = []
        for _ in range(8):
            calls.append(lambda: self.limited.post(self.url('jobs'), json=job, status='*'))
            calls.append(lambda: self.create('actions'))
        statuses = self.at_once(calls)
        self.assertEqual({201, 413}, set(statuses))
        # At the end there may be room for a single one, while those that were left brought three.
        self.assertIn(self.count('actions'), (8, 9, 10))
