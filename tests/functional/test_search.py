# SPDX-License-Identifier: Apache-2.0
"""Search by keys and times: what a list shows."""

from typing import Any

from tests import base
from tests.functional.jobs import BACKUP, HOST
from tests.functional.search import CREATE, SearchTestCase


class JobSearchTest(SearchTestCase):
    def test_promoted_keys(self) -> None:
        other = self.register('p1_db01')
        session_id = self.create('sessions')
        schedule = {
            'event': 'stop',
            'status': 'running',
            'result': 'fail',
            'current_pid': 7,
        }
        one = self.job(
            job_id='one',
            client_id=other,
            description='nightly',
            session_name='weekly',
            session_id=session_id,
            session_tag=3,
            job_schedule=schedule,
        )
        two = self.job()
        for key, value in (
            ('job_id', 'one'),
            ('client_id', other),
            ('description', 'nightly'),
            ('session_name', 'weekly'),
            ('session_id', session_id),
            *schedule.items(),
        ):
            self.assert_splits('jobs', {key: value}, [one], [two])
        # Joining gives the job the session's tag.
        self.assert_splits('jobs', {'session_tag': 0}, [one, two], [])
        self.assert_splits('jobs', {'user_id': 'alice'}, [one, two], [])
        self.assert_splits('jobs', {'time_started': -1}, [one, two], [])
        self.assert_splits('jobs', {'description': 'Nightly'}, [], [one, two])

    @base.only('v2')
    def test_owner_and_project(self) -> None:
        one, two = self.job(), self.create('jobs', self.as_('bob'))
        self.assert_splits('jobs', {'user_id': 'alice'}, [one], [two])
        self.assert_splits('jobs', {'project_id': 'p1'}, [one, two], [])

    def test_what_is_shown_as_empty_is_found_as_empty(self) -> None:
        session_id = self.create('sessions')
        empty = self.job()
        full = self.job(
            description='x',
            session_id=session_id,
            job_schedule={'event': 'stop', 'status': 'stop', 'result': 'fail'},
        )
        for key in ('description', 'session_id', 'event', 'status', 'result'):
            self.assert_splits('jobs', {key: ''}, [empty], [full])

    def test_keys_of_the_schedule(self) -> None:
        one = self.job(job_schedule={'schedule_interval': '1 days'})
        two = self.job(job_schedule={'schedule_interval': '2 days'})
        none = self.job()
        for prefix in ('', 'job_schedule.'):
            key = prefix + 'schedule_interval'
            self.assert_splits('jobs', {key: '1 days'}, [one], [two, none])
            self.assert_splits('jobs', {key: None}, [none], [one, two])

    def test_keys_of_the_state_within_the_schedule(self) -> None:
        one = self.job(job_schedule={'status': 'completed', 'event': 'stop'})
        two = self.job(job_schedule={'status': 'running'})
        for prefix in ('', 'job_schedule.'):
            self.assert_splits('jobs', {prefix + 'status': 'completed'}, [one], [two])
            self.assert_splits('jobs', {prefix + 'status': 'running'}, [two], [one])
            self.assert_splits('jobs', {prefix + 'event': 'stop'}, [one], [two])

    def test_keys_of_definitions(self) -> None:
        self.action('a', mode='fs', free={'deep': 'x'}, number=1)
        follows = self.job(job_actions=[{'action_id': 'a'}])
        two = self.job(
            job_actions=[
                {'freezer_action': {'action': 'restore', 'mode': 'nova'}},
                {'freezer_action': {'action': 'backup', 'number': 2, 'free': {'deep': 'y'}}},
            ]
        )
        copy = self.job(job_actions=[{'action_id': 'a'}], action_defaults={'storage': 's3'})
        for prefix in ('', 'freezer_action.', 'job_actions.freezer_action.'):
            for key, value, found in (
                ('mode', 'fs', [follows, copy]),
                ('mode', 'nova', [two]),
                ('action', 'backup', [follows, two, copy]),
                ('action', 'restore', [two]),
                ('number', 1, [follows, copy]),
                ('number', '2', [two]),
                ('free.deep', 'x', [follows, copy]),
                ('free.deep', 'y', [two]),
                ('storage', 's3', [copy]),
                ('storage', None, [follows, two]),
            ):
                others = [name for name in (follows, two, copy) if name not in found]
                self.assert_splits('jobs', {prefix + key: value}, found, others)

    def test_keys_of_definitions_named_as_keys_of_the_job(self) -> None:
        # A definition must not hide its job from the scheduler.
        definition = {'action': 'backup', 'client_id': 'other', 'status': 'completed'}
        job_id = self.job(job_actions=[{'freezer_action': definition}])
        self.assertEqual([job_id], self.match('jobs', {'client_id': HOST}))
        self.assertEqual([], self.match('jobs', {'client_id': 'other'}))
        self.assertEqual([job_id], self.match_not('jobs', {'status': 'completed'}))
        self.assertEqual([job_id], self.match('jobs', {'freezer_action.client_id': 'other'}))
        self.assertEqual([job_id], self.match('jobs', {'freezer_action.status': 'completed'}))

    def test_keys_of_entries(self) -> None:
        self.action('a')
        one = self.job(job_actions=[{'action_id': 'a', 'exit_status': '0'}])
        two = self.job(job_actions=[{'freezer_action': BACKUP, 'exit_status': '1'}])
        none = self.job()
        for prefix in ('', 'job_actions.'):
            self.assert_splits('jobs', {prefix + 'action_id': 'a'}, [one], [two, none])
            self.assert_splits('jobs', {prefix + 'exit_status': '0'}, [one], [two, none])

    @base.only('v2')
    def test_change_of_an_action_is_found_in_its_jobs(self) -> None:
        self.action('a', container='old')
        job_id = self.job(job_actions=[{'action_id': 'a'}])
        change = {'freezer_action': {'container': 'new'}}
        self.api.patch(self.url('actions', 'a'), json=change, status=200)
        for search, found in (
            ({'container': 'new'}, [job_id]),
            ({'container': 'old'}, []),
            ({'_all': 'new'}, [job_id]),
            ({'_all': 'old'}, []),
        ):
            self.assertEqual(found, self.match('jobs', search), search)

    def test_definition_of_a_deleted_action_is_still_found(self) -> None:
        self.action('a', container='Treasure')
        job_id = self.job(job_actions=[{'action_id': 'a', 'note': 'Marked'}])
        self.api.delete(self.url('actions', 'a'), status=204)
        for search in (
            {'container': 'Treasure'},
            {'action_id': 'a'},
            {'_all': 'treasure'},
            {'_all': 'marked'},
        ):
            self.assertEqual([job_id], self.match('jobs', search), search)

    def test_poll_of_a_scheduler(self) -> None:
        other = self.register('p1_db01')
        mine = [
            self.job(job_schedule={'status': status})
            for status in ('', 'stop', 'scheduled', 'running', 'completed')
        ]
        self.job(client_id=other)
        poll = {'match_not': [{'status': 'completed'}], 'match': [{'client_id': HOST}]}
        self.assertEqual(mine[:4], self.find('jobs', poll, limit=10, offset=0, all_projects=False))
        self.assertEqual(mine[2:4], self.find('jobs', poll, limit=2, offset=2))

    def test_client_id_of_any_length_is_found(self) -> None:
        label = 'a' * 63
        long = f'{"p" * 60}_{label}.{label}.{label}.{label}'
        self.assertEqual(316, len(long))
        for client_id in (long, long[:-1]):
            self.register(client_id)
            job_id = self.job(client_id=client_id)
            self.assertEqual([job_id], self.match('jobs', {'client_id': client_id}))
            self.assertEqual([client_id], self.match('clients', {'client_id': client_id}))
            self.assertEqual(client_id, self.match('clients', {'_all': client_id})[0])


