# SPDX-License-Identifier: Apache-2.0
"""The samples of the API reference are what the service says.

Samples of requests are written by hand, those of answers by this module::

    FREEZER_WRITE_SAMPLES=1 python -m testtools.run tests.functional.test_api_ref

writes them anew instead of comparing them. Ids and times, which differ from run to run, are always those of the
samples there.
"""

import dataclasses
import itertools
import json
import os
import re
from pathlib import Path

import fixtures

from tests import base, routes

SOURCE = Path(__file__).resolve().parents[2] / 'api-ref' / 'source'
SAMPLES = SOURCE / 'samples'

PROJECT = '4d0a1f6c2b5e4f7f8c9d0e1f2a3b4c5d'
USER = '9b1c2d3e4f5061728394a5b6c7d8e9f0'
# The clock: 2030-01-01T00:00:00 UTC.
NOW = 1893456000
HOST = 'backup.example.org:9090'

# What stands for the ids that the service makes, in the order in which its answers show them first.
IDS = {
    'uuid': '017c0e5a4b3d4c2f9a1b6d8e7f5c4a02',
    '{action_id}': '037c0e5a4b3d4c2f9a1b6d8e7f5c4a04',
    '{job_id}': '057c0e5a4b3d4c2f9a1b6d8e7f5c4a06',
    'second action': '077c0e5a4b3d4c2f9a1b6d8e7f5c4a08',
    '{session_id}': '157c0e5a4b3d4c2f9a1b6d8e7f5c4a16',
    '{backup_id}': '177c0e5a4b3d4c2f9a1b6d8e7f5c4a18',
}
PLACES = {**IDS, '{client_id}': f'{PROJECT}_web01.example', '{missing}': 'missing'}

_ID = re.compile(r'(?<=")[0-9a-f]{32}(?=")')


@dataclasses.dataclass(frozen=True)
class Call:
    """A request, with the sample of the same name as its body if there is one.

    :ivar route: below the project as in :data:`routes.ROUTES`, or a whole path
    :ivar name: of the samples; None where neither the request nor the answer has a body
    """

    route: str
    name: str | None = None

    @property
    def request(self) -> Path:
        return SAMPLES / f'{self.name}-request.json'

    @property
    def response(self) -> Path:
        return SAMPLES / f'{self.name}-response.json'


# In an order that makes a story: each finds what those before it made.
CALLS = (
    Call('GET /', 'versions'),
    Call('GET /v2', 'home'),
    Call('GET /v1', 'home-v1'),
    Call('POST /clients', 'client-create'),
    Call('GET /clients/{client_id}', 'client-show'),
    Call('GET /clients', 'client-list'),
    Call('POST /actions', 'action-create'),
    Call('GET /actions/{action_id}', 'action-show'),
    Call('GET /actions', 'action-list'),
    Call('PATCH /actions/{action_id}', 'action-update'),
    Call('POST /actions/{action_id}', 'action-replace'),
    Call('POST /jobs', 'job-create'),
    Call('GET /jobs/{job_id}', 'job-show'),
    Call('GET /jobs', 'job-list'),
    Call('PATCH /jobs/{job_id}', 'job-update'),
    Call('POST /jobs/{job_id}', 'job-replace'),
    Call('POST /jobs/{job_id}/event', 'job-event'),
    Call('GET /jobs/{missing}', 'error'),
    Call('POST /sessions', 'session-create'),
    Call('PUT /sessions/{session_id}/jobs/{job_id}'),
    Call('POST /sessions/{session_id}/action', 'session-start'),
    Call('GET /sessions/{session_id}', 'session-show'),
    Call('GET /sessions', 'session-list'),
    Call('POST /sessions/{session_id}/action', 'session-end'),
    Call('PATCH /sessions/{session_id}', 'session-update'),
    Call('POST /sessions/{session_id}', 'session-replace'),
    Call('POST /backups', 'backup-create'),
    Call('PATCH /backups/{backup_id}', 'backup-update'),
    Call('GET /backups/{backup_id}', 'backup-show'),
    Call('GET /v1/backups/{backup_id}', 'backup-show-v1'),
    Call('GET /backups', 'backup-list'),
    Call('DELETE /backups/{backup_id}'),
    Call('DELETE /sessions/{session_id}/jobs/{job_id}'),
    Call('DELETE /sessions/{session_id}'),
    Call('DELETE /jobs/{job_id}'),
    Call('DELETE /actions/{action_id}'),
    Call('DELETE /clients/{client_id}'),
)
STATUSES = {
    'GET /': 300,
    'GET /v2': 200,
    'GET /v1': 200,
    'GET /v1/backups/{backup_id}': 200,
    'GET /jobs/{missing}': 404,
}


