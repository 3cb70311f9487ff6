# SPDX-License-Identifier: Apache-2.0
"""Bytes of a request become JSON values that can be stored, or a 400."""

import testtools

from freezer_api import exceptions
from freezer_api.api import body

SECRET = 'hunter2'


def nested(depth: int) -> bytes:
    return b'[' * depth + b']' * depth


class ParseTest(testtools.TestCase):
    def refused(self, raw: bytes, limits: body.Limits = body.DEFAULTS) -> str:
        error = self.assertRaises(exceptions.BadRequest, body.parse, raw, limits)
        return error.description

    def test_json_comes_back_value_for_value(self) -> None:
        for raw, value in (
            (b'{"b": 1, "a": [1.0, true, null, ""]}', {'b': 1, 'a': [1.0, True, None, '']}),
            (b'9223372036854775807', 2**63 - 1),
            (b'-9223372036854775808', -(2**63)),
            (b'1.0', 1.0),
            (b'1e300', 1e300),
            (b'0.12345678901234567890123', 0.12345678901234567890123),
            (b'"12345678901234567890123"', '12345678901234567890123'),
            (b'{"12345678901234567890123": 1}', {'12345678901234567890123': 1}),
            ('"\N{SNOWMAN}\N{GRINNING FACE}"'.encode(), '\N{SNOWMAN}\N{GRINNING FACE}'),
            (rb'"\ud83d\ude00"', '\N{GRINNING FACE}'),
            (rb'"\\u0000"', r'\u0000'),
            (rb'"%s"' % (b'[' * 100), '[' * 100),
        ):
            with self.subTest(raw):
                parsed = body.parse(raw)
                self.assertEqual(value, parsed)
                self.assertIs(type(value), type(parsed))

    def test_order_of_keys_is_kept(self) -> None:
        self.assertEqual(['b', 'a'], list(body.parse_object(b'{"b": 1, "a": 2}')))

    def test_what_is_no_storable_json_is_refused_with_its_reason(self) -> None:
        for raw, reason in (
            (b'', 'not valid JSON'),
            (b' ', 'not valid JSON'),
            (b'{"a": 1,}', 'not valid JSON'),
            (b'{"a": "hunter2" x}', 'line 1, column 17'),
            (b"{'a': 1}", 'not valid JSON'),
            (b'"a\x00"', 'not valid JSON'),
            (b'a=1&b=2', 'not valid JSON'),
            (b'\xef\xbb\xbf{}', 'byte order mark'),
            (b'"\xff hunter2"', 'not valid UTF-8'),
            (b'"\xed\xa0\x80"', 'not valid UTF-8'),
            ('{"a": "hunter2"}'.encode('utf-16'), 'not valid UTF-8'),
            (b'[NaN]', 'NaN and Infinity'),
            (b'{"a": Infinity}', 'NaN and Infinity'),
            (b'{"a": -Infinity}', 'NaN and Infinity'),
            (b'[1e400]', 'too large'),
            (b'[-1.5e309]', 'too large'),
            (b'1' + b'0' * 400, 'too large'),
            (b'{"a": 9223372036854775808}', '64 bits'),
            (b'{"a": [-9223372036854775809]}', '64 bits'),
            (b'{"a": 18446744073709551616}', '64 bits'),
            (b'1' + b'0' * 300, '64 bits'),
            (rb'{"a": "hunter2\u0000"}', 'NUL'),
            (rb'{"a": {"\u0000": 1}}', 'NUL'),
            (rb'["\\", ["\\\u0000"]]', 'NUL'),
            (rb'"\u0000"', 'NUL'),
            (rb'"\ud800"', 'surrogate'),
            (rb'"\udc00"', 'surrogate'),
            (rb'"\ud800\ud800"', 'surrogate'),
        ):
            with self.subTest(raw):
                description = self.refused(raw)
                self.assertIn(reason, description)
                self.assertNotIn(SECRET, description)

    def test_nesting_up_to_the_limit_passes(self) -> None:
        body.parse(nested(32))
        body.parse(b'{"a":' * 32 + b'1' + b'}' * 32)
        body.parse(nested(2), body.Limits(depth=2))
        body.parse(b'[[],[],[],{}]', body.Limits(depth=2))

    def test_deeper_nesting_is_refused_however_deep(self) -> None:
        for raw in (
            nested(33),
            nested(1000),
            nested(100_000),
            b'[' * 100_000,
            b'{"a":' * 33 + b'1' + b'}' * 33,
            b'{"a":' * 100_000 + b'1' + b'}' * 100_000,
            b'[[], ' + nested(32) + b']',
        ):
            with self.subTest(raw[:10], length=len(raw)):
                self.assertIn('deeper than 32', self.refused(raw))

    def test_sizes_up_to_the_limits_pass_and_no_more(self) -> None:
        limits = body.Limits(keys=2, items=3, key_length=4, text_length=5)
        for good, bad, words in (
            (b'{"a": 1, "b": 1}', b'{"a": 1, "b": 1, "c": 1}', '2 keys'),
            (b'[{"a": 1}, {"a": 1}]', b'[{"a": {"a": {"a": 1}}}]', '2 keys'),
            (b'{"a": "::::"}', b'[{"a": 1}, {"a": 1}, {"a": 1}]', '2 keys'),
            (b'[1, 2, 3]', b'{"a": [1, 2, 3, 4]}', '3 entries'),
            (b'[",,,,"]', b'[[], [[[], [], [], []]]]', '3 entries'),
            (b'{"abcd": 1}', b'{"a": {"abcde": 1}}', 'key of more than 4 characters'),
            ('{"äöüß": 1}'.encode(), '{"äöüßä": 1}'.encode(), '4 characters'),
            (rb'{"\"\"\"\"": 1}', rb'{"\"\"\"\"\"": 1}', '4 characters'),
            (b'"abcde"', b'"abcdef"', 'text of more than 5 characters'),
            (rb'["\"\"\"\"\""]', rb'["\"\"\"\"\"\""]', '5 characters'),
            (b'{"a": "abcde"}', b'{"a": ["abcdef"]}', '5 characters'),
        ):
            with self.subTest(bad):
                body.parse(good, limits)
                self.assertIn(words, self.refused(bad, limits))

    def test_the_limit_is_the_one_given(self) -> None:
        self.assertIn('deeper than 2', self.refused(nested(3), body.Limits(depth=2)))


class ParseObjectTest(testtools.TestCase):
    def test_no_body_is_an_empty_object(self) -> None:
        self.assertEqual({}, body.parse_object(b''))

    def test_an_object_is_returned(self) -> None:
        self.assertEqual({'a': None}, body.parse_object(b'{"a": null}'))

    def test_other_json_is_refused(self) -> None:
        for raw in (b'[]', b'[{}]', b'"hunter2"', b'1', b'null', b'true'):
            with self.subTest(raw):
                error = self.assertRaises(exceptions.BadRequest, body.parse_object, raw)
                self.assertEqual('The body must be a JSON object.', error.description)