class OtherSearchTest(SearchTestCase):
    def test_actions(self) -> None:
        definition = {
            'mode': 'fs',
            'path_to_backup': '/srv',
            'backup_name': 'www',
            'container': 'vault',
            'restore_abs_path': '/tmp',
            'engine_name': 'tar',
            'on': True,
            'level': 3,
        }
        one = self.action('one', **definition)
        two = self.create('actions', max_retries=1, mandatory=True, note='n')
        for key, value in definition.items():
            other = two if value in (BACKUP.get(key), 'vault', 'fs') else None
            found, others = [one], [two]
            if other and BACKUP.get(key) == value:
                found, others = [one, two], []
            self.assert_splits('actions', {key: value}, found, others)
            self.assert_splits('actions', {f'freezer_action.{key}': value}, found, others)
        for key, value in (('action_id', two), ('max_retries', 1), ('mandatory', True), ('note', 'n')):
            self.assert_splits('actions', {key: value}, [two], [one])

    def test_backups(self) -> None:
        metadata = {
            'backup_name': 'www',
            'container': 'vault',
            'hostname': 'web01',
            'job_id': 'j',
            'client_id': 'c',
            'time_stamp': 1893456000,
            'level': 0,
            'curr_backup_level': 1,
            'path_to_backup': '/srv',
            'status': 'error',
        }
        one = self.backup(**metadata)
        two = self.backup()
        for key, value in metadata.items():
            self.assert_splits('backups', {key: value}, [one], [two])
            if key != 'status':
                self.assert_splits('backups', {f'backup_metadata.{key}': value}, [one], [two])
        self.assert_splits('backups', {'backup_id': one}, [one], [two])

    def test_one_backup_by_its_id(self) -> None:
        # How the dashboard shows one.
        ids = [self.backup(note=other) for other in ('', 'x')]
        self.backup(note=ids[0])
        for backup_id in ids:
            self.assertEqual([backup_id], self.match('backups', {'backup_id': backup_id}, limit=1))

    def test_backups_by_time(self) -> None:
        ids = [self.backup(time_stamp=second) for second in (100, 200, 300)]
        self.backup()
        for search, found in (
            ({'time_after': 200}, ids[1:]),
            ({'time_before': 200}, ids[:2]),
            ({'time_after': 150, 'time_before': 250}, ids[1:2]),
            ({'time_after': '200', 'time_before': '200'}, ids[1:2]),
            ({'time_after': 200, 'match_not': [{'time_stamp': 300}]}, ids[1:2]),
            ({'time_after': 301}, []),
        ):
            self.assertEqual(found, self.find('backups', search), search)

    def test_backup_whose_time_is_no_number_has_none(self) -> None:
        number = self.backup(time_stamp='10')
        for time_stamp in ('1_0', '+10', ' 10 '):
            self.backup(time_stamp=time_stamp)
        self.assertEqual([number], self.find('backups', {'time_after': 0}))

    def test_searches_of_one_form_differ_by_caller_values_and_page(self) -> None:
        bob = self.as_('bob', project='p2')
        ids = {}
        for caller in (self.api, bob):
            for hostname in ('h1', 'h2', '1', 'true'):
                ids[caller.project, hostname] = [
                    self.create('backups', caller, hostname=hostname, time_stamp=second)
                    for second in range(3)
                ]
        for caller in (self.api, bob):
            for hostname in ('h1', 'h2', 1, True, '1'):
                text = str(hostname).lower() if hostname is True else str(hostname)
                search = {'match': [{'hostname': hostname}], 'time_after': 1, 'time_before': 2}
                expected = ids[caller.project, text][1:]
                self.assertEqual(expected, self.find('backups', search, caller))
                page = self.find('backups', search, caller, limit=1, offset=1)
                self.assertEqual(expected[1:], page)
            self.assertEqual([], self.find('backups', {'match': [{'hostname': 1.0}]}, caller))
            self.assertEqual(12, len(self.find('backups', None, caller, limit=20)))

    def test_sessions(self) -> None:
        schedule = {'schedule_interval': '1 days'}
        one = self.create('sessions', schedule=schedule, description='x', hold_off=5, note={'a': 1})
        two = self.create('sessions')
        for key, value in (
            ('session_id', one),
            ('description', 'x'),
            ('hold_off', 5),
            ('note.a', 1),
            ('schedule_interval', '1 days'),
            ('schedule.schedule_interval', '1 days'),
        ):
            self.assert_splits('sessions', {key: value}, [one], [two])
        self.assert_splits('sessions', {'status': 'active'}, [one, two], [])

    def test_clients(self) -> None:
        one = self.register('p1_db01', hostname='db01', uuid='u1', description='x', config_id='c9')
        for key, value in (
            ('client_id', one),
            ('hostname', 'db01'),
            ('uuid', 'u1'),
            ('description', 'x'),
            ('config_id', 'c9'),
        ):
            for prefix in ('', 'client.'):
                self.assert_splits('clients', {prefix + key: value}, [one], [HOST])
        self.assert_splits('clients', {'is_central': False}, [HOST, one], [])


