# SPDX-License-Identifier: Apache-2.0
"""The URL of the database may be written in more than one way."""

import sqlalchemy

from tests import base

# Beyond what the charset "utf8" of MariaDB has room for.
_TEXT = 'nightly \U0001f319'


class CharsetTest(base.ApiTestCase):
    def test_every_character_can_be_stored_whatever_charset_the_url_names(self) -> None:
        plain = sqlalchemy.make_url(self.database.url).difference_update_query(['charset'])
        urls = [plain]
        if self.database_name == 'mariadb':
            urls += [plain.update_query_dict({'charset': 'utf8'})]
        for url in urls:
            text = url.render_as_string(hide_password=False)
            self.check(self.client_of(self.build_app(**{'database.connection': text})))

    def test_every_character_can_be_stored_whatever_charset_the_parameters_name(self) -> None:
        options = {}
        if self.database_name == 'mariadb':
            options = {'database.connection_parameters': 'charset=utf8'}
        self.check(self.client_of(self.build_app(**options)))

    def check(self, client: base.Client) -> None:
        body = {'client_id': 'c1', 'description': _TEXT, 'job_actions': []}
        client.post(self.url('clients'), json={'client_id': 'c1'})
        job_id = client.create_job(body)
        self.assertEqual(_TEXT, client.get(self.url('jobs', job_id)).json['description'])
