# SPDX-License-Identifier: Apache-2.0
"""Registrations of hosts, and central clients, which serve all projects."""

from typing import Any

from freezer_api.schemas import clients as schema
from tests import base

Document = dict[str, Any]


class ClientsTestCase(base.ApiTestCase):
    versions = ('v1', 'v2')

    def register(self, client_id: str, api: base.Client | None = None, **keys: Any) -> None:
        api = api or self.api
        answer = api.post(api.url('clients'), json={'client_id': client_id, **keys}, status=201)
        self.assertEqual({'client_id': client_id}, answer.json)

    def refused(
        self, status: int, client_id: str, api: base.Client | None = None, **keys: Any
    ) -> None:
        """Registering must change nothing."""
        api = api or self.api
        stored = self.rows()
        document = {'client_id': client_id, **keys}
        answer = api.post(api.url('clients'), json=document, status=status)
        self.assertEqual(status, answer.json['code'])
        self.assertEqual(stored, self.rows())

    def shown(self, client_id: str, api: base.Client | None = None) -> Document:
        api = api or self.api
        document: Document = api.get(api.url('clients', client_id), status=200).json
        return document

    def client(self, client_id: str) -> Document:
        document: Document = self.shown(client_id)['client']
        return document

    def listed(self, api: base.Client | None = None, **search: Any) -> list[str]:
        api = api or self.api
        answer = api.get(api.url('clients'), json=search).json
        return [document['client']['client_id'] for document in answer['clients']]


