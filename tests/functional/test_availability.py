# SPDX-License-Identifier: Apache-2.0
"""What callers see while the database is away."""

import socket

import sqlalchemy
import webtest

from freezer_api.api import app as api_app
from freezer_api.db import migration
from tests import base, databases


class DatabaseAwayTest(base.TestCase):
    def setUp(self) -> None:
        super().setUp()
        with socket.socket() as unused:
            unused.bind(('127.0.0.1', 0))
            port = unused.getsockname()[1]
        application = api_app.build(base.new_conf(f'mysql+pymysql://u:secret@127.0.0.1:{port}/d'))
        self.addCleanup(application.database.dispose)
        self.client = base.Client(webtest.TestApp(application, {'REMOTE_ADDR': '127.0.0.1'}))

    def test_requests_are_answered_at_once_and_may_be_repeated(self) -> None:
        for method, path in (('GET', 'jobs'), ('DELETE', 'jobs/j1'), ('GET', 'clients/c1')):
            response = self.client.request(method, f'/v2/p1/{path}', status=503)
            self.assertEqual('1', response.headers['Retry-After'])
            self.assertEqual(503, response.json['code'])
            self.assertNotIn('secret', response.text)

    def test_discovery_still_works(self) -> None:
        self.client.get('/', status=300)
        self.client.get('/v2', status=200)

    def test_the_password_is_not_logged(self) -> None:
        self.client.get('/v2/p1/jobs', status=503)
        self.assertNotIn('secret', self.log.output)


class TablesMissingTest(base.ApiTestCase):
    def test_requests_may_be_repeated_and_the_log_says_what_to_run(self) -> None:
        url, drop = databases.create(self.database_name)
        self.addCleanup(drop)
        client = self.client_of(self.build_app(**{'database.connection': url}))
        for method, path in (('GET', 'jobs'), ('DELETE', 'backups/b1'), ('GET', 'clients/c1')):
            answer = client.request(method, f'/v2/p1/{path}', status=503)
            self.assertEqual('1', answer.headers['Retry-After'])
            self.assertNotIn('db sync', answer.text)
        self.assertIn('freezer-manage db sync', self.log.output)

    def test_a_missing_column_is_no_different(self) -> None:
        url, drop = databases.create(self.database_name)
        self.addCleanup(drop)
        migration.upgrade(url)
        engine = sqlalchemy.create_engine(url, poolclass=sqlalchemy.NullPool)
        with engine.begin() as connection:
            connection.exec_driver_sql('ALTER TABLE backups DROP COLUMN user_name')
        client = self.client_of(self.build_app(**{'database.connection': url}))
        client.get('/v2/p1/backups', status=503)
        self.assertIn('freezer-manage db sync', self.log.output)
