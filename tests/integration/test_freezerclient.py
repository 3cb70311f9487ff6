# SPDX-License-Identifier: Apache-2.0
"""The published client library, python-freezerclient, drives a running service."""

from typing import Any

from tests.integration import server
from tests.integration.server import OWN

OTHER = 'demo_host-2'

# Every call that the managers of the library have.
CALLS = frozenset(
    {
        'actions.create',
        'actions.delete',
        'actions.get',
        'actions.list',
        'actions.update',
        'backups.create',
        'backups.delete',
        'backups.get',
        'backups.list',
        'backups.update',
        'clients.create',
        'clients.delete',
        'clients.get',
        'clients.list',
        'jobs.abort_job',
        'jobs.create',
        'jobs.delete',
        'jobs.get',
        'jobs.list',
        'jobs.list_all',
        'jobs.start_job',
        'jobs.stop_job',
        'jobs.update',
        'sessions.add_job',
        'sessions.create',
        'sessions.delete',
        'sessions.end_session',
        'sessions.get',
        'sessions.list',
        'sessions.list_all',
        'sessions.remove_job',
        'sessions.start_session',
        'sessions.update',
    }
)
# Methods that the base class has but their resource has not: they raise without a request.
NOT_IMPLEMENTED = frozenset({'clients.update'})

DEFINITION = {'action': 'backup', 'mode': 'fs', 'backup_name': 'www', 'path_to_backup': '/srv'}