class RegistrationTest(ClientsTestCase):
    def test_registration_shows_all_its_keys(self) -> None:
        self.register(
            'p1_web.example.org',
            hostname='web.example.org',
            description='the web',
            uuid='u-1',
            supported_modes=['fs'],
            config_id='c-1',
            free={'a': [None, 1.5]},
        )
        expected = {
            **self.owner(),
            'client': {
                **schema.DEFAULTS,
                'client_id': 'p1_web.example.org',
                'hostname': 'web.example.org',
                'description': 'the web',
                'uuid': 'u-1',
                'is_central': False,
                'supported_modes': ['fs'],
                'config_id': 'c-1',
                'free': {'a': [None, 1.5]},
            },
        }
        self.assertEqual(expected, self.shown('p1_web.example.org'))
        self.assertEqual({'clients': [expected]}, self.api.get(self.url('clients')).json)

    def test_client_id_is_enough(self) -> None:
        self.register('host')
        client = self.client('host')
        self.assertRegex(client.pop('uuid'), r'\A[0-9a-f]{32}\Z')
        expected = {
            **schema.DEFAULTS,
            'client_id': 'host',
            'hostname': None,
            'description': None,
            'is_central': False,
        }
        self.assertEqual(expected, client)

    def test_empty_list_of_capabilities_is_kept(self) -> None:
        self.register('host', supported_actions=[], supported_engines=[])
        client = self.client('host')
        self.assertEqual(([], []), (client['supported_actions'], client['supported_engines']))
        # No action can be sent to it.
        job = {'client_id': 'host', 'job_actions': [{'freezer_action': {'action': 'backup'}}]}
        self.api.post(self.url('jobs'), json=job, status=422)

    def test_bad_registrations_are_refused(self) -> None:
        for client_id, keys in (
            ('', {}),
            ('with blank', {}),
            ('a/b', {}),
            ('-host', {}),
            ('host', {'hostname': None}),
            ('host', {'hostname': ''}),
            ('host', {'hostname': 5}),
            ('host', {'uuid': ''}),
            ('host', {'is_central': 'false'}),
            ('host', {'supported_actions': None}),
            ('host', {'supported_actions': 'backup'}),
            ('host', {'supported_actions': ['fly']}),
            ('host', {'supported_modes': [1]}),
            ('host', {'description': ['x']}),
        ):
            with self.subTest(client_id=client_id, keys=keys):
                self.refused(400, client_id, **keys)
        self.api.post(self.url('clients'), json={}, status=400)

    def test_second_registration_changes_what_is_given(self) -> None:
        self.register(
            'host', description='old', supported_modes=['fs'], supported_actions=['backup'], a=1
        )
        before = self.shown('host')
        self.register('host', description='new', supported_modes=['mysql'], b=2)
        expected = {
            **before['client'],
            'description': 'new',
            'supported_modes': ['mysql'],
            'b': 2,
        }
        self.assertEqual({**before, 'client': expected}, self.shown('host'))

    def test_second_registration_keeps_what_is_not_given(self) -> None:
        self.register('host', description='old', supported_storages=[], config_id='c', free=1)
        before = self.shown('host')
        self.register('host')
        self.assertEqual(before, self.shown('host'))

    def test_second_registration_does_not_change_who_the_client_is(self) -> None:
        self.register('host', hostname='first', uuid='u-1')
        before = self.shown('host')
        admin = self.as_(user='root', roles='admin')
        self.register('host', admin, hostname='second', uuid='u-2', is_central=True)
        self.assertEqual(before, self.shown('host'))

    def test_version_rises_only_with_a_change(self) -> None:
        self.register('host', description='x')
        etags = []
        for keys in ({'description': 'x'}, {}, {'description': 'y'}, {'free': 1}, {'free': 1}):
            self.register('host', **keys)
            etags.append(self.api.get(self.url('clients', 'host')).headers['ETag'])
        self.assertEqual(['"1"', '"1"', '"2"', '"3"', '"3"'], etags)

    def test_uuid_belongs_to_one_client_of_a_project(self) -> None:
        self.register('host-1', uuid='u-1')
        self.refused(409, 'host-2', uuid='u-1')
        # Another project's uuids are none of ours.
        self.register('host-2', self.as_(user='bob', project='p2'), uuid='u-1')
        self.api.delete(self.url('clients', 'host-1'), status=204)
        self.register('host-2', uuid='u-1')

    def test_same_id_in_two_projects_is_two_clients(self) -> None:
        bob = self.as_(user='bob', project='p2')
        self.register('host', description='ours')
        self.register('host', bob, description='theirs')
        self.assertEqual('ours', self.client('host')['description'])
        self.assertEqual('theirs', self.shown('host', bob)['client']['description'])
        bob.delete(bob.url('clients', 'host'), status=204)
        bob.get(bob.url('clients', 'host'), status=404)
        self.assertEqual('ours', self.client('host')['description'])

    def test_ids_are_compared_with_case(self) -> None:
        self.register('Host')
        self.api.get(self.url('clients', 'host'), status=404)
        self.register('host')
        self.assertEqual(['Host', 'host'], self.listed())

    def test_deleted_client_is_gone(self) -> None:
        self.register('host')
        self.register('other')
        nothing = self.deleted_nothing
        for client_id, status in (('host', 204), ('host', nothing), ('missing', nothing)):
            answer = self.api.delete(self.url('clients', client_id), status=status)
            self.assertEqual(status == 204, answer.body == b'')
        self.assertEqual(404, self.api.get(self.url('clients', 'host'), status=404).json['code'])
        self.assertEqual(['other'], self.listed())

    def test_jobs_outlive_their_client(self) -> None:
        self.register('host')
        job = {'job_id': 'j1', 'client_id': 'host', 'job_actions': []}
        self.api.create_job(job)
        self.api.delete(self.url('clients', 'host'), status=204)
        self.assertEqual('host', self.api.get(self.url('jobs', 'j1')).json['client_id'])
        for event in ('start', 'stop', 'abort'):
            self.api.post(self.url('jobs', 'j1', 'event'), json={event: None}, status=202)

    def test_clients_can_be_neither_patched_nor_replaced(self) -> None:
        self.register('host')
        for method in ('PATCH', 'POST', 'PUT'):
            self.api.request(method, self.url('clients', 'host'), json={}, status=405)

    def test_clients_are_found_by_their_keys(self) -> None:
        self.register('p1_a', hostname='alpha', uuid='u-a', description='The first', config_id='c')
        self.register('p1_b', hostname='beta', uuid='u-b', description='see p1_a, alpha or u-a')
        for match, expected in (
            ([{'client_id': 'p1_a'}], ['p1_a']),
            ([{'client.client_id': 'p1_a'}], ['p1_a']),
            ([{'hostname': 'beta'}], ['p1_b']),
            ([{'config_id': 'c'}], ['p1_a']),
            ([{'is_central': False}], ['p1_a', 'p1_b']),
            ([{'hostname': 'beta'}, {'client_id': 'p1_a'}], []),
            ([{'_all': 'first'}], ['p1_a']),
            # The dashboard takes the first one for the one it asked for.
            ([{'_all': 'u-a'}], ['p1_a', 'p1_b']),
            ([{'_all': 'alpha'}], ['p1_a', 'p1_b']),
            ([{'_all': 'p1_a'}], ['p1_a', 'p1_b']),
            ([{'_all': 'u-b'}], ['p1_b']),
            ([{'_all': 'nothing'}], []),
        ):
            with self.subTest(match):
                self.assertEqual(expected, self.listed(match=match))
        self.assertEqual(['p1_b'], self.listed(match_not=[{'hostname': 'alpha'}]))


