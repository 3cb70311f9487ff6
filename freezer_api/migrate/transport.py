# SPDX-License-Identifier: Apache-2.0
"""HTTP to a cluster that is only read."""

import base64
import json
import logging
import math
import re
import ssl
import time
from collections.abc import Iterator, Mapping
from typing import Any

import orjson
import urllib3
from urllib3 import exceptions as http_errors

from freezer_api.migrate import depth
from freezer_api.migrate.errors import SourceError
from freezer_api.migrate.source import Source

LOG = logging.getLogger(__name__)

# Everything that may be sent. Searches have bodies, hence POST; DELETE only ends a scroll of ours.
_READING = re.compile(r'GET /.*|POST /[^/]+/_search|(POST|DELETE) /_search/scroll')

# The server, or a proxy before it, did not look at the request.
_BUSY = frozenset((429, 503))
# A proxy gave up on an answer: the server may have worked on the request.
_LOST = frozenset((502, 504))

# Seconds between two tries: the first, and the longest.
_FIRST_PAUSE = 0.25
_LONGEST_PAUSE = 30.0


class Refused(SourceError):
    """The server answered with an error.

    :ivar status: of the answer
    """

    def __init__(self, text: str, status: int) -> None:
        super().__init__(text)
        self.status = status


class Interrupted(SourceError):
    """There was no answer. Whether the server worked on the request is not known."""


