# SPDX-License-Identifier: Apache-2.0
"""Every route with bad queries, searches and conditions: a precise error, never a 5xx, and nothing stored."""

import json
from typing import Any
from urllib import parse as urlparse

import webtest

from freezer_api.api.controllers import root
from tests import routes

BAD_QUERIES = (
    *('limit=abc', 'limit=0', 'limit=-1', 'limit=1.5', 'limit=%2B1', 'limit=%EF%BC%91'),
    *('limit=1,2', 'limit=1&limit=1', 'limit=1&limit=2', 'limit=0x1', 'limit=--1', 'limit=1e3'),
    *('limit=%201', 'limit=1%0A', 'limit=%00', f'limit={"0" * 5000}', f'limit=-{"9" * 5000}'),
    *('offset=abc', 'offset=-1', 'offset=1.5', f'offset={2**63}', f'offset={"9" * 5000}'),
    *('offset=1&offset=1', 'all_projects=true&all_projects=true', 'unknown=%FF', 'unknown=%00'),
    *('a=1&a=1', 'match=x', 'match={}', 'match=[{"a": "\xff"}]', 'unknown=\xff', '\xe4=1'),
    *('match=[1]', 'match=%5B%7B%22a%22:%20NaN%7D%5D', 'match_not="x"', 'time_after=x'),
    *('time_before=1.5', f'time_after={2**63}', 'match=' + '[' * 40 + ']' * 40),
)
# v1 does not look at it.
BAD_FOR_JOBS = ('all_projects=maybe', 'all_projects=2')
GOOD_QUERIES = (
    *('limit=', 'offset=', f'limit={2**63 - 1}', f'offset={2**63 - 1}', 'unknown=1', 'limit'),
    *(f'limit={2**63}', f'limit={"9" * 5000}', f'limit={"0" * 5000}5', f'offset={"0" * 5000}5'),
    *('match=[{"a": "h\xc3\xa9"}]', 'h\xc3\xa9=1', '_method=DELETE', 'marker=a', 'match=', 'time_after=', '%3D=1'),
)


