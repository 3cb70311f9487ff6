# SPDX-License-Identifier: Apache-2.0
"""A request as the controllers see it, and their answers."""

from __future__ import annotations

import dataclasses
import functools
import re
from typing import Any
from urllib import parse as urlparse

import pecan
from webob.multidict import MultiDict

from freezer_api import exceptions
from freezer_api.api import body, types
from freezer_api.context import RequestContext
from freezer_api.db import search
from freezer_api.db.session import Versions
from freezer_api.policy import Policy
from freezer_api.quotas import Quotas
from freezer_api.schemas.schedules import Rules
from freezer_api.trusts import Trusts

Document = dict[str, Any]

# A version is a 32-bit counter.
_VERSIONS = range(1, 2**31)
_VERSION = re.compile(r'[1-9][0-9]{0,9}')
_TAG = re.compile(r'(W/)?"([^"]*)"')

# Bytes of a body to read at once, if its length is not known.
_CHUNK = 65536


@dataclasses.dataclass(frozen=True, slots=True)
class Services:
    """What an application is made of, for its requests."""

    policy: Policy
    default_limit: int
    max_limit: int
    limits: body.Limits
    terms: search.Terms
    schedules: Rules
    quotas: Quotas | None
    trusts: Trusts


@dataclasses.dataclass(frozen=True, slots=True)
class Reply:
    """A document with its version, which becomes the ETag.

    :ivar found: the document was read, not written, so ``If-None-Match`` counts
    """

    document: Document | None
    version: int
    found: bool = False


class Request(pecan.Request):  # type: ignore[misc]  # Pecan is untyped
    """Query, body and caller; nothing of it reaches a controller as an argument.

    Pecan would read parameters from the query and from a form body. Both are hidden from it.
    """

    @property
    def GET(self) -> Any:  # noqa: N802  # name of WebOb
        return MultiDict()

    params = GET

    @property
    def path_info(self) -> str:
        """What Pecan asks for and nothing looks at; as the server gave it, for it may not be UTF-8."""
        path: str = self.environ.get('PATH_INFO', '')
        return path

    @property
    def content_type(self) -> str:
        return ''

    @functools.cached_property
    def query(self) -> dict[str, str]:
        """The query; a parameter given twice is refused.

        :raises BadRequest: given twice, or not UTF-8
        """
        text = self.environ.get('QUERY_STRING', '')
        if not text:
            return {}
        try:
            pairs = urlparse.parse_qsl(
                text, keep_blank_values=True, errors='strict', max_num_fields=100
            )
        except ValueError:
            raise exceptions.BadRequest('the query is not UTF-8 or too long') from None
        query = dict(pairs)
        if len(query) != len(pairs):
            raise exceptions.BadRequest('a query parameter is given twice')
        if '\x00' in text or '%00' in text:
            raise exceptions.BadRequest('the query contains a NUL character')
        return query

    @property
    def services(self) -> Services:
        services: Services = self.environ['freezer.services']
        return services

    @property
    def caller(self) -> RequestContext:
        """Who calls."""
        context: RequestContext = self.environ['freezer.context']
        return context

    @property
    def token(self) -> Any:
        """What auth_token knows of the caller's token; None without it."""
        return self.environ.get('keystone.token_auth')

    @property
    def version_1(self) -> bool:
        """Whether the request came by v1."""
        return bool(self.environ.get('PATH_INFO', '').startswith('/v1/'))

    def document(self) -> Document:
        """The JSON object in the body; ``{}`` if there is none.

        :raises BadRequest: not a JSON object, or beyond the limits
        """
        return body.parse_object(self.raw_body(), self.services.limits)

    def raw_body(self) -> bytes:
        """The body as it came.

        :raises BadRequest: it ends too early, or its chunks are malformed
        """
        if not self.is_body_readable:
            return b''
        try:
            if self.content_length is None:
                # No body, or one in chunks, whose reader ends at the limit. WebOb would make a file of either.
                chunks = iter(functools.partial(self.body_file_raw.read, _CHUNK), b'')
                return b''.join(chunks)
            raw: bytes = self.body
            return raw
        except OSError:
            # Of the server, or of WebOb.
            raise exceptions.BadRequest('The body could not be read to its end.') from None

    def page(self) -> search.Page:
        """The part of a list that is asked for."""
        services = self.services
        return types.page(self.query, services.default_limit, services.max_limit)

    def search(self) -> search.Search:
        """The search document of the body, or the same keys as JSON texts in the query."""
        document = self.document()
        for name in ('match', 'match_not', 'time_after', 'time_before'):
            text = self.query.get(name)
            if text and name not in document:
                document[name] = body.parse(text.encode(), self.services.limits)
        return search.parse(document, self.services.terms)

    @property
    def expected_version(self) -> Versions | None:
        """The versions in ``If-Match``; None if there need not be a stored one."""
        header = self.environ.get('HTTP_IF_MATCH', '').strip()
        if not header:
            return None
        if header == '*':
            return _VERSIONS
        # A version without quotes is no ETag, and still says what is meant.
        tags = [('', header)] if header.isdecimal() else _TAG.findall(header)
        return {int(text) for weak, text in tags if not weak and _VERSION.fullmatch(text)}

    def has_version(self, version: int) -> bool:
        """Whether ``If-None-Match`` names the version."""
        header = self.environ.get('HTTP_IF_NONE_MATCH')
        if not header:
            return False
        tags = [tag.strip().removeprefix('W/') for tag in header.split(',')]
        return f'"{version}"' in tags or '*' in tags
