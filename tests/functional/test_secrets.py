# SPDX-License-Identifier: Apache-2.0
"""Secrets in documents: intact for those who run backups, masked for readers, and in no log or error."""

import dataclasses
import io
import json
import logging
from pathlib import Path
from typing import Any

import fixtures
import webtest
from sqlalchemy import event

from tests import base, routes
from tests.routes import ROUTES

CANARY = 'canary-5d0c1b7e'

# As published agents, and those before them, spell what opens something.
SECRETS = {
    **{
        name: f'{CANARY}-{name}'
        for name in (
            *('ssh_key', 'ssh_password', 'ftp_password', 'ftp_keyfile', 'access_key', 'secret_key'),
            *('mysql_conf', 'sql_server_conf', 'encrypt_pass_file', 'os_password', 'auth_token'),
        )
    },
    'proxy': f'http://me:{CANARY}@proxy.example:3128',
    'nested': {'list': [{'password': CANARY}]},
    'proxies': {'http': f'me:{CANARY}@proxy.example:3128'},
    'pre_command': ['mysqldump', '--password', CANARY],
}


def planted(value: Any) -> Any:
    """The JSON value with the canary at the end of every text that may be any, and with secrets in every object."""
    if isinstance(value, dict):
        return {key: planted(item) for key, item in value.items()}
    if isinstance(value, list):
        return [planted(item) for item in value]
    return f'{value} {CANARY}' if value in ('text', 'nightly', 'all', 'vault', '/srv', 'www') else value


