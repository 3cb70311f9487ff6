# SPDX-License-Identifier: Apache-2.0
"""Tokens of a real Keystone at the real service: who is let in, for what, and for how long."""

import datetime
import functools
import time
from collections.abc import Callable
from typing import Any

from keystoneauth1 import session as keystone_session

from tests import routes
from tests.integration import deployment, keystone, programs, real, report

# Seconds.
CACHE_TIME = 2
# What a request may take besides.
SLACK = 3

# One process, so one cache; quick to give Keystone up.
_OPTIONS = """\
token_cache_time = {}
http_connect_timeout = 1
http_request_max_retries = 0
[DEFAULT]
workers = 1
"""

_BACKUP = {'backup_name': 'www', 'container': 'vault', 'hostname': 'web01'}
_CENTRAL = {'client_id': 'central', 'is_central': True}

# What auth_token would write, in the spellings that it and oslo.context know.
_CLAIMS = {
    'X-Identity-Status': 'Confirmed',
    'X-Service-Identity-Status': 'Confirmed',
    'X-Roles': 'admin,member,service',
    'X-Role': 'admin',
    'X-Service-Roles': 'service',
    'X-User-Id': 'admin',
    'X-User': 'admin',
    'X-User-Name': 'admin',
    'X-Domain-Id': 'default',
    'X-Is-Admin-Project': 'True',
    'OpenStack-System-Scope': 'all',
}


@functools.cache
def beside(cache_time: int) -> deployment.Deployment:
    """A service beside the first that knows for so many seconds what Keystone told of a token."""
    options = _OPTIONS.format(cache_time)
    return deployment.start().beside(f'freezer-api-{cache_time}', options)


class TokensTestCase(real.RealTest):
    def setUp(self) -> None:
        super().setUp()
        self.identity = self.deployment.identity
        self.http = keystone_session.Session(timeout=60)
        self.jobs = self.path('jobs')

    def path(self, *segments: str) -> str:
        return '/'.join(('/v2', self.member.project_id, *segments))

    def send(
        self,
        method: str,
        path: str,
        token: str = '',
        document: Any = None,
        at: deployment.Deployment | None = None,
        **headers: str,
    ) -> Any:
        """The answer; errors must be of our form."""
        if token:
            headers['X-Auth-Token'] = token
        url = f'{(at or self.deployment).url}{path}'
        answer = self.http.request(
            url, method, json=document, headers=headers, redirect=False, raise_exc=False
        )
        self.assertTrue(answer.headers['x-openstack-request-id'].startswith('req-'))
        if answer.status_code >= 400 and method != 'HEAD':
            self.assertEqual('application/json', answer.headers['Content-Type'], answer.text)
            body = answer.json()
            self.assertEqual({'title', 'description', 'code'}, set(body))
            self.assertEqual(answer.status_code, body['code'])
        if answer.status_code == 401:
            self.assertIn(self.identity.url, answer.headers['WWW-Authenticate'])
        return answer

    def status(self, *request: Any, **options: Any) -> int:
        """The status of the answer to :meth:`send`."""
        return int(self.send(*request, **options).status_code)

    def beside(self, cache_time: int) -> deployment.Deployment:
        """As the function of this name; the log of the service is shown too if the test fails."""
        service = beside(cache_time)
        self._programs[service.service] = len(service.service.output)
        return service


