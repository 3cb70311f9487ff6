# SPDX-License-Identifier: Apache-2.0
"""Files that a migration reads and writes."""

import bz2
import gzip
import json
import lzma
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from freezer_api.migrate import dump, index, plan
from tests import migrating
from tests.migrating import backup, mixture


class FilesTestCase(migrating.MigrationTestCase):
    def packed(self, *hits: migrating.Document) -> Path:
        path = self.folder / 'dump.gz'
        path.write_bytes(gzip.compress(b''.join(json.dumps(line).encode() + b'\n' for line in hits)))
        return path


class SpoolTest(FilesTestCase):
    def test_spool_is_written_by_a_pull_alone(self) -> None:
        spool = self.folder / 'spool'
        lines = mixture(100)
        self.run_command('--dump', self.write(*lines), '--stage', 'pull', '--spool', spool)
        before = (spool / 'documents.ndjson').read_bytes()
        self.assertEqual(len(lines), len(before.splitlines()))
        for stage in ('load', 'verify', 'all'):
            outcome = self.run_command('--dump', self.packed(backup(1)), '--stage', stage, '--spool', spool)
            self.assertEqual((0, 1), (outcome.code, outcome.report['source']['bytes'] < 500), outcome.err)
            self.assertEqual(before, (spool / 'documents.ndjson').read_bytes(), stage)
            self.assertEqual(['documents.ndjson'], os.listdir(spool))

    def test_pull_has_a_report_and_no_rejects(self) -> None:
        pull = ('--dump', self.write(backup(1)), '--stage', 'pull', '--spool', self.folder / 'spool')
        outcome = self.run_command(*pull)
        self.assertEqual(0, outcome.code, outcome.err)
        size = (self.folder / 'spool' / 'documents.ndjson').stat().st_size
        self.assertEqual(size, outcome.report['source']['bytes'])
        outcome = self.run_command(*pull, '--reject-file', self.folder / 'rejected')
        self.assertEqual(127, outcome.code)
        self.assertIn('--reject-file', outcome.err)


class PreflightTest(FilesTestCase):
    """What is seen before anything is written."""

    def test_dump_that_is_compressed_in_another_way_is_told(self) -> None:
        text = json.dumps(backup(1)).encode()
        for content, name in ((lzma.compress(text), 'xz'), (bz2.compress(text), 'bzip2')):
            path = self.folder / 'dump.ndjson'
            path.write_bytes(content)
            for options in ((), ('--stage', 'pull', '--spool', self.folder / 'spool')):
                outcome = self.run_command('--dump', path, *options)
                self.assertEqual(4, outcome.code, outcome.out)
                self.assertIn(f'{path} is compressed by {name}', outcome.err)

    def test_every_stage_needs_room_for_what_it_writes(self) -> None:
        path = self.write(*mixture(500))
        size, spool = path.stat().st_size, self.folder / 'spool'
        pull = ('--dump', path, '--stage', 'pull', '--spool', spool)
        for options, share in (
            (pull, 1),
            (('--stage', 'load', '--spool', spool), 0.6),
            (('--stage', 'verify', '--spool', spool), 0.6),
            (('--dump', path), 0.6),
        ):
            for free, code in ((0.9 * share, 4), (1.1 * share, 0)):
                room = int(2**24 + free * size)
                self.patch(dump, 'free_space', lambda folder, room=room: room)
                outcome = self.run_command(*options)
                self.assertEqual(code == 4, outcome.code == 4, (options, outcome.err))


