# SPDX-License-Identifier: Apache-2.0
"""Jobs of many entries: each shows the whole definition of the action that it follows."""

from tests import base
from tests.functional.actions import ActionsTestCase, Document
from tests.functional.jobs import BACKUP

LIMIT = 300
# Of one job by far more than a document of 16 MiB can hold, of a few entries less.
LONG = {**BACKUP, 'files': ['x' * 500_000]}


class NumberOfEntriesTest(ActionsTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.create()

    def test_job_may_have_as_many_entries_as_the_limit_says(self) -> None:
        job_id = self.job(*[{'action_id': 'a'}] * LIMIT)
        self.assertEqual([BACKUP] * LIMIT, self.definitions(job_id))

    def test_job_of_more_entries_is_refused_on_every_write(self) -> None:
        job_id = self.job({'action_id': 'a'})
        body: Document = {
            'client_id': self.read_job(job_id)['client_id'],
            'job_actions': [{'action_id': 'a'}] * (LIMIT + 1),
        }
        for method, path in (
            ('POST', self.url('jobs')),
            ('POST', self.url('jobs', job_id)),
            ('PATCH', self.url('jobs', job_id)),
        ):
            answer = self.assert_nothing_stored(method, path, 400, json=body)
            self.assertIn(f'{LIMIT} entries', answer.json['description'])

    def test_limit_is_an_option(self) -> None:
        strict = self.client_of(self.build_app(**{'api.max_job_actions': 10}))
        job_id = self.job({'action_id': 'a'})
        for number, status in ((10, 200), (11, 400)):
            body = {'job_actions': [{'action_id': 'a'}] * number}
            strict.patch(self.url('jobs', job_id), json=body, status=status)

    def test_job_that_has_more_entries_can_be_read_and_changed(self) -> None:
        job_id = self.job(*[{'action_id': 'a'}] * 20)
        strict = self.client_of(self.build_app(**{'api.max_job_actions': 10}))
        path = self.url('jobs', job_id)
        document = strict.get(path, status=200).json
        self.assertEqual(20, len(document['job_actions']))
        self.assertEqual([document], strict.get(self.url('jobs'), status=200).json['jobs'])

        document['job_schedule']['status'] = 'running'
        strict.patch(path, json=document, status=200)
        entries = document['job_actions']
        entries[0] = {**entries[0], 'max_retries': 9}
        strict.patch(path, json={'job_actions': entries}, status=200)
        strict.patch(path, json={'job_actions': entries[:15]}, status=200)
        strict.patch(path, json={'job_actions': entries[:16]}, status=400)


class LengthTest(ActionsTestCase):
    """What a job shows is no longer than any other document may be."""

    def test_job_that_would_be_too_long_is_refused_on_every_write(self) -> None:
        self.create(freezer_action=LONG)
        job_id = self.job(*[{'action_id': 'a'}] * 20)
        self.assertEqual([LONG] * 20, self.definitions(job_id))
        body: Document = {
            'client_id': self.read_job(job_id)['client_id'],
            'job_actions': [{'action_id': 'a'}] * 40,
        }
        for method, path in (
            ('POST', self.url('jobs')),
            ('POST', self.url('jobs', job_id)),
            ('PATCH', self.url('jobs', job_id)),
        ):
            answer = self.assert_nothing_stored(method, path, 400, json=body)
            self.assertIn('16777215 bytes', answer.json['description'])

    @base.only('v2')
    def test_action_cannot_grow_beyond_what_the_jobs_that_follow_it_can_show(self) -> None:
        self.create()
        self.create('b', freezer_action=LONG)
        self.job(*[{'action_id': 'a'}] * 20, *[{'action_id': 'b'}] * 20)
        short = self.job({'action_id': 'b'}, {'action_id': 'b'})
        for method in ('PATCH', 'POST'):
            body = {'freezer_action': LONG}
            self.assert_nothing_stored(method, self.url('actions', 'a'), 400, json=body)
        self.patch('b', freezer_action={'files': ['x' * 520_000]})
        self.assertEqual(520_000, len(self.definitions(short)[0]['files'][0]))
