# SPDX-License-Identifier: Apache-2.0
"""URLs of databases."""

import sqlalchemy
from oslo_config import cfg
from sqlalchemy import exc


def configured(conf: cfg.ConfigOpts) -> sqlalchemy.URL:
    """The URL of the database of the service, as ``[database]`` says.

    :raises ArgumentError: it is none
    """
    url = parse(conf.database.connection)
    if conf.database.connection_parameters:
        url = url.update_query_string(conf.database.connection_parameters, append=True)
    if url.get_backend_name() in ('mysql', 'mariadb'):
        # The tables are in it. What other services say, and oslo.db without a word, has no room for all characters.
        url = url.update_query_dict({'charset': 'utf8mb4'})
    return url


def parse(text: str | sqlalchemy.URL) -> sqlalchemy.URL:
    """The URL in a text, or of a caller who has one.

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