class SecretsTest(routes.RouteTestCase):
    def reader(self) -> base.Client:
        return self.as_('alice', 'p1', 'reader')

    def plant(self) -> None:
        """Put secrets into one document of each kind."""
        for method, path, document in (
            ('POST', ('actions', 'a1'), {'freezer_action': {'action': 'backup', **SECRETS}}),
            ('POST', ('clients',), {'client_id': 'web01', **SECRETS}),
            ('POST', ('sessions', 's1'), {'schedule': {}, 'session_tag': 0, **SECRETS}),
            ('PATCH', ('backups', self.ids['{backup_id}']), {'backup_metadata': SECRETS}),
        ):
            self.api.request(method, self.v2(*path), json=document, status=(200, 201))
        entry = {'freezer_action': {'action': 'info', **SECRETS}, **SECRETS}
        self.api.patch(self.v2('jobs', 'j1'), json={'job_actions': [entry, {'action_id': 'a1'}]})

    def gets(self) -> list[str]:
        return [route for route in ROUTES if route.startswith('GET')]

    def test_members_and_services_see_secrets(self) -> None:
        self.plant()
        for route in self.gets():
            for roles in ('member', 'manager', 'admin', 'service'):
                answer = self.send(route, api=self.as_('alice', 'p1', roles))
                self.assertIn(CANARY, answer.text, f'{route} {roles}')

    def test_readers_see_none(self) -> None:
        self.plant()
        for route in self.gets():
            answer = self.send(route, api=self.reader())
            self.assertEqual(200, answer.status_int, route)
            self.assertNotIn(CANARY, answer.text, route)
            self.assertIn('***', answer.text, route)

    def with_rules(self, rules: dict[str, str]) -> base.Client:
        """A member who calls an application with changed rules."""
        path = Path(self.useFixture(fixtures.TempDir()).path, 'policy.yaml')
        path.write_text(json.dumps(rules))
        return self.client_of(self.build_app(**{'oslo_policy.policy_file': str(path)}))

    @base.only('v2')
    def test_jobs_of_all_projects_show_the_secrets_of_those_where_the_caller_may_see_them(self) -> None:
        api = self.with_rules({'jobs:get_all_projects': 'role:auditor or role:admin'})
        theirs = dataclasses.replace(api, user='bob', project='p2')
        theirs.post(theirs.url('clients'), json={'client_id': 'web02'}, status=201)
        for caller, client_id, secret in ((theirs, 'web02', 'theirs'), (api, 'web01', 'own')):
            entry = {'freezer_action': {'action': 'exec', 'ssh_password': secret}}
            job = {'client_id': client_id, 'job_actions': [entry]}
            caller.post(caller.url('jobs'), json=job, status=201)
        for roles, seen in (
            ('member,auditor', {'own', '***'}),
            ('reader,auditor', {'***'}),
            ('admin', {'own', 'theirs'}),
        ):
            caller = dataclasses.replace(api, user='carol', roles=roles)
            found = caller.get(caller.url('jobs'), params={'all_projects': 'true', 'limit': 100})
            passwords = {
                entry['freezer_action'].get('ssh_password')
                for job in found.json['jobs']
                for entry in job['job_actions']
            }
            self.assertEqual(seen, passwords - {None}, roles)

    def test_central_client_shows_its_secrets_to_its_own_project_and_to_services(self) -> None:
        owner = self.as_('root', 'ops', 'admin')
        client = {'client_id': 'central', 'is_central': True, 'ssh_password': CANARY}
        owner.post(owner.url('clients'), json=client, status=201)
        for caller, seen in (
            (self.as_('alice', 'p1', 'member'), '***'),
            (self.as_('alice', 'p1', 'service'), CANARY),
            (self.as_('olga', 'ops', 'member'), CANARY),
            (self.as_('olga', 'ops', 'reader'), '***'),
        ):
            one = caller.get(caller.url('clients', 'central')).json
            self.assertEqual(seen, one['client']['ssh_password'])
            self.assertIn(one, caller.get(caller.url('clients')).json['clients'])

    def test_masks_are_not_written_over_secrets_by_those_who_see_masks(self) -> None:
        self.plant()
        collections = ('actions', 'jobs', 'sessions', 'backups', 'clients')
        verbs = ('create', 'update', 'replace')
        api = self.with_rules({f'{c}:{verb}': 'role:operator' for c in collections for verb in verbs})
        operator = dataclasses.replace(api, roles='reader,operator')
        stored = self.rows()
        for method, *segments in (
            ('PATCH', 'actions', 'a1'),
            ('POST', 'actions', 'a1'),
            ('PATCH', 'jobs', 'j1'),
            ('POST', 'jobs', 'j1'),
            ('PATCH', 'sessions', 's1'),
            ('POST', 'sessions', 's1'),
            ('POST', 'clients', 'web01'),
            ('PATCH', 'backups', self.ids['{backup_id}']),
        ):
            shown = operator.get(operator.v2(*segments), status=200).json
            if segments[0] == 'clients':
                shown = shown['client']
                segments.pop()
            answer = operator.request(method, operator.v2(*segments), json=shown, status=400)
            self.assertIn('ssh_', answer.json['description'])
        self.assertEqual(stored, self.rows())

    def test_those_who_see_masks_may_change_the_rest(self) -> None:
        self.plant()
        api = self.with_rules({'actions:update': 'role:operator', 'jobs:update': 'role:operator'})
        operator = dataclasses.replace(api, roles='reader,operator')
        for change in ({'max_retries': 3}, {'freezer_action': {'ssh_key': 'new'}}):
            operator.patch(operator.v2('actions', 'a1'), json=change, status=200)
        definition = self.api.get(self.v2('actions', 'a1')).json['freezer_action']
        self.assertEqual(('new', SECRETS['ssh_password']), (definition['ssh_key'], definition['ssh_password']))
        echo = {'description': 'new', 'user_credentials': {'trust_id': '***'}}
        operator.patch(operator.v2('jobs', 'j1'), json=echo, status=200)

    def test_readers_cannot_guess_them_by_searching(self) -> None:
        self.plant()
        found = {'match': [{'_all': CANARY}]}
        for collection in ('actions', 'backups', 'clients', 'jobs', 'sessions'):
            answer = self.reader().get(self.v2(collection), json=found, status=200)
            self.assertEqual([], answer.json[collection])
            for key in ('ssh_password', 'freezer_action.secret_key', 'nested.list.password'):
                for name in ('match', 'match_not'):
                    search = {name: [{key: CANARY}]}
                    self.reader().get(self.v2(collection), json=search, status=400)
        for key, value in (
            ('freezer_action.command', 'mysqldump --password=guess x'),
            ('proxy', 'http://me:guess@proxy.example:3128'),
            ('freezer_action.proxies.http', 'me:guess@proxy.example:3128'),
            ('freezer_action.pre_command', 'mysqldump --password guess x'),
        ):
            search = {'match': [{key: value}]}
            self.reader().get(self.v2('actions'), json=search, status=400)
        host = 'ftp://me:guess@host.example'
        backup = {'backup_name': 'www', 'container': 'vault', 'hostname': host, 'client_id': host}
        self.api.post(self.v2('backups'), json=backup)
        self.reader().get(self.v2('backups'), json={'match': [{'_all': host}]}, status=400)
        stored = self.api.get(self.v2('actions', 'a1')).json['freezer_action']
        for name in ('proxy', 'proxies', 'pre_command'):
            del stored[name]
        for text in (json.dumps(stored), json.dumps(stored, separators=(',', ':'))):
            search = {'match': [{'freezer_action': text}]}
            answer = self.reader().get(self.v2('actions'), json=search, status=200)
            self.assertEqual([], answer.json['actions'])

    def test_what_is_no_secret_is_still_found(self) -> None:
        self.plant()
        for text in ('proxy.example', 'web01'):
            answer = self.reader().get(self.v2('clients'), json={'match': [{'_all': text}]})
            self.assertEqual(1, len(answer.json['clients']), text)

    def test_no_route_logs_or_quotes_a_secret(self) -> None:
        log = io.StringIO()
        for name in ('', 'sqlalchemy.engine', 'sqlalchemy.pool'):
            handler = logging.StreamHandler(log)
            self.useFixture(fixtures.LogHandler(handler, name, logging.DEBUG, nuke_handlers=False))
        answers: list[webtest.TestResponse] = []
        for route, sample in self.samples():
            body = json.dumps(planted(sample.body)).encode() if sample.body else b''
            broken = [body, body[:-2], body.replace(b'"', b'\\')]
            broken.append(json.dumps({'unknown': CANARY}).encode())
            for wrong in ({'job_actions': CANARY}, {'schedule': CANARY}, [CANARY], CANARY):
                broken.append(json.dumps(wrong).encode())
            for content in broken if sample.body else [b'']:
                answers.append(self.send(route, content))
                answers.append(self.send(route, content, api=self.reader()))
                answers.append(self.send(route, content, query=f'limit={CANARY}'))
            self.restore()
        failures = self.failures_of_the_database()
        self.assertIn(500, {answer.status_int for answer in failures})
        answers += failures
        answers.append(self.api.get('/healthcheck', status='*'))
        for answer in answers:
            if answer.status_int >= 400:
                self.assertNotIn(CANARY, answer.text)
                self.assertNotIn(CANARY, str(dict(answer.headers)))
        self.assertIn('INSERT INTO jobs', log.getvalue())
        self.assertNotIn(CANARY, log.getvalue())

    def failures_of_the_database(self) -> list[webtest.TestResponse]:
        """Answers to writes whose statements fail, with the values that they carry."""
        application = self.build_app()

        def fail(
            connection: Any, cursor: Any, statement: str, parameters: Any, context: Any, many: bool
        ) -> tuple[str, Any]:
            for word in ('INSERT INTO ', 'UPDATE '):
                statement = statement.replace(word, f'NO {word}')
            return statement, parameters

        for engine in application.database.engines:
            event.listen(engine, 'before_cursor_execute', fail, retval=True)
        client = self.client_of(application)
        return [
            client.request(
                route.split()[0], self.path(route), json=planted(sample.body), status='*'
            )
            for route, sample in self.bodies()
            if not route.startswith('GET')
        ]


