# SPDX-License-Identifier: Apache-2.0
"""Trusts in Keystone.

Plain requests by keystoneauth1, which knows how to log in. keystoneclient would take the same session to send them,
and is being retired; openstacksdk is a dozen more packages, and a connection per caller.
"""

import contextlib
import datetime
import functools
import logging
import re
import threading
import time
from collections.abc import Iterator
from typing import Any

from keystoneauth1 import exceptions as keystone_exceptions
from keystoneauth1 import loading, plugin, session
from keystonemiddleware import opts as middleware_options
from oslo_config import cfg
from oslo_log import log

from freezer_api import exceptions
from freezer_api.domain.trusts import Listed, Terms, Trust

LOG = log.getLogger(__name__)

# Seconds to believe that a name of the configuration still means the same user.
_KNOWN = 300

# Loggers of libraries that tell of requests to Keystone at level DEBUG, by URL or with bodies.
_TALKATIVE = (
    'urllib3.connectionpool',
    'keystoneauth.session',
    'keystoneauth.session.body',
    'keystoneauth.session.request',
    'keystoneauth.identity.v3.base',
)
_TRUST_IN_URL = re.compile(r'(?<=/OS-TRUST/trusts/)[^\s/?"]+')

_ERRORS = (keystone_exceptions.ClientException, cfg.Error)
# Statuses like those from 500 on: Request Timeout, Too Many Requests.
_TRY_AGAIN = (408, 429)
_SILENT = 'Keystone does not answer; try again.'


class _Discreet(logging.Filter):
    """Keeps ids of trusts out of what libraries log; tokens and passwords they leave out themselves."""

    def filter(self, record: logging.LogRecord) -> bool:
        try:
            text = record.getMessage()
        except Exception:
            # Of a record that nobody could write: it is not for whoever logged it.
            return False
        if 'OS-TRUST' in text:
            # Of the description of a token that is by a trust, what follows is left out.
            text = text.partition('"OS-TRUST:')[0]
            record.msg, record.args = _TRUST_IN_URL.sub('***', text), ()
        return True


_DISCREET = _Discreet()


def register_options(conf: cfg.ConfigOpts, section: str) -> None:
    """Make the options of a group known by which the service logs in."""
    tokens = dict(middleware_options.list_auth_token_opts())
    if section in tokens:
        # The middleware may have done so already, or there is none, as in a command.
        conf.register_opts(tokens[section], group=section)
    else:
        loading.register_session_conf_options(conf, section)
    loading.register_auth_conf_options(conf, section)


def open_session(conf: cfg.ConfigOpts, section: str, timeout: float) -> Any:
    """What sends requests as the user that a group of options describes.

    :param timeout: seconds for an answer
    """
    options = conf[section]
    verify = False if options.insecure else options.cafile or True
    cert = options.certfile
    if cert and options.keyfile:
        cert = (cert, options.keyfile)
    auth = loading.load_auth_from_conf_options(conf, section)
    return session.Session(
        auth, verify=verify, cert=cert, timeout=timeout, user_agent='freezer-api'
    )


def root_of(opened: Any) -> str:
    """The URL of version 3 of the API that a session logs in to."""
    root = opened.get_endpoint(interface=plugin.AUTH_INTERFACE, version=(3,))
    if not root:
        raise keystone_exceptions.EndpointNotFound('Keystone was not found.')
    return str(root.rstrip('/'))


