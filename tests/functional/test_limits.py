# SPDX-License-Identifier: Apache-2.0
"""What a single request may ask for, and that many requests leave nothing behind in memory."""

import gc
import io
import itertools
import tracemalloc
import uuid
from collections.abc import Iterable
from typing import Any

import fixtures
from keystoneauth1 import loading
from keystonemiddleware import opts as auth_options

from freezer_api.api import app as api_app
from freezer_api.api import token_cache
from tests import base, fake_tokens

BACKUP = {'backup_name': 'www', 'container': 'vault', 'hostname': 'web01'}


class LimitsTest(base.ApiTestCase):
    versions = ('v1', 'v2')
    v1_everywhere = False

    def refused(self, api: base.Client, body: Any, *words: str) -> None:
        """A document and a list with the body: 400, in words that say why."""
        for method in ('POST', 'GET'):
            answer = api.request(method, self.url('backups'), json=body, status=400)
            self.assertEqual({'title', 'description', 'code'}, set(answer.json))
            for word in words:
                self.assertIn(word, answer.json['description'])

    def test_number_of_keys(self) -> None:
        self.api.post(self.url('backups'), json={**BACKUP, 'files': dict.fromkeys(range(19000), 1)})
        self.refused(self.api, {**BACKUP, 'f': dict.fromkeys(range(20001), 1)}, '20000 keys')
        # Of all objects together.
        self.refused(self.api, {**BACKUP, 'f': [{'a': 1}] * 20_001}, '20000 keys')

    def test_length_of_lists(self) -> None:
        self.api.post(self.url('backups'), json={**BACKUP, 'files': [1] * 100_000})
        self.refused(self.api, {**BACKUP, 'f': [1] * 100_001}, '100000 entries')

    def test_length_of_keys(self) -> None:
        self.api.post(self.url('backups'), json={**BACKUP, 'k' * 1024: 1})
        self.refused(self.api, {**BACKUP, 'f': {'ü' * 1025: 1}}, '1024 characters', 'key')

    def test_length_of_texts(self) -> None:
        self.api.post(self.url('backups'), json={**BACKUP, 'files': 'x' * 524_288})
        self.refused(self.api, {**BACKUP, 'f': ['x' * 524_289]}, '524288 characters', 'text')

    def test_terms_of_searches(self) -> None:
        for entries, word in (
            ([{'free': 'x'}] * 101, '100 conditions'),
            ([{'_all': 'x'}] * 101, '100 conditions'),
            ([{'_all': 'x' * 1001}], '1000 characters'),
        ):
            for collection in ('jobs', 'backups'):
                path = self.url(collection)
                answer = self.api.get(path, json={'match': entries}, status=400)
                self.assertIn(word, answer.json['description'])

    def test_each_limit_is_an_option(self) -> None:
        limits = {
            'api.max_keys': (1000, {'f': dict.fromkeys(range(1001), 1)}),
            'api.max_list_length': (100, {'f': [1] * 101}),
            'api.max_key_length': (64, {'k' * 65: 1}),
            'api.max_text_length': (4096, {'f': 'x' * 4097}),
            'api.max_depth': (8, {'f': [[[[[[[[1]]]]]]]]}),
            'api.max_search_conditions': (10, {'match': [{'free': 1}] * 11}),
            'api.max_search_text': (64, {'match': [{'_all': 'x' * 65}]}),
        }
        options = {name: value for name, (value, _) in limits.items()}
        strict = self.client_of(self.build_app(**options))
        for name, (value, body) in limits.items():
            answer = strict.get(self.url('backups'), json=body, status=400)
            self.assertIn(str(value), answer.json['description'], name)
            self.api.get(self.url('backups'), json=body, status=200)

    def test_as_many_terms_as_can_be_configured_are_searched_for(self) -> None:
        lenient = self.client_of(self.build_app(**{'api.max_search_conditions': 200}))
        for collection in ('actions', 'backups', 'clients', 'jobs', 'sessions'):
            for entry in ({'free': 'x'}, {'status': 'x'}, {'_all': 'x'}):
                lenient.get(self.url(collection), json={'match': [entry] * 200}, status=200)
            body = {'match_not': [{f'key{n}': 'x'} for n in range(200)]}
            lenient.get(self.url(collection), json=body, status=200)

    def test_a_body_that_is_too_long_is_told_so(self) -> None:
        small = self.client_of(self.build_app(**{'api.max_depth': 8}))
        body = {'f': ['x' * 100_000] * 11}
        for api in (self.api, small):
            answer = api.post(self.url('backups'), json=body, status=413)
            self.assertIn('more bytes', answer.json['description'])