class ScopesTest(TokensTestCase):
    """Who holds a token, and what for."""

    def test_each_persona_does_what_its_role_allows(self) -> None:
        other = f'/v2/{self.identity.new_project()[0]}'
        own = f'/v2/{self.project[0]}'
        action = {'freezer_action': {'action': 'backup'}}
        requests = (
            ('GET', f'{own}/jobs', None),
            ('POST', f'{own}/actions', action),
            ('POST', f'{own}/backups', _BACKUP),
            ('POST', f'{own}/clients', _CENTRAL),
            ('GET', f'{other}/jobs', None),
            ('POST', f'{other}/actions', action),
            ('POST', f'{other}/backups', _BACKUP),
            ('GET', '/v1/jobs', None),
            ('DELETE', f'{own}/clients/central', None),
        )
        expected = {
            'reader': (200, 403, 403, 403, 403, 403, 403, 200, 403),
            'member': (200, 201, 201, 403, 403, 403, 403, 200, 204),
            'manager': (200, 201, 201, 403, 403, 403, 403, 200, 204),
            'service': (200, 403, 201, 403, 200, 403, 201, 200, 403),
            'admin': (200, 201, 201, 201, 200, 201, 201, 200, 204),
        }
        for role, statuses in expected.items():
            account = self.identity.new_account(self.project, role)
            token = account.token()
            found = tuple(self.status(method, path, token, body) for method, path, body in requests)
            self.assertEqual(statuses, found, role)

    def test_token_for_no_project_is_refused(self) -> None:
        account = self.identity.new_account(self.project, 'admin')
        self.identity.grant_on_domain(account, 'admin')
        self.identity.grant_on_system(account, 'admin')
        for scope in ({'unscoped': True}, {'domain_id': 'default'}, {'system_scope': 'all'}):
            token = account.token(**scope)
            for version in ('/v1', f'/v2/{self.project[0]}'):
                for method, path in (
                    ('GET', '/jobs'),
                    ('POST', '/backups'),
                    ('GET', '/clients/absent'),
                    ('DELETE', '/jobs/absent'),
                ):
                    answer = self.send(method, version + path, token, _BACKUP)
                    self.assertEqual(403, answer.status_code, f'{scope} {method} {version}{path}')
                    self.assertIn('for a project', answer.json()['description'])
        self.assertEqual([], self.deployment.get(self.member, 'backups')['backups'])


class ApplicationCredentialsTest(TokensTestCase):
    def restricted(self, *rules: tuple[str, str]) -> str:
        """A token by a credential with these access rules for the service."""
        documents = [
            {'method': method, 'path': path, 'service': 'backup'} for method, path in rules
        ]
        return self.member.token_by(self.member.credential(access_rules=documents))

    def test_unrestricted_one_does_what_its_user_may(self) -> None:
        token = self.member.token_by(self.member.credential())
        self.assertEqual(201, self.status('POST', self.path('backups'), token, _BACKUP))
        self.assertEqual(1, len(self.send('GET', self.path('backups'), token).json()['backups']))
        self.assertEqual(200, self.status('HEAD', self.jobs, token))

    def test_access_rules_let_pass_what_they_name_alone(self) -> None:
        rules = (
            # With slashes: requests of python-freezerclient.
            (('GET', self.jobs), {'jobs'}),
            (('GET', '/v2/*/jobs'), {'jobs'}),
            (('GET', '/v2/{project_id}/jobs/'), {'jobs/'}),
            (('GET', '/v2/*/jobs/*'), {'jobs/absent'}),
            (('GET', '/v2/*/jobs/**'), {'jobs/', 'jobs/absent'}),
            (('GET', '/v2/**'), {'jobs', 'jobs/', 'jobs/absent', 'clients'}),
            (('GET', '/v1/jobs'), set()),
            (('POST', '/v2/*/jobs'), set()),
        )
        for rule, expected in rules:
            token = self.restricted(rule)
            passed = set()
            for rest in ('jobs', 'jobs/', 'jobs/absent', 'clients'):
                status = self.status('GET', self.path(rest), token)
                self.assertIn(status, (200, 404, 401))
                if status != 401:
                    passed.add(rest)
            self.assertEqual(expected, passed, rule)
            self.assertEqual(401, self.status('POST', self.path('backups'), token, _BACKUP), rule)

    def test_rules_for_another_service_let_nothing_pass(self) -> None:
        rule = {'method': 'GET', 'path': '/v2/**', 'service': 'identity'}
        token = self.member.token_by(self.member.credential(access_rules=[rule]))
        self.assertEqual(401, self.status('GET', self.jobs, token))

    def test_rule_of_v1(self) -> None:
        token = self.restricted(('GET', '/v1/jobs'))
        self.assertEqual(200, self.status('GET', '/v1/jobs', token))
        self.assertEqual(401, self.status('GET', '/v1/clients', token))

    def test_token_of_a_user_does_not_lead_past_the_rules(self) -> None:
        token = self.restricted(('GET', self.jobs))
        service = {'X-Service-Token': self.member.token()}
        for path in (self.jobs, self.path('clients')):
            self.assertEqual(401, self.status('GET', path, token, **service))

    def test_one_that_expires_is_refused_from_then_on(self) -> None:
        now = datetime.datetime.now(datetime.UTC)
        end = now + datetime.timedelta(seconds=keystone.HASTE)
        credential = self.member.credential(expires_at=f'{end:%Y-%m-%dT%H:%M:%S}.0')
        token = self.member.token_by(credential)
        self.assertEqual(200, self.status('GET', self.jobs, token))
        time.sleep(max(0, (end - datetime.datetime.now(datetime.UTC)).total_seconds()) + 0.5)
        self.assertEqual(401, self.status('GET', self.jobs, token))