class Keystone:
    """Keystone, as far as trusts go.

    Nothing is asked before it is needed, and nothing is waited for longer than the option ``timeout`` says.

    :param section: the group of options with the identity that trusts are for
    """

    def __init__(self, conf: cfg.ConfigOpts, section: str) -> None:
        for name in _TALKATIVE:
            logging.getLogger(name).addFilter(_DISCREET)
        self._conf = conf
        self._section = section
        self._timeout = conf.centralized_scheduler.timeout
        self._lock = threading.Lock()
        self._trustee_id = ''
        self._trustee_until = 0.0
        register_options(conf, section)

    @functools.cached_property
    def _session(self) -> Any:
        """Sends requests as the service."""
        return open_session(self._conf, self._section, self._timeout)

    def trustee_id(self) -> str:
        """The user that trusts are for.

        :raises UnprocessableEntity: the service cannot log in
        :raises ServiceUnavailable: Keystone does not answer
        """
        # Those who wait meanwhile may not wait one after the other.
        if not self._lock.acquire(timeout=self._timeout):
            raise exceptions.ServiceUnavailable(_SILENT)
        try:
            if time.monotonic() > self._trustee_until:
                self._trustee_id = self._session.get_user_id() or ''
                self._trustee_until = time.monotonic() + _KNOWN
        except _ERRORS as error:
            raise _failure(
                error, 'The service cannot log in as the user that trusts are for.'
            ) from error
        finally:
            self._lock.release()
        return self._trustee_id

    def create(self, token: str, terms: Terms) -> Trust:
        """A new trust.

        :param token: of the trustor
        :raises UnprocessableEntity: Keystone refuses, as it does for a role that the trustor does not have
        :raises ServiceUnavailable: Keystone does not answer
        """
        wanted = {
            'trustor_user_id': terms.trustor_user_id,
            'trustee_user_id': terms.trustee_user_id,
            'project_id': terms.project_id,
            'roles': [{'name': role} for role in terms.roles],
            'impersonation': False,
            'allow_redelegation': False,
        }
        try:
            answer = self._call('POST', '', token, json={'trust': wanted})
            with _understanding(answer):
                made = answer.json()['trust']
                return Trust(str(made['id']), terms, _seconds(made.get('expires_at')))
        except _ERRORS as error:
            # The user that is known may be gone.
            self._trustee_until = 0.0
            raise _failure(
                error, 'Keystone refuses a trust that the client of the job needs.'
            ) from error

    def has(self, token: str, trust_id: str) -> bool:
        """Whether a trust is there; one that Keystone does not let the trustor look at is.

        :param token: of the trustor
        :raises ServiceUnavailable: Keystone does not answer
        """
        try:
            answer = self._call('GET', f'/{trust_id}', token)
            with _understanding(answer):
                return bool(answer.json()['trust']['id'])
        except _ERRORS as error:
            if _is_missing(error):
                return False
            failure = _failure(error, 'Keystone refuses to show a trust.')
            if isinstance(failure, exceptions.ServiceUnavailable):
                raise failure from error
        return True

    def delete(self, token: str | None, trust_id: str) -> None:
        """Delete a trust, if it is still there.

        :param token: of the trustor; None is one of the service, which must then be an administrator
        :raises UnprocessableEntity: Keystone refuses
        :raises ServiceUnavailable: Keystone does not answer
        """
        try:
            self._call('DELETE', f'/{trust_id}', token)
        except _ERRORS as error:
            if _is_missing(error):
                return
            raise _failure(error, 'Keystone refuses to delete a trust.') from error

    def trusts(self) -> list[Listed]:
        """All trusts for the trustee that Keystone has.

        :raises UnprocessableEntity: Keystone refuses, or shows a part of them alone
        :raises ServiceUnavailable: Keystone does not answer
        """
        query = {'trustee_user_id': self.trustee_id()}
        try:
            answer = self._call('GET', '', None, params=query)
            with _understanding(answer):
                document = answer.json()
                is_part = document.get('truncated') or (document.get('links') or {}).get('next')
                found = [
                    Listed(item['id'], item['trustor_user_id'], item['project_id'] or '')
                    for item in document['trusts']
                ]
        except _ERRORS as error:
            raise _failure(error, 'Keystone refuses to list trusts.') from error
        if is_part:
            # The others would seem to be missing.
            raise exceptions.UnprocessableEntity(
                'Keystone lists a part of the trusts alone; see its option list_limit.'
            )
        return found

    def _call(self, method: str, path: str, token: str | None, **options: Any) -> Any:
        # Not the plugin that the middleware made of the caller's token: it would log in as the service for each caller
        # besides, without a limit of time.
        headers = {} if token is None else {'X-Auth-Token': token}
        return self._session.request(
            f'{root_of(self._session)}/OS-TRUST/trusts{path}',
            method,
            authenticated=token is None,
            headers=headers,
            # Ids of trusts belong in no log.
            log=False,
            **options,
        )


@contextlib.contextmanager
def _understanding(answer: Any) -> Iterator[None]:
    """Take what Keystone would not say for an error of whoever says it in its place.

    :raises InvalidResponse: it is no JSON, or lacks something
    """
    try:
        yield
    except (AttributeError, LookupError, TypeError, ValueError):
        raise keystone_exceptions.InvalidResponse(response=answer) from None


def _is_missing(error: Exception) -> bool:
    """Whether Keystone says that something is not there; the 404 of a proxy says nothing."""
    if not isinstance(error, keystone_exceptions.NotFound) or error.response is None:
        return False
    try:
        return bool(error.response.json()['error']['code'] == error.http_status)
    except (AttributeError, LookupError, TypeError, ValueError):
        return False


def _failure(error: Exception, refusal: str) -> exceptions.FreezerError:
    """The answer to a caller whose trust came to nothing."""
    # Without the text, in which Keystone may name a trust.
    status = getattr(error, 'http_status', None) or 0
    text = f'{type(error).__name__} {status or ""}'.rstrip()
    # A missing option is for the operator to mend, and no reason to try again.
    misconfigured = isinstance(error, keystone_exceptions.AuthPluginException | cfg.Error)
    strange = isinstance(error, keystone_exceptions.NotFound) and not _is_missing(error)
    if misconfigured or (400 <= status < 500 and status not in _TRY_AGAIN and not strange):
        LOG.info('Keystone refused something about a trust: %s', text)
        return exceptions.UnprocessableEntity(refusal)
    LOG.warning('Keystone did not answer about a trust: %s', text)
    return exceptions.ServiceUnavailable(_SILENT)


def _seconds(text: str | None) -> int | None:
    if not text:
        return None
    return int(datetime.datetime.fromisoformat(text).timestamp())
