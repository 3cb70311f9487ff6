# SPDX-License-Identifier: Apache-2.0
"""What is told of the errors of databases, which quote rows."""

import testtools
from oslo_db import exception as db_exception
from sqlalchemy import exc

from freezer_api.migrate import errors


class PlainTest(testtools.TestCase):
    def test_rows_and_statements_are_not_quoted(self) -> None:
        said = 'duplicate key value violates unique constraint "pk_jobs"'
        driver = ValueError(f'{said}\nDETAIL:  Key (project_id, id)=(p1, hunter2) already exists.\n')
        error = exc.IntegrityError('INSERT INTO jobs', {'id': 'hunter2'}, driver)
        for shown in (error, db_exception.DBError(error)):
            self.assertEqual(said, errors.plain(shown))