class EndsTest(TokensTestCase):
    """Tokens that were good."""

    def check_end(self, end: Callable[[keystone.Account, str], None]) -> None:
        """What was done to a token must count at the latest when the cache forgets it."""
        service = self.beside(CACHE_TIME)
        account = self.identity.new_account(self.identity.new_project(), 'member')
        path = f'/v2/{account.project_id}/jobs'
        token = account.token()
        self.assertEqual(200, self.status('GET', path, token, at=service))
        end(account, token)
        begin = time.monotonic()
        while (status := self.status('GET', path, token, at=service)) == 200:
            self.assertLess(time.monotonic() - begin, CACHE_TIME + SLACK)
            time.sleep(0.1)
        self.assertEqual(401, status)
        # The first one has not seen it, and so has nothing to forget.
        self.assertEqual(401, self.status('GET', path, token))

    def test_revoked(self) -> None:
        self.check_end(lambda account, token: self.identity.revoke(token))

    def test_user_is_disabled(self) -> None:
        self.check_end(lambda account, token: self.identity.disable_user(account))

    def test_project_is_disabled(self) -> None:
        self.check_end(lambda account, token: self.identity.disable_project(account.project_id))

    def test_role_is_withdrawn(self) -> None:
        self.check_end(lambda account, token: self.identity.withdraw(account, 'member'))

    def test_expired_token_is_refused_though_it_is_cached(self) -> None:
        token = self.member.token(self.identity.hasty)
        begin = time.monotonic()
        self.assertEqual(200, self.status('GET', self.jobs, token))
        time.sleep(max(0, begin + keystone.HASTE + 0.5 - time.monotonic()))
        for path in (self.jobs, '/v1/jobs'):
            self.assertEqual(401, self.status('GET', path, token))

    def test_what_is_no_token_of_this_keystone_is_refused(self) -> None:
        token = self.member.token()
        for bad in (token[:-8] + 'AAAAAAAA', 'gAAAAA', 'x' * 8000, '../tokens', 'a b', "' OR 1=1"):
            self.assertEqual(401, self.status('GET', self.jobs, bad), bad)


class ServiceTokensTest(TokensTestCase):
    """A service that acts for a user sends its own token besides."""

    def setUp(self) -> None:
        super().setUp()
        self.service = self.deployment.account.token()

    def sent(self, token: str, service: str) -> int:
        return self.status('GET', self.jobs, token, **{'X-Service-Token': service})

    def expired(self) -> str:
        token = self.member.token(self.identity.hasty)
        time.sleep(keystone.HASTE + 0.5)
        return token

    def test_good_token_with_that_of_a_service(self) -> None:
        self.assertEqual(200, self.sent(self.member.token(), self.service))

    def test_long_task_goes_on_with_an_expired_token_by_a_service_alone(self) -> None:
        token = self.expired()
        self.assertEqual(401, self.status('GET', self.jobs, token))
        self.assertEqual(401, self.sent(token, self.member.token()))
        self.assertEqual(200, self.sent(token, self.service))
        # The answer that is cached by now does not make it good for others.
        self.assertEqual(401, self.status('GET', self.jobs, token))

    def test_bad_one_spoils_a_good_token(self) -> None:
        token = self.member.token()
        for bad in (self.member.token(), self.expired(), 'gAAAAA'):
            self.assertEqual(401, self.sent(token, bad))

    def test_it_is_no_token_by_itself(self) -> None:
        self.assertEqual(401, self.sent('', self.service))
        self.assertEqual(401, self.sent('gAAAAA', self.service))

    def test_it_gives_the_user_no_rights(self) -> None:
        reader = self.identity.new_account(self.project, 'reader').token()
        headers = {'X-Service-Token': self.service}
        self.assertEqual(
            403, self.status('POST', self.path('backups'), reader, _BACKUP, **headers)
        )


