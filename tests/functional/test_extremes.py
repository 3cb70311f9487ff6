# SPDX-License-Identifier: Apache-2.0
"""Values at the end of their range."""

from typing import ClassVar

import fixtures

from tests import base


class ExtremesTest(base.ApiTestCase):
    """Values at the end of their range are as good as others."""

    HUGE: ClassVar = 2**63 - 1

    def test_a_session_with_the_largest_tag_goes_on(self) -> None:
        self.api.post(self.v2('clients'), json={'client_id': 'web01'})
        job = {'job_id': 'j1', 'client_id': 'web01', 'job_actions': []}
        self.api.post(self.v2('jobs'), json=job)
        session = {'schedule': {}, 'session_tag': self.HUGE, 'hold_off': self.HUGE}
        answer = self.api.post(self.v2('sessions', 's1'), json=session, status='*')
        if answer.status_int != 400:
            session['hold_off'] = 0
            self.api.post(self.v2('sessions', 's1'), json=session)
            self.api.put(self.v2('sessions', 's1', 'jobs', 'j1'))
            action = {'start': {'job_id': 'j1', 'current_tag': self.HUGE}}
            answer = self.api.post(self.v2('sessions', 's1', 'action'), json=action, status='*')
            self.assertLess(answer.status_int, 500)

    def test_a_job_with_very_many_actions(self) -> None:
        lenient = self.client_of(self.build_app(**{'api.max_job_actions': 3000}))
        self.api.post(self.v2('clients'), json={'client_id': 'web01'})
        for entry in (
            {'freezer_action': {'action': 'info'}},
            {'action_id': 'absent'},
            {'action_id': 'absent', 'freezer_action': {'action': 'info'}},
        ):
            entries = [dict(entry) for _ in range(3000)]
            for number, each in enumerate(entries):
                if 'action_id' in each:
                    each['action_id'] = f'absent{number}'
            job = {'job_id': 'j1', 'client_id': 'web01', 'job_actions': entries}
            status = 422 if 'action_id' in entry else 201
            lenient.post(self.v2('jobs'), json=job, status=status)

    def test_a_document_does_not_grow_beyond_its_column(self) -> None:
        backup = {'backup_name': 'www', 'container': 'vault', 'hostname': 'web01'}
        path = self.v2('backups', self.api.post(self.v2('backups'), json=backup).json['backup_id'])
        self.useFixture(fixtures.MonkeyPatch('freezer_api.db.documents.MAX_SIZE', 100_000))
        for number, status in enumerate([200, 200, 200, 400]):
            before = self.rows()
            self.api.patch(path, json={f'key{number}': 'x' * 30_000}, status=status)
        self.assertEqual(before, self.rows())
