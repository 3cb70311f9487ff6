# SPDX-License-Identifier: Apache-2.0
"""Changes of rows by compare-and-swap on their versions, of one or of many by one statement."""

from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa

from freezer_api.context import RequestContext
from freezer_api.db import session
from freezer_api.db.documents import Document
from freezer_api.db.models import JobAttachment


def many(
    context: RequestContext,
    model: Any,
    rows: Mapping[str, Any],
    changes: Mapping[str, Document],
) -> None:
    """Raise the versions of rows, and change them, if all have the versions that they were read with.

    :param rows: of one project, by id, with ``version`` and each column to change
    :param changes: of columns, by id; rows without an entry stay as they are
    :raises RetryRequest: another writer was faster; the transaction is repeated
    """
    if not changes:
        return
    project_id, row_id = _key(model)
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
        sa.update(model)
        .where(
            project_id == next(iter(rows.values())).project_id,
            row_id.in_(changes),
            model.version == versions,
        )
        .values(**values, updated_at=session.microseconds(), version=model.version + 1)
    )
    session.swapped(result, len(changes))


def one(context: RequestContext, model: Any, row: Any, values: Mapping[str, Any]) -> None:
    """Raise the version of a row, and change it, if it is still the one that was read.

    :param values: by column
    :raises RetryRequest: another writer was faster; the transaction is repeated
    """
    result = context.connection.execute(
        sa.update(model)
        .where(*_as_read(model, row))
        .values(**values, updated_at=session.microseconds(), version=row.version + 1)
    )
    session.swapped(result)


def delete(context: RequestContext, model: Any, row: Any) -> None:
    """Delete a row if it is still the one that was read.

    :raises RetryRequest: another writer was faster; the transaction is repeated
    """
    statement = sa.delete(model).where(*_as_read(model, row))
    session.swapped(context.connection.execute(statement))


def _as_read(model: Any, row: Any) -> tuple[Any, ...]:
    project_id, row_id = _key(model)
    return project_id == row.project_id, row_id == row.id, model.version == row.version


def _key(model: Any) -> tuple[Any, Any]:
    """The columns of the project id and of the id within it."""
    row_id = model.job_id if model is JobAttachment else model.id
    return model.project_id, row_id


def by_id(row_id: Any, values: Mapping[str, Any]) -> Any:
    """What to set a column to, to give each row the value of its id."""
    first, *others = values.values()
    if all(other == first for other in others):
        return first
    return sa.case(dict(values), value=row_id)
