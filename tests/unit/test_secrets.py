# SPDX-License-Identifier: Apache-2.0
"""Which keys carry secrets, and what is left of a document without them."""

import testtools

from freezer_api.domain import secrets


class SecretsTest(testtools.TestCase):
    def test_names_that_carry_secrets(self) -> None:
        for name in (
            *('ssh_password', 'ftp_password', 'ssh_key', 'ftp_keyfile', 'access_key', 'secret_key'),
            *('mysql_conf', 'sql_server_conf', 'encrypt_pass_file', 'os_trust_id', 'trust_id'),
            *('PASSWORD', 'os-password', 'admin_passwd', 'apiKey', 'auth_token', 'client-secret'),
            *('Proxy-Authorization', 'set-cookie', 'Cookies', 'bearer', 'Bearer', 'kms_key', 'kmsKey'),
            *('sys_pswd', 'sslkey', 'fernetkey', 'encrypted_key'),
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

    def test_what_is_below_a_proxy_is_a_proxy(self) -> None:
        document = {
            'proxies': {'http': 'u:p@proxy.example:1', 'hosts': ['proxy.example', 'u:p@other.example:1']},
            'contact': 'me@example.org',
        }
        self.assertEqual(
            {
                'proxies': {'http': '***@proxy.example:1', 'hosts': ['proxy.example', '***@other.example:1']},
                'contact': 'me@example.org',
            },
            secrets.masked(document),
        )

    def test_long_texts_of_any_shape_are_masked(self) -> None:
        # A pattern that looked twice at what it has seen would not come to an end here.
        for unit, masked in (
            ('://a:b/', None),
            ('a@', None),
            ('mysqldump db ', None),
            ('password', None),
            (' ', None),
            ('password>', None),
            ('<password>', None),
            ('"password",', '"password",***'),
            ('password="', 'password=***'),
            ('password=\'"', 'password=***'),
            ('password=\\ ', 'password=***'),
            ('--password x ', '--password *** '),
            ('password: x\n', 'password: ***\n'),
        ):
            text = unit * (4_000_000 // len(unit))
            answer = secrets.masked({'proxy': f'-{text}', 'command': f'-{text}'})
            if masked is None:
                self.assertEqual(len(text) + 1, len(answer['command']), unit)
            else:
                self.assertTrue(answer['command'].startswith(f'-{masked}'), unit)

    def test_passwords_in_commands_are_masked(self) -> None:
        for command, masked in (
            ('mysqldump --user root --password s3cret db', 'mysqldump --user root --password *** db'),
            ('java -storepass s3cret', 'java -storepass ***'),
            ("x --password='s3 cret' y", 'x --password=*** y'),
            ('x --api-key=a"s3cret b"c d', 'x --api-key=*** d'),
            ('x --password "s3cret y', 'x --password ***'),
            ('x password = s3cret y', 'x password = *** y'),
            ('PGPASS=s3cret pg_dump x', 'PGPASS=*** pg_dump x'),
            ('set password "s3 cret" now', 'set password *** now'),
            ('curl -H "Authorization: Bearer s3cret" h', 'curl -H "Authorization: ***" h'),
            ("curl -H 'Cookie: a=s3cret; b=s3cret' h", "curl -H 'Cookie: ***' h"),
            ('{"password": "s3cret", "user": "me"}', '{"password": ***, "user": "me"}'),
            ("{u'password': u's3cret'}", "{u'password': ***}"),
            ("['mysql', '--password', 's3cret', '-x']", "['mysql', '--password', ***, '-x']"),
            ('<password>s3cret</password>', '<password>***</password>'),
            ('bash -c "x --password s3cret" y', 'bash -c "x --password ***" y'),
            ('wget http://me:s3cret@host/a', 'wget http://***@host/a'),
            ('x --sslkey s3cret --encrypted_key s3cret', 'x --sslkey *** --encrypted_key ***'),
        ):
            self.assertEqual({'command': masked}, secrets.masked({'command': command}))

    def test_what_names_no_password_in_a_command_stays(self) -> None:
        for command in (
            'tar --verbose -f x=y "a: b"',
            'echo a password is needed',
            'cd compass && make bypass=1',
            'x --password',
            'x --password=',
        ):
            self.assertEqual({'command': command}, secrets.masked({'command': command}))

    def test_commands_have_their_passwords_masked_in_all_forms(self) -> None:
        for value, masked in (
            (['x', '--password', 's3cret', 'y'], ['x', '--password', '***', 'y']),
            (['x', '--password=s3cret', 'y'], ['x', '--password=***', 'y']),
            (['x', '--password', '--password', 'y'], ['x', '--password', '***', 'y']),
            ({'line': 'x --password s3cret'}, {'line': 'x --password ***'}),
            ([['x', '--password', 's3cret']], [['x', '--password', '***']]),
        ):
            for name in ('command', 'pre_command', 'post-command', 'Command'):
                self.assertEqual({name: masked}, secrets.masked({name: value}), name)
        for name in ('commander', 'description'):
            document = {name: 'x --password s3cret'}
            self.assertEqual(document, secrets.masked(document))

    def test_masks_that_stand_for_secrets_are_found(self) -> None:
        for document, path in (
            ({'a': [{'x': 1}, {'ssh_password': '***'}]}, 'a[1].ssh_password'),
            ({'secret': {'a': ['***']}}, 'secret.a[0]'),
            ({'proxy': 'http://***@proxy.example:1'}, 'proxy'),
            ({'proxies': {'http': '***@proxy.example:1'}}, 'proxies.http'),
            ({'command': 'x --password *** y'}, 'command'),
            ({'command': ['x', '--password', '***']}, 'command[2]'),
        ):
            self.assertEqual(path, secrets.find_mask(document))

    def test_other_asterisks_are_no_masks(self) -> None:
        for document in (
            {'description': '***', 'notes': ['*** see http://host/ ***']},
            {'ssh_password': 'a***b', 'secret': '****'},
            {'command': 'rm /tmp/***', 'proxy': 'proxy.example'},
        ):
            self.assertIsNone(secrets.find_mask(document))

    def test_the_argument_is_left_alone(self) -> None:
        document = {'freezer_action': {'ssh_password': 'x'}}
        secrets.masked(document)
        self.assertEqual({'freezer_action': {'ssh_password': 'x'}}, document)
