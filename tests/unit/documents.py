# SPDX-License-Identifier: Apache-2.0
"""Documents to check, and a test case that checks them."""

import copy
from collections.abc import Callable
from typing import Any

import testtools

from freezer_api import exceptions

Document = dict[str, Any]


def job(**keys: Any) -> Document:
    return {'client_id': 'p1_web01.example', 'job_actions': [], **keys}


def entry(**keys: Any) -> Document:
    return {'freezer_action': {'action': 'backup'}, **keys}


def session(**keys: Any) -> Document:
    return {'schedule': {}, **keys}


def without(document: Document, *keys: str) -> Document:
    return {key: value for key, value in document.items() if key not in keys}


class SchemaTestCase(testtools.TestCase):
    def passes(self, check: Callable[..., None], *documents: Document) -> None:
        for document in documents:
            with self.subTest(document):
                before = copy.deepcopy(document)
                check(document)
                self.assertEqual(before, document)

    def refused(self, check: Callable[..., None], *cases: tuple[Document, str]) -> None:
        """Each document is refused with a text that contains the one given."""
        for document, text in cases:
            with self.subTest(document):
                error = self.assertRaises(exceptions.BadRequest, check, document)
                self.assertIn(text, error.description)
