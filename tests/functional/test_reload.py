# SPDX-License-Identifier: Apache-2.0
"""What freezer-api does about its files when it is sent SIGHUP."""

import http.client
import json
import signal
import time

from freezer_api.db import migration
from tests.functional import test_manage

# Seconds that anything may take.
_PATIENCE = 60


class ReloadTest(test_manage.CommandTestCase):
    module = 'freezer_api.cmd.api'

    def setUp(self) -> None:
        super().setUp()
        self.log = self.folder / 'service.log'
        self.policy = self.folder / 'rules.yaml'
        self.policy.write_text('{}')
        url = f'sqlite:///{self.folder}/freezer.sqlite'
        migration.upgrade(url)
        self.configure(
            url,
            auth_strategy='noauth',
            bind_host='127.0.0.1',
            bind_port=0,
            workers=1,
            log_file=self.log,
        )
        self.good = f'{self.config_file.read_text()}[oslo_policy]\npolicy_file = {self.policy}\n'
        self.config_file.write_text(self.good)
        self.server, self.place = self.start_server(_PATIENCE)

    def register(self) -> int:
        """The status of the answer to a registration."""
        connection = http.client.HTTPConnection(*self.place, timeout=_PATIENCE)
        connection.request('POST', '/v2/p1/clients', json.dumps({'client_id': 'web01'}))
        status = connection.getresponse().status
        connection.close()
        return status

    def refusals(self) -> list[str]:
        text = self.log.read_text() if self.log.exists() else ''
        return [line for line in text.splitlines() if 'Nothing is taken up' in line]

    def test_changed_files_are_taken_up(self) -> None:
        self.assertEqual(201, self.register())
        self.config_file.write_text(f'{self.good}[oslo_middleware]\nmax_request_body_size = 9\n')
        self.server.send_signal(signal.SIGHUP)
        end = time.monotonic() + _PATIENCE
        while (status := self.register()) != 413:
            self.assertEqual(201, status)
            self.assertLess(time.monotonic(), end)
            time.sleep(0.1)
        self.assertEqual([], self.refusals())

    def test_wrong_files_leave_the_service_as_it_was(self) -> None:
        log = f'log_file = {self.folder}/none/service.log'
        wrong = (
            (self.good.replace('workers = 1', 'workers = none').encode(), '{}', 'workers'),
            (self.good.replace(f'log_file = {self.log}', log).encode(), '{}', 'none/service.log'),
            (self.good.encode() + b'# \xff\n', '{}', 'UTF-8'),
            (self.good.encode(), 'a: [b', 'could not start'),
        )
        for number, (content, policy, reason) in enumerate(wrong):
            self.config_file.write_bytes(content)
            self.policy.write_text(policy)
            self.server.send_signal(signal.SIGHUP)
            end = time.monotonic() + _PATIENCE
            while len(self.refusals()) == number:
                self.assertIsNone(self.server.poll(), reason)
                self.assertLess(time.monotonic(), end, reason)
                time.sleep(0.1)
            self.assertIn(reason, self.refusals()[number])
            self.assertEqual(201, self.register(), reason)
        self.config_file.write_text(f'{self.good}[oslo_middleware]\nmax_request_body_size = 9\n')
        self.policy.write_text('{}')
        self.server.send_signal(signal.SIGHUP)
        end = time.monotonic() + _PATIENCE
        while self.register() != 413:
            self.assertLess(time.monotonic(), end)
            time.sleep(0.1)