class ValueTest(SearchTestCase):
    def test_numbers_and_their_texts_are_one(self) -> None:
        number = self.backup(level=0, free=1)
        text = self.backup(level='0', free='1')
        other = self.backup(level='00', free='01')
        for key, value in (('level', 0), ('level', '0'), ('free', 1), ('free', '1')):
            self.assert_splits('backups', {key: value}, [number, text], [other])

    def test_columns_of_numbers_take_texts(self) -> None:
        one = self.job(session_tag=5, job_schedule={'current_pid': 9})
        two = self.job()
        for search in ({'session_tag': '5'}, {'current_pid': '9'}, {'session_tag': 5}):
            self.assert_splits('jobs', search, [one], [two])
        for value in (
            *('x', 'five', 5.5, True, 2**63 - 1, '99999999999999999999', '9' * 19, ''),
            *(' 5', '5 ', '5\n', '+5', '0_5', '5_', '--5', '-', '\u0665', '0x5'),
        ):
            self.assert_splits('jobs', {'session_tag': value}, [], [one, two])

    def test_numbers_may_be_negative_and_begin_with_zeros(self) -> None:
        one, two = self.job(job_schedule={'current_pid': -9}), self.job(job_schedule={'current_pid': 7})
        self.assert_splits('jobs', {'current_pid': '-9'}, [one], [two])
        self.assert_splits('jobs', {'current_pid': '007'}, [two], [one])

    def test_booleans(self) -> None:
        yes, no = self.action('yes', on=True), self.action('no', on=False)
        absent = self.action('absent')
        for value in (True, 'true'):
            self.assert_splits('actions', {'on': value}, [yes], [no, absent])
        for value in (False, 'false'):
            self.assert_splits('actions', {'on': value}, [no], [yes, absent])

    def test_null_is_what_is_null_or_absent(self) -> None:
        null = self.action('null', free=None, container=None)
        full = self.action('full', free='x', container='x')
        absent = self.action('absent')
        for key in ('free', 'container', 'freezer_action.free', 'freezer_action.container'):
            self.assert_splits('actions', {key: None}, [null, absent], [full])

    def test_absent_keys_have_no_value(self) -> None:
        absent, full = self.action('absent'), self.action('full', free='x', container='x')
        for key in ('free', 'container'):
            self.assert_splits('actions', {key: 'x'}, [full], [absent])

    def test_texts_are_compared_to_the_letter(self) -> None:
        ids = {}
        values = ('null', 'web', 'Web', ' web', 'w\u00e9b', 'wEb', "w'eb", 'w%b', 'w_b', 'w\\b', '"', '')
        for value in values:
            ids[value] = self.backup(container='c', free=value, backup_name='x' + value)
        for value in values:
            self.assertEqual([ids[value]], self.match('backups', {'free': value}), value)
            self.assertEqual([ids[value]], self.match('backups', {'backup_name': 'x' + value}), value)

    def test_blanks_at_the_end_are_minded(self) -> None:
        values = ('web', 'web ', 'web  ', ' ', '')
        ids = [self.backup(free=value, level=value) for value in values]
        for key in ('free', 'level'):
            for value, backup_id in zip(values, ids, strict=True):
                others = [other for other in ids if other != backup_id]
                self.assert_splits('backups', {key: value}, [backup_id], others)

    def test_blanks_at_the_end_of_ids_are_minded(self) -> None:
        self.action('a')
        job_id = self.job(job_actions=[{'action_id': 'a'}])
        not_completed = {'match_not': [{'status': 'completed'}]}
        for blank, found in (('', [job_id]), (' ', [])):
            for key, value in (('job_id', job_id), ('client_id', HOST), ('action_id', 'a')):
                search = {'match': [{key: value + blank}]}
                self.assertEqual(found, self.find('jobs', search), search)
                self.assertEqual(found, self.find('jobs', {**search, **not_completed}), search)
        self.assertEqual([HOST], self.match('clients', {'client_id': HOST}))
        self.assertEqual([], self.match('clients', {'client_id': HOST + ' '}))
        self.assertEqual([], self.match('clients', {'_all': HOST + ' '}))
        self.assertEqual([], self.match('jobs', {'_all': 'a '}))

    def test_long_texts_are_compared_as_a_whole(self) -> None:
        one, two = self.backup(backup_name='x' * 5000), self.backup(backup_name='x' * 4999 + 'y')
        self.assert_splits('backups', {'backup_name': 'x' * 5000}, [one], [two])
        self.assert_splits('backups', {'backup_name': 'x' * 4999 + 'y'}, [two], [one])
        self.assert_splits('backups', {'backup_name': 'x' * 255}, [], [one, two])

    def test_keys_with_odd_letters(self) -> None:
        keys = ('a b', 'a-b', "a'b", '\u00e9', '$', '*', '[0]', '%s', ':x', '?', '@', '__init__', 'A')
        ids = {key: self.action(str(n), **{key: 'x'}) for n, key in enumerate(keys)}
        for key in keys:
            self.assertEqual([ids[key]], self.match('actions', {key: 'x'}), key)

    def test_keys_that_cannot_exist_find_nothing(self) -> None:
        self.action('a', list=[{'x': 1}], text='x')
        self.job(job_actions=[{'action_id': 'a'}])
        for key in ('.', 'a..b', '.a', 'a.', 'list.x', 'list.0', 'text.x', 'x' * 1000):
            for collection in ('actions', 'jobs'):
                self.assertEqual([], self.match(collection, {key: 'x'}), key)

    def test_deep_keys_are_found(self) -> None:
        path = [f'k{n}' for n in range(28)]
        nested: Any = 'x'
        for key in reversed(path):
            nested = {key: nested}
        action_id = self.action('deep', **nested)
        self.assertEqual([action_id], self.match('actions', {'.'.join(path): 'x'}))