class Transport:
    """Sends requests to the hosts of a source, another one when one fails."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self._urls = list(source.urls)
        self._reached = False
        # Elasticsearch before 7.0 and proxies differ in what they make of other media types.
        self._headers = {'Accept': 'application/json', **_authorization(source)}
        self._pool = urllib3.PoolManager(
            ssl_context=_tls(source),
            timeout=urllib3.Timeout(connect=min(10, source.timeout), read=source.timeout),
            retries=False,
        )

    def close(self) -> None:
        self._pool.clear()

    def get(self, path: str, *, patient: bool = True) -> Any:
        """The answer to a GET, which is tried again whatever went wrong.

        :raises SourceError: there was none, or an error
        """
        return self.send('GET', path, repeatable=True, patient=patient)

    def send(
        self,
        method: str,
        path: str,
        body: Mapping[str, Any] | str | None = None,
        *,
        repeatable: bool = False,
        patient: bool = True,
    ) -> Any:
        """The JSON of an answer.

        A request that was turned away (429, 503) or did not reach a server is sent again, with pauses that grow.

        :param body: an object, or bare text
        :param repeatable: whether to send it again also where the server may have worked on it
        :param patient: whether to try as often as the source allows, or give up after some seconds
        :raises Interrupted: there was no answer
        :raises Refused: the answer was an error
        :raises SourceError: the server cannot be used
        """
        request = f'{method} {path}'
        if not _READING.fullmatch(request.partition('?')[0]):
            raise ValueError(f'{request} would not only read')
        for pause in self._pauses(patient):
            try:
                status, headers, answer = self._exchange(method, path, body)
            except http_errors.HTTPError as error:
                # Once it worked, it is the way a connection ended.
                if isinstance(error, http_errors.SSLError) and not self._reached:
                    raise SourceError(self._tls_failed(error)) from None
                # No connection, hence no request.
                connected = not isinstance(
                    error, (http_errors.NewConnectionError, http_errors.ConnectTimeoutError)
                )
                failure: SourceError = Interrupted(f'{self._urls[0]}: {_reason(error)}.')
                self._urls.append(self._urls.pop(0))
                final = connected and not repeatable
            else:
                self._reached = True
                if status < 300:
                    return self._parse(path, answer)
                failure = self._refusal(status, headers, answer)
                if status in _LOST:
                    failure = Interrupted(str(failure))
                final = status not in _BUSY and not (status in _LOST and repeatable)
                # Its memory does not hold the answer, and will not the next time.
                final = final or b'circuit_breaking' in answer
                pause = _asked_pause(pause, headers)
            if final or pause is None:
                raise failure
            LOG.warning('%s Trying again in %.1f s', failure, pause)
            time.sleep(pause)
        raise AssertionError('the last pause is none')

    def _pauses(self, patient: bool) -> Iterator[float | None]:
        pause = _FIRST_PAUSE
        for _ in range(self._source.retries if patient else min(3, self._source.retries)):
            yield pause
            pause = min(pause * 2, _LONGEST_PAUSE)
        yield None

    def _exchange(
        self, method: str, path: str, body: Mapping[str, Any] | str | None
    ) -> tuple[int, Mapping[str, str], bytes]:
        headers = dict(self._headers)
        content = None
        if isinstance(body, str):
            content = body.encode()
            headers['Content-Type'] = 'text/plain'
        elif body is not None:
            content = json.dumps(body).encode()
            headers['Content-Type'] = 'application/json'
        # Redirects are not followed: credentials would go along, or the other end be no host of ours.
        response = self._pool.request(
            method, self._urls[0] + path, body=content, headers=headers, redirect=False
        )
        return response.status, response.headers, response.data

    def _parse(self, path: str, answer: bytes) -> Any:
        """An answer as Python objects.

        Not orjson: old documents hold integers beyond 64 bits and halves of surrogate pairs.
        """
        try:
            with depth.allowed():
                return json.loads(
                    answer.decode('utf-8', 'surrogateescape'),
                    parse_int=_integer,
                    parse_float=_finite,
                    parse_constant=orjson.Fragment,
                )
        except RecursionError:
            raise SourceError(
                f'{self._urls[0]} answered {path.partition("?")[0]} with a document that is nested too deeply.'
            ) from None
        except ValueError:
            raise SourceError(f'{self._urls[0]} did not answer with JSON: {_NOT_ONE}.') from None

    def _refusal(self, status: int, headers: Mapping[str, str], answer: bytes) -> SourceError:
        url = self._urls[0]
        if status == 401:
            given = 'Authorization' in self._headers
            text = 'the credentials are wrong' if given else 'it wants credentials'
            return Refused(f'{url} answered 401: {text}.', status)
        if 300 <= status < 400:
            target = headers.get('Location', '').partition('?')[0].rpartition('@')[2]
            return SourceError(f'{url} redirects to {target}: {_NOT_ONE}; give its own URL.')
        return Refused(f'{url} answered {status}{_server_reason(answer)}.', status)

    def _tls_failed(self, error: http_errors.SSLError) -> str:
        text = f'{self._urls[0]}: TLS failed: {_reason(error)}.'
        if 'CERTIFICATE_VERIFY_FAILED' in str(error):
            text += (
                ' Name the authority that signed its certificate (--cafile), or switch verification off'
                ' (--insecure); the old service did not verify unless told to.'
            )
        return text


def _integer(text: str) -> int | orjson.Fragment:
    """A number, or its digits where Python refuses to count so far: the spool has them for the loader to decide."""
    try:
        return int(text)
    except ValueError:
        return orjson.Fragment(text)


def _finite(text: str) -> float | orjson.Fragment:
    number = float(text)
    return number if math.isfinite(number) else orjson.Fragment(text)


_NOT_ONE = 'it is no Elasticsearch or OpenSearch'


def _authorization(source: Source) -> dict[str, str]:
    if source.token is not None:
        return {'Authorization': f'Bearer {source.token}'}
    if source.api_key is not None:
        key = source.api_key
        if ':' in key:
            key = base64.b64encode(key.encode()).decode()
        return {'Authorization': f'ApiKey {key}'}
    if source.user is not None:
        word = base64.b64encode(f'{source.user}:{source.password or ""}'.encode()).decode()
        return {'Authorization': f'Basic {word}'}
    return {}


def _tls(source: Source) -> ssl.SSLContext:
    try:
        context = ssl.create_default_context(cafile=source.ca_file)
    except (OSError, ssl.SSLError) as error:
        raise SourceError(f'The CA file {source.ca_file} cannot be used: {error}') from None
    if source.certificate_file is not None:
        try:
            context.load_cert_chain(source.certificate_file, source.key_file)
        except (OSError, ssl.SSLError) as error:
            name = source.certificate_file
            raise SourceError(f'The client certificate {name} cannot be used: {error}') from None
    if source.old_tls:
        context.minimum_version = ssl.TLSVersion.MINIMUM_SUPPORTED
        # The keys and digests of that time are below the security level of today's OpenSSL.
        context.set_ciphers('DEFAULT:@SECLEVEL=0')
    if not source.verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        # Once is enough.
        LOG.warning('Certificates are not verified')
        urllib3.disable_warnings(http_errors.InsecureRequestWarning)
    return context


def _asked_pause(pause: float | None, headers: Mapping[str, str]) -> float | None:
    """The pause, or the longer one that the server asked for."""
    asked = headers.get('Retry-After', '')
    if pause is None or not asked.isdigit():
        return pause
    return max(pause, min(int(asked), 2 * _LONGEST_PAUSE))


def _reason(error: Exception) -> str:
    """What went wrong, without the connection objects and class names around it."""
    inner: BaseException | None = error
    while inner is not None:
        if isinstance(inner, OSError) and (text := inner.strerror or str(inner)):
            return text
        inner = inner.__cause__ or next(
            (argument for argument in inner.args if isinstance(argument, Exception)), None
        )
    if isinstance(error, http_errors.TimeoutError):
        return 'no answer in time'
    return str(error).rpartition(': ')[2] or type(error).__name__


def _server_reason(answer: bytes) -> str:
    """The server's words: a string up to 1.x, an object later."""
    try:
        error = json.loads(answer)['error']
    except (ValueError, KeyError, TypeError, RecursionError):
        return ''
    if isinstance(error, dict):
        error = f'{error.get("type")}: {error.get("reason")}'
    return f' ({str(error)[:300]})'
