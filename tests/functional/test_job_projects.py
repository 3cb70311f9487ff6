# SPDX-License-Identifier: Apache-2.0
"""Jobs of several projects, and clients that run the jobs of all."""

import sqlalchemy

from freezer_api.db import models
from tests import base
from tests.functional.jobs import BACKUP, HOST, RESTORE, JobsTestCase


class ProjectsTest(JobsTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.other = self.as_('bob', project='p2')
        self.register(self.other)

    def test_two_projects_may_use_one_id(self) -> None:
        self.create(job_id='same', description='mine')
        self.create(self.other, job_id='same', description='theirs', job_actions=[])
        self.assertEqual('mine', self.read('same')['description'])
        self.assertEqual('theirs', self.read('same', self.other)['description'])
        self.patch('same', description='changed')
        self.event('same', 'start')
        theirs = self.read('same', self.other)
        self.assertEqual(('theirs', ''), (theirs['description'], theirs['job_schedule']['event']))
        self.api.delete(self.url('jobs', 'same'), status=204)
        self.assertEqual(theirs, self.read('same', self.other))

    def test_entries_of_one_id_in_two_projects_are_kept_apart(self) -> None:
        for caller, definition in ((self.api, BACKUP), (self.other, RESTORE)):
            body = {'action_id': 'same', 'freezer_action': definition}
            caller.post(caller.url('actions'), json=body, status=201)
            self.create(caller, job_id='same', job_actions=[{'action_id': 'same'}])
        self.api.delete(self.url('actions', 'same'), status=204)
        for caller, definition in ((self.api, BACKUP), (self.other, RESTORE)):
            [entry] = self.read('same', caller)['job_actions']
            self.assertEqual(definition, entry['freezer_action'])

    def test_id_of_another_project_is_missing(self) -> None:
        self.create(self.other, job_id='theirs', description='theirs')
        before = self.rows()
        path = self.url('jobs', 'theirs')
        self.api.get(path, status=404)
        self.api.patch(path, json={'description': 'x'}, status=404)
        self.event('theirs', 'start', status=404)
        self.api.delete(path, status=self.deleted_nothing)
        self.assertEqual([], self.api.get(self.url('jobs')).json['jobs'])
        self.assertEqual(before, self.rows())

    def test_replacing_an_id_of_another_project_makes_an_own_job(self) -> None:
        self.create(self.other, job_id='same', description='theirs')
        self.replace('same', description='mine')
        self.assertEqual('mine', self.read('same')['description'])
        self.assertEqual('theirs', self.read('same', self.other)['description'])

    @base.only('v2')
    def test_path_of_another_project_is_forbidden_whatever_is_there(self) -> None:
        self.create(self.other, job_id='theirs')
        before = self.rows()
        for method in ('GET', 'POST'):
            self.api.request(method, self.other.url('jobs'), json=self.job(), status=403)
        for method, *segments in (
            ('GET',),
            ('PATCH',),
            ('POST',),
            ('DELETE',),
            ('POST', 'event'),
        ):
            answers = [
                self.api.request(
                    method, self.other.url('jobs', name, *segments), json=self.job(), status=403
                ).json
                for name in ('theirs', 'none')
            ]
            self.assertEqual(answers[0], answers[1], method)
        self.assertEqual(before, self.rows())

    @base.only('v2')
    def test_administrator_writes_into_the_project_of_the_path(self) -> None:
        admin = self.as_('root', project='operators', roles='admin')
        answer = admin.post(self.url('jobs'), json=self.job(), status=201)
        document = self.read(answer.json['job_id'])
        self.assertEqual(('p1', 'root'), (document['project_id'], document['user_id']))

    def test_session_of_another_project_is_unknown(self) -> None:
        path = self.other.url('sessions')
        session_id = self.other.post(path, json={'schedule': {}}).json['session_id']
        body = self.job(session_id=session_id)
        self.assert_nothing_stored('POST', self.url('jobs'), 400, json=body)

    def listed(self, caller: base.Client, all_projects: str) -> list[str]:
        answer = caller.get(self.url('jobs'), params={'all_projects': all_projects}, status=200)
        return [job['job_id'] for job in answer.json['jobs']]

    @base.only('v2')
    def test_all_projects_are_listed_for_those_who_may(self) -> None:
        self.create(job_id='a')
        self.create(self.other, job_id='b')
        self.create(job_id='c')
        for roles in ('admin', 'service', 'admin,member,reader'):
            caller = self.as_('root', project='operators', roles=roles)
            for word in ('True', 'true', '1', 'yes', 'on'):
                self.assertEqual(['a', 'b', 'c'], self.listed(caller, word), (roles, word))
            for word in ('False', '0', 'no', ''):
                self.assertEqual(['a', 'c'], self.listed(caller, word), (roles, word))

    @base.only('v2')
    def test_all_projects_is_ignored_for_others(self) -> None:
        self.create(job_id='a')
        self.create(self.other, job_id='b')
        for roles in ('member', 'reader', 'member,reader'):
            caller = self.as_('eve', roles=roles)
            self.assertEqual(['a'], self.listed(caller, 'True'), roles)

    @base.only('v2')
    def test_all_projects_must_be_a_boolean_word(self) -> None:
        for roles in ('member', 'admin'):
            caller = self.as_('eve', roles=roles)
            caller.get(self.url('jobs'), params={'all_projects': 'maybe'}, status=400)

    @base.only('v2')
    def test_entries_of_all_projects_come_with_their_jobs(self) -> None:
        for caller, definition in ((self.api, BACKUP), (self.other, RESTORE)):
            self.create(caller, job_id='same', job_actions=[{'freezer_action': definition}])
        admin = self.as_('root', project='operators', roles='admin')
        jobs = admin.get(self.url('jobs'), params={'all_projects': 'true'}).json['jobs']
        self.assertEqual(
            [('p1', BACKUP), ('p2', RESTORE)],
            [(job['project_id'], job['job_actions'][0]['freezer_action']) for job in jobs],
        )

    @base.only('v2')
    def test_the_longest_page_may_have_a_job_of_another_project_each(self) -> None:
        self.create(job_id='same')
        rows = self.rows()
        with self.database.engine.begin() as connection:
            for model in (models.Action, models.Job, models.JobAttachment, models.ActionAttachment):
                [row] = rows[model.__tablename__]
                copies = [{**row, 'project_id': f'p{number}'} for number in range(2, 1001)]
                connection.execute(sqlalchemy.insert(model), copies)
        admin = self.as_('root', project='operators', roles='admin')
        params = {'all_projects': 'true', 'limit': 1000}
        jobs = admin.get(self.url('jobs'), params=params, status=200).json['jobs']
        self.assertEqual(1000, len({job['project_id'] for job in jobs}))
        for job in jobs:
            [entry] = job['job_actions']
            self.assertEqual(
                (job['project_id'], BACKUP), (entry['project_id'], entry['freezer_action'])
            )


class CentralTest(JobsTestCase):
    """A central client's scheduler knows jobs by their id alone."""

    def setUp(self) -> None:
        super().setUp()
        self.other = self.as_('bob', project='p2')
        self.operator = self.as_('root', project='operators', roles='admin,member')
        self.register(self.operator, 'central', is_central=True)

    def test_jobs_of_any_project_run_on_a_central_client(self) -> None:
        for caller in (self.api, self.other):
            self.create(caller, client_id='central')

    @base.only('v2')
    def test_id_that_another_project_uses_there_is_a_conflict(self) -> None:
        self.create(self.other, client_id='central', job_id='same')
        body = self.job(client_id='central', job_id='same')
        self.assert_nothing_stored('POST', self.url('jobs'), 409, json=body)
        self.assert_nothing_stored('POST', self.url('jobs', 'same'), 409, json=body)

    def test_id_is_free_on_other_clients(self) -> None:
        self.create(self.other, client_id='central', job_id='same')
        self.create(job_id='same')
        path = self.url('jobs', 'same')
        self.assert_nothing_stored('PATCH', path, 409, json={'client_id': 'central'})

    def test_id_is_free_after_deletion_and_after_leaving(self) -> None:
        self.create(self.other, client_id='central', job_id='same')
        self.other.delete(self.other.url('jobs', 'same'), status=204)
        self.create(client_id='central', job_id='same')
        self.patch('same', client_id=HOST)
        self.create(self.other, client_id='central', job_id='same')

    @base.only('v2')
    def test_central_scheduler_polls_all_its_jobs(self) -> None:
        self.create(client_id='central', job_id='a')
        self.create(self.other, client_id='central', job_id='b')
        self.create(job_id='c')
        self.create(client_id='central', job_id='d', job_schedule={'status': 'completed'})
        poll = {'match': [{'client_id': 'central'}], 'match_not': [{'status': 'completed'}]}
        service = self.as_('freezer', project='operators', roles='service')
        params = {'all_projects': 'True', 'limit': 10, 'offset': 0}
        jobs = service.get(service.url('jobs'), params=params, json=poll).json['jobs']
        self.assertEqual(
            [('p1', 'a'), ('p2', 'b')], [(job['project_id'], job['job_id']) for job in jobs]
        )
