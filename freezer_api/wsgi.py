# SPDX-License-Identifier: Apache-2.0
"""The service for any WSGI server: ``freezer_api.wsgi:application``.

Options are read from the files named in the environment variable ``FREEZER_API_CONFIG_FILES``,
separated by colons or commas, else from the usual locations. Never from the command line, which
is the server's.
"""

import os
import re

from oslo_config import cfg
from oslo_log import log

from freezer_api import conf as configuration
from freezer_api import discretion
from freezer_api.api import app
from freezer_api.db import migration

LOG = log.getLogger(__name__)

ENVIRONMENT_VARIABLE = 'FREEZER_API_CONFIG_FILES'


def configure() -> cfg.ConfigOpts:
    """The configuration of this process.

    :raises cfg.Error: a file is missing, unreadable or wrong
    """
    names = os.environ.get(ENVIRONMENT_VARIABLE, '')
    files = [name.strip() for name in re.split(f'[,{os.pathsep}]', names) if name.strip()]
    conf = configuration.new([], files or None)
    discretion.set_up_log(conf, 'freezer_api')
    return conf


def build() -> app.WSGI:
    """The application of this process.

    :raises RuntimeError: it cannot start; servers print what they are given, so the text has no value of an option
    """
    try:
        conf = configure()
        migration.refuse_foreign(conf)
        return app.build(conf)
    except Exception as error:
        reason = f'The service cannot start: {discretion.reason(error)}'
        LOG.error('%s\n%s', reason, discretion.outline(error))
        raise RuntimeError(reason) from None


application = build()
