# SPDX-License-Identifier: Apache-2.0
"""Changes of rows by compare-and-swap on their versions, of one or of many by few statements."""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from typing import Any

import sqlalchemy as sa

from freezer_api.context import RequestContext
from freezer_api.db import session
from freezer_api.db.documents import Document
from freezer_api.db.models import JobAttachment

# Of one statement: rows, since each of them is compared with the ids of all, and characters, since packets have limits.
_ROWS = 100
_LENGTH = 2**20


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
    for batch in batches(changes):
        _swap(context, model, rows, batch)


def _swap(
    context: RequestContext, model: Any, rows: Mapping[str, Any], changes: Mapping[str, Document]
) -> None:
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


def batches(changes: Mapping[str, Document]) -> Iterator[dict[str, Document]]:
    """Changes by id, in parts for one statement each; in the order of the ids, as writers that wait crosswise fail."""
    batch: dict[str, Document] = {}
    length = 0
    for of, change in sorted(changes.items()):
        added = sum(len(value) for value in change.values() if isinstance(value, str))
        if batch and (len(batch) == _ROWS or length + added > _LENGTH):
            yield batch
            batch, length = {}, 0
        batch[of] = change
        length += added
    if batch:
        yield batch


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
    """What to set a column to, to give each of a batch of rows the value of its id."""
    ids: dict[Any, list[str]] = defaultdict(list)
    for of, value in values.items():
        ids[value].append(of)
    *others, most = sorted(ids, key=lambda value: len(ids[value]))
    if not others:
        return most
    # Of one id SQLAlchemy compares faster than of a list.
    which = (
        row_id == ids[value][0] if len(ids[value]) == 1 else row_id.in_(ids[value])
        for value in others
    )
    return sa.case(*zip(which, others, strict=True), else_=most)
