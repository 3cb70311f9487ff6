# SPDX-License-Identifier: Apache-2.0
"""The log tells where errors come from, and not what they say."""

import logging

import testtools
from oslo_config import cfg
from oslo_log import formatters

from freezer_api import discretion, exceptions

SECRET = 'hunter2'


def _failed() -> Exception:
    """An error that another one led to."""
    try:
        try:
            raise KeyError(SECRET)
        except KeyError as error:
            raise RuntimeError(SECRET) from error
    except RuntimeError as error:
        return error


class OutlineTest(testtools.TestCase):
    def test_it_has_types_and_frames_in_the_order_of_events(self) -> None:
        text = discretion.outline(_failed())
        self.assertNotIn(SECRET, text)
        self.assertIn('in _failed', text)
        self.assertLess(text.index('KeyError'), text.rindex('RuntimeError'))

    def test_it_has_texts_that_quote_no_values(self) -> None:
        for error in (
            AttributeError('no attribute of this name'),
            FileNotFoundError('no file of this name'),
            cfg.RequiredOptError('option'),
            exceptions.NotFound('no such job'),
        ):
            self.assertIn(str(error), discretion.outline(error))

    def test_it_quotes_no_value_of_an_option(self) -> None:
        group = cfg.OptGroup(SECRET)
        for error in (
            cfg.NoSuchOptError(SECRET),
            cfg.NoSuchGroupError(SECRET),
            cfg.TemplateSubstitutionError(f'group {SECRET}'),
            cfg.ConfigFileValueError(f"Value for option workers is not valid: '{SECRET}'"),
            cfg.ConfigSourceValueError(f"Value for option workers is not valid: '{SECRET}'"),
            cfg.NoSuchOptError('a', group),
        ):
            self.assertNotIn(SECRET, discretion.outline(error))
            self.assertNotIn(SECRET, discretion.reason(error))

    def test_it_stands_errors_that_cannot_say_what_they_are(self) -> None:
        class Dumb(OSError):
            def __str__(self) -> str:
                raise ValueError(SECRET)

        Dumb.__module__ = 'builtins'
        self.assertIn('Dumb', discretion.outline(Dumb()))

    def test_it_ends_where_errors_led_to_each_other(self) -> None:
        first, second = RuntimeError(), RuntimeError()
        first.__cause__, second.__cause__ = second, first
        self.assertEqual(1, discretion.outline(first).count('which led to'))


class HandlerTest(testtools.TestCase):
    def setUp(self) -> None:
        super().setUp()
        self.lines: list[str] = []
        self.logger = logging.getLogger(self.id())
        self.logger.propagate = False
        for formatter in (formatters.JSONFormatter(), logging.Formatter(), None):
            handler = logging.Handler()
            handler.setFormatter(formatter)
            handler.emit = lambda record, of=handler: self.lines.append(of.format(record))  # type: ignore[method-assign,misc]
            for _ in range(2):
                discretion.protect(handler)
            self.logger.addHandler(handler)

    def test_errors_that_are_logged_are_outlined(self) -> None:
        self.logger.error('It failed', exc_info=_failed())
        self.assertEqual(3, len(self.lines))
        for line in self.lines:
            self.assertNotIn(SECRET, line)
            self.assertIn('It failed', line)
            self.assertIn('in _failed', line)

    def test_the_error_being_handled_is_not_quoted(self) -> None:
        try:
            raise _failed()
        except RuntimeError:
            self.logger.warning('It failed')
        self.assertEqual(3, len(self.lines))
        for line in self.lines:
            self.assertNotIn(SECRET, line)
