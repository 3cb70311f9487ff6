# SPDX-License-Identifier: Apache-2.0
"""Changes of many rows by one statement."""

from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa

from freezer_api.context import RequestContext
from freezer_api.db import session
from freezer_api.db.documents import Document


def swap(
    context: RequestContext,
    key: tuple[Any, Any],
    rows: Mapping[str, Any],
    changes: Mapping[str, Document],
) -> None:
    """Raise the versions of rows, and change them, if all have the versions that they were read with.

    :param key: the columns of the project id and of the id
    :param rows: of one project, by id, with ``version`` and each column to change
    :param changes: of columns, by id; rows without an entry stay as they are
    :raises RetryRequest: another writer was faster; the transaction is repeated
    """
    if not changes:
        return
    project_id, row_id = key
    table = row_id.class_
    names = sorted({name for change in changes.values() for name in change})
    values = {
        name: by_id(
            row_id,
            {
                of: change[name] if name in change else getattr(rows[of], name)
                for of, change in changes.items()
            },
        )
        for name in names
    }
    versions = by_id(row_id, {of: rows[of].version for of in changes})
    result = context.connection.execute(
        sa.update(table)
        .where(
            project_id == next(iter(rows.values())).project_id,
            row_id.in_(changes),
            table.version == versions,
        )
        .values(**values, updated_at=session.microseconds(), version=table.version + 1)
    )
    session.swapped(result, len(changes))


def by_id(row_id: Any, values: Mapping[str, Any]) -> Any:
    """What to set a column to, to give each row the value of its id."""
    first, *others = values.values()
    if all(other == first for other in others):
        return first
    return sa.case(dict(values), value=row_id)
