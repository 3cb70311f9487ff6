# SPDX-License-Identifier: Apache-2.0
"""Defaults that a job has for its actions."""

from tests import base
from tests.functional.jobs import BACKUP, Document, JobsTestCase


class DefaultsTest(JobsTestCase):
    DEFAULTS: Document = {'container': 'default', 'storage': 'swift', 'free': [1]}

    def test_defaults_fill_what_is_absent_or_null(self) -> None:
        job_id = self.create(
            action_defaults=self.DEFAULTS,
            job_actions=[
                {'freezer_action': {'action': 'backup', 'container': 'own'}},
                {'freezer_action': {'action': 'backup', 'container': None}},
                {'freezer_action': {'action': 'backup', 'container': '', 'storage': 'local'}},
            ],
        )
        self.assertEqual(
            [
                {'action': 'backup', 'container': 'own', 'storage': 'swift', 'free': [1]},
                {'action': 'backup', 'container': 'default', 'storage': 'swift', 'free': [1]},
                {'action': 'backup', 'container': '', 'storage': 'local', 'free': [1]},
            ],
            [entry['freezer_action'] for entry in self.read(job_id)['job_actions']],
        )

    def test_defaults_apply_on_every_write(self) -> None:
        job_id = self.create(job_actions=[])
        entries = [{'freezer_action': {'action': 'backup'}}]
        for write in (self.patch, self.replace):
            write(job_id, action_defaults=self.DEFAULTS, job_actions=entries)
            document = self.read(job_id)
            [entry] = document['job_actions']
            self.assertEqual({'action': 'backup', **self.DEFAULTS}, entry['freezer_action'])
            self.assertNotIn('action_defaults', document)
            self.patch(job_id, job_actions=[])

    def test_defaults_can_bring_the_action_itself(self) -> None:
        job_id = self.create(
            action_defaults={'action': 'backup'}, job_actions=[{'freezer_action': {'mode': 'fs'}}]
        )
        [entry] = self.read(job_id)['job_actions']
        self.assertEqual({'mode': 'fs', 'action': 'backup'}, entry['freezer_action'])

    def test_defaults_are_checked_as_part_of_the_entries(self) -> None:
        for defaults, status in (({'mode': 'nonsense'}, 400), ({'container': 1}, 400)):
            entries = [{'freezer_action': {'action': 'backup'}}]
            body = self.job(action_defaults=defaults, job_actions=entries)
            self.assert_nothing_stored('POST', self.url('jobs'), status, json=body)

    def test_null_defaults_are_none(self) -> None:
        [entry] = self.read(self.create(action_defaults=None))['job_actions']
        self.assertEqual(BACKUP, entry['freezer_action'])

    def test_defaults_fill_the_copy_of_the_job_and_not_the_action(self) -> None:
        definition = {'action': 'backup', 'container': 'own'}
        body = {'action_id': 'a', 'freezer_action': definition}
        self.api.post(self.url('actions'), json=body, status=201)
        for entry in ({'action_id': 'a'}, {'action_id': 'a', 'freezer_action': definition}):
            job_id = self.create(action_defaults=self.DEFAULTS, job_actions=[entry])
            [stored] = self.read(job_id)['job_actions']
            self.assertEqual({**self.DEFAULTS, **definition}, stored['freezer_action'])
            action = self.api.get(self.url('actions', 'a')).json
            self.assertEqual(definition, action['freezer_action'])

    @base.only('v2')
    def test_defaults_that_change_nothing_leave_the_job_following(self) -> None:
        body = {'action_id': 'a', 'freezer_action': BACKUP}
        self.api.post(self.url('actions'), json=body, status=201)
        job_id = self.create(
            action_defaults={'container': 'other'}, job_actions=[{'action_id': 'a'}]
        )
        change = {'freezer_action': {'container': 'changed'}}
        self.api.patch(self.url('actions', 'a'), json=change, status=200)
        [entry] = self.read(job_id)['job_actions']
        self.assertEqual('changed', entry['freezer_action']['container'])
