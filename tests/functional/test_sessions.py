# SPDX-License-Identifier: Apache-2.0
"""Sessions: what is stored, merged, refused and shown."""

from tests.functional.sessions import SessionsTestCase


class DocumentTest(SessionsTestCase):
    def test_new_session_shows_all_its_keys(self) -> None:
        session_id = self.new_session(
            description='nightly', schedule={'schedule_interval': '1 days'}, free=[{'key': None}]
        )
        expected = {
            'session_id': session_id,
            **self.owner(),
            'description': 'nightly',
            'session_tag': 0,
            'hold_off': 30,
            'status': 'active',
            'result': None,
            'time_start': -1,
            'time_end': -1,
            'time_started': -1,
            'time_ended': -1,
            'schedule': {'schedule_interval': '1 days'},
            'jobs': {},
            'free': [{'key': None}],
        }
        shown = self.session(session_id)
        self.assertEqual(expected, {key: shown.get(key) for key in expected})
        self.assertEqual({'sessions': [shown]}, self.api.get(self.url('sessions')).json)

    def test_what_the_caller_says_of_owner_state_and_jobs_is_not_taken(self) -> None:
        session_id = self.new_session(
            session_id='mine', user_id='eve', project_id='p9', status='completed', jobs=['x']
        )
        self.assertNotEqual('mine', session_id)
        shown = self.session(session_id)
        self.assertLessEqual(self.owner().items(), shown.items())
        self.assertEqual(('active', {}), (shown['status'], shown['jobs']))

    def test_jobs_is_an_object_whatever_was_sent(self) -> None:
        self.new_job('j1')
        for jobs in ({}, [], None, 'text', ['j1'], {'j1': {}}, {'missing': {}}):
            with self.subTest(jobs):
                session_id = self.new_session(jobs=jobs)
                self.assertEqual({}, self.session(session_id)['jobs'])
        for document in self.api.get(self.url('sessions')).json['sessions']:
            self.assertEqual({}, document['jobs'])

    def test_schedule_is_required(self) -> None:
        for body in ({}, {'description': 'x'}, {'schedule': None}, {'schedule': []}):
            with self.subTest(body):
                self.api.post(self.url('sessions'), json=body, status=400)
        self.assertEqual([], self.api.get(self.url('sessions')).json['sessions'])

    def test_patch_merges(self) -> None:
        session_id = self.new_session(
            description='old',
            schedule={'schedule_interval': '1 days', 'schedule_date': '2030-01-01T00:00:00'},
            free={'a': 1, 'b': 2},
        )
        before = self.session(session_id)
        changes = {
            'description': 'new',
            'schedule': {'schedule_interval': '2 days', 'schedule_date': None},
            'free': {'b': 3},
            'more': True,
        }
        answer = self.api.patch(self.url('sessions', session_id), json=changes, status=200)
        self.assertEqual({'session_id': session_id, 'version': 2}, answer.json)
        expected = {
            **before,
            'description': 'new',
            'schedule': {'schedule_interval': '2 days'},
            'free': {'a': 1, 'b': 3},
            'more': True,
        }
        self.assertEqual(expected, self.session(session_id))

    def test_patch_leaves_what_the_service_owns(self) -> None:
        session_id = self.new_session()
        before = self.session(session_id)
        changes = {'session_id': 'x', 'user_id': 'eve', 'project_id': 'p9', '_version': 7}
        self.api.patch(self.url('sessions', session_id), json=changes, status=200)
        self.assertEqual(before, self.session(session_id))

    def test_patch_with_a_shown_document_changes_nothing(self) -> None:
        session_id = self.new_session(description='x', schedule={'schedule_hour': '3'}, free=1)
        self.attach(session_id, self.new_job('j1'))
        self.start(session_id, 'j1', 0)
        stored = self.rows()
        self.api.patch(self.url('sessions', session_id), json=self.session(session_id), status=200)
        self.assertEqual(stored, self.rows())

    def test_replace_takes_the_place_of_everything(self) -> None:
        session_id = self.new_session(description='old', free=1, hold_off=5)
        document = {'session_tag': 4, 'schedule': {'schedule_hour': '3'}}
        answer = self.api.post(self.url('sessions', session_id), json=document, status=201)
        self.assertEqual({'session_id': session_id, 'version': 2}, answer.json)
        shown = self.session(session_id)
        self.assertEqual(
            (None, 4, 30, {'schedule_hour': '3'}, 'alice'),
            tuple(
                shown[key]
                for key in ('description', 'session_tag', 'hold_off', 'schedule', 'user_id')
            ),
        )
        self.assertNotIn('free', shown)

    def test_replace_needs_a_tag(self) -> None:
        self.api.post(self.url('sessions', 'mine'), json={'schedule': {}}, status=400)
        self.api.get(self.url('sessions', 'mine'), status=404)

    def test_sessions_of_another_project_are_not_there(self) -> None:
        session_id = self.new_session()
        self.new_job('j1')
        bob = self.as_(user='bob', project='p2')
        stored = self.rows()
        action = {'start': {'job_id': 'j1', 'current_tag': 0}}
        for method, segments, options, status in (
            ('GET', (), {}, 404),
            ('PATCH', (), {'json': {'description': 'x'}}, 404),
            ('DELETE', (), {}, self.deleted_nothing),
            ('POST', ('action',), {'json': action}, 404),
            ('PUT', ('jobs', 'j1'), {}, 404),
            ('DELETE', ('jobs', 'j1'), {}, 404),
        ):
            with self.subTest(method=method, segments=segments):
                path = bob.url('sessions', session_id, *segments)
                bob.request(method, path, status=status, **options)
        self.assertEqual(stored, self.rows())

    def test_session_ids_are_names_inside_a_project(self) -> None:
        self.put_session('same', description='ours')
        bob = self.as_(user='bob', project='p2')
        theirs = {'schedule': {}, 'session_tag': 0, 'description': 'theirs'}
        bob.post(bob.url('sessions', 'same'), json=theirs, status=201)
        bob.delete(bob.url('sessions', 'same'), status=204)
        self.assertEqual('ours', self.session('same')['description'])

    def test_deleted_id_is_free_again(self) -> None:
        self.put_session('mine', description='first')
        for status in (204, self.deleted_nothing):
            self.api.delete(self.url('sessions', 'mine'), status=status)
        self.api.get(self.url('sessions', 'mine'), status=404)
        self.put_session('mine')
        self.assertIsNone(self.session('mine')['description'])

    def test_sessions_are_found_by_their_keys(self) -> None:
        plain = self.new_session(description='plain', hold_off=5)
        nightly = self.new_session(schedule={'schedule_interval': '1 days'}, free='here')
        for match, expected in (
            ({'description': 'plain'}, [plain]),
            ({'hold_off': 5}, [plain]),
            ({'status': 'active'}, [plain, nightly]),
            ({'schedule_interval': '1 days'}, [nightly]),
            ({'schedule.schedule_interval': '1 days'}, [nightly]),
            ({'free': 'here'}, [nightly]),
            ({'session_id': plain}, [plain]),
            ({'_all': nightly}, [nightly]),
            ({'_all': 'PLAI'}, [plain]),
            ({'description': 'other'}, []),
        ):
            with self.subTest(match):
                found = self.api.get(self.url('sessions'), json={'match': [match]}).json
                self.assertEqual(expected, [s['session_id'] for s in found['sessions']])
