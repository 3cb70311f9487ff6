# SPDX-License-Identifier: Apache-2.0
"""Where the old documents are: from a URL, or from a configuration file of any release that kept them."""

import dataclasses
from pathlib import Path
from urllib.parse import SplitResult, unquote, urlsplit

from oslo_config import cfg

from freezer_api.conf import explain
from freezer_api.migrate.errors import UsageError

# The name that every release used, whatever its configuration said.
INDEX = 'freezer'


@dataclasses.dataclass(frozen=True)
class Source:
    """How to reach a cluster.

    :ivar urls: of its hosts, 'https://host:9200' or with a path behind it, without credentials
    :ivar indices: names, aliases or patterns with ``*``
    :ivar optional: those of them that need not be there
    :ivar password: goes with ``user``
    :ivar api_key: 'id:key', or its base64 form as the server hands it out
    :ivar token: a bearer token
    :ivar ca_file: instead of the system's authorities
    :ivar certificate_file: of the client, with its key unless ``key_file`` holds that
    :ivar verify: whether certificates are checked
    :ivar old_tls: whether TLS 1.0 and 1.1 are good enough, for the proxies of the time
    :ivar timeout: seconds for one answer
    :ivar retries: of one request that could not be answered
    """

    urls: tuple[str, ...]
    indices: tuple[str, ...] = (INDEX,)
    optional: frozenset[str] = frozenset()
    user: str | None = None
    password: str | None = dataclasses.field(default=None, repr=False)
    api_key: str | None = dataclasses.field(default=None, repr=False)
    token: str | None = dataclasses.field(default=None, repr=False)
    ca_file: str | None = None
    certificate_file: str | None = None
    key_file: str | None = None
    verify: bool = True
    old_tls: bool = False
    timeout: float = 60
    retries: int = 20

    def replace(self, **changes: object) -> 'Source':
        """The same source with what the operator said besides."""
        return dataclasses.replace(self, **changes)  # type: ignore[arg-type]


def from_url(*urls: str) -> Source:
    """A source by the URLs of its hosts, whose credentials are taken out of them.

    :raises UsageError: one is no http or https URL
    """
    split = [_split(url) for url in urls]
    user, password = _credentials(split)
    return Source(
        urls=tuple(dict.fromkeys(_address(parts) for parts in split)), user=user, password=password
    )


def from_config(path: str | Path) -> Source:
    """A source as an old service found it, whichever release the file was written for.

    Certificates are verified although the old service did not by default.

    :raises UsageError: the file cannot be read, or names no document store
    """
    section = _section(path)
    hosts = [_bare(host) for host in (section.get('endpoint') or section['hosts']).split(',')]
    split = [_split(host if '//' in host else f'http://{host}') for host in hosts if host]
    if not split:
        raise UsageError(f'{path}: "hosts" names no host.')
    own = section['http_auth'].partition(':')
    user, password = (own[0], own[2]) if own[0] else _credentials(split)
    urls = [_address(parts) for parts in split]
    if _is_true(section['use_ssl']):
        # Ports stay as they are, also those that were not given.
        urls = [f'https{url.removeprefix("https").removeprefix("http")}' for url in urls]
    index = section['index'] or INDEX
    return Source(
        urls=tuple(dict.fromkeys(urls)),
        # The releases up to 18.0.0 wrote to the first whatever the file says, later ones to the second.
        indices=tuple(dict.fromkeys((INDEX, index))),
        optional=frozenset((INDEX, index)) if index != INDEX else frozenset(),
        user=user,
        password=password,
        ca_file=section['ca_certs'] or None,
        timeout=_number(path, 'timeout', section['timeout'], 60),
        retries=_number(path, 'retries', section['retries'], 20),
    )


def _split(url: str) -> SplitResult:
    try:
        parts = urlsplit(url)
        usable = parts.scheme in ('http', 'https') and bool(parts.hostname) and parts.port != 0
    except ValueError:
        usable = False
    if not usable:
        # Not the whole of it: it may hold a password.
        raise UsageError(f'{_without_credentials(url)} is not a URL like http://host:9200.')
    if '@' in parts.path + parts.query + parts.fragment:
        raise UsageError(
            'A URL of the source has "@" behind its host; write "/", "?" and "#" in a password as %2F, %3F and %23.'
        )
    return parts


def _credentials(hosts: list[SplitResult]) -> tuple[str, str] | tuple[None, None]:
    """User and password of the first host that has some."""
    for parts in hosts:
        if parts.username:
            return unquote(parts.username), unquote(parts.password or '')
    return None, None


def _without_credentials(url: str) -> str:
    return url.rpartition('@')[2]


def _address(parts: SplitResult) -> str:
    """A URL with a port, the one that the old client libraries took where none was given."""
    host = f'[{parts.hostname}]' if ':' in (parts.hostname or '') else parts.hostname
    port = parts.port or (443 if parts.scheme == 'https' else 9200)
    return f'{parts.scheme}://{host}:{port}{parts.path.rstrip("/")}'


def _section(path: str | Path) -> dict[str, str]:
    """The keys of the section that describes the document store.

    Up to 4.0 that was [storage] itself; from 5.0 on its key "backend" names the section.
    """
    conf = cfg.ConfigOpts()
    storage = cfg.OptGroup('storage')
    conf.register_opts([cfg.StrOpt('backend'), cfg.StrOpt('driver'), *_options()], storage)
    try:
        conf([], project='freezer-api', default_config_files=[str(path)], default_config_dirs=[])
        old = {option.name: _text(conf.storage[option.name]) for option in _options()}
        backend, driver = _text(conf.storage.backend), _text(conf.storage.driver)
        if 'sqlalchemy' in (backend, driver) or driver.endswith('SQLAlchemyEngine'):
            raise UsageError(
                f'{path}: that service kept its data in SQL; "migrate legacy-sql" reads it.'
            )
        name = backend or 'elasticsearch'
        if not backend and (old['hosts'] or old['endpoint']):
            return old
        conf.register_opts(_options(), cfg.OptGroup(name))
        new = {option.name: _text(conf[name][option.name]) for option in _options()}
    except UnicodeDecodeError:
        raise UsageError(f'{path} cannot be read: it is no text in UTF-8.') from None
    except cfg.Error as error:
        raise UsageError(f'{path} cannot be read: {explain(error)}') from error
    if not (new['hosts'] or new['endpoint']):
        raise UsageError(f'{path}: neither [storage] nor [{name}] has "hosts" or "endpoint".')
    return new


def _options() -> list[cfg.Opt]:
    """All of them as text: what the old releases took is more than their option types say."""
    names = (
        *('endpoint', 'hosts', 'index', 'timeout', 'retries'),
        *('use_ssl', 'ca_certs', 'http_auth'),
    )
    return [cfg.StrOpt(name, secret=name == 'http_auth') for name in names]


def _text(value: str | None) -> str:
    return _bare(value or '')


def _bare(text: str) -> str:
    """Without the quotes that the sample files had around lists and their elements."""
    return text.strip().strip('\'"').strip()


def _is_true(text: str) -> bool:
    return text.lower() in ('1', 'true', 'yes', 'on')


def _number(path: str | Path, name: str, text: str, default: int) -> int:
    try:
        return int(text or default)
    except ValueError:
        raise UsageError(f'{path}: "{name}" is not a number.') from None
