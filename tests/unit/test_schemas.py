# SPDX-License-Identifier: Apache-2.0
"""What documents must look like."""

import copy
from typing import Any

import testtools

from freezer_api import exceptions
from freezer_api.schemas import actions, backups, clients, common, jobs, sessions, validation
from tests.unit.documents import Document, SchemaTestCase, entry, job, session, without

INT64 = 2**63 - 1


def scheduled(**keys: Any) -> Document:
    return job(job_schedule=keys)


def backup(**keys: Any) -> Document:
    return {'backup_name': 'www', 'container': 'vault', 'hostname': 'web01', **keys}


class JobsTest(SchemaTestCase):
    def test_good_jobs(self) -> None:
        self.passes(
            jobs.check_create,
            job(),
            job(client_id='web01'),
            job(client_id='p_1-2_a.b-c.d'),
            job(job_id='', session_id='', description=''),
            job(job_id=None, session_id=None, description=None, session_name=None),
            job(job_id='a' * 64, session_id='A-_9', session_tag=0, session_name='x'),
            job(session_tag=2**53, _version=None, user_id=None, project_id='p' * 500),
            job(_version=3, action_defaults={'a': [1]}, user_credentials={}),
            job(action_defaults=None, user_credentials=None),
            job(description='any length ' * 1000),
        )

    def test_bad_jobs(self) -> None:
        self.refused(
            jobs.check_create,
            ({}, 'missing: "client_id", "job_actions"'),
            ({'client_id': 'a'}, 'missing: "job_actions"'),
            (job(client_id=None), '"client_id" must be a host name'),
            (job(client_id=''), '"client_id"'),
            (job(client_id='a b'), '"client_id"'),
            (job(client_id='web01\n'), '"client_id"'),
            (job(client_id='caf\u00e9'), '"client_id"'),
            (job(client_id='-a'), '"client_id"'),
            (job(client_id='a' * 64), '"client_id"'),
            (job(client_id='a_' * 160 + 'b'), '"client_id"'),
            (job(client_id='a.' * 10_000 + '!'), '"client_id"'),
            (job(job_id='a' * 65), '"job_id" must be up to 64 ASCII'),
            (job(job_id='a\n'), '"job_id"'),
            (job(job_id='\u0661'), '"job_id"'),
            (job(job_id=1), '"job_id"'),
            (job(session_id='a/b'), '"session_id"'),
            (job(description=1), '"description" must be a string or null'),
            (job(session_tag=-1), '"session_tag" must be an integer from 0 to 9007199254740992'),
            (job(session_tag=2**53 + 1), '"session_tag"'),
            (job(session_tag=1.0), '"session_tag"'),
            (job(session_tag=True), '"session_tag"'),
            (job(session_tag=None), '"session_tag"'),
            (job(_version='1'), '"_version" must be an integer'),
            (job(action_defaults=[]), '"action_defaults" must be an object or null'),
            (job(user_credentials='x'), '"user_credentials"'),
            (job(project_id=1), '"project_id"'),
            (job(job_actions=None), '"job_actions" must be a list'),
            (job(job_actions={}), '"job_actions"'),
            (job(job_actions='x'), '"job_actions"'),
            (job(job_schedule=None), '"job_schedule" must be an object'),
            (job(job_schedule=[]), '"job_schedule"'),
            (job(extra=1), 'Not known here: "extra"'),
        )

    def test_good_entries(self) -> None:
        definition = {
            'action': 'restore',
            'mode': None,
            'path_to_backup': None,
            'backup_name': None,
            'container': '',
            'restore_abs_path': 'x' * 10_000,
            'cindernative_freezer_only': None,
            'hostname': False,
            'max_level': 1,
            'anything': {'deep': [None]},
        }
        self.passes(
            jobs.check_create,
            job(job_actions=[entry(), entry()]),
            job(job_actions=[{'action_id': 'a1'}]),
            job(job_actions=[entry(action_id=None), entry(action_id='')]),
            job(job_actions=[entry(max_retries=None, max_retries_interval=None, mandatory=None)]),
            job(job_actions=[entry(max_retries=0, max_retries_interval=2**31 - 1)]),
            job(job_actions=[entry(mandatory=True, version=1, user_id=None, exit_status='x')]),
            job(job_actions=[{'freezer_action': definition}]),
            *(
                job(job_actions=[{'freezer_action': {'action': action}}])
                for action in common.ACTIONS
            ),
            *(
                job(job_actions=[{'freezer_action': {'action': 'backup', 'mode': mode}}])
                for mode in common.MODES
            ),
        )

    def test_bad_entries(self) -> None:
        needs = 'must be an object with "freezer_action", or with an "action_id"'
        for bad, text in (
            (None, needs),
            ('x', needs),
            ([], needs),
            ({}, needs),
            ({'action_id': ''}, needs),
            ({'action_id': None}, needs),
            ({'action_id': 'a b'}, '"job_actions[1].action_id" must be up to 64'),
            (entry(action_id='a\n'), '.action_id"'),
            (entry(max_retries=-1), '.max_retries" must be an integer from 0 to 2147483647 or n'),
            (entry(max_retries=2**31), '.max_retries"'),
            (entry(max_retries='1'), '.max_retries"'),
            (entry(max_retries=1.0), '.max_retries"'),
            (entry(max_retries_interval=False), '.max_retries_interval"'),
            (entry(mandatory=1), '.mandatory" must be a boolean or null'),
            (entry(mandatory='true'), '.mandatory"'),
            ({'freezer_action': None, 'action_id': 'a'}, '.freezer_action" must be an object'),
            ({'freezer_action': []}, '.freezer_action"'),
            ({'freezer_action': {}}, 'missing: "job_actions[1].freezer_action.action"'),
            ({'freezer_action': {'action': 'dance'}}, 'one of "backup", "restore", "info"'),
            ({'freezer_action': {'action': None}}, '.freezer_action.action"'),
            ({'freezer_action': {'action': 'exec', 'mode': ''}}, '.mode" must be one of "fs"'),
            ({'freezer_action': {'action': 'exec', 'backup_name': {}}}, '.backup_name"'),
            ({'freezer_action': {'action': 'exec', 'container': 1}}, '.container"'),
            (
                {'freezer_action': {'action': 'exec', 'cindernative_freezer_only': 'x'}},
                '.cindernative_freezer_only"',
            ),
        ):
            with self.subTest(bad):
                error = self.assertRaises(
                    exceptions.BadRequest, jobs.check_create, job(job_actions=[entry(), bad])
                )
                self.assertIn('"job_actions[1]', error.description)
                self.assertIn(text, error.description)

    def test_good_schedules(self) -> None:
        self.passes(
            jobs.check_create,
            scheduled(),
            scheduled(event='', status='', result=''),
            scheduled(event='abort', status='aborting', result='aborted', current_pid=-1),
            scheduled(time_created=0, time_started=-1, time_ended=INT64),
            scheduled(schedule_date='2030-01-31T02:00:00.123456+05:30'),
            scheduled(
                schedule_start_date='2030-01-31T02:00:00', schedule_end_date='2031-01-01T00:00:00Z'
            ),
            scheduled(schedule_interval='continuous'),
            scheduled(schedule_interval='1 days', schedule_year='2030', schedule_month='1-3'),
            scheduled(schedule_hour='*/2', schedule_minute='', schedule_day_of_week='mon'),
        )

    def test_bad_schedules(self) -> None:
        for bad, text in (
            ({'event': None}, 'event" must be one of "", "stop", "start", "abort", "remove"'),
            ({'event': 'dance'}, 'event"'),
            ({'status': 'active'}, 'status"'),
            ({'result': 'failed'}, 'result"'),
            ({'current_pid': '1'}, 'current_pid" must be an integer'),
            ({'current_pid': None}, 'current_pid"'),
            ({'time_started': 1.0}, 'time_started"'),
            ({'time_ended': INT64 + 1}, 'time_ended"'),
            ({'schedule_date': ''}, 'schedule_date" must be a date and time like'),
            ({'schedule_date': None}, 'schedule_date"'),
            ({'schedule_start_date': '2030-01-31T02:00:00\n'}, 'schedule_start_date"'),
            ({'schedule_start_date': '2030-01-31 02:00:00'}, 'schedule_start_date"'),
            ({'schedule_end_date': '2030-13-01T02:00:00'}, 'schedule_end_date"'),
            ({'schedule_end_date': '\u0662030-01-01T02:00:00'}, 'schedule_end_date"'),
            ({'schedule_interval': ''}, 'schedule_interval" must be "continuous" or'),
            ({'schedule_interval': 'hourly'}, 'schedule_interval"'),
            ({'schedule_interval': '1 days\n'}, 'schedule_interval"'),
            ({'schedule_interval': '\u0661 days'}, 'schedule_interval"'),
            ({'schedule_year': 2030}, 'schedule_year"'),
            ({'schedule_year': '2030\n'}, 'schedule_year"'),
            ({'schedule_hour': 3}, 'schedule_hour" must be a string'),
            ({'schedule_century': '3'}, 'Not known here: "job_schedule.schedule_century"'),
        ):
            with self.subTest(bad):
                error = self.assertRaises(
                    exceptions.BadRequest, jobs.check_create, scheduled(**bad)
                )
                self.assertIn('"job_schedule.', error.description)
                self.assertIn(text, error.description)

    def test_replace_wants_a_whole_job(self) -> None:
        self.passes(jobs.check_replace, job())
        self.refused(jobs.check_replace, (without(job(), 'client_id'), '"client_id"'))


