# SPDX-License-Identifier: Apache-2.0
"""Where the old documents are, as URLs and configuration files of each era say it."""

import argparse
import tempfile
from pathlib import Path

import testtools

from freezer_api.migrate import source, source_arguments
from freezer_api.migrate.errors import UsageError


class UrlTest(testtools.TestCase):
    def test_address_has_a_port_and_no_credentials(self) -> None:
        for url, address in (
            ('http://search', 'http://search:9200'),
            ('https://search', 'https://search:443'),
            ('http://search:80/', 'http://search:80'),
            ('https://u:p@search:9243/old/store/', 'https://search:9243/old/store'),
            ('http://[::1]', 'http://[::1]:9200'),
        ):
            with self.subTest(url):
                self.assertEqual((address,), source.from_url(url).urls)

    def test_credentials_are_unquoted(self) -> None:
        found = source.from_url('http://us%40er:p%2Fss@search')
        self.assertEqual(('us@er', 'p/ss'), (found.user, found.password))
        self.assertNotIn('p/ss', repr(found))

    def test_what_is_no_url_is_told_without_its_password(self) -> None:
        for url in ('search:9200', 'ftp://u:secret@search', 'http://', 'http://u:secret@h:99999'):
            with self.subTest(url):
                error = self.assertRaises(UsageError, source.from_url, url)
                self.assertIn('is not a URL', str(error))
                self.assertNotIn('secret', str(error))


class ConfigurationFileTest(testtools.TestCase):
    def read(self, text: str) -> source.Source:
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.path = Path(folder.name, 'freezer-api.conf')
        self.path.write_text(text)
        return source.from_config(self.path)

    def test_first_releases_had_an_endpoint(self) -> None:
        found = self.read('[storage]\ndb = elasticsearch\nendpoint = http://search:9200\n')
        self.assertEqual(source.Source(urls=('http://search:9200',)), found)

    def test_releases_up_to_4_had_it_all_in_one_section(self) -> None:
        found = self.read(
            "[storage]\nbackend =\nhosts = 'http://one:9200, u:p@two,http://three:9201/es'\n"
            'index = vault\ntimeout = 30\nretries = 5\nuse_ssl = True\n'
            'verify_certs = False\nca_certs = /etc/ca.pem\nnumber_of_replicas = 1\n'
        )
        expected = source.Source(
            urls=('https://one:9200', 'https://two:9200', 'https://three:9201/es'),
            indices=('freezer', 'vault'),
            optional=frozenset(('freezer', 'vault')),
            user='u',
            password='p',
            ca_file='/etc/ca.pem',
            timeout=30,
            retries=5,
        )
        self.assertEqual(expected, found)

    def test_endpoint_wins_over_hosts(self) -> None:
        found = self.read('[storage]\nendpoint = http://one\nhosts = http://two\n')
        self.assertEqual(('http://one:9200',), found.urls)

    def test_releases_from_5_on_name_the_section(self) -> None:
        for name, driver in (
            ('elasticsearch', 'freezer_api.storage.elastic.ElasticSearchEngine'),
            ('old_store', 'elasticsearch'),
        ):
            with self.subTest(name):
                found = self.read(
                    f'[storage]\nbackend = {name}\ndriver = {driver}\n'
                    f'[{name}]\nhosts = https://search:9200\nindex = freezer\nmapping = True\n'
                )
                self.assertEqual(source.Source(urls=('https://search:9200',)), found)

    def test_section_need_not_be_named(self) -> None:
        found = self.read('[elasticsearch]\nhosts = http://search\n')
        self.assertEqual(('http://search:9200',), found.urls)

    def test_newest_releases_have_credentials_of_their_own(self) -> None:
        found = self.read(
            '[storage]\nbackend = elasticsearch\ndriver = elasticsearch\n'
            '[elasticsearch]\nhosts = https://search:9200\nhttp_auth = user:pass:word\n'
        )
        self.assertEqual(('user', 'pass:word'), (found.user, found.password))

    def test_service_that_kept_its_data_in_sql_is_told(self) -> None:
        for keys in ('backend = sqlalchemy', 'backend = db\ndriver = sqlalchemy'):
            with self.subTest(keys):
                error = self.assertRaises(UsageError, self.read, f'[storage]\n{keys}\n')
                self.assertIn('legacy-sql', str(error))

    def test_files_that_say_nothing_of_use_are_told(self) -> None:
        for text, words in (
            ('[DEFAULT]\ndebug = true\n', 'neither [storage] nor [elasticsearch]'),
            ('[storage]\nbackend = other\n', 'neither [storage] nor [other]'),
            ('[storage]\nhosts = ,\n', 'names no host'),
            ('[storage]\nhosts = http://h\ntimeout = soon\n', '"timeout" is not a number'),
            ('[storage\n', 'cannot be read'),
            ('[storage]\nhosts = ftp://u:secret@h\n', 'is not a URL'),
        ):
            with self.subTest(text):
                error = self.assertRaises(UsageError, self.read, text)
                self.assertIn(words, str(error))
                self.assertNotIn('secret', str(error))

    def test_missing_file_is_told(self) -> None:
        error = self.assertRaises(UsageError, source.from_config, '/nonexistent/file.conf')
        self.assertIn('/nonexistent/file.conf', str(error))


class IndicesTest(testtools.TestCase):
    """Which indices are read, and which of them must be there."""

    def check(self, required: set[str], optional: set[str], *args: str, mapped: tuple[str, ...] = ()) -> None:
        parser = argparse.ArgumentParser()
        source_arguments.add_arguments(parser)
        found = source_arguments.find(parser.parse_args(args), mapped)
        assert found is not None
        self.assertEqual(required, set(found.indices) - found.optional)
        self.assertEqual(optional, found.optional)

    def test_map_adds_to_the_one_of_all_releases(self) -> None:
        self.check({'freezer'}, set(), '--from', 'http://h')
        self.check({'old'}, {'freezer'}, '--from', 'http://h', mapped=('old',))
        self.check({'freezer'}, set(), '--from', 'http://h', mapped=('freezer',))

    def test_map_adds_to_those_of_a_configuration_file(self) -> None:
        with tempfile.NamedTemporaryFile('w', suffix='.conf') as file:
            file.write('[storage]\nendpoint = http://h\nindex = vault\n')
            file.flush()
            self.check({'old'}, {'freezer', 'vault'}, '--from-config', file.name, mapped=('old',))

    def test_map_adds_to_those_that_are_named(self) -> None:
        self.check({'old', 'other'}, set(), '--from', 'http://h', '--index', 'other', mapped=('old',))
