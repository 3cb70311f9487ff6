# SPDX-License-Identifier: Apache-2.0
"""Values at the end of their range."""

from typing import ClassVar

import fixtures
from oslo_middleware import sizelimit

from freezer_api.api import app as api_app
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

    def patient_service(self) -> base.Client:
        """A caller of a service that takes long requests."""
        conf = base.new_conf(self.database.url, **{'api.max_text_length': 2**27})
        conf.register_opts(sizelimit.OPTS, 'oslo_middleware')
        conf.set_override('max_request_body_size', 2**27, 'oslo_middleware')
        application = api_app.build(conf)
        self.addCleanup(application.database.dispose)
        return self.client_of(application)

    def test_documents_of_many_megabytes_are_stored_or_refused(self) -> None:
        api = self.patient_service()
        half = 'x' * 9_600_000
        # In JSON and in a statement a backslash is put before each of these.
        quotes = '"' * 8_000_000
        for name, text in (('plain', half), ('quotes', quotes)):
            action = {
                'action_id': name,
                'freezer_action': {'action': 'backup', 'note': 'First' + text},
                'note': text + 'last',
            }
            answer = api.post(self.v2('actions'), json=action, status='*')
            if name == 'quotes' and self.database_name == 'mariadb':
                # More than the 64 MiB that the server of the tests takes.
                self.assertEqual((413, 413), (answer.status_int, answer.json['code']))
                api.get(self.v2('actions', name), status=404)
                continue
            self.assertEqual(201, answer.status_int)
            shown = api.get(self.v2('actions', name), status=200).json
            self.assertEqual(action, {key: shown[key] for key in action})
            # The beginning is searched, not the end.
            for wanted, found in (('first', [name]), ('last', [])):
                search = {'match': [{'_all': wanted}, {'action_id': name}]}
                listed = api.get(self.v2('actions'), json=search, status=200).json['actions']
                self.assertEqual(found, [each['action_id'] for each in listed], wanted)

    def test_large_definition_of_a_deleted_action_stays_with_its_jobs(self) -> None:
        api = self.patient_service()
        api.post(self.v2('clients'), json={'client_id': 'web01'}, status=201)
        definition = {'action': 'backup', 'note': 'x' * 7_000_000}
        body = {'action_id': 'large', 'freezer_action': definition}
        api.post(self.v2('actions'), json=body, status=201)
        entry = {'action_id': 'large', 'note': 'y' * 7_000_000}
        job = {'job_id': 'j1', 'client_id': 'web01', 'job_actions': [entry]}
        api.post(self.v2('jobs'), json=job, status=201)
        api.delete(self.v2('actions', 'large'), status=204)
        [kept] = api.get(self.v2('jobs', 'j1'), status=200).json['job_actions']
        self.assertEqual((definition, entry['note']), (kept['freezer_action'], kept['note']))

    def test_a_document_does_not_grow_beyond_its_column(self) -> None:
        backup = {'backup_name': 'www', 'container': 'vault', 'hostname': 'web01'}
        path = self.v2('backups', self.api.post(self.v2('backups'), json=backup).json['backup_id'])
        self.useFixture(fixtures.MonkeyPatch('freezer_api.db.documents.MAX_SIZE', 100_000))
        for number, status in enumerate([200, 200, 200, 400]):
            before = self.rows()
            self.api.patch(path, json={f'key{number}': 'x' * 30_000}, status=status)
        self.assertEqual(before, self.rows())
