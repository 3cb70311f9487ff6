# SPDX-License-Identifier: Apache-2.0
"""The search for planted texts finds them."""

import base64
import json
from urllib import parse

import testtools

from tests import canaries
from tests.canaries import Kind


class CanariesTest(testtools.TestCase):
    def test_texts_are_found_in_the_forms_that_outputs_write_them_in(self) -> None:
        text = canaries.Canaries().text(Kind.SECRET, 'a place')
        for output in (
            text,
            json.dumps(text),
            json.dumps(json.dumps({'a': text})),
            parse.quote(text),
            repr(repr(text)),
            text.upper(),
            text.encode().hex(),
            *(base64.b64encode(f'{"x" * n}{text}'.encode()).decode() for n in range(3)),
            base64.urlsafe_b64encode(text.encode()).decode(),
        ):
            self.assertEqual({Kind.SECRET}, set(canaries.find(f'before {output} behind')), output)

    def test_each_text_is_known_by_its_place(self) -> None:
        marks = canaries.Canaries()
        first, second = marks.text(Kind.SECRET, 'here'), marks.text(Kind.TEXT, 'there')
        found = canaries.find(f'{second}, {first}')
        places = {kind: [marks.places[name] for name in names] for kind, names in found.items()}
        self.assertEqual({Kind.SECRET: ['here'], Kind.TEXT: ['there']}, places)

    def test_nothing_is_found_in_other_texts(self) -> None:
        self.assertEqual({}, canaries.find('canary sparrow kestrel osprey 5d0c-0001'))
