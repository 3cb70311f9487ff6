# SPDX-License-Identifier: Apache-2.0
"""What the ledger keeps of a document that no table holds."""

import json

import testtools

from freezer_api.migrate import ledger

MIB = 2**20


class RemainderTest(testtools.TestCase):
    def test_letters_take_no_more_bytes_than_in_the_source(self) -> None:
        found = ledger.text({'description': 'ж' * 100}) or ''
        self.assertEqual(2 * 100 + len('{"description":""}'), len(found.encode()))

    def test_letters_that_databases_refuse_are_kept(self) -> None:
        remainder = {'half': '\ud83d', 'whole': '\U0001f600', 'nothing': '\x00'}
        found = ledger.text(remainder) or ''
        self.assertNotIn('\x00', found)
        found.encode()
        self.assertEqual(remainder, json.loads(found))

    def test_what_a_column_or_statement_cannot_hold_is_left_out(self) -> None:
        # Quotes take two bytes in a statement.
        for size, letter, packet in ((16, 'x', None), (9, 'ж', None), (2, 'x', MIB), (1, '"', 3 * MIB)):
            remainder = {'large': letter * (size * MIB), 'session_id': 's1'}
            found = json.loads(ledger.text(remainder, packet) or '')
            omitted = found.pop('_omitted')
            self.assertEqual(({'session_id': 's1'}, 1), (found, omitted['keys']))
            self.assertGreaterEqual(omitted['bytes'], size * MIB)