class FreezerclientTest(server.LibraryTestCase):
    def call(self, name: str, *args: Any, **kwargs: Any) -> Any:
        self.assertIn(name, CALLS)
        return self.library.call(name, *args, **kwargs)

    def refused(self, status_code: int, name: str, *args: Any, **kwargs: Any) -> str:
        """The text of the library's exception, which must be of this status."""
        error = self.assertRaises(server.ClientError, self.call, name, *args, **kwargs)
        self.assertEqual(status_code, error.status_code, str(error))
        return str(error)

    def register(self, client_id: str = OWN, **keys: Any) -> None:
        document = {'client_id': client_id, 'hostname': 'host', **keys}
        self.assertEqual(client_id, self.call('clients.create', document))

    def new_job(self, **keys: Any) -> str:
        job_id: str = self.call(
            'jobs.create', {'job_actions': [{'freezer_action': DEFINITION}], **keys}
        )
        return job_id

    def new_backup(self, name: str, time_stamp: int = 1, **keys: Any) -> str:
        metadata = {
            'backup_name': name,
            'container': 'vault',
            'hostname': 'web',
            'time_stamp': time_stamp,
            'curr_backup_level': 0,
        }
        backup_id: str = self.call('backups.create', {**metadata, **keys})
        return backup_id

    def test_every_call_of_the_library_is_known_here(self) -> None:
        calls = {name for name in self.library.call('calls') if name not in NOT_IMPLEMENTED}
        self.assertEqual(CALLS, calls)

    def test_endpoint_may_include_version_and_project(self) -> None:
        self.register()
        library = server.library(f'{self.endpoint}/v2/demo/', OWN)
        self.assertEqual(OWN, library.call('clients.get', OWN)['client']['client_id'])

    # --- what all resources have in common ------------------------------------------------------

    def test_missing_ids_are_none(self) -> None:
        for resource in ('actions', 'backups', 'clients', 'jobs', 'sessions'):
            with self.subTest(resource):
                self.assertIsNone(self.call(f'{resource}.get', 'missing'))

    def test_empty_collections_are_empty_lists(self) -> None:
        self.register()
        self.call('clients.delete', OWN)
        for resource in ('actions', 'backups', 'clients', 'jobs', 'sessions'):
            with self.subTest(resource):
                self.assertEqual([], self.call(f'{resource}.list'))

    def test_deleting_what_is_not_there_is_fine_except_for_backups(self) -> None:
        for resource in ('actions', 'clients', 'jobs', 'sessions'):
            with self.subTest(resource):
                self.assertIsNone(self.call(f'{resource}.delete', 'missing'))
        self.refused(404, 'backups.delete', 'missing')

    def test_errors_show_the_description_of_the_answer(self) -> None:
        self.register()
        for status_code, name, args, words in (
            (400, 'actions.create', [{}], 'freezer_action'),
            (400, 'backups.create', [{'backup_name': 'www', 'hostname': 'web'}], 'container'),
            (400, 'clients.create', [{'client_id': 'not a host'}], 'client_id'),
            (400, 'jobs.create', [{'job_actions': None}], 'job_actions'),
            (400, 'sessions.create', [{}], 'schedule'),
            (422, 'jobs.create', [{'job_actions': [], 'client_id': OTHER}], 'not registered'),
            (404, 'actions.update', ['missing', {}], 'no such action'),
            (404, 'backups.update', ['missing', {'a': 1}], 'no such backup'),
            (404, 'jobs.update', ['missing', {}], 'no such job'),
            (404, 'sessions.update', ['missing', {}], 'no such session'),
            (404, 'jobs.start_job', ['missing'], 'no such job'),
            (404, 'sessions.start_session', ['missing', 'missing', 0], 'no such session'),
            (404, 'sessions.end_session', ['missing', 'j', 0, 'success'], 'no such session'),
            (404, 'sessions.add_job', ['missing', 'missing'], 'no such session'),
            (400, 'actions.list', [0], 'limit'),
        ):
            with self.subTest(name=name, status_code=status_code):
                text = self.refused(status_code, name, *args)
                self.assertStartsWith(f'[*] Error {status_code}: ', text)
                self.assertIn(words, text)

    def assertStartsWith(self, expected: str, text: str) -> None:  # noqa: N802  # as unittest's own
        self.assertEqual(expected, text[: len(expected)])

    # --- clients --------------------------------------------------------------------------------

    def test_client_is_registered_shown_found_and_deleted(self) -> None:
        self.register(description='the first', uuid='uuid-1', supported_modes=['fs', 'mysql'])
        self.register(OTHER)
        shown = self.call('clients.get', OWN)
        self.assertEqual('demo', shown['project_id'])
        self.assertEqual('demo', shown['user_id'])
        expected = {
            'client_id': OWN,
            'hostname': 'host',
            'uuid': 'uuid-1',
            'description': 'the first',
            'is_central': False,
            'supported_modes': ['fs', 'mysql'],
        }
        self.assertEqual(expected, {key: shown['client'][key] for key in expected})

        found = self.call('clients.list', search={'match': [{'_all': 'uuid-1'}]})
        self.assertEqual([shown], found)
        ids = [client['client']['client_id'] for client in self.call('clients.list', limit=100)]
        self.assertEqual([OWN, OTHER], ids)

        self.assertIsNone(self.call('clients.delete', OWN))
        self.assertIsNone(self.call('clients.get', OWN))
        self.assertIsNotNone(self.call('clients.get', OTHER))

    def test_registering_again_succeeds(self) -> None:
        self.register(description='before')
        self.register(description='after')
        self.assertEqual('after', self.call('clients.get', OWN)['client']['description'])

    # --- actions --------------------------------------------------------------------------------

    def test_action_is_created_shown_changed_and_deleted(self) -> None:
        action_id = self.call(
            'actions.create',
            {'freezer_action': DEFINITION, 'max_retries': 2, 'max_retries_interval': 30},
        )
        expected = {
            'action_id': action_id,
            'project_id': 'demo',
            'user_id': 'demo',
            'freezer_action': DEFINITION,
            'max_retries': 2,
            'max_retries_interval': 30,
            'mandatory': False,
        }
        shown = self.call('actions.get', action_id)
        self.assertEqual(expected, {key: shown[key] for key in expected})

        version = self.call('actions.update', action_id, {'freezer_action': {'mode': 'mysql'}})
        self.assertEqual(2, version)
        shown = self.call('actions.get', action_id)
        self.assertEqual({**DEFINITION, 'mode': 'mysql'}, shown['freezer_action'])
        self.assertEqual(2, shown['max_retries'])

        self.assertIsNone(self.call('actions.delete', action_id))
        self.assertIsNone(self.call('actions.get', action_id))

    def test_action_with_an_id_goes_to_that_id(self) -> None:
        document = {'freezer_action': DEFINITION, 'action_id': 'mine'}
        self.assertEqual('mine', self.call('actions.create', document))
        # Once more: it replaces.
        self.assertEqual('mine', self.call('actions.create', {**document, 'mandatory': True}))
        self.assertIs(True, self.call('actions.get', 'mine')['mandatory'])

    def test_actions_are_listed_by_page_and_by_search(self) -> None:
        for number in range(12):
            definition = {**DEFINITION, 'backup_name': f'name-{number}'}
            self.call('actions.create', {'action_id': f'a{number}', 'freezer_action': definition})
        for expected, options in (
            (list(range(10)), {}),
            (list(range(12)), {'limit': 100}),
            ([5, 6], {'limit': 2, 'offset': 5}),
            ([10, 11], {'offset': 10}),
            ([], {'offset': 12}),
            ([3], {'search': {'match': [{'backup_name': 'name-3'}]}}),
            ([11], {'search': {'match': [{'_all': 'name-11'}]}}),
            ([0, 1, 3], {'limit': 3, 'search': {'match_not': [{'action_id': 'a2'}]}}),
        ):
            with self.subTest(options):
                found = self.call('actions.list', **options)
                self.assertEqual(
                    [f'a{number}' for number in expected], [a['action_id'] for a in found]
                )

    # --- jobs -----------------------------------------------------------------------------------

    def test_job_is_created_for_the_own_client_shown_changed_and_deleted(self) -> None:
        self.register()
        job_id = self.new_job(description='nightly', job_schedule={'schedule_interval': '1 days'})
        shown = self.call('jobs.get', job_id)
        self.assertEqual(
            (job_id, OWN, 'demo', 'demo', 'nightly', '', 0),
            tuple(
                shown[key]
                for key in (
                    'job_id',
                    'client_id',
                    'user_id',
                    'project_id',
                    'description',
                    'session_id',
                    'session_tag',
                )
            ),
        )
        self.assertEqual([DEFINITION], [entry['freezer_action'] for entry in shown['job_actions']])
        schedule = shown['job_schedule']
        self.assertEqual('1 days', schedule['schedule_interval'])
        self.assertEqual(('', '', ''), tuple(schedule[k] for k in ('event', 'status', 'result')))

        changes = {'description': 'weekly', 'job_schedule': {'schedule_interval': '7 days'}}
        self.assertEqual(2, self.call('jobs.update', job_id, changes))
        shown = self.call('jobs.get', job_id)
        self.assertEqual('weekly', shown['description'])
        self.assertEqual({**schedule, 'schedule_interval': '7 days'}, shown['job_schedule'])

        self.assertIsNone(self.call('jobs.delete', job_id))
        self.assertIsNone(self.call('jobs.get', job_id))

    def test_job_with_an_id_goes_to_that_id(self) -> None:
        self.register()
        self.assertEqual('mine', self.new_job(job_id='mine'))
        self.assertEqual('mine', self.new_job(job_id='mine', description='replaced'))
        self.assertEqual('replaced', self.call('jobs.get', 'mine')['description'])

    def test_jobs_are_listed_by_client_search_and_project(self) -> None:
        self.register()
        self.register(OTHER)
        for job_id, client_id, status in (
            ('own-1', OWN, 'completed'),
            ('other-1', OTHER, 'scheduled'),
            ('own-2', OWN, 'scheduled'),
        ):
            self.new_job(job_id=job_id, client_id=client_id, job_schedule={'status': status})
        stranger = self.as_(user='bob', project='p2')
        stranger.post(stranger.v2('clients'), json={'client_id': OWN})
        stranger.post(
            stranger.v2('jobs'), json={'job_id': 'theirs', 'client_id': OWN, 'job_actions': []}
        )
        poll = {'match_not': [{'status': 'completed'}]}
        for expected, name, options in (
            ('own-1 own-2', 'jobs.list', {}),
            ('other-1', 'jobs.list', {'client_id': OTHER}),
            ('', 'jobs.list', {'client_id': 'demo_nobody'}),
            ('own-2', 'jobs.list', {'search': poll}),
            ('own-2', 'jobs.list', {'offset': 1}),
            ('own-1', 'jobs.list', {'search': {'match': [{'_all': 'own-1'}]}}),
            ('', 'jobs.list', {'search': {'match': [{'_all': 'other-1'}]}}),
            ('own-1 own-2 theirs', 'jobs.list', {'all_projects': True}),
            ('own-1 other-1 own-2', 'jobs.list_all', {}),
            ('own-1 other-1 own-2', 'jobs.list_all', {'limit': 100, 'offset': 0}),
            ('other-1', 'jobs.list_all', {'limit': 1, 'offset': 1}),
            ('other-1 own-2', 'jobs.list_all', {'search': poll}),
            ('own-1 other-1 own-2 theirs', 'jobs.list_all', {'all_projects': True}),
        ):
            with self.subTest(name=name, options=options):
                found = self.call(name, **options)
                self.assertEqual(expected.split(), [job['job_id'] for job in found])

    def test_job_is_started_stopped_and_aborted(self) -> None:
        self.register()
        job_id = self.new_job(job_schedule={'status': 'completed', 'result': 'fail'})
        for event in ('start', 'stop', 'abort'):
            with self.subTest(event):
                name = f'jobs.{event}_job'
                self.assertEqual({'result': 'success'}, self.call(name, job_id))
                self.assertEqual({'result': f'{event} already requested'}, self.call(name, job_id))
                schedule = self.call('jobs.get', job_id)['job_schedule']
                self.assertEqual(
                    (event, '', ''), tuple(schedule[key] for key in ('event', 'status', 'result'))
                )

    # --- sessions -------------------------------------------------------------------------------

    def test_session_is_created_shown_changed_and_deleted(self) -> None:
        session_id = self.call(
            'sessions.create',
            {'description': 'all hosts', 'schedule': {'schedule_interval': '1 days'}, 'jobs': []},
        )
        expected = {
            'session_id': session_id,
            'project_id': 'demo',
            'user_id': 'demo',
            'description': 'all hosts',
            'schedule': {'schedule_interval': '1 days'},
            'status': 'active',
            'session_tag': 0,
            'hold_off': 30,
            'jobs': {},
        }
        shown = self.call('sessions.get', session_id)
        self.assertEqual(expected, {key: shown[key] for key in expected})

        self.assertEqual(2, self.call('sessions.update', session_id, {'hold_off': 5}))
        self.assertEqual({**shown, 'hold_off': 5}, self.call('sessions.get', session_id))

        self.assertIsNone(self.call('sessions.delete', session_id))
        self.assertIsNone(self.call('sessions.get', session_id))

    def test_session_with_an_id_goes_to_that_id(self) -> None:
        document = {'session_id': 'mine', 'session_tag': 3, 'schedule': {}}
        self.assertEqual('mine', self.call('sessions.create', document))
        self.assertEqual(3, self.call('sessions.get', 'mine')['session_tag'])

    def test_sessions_are_listed_by_page_and_by_search(self) -> None:
        ids = [
            self.call('sessions.create', {'schedule': {}, 'description': f'number {number}'})
            for number in range(3)
        ]
        for name in ('sessions.list', 'sessions.list_all'):
            for expected, options in (
                (ids, {}),
                (ids[1:2], {'limit': 1, 'offset': 1}),
                (ids[2:], {'search': {'match': [{'_all': 'number 2'}]}}),
                (ids[:1], {'search': {'match': [{'description': 'number 0'}]}}),
            ):
                with self.subTest(name=name, options=options):
                    found = self.call(name, **options)
                    self.assertEqual(expected, [session['session_id'] for session in found])

    def test_session_runs_its_jobs(self) -> None:
        self.register()
        session_id = self.call('sessions.create', {'schedule': {}, 'hold_off': 60})
        first, second = self.new_job(), self.new_job()
        for job_id in (first, second):
            self.assertIsNone(self.call('sessions.add_job', session_id, job_id))
        self.assertEqual({first, second}, set(self.call('sessions.get', session_id)['jobs']))

        for job_id, tag, expected in (
            # The command line client sends a tag as text.
            (first, '0', {'result': 'success', 'session_tag': 1}),
            (second, 0, {'result': 'success', 'session_tag': 1}),
            (second, 1, {'result': 'hold-off', 'session_tag': 1}),
        ):
            with self.subTest(job_id=job_id, tag=tag):
                self.assertEqual(
                    expected, self.call('sessions.start_session', session_id, job_id, tag)
                )
        self.refused(400, 'sessions.start_session', session_id, first, 2)
        self.assertEqual('running', self.call('sessions.get', session_id)['status'])
        self.assertEqual(1, self.call('jobs.get', second)['session_tag'])

        for job_id in (first, second):
            self.assertEqual(
                {'result': 'success', 'session_tag': 1},
                self.call('sessions.end_session', session_id, job_id, 1, 'success'),
            )
        shown = self.call('sessions.get', session_id)
        self.assertEqual(('completed', 'success'), (shown['status'], shown['result']))
        self.assertEqual(
            {first: 'success', second: 'success'},
            {job_id: part['result'] for job_id, part in shown['jobs'].items()},
        )

    def test_jobs_leave_their_session(self) -> None:
        self.register()
        session_id = self.call('sessions.create', {'schedule': {}})
        job_id = self.new_job()
        self.call('sessions.add_job', session_id, job_id)
        self.assertEqual(session_id, self.call('jobs.get', job_id)['session_id'])

        self.assertIsNone(self.call('sessions.remove_job', session_id, job_id))
        self.assertEqual({}, self.call('sessions.get', session_id)['jobs'])
        job = self.call('jobs.get', job_id)
        self.assertEqual(('', 'stop'), (job['session_id'], job['job_schedule']['event']))
        # It is not there any more; the library would try five times.
        self.assertIsNone(self.call('sessions.remove_job', session_id, job_id))
        self.refused(404, 'sessions.remove_job', session_id, 'missing')
        self.refused(404, 'sessions.add_job', session_id, 'missing')

    # --- backups --------------------------------------------------------------------------------

    def test_backup_is_recorded_shown_and_deleted(self) -> None:
        backup_id = self.new_backup('www', always_level='', dry_run=False, files=[{'a': None}])
        shown = self.call('backups.get', backup_id)
        expected = {
            'backup_id': backup_id,
            'project_id': 'demo',
            'user_id': 'demo',
            'status': 'available',
            'backup_metadata': {
                'backup_name': 'www',
                'container': 'vault',
                'hostname': 'web',
                'time_stamp': 1,
                'curr_backup_level': 0,
                'always_level': '',
                'dry_run': False,
                'files': [{'a': None}],
            },
        }
        self.assertEqual(expected, shown)
        self.assertEqual([expected], self.call('backups.list'))
        self.assertIsNone(self.call('backups.delete', backup_id))
        self.assertIsNone(self.call('backups.get', backup_id))
        self.refused(404, 'backups.delete', backup_id)

    def test_backup_is_completed_by_flat_metadata(self) -> None:
        backup_id = self.call(
            'backups.create',
            {'backup_name': 'vm', 'status': 'creating', 'container': None, 'time_stamp': 5},
        )
        self.assertEqual('creating', self.call('backups.get', backup_id)['status'])
        # As scheduler 19.0.0 sends it.
        metadata = {'backup_name': 'vm', 'container': 'vault', 'hostname': 'web', 'job_id': 'j'}
        answer = self.call(
            'backups.update',
            backup_id,
            {**metadata, 'status': 'available', 'backup_id': backup_id},
        )
        expected = {
            'backup_id': backup_id,
            'project_id': 'demo',
            'user_id': 'demo',
            'status': 'available',
            'backup_metadata': {**metadata, 'time_stamp': 5},
        }
        self.assertEqual(expected, answer)
        self.assertEqual(expected, self.call('backups.get', backup_id))

    def test_backups_are_listed_by_page_search_and_time(self) -> None:
        ids = [self.new_backup(f'name-{number}', number * 100) for number in range(12)]
        for expected, options in (
            (ids[:10], {}),
            (ids, {'limit': 500}),
            (ids[10:], {'offset': 10}),
            (ids[4:6], {'limit': 2, 'offset': 4}),
            (ids[7:8], {'limit': 1, 'search': {'match': [{'backup_id': ids[7]}]}}),
            (ids[3:4], {'search': {'match': [{'_all': 'name-3'}]}}),
            (ids[2:5], {'search': {'time_after': 200, 'time_before': 400}}),
        ):
            with self.subTest(options):
                found = self.call('backups.list', **options)
                self.assertEqual(expected, [backup['backup_id'] for backup in found])