class DescriptionsTest(SchemaTestCase):
    def test_values_are_not_repeated(self) -> None:
        for document in (
            job(client_id='hunter2 !'),
            job(job_actions='hunter2'),
            job(job_actions=[{'freezer_action': {'action': 'hunter2'}}]),
            job(job_actions=[{'freezer_action': 'hunter2'}]),
            job(job_actions=['hunter2']),
            scheduled(schedule_date='hunter2'),
            job(extra='hunter2'),
        ):
            with self.subTest(document):
                error = self.assertRaises(exceptions.BadRequest, jobs.check_create, document)
                self.assertNotIn('hunter2', error.description)

    def test_unknown_keys_are_shortened_and_escaped(self) -> None:
        error = self.assertRaises(
            exceptions.BadRequest, jobs.check_create, job(**{'a\nb' + 'c' * 1000: 1})
        )
        self.assertNotIn('\n', error.description)
        self.assertIn('"a\\nbccc', error.description)
        self.assertLess(len(error.description), 120)


class ActionsTest(SchemaTestCase):
    def test_good_actions(self) -> None:
        self.passes(
            actions.check_create,
            entry(),
            entry(action_id='a-1', max_retries=5, max_retries_interval=6, mandatory=True),
            entry(action_id='', max_retries=None, max_retries_interval=None, mandatory=None),
            entry(action_id=None, user_id=1, timeout=[], action='ignored'),
            {'freezer_action': {'action': 'backup', 'hostname': False, 'schedule': None}},
        )

    def test_bad_actions(self) -> None:
        self.refused(
            actions.check_create,
            ({}, 'missing: "freezer_action"'),
            ({'action_id': 'a'}, 'missing: "freezer_action"'),
            ({'freezer_action': None}, '"freezer_action" must be an object'),
            ({'freezer_action': {}}, 'missing: "freezer_action.action"'),
            ({'freezer_action': {'action': 'nonsense'}}, '"freezer_action.action" must be one of'),
            (entry(max_retries='abc'), '"max_retries"'),
            (entry(max_retries=-1), '"max_retries"'),
            (entry(action_id='a b'), '"action_id"'),
        )

    def test_replace_obeys_the_same_rules(self) -> None:
        self.passes(actions.check_replace, entry())
        self.refused(actions.check_replace, ({}, 'missing: "freezer_action"'))


