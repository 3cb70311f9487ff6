# SPDX-License-Identifier: Apache-2.0
"""Many callers at once: nothing is lost, both sides of a relation agree, nobody gets an error of the server."""

import functools
import threading
from collections import Counter
from collections.abc import Callable, Iterable
from concurrent import futures
from typing import Any

import webtest

from tests import base

CLIENT = 'p1_host'
DEFINITION = {'action': 'backup', 'mode': 'fs', 'backup_name': 'www', 'path_to_backup': '/srv'}

Call = Callable[[], webtest.TestResponse]


class ConcurrencyTest(base.ApiTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.api.post(self.v2('clients'), json={'client_id': CLIENT})

    def at_once(self, calls: Iterable[Call]) -> list[webtest.TestResponse]:
        """Make all calls at the same moment, each in a thread; none may fail by the server's fault."""
        calls = list(calls)
        barrier = threading.Barrier(len(calls))

        def run(call: Call) -> webtest.TestResponse:
            barrier.wait()
            return call()

        with futures.ThreadPoolExecutor(len(calls)) as pool:
            answers = [future.result() for future in [pool.submit(run, call) for call in calls]]
        self.assertEqual([], [answer for answer in answers if answer.status_int >= 500])
        return answers

    def call(self, method: str, *segments: object, **options: Any) -> Call:
        """A call to make later."""
        path = self.v2(*segments)
        return lambda: self.api.request(method, path, status='*', **options)

    def new_job(self, job_id: str, **keys: Any) -> str:
        document = {'job_id': job_id, 'client_id': CLIENT, 'job_actions': [], **keys}
        self.api.post(self.v2('jobs'), json=document)
        return job_id

    def new_session(self, **keys: Any) -> str:
        document = {'schedule': {}, 'hold_off': 600, **keys}
        session_id: str = self.api.post(self.v2('sessions'), json=document).json['session_id']
        return session_id

    def get(self, *segments: object) -> Any:
        return self.api.get(self.v2(*segments)).json

    def statuses(self, answers: list[webtest.TestResponse]) -> dict[int, int]:
        return dict(Counter(answer.status_int for answer in answers))

    def assert_sides_agree(self, session_ids: Iterable[str], job_ids: Iterable[str]) -> None:
        """A job names the session that lists it, and no other."""
        listed = {
            job_id: session_id
            for session_id in session_ids
            for job_id in self.get('sessions', session_id)['jobs']
        }
        named = {job_id: self.get('jobs', job_id)['session_id'] for job_id in job_ids}
        self.assertEqual(listed, {job_id: name for job_id, name in named.items() if name})

    # --- runs of a session ----------------------------------------------------------------------

    def start(self, session_id: str, job_id: str, tag: int = 0) -> Call:
        action = {'start': {'job_id': job_id, 'current_tag': tag}}
        return self.call('POST', 'sessions', session_id, 'action', json=action)

    def end(self, session_id: str, job_id: str, result: str = 'success') -> Call:
        action = {'end': {'job_id': job_id, 'current_tag': 1, 'result': result}}
        return self.call('POST', 'sessions', session_id, 'action', json=action)

    def fill_session(self, number: int) -> tuple[str, list[str]]:
        session_id = self.new_session()
        job_ids = [self.new_job(f'job-{i:02}') for i in range(number)]
        for job_id in job_ids:
            self.api.put(self.v2('sessions', session_id, 'jobs', job_id))
        return session_id, job_ids

    def test_fifty_callers_start_and_then_end_a_session(self) -> None:
        session_id, job_ids = self.fill_session(50)

        started = self.at_once(self.start(session_id, job_id) for job_id in job_ids)
        self.assertEqual(
            [{'result': 'success', 'session_tag': 1}] * 50, [answer.json for answer in started]
        )
        document = self.get('sessions', session_id)
        self.assertEqual(('running', 1), (document['status'], document['session_tag']))
        self.assertEqual({'running'}, {part['status'] for part in document['jobs'].values()})
        self.assertEqual({1}, {self.get('jobs', job_id)['session_tag'] for job_id in job_ids})

        results = {job_id: 'fail' if job_id == 'job-33' else 'success' for job_id in job_ids}
        ended = self.at_once(self.end(session_id, *item) for item in results.items())
        self.assertEqual({202: 50}, self.statuses(ended))
        document = self.get('sessions', session_id)
        self.assertEqual(
            ('completed', 'fail', 1),
            (document['status'], document['result'], document['session_tag']),
        )
        self.assertEqual(
            {job_id: ('completed', result) for job_id, result in results.items()},
            {job_id: (p['status'], p['result']) for job_id, p in document['jobs'].items()},
        )

    def test_fifty_callers_each_start_and_end_a_session(self) -> None:
        session_id, job_ids = self.fill_session(50)

        def run(job_id: str) -> Call:
            start, end = self.start(session_id, job_id), self.end(session_id, job_id)
            return lambda: start() and end()

        self.assertEqual({202: 50}, self.statuses(self.at_once(run(job_id) for job_id in job_ids)))
        document = self.get('sessions', session_id)
        self.assertEqual(
            ('completed', 'success', 1),
            (document['status'], document['result'], document['session_tag']),
        )
        self.assertEqual(
            {('completed', 'success')},
            {(part['status'], part['result']) for part in document['jobs'].values()},
        )

    def test_jobs_deleted_at_the_end_of_a_run_do_not_keep_it_open(self) -> None:
        session_id, job_ids = self.fill_session(12)
        self.at_once(self.start(session_id, job_id) for job_id in job_ids)
        calls = [self.end(session_id, job_id) for job_id in job_ids[:6]]
        calls += [self.call('DELETE', 'jobs', job_id) for job_id in job_ids[6:]]
        self.assertEqual({202: 6, 204: 6}, self.statuses(self.at_once(calls)))
        document = self.get('sessions', session_id)
        self.assertEqual('completed', document['status'])
        self.assertEqual(job_ids[:6], list(document['jobs']))

    # --- changes of one document ----------------------------------------------------------------

    def test_parallel_patches_of_one_job_are_all_kept(self) -> None:
        self.new_job('j1')
        schedule = {f'schedule_{unit}': '1' for unit in ('month', 'day', 'week', 'hour', 'minute')}
        schedule |= {'status': 'scheduled', 'result': 'fail', 'time_started': 5, 'current_pid': 77}
        patches: list[dict[str, Any]] = [{'description': 'new'}, {'session_name': 'night'}]
        patches += [{'job_schedule': {key: value}} for key, value in schedule.items()]
        patches += [{'job_actions': [{'freezer_action': DEFINITION}]}]
        answers = self.at_once(self.call('PATCH', 'jobs', 'j1', json=patch) for patch in patches)
        self.assertEqual({200: len(patches)}, self.statuses(answers))
        # Each got a version of its own, none was left out.
        self.assertEqual(
            list(range(2, len(patches) + 2)), sorted(answer.json['version'] for answer in answers)
        )
        document = self.get('jobs', 'j1')
        self.assertEqual(('new', 'night'), (document['description'], document['session_name']))
        self.assertEqual(DEFINITION, document['job_actions'][0]['freezer_action'])
        self.assertEqual(schedule, {key: document['job_schedule'][key] for key in schedule})

    def test_parallel_patches_with_free_keys_are_all_kept(self) -> None:
        backup = {'backup_name': 'b', 'container': 'c', 'hostname': 'h'}
        for collection, document in (
            ('actions', {'freezer_action': DEFINITION}),
            ('backups', backup),
            ('sessions', {'schedule': {}}),
        ):
            with self.subTest(collection):
                answer = self.api.post(self.v2(collection), json=document).json
                (document_id,) = answer.values()
                keys = {f'key-{number}': number for number in range(20)}
                answers = self.at_once(
                    self.call('PATCH', collection, document_id, json={key: value})
                    for key, value in keys.items()
                )
                self.assertEqual({200: 20}, self.statuses(answers))
                stored = self.get(collection, document_id)
                stored = stored.get('backup_metadata', stored)
                self.assertEqual(keys, {key: stored.get(key) for key in keys})

    def test_parallel_patches_for_one_version_let_one_through(self) -> None:
        self.new_job('j1')
        answers = self.at_once(
            self.call(
                'PATCH', 'jobs', 'j1', json={'description': f'{i}'}, headers={'If-Match': '"1"'}
            )
            for i in range(10)
        )
        self.assertEqual({200: 1, 412: 9}, self.statuses(answers))
        winner = [answer.status_int for answer in answers].index(200)
        self.assertEqual(f'{winner}', self.get('jobs', 'j1')['description'])

    def test_an_event_is_not_lost_among_the_patches_of_an_agent(self) -> None:
        self.new_job('j1')
        calls = [
            self.call('PATCH', 'jobs', 'j1', json={'job_schedule': {'current_pid': number}})
            for number in range(15)
        ]
        calls.append(self.call('POST', 'jobs', 'j1', 'event', json={'stop': None}))
        self.assertEqual({200: 15, 202: 1}, self.statuses(self.at_once(calls)))
        self.assertEqual('stop', self.get('jobs', 'j1')['job_schedule']['event'])

    # --- creation and deletion ------------------------------------------------------------------

    def test_one_of_many_posts_with_one_job_id_wins(self) -> None:
        entry = {'freezer_action': DEFINITION}
        answers = self.at_once(
            self.call(
                'POST',
                'jobs',
                json={
                    'job_id': 'mine',
                    'client_id': CLIENT,
                    'description': f'{i}',
                    'job_actions': [entry, entry],
                },
            )
            for i in range(20)
        )
        self.assertEqual({201: 1, 409: 19}, self.statuses(answers))
        winner = [answer.status_int for answer in answers].index(201)
        self.assertEqual(f'{winner}', self.get('jobs', 'mine')['description'])
        # The losers left nothing behind.
        self.assertEqual(2, len(self.get('actions')['actions']))

    def test_first_posts_to_one_id_all_store_their_document(self) -> None:
        for collection, document in (
            ('actions', {'freezer_action': DEFINITION}),
            ('jobs', {'client_id': CLIENT, 'job_actions': [{'freezer_action': DEFINITION}]}),
            ('sessions', {'schedule': {}, 'session_tag': 0}),
        ):
            for attempt in range(3):
                name = f'mine-{attempt}'
                answers = self.at_once(
                    self.call('POST', collection, name, json={**document, 'description': f'{i}'})
                    for i in range(8)
                )
                self.assertEqual({201: 8}, self.statuses(answers), collection)
                versions = sorted(answer.json['version'] for answer in answers)
                self.assertEqual(list(range(1, 9)), versions, collection)

    def test_parallel_registrations_of_one_client_all_succeed(self) -> None:
        documents = [
            {'client_id': 'p1_new', 'hostname': f'host-{i}', f'key-{i}': i} for i in range(20)
        ]
        answers = self.at_once(
            self.call('POST', 'clients', json=document) for document in documents
        )
        self.assertEqual({201: 20}, self.statuses(answers))
        client = self.get('clients', 'p1_new')['client']
        self.assertEqual(
            {f'key-{i}': i for i in range(20)},
            {f'key-{i}': client.get(f'key-{i}') for i in range(20)},
        )
        self.assertEqual(2, len(self.get('clients')['clients']))

    def test_a_central_client_has_one_owner_among_many_that_register_it(self) -> None:
        admins = [self.as_(project=f'p{i}', roles='admin') for i in range(10)]
        document = {'client_id': 'central', 'is_central': True}

        def register(admin: base.Client) -> Call:
            return lambda: admin.post(admin.v2('clients'), json=document, status='*')

        answers = self.at_once(register(admin) for admin in admins)
        self.assertEqual({201: 1, 409: 9}, self.statuses(answers))
        winner = [answer.status_int for answer in answers].index(201)
        for admin in admins:
            shown = admin.get(admin.v2('clients', 'central')).json
            self.assertEqual(f'p{winner}', shown['project_id'])

    def test_a_central_client_and_another_projects_client_do_not_share_an_id(self) -> None:
        admin = self.as_(project='p0', roles='admin')
        others = [self.as_(project=f'p{i}') for i in range(1, 5)]

        def register(caller: base.Client, **document: Any) -> Call:
            return lambda: caller.post(caller.v2('clients'), json=document, status='*')

        for attempt in range(8):
            name = f'host-{attempt}'
            calls = [register(other, client_id=name) for other in others]
            calls.insert(attempt % 5, register(admin, client_id=name, is_central=True))
            answers = self.at_once(calls)
            central = answers.pop(attempt % 5).status_int
            # One of the two kinds has the id, and the other was told so.
            self.assertIn((central, self.statuses(answers)), [(201, {409: 4}), (409, {201: 4})])
            owners = {
                other.get(other.v2('clients', name)).json['project_id'] for other in others
            }
            self.assertEqual({'p0'} if central == 201 else {f'p{i}' for i in range(1, 5)}, owners)

    def test_parallel_deletions_agree(self) -> None:
        self.new_job('j1')
        document = {'backup_name': 'b', 'container': 'c', 'hostname': 'h'}
        backup_id = self.api.post(self.v2('backups'), json=document).json['backup_id']
        for collection, document_id, expected in (
            ('jobs', 'j1', {204: 8}),
            ('sessions', self.new_session(), {204: 8}),
            ('clients', CLIENT, {204: 8}),
            ('backups', backup_id, {204: 1, 404: 7}),
        ):
            with self.subTest(collection):
                answers = self.at_once([self.call('DELETE', collection, document_id)] * 8)
                self.assertEqual(expected, self.statuses(answers))
                self.assertEqual([], self.get(collection)[collection])

    def test_jobs_keep_a_definition_when_their_action_is_deleted_meanwhile(self) -> None:
        for attempt in range(3):
            action_id = f'action-{attempt}'
            action = {'action_id': action_id, 'freezer_action': DEFINITION}
            self.api.post(self.v2('actions'), json=action)
            calls = [
                self.call(
                    'POST',
                    'jobs',
                    json={
                        'job_id': f'job-{attempt}-{i}',
                        'client_id': CLIENT,
                        'job_actions': [{'action_id': action_id}],
                    },
                )
                for i in range(12)
            ]
            calls.insert(6, self.call('DELETE', 'actions', action_id))
            answers = self.at_once(calls)
            self.assertEqual(204, answers.pop(6).status_int)
            # Who comes too late refers to an action that is not there.
            self.assertEqual(set(), {answer.status_int for answer in answers} - {201, 422})
            for answer in answers:
                if answer.status_int == 201:
                    job = self.get('jobs', answer.json['job_id'])
                    self.assertEqual(
                        [(action_id, DEFINITION)],
                        [(e['action_id'], e['freezer_action']) for e in job['job_actions']],
                    )

    def test_jobs_of_v1_that_bring_one_action_at_once_share_it(self) -> None:
        """There an unknown id becomes that of a new action."""
        for attempt in range(3):
            entry = {'action_id': f'new-{attempt}', 'freezer_action': DEFINITION}
            body = {'client_id': CLIENT, 'job_actions': [entry]}
            create = functools.partial(self.api.post, self.v1('jobs'), json=body, status='*')
            answers = self.at_once([create] * 6)
            self.assertEqual({201: 6}, self.statuses(answers), attempt)
        names = [action['action_id'] for action in self.get('actions')['actions']]
        self.assertEqual(['new-0', 'new-1', 'new-2'], names)

    # --- jobs and sessions ----------------------------------------------------------------------

    def test_jobs_attached_to_one_session_at_once_are_all_in_it(self) -> None:
        session_id = self.new_session(schedule={'schedule_interval': '2 days'})
        job_ids = [self.new_job(f'job-{i}') for i in range(15)]
        answers = self.at_once(
            self.call('PUT', 'sessions', session_id, 'jobs', job_id) for job_id in job_ids
        )
        self.assertEqual({204: 15}, self.statuses(answers))
        self.assertEqual(set(job_ids), set(self.get('sessions', session_id)['jobs']))
        self.assert_sides_agree([session_id], job_ids)
        for job_id in job_ids:
            schedule = self.get('jobs', job_id)['job_schedule']
            self.assertEqual('2 days', schedule['schedule_interval'])

    def test_a_job_attached_to_many_sessions_at_once_is_in_one(self) -> None:
        self.new_job('j1')
        session_ids = [self.new_session() for _ in range(8)]
        answers = self.at_once(
            self.call('PUT', 'sessions', session_id, 'jobs', 'j1') for session_id in session_ids
        )
        self.assertEqual({204: 8}, self.statuses(answers))
        self.assertIn(self.get('jobs', 'j1')['session_id'], session_ids)
        self.assert_sides_agree(session_ids, ['j1'])

    def test_attaching_and_detaching_at_once_leaves_both_sides_equal(self) -> None:
        session_ids = [self.new_session(), self.new_session()]
        job_ids = [self.new_job(f'job-{i}') for i in range(4)]
        for attempt in range(3):
            answers = self.at_once(
                self.call(method, 'sessions', session_id, 'jobs', job_id)
                for job_id in job_ids
                for session_id in session_ids
                for method in ('PUT', 'DELETE')
            )
            self.assertEqual({204: 16}, self.statuses(answers), attempt)
            self.assert_sides_agree(session_ids, job_ids)

    def test_a_session_deleted_meanwhile_has_no_jobs(self) -> None:
        job_ids = [self.new_job(f'job-{i}') for i in range(8)]
        for attempt in range(3):
            session_id = self.new_session()
            calls = [self.call('PUT', 'sessions', session_id, 'jobs', job_id) for job_id in job_ids]
            calls.insert(4, self.call('DELETE', 'sessions', session_id))
            answers = self.at_once(calls)
            self.assertEqual(204, answers.pop(4).status_int, attempt)
            self.assertEqual(set(), {answer.status_int for answer in answers} - {204, 404})
            self.assert_sides_agree([], job_ids)
            self.assertEqual([], self.get('sessions')['sessions'])

    def test_jobs_and_their_session_deleted_at_once_are_gone(self) -> None:
        session_id, job_ids = self.fill_session(8)
        calls = [self.call('DELETE', 'jobs', job_id) for job_id in job_ids]
        calls.append(self.call('DELETE', 'sessions', session_id))
        self.assertEqual({204: 9}, self.statuses(self.at_once(calls)))
        self.assertEqual([], self.get('jobs')['jobs'])
        self.assertEqual([], self.get('sessions')['sessions'])