class RejectsTest(FilesTestCase):
    """A reject file that is loaded."""

    def reject(self, *lines: Any) -> Path:
        path = self.folder / 'rejected'
        outcome = self.run_command('--dump', self.write(*lines), '--reject-file', path)
        self.assertEqual(2, outcome.code, outcome.err)
        return path

    def test_letters_take_no_more_bytes_than_before(self) -> None:
        line = backup(1)
        del line['_source']['project_id']
        line['_source']['backup_metadata']['log'] = 'ж' * (6 * 2**20)
        path = self.reject(json.dumps(line, ensure_ascii=False))
        self.assertLess(path.stat().st_size, 13 * 2**20)
        outcome = self.run_command('--dump', path, '--default-project', 'p9')
        self.assertEqual(0, outcome.code, outcome.out)

    def test_line_with_no_room_for_its_reason_goes_without(self) -> None:
        line = backup(1)
        del line['_source']['project_id']
        line['_source']['backup_metadata']['log'] = 'x' * (15 * 2**20)
        line['_more'] = ''
        line['_more'] = 'x' * (dump.MAX_LINE - len(json.dumps(line)) - 10)
        path = self.reject(line)
        outcome = self.run_command('--dump', path)
        self.assertEqual(['no_project'], list(outcome.report['reasons']))

    def test_broken_line_is_known_again_whatever_its_bytes(self) -> None:
        path = self.reject(b'{"cut \xff\xed\xa0\x80', '{"cut "\\ud83d')
        entries = self.rows()['migration_entries']
        outcome = self.run_command('--dump', path)
        self.assertEqual(2, outcome.report['reasons']['broken_line']['count'])
        self.assertEqual({row['id'] for row in entries}, {row['id'] for row in self.rows()['migration_entries']})
        again = self.write(json.dumps({'_raw': '\ud83d'}))
        self.assertEqual(2, self.run_command('--dump', again).code)


class MapTest(FilesTestCase):
    def run_with(self, text: str) -> migrating.Outcome:
        path = self.folder / 'map'
        path.write_text(text)
        nobody = backup(1)
        del nobody['_source']['project_id']
        return self.run_command('--dump', self.write(nobody), '--map', path)

    def test_user_with_two_projects_is_refused(self) -> None:
        for text, place in (
            ('alice pA\nbob pA\nalice pB\n', 'map, line 3'),
            ('{"alice": "pA", "alice": "pB"}', 'map'),
        ):
            outcome = self.run_with(text)
            self.assertEqual(127, outcome.code, outcome.err)
            self.assertIn(f'{place}: alice has another project', outcome.err)
        self.assertEqual(0, self.run_with('alice pA\nalice pA\n').code)

    def test_users_without_documents_are_told(self) -> None:
        for _ in range(2):
            outcome = self.run_with('allice pA\nalice pA\n')
            self.assertEqual(['allice'], outcome.report['users_of_the_map_without_documents'])
            self.assertIn('allice', outcome.out)


class ChangedDumpTest(FilesTestCase):
    """A dump that somebody writes to while it is read."""

    def check(self, module: Any, name: str, change: Callable[[Path], object]) -> None:
        """Change the dump behind a step of the run, and look at what that says."""
        path = self.write(*mixture(100))
        step = getattr(module, name)

        def interfere(*args: Any) -> Any:
            result = step(*args)
            change(path)
            return result

        self.patch(module, name, interfere)
        outcome = self.run_command('--dump', path)
        self.patch(module, name, step)
        self.assertEqual(4, outcome.code, outcome.err)
        self.assertIn(f'{path} changed while it was read', outcome.err)
        self.assertEqual([], self.rows()['migration_entries'])

    def test_it_is_cut(self) -> None:
        for module, name in ((index, 'digest_of'), (plan, 'merge_repeated')):
            self.check(module, name, lambda path: os.truncate(path, 5000))

    def test_it_grows(self) -> None:
        def grow(path: Path) -> None:
            with path.open('ab') as file:
                file.write(b'{}\n')

        self.check(plan, 'merge_repeated', grow)

    def test_it_is_written_over(self) -> None:
        def write_over(path: Path) -> None:
            os.utime(path, ns=(0, 0))
            path.write_bytes(b'x' * path.stat().st_size)

        self.check(plan, 'link_parts', write_over)

    def test_another_takes_its_place(self) -> None:
        def replace(path: Path) -> None:
            other = path.with_name('other')
            other.write_bytes(path.read_bytes())
            other.replace(path)

        self.check(index, 'digest_of', replace)

    def test_it_goes_away(self) -> None:
        self.check(plan, 'merge_repeated', Path.unlink)
