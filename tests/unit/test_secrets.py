# SPDX-License-Identifier: Apache-2.0
"""Which keys carry secrets, and what is left of a document without them."""

import time

import testtools

from freezer_api.domain import secrets


class SecretsTest(testtools.TestCase):
    def test_names_that_carry_secrets(self) -> None:
        for name in (
            *('ssh_password', 'ftp_password', 'ssh_key', 'ftp_keyfile', 'access_key', 'secret_key'),
            *('mysql_conf', 'sql_server_conf', 'encrypt_pass_file', 'os_trust_id', 'trust_id'),
            *('PASSWORD', 'os-password', 'admin_passwd', 'apiKey', 'auth_token', 'client-secret'),
            *('Proxy-Authorization', 'set-cookie', 'Cookies', 'bearer', 'Bearer', 'kms_key', 'kmsKey'),
            *('dbpass', 'userpass', 'sshPass', 'PGPASS', 'mysqlPwd', 'pass', 'pwd'),
            *('OS_PASS', 'db_pwd', 'adminPass', 'Authorization', 'encryption_key', 'X-Auth-Token'),
        ):
            self.assertTrue(secrets.is_secret(name), name)

    def test_names_that_do_not(self) -> None:
        for name in (
            *('action', 'mode', 'path_to_backup', 'container', 'storage', 'ssh_host', 'ssh_username'),
            *('bypass', 'compass', 'encompass', 'keyboard', 'monkey', 'key', 'keys', 'session_tag'),
            *('backup_name', 'path', 'passed', 'passenger', 'proxy', 'no_proxy', 'author', 'kms'),
            *('consistency_checksum', 'hostname', 'passive', 'command'),
        ):
            self.assertFalse(secrets.is_secret(name), name)

    def test_values_are_masked_at_any_depth(self) -> None:
        document = {
            'job_actions': [{'freezer_action': {'ssh_password': 'x', 'mode': 'fs'}}],
            'deep': [[{'token': 5, 'secret': {'a': 'x', 'b': ['y']}}]],
        }
        self.assertEqual(
            {
                'job_actions': [{'freezer_action': {'ssh_password': '***', 'mode': 'fs'}}],
                'deep': [[{'token': '***', 'secret': {'a': '***', 'b': ['***']}}]],
            },
            secrets.masked(document),
        )

    def test_what_tells_nothing_stays(self) -> None:
        document = {'ssh_password': '', 'ssh_key': None, 'secret': False, 'user_credentials': {}}
        self.assertEqual(document, secrets.masked(document))

    def test_credentials_in_urls_are_masked(self) -> None:
        self.assertEqual(
            {'proxy': 'http://***@proxy.example:3128/', 'log': ['see ftp://***@host/a']},
            secrets.masked(
                {'proxy': 'http://me:s3cret@proxy.example:3128/', 'log': ['see ftp://u:p@host/a']}
            ),
        )
        masked = secrets.masked({'proxy': 'http://me:s3@cret@proxy.example:3128/'})
        self.assertEqual({'proxy': 'http://***@proxy.example:3128/'}, masked)
        for plain in (
            {'proxy': 'http://proxy.example:3128/a@b', 'address': 'me@example.org'},
            {'proxy': 'proxy.example:3128', 'proxies': ['proxy.example:3128'], 'proxied_for': 'me@example.org'},
            {'log': 'http://[::1]:80/a@b', 'path': '/a:b@c'},
        ):
            self.assertEqual(plain, secrets.masked(plain))

    def test_slashes_in_passwords_of_urls_are_masked(self) -> None:
        masked = secrets.masked(['http://u:pa/ss@h/a', 'see http://u:1pa/s/s@h'])
        self.assertEqual(['http://***@h/a', 'see http://***@h'], masked)

    def test_credentials_of_proxies_without_a_scheme_are_masked(self) -> None:
        for name in ('proxy', 'HTTPS_PROXY', 'http-proxy'):
            masked = secrets.masked({name: 'u:p@w@proxy.example:3128'})
            self.assertEqual({name: '***@proxy.example:3128'}, masked)

    def test_long_texts_are_looked_at_in_short_time(self) -> None:
        text = '@' + '://a:b/' * 70_000
        begin = time.process_time()
        self.assertEqual({'proxy': text}, secrets.masked({'proxy': text}))
        self.assertLess(time.process_time() - begin, 5)

    def test_passwords_in_commands_are_masked(self) -> None:
        masked = secrets.masked({'command': 'mysqldump --user root --password s3cret db'})
        self.assertNotIn('s3cret', masked['command'])
        self.assertIn('mysqldump', masked['command'])

    def test_the_argument_is_left_alone(self) -> None:
        document = {'freezer_action': {'ssh_password': 'x'}}
        secrets.masked(document)
        self.assertEqual({'freezer_action': {'ssh_password': 'x'}}, document)