class TokenCacheTest(base.TestCase):
    def test_what_was_not_asked_for_longest_makes_room(self) -> None:
        cache = token_cache.TokenCache(2)
        for key in 'ab':
            cache.set(key, key.encode(), time=60)
        self.assertEqual(b'a', cache.get('a'))
        cache.set('c', b'c', time=60)
        self.assertEqual([b'a', None, b'c'], [cache.get(key) for key in 'abc'])

    def test_nothing_is_kept_beyond_its_time(self) -> None:
        cache = token_cache.TokenCache(2)
        cache.set('a', b'a', time=-1)
        self.assertIsNone(cache.get('a'))


# Bytes of memory that a thousand requests may leave behind: noise, much less than one byte for each.
NOISE = 100_000


def environ(path: str, **headers: str) -> dict[str, Any]:
    """What a server passes on of a GET from this host."""
    return {
        'REQUEST_METHOD': 'GET',
        'SCRIPT_NAME': '',
        'PATH_INFO': path,
        'QUERY_STRING': '',
        'SERVER_NAME': '127.0.0.1',
        'SERVER_PORT': '9090',
        'SERVER_PROTOCOL': 'HTTP/1.1',
        'REMOTE_ADDR': '127.0.0.1',
        'HTTP_HOST': '127.0.0.1:9090',
        'wsgi.version': (1, 0),
        'wsgi.url_scheme': 'http',
        'wsgi.input': io.BytesIO(b''),
        'wsgi.errors': io.StringIO(),
        'wsgi.multithread': True,
        'wsgi.multiprocess': True,
        'wsgi.run_once': False,
        **headers,
    }


def send(application: Any, sent: dict[str, Any]) -> int:
    """Send a request; return the status."""
    statuses: list[int] = []

    def start_response(status: str, headers: Any, exc_info: Any = None) -> None:
        statuses.append(int(status[:3]))

    for _ in application(sent, start_response):
        pass
    return statuses[0]


class FloodTest(base.ApiTestCase):
    """Memory is that of this process, as its allocator counts it. ``benchmarks/floods.py`` sends more."""

    one_database = True

    def assert_flat(
        self, application: Any, requests: Iterable[dict[str, Any]], status: int, number: int = 500
    ) -> None:
        """So many requests fill what is kept on purpose, and as many again leave nothing more."""
        requests = iter(requests)
        sizes = []
        tracemalloc.start()
        try:
            for _ in range(2):
                for sent in itertools.islice(requests, number):
                    self.assertEqual(status, send(application, sent))
                # The log of a test keeps all lines.
                self.log.reset_output()
                gc.collect()
                sizes.append(tracemalloc.get_traced_memory()[0])
        finally:
            tracemalloc.stop()
        self.assertLess(sizes[1] - sizes[0], NOISE)

    def new_names(self) -> Iterable[str]:
        while True:
            yield uuid.uuid4().hex * 20

    def test_unknown_paths(self) -> None:
        for application, status in ((self.build_app(), 404), (self.protected(), 401)):
            paths = (f'/v2/{name}/{name}' for name in self.new_names())
            self.assert_flat(application, (environ(path) for path in paths), status)

    def protected(self) -> Any:
        """The service, asking a Keystone who calls."""
        options = self.useFixture(fake_tokens.FakeKeystone()).options
        conf = base.new_conf(self.database.url, auth_strategy='keystone')
        for group, opts in auth_options.list_auth_token_opts():
            conf.register_opts(opts, group=group)
        password = loading.get_auth_plugin_conf_options('password')
        conf.register_opts(password, group='keystone_authtoken')
        for name, value in options.items():
            conf.set_override(name, value, group='keystone_authtoken')
        application = api_app.build(conf)
        self.addCleanup(application.database.dispose)
        return application

    def test_random_tokens(self) -> None:
        requests = (
            environ('/v2/p1/jobs', HTTP_X_AUTH_TOKEN=name) for name in self.new_names()
        )
        self.assert_flat(self.protected(), requests, 401)

    def test_new_tokens_of_a_user(self) -> None:
        self.useFixture(fixtures.MonkeyPatch('freezer_api.api.token_cache.MAX_ENTRIES', 100))
        requests = (
            environ('/v2/p1/jobs/absent', HTTP_X_AUTH_TOKEN=fake_tokens.GOOD + name)
            for name in self.new_names()
        )
        self.assert_flat(self.protected(), requests, 404, 400)

    def test_random_callers(self) -> None:
        """Each is a decision by the policy that was never made before."""
        requests = (
            environ(
                '/v2/p1/jobs',
                HTTP_X_USER_ID=name[:64],
                HTTP_X_PROJECT_ID=name[:64],
                HTTP_X_ROLES=name,
            )
            for name in self.new_names()
        )
        self.assert_flat(self.build_app(), requests, 403, 1200)