class ClaimsTest(TokensTestCase):
    """Headers of identity that a caller sends."""

    def setUp(self) -> None:
        super().setUp()
        names = ('X-Project-Id', 'X-Tenant-Id', 'X-Tenant', 'X-Service-Project-Id')
        self.claims = {**_CLAIMS, **dict.fromkeys(names, self.member.project_id)}

    def each_route(self) -> list[tuple[str, str, Any]]:
        """Method, path and document for every route of both versions."""
        found = []
        for version in ('v1', 'v2'):
            for name, _ in routes.served(version):
                method, path = name.split(' ')
                for place in routes.places(path):
                    path = path.replace(place, 'absent')
                root = '/v1' if version == 'v1' else f'/v2/{self.member.project_id}'
                found.append((method, root + path, routes.ROUTES[name][0].body))
        return found

    def test_they_are_no_token(self) -> None:
        count = 0
        for method, path, document in self.each_route():
            for token in ('', 'gAAAAA'):
                answer = self.send(method, path, token, document, **self.claims)
                self.assertEqual(401, answer.status_code, f'{method} {path}')
                count += 1
        for kind in ('jobs', 'actions', 'sessions', 'clients', 'backups'):
            self.assertEqual([], self.deployment.get(self.member, kind)[kind])
        report.line('identity headers', 'forged', f'{count} requests with no or a bad token: 401')

    def test_they_change_nothing_for_who_has_a_token(self) -> None:
        stranger = self.identity.new_account(self.identity.new_project(), 'reader').token()
        for method, path, document in self.each_route():
            plain = self.send(method, path, stranger, document)
            claimed = self.send(method, path, stranger, document, **self.claims)
            self.assertEqual(
                (plain.status_code, plain.content), (claimed.status_code, claimed.content), path
            )
            if path.startswith('/v2') or method != 'GET':
                self.assertEqual(403, claimed.status_code, f'{method} {path}')
            elif not path.endswith('absent'):
                self.assertEqual([], next(iter(claimed.json().values())))

    def test_they_change_nothing_where_no_token_is_asked_for(self) -> None:
        for path in ('/', '/v1', '/v2', '/healthcheck'):
            for method in ('GET', 'HEAD', 'OPTIONS', 'POST'):
                plain = self.send(method, path)
                for token in ('', 'gAAAAA'):
                    claimed = self.send(method, path, token, **self.claims)
                    self.assertEqual(
                        (plain.status_code, plain.content),
                        (claimed.status_code, claimed.content),
                        f'{method} {path}',
                    )

    def test_underscores_are_no_dashes(self) -> None:
        claims = {name.replace('-', '_'): value for name, value in self.claims.items()}
        self.assertEqual(401, self.status('GET', self.jobs, **claims))


class KeystoneAwayTest(TokensTestCase):
    def check_away(self, service: deployment.Deployment, known: str) -> None:
        answer = self.send('GET', self.jobs, 'unknown', at=service)
        self.assertEqual(503, answer.status_code)
        self.assertIn('Keystone', answer.json()['description'])
        self.assertEqual(200, self.status('GET', self.jobs, known, at=service))
        self.assertEqual(200, self.status('GET', '/healthcheck', at=service))
        self.assertEqual(300, self.status('GET', '/', at=service))

    def known(self, service: deployment.Deployment) -> str:
        """A token that the service has just seen."""
        token = self.member.token()
        self.assertEqual(200, self.status('GET', self.jobs, token, at=service))
        return token

    def test_ended_and_back(self) -> None:
        service = self.beside(300)
        known = self.known(service)
        self.identity.program.end()
        try:
            self.check_away(service, known)
        finally:
            self.identity.serve()
        self.assertEqual(200, self.status('GET', self.jobs, self.member.token(), at=service))
        self.assertEqual(401, self.status('GET', self.jobs, 'unknown', at=service))

    def test_silent_and_back(self) -> None:
        service = self.beside(300)
        known = self.known(service)
        with self.identity.program.paused():
            begin = time.monotonic()
            self.check_away(service, known)
            self.assertLess(time.monotonic() - begin, CACHE_TIME + SLACK)

        def is_back() -> bool:
            return self.status('GET', self.jobs, self.member.token(), at=service) == 200

        programs.wait_for('Keystone', is_back, 30)
