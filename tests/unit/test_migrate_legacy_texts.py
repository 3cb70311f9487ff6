# SPDX-License-Identifier: Apache-2.0
"""JSON in columns of text that ends too early."""

import json
from typing import Any

import testtools
from hypothesis import given
from hypothesis import strategies as st

from freezer_api.migrate.legacy import texts

_LEAVES = st.one_of(st.none(), st.booleans(), st.integers(), st.text('ab"\\\\{}[],:\u00fc'))
_VALUES = st.recursive(
    _LEAVES,
    lambda inner: st.one_of(st.lists(inner), st.dictionaries(st.text('ab"\\\\{}[],:'), inner)),
    max_leaves=20,
)
_OBJECTS = st.dictionaries(st.text('xy"{'), _VALUES, min_size=1)


def _is_beginning(part: Any, whole: Any) -> bool:
    """Whether a value is what is left of another one when its text is cut."""
    if isinstance(part, dict) and isinstance(whole, dict):
        return all(key in whole and _is_beginning(value, whole[key]) for key, value in part.items())
    if isinstance(part, list) and isinstance(whole, list):
        pairs = zip(part, whole, strict=False)
        return len(part) <= len(whole) and all(_is_beginning(*pair) for pair in pairs)
    return bool(part == whole)


class TextTest(testtools.TestCase):
    @given(_OBJECTS, st.data())
    def test_cut_text_gives_its_beginning(self, document: Any, data: Any) -> None:
        text = json.dumps(document)
        end = data.draw(st.integers(1, len(text) - 1))
        found = texts.read(text[:end])
        self.assertEqual((texts.CUT_OFF, True), (found.reason, found.is_readable))
        self.assertTrue(_is_beginning(found.value, document), found.value)

    @given(_OBJECTS)
    def test_whole_text_is_read_as_it_is(self, document: Any) -> None:
        self.assertEqual(texts.Found(document), texts.read(json.dumps(document).encode()))

    @given(st.text('{}[]",:ab1\\\\ '))
    def test_any_text_is_read_or_not(self, text: str) -> None:
        found = texts.read(text)
        self.assertTrue(found.is_readable or found.value is None)
