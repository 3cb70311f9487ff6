# SPDX-License-Identifier: Apache-2.0
"""URLs of databases."""

import sqlalchemy
from sqlalchemy import exc


def parse(text: str) -> sqlalchemy.URL:
    """The URL in a text.

    :raises ArgumentError: it is none; the text of the error has nothing of it, for it may hold a password
    """
    try:
        url = sqlalchemy.make_url(text)
    except (ValueError, exc.ArgumentError):
        # The former for a port that is no number.
        url = None
    if url is None or '@' in (url.host or ''):
        # An "@" that is not quoted; what follows it is part of a password, and drivers name hosts in errors.
        raise exc.ArgumentError('The URL of the database is malformed.')
    return url
