# SPDX-License-Identifier: Apache-2.0
"""What a log may tell of an error: where it came from, and not what it says.

Drivers, libraries and Python itself quote values in the texts of errors, and values may be passwords.
"""

import logging
import traceback

from oslo_config import cfg
from oslo_log import log
from sqlalchemy.exc import ArgumentError

from freezer_api import conf as configuration
from freezer_api import exceptions
from freezer_api.db.strangers import ForeignTables

# These quote names in code, files, options, or what callers are told anyway.
_TELLING = (AttributeError, ImportError, NameError, OSError, TypeError)


def outline(error: BaseException) -> str:
    """The frames and types of an error, and before it those of the errors that led to it."""
    parts: list[str] = []
    seen: set[int] = set()
    current: BaseException | None = error
    while current is not None and id(current) not in seen:
        seen.add(id(current))
        parts.append(''.join(traceback.format_tb(current.__traceback__)) + name(current))
        hidden = current.__suppress_context__
        current = current.__cause__ or (None if hidden else current.__context__)
    return '\nwhich led to\n'.join(reversed(parts))


def name(error: BaseException) -> str:
    """The type of an error, and its text if that quotes no values."""
    kind = type(error)
    plain = f'{kind.__module__}.{kind.__qualname__}'.removeprefix('builtins.')
    try:
        if isinstance(error, cfg.Error):
            return f'{plain}: {configuration.explain(error)}'
        is_telling = isinstance(error, _TELLING) and kind.__module__ == 'builtins'
        return f'{plain}: {error}' if is_telling or isinstance(error, exceptions.FreezerError) else plain
    except Exception:
        # Of the error itself, which cannot say what it is.
        return plain


def reason(error: Exception) -> str:
    """Why the service cannot start, without values of its configuration."""
    if isinstance(error, cfg.Error):
        return configuration.explain(error)
    # Texts of our own, also about the URL of a database.
    is_ours = type(error) is RuntimeError or isinstance(error, ArgumentError | ForeignTables)
    return str(error) if is_ours else name(error)


class Outlined(Exception):
    """Stands in a record of the log for an error whose text is not for it."""


class _Filter(logging.Filter):
    """Replace errors in records."""

    def filter(self, record: logging.LogRecord) -> bool:
        error = record.exc_info[1] if record.exc_info else None
        if error is not None and not isinstance(error, Outlined):
            record.exc_info = (Outlined, Outlined(outline(error)), None)
            record.exc_text = None
        return True


FILTER = _Filter()


class _Formatter(logging.Formatter):
    """A formatter that does not see the error being handled, whose text oslo.log adds to every warning."""

    def __init__(self, formatter: logging.Formatter) -> None:
        super().__init__()
        self._formatter = formatter

    def format(self, record: logging.LogRecord) -> str:
        try:
            # oslo.log leaves out errors of exactly this class.
            raise ValueError
        except ValueError:
            return self._formatter.format(record)


def protect(handler: logging.Handler) -> None:
    """Let a handler outline errors."""
    handler.addFilter(FILTER)
    if not isinstance(handler.formatter, _Formatter):
        handler.setFormatter(_Formatter(handler.formatter or logging.Formatter()))


def set_up_log(conf: cfg.ConfigOpts, program: str) -> None:
    """Log as the configuration says, and outline errors.

    :raises cfg.Error: what the configuration says of the log cannot be done
    """
    try:
        log.setup(conf, program)
    except log.LogConfigError as error:
        # Its text may quote a line of the file.
        cause = name(error.__context__ or error)
        raise cfg.Error(f'{error.log_config} cannot configure the log: {cause}') from None
    except OSError as error:
        raise cfg.Error(f'the log cannot be written: {error}') from None
    except (TypeError, ValueError):
        # Of a level or a facility; oslo.log looks at them no sooner.
        raise cfg.Error('an option of the log has a value that there is not') from None
    root = logging.getLogger()
    for logger in (root, *root.manager.loggerDict.values()):
        for handler in getattr(logger, 'handlers', ()):
            protect(handler)
