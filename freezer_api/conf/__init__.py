# SPDX-License-Identifier: Apache-2.0
"""Configuration: one module per group of options.

There is no global object; who needs options is given one.
"""

import contextlib
import copy
import re
from collections.abc import Iterator, Sequence
from importlib import metadata

from keystonemiddleware import auth_token
from oslo_config import cfg
from oslo_db import options as db_options
from oslo_log import log
from oslo_middleware import cors, sizelimit
from oslo_policy import opts as policy_options

from freezer_api.conf import api, audit, centralized_scheduler, default, quotas

# The folder below /etc, and the name of the files in it.
PROJECT = 'freezer'
PROGRAM = 'freezer-api'

DEFAULT_CONNECTION = 'sqlite:////var/lib/freezer/freezer-api.sqlite'
MAX_REQUEST_BODY_SIZE = 1024 * 1024

# Of our endpoint, for those who do not configure it.
SERVICE_TYPE = 'backup'
# Seconds for one try, of which there are some.
KEYSTONE_TIMEOUT = 10

_GROUPS: dict[str, list[cfg.Opt]] = {
    module.GROUP: module.OPTS for module in (default, api, audit, centralized_scheduler, quotas)
}


def set_defaults() -> None:
    """Change defaults of oslo options, before a sample is generated or options are registered."""
    # Lists of files in backup metadata exceed the 112 KiB of oslo.middleware.
    cfg.set_defaults(sizelimit.OPTS, max_request_body_size=MAX_REQUEST_BODY_SIZE)
    cors.set_defaults(
        allow_headers=[
            'X-Auth-Token',
            'X-OpenStack-Request-ID',
            'If-Match',
            'If-None-Match',
        ],
        expose_headers=['ETag', 'X-OpenStack-Request-ID'],
        allow_methods=['GET', 'HEAD', 'PUT', 'POST', 'DELETE', 'PATCH'],
    )
    for _, options in auth_token.AUTH_TOKEN_OPTS:
        cfg.set_defaults(
            options,
            # Without it, access rules of application credentials let nothing pass.
            service_type=SERVICE_TYPE,
            # As in keystonemiddleware 13; before, anybody's token did, and let access rules be passed by.
            service_token_roles_required=True,
            # Else a Keystone that is silent holds all threads for ever.
            http_connect_timeout=KEYSTONE_TIMEOUT,
        )
    log.set_defaults(
        default_log_levels=[
            *log.get_default_log_levels(),
            # It tells on every look at a revision how it would go about a change.
            'alembic=WARNING',
            # Events that go to the log; oslo.log lets warnings of the library pass alone.
            'keystonemiddleware.audit=INFO',
        ]
    )
    cfg.set_defaults(db_options.database_opts, connection=DEFAULT_CONNECTION)
    cfg.set_defaults(policy_options._options, policy_file='policy.yaml')


def list_opts() -> list[tuple[str, list[cfg.Opt]]]:
    """Our options by group, for oslo-config-generator."""
    return [(group, copy.deepcopy(options)) for group, options in _GROUPS.items()]


def register(conf: cfg.ConfigOpts) -> None:
    """Register all groups, except those that middleware registers itself."""
    set_defaults()
    log.register_options(conf)
    db_options.set_defaults(conf, connection=DEFAULT_CONNECTION)
    policy_options.set_defaults(conf, policy_file='policy.yaml')
    for group, options in _GROUPS.items():
        conf.register_opts(options, group=None if group == 'DEFAULT' else group)


def default_files() -> list[str]:
    """The configuration files that exist in the usual locations."""
    files: list[str] = cfg.find_config_files(PROJECT, PROGRAM)
    return files


def default_dirs() -> list[str]:
    """The folders of configuration files that exist in the usual locations."""
    folders: list[str] = cfg.find_config_dirs(PROJECT, PROGRAM)
    return folders


def version() -> str:
    """Our release."""
    try:
        return metadata.version('freezer-api')
    except metadata.PackageNotFoundError:
        # An unpacked archive that was never installed.
        return 'unknown'


def explain(error: cfg.Error) -> str:
    """What is wrong, without the line or the value that is, which may be a password."""
    if isinstance(error, cfg.NoSuchOptError | cfg.NoSuchGroupError | cfg.TemplateSubstitutionError):
        # What a "$" in a value refers to.
        return 'an option is asked for that there is not; a "$" in a value must be written "$$"'
    text = str(error)
    if isinstance(error, cfg.ConfigSourceValueError):
        before, stated, _ = text.partition(' is not valid')
        return before + stated
    if isinstance(error, cfg.ConfigFileParseError):
        text = re.sub(r""": (['"]).*""", '', text, flags=re.DOTALL)
    return text


@contextlib.contextmanager
def reading() -> Iterator[None]:
    """Let whatever is wrong with a file of the configuration be a ``cfg.Error``."""
    try:
        yield
    except cfg.ConfigFileParseError as error:
        raise cfg.Error(explain(error)) from None
    except UnicodeDecodeError:
        # oslo.config 10 lets it pass, and it does not name the file.
        raise cfg.Error('a configuration file is not UTF-8') from None


def new(
    args: Sequence[str] | None = None,
    default_config_files: list[str] | None = None,
    cli_opts: Sequence[cfg.Opt] = (),
    program: str = PROGRAM,
) -> cfg.ConfigOpts:
    """A fresh configuration, read from files and the command line.

    :param args: the command line without the program; none means an empty one, never sys.argv
    :param default_config_files: files to read unless the command line names others; none means
        those in the usual locations
    :param cli_opts: further options of the command line
    :param program: the command's name in its help
    :raises cfg.Error: a file is missing, unreadable or wrong
    """
    conf = cfg.ConfigOpts()
    register(conf)
    conf.register_cli_opts(cli_opts)
    with reading():
        conf(
            args=list(args or ()),
            # The project's name leads to /etc/freezer, also for the policy file.
            project=PROJECT,
            prog=program,
            version=version(),
            default_config_files=default_files()
            if default_config_files is None
            else default_config_files,
            default_config_dirs=default_dirs() if default_config_files is None else [],
        )
    # oslo.config looks at a value when it is asked for, which may be in the middle of a request.
    for group, options in _GROUPS.items():
        for option in options:
            conf[option.dest] if group == 'DEFAULT' else conf[group][option.dest]
    return conf