class ClientsTest(SchemaTestCase):
    def test_good_clients(self) -> None:
        self.passes(
            clients.check_create,
            {'client_id': 'p1_web01.example'},
            {'client_id': 'a' * 32 + '_' + '.'.join(['b' * 63] * 3)},
            {'client_id': 'a', 'hostname': 'web01.example', 'description': None, 'uuid': 'f' * 64},
            {'client_id': 'a', 'is_central': True, 'config_id': [1], 'project_id': None},
            {
                'client_id': 'a',
                'supported_actions': list(common.ACTIONS),
                'supported_modes': list(common.MODES),
                'supported_storages': list(common.STORAGES),
                'supported_engines': list(common.ENGINES),
            },
            {'client_id': 'a', 'supported_actions': []},
            {'client_id': 'a', 'supported_engines': ['tar'] * 100},
        )

    def test_bad_clients(self) -> None:
        for bad, text in (
            ({'client_id': 1}, '"client_id" must be a host name'),
            ({'client_id': 'a' * 300 + '_b.' + 'c' * 63}, '"client_id"'),
            ({'hostname': None}, '"hostname" must be a host name'),
            ({'hostname': ''}, '"hostname"'),
            ({'hostname': '...'}, '"hostname"'),
            ({'hostname': 'a' * 256}, '"hostname"'),
            ({'description': 5}, '"description" must be a string or null'),
            ({'uuid': ''}, '"uuid"'),
            ({'uuid': None}, '"uuid"'),
            ({'uuid': 'f' * 65}, '"uuid"'),
            ({'is_central': None}, '"is_central" must be a boolean'),
            ({'is_central': 1}, '"is_central"'),
            ({'supported_actions': None}, '"supported_actions" must be a list'),
            ({'supported_actions': ['backup', 'dance']}, '"supported_actions[1]" must be one of'),
            ({'supported_modes': ['']}, '"supported_modes[0]"'),
            ({'supported_storages': [None]}, '"supported_storages[0]"'),
            ({'supported_engines': ['tar'] * 101}, 'a list of at most 100 entries'),
        ):
            with self.subTest(bad):
                error = self.assertRaises(
                    exceptions.BadRequest, clients.check_create, {'client_id': 'a', **bad}
                )
                self.assertIn(text, error.description)

    def test_client_id_is_required(self) -> None:
        self.refused(clients.check_create, ({}, 'missing: "client_id"'))