class CentralClientTest(ClientsTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.admin = self.as_(user='root', project='p0', roles='admin')

    def test_only_admin_and_service_may_register_a_central_client(self) -> None:
        for roles, status in (
            ('member', 403),
            ('member,reader', 403),
            ('reader', 403),
            # It may not register clients at all.
            ('service', 403),
            ('service,member', 201),
            ('admin', 201),
        ):
            with self.subTest(roles):
                caller = self.as_(roles=roles)
                client_id = roles.replace(',', '-')
                if status == 403:
                    self.refused(403, client_id, caller, is_central=True)
                    caller_sees = self.as_().get(self.url('clients', client_id), status=404)
                    self.assertEqual(404, caller_sees.json['code'])
                else:
                    self.register(client_id, caller, is_central=True)
                    self.assertIs(True, self.client(client_id)['is_central'])

    def test_everybody_sees_a_central_client(self) -> None:
        self.register('central', self.admin, is_central=True)
        self.register('own')
        self.assertEqual('root', self.shown('central')['user_id'])
        self.assertEqual(['central', 'own'], self.listed())
        self.assertEqual(['own'], self.listed(match=[{'is_central': False}]))
        self.assertEqual(['central'], self.listed(match=[{'_all': 'central'}]))
        self.assertEqual(['central'], self.listed(self.admin))
        self.assertEqual(['central'], self.listed(self.as_(user='bob', project='p2')))

    def test_every_project_may_have_jobs_on_a_central_client(self) -> None:
        self.register('central', self.admin, is_central=True, supported_modes=['fs'])
        for mode, status in (('fs', 201), ('mysql', 422)):
            definition = {'action': 'backup', 'mode': mode}
            job = {'client_id': 'central', 'job_actions': [{'freezer_action': definition}]}
            self.api.post(self.url('jobs'), json=job, status=status)

    @base.only('v2')
    def test_job_ids_are_unique_on_a_central_client(self) -> None:
        self.register('central', self.admin, is_central=True)
        bob = self.as_(user='bob', project='p2')
        job = {'job_id': 'same', 'client_id': 'central', 'job_actions': []}
        self.api.post(self.url('jobs'), json=job, status=201)
        bob.post(bob.url('jobs'), json=job, status=409)
        bob.post(bob.url('jobs', 'same'), json=job, status=409)
        bob.get(bob.url('jobs', 'same'), status=404)

    def test_a_central_client_has_one_owner(self) -> None:
        self.register('central', self.admin, hostname='first', is_central=True)
        other = self.as_(user='root', project='p9', roles='admin')
        for hostname in ('first', 'second'):
            self.refused(409, 'central', other, hostname=hostname, is_central=True)
        self.assertEqual('first', self.client('central')['hostname'])

    def test_the_id_of_a_central_client_is_taken_for_all_others(self) -> None:
        self.register('central', self.admin, is_central=True)
        self.refused(409, 'central')

    def test_the_owner_may_register_it_again(self) -> None:
        self.register('central', self.admin, is_central=True)
        self.register('central', self.admin, is_central=True, hostname='b', description='x')
        client = self.client('central')
        self.assertEqual((True, 'x'), (client['is_central'], client['description']))

    def test_an_id_in_use_elsewhere_does_not_become_central(self) -> None:
        self.register('host')
        self.register('used')
        self.api.post(self.url('jobs'), json={'client_id': 'used', 'job_actions': []}, status=201)
        self.api.delete(self.url('clients', 'used'), status=204)
        for client_id in ('host', 'used'):
            with self.subTest(client_id):
                self.refused(409, client_id, self.admin, is_central=True)
        # What the own project has is no hindrance.
        self.register('used', self.as_(user='root', roles='admin'), is_central=True)

    def test_only_the_owner_deletes_it(self) -> None:
        self.register('central', self.admin, is_central=True)
        stored = self.rows()
        for caller in (self.api, self.as_(user='root', project='p1', roles='admin')):
            answer = caller.delete(caller.url('clients', 'central'), status=403)
            self.assertEqual(403, answer.json['code'])
        self.assertEqual(stored, self.rows())
        self.admin.delete(self.admin.url('clients', 'central'), status=204)
        self.assertEqual([], self.listed())
        # Its id is free again, for anybody.
        self.register('central')

    def test_the_owner_may_register_it_again_after_deleting_it(self) -> None:
        self.register('central', self.admin, is_central=True)
        job = {'job_id': 'j1', 'client_id': 'central', 'job_actions': []}
        self.api.create_job(job)
        path = self.admin.url('clients', 'central')
        for is_central in (True, False, True):
            self.admin.delete(path, status=204)
            self.register('central', self.admin, is_central=is_central)
            self.assertIs(is_central, self.shown('central', self.admin)['client']['is_central'])
        # The jobs were waiting for it.
        self.api.create_job({**job, 'job_id': 'j2'})
        for job_id in ('j1', 'j2'):
            self.assertEqual('central', self.api.get(self.url('jobs', job_id)).json['client_id'])

    def test_nobody_else_gets_jobs_that_wait_for_a_central_client(self) -> None:
        self.register('central', self.admin, is_central=True)
        job_id = self.api.create_job({'client_id': 'central', 'job_actions': []})
        self.admin.delete(self.admin.url('clients', 'central'), status=204)
        other = self.as_(user='root', project='p9', roles='admin')
        for caller, is_central in ((other, True), (other, False), (self.api, False)):
            self.refused(409, 'central', caller, is_central=is_central)
        self.api.delete(self.url('jobs', job_id), status=204)
        self.register('central', other, is_central=True)
        self.refused(409, 'central', self.admin, is_central=True)

    def test_jobs_for_the_own_client_do_not_go_to_a_central_one(self) -> None:
        self.register('central', self.admin, is_central=True)
        self.api.create_job({'job_id': 'given', 'client_id': 'central', 'job_actions': []})
        self.admin.delete(self.admin.url('clients', 'central'), status=204)
        self.api.delete(self.url('jobs', 'given'), status=204)
        self.register('central')
        self.api.create_job({'job_id': 'own', 'client_id': 'central', 'job_actions': []})
        self.api.delete(self.url('clients', 'central'), status=204)
        self.refused(409, 'central', self.admin, is_central=True)
