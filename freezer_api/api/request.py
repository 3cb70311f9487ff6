# SPDX-License-Identifier: Apache-2.0
"""A request as the controllers see it, and their answers."""

from __future__ import annotations

import dataclasses
import functools
import re
from typing import Any
from urllib import parse as urlparse

import pecan
from oslo_log import log as logging
from webob import exc as webob_exc
from webob.multidict import MultiDict

from freezer_api import exceptions
from freezer_api.api import body, types
from freezer_api.context import RequestContext
from freezer_api.db import search
from freezer_api.db.session import Versions
from freezer_api.policies import documents
from freezer_api.policy import Policy
from freezer_api.quotas import Quotas
from freezer_api.schemas.schedules import Rules
from freezer_api.trusts import Trusts

LOG = logging.getLogger(__name__)

Document = dict[str, Any]

# A version is a 32-bit counter.
_VERSIONS = range(1, 2**31)
_VERSION = re.compile(r'[1-9][0-9]{0,9}')
_TAG = re.compile(r'(W/)?"([^"]*)"')

# Bytes of a body to read at once.
_CHUNK = 65536
_BROKEN = 'The body could not be read to its end.'


@dataclasses.dataclass(frozen=True, slots=True)
class Services:
    """What an application is made of, for its requests."""

    policy: Policy
    default_limit: int
    max_limit: int
    max_job_actions: int
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
            # WSGI has one character for each byte.
            text = text.encode('latin-1').decode()
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
    def token_auth(self) -> Any:
        """The plugin that auth_token made of the caller's token; None without it."""
        return self.environ.get('keystone.token_auth')

    @property
    def version_1(self) -> bool:
        """Whether the request came by v1."""
        return bool(self.environ.get('PATH_INFO', '').startswith('/v1/'))

    def sees_secrets(self, project_id: str) -> bool:
        """Whether the caller may see the secrets of a project; asked once for each."""
        seen = self._sees_secrets.get(project_id)
        if seen is None:
            seen = self.services.policy.allows(self.caller, documents.SECRETS, project_id)
            self._sees_secrets[project_id] = seen
        return seen

    @functools.cached_property
    def _sees_secrets(self) -> dict[str, bool]:
        return {}

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
        # Not by WebOb, which would make a file of what is longer than 10 KiB. Of a body in chunks the length is not
        # known, and its reader ends at the limit.
        left = self.content_length
        pieces: list[bytes] = []
        while left != 0:
            piece = self._read(_CHUNK if left is None else min(left, _CHUNK))
            if not piece:
                break
            pieces.append(piece)
            if left is not None:
                left -= len(piece)
        if left:
            raise exceptions.BadRequest(_BROKEN)
        return b''.join(pieces)

    def _read(self, size: int) -> bytes:
        """The next bytes of the body, none at its end.

        :raises HTTPException: the body is beyond the limit
        """
        try:
            read: bytes = self.body_file_raw.read(size)
        except webob_exc.HTTPException:
            raise
        except Exception as error:
            # Servers have no class in common for what is wrong with a body; those of gunicorn 27 are no OSError.
            LOG.info('The body of a request could not be read: %s', type(error).__name__)
            raise exceptions.BadRequest(_BROKEN) from None
        return read

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