class CombinationTest(SearchTestCase):
    def test_every_condition_must_hold(self) -> None:
        one = self.action('one', a='1', b='1')
        two = self.action('two', a='1', b='2')
        three = self.action('three', a='2', b='2')
        for search, found in (
            ({'match': [{'a': '1'}, {'b': '2'}]}, [two]),
            ({'match': [{'a': '1', 'b': '2'}]}, [two]),
            ({'match': [{'a': '1'}], 'match_not': [{'b': '2'}]}, [one]),
            ({'match_not': [{'a': '1'}, {'b': '2'}]}, []),
            ({'match_not': [{'a': '1', 'b': '1'}]}, [three]),
            ({'match': [{'a': '1'}, {'a': '2'}]}, []),
            ({'match': [], 'match_not': []}, [one, two, three]),
            ({'match': None, 'match_not': None}, [one, two, three]),
            ({'match': [{}]}, [one, two, three]),
            ({'unknown': 1}, [one, two, three]),
            ({}, [one, two, three]),
        ):
            self.assertEqual(found, self.find('actions', search), search)

    def test_what_cannot_be_searched_is_refused(self) -> None:
        for search in (
            {'match': {}},
            {'match': 'x'},
            {'match': 1},
            {'match': ['x']},
            {'match': [None]},
            {'match': [[]]},
            {'match_not': {}},
            {'match_not': [1]},
            {'match': [{'a': {}}]},
            {'match': [{'a': []}]},
            {'match_not': [{'_all': 'x'}]},
            {'match': [{'': 1}]},
            {'match': [{'a"b': 1}]},
            {'match': [{'a\\b': 1}]},
            {'match': [{'.'.join('a' * 200): 1}]},
            {'match': [{'a': 1}] * 2000},
            {'match': [{'_all': 'x' * 60000}]},
            {'time_after': 'x'},
            {'time_before': []},
            {'time_before': True},
            {'time_before': '1_0'},
            {'time_after': '+10'},
            {'time_after': ' 10 '},
        ):
            for collection in CREATE:
                answer = self.api.get(self.url(collection), json=search, status=400)
                self.assertEqual(400, answer.json['code'])
        for body in (b'[]', b'"x"', b'null', b'{', b'1'):
            self.api.get(self.url('jobs'), body=body, status=400)

    def test_search_can_be_given_as_query_parameters(self) -> None:
        one = self.job(job_schedule={'status': 'running'}, description='x')
        two = self.job(job_schedule={'status': 'completed'}, description='x')
        for params, found in (
            ({'match': '[{"status": "running"}]'}, [one]),
            ({'match_not': '[{"status": "running"}]'}, [two]),
            ({'match': '[{"description": "x"}]', 'match_not': '[{"status": "completed"}]'}, [one]),
            ({'match': '[{"_all": "running"}]'}, [one]),
            ({'match': ''}, [one, two]),
            ({'unknown': '[{"status": "none"}]'}, [one, two]),
            ({'match': '[{"description": "x"}]', 'offset': 1}, [two]),
        ):
            self.assertEqual(found, self.find('jobs', **params), params)
        for text in ('x', '{}', '"x"', '[1]', '[{"a": []}]', '1'):
            self.api.get(self.url('jobs'), params={'match': text}, status=400)

    def test_times_can_be_given_as_query_parameters(self) -> None:
        ids = [self.backup(time_stamp=second) for second in (100, 200, 300)]
        self.assertEqual(ids[1:2], self.find('backups', time_after=150, time_before=250))

    def test_body_wins_over_query_parameters(self) -> None:
        one, two = self.job(description='1'), self.job(description='2')
        search = {'match': [{'description': '1'}]}
        params = {'match': '[{"description": "2"}]', 'match_not': '[{"description": "none"}]'}
        self.assertEqual([one], self.find('jobs', search, **params))
        self.assertEqual([two], self.find('jobs', None, **params))

    def test_other_projects_are_never_found(self) -> None:
        other = self.as_('bob', project='p2')
        self.register(HOST, other, description='findme')
        for collection in CREATE:
            if collection != 'clients':
                self.create(collection, other, description='findme')
        for collection in CREATE:
            for search in ({'_all': 'findme'}, {'description': 'findme'}, {'project_id': 'p2'}):
                self.assertEqual([], self.match(collection, search), (collection, search))
                # v1 shows no projects.
                if self.api_version == 'v2' or 'project_id' not in search:
                    self.assertNotEqual([], self.match(collection, search, caller=other))