class AnswersTest(base.ApiTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.useFixture(fixtures.MonkeyPatch('freezer_api.db.session.seconds', lambda: NOW))
        self.api = self.as_(USER, PROJECT)
        self.real: dict[str, str] = {}

    def test_samples_are_what_the_service_answers(self) -> None:
        for call in CALLS:
            # No sub-test: those that follow need this one.
            text = self.send(call)
            if call.name is None:
                self.assertEqual('', text, str(call))
            elif os.environ.get('FREEZER_WRITE_SAMPLES'):
                call.response.write_text(text)
            else:
                self.assertEqual(call.response.read_text(), text, str(call))

    def send(self, call: Call) -> str:
        """Send a request in the words of the samples; return the answer in them."""
        method, path = call.route.split(' ')
        if path != '/' and not path.startswith(('/v1', '/v2')):
            path = f'/v2/{PROJECT}{path}'
        for place, value in PLACES.items():
            path = path.replace(place, value)
        body = call.request.read_text() if call.request.exists() else ''
        answer = self.api.request(
            method,
            self.to_real(path),
            body=self.to_real(body).encode(),
            headers={'Host': HOST, 'X-User-Name': 'operator'},
            status=_status(call),
        )
        if not answer.body:
            return ''
        return self.to_sample(_set(json.loads(answer.body)))

    def to_real(self, text: str) -> str:
        for sample, real in self.real.items():
            text = text.replace(sample, real)
        return text

    def to_sample(self, text: str) -> str:
        for found in _ID.findall(text):
            if found not in (PROJECT, USER, *self.real.values()):
                # One more than there are names is an error.
                self.real[list(IDS.values())[len(self.real)]] = found
        for sample, real in self.real.items():
            text = text.replace(real, sample)
        return text


def _set(document: object) -> str:
    """A document as the reference shows it."""
    return json.dumps(document, indent=4, ensure_ascii=False) + '\n'


def _status(call: Call) -> int:
    if call.route in STATUSES:
        return STATUSES[call.route]
    return routes.ROUTES[call.route][0].status


class ReferenceTest(base.TestCase):
    def test_every_route_is_called(self) -> None:
        self.assertEqual(set(routes.ROUTES), {call.route for call in CALLS} - set(STATUSES))

    def test_every_body_that_a_route_reads_has_a_sample(self) -> None:
        for call in CALLS:
            samples = routes.ROUTES.get(call.route, [])
            reads = any(sample.body is not None for sample in samples)
            if reads and not routes.is_list(call.route):
                self.assertTrue(call.request.exists(), call.request.name)

    def test_every_sample_is_of_a_call(self) -> None:
        expected = {
            path.name
            for path in itertools.chain.from_iterable(
                (call.request, call.response) for call in CALLS if call.name
            )
        }
        found = {path.name for path in SAMPLES.iterdir()}
        self.assertEqual(set(), found - expected)

    def test_pages_show_every_sample_once(self) -> None:
        shown = [
            name
            for page in sorted(SOURCE.glob('*.rst'))
            for name in re.findall(r'^\.\. literalinclude:: samples/(\S+)$', page.read_text(), re.M)
        ]
        self.assertEqual(sorted(path.name for path in SAMPLES.iterdir()), sorted(shown))

    def test_samples_are_set_alike(self) -> None:
        for path in sorted(SAMPLES.iterdir()):
            with self.subTest(path.name):
                text = path.read_text()
                self.assertEqual(_set(json.loads(text)), text)
