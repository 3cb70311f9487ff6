# SPDX-License-Identifier: Apache-2.0
"""Every route with every kind of bad id and project: a precise error, never a 5xx, and nothing stored."""

import json
from collections.abc import Mapping
from typing import Any

from freezer_api.api.controllers import root
from tests import base, routes

# As they stand in a URL. No row has such an id.
UNPRINTABLE = {
    'newline': 'a%0Ab',
    'newline at the end': '{id}%0A',
    'carriage return': 'a%0D',
    'NUL': 'a%00b',
    'NUL at the end': '{id}%00',
    'not UTF-8': '%FF',
    'blank at the end': '{id}%20',
    'blank': '%20',
    'line separator': 'a%E2%80%A8b',
}
NO_IDENTIFIER = {
    '300 characters': 'x' * 300,
    '4000 characters': 'x' * 4000,
    'non-ASCII': 'j%C3%B6b%E2%98%83',
    'outside of the basic plane': '%F0%9F%92%A5',
    'dot': '.',
    'dots': '..',
    'percent': '%25',
    'quotes': '%27%22%60',
    'comment': "1'--",
    'star': '*',
    'null': 'null~',
}
STRANGE = {
    'of another case': '{ID}',
    'absent': 'absent',
    'number': '9' * 30,
    'underscores': '__class__',
    'a method': 'get_all',
}
SLASHES = {'slash': 'a%2Fb', 'slash at the start': '%2Fa', 'slashes': '%2F%2Fa'}

BAD_PROJECTS = {
    'newline': 'p1%0A',
    'NUL': 'p1%00',
    '300 characters': 'p' * 300,
    'non-ASCII': 'p%C3%BC',
    'slash': 'p1%2F',
    'blank': 'p%201',
    'empty': '',
}


class BadIdsTest(routes.RouteTestCase):
    # v1 differs from v2 before a database is asked.
    v1_everywhere = False

    def _test_ids(self, ids: Mapping[str, str], *expected: int, created: bool = True) -> None:
        """Put each id at each place of a path.

        :param expected: statuses; none: those for a thing that is missing
        :param created: also of routes that create what is missing
        """
        for route, samples in self.routes.items():
            if not created and self.missing(route) is None:
                continue
            body = samples[0].content
            for place in routes.places(route):
                for name, text in ids.items():
                    own = self.ids[place]
                    text = text.replace('{id}', own).replace('{ID}', own.upper())
                    answer = self.send(route, body, self.path(route, **{place: text}))
                    statuses = expected or (self.missing(route) or 400,)
                    self.check(f'{route} {place} {name}', answer, *statuses)
            self.check_untouched(route)
        self.finish()

    def test_ids_with_characters_that_no_id_has(self) -> None:
        self._test_ids(UNPRINTABLE, 404)

    def test_ids_that_are_no_identifiers(self) -> None:
        self._test_ids(NO_IDENTIFIER)

    def test_ids_of_nothing(self) -> None:
        self._test_ids(STRANGE, created=False)

    def test_ids_with_slashes_are_other_paths(self) -> None:
        self._test_ids(SLASHES, 404, 405)

    @base.only('v2')
    def test_projects_that_cannot_be(self) -> None:
        for route, samples in self.routes.items():
            body = samples[0].content
            for name, project in BAD_PROJECTS.items():
                answer = self.send(route, body, self.path(route, project=project))
                self.check(f'{route} {name}', answer, 404, 405)
            self.check_untouched(route)
        self.finish()

    @base.only('v2')
    def test_project_of_others(self) -> None:
        for route, samples in self.routes.items():
            body = samples[0].content
            for ids in (self.foreign, self.ids):
                for text in (body, b'{', b''):
                    answer = self.send(route, text, self.path(route, project='p2', **ids))
                    self.check(f'{route} {text[:10]!r}', answer, 403)
            self.check_untouched(route)
        self.finish()

    def test_ids_of_another_project(self) -> None:
        """As if there were no such thing."""
        for route, samples in self.routes.items():
            body = samples[0].content
            for place in routes.places(route):
                path = self.path(route, **{place: self.foreign[place]})
                answer = self.send(route, body, path)
                if self.missing(route) is None:
                    # Ids are names inside a project, so this makes one of our own.
                    self.check(f'{route} {place}', answer, 201)
                    self._check_others(route)
                    self.restore()
                else:
                    self.check(f'{route} {place}', answer, self.missing(route) or 0)
            self.check_untouched(route)
        self.finish()

    def _check_others(self, case: str) -> None:
        for table, rows in self.rows().items():
            for row in self.stored[table]:
                if row.get('project_id') == 'p2' and row not in rows:
                    self.wrong.append(f'{case}: {table} of another project has changed')

    def test_ids_of_another_project_in_bodies(self) -> None:
        entry = {'freezer_action': {'action': 'backup'}}
        job = {'client_id': 'web01', 'job_actions': [entry]}
        unknown = 400 if self.api_version == 'v1' else 422
        cases: list[tuple[str, dict[str, Any], int]] = [
            ('POST /jobs', {**job, 'client_id': 'web02'}, 422),
            ('POST /jobs', {**job, 'job_actions': [{'action_id': 'a2'}]}, unknown),
            ('POST /jobs', {**job, 'session_id': 's2'}, 400),
            ('PATCH /jobs/{job_id}', {'client_id': 'web02'}, 422),
            ('PATCH /jobs/{job_id}', {'job_actions': [{'action_id': 'a2'}]}, unknown),
            ('PATCH /jobs/{job_id}', {**job, 'job_actions': [{'action_id': 'a2'}]}, unknown),
            ('POST /jobs/{job_id}', {**job, 'client_id': 'web02'}, 422),
            ('POST /jobs/{job_id}', {**job, 'job_actions': [{'action_id': 'a2'}]}, unknown),
            ('POST /jobs/{job_id}', {**job, 'session_id': 's2'}, 400),
            ('PATCH /sessions/{session_id}', {'jobs': {'j2': routes.PART}}, 400),
            (
                'POST /sessions/{session_id}',
                {'schedule': {}, 'session_tag': 1, 'jobs': {'j2': routes.PART}},
                400,
            ),
            (
                'POST /sessions/{session_id}/action',
                {'start': {'job_id': 'j2', 'current_tag': 3}},
                400,
            ),
            (
                'POST /sessions/{session_id}/action',
                {'end': {'job_id': 'j2', 'current_tag': 3, 'result': 'fail'}},
                400,
            ),
        ]
        for route, document, status in cases:
            answer = self.send(route, json.dumps(document).encode())
            self.check(f'{route} {document}', answer, status)
            self.check_untouched(f'{route} {document}')
        document = {**job, 'job_actions': [{**entry, 'action_id': 'a2'}]}
        answer = self.send('POST /jobs', json.dumps(document).encode())
        # v1 makes an action of our own.
        self.check('POST /jobs', answer, 201 if self.api_version == 'v1' else 422)
        self._check_others('POST /jobs')
        self.restore()
        # Another's session is not told from none; agents send back what they were given, so it is not an error.
        answer = self.send('PATCH /jobs/{job_id}', b'{"session_id": "s2"}')
        self.check('PATCH session_id', answer, 200)
        self._check_others('PATCH session_id')
        self.restore()
        for collection in root.COLLECTIONS:
            search = {'match': [{'project_id': 'p2'}]}
            answer = self.send(f'GET /{collection}', json.dumps(search).encode())
            if answer.json != {collection: []}:
                self.wrong.append(f'{collection} of another project were found')
        self.finish()