class SessionsTest(SchemaTestCase):
    def test_good_sessions(self) -> None:
        ignored: list[Any] = [{}, [], None, 'x', {'a b': 1}]
        self.passes(
            sessions.check_create,
            session(),
            session(schedule={'schedule_interval': '2 hours'}, interval_unit='hours'),
            session(session_id='any thing', user_id=None, project_id='p', description=None),
            session(session_tag=0, hold_off=0, status='x' * 64, result=None),
            session(time_start=-1, time_end=0, time_started=1, time_ended=INT64),
            *(session(jobs=anything) for anything in ignored),
        )

    def test_bad_sessions(self) -> None:
        self.refused(
            sessions.check_create,
            ({}, 'missing: "schedule"'),
            (session(schedule=None), '"schedule" must be an object'),
            (session(schedule={'a': 1}), 'Not known here: "schedule.a"'),
            (session(schedule={'event': 'x'}), '"schedule.event" must be one of'),
            (session(session_tag='1'), '"session_tag"'),
            (session(session_tag=-1), '"session_tag"'),
            (session(hold_off=None), '"hold_off" must be an integer from 0 to'),
            (session(hold_off={}), '"hold_off"'),
            (session(status=None), '"status" must be a string of at most 64 characters'),
            (session(result='x' * 65), '"result"'),
            (session(time_start=''), '"time_start"'),
            (session(description=[]), '"description"'),
            (session(session_id=1), '"session_id"'),
        )

    def test_replace_wants_a_tag(self) -> None:
        self.passes(sessions.check_replace, session(session_tag=0))
        self.refused(sessions.check_replace, (session(), 'missing: "session_tag"'))

    def test_jobs_of_a_replaced_session(self) -> None:
        def replacement(**keys: Any) -> Document:
            return session(session_tag=1, jobs={'j1': keys})

        self.passes(
            sessions.check_replace,
            session(session_tag=1, jobs={}),
            replacement(),
            replacement(client_id='c', status='', result='', time_started='', time_ended=-1),
        )
        self.refused(
            sessions.check_replace,
            (session(session_tag=1, jobs=[]), '"jobs" must be an object'),
            (session(session_tag=1, jobs=None), '"jobs"'),
            (session(session_tag=1, jobs={'j1': None}), '"jobs.j1" must be an object'),
            (session(session_tag=1, jobs={'j1\n': {}}), 'Not known here: "jobs.j1\\n"'),
            (session(session_tag=1, jobs={'a b': {}}), 'Not known here'),
            (replacement(client_id=None), '"jobs.j1.client_id" must be a string'),
            (replacement(result='x' * 65), '"jobs.j1.result"'),
            (replacement(time_started='now'), '"jobs.j1.time_started" must be an integer'),
            (replacement(time_ended=1.0), '"jobs.j1.time_ended"'),
            (replacement(extra=1), 'Not known here: "jobs.j1.extra"'),
        )


