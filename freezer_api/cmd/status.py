# SPDX-License-Identifier: Apache-2.0
"""freezer-status: is this deployment ready for this release?"""

import sys
from collections.abc import Sequence
from typing import Any

from oslo_config import cfg
from oslo_upgradecheck import common_checks, upgradecheck
from oslo_upgradecheck.upgradecheck import Code, Result
from sqlalchemy import exc

from freezer_api import conf as configuration
from freezer_api.db import migration, urls
from freezer_api.db.strangers import ForeignTables
from freezer_api.migrate.errors import plain

PROGRAM = 'freezer-status'


class _Configuration(cfg.ConfigOpts):
    """Reads the folders that the other commands read, which the library does not know of."""

    def __call__(self, *args: Any, **options: Any) -> None:
        options['default_config_dirs'] = configuration.default_dirs()
        super().__call__(*args, **options)


class Checks(upgradecheck.UpgradeCommands):
    """The checks of ``freezer-status upgrade check``."""

    def __init__(self, conf: cfg.ConfigOpts) -> None:
        super().__init__()
        self._conf = conf
        self._upgrade_checks = (
            ('Database revision', Checks._database),
            ('Policy file is YAML', (common_checks.check_policy_json, {'conf': conf})),
        )

    def _database(self) -> Result:
        try:
            current = migration.current(urls.configured(self._conf))
        except cfg.Error as error:
            # Of the value, which is looked at here for the first time; the library would print a traceback.
            return Result(
                Code.FAILURE, f'The configuration is wrong: {configuration.explain(error)}'
            )
        except ForeignTables as error:
            return Result(Code.FAILURE, str(error))
        except exc.DBAPIError as error:
            return Result(Code.FAILURE, f'The database cannot be reached: {plain(error)}')
        except (exc.SQLAlchemyError, ImportError) as error:
            return Result(
                Code.FAILURE, f'[database] connection cannot be used: {type(error).__name__}'
            )
        head = migration.head()
        if current == head:
            return Result(Code.SUCCESS)
        return Result(
            Code.FAILURE,
            f'The database is at revision {current or "none"}, this release needs {head}. '
            'Run "freezer-manage db sync".',
        )


def main(args: Sequence[str] | None = None) -> int:
    """Run the command line; returns the exit code."""
    conf = _Configuration()
    configuration.register(conf)
    try:
        with configuration.reading():
            return upgradecheck.main(
                conf,
                project=configuration.PROJECT,
                upgrade_command=Checks(conf),
                argv=list(sys.argv[1:] if args is None else args),
                default_config_files=configuration.default_files(),
            )
    except cfg.Error as error:
        print(f'The configuration is wrong: {configuration.explain(error)}', file=sys.stderr)
        return 255


if __name__ == '__main__':
    sys.exit(main())