class BadQueriesTest(routes.RouteTestCase):
    # v1 differs from v2 before a database is asked.
    v1_everywhere = False

    def test_bad_queries_of_lists(self) -> None:
        for route in self.routes:
            if routes.is_list(route):
                bad, good = BAD_QUERIES, GOOD_QUERIES
                if 'jobs' in route and self.api_version == 'v2':
                    bad += BAD_FOR_JOBS
                elif 'jobs' in route:
                    good += BAD_FOR_JOBS
                for query in bad:
                    self.check(f'{route}?{query[:40]}', self.send(route, query=query), 400)
                for query in good:
                    self.check(f'{route}?{query}', self.send(route, query=query), 200)
            self.check_untouched(route)
        self.finish()

    def test_queries_may_be_utf8_without_escapes(self) -> None:
        self.api.post(self.v2('clients'), json={'client_id': 'web03', 'description': 'Büro'})
        text = '[{"description": "Büro"}]'
        for query in (text.encode().decode('latin-1'), urlparse.quote(text)):
            answer = self.send('GET /clients', query=f'match={query}')
            self.assertEqual(['web03'], [c['client']['client_id'] for c in answer.json['clients']])

    def test_queries_of_other_routes_mean_nothing(self) -> None:
        queries = ('limit=abc', 'limit=0', 'offset=-1', 'a=1&a=1', 'x=%FF', 'x=%00', '_method=GET')
        for route, samples in self.routes.items():
            if not routes.is_list(route):
                body = samples[0].content
                for query in queries:
                    answer = self.send(route, body, query=query)
                    self.check(f'{route}?{query}', answer, samples[0].status)
                    self.restore()
        self.finish()

    def test_queries_do_not_replace_ids_or_bodies(self) -> None:
        for name, value in self.foreign.items():
            query = f'{name[1:-1]}={value}&project_id=p2&client_id=web02'
            for route, samples in self.routes.items():
                if route.startswith('GET') and name in route:
                    plain = self.send(route)
                    answer = self.send(route, query=query)
                    self.check(f'{route}?{query}', answer, samples[0].status)
                    self.assertEqual(plain.body, answer.body)
        self.finish()

    def test_searches(self) -> None:
        """Odd keys and values: found, not found or refused, but never a failure."""
        keys = [
            *('', '.', '..', 'a.', '.a', 'a..b', '*', '$', '[0]', 'a[0]', '%s', ':x', "'", '"'),
            *('\\', 'a b', 'ü', '☃', '\U0001f4a5', 'x' * 300, 'x' * 5000, 'a\nb', '\x7f', '**'),
            *('.'.join('a' * 40), '.'.join('a' * 200), 'job_schedule', 'job_schedule.', 'client.'),
            *('freezer_action.', 'backup_metadata.x', '__class__', 'id', '-1', '0', 'a-b', '?'),
        ]
        values = [None, True, 0, 1.5, -(2**63), 2**63 - 1, 1e308, '', '%', '\\', "'", 'x' * 5000]
        values += ['ü☃\U0001f4a5', '[]', '[{}]', '[{"a": 1}]', '[1', '[' * 200, 'null', '{}', ' ']
        values += ['[{"a": "\\u0000"}]', '[{"\\u0000": 1}]', '[{"_all": "x"}]', '[{"a": [1]}]']
        values += [f'[{{"session_tag": {"9" * 30}}}]', '[{"a": NaN}]', '[{"a": "\\ud800"}]']
        for collection in root.COLLECTIONS:
            route = f'GET /{collection}'
            for name in ('match', 'match_not'):
                for key in keys:
                    for value in ('x', 1, None):
                        self._search(route, {name: [{key: value}]})
                for value in values:
                    self._search(route, {name: [{'free': value}]})
                    self._search(route, {name: [{'status': value}]})
                    self._search(route, {name: [{'session_tag': value, 'description': value}]})
            for value in values:
                self._search(route, {'match': [{'_all': value}]})
                self._search(route, {'match': [{'_all': value}]}, f'offset={2**63 - 1}')
                self._search(route, {'match': [{'_all': 'x'}, {'_all': value}]})
            for time in (0, -1, 2**63 - 1, -(2**63), '', '1', '-1', None):
                self._search(route, {'time_after': time, 'time_before': time})
            self._search(route, {'match': [{}, {}], 'match_not': []}, f'offset={2**63 - 1}')
        self.finish()

    def test_searches_for_very_much(self) -> None:
        """More conditions than a statement can have are refused."""
        for collection in root.COLLECTIONS:
            route = f'GET /{collection}'
            for number in (101, 20000):
                for entry in ({'status': 'x'}, {'free': 'x'}, {'_all': 'x'}):
                    answer = self._search(route, {'match': [entry] * number})
                    self.check(f'{route} {number} {entry}', answer, 400)
                keys = {f'key{n}': 'x' for n in range(number)}
                self.check(f'{route} {number}', self._search(route, {'match_not': [keys]}), 400)
        self.finish()

    def _search(self, route: str, search: dict[str, Any], query: str = '') -> webtest.TestResponse:
        answer = self.send(route, json.dumps(search).encode(), query=query)
        self.check(f'{route} {query} {json.dumps(search)[:100]}', answer, 200, 400)
        return answer

    def test_odd_conditions_on_versions(self) -> None:
        for header in ('x', '"', '""', '*x', '-1', '1.0', '"٣"', '9' * 300, '"1', 'W/"1"x', '\xff'):
            for route, samples in self.routes.items():
                if not routes.places(route):
                    continue
                body = {} if samples[0].body is None else {'json': samples[0].body}
                for name in ('If-Match', 'If-None-Match'):
                    answer = self.api.request(
                        route.split()[0],
                        self.path(route),
                        headers={name: header},
                        status='*',
                        **body,
                    )
                    self.check(f'{route} {name}: {header[:20]}', answer)
                    self.restore()
        self.finish()