class BackupsTest(SchemaTestCase):
    def test_good_backups(self) -> None:
        self.passes(
            backups.check_create,
            backup(),
            backup(time_stamp='1', curr_backup_level=0, backup_id=5, files=[{'a': None}]),
            backup(backup_name='x' * 5000, job_id=None),
            *(backup(status=status) for status in backups.STATUSES),
            *(
                {'backup_name': 'www', 'container': None, 'status': status}
                for status in ('creating', 'error', 'deleting')
            ),
        )

    def test_bad_backups(self) -> None:
        needs = 'must be an object with a "container" and a "hostname", unless'
        self.refused(
            backups.check_create,
            ({}, needs),
            ({'status': 'creating'}, 'missing: "backup_name"'),
            (without(backup(), 'backup_name'), 'missing: "backup_name"'),
            (backup(backup_name=''), '"backup_name" must be a string that is not empty'),
            (backup(backup_name=None), '"backup_name"'),
            (backup(backup_name=['a']), '"backup_name"'),
            (without(backup(), 'container'), needs),
            (without(backup(), 'hostname'), needs),
            (backup(hostname=None), needs),
            (backup(container=None, status='available'), needs),
            (without(backup(status='deleted'), 'hostname'), needs),
            (without(backup(status='restoring'), 'hostname'), needs),
            (backup(container=''), '"container"'),
            (backup(container='', status='creating'), '"container"'),
            (backup(hostname=5), '"hostname"'),
            (backup(status=''), '"status" must be one of "creating", "available"'),
            (backup(status=None), '"status"'),
            (backup(status=0), '"status"'),
            (backup(job_id={}), '"job_id"'),
        )

    def test_good_patches(self) -> None:
        self.passes(
            backups.check_update,
            {'status': 'restoring'},
            {'backup_metadata': {}},
            {'backup_metadata': {'container': None, 'status': 5}, 'status': 'available'},
            {'status': 'available', 'container': '', 'hostname': None, 'backup_id': 'b'},
            {'time_stamp': 1},
        )

    def test_bad_patches(self) -> None:
        self.refused(
            backups.check_update,
            ({}, 'must name something'),
            ({'status': None}, '"status" must be one of'),
            ({'status': 'done', 'container': 'x'}, '"status"'),
            ({'backup_metadata': None}, '"backup_metadata" must be an object'),
            ({'backup_metadata': []}, '"backup_metadata"'),
        )


class BuildingBlocksTest(testtools.TestCase):
    def test_partial_requires_nothing_that_a_patch_merges(self) -> None:
        schema: Document = {
            'type': 'object',
            'required': ['a', 'b'],
            'properties': {
                'a': {'type': 'object', 'required': ['x'], 'properties': {}},
                'b': {'type': 'array', 'items': {'required': ['y']}},
                'required': {'type': 'string'},
            },
        }
        before = copy.deepcopy(schema)
        self.assertEqual(
            {
                'type': 'object',
                'properties': {
                    'a': {'type': 'object', 'properties': {}},
                    'b': {'type': 'array', 'items': {'required': ['y']}},
                    'required': {'type': 'string'},
                },
            },
            common.partial(schema),
        )
        self.assertEqual(before, schema)

    def test_a_document_that_is_no_object_is_refused(self) -> None:
        validator = validation.Validator({'type': 'object'})
        error = self.assertRaises(exceptions.BadRequest, validator.check, [])
        self.assertEqual('The document must be an object.', error.description)
