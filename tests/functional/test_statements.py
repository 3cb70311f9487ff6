# SPDX-License-Identifier: Apache-2.0
"""The number of SQL statements of a request is small, and the same whatever the size of page and table."""

import itertools
from typing import Any

from tests import base
from tests.functional.jobs import BACKUP, HOST

Document = dict[str, Any]

TWO = [{'freezer_action': BACKUP}, {'freezer_action': {'action': 'restore'}}]

LIST = 3
GET = 2
CHANGE = 5
CREATE_JOB = 8
# A job: the stored one, actions referred to, its state, its definition, new actions, entries out and in.
CHANGE_ALL = 7
# What the session that a job leaves takes besides: itself, its other jobs, its new state.
LEAVE = 3
POLL = {'match': [{'client_id': HOST}], 'match_not': [{'status': 'completed'}]}


class StatementsTest(base.ApiTestCase):
    versions = ('v1', 'v2')

    def setUp(self) -> None:
        super().setUp()
        self.post('clients', {'client_id': HOST})
        self.numbers = itertools.count()

    def post(self, collection: str, body: Document) -> str:
        answer = self.api.post(self.url(collection), json=body, status=201).json
        return str(next(iter(answer.values())))

    def job(self, **document: Any) -> str:
        return self.post('jobs', {'client_id': HOST, 'job_actions': TWO, **document})

    def new_session(self, *jobs: str, **document: Any) -> str:
        session_id = self.post('sessions', {'schedule': {}, **document})
        for job_id in jobs:
            self.api.put(self.url('sessions', session_id, 'jobs', job_id), status=204)
        return session_id

    def backup(self) -> str:
        return self.post('backups', {'backup_name': 'b', 'container': 'c', 'hostname': 'h'})

    def fill(self, count: int) -> dict[str, str]:
        """Make some of everything; return one id of each."""
        ids = {}
        for n in range(count):
            ids = {
                'clients': self.post('clients', {'client_id': f'h{next(self.numbers)}'}),
                'actions': self.post('actions', {'freezer_action': BACKUP}),
                'backups': self.backup(),
                'jobs': self.job(description=str(n)),
            }
            ids['sessions'] = self.new_session(ids['jobs'], self.job())
        return ids

    def count(self, method: str, path: str, limit: int, **options: Any) -> int:
        """Send a request; return how many statements it took, which must be within the limit."""
        with self.count_statements() as statements:
            self.api.request(method, path, **options)
        self.assertNotEqual([], statements)
        self.assertLessEqual(len(statements), limit, '\n\n'.join([path, *statements]))
        return len(statements)

    def test_lists_take_three_whatever_their_size(self) -> None:
        taken: dict[tuple[str, str], set[int]] = {}
        for _ in range(2):
            self.fill(3)
            for collection in ('actions', 'backups', 'clients', 'jobs', 'sessions'):
                for search in (
                    {},
                    {'match': [{'description': 'x'}]},
                    {'match_not': [{'description': 'x', 'free.key': 1}]},
                    {'match_not': [{'_none': 1}], 'match': [{'_all': 'a'}]},
                    {'match': [{'_all': 'no word of a run'}]},
                    {'match_not': [{'status': 'running'}]},
                ):
                    for limit in (1, 2, 1000):
                        params = {'limit': limit}
                        path = self.url(collection)
                        count = self.count('GET', path, LIST, json=search, params=params, status=200)
                        if self.api.get(path, json=search, params=params).json[collection]:
                            taken.setdefault((collection, str(search)), set()).add(count)
        self.assertEqual({1}, {len(counts) for counts in taken.values()}, taken)

    def test_poll_takes_three_whatever_its_size(self) -> None:
        for size in (1, 3):
            self.fill(size)
            params = {'limit': 10, 'offset': 0, 'all_projects': 'False'}
            self.count('GET', self.url('jobs'), 3, json=POLL, params=params, status=200)

    @base.only('v2')
    def test_poll_of_a_central_scheduler_takes_three(self) -> None:
        self.fill(2)
        other = self.as_('bob', project='p2')
        other.post(other.v2('clients'), json={'client_id': HOST}, status=201)
        body = {'client_id': HOST, 'job_actions': TWO}
        other.post(other.v2('jobs'), json=body, status=201)
        headers = {'X-Roles': 'service'}
        params = {'limit': 10, 'offset': 0, 'all_projects': 'True'}
        with self.count_statements() as statements:
            answer = self.api.get(self.url('jobs'), json=POLL, params=params, headers=headers)
        self.assertEqual({'p1', 'p2'}, {job['project_id'] for job in answer.json['jobs']})
        self.assertLessEqual(len(statements), 3, statements)

    def test_showing_one_takes_two(self) -> None:
        for collection, name in self.fill(2).items():
            self.count('GET', self.url(collection, name), GET, status=200)

    def test_report_of_an_agent_takes_five(self) -> None:
        for job_id in (self.job(), self.job(session_id=self.new_session())):
            document = self.api.get(self.url('jobs', job_id)).json
            schedule = {**document['job_schedule'], 'status': 'running', 'current_pid': 5}
            # Scheduler 19.0.0; the whole job is what those up to 18 send.
            report = {'job_schedule': schedule, 'session_id': '', 'session_tag': 0}
            self.count('PATCH', self.url('jobs', job_id), CHANGE, json=report, status=200)
            document['job_schedule'] = {**schedule, 'status': 'completed'}
            self.count('PATCH', self.url('jobs', job_id), CHANGE, json=document, status=200)

    def test_report_with_older_copies_of_actions_takes_five(self) -> None:
        job_id = self.job()
        document = self.api.get(self.url('jobs', job_id)).json
        changed, deleted = (entry['action_id'] for entry in document['job_actions'])
        body = {'freezer_action': {'container': 'other'}}
        self.api.patch(self.url('actions', changed), json=body, status=200)
        self.api.delete(self.url('actions', deleted), status=204)
        document['job_schedule']['status'] = 'running'
        self.count('PATCH', self.url('jobs', job_id), CHANGE, json=document, status=200)

    def test_change_of_a_job_takes_five(self) -> None:
        other = self.post('clients', {'client_id': 'other'})
        for document in (
            {'description': 'x'},
            {'job_schedule': {'schedule_interval': '1 days', 'event': 'start'}},
            {'client_id': other, 'description': 'y', 'job_schedule': {'status': 'stop'}},
        ):
            path = self.url('jobs', self.job())
            self.count('PATCH', path, CHANGE, json=document, status=200)

    def test_other_actions_of_a_job_take_five(self) -> None:
        known = self.post('actions', {'freezer_action': BACKUP})
        for entries in (TWO, [{'action_id': known}] * 2, []):
            job_id = self.job()
            document = {**self.api.get(self.url('jobs', job_id)).json, 'job_actions': entries}
            self.count('PATCH', self.url('jobs', job_id), CHANGE, json=document, status=200)

    def test_change_of_an_action_takes_five_whoever_follows(self) -> None:
        action_id = self.post('actions', {'freezer_action': BACKUP})
        path = self.url('actions', action_id)
        for container in 'abc':
            self.job(job_actions=[{'action_id': action_id}] * 3)
            body = {'freezer_action': {'container': container}}
            self.count('PATCH', path, CHANGE, json=body, status=200)
            self.count('POST', path, CHANGE, json={'freezer_action': BACKUP}, status=201)
        self.count('DELETE', path, CHANGE, status=204)

    def test_change_of_all_of_a_job_takes_seven_whatever_the_number_of_actions(self) -> None:
        known = [{'action_id': self.post('actions', {'freezer_action': BACKUP})} for _ in range(3)]
        counts = []
        for times in (1, 8):
            path = self.url('jobs', self.job())
            document = {
                'description': 'x',
                'job_schedule': {'schedule_interval': '1 days', 'event': 'start'},
                'job_actions': [*known, *TWO] * times,
            }
            counts.append(self.count('PATCH', path, CHANGE_ALL, json=document, status=200))
        self.assertEqual(counts[0], counts[1])

    def test_change_of_a_session_takes_five_whatever_the_number_of_jobs(self) -> None:
        for size in (1, 6):
            path = self.url('sessions', self.new_session(*(self.job() for _ in range(size))))
            others = {self.job(): {} for _ in range(size)}
            for document in (
                {'description': 'x'},
                {'hold_off': 1, 'note': 2},
                {'schedule': {'schedule_interval': '1 days'}},
                {'session_tag': 3},
                {'session_tag': 1},
                {'jobs': {self.job(): {} for _ in range(size)}},
                {'jobs': {self.job(): {}, **others}, 'schedule': {'schedule_hour': '1'}},
                {'jobs': {job_id: {'status': 'completed'} for job_id in others}},
                self.api.get(path).json,
            ):
                self.count('PATCH', path, CHANGE, json=document, status=200)

    def test_replacement_of_a_session_takes_five_whatever_the_number_of_jobs(self) -> None:
        for size in (1, 6):
            jobs = [self.job() for _ in range(size)]
            session_id = self.new_session(*jobs)
            body = {'start': {'job_id': jobs[0], 'current_tag': 0}}
            self.api.post(self.url('sessions', session_id, 'action'), json=body, status=202)
            document = {
                'schedule': {'schedule_interval': '1 days'},
                'session_tag': 0,
                'jobs': {job_id: {} for job_id in (*jobs[1:], *(self.job() for _ in range(size)))},
            }
            path = self.url('sessions', session_id)
            self.count('POST', path, CHANGE, json=document, status=201)
            # The same jobs, out of the other session.
            path = self.url('sessions', f'new-{size}')
            self.count('POST', path, CHANGE + LEAVE, json=document, status=201)

    def test_attaching_and_detaching_take_five(self) -> None:
        jobs = [self.job() for _ in range(3)]
        first, second = (
            self.new_session(*jobs[1:], schedule={'schedule_interval': f'{days} days'})
            for days in (1, 2)
        )
        for session_id, limit in ((first, CHANGE), (second, CHANGE + LEAVE)):
            path = self.url('sessions', session_id, 'jobs', jobs[0])
            self.count('PUT', path, limit, status=204)
        body = {'start': {'job_id': jobs[1], 'current_tag': 0}}
        self.api.post(self.url('sessions', second, 'action'), json=body, status=202)
        self.count('DELETE', path, CHANGE, status=204)

    @base.only('v2')
    def test_change_of_a_backup_takes_five(self) -> None:
        path = self.url('backups', self.backup())
        for document in ({'status': 'error'}, {'backup_metadata': {'a': 1}}, {'a': 2}):
            self.count('PATCH', path, CHANGE, json=document, status=200)

    def test_event_takes_five(self) -> None:
        for job_id in (self.job(), self.job(session_id=self.new_session())):
            for event in ('start', 'start', 'stop', 'abort'):
                path = self.url('jobs', job_id, 'event')
                self.count('POST', path, CHANGE, json={event: None}, status=202)

    def test_session_action_takes_five_whatever_the_number_of_jobs(self) -> None:
        jobs = [self.job() for _ in range(4)]
        path = self.url('sessions', self.new_session(*jobs), 'action')
        for job_id in jobs:
            body: Document = {'start': {'job_id': job_id, 'current_tag': 0}}
            self.count('POST', path, CHANGE, json=body, status=202)
        for job_id in jobs:
            body = {'end': {'job_id': job_id, 'current_tag': 1, 'result': 'success'}}
            self.count('POST', path, CHANGE, json=body, status=202)

    def test_jobs_that_end_or_leave_make_the_database_count_the_others(self) -> None:
        """Nothing is read of each, for all of them wait meanwhile."""
        jobs = [self.job() for _ in range(4)]
        session_id = self.new_session(*jobs)
        path = self.url('sessions', session_id, 'action')
        for job_id in jobs:
            body: Document = {'start': {'job_id': job_id, 'current_tag': 0}}
            self.api.post(path, json=body, status=202)
        end = {'end': {'job_id': jobs[0], 'current_tag': 1, 'result': 'success'}}
        for method, target, options in (
            ('POST', path, {'json': end}),
            ('DELETE', self.url('sessions', session_id, 'jobs', jobs[1]), {}),
            ('DELETE', self.url('jobs', jobs[2]), {}),
        ):
            with self.count_statements() as statements:
                self.api.request(method, target, status='2*', **options)
            of_all = [
                statement
                for statement in statements
                if 'job_attachments.session_id' in statement.partition('FROM')[2]
            ]
            self.assertEqual([], [one for one in of_all if 'count(' not in one], target)
            self.assertEqual(1, len(of_all), target)

    def test_new_job_with_two_actions_takes_eight(self) -> None:
        known = self.post('actions', {'freezer_action': BACKUP})
        reference = {'action_id': known, 'freezer_action': BACKUP}
        for entries in (TWO, [reference, TWO[0]], [{'action_id': known}] * 2):
            body = {'client_id': HOST, 'job_actions': entries, 'action_defaults': {'storage': 's3'}}
            self.count('POST', self.url('jobs'), CREATE_JOB, json=body, status=201)

    def test_new_job_in_a_session_takes_eight(self) -> None:
        known = {'action_id': self.post('actions', {'freezer_action': BACKUP})}
        session_id = self.new_session(self.job())
        body = {'client_id': HOST, 'job_actions': [known, *TWO], 'session_id': session_id}
        self.count('POST', self.url('jobs'), CREATE_JOB, json=body, status=201)

    def test_new_job_takes_as_many_statements_with_many_actions(self) -> None:
        counts = []
        for times in (1, 10):
            body = {'client_id': HOST, 'job_actions': TWO * times}
            counts.append(self.count('POST', self.url('jobs'), CREATE_JOB, json=body, status=201))
        self.assertEqual(counts[0], counts[1])

    def test_new_session_backup_and_action_and_a_client_again_take_three(self) -> None:
        for collection, body in (
            ('sessions', {'schedule': {}}),
            ('backups', {'backup_name': 'b', 'container': 'c', 'hostname': 'h'}),
            ('clients', {'client_id': HOST, 'description': 'refreshed'}),
            ('actions', {'freezer_action': BACKUP}),
        ):
            self.count('POST', self.url(collection), 3, json=body, status=201)

    def test_new_client_takes_five(self) -> None:
        for _ in range(2):
            body = {'client_id': 'new'}
            self.count('POST', self.v2('clients'), CHANGE, json=body, status=201)
            self.api.delete(self.v2('clients', 'new'), status=204)

    def test_deletion_takes_five(self) -> None:
        ids = self.fill(1)
        for collection in ('backups', 'clients', 'actions', 'jobs', 'sessions'):
            path = self.url(collection, ids[collection])
            # A job also leaves its session, which may end with it.
            limit = CHANGE + 2 if collection == 'jobs' else CHANGE
            self.count('DELETE', path, limit, status=204)

    def test_refused_requests_take_none(self) -> None:
        path = self.url('jobs', self.job())
        for method, target, body, status in (
            ('POST', self.url('jobs'), {'unknown': 1}, 400),
            ('POST', path, {}, 400),
            ('GET', self.url('jobs'), {'match': 1}, 400),
            ('POST', path + '/event', {'explode': 1}, 400),
            ('DELETE', '/v2/p2/jobs/x', {}, 403),
        ):
            with self.count_statements() as statements:
                self.api.request(method, target, json=body, status=status)
            self.assertEqual([], statements, target)
