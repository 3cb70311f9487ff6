# SPDX-License-Identifier: Apache-2.0
"""Jobs that their client cannot run."""

from tests.functional.jobs import BACKUP, HOST, RESTORE, JobsTestCase


class CapabilitiesTest(JobsTestCase):
    LIMITED = 'p1_limited'

    def setUp(self) -> None:
        super().setUp()
        self.register(
            self.api,
            self.LIMITED,
            supported_actions=['backup'],
            supported_modes=['fs'],
            supported_storages=['swift'],
            supported_engines=['tar'],
        )

    def test_job_that_its_client_can_run_is_accepted(self) -> None:
        for definition in (
            {'action': 'backup'},
            {'action': 'backup', 'mode': 'fs', 'storage': 'swift', 'engine_name': 'tar'},
            {'action': 'backup', 'mode': None, 'storage': '', 'engine': 'tar', 'engine_name': None},
        ):
            self.create(client_id=self.LIMITED, job_actions=[{'freezer_action': definition}])

    def test_job_that_its_client_cannot_run_is_refused_on_every_write(self) -> None:
        job_id = self.create(client_id=self.LIMITED)
        path = self.url('jobs', job_id)
        for definition in (
            {'action': 'restore'},
            {'action': 'backup', 'mode': 'nova'},
            {'action': 'backup', 'storage': 's3'},
            {'action': 'backup', 'storage': ['swift']},
            {'action': 'backup', 'engine': 'rsync'},
            {'action': 'backup', 'engine_name': 'rsync'},
            {'action': 'backup', 'engine': 'tar', 'engine_name': 'rsync'},
        ):
            entries = [{'freezer_action': BACKUP}, {'freezer_action': definition}]
            body = self.job(client_id=self.LIMITED, job_actions=entries)
            self.assert_nothing_stored('POST', self.url('jobs'), 422, json=body)
            self.assert_nothing_stored('POST', path, 422, json=body)
            self.assert_nothing_stored('PATCH', path, 422, json={'job_actions': entries})

    def test_filled_in_defaults_are_checked(self) -> None:
        body = self.job(client_id=self.LIMITED, action_defaults={'storage': 's3'})
        self.assert_nothing_stored('POST', self.url('jobs'), 422, json=body)

    def test_definition_of_a_named_action_is_checked(self) -> None:
        body = {'action_id': 'a', 'freezer_action': RESTORE}
        self.api.post(self.url('actions'), json=body, status=201)
        job = self.job(client_id=self.LIMITED, job_actions=[{'action_id': 'a'}])
        self.assert_nothing_stored('POST', self.url('jobs'), 422, json=job)

    def test_empty_list_of_the_client_means_nothing_is_supported(self) -> None:
        self.register(self.api, 'p1_idle', supported_actions=[])
        body = self.job(client_id='p1_idle')
        self.assert_nothing_stored('POST', self.url('jobs'), 422, json=body)

    def test_unknown_client_is_refused_on_every_write(self) -> None:
        path = self.url('jobs', self.create())
        body = self.job(client_id='stranger')
        self.assert_nothing_stored('POST', self.url('jobs'), 422, json=body)
        self.assert_nothing_stored('POST', path, 422, json=body)
        self.assert_nothing_stored('PATCH', path, 422, json=body)
        self.assert_nothing_stored('PATCH', path, 422, json={'client_id': 'stranger'})

    def test_another_client_is_checked_without_new_actions(self) -> None:
        job_id = self.create(job_actions=[{'freezer_action': RESTORE}])
        path = self.url('jobs', job_id)
        self.assert_nothing_stored('PATCH', path, 422, json={'client_id': self.LIMITED})
        able = self.create()
        self.patch(able, client_id=self.LIMITED)
        self.assertEqual(self.LIMITED, self.read(able)['client_id'])

    def test_client_of_another_project_is_unknown(self) -> None:
        self.register(self.as_(project='p2'), 'p2_host')
        body = self.job(client_id='p2_host')
        self.assert_nothing_stored('POST', self.url('jobs'), 422, json=body)

    def test_agent_reports_whatever_its_client_supports_by_now(self) -> None:
        job_id = self.create(client_id=self.LIMITED)
        document = self.read(job_id)
        self.register(self.api, self.LIMITED, supported_actions=[])
        document['job_schedule']['status'] = 'running'
        self.patch(job_id, **document)
        self.assertEqual('running', self.read(job_id)['job_schedule']['status'])

    def test_agent_reports_though_its_client_is_gone(self) -> None:
        job_id = self.create()
        document = self.read(job_id)
        self.api.delete(self.url('clients', HOST), status=204)
        document['job_schedule']['status'] = 'running'
        self.patch(job_id, **document)
        self.patch(job_id, job_schedule={'result': 'fail'})
        schedule = self.read(job_id)['job_schedule']
        self.assertEqual(('running', 'fail'), (schedule['status'], schedule['result']))
