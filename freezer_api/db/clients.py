# SPDX-License-Identifier: Apache-2.0
"""Clients: registered hosts. A central client serves all projects and has one owner over the whole deployment."""

import dataclasses
from typing import Any

import sqlalchemy as sa
from oslo_db import exception as db_exception

from freezer_api import exceptions
from freezer_api.context import RequestContext
from freezer_api.db import polls, quotas, search, session, swaps
from freezer_api.db.documents import Document, dump, load, without
from freezer_api.db.models import Client, ClientName, JobAttachment

CAPABILITIES = (
    'supported_actions',
    'supported_modes',
    'supported_storages',
    'supported_engines',
)

_OWN = (
    'client_id',
    'uuid',
    'hostname',
    'description',
    'is_central',
    'project_id',
    'user_id',
    *CAPABILITIES,
)

_INDEX = search.Index(
    key=(Client.project_id, Client.id),
    order=(Client.created_at, Client.id),
    columns={
        'client_id': Client.id,
        'user_id': Client.user_id,
        'project_id': Client.project_id,
        'uuid': Client.uuid,
        'hostname': Client.hostname,
        'config_id': Client.config_id,
        'description': Client.description,
        'is_central': Client.is_central,
    },
    exact=('client_id', 'uuid', 'hostname'),
    texts=(Client.id, Client.uuid, Client.search_text),
    other=search.in_documents(Client.document),
    containers=('client',),
)

_INDEX_V1 = _INDEX.without('project_id')

_SERVED = {
    'client_id': 'PRIMARY',
    'uuid': 'uq_clients_uuid',
    'hostname': 'ix_clients_hostname',
}


_TAKEN = 'Another project has a client or jobs with this id.'

# What oslo.db calls the columns of a duplicate primary key: MySQL 5 and MariaDB, MySQL 8, SQLite, PostgreSQL.
_PRIMARY = {'PRIMARY', 'clients.PRIMARY', 'id', ''}


@dataclasses.dataclass(frozen=True, slots=True)
class Capable:
    """What jobs need to know of their client."""

    client_id: str
    is_central: bool
    capabilities: dict[str, list[str]]


def _to_document(row: Any) -> Document:
    return {
        'project_id': row.project_id,
        'user_id': row.user_id,
        'client': {
            **load(row.document),
            'client_id': row.id,
            'uuid': row.uuid,
            'hostname': row.hostname,
            'description': row.description,
            'is_central': row.is_central,
            **{name: load(getattr(row, name)) for name in CAPABILITIES},
        },
    }


_SHOWN = [column for column in Client.__table__.c if column.name not in ('search_text', 'last_seen')]


def _select_visible() -> Any:
    project_id: Any = sa.bindparam('project_id')
    client_id: Any = sa.bindparam('client_id')
    own = sa.select(sa.literal(0).label('rank'), *_SHOWN).where(
        Client.project_id == project_id, Client.id == client_id
    )
    central = sa.select(sa.literal(1).label('rank'), *_SHOWN).where(
        Client.central_id == client_id, Client.project_id != project_id
    )
    both = sa.union_all(own, central).subquery()
    return sa.select(both).order_by(both.c.rank).limit(1)


# Made once: for SQLAlchemy it is more work to make a statement than to send it.
_VISIBLE = _select_visible()


def _visible(context: RequestContext, client_id: str) -> Any:
    """The row of the project's own client of that id, else of the central one, or none."""
    values = {'project_id': context.scope.project_id, 'client_id': client_id}
    return context.connection.execute(_VISIBLE, values).first()


def _page(index: search.Index, wanted: search.Search) -> Any:
    project_id: Any = sa.bindparam('project_id')
    central = sa.and_(Client.is_central == sa.true(), Client.project_id != project_id)
    listings = [
        search.Listing(Client.project_id == project_id, 'ix_clients_list', _SERVED),
        search.Listing(central, 'ix_clients_central'),
    ]
    return search.rows(Client, _SHOWN, search.keys(index, listings, wanted))


@session.reader
def find(context: RequestContext, wanted: search.Search, page: search.Page) -> list[Document]:
    """One page of the project's and all central clients, oldest first."""
    index = _INDEX_V1 if context.scope.is_v1 else _INDEX
    statement, values = search.statement(index, _page, wanted, page)
    values['project_id'] = context.scope.project_id
    return [_to_document(row) for row in context.connection.execute(statement, values)]


@session.reader
def get(context: RequestContext, client_id: str) -> tuple[Document, int]:
    """A client of the project, or a central one, and its version.

    :raises NotFound: no such client
    """
    row = _visible(context, client_id)
    if row is None:
        raise exceptions.NotFound('There is no such client.')
    return _to_document(row), row.version


def capable(context: RequestContext, client_id: str) -> Capable:
    """The client that jobs of the project run on, within the caller's transaction.

    :raises UnprocessableEntity: no such client
    """
    row = _visible(context, client_id)
    if row is None:
        raise exceptions.UnprocessableEntity('The client is not registered.')
    return Capable(
        row.id, row.is_central, {name: load(getattr(row, name)) for name in CAPABILITIES}
    )


@quotas.limited('clients')
@session.retry
@session.writer
def register(context: RequestContext, document: Document, defaults: dict[str, list[str]]) -> None:
    """Store a registration, or refresh the one that is there.

    A refresh changes the description and the capabilities that are given, and the keys that are free; host name,
    uuid, owner and central flag stay.

    :param defaults: of the capabilities, for a new registration
    :raises Conflict: the uuid is taken, or the client id belongs to a central client of another project
    """
    project_id = context.scope.project_id
    client_id = document['client_id']
    row = _visible(context, client_id)
    if row is not None and row.project_id == project_id:
        _refresh(context, row, document)
        return
    if row is not None:
        raise exceptions.Conflict(_TAKEN)
    quotas.claim(context, 'clients')
    central = bool(document.get('is_central'))
    take_name(context.connection, project_id, client_id, central, all_stored=True)
    try:
        context.connection.execute(
            sa.insert(Client).values(_new_row(context, document, defaults))
        )
        if central:
            _adopt_jobs(context, client_id)
    except db_exception.DBDuplicateEntry as error:
        if _PRIMARY & set(error.columns):
            # Somebody else registered it meanwhile: refresh.
            raise session.lost_race() from None
        raise exceptions.Conflict('The uuid or the id of a central client is taken.') from None


def take_name(
    connection: sa.Connection,
    project_id: str,
    client_id: str,
    central: bool,
    all_stored: bool = False,
) -> None:
    """Make sure that no other project has, or is about to have, what keeps a new client from its id.

    The owner of a central client keeps the id after deleting it, while other projects have jobs there.

    :param all_stored: whether all clients that took names before are stored; in the midst of a migration they are not
    :raises Conflict: it belongs to a central client, or is in use and is to be one
    :raises RetryRequest: somebody else registered a client under it meanwhile
    """
    name = ClientName
    found = connection.execute(
        sa.select(name.central_project_id, name.version).where(name.id == client_id)
    ).first()
    owner = None if found is None else found.central_project_id
    # Looked at after the name was read: what is changed since raises the name's version.
    if (
        owner not in (None, project_id)
        and not (all_stored and _is_left(connection, owner, client_id))
    ) or (central and _is_used_elsewhere(connection, project_id, client_id, owner == project_id)):
        raise exceptions.Conflict(_TAKEN)
    owner = project_id if central or (all_stored and owner == project_id) else None
    if found is None:
        try:
            connection.execute(
                sa.insert(name).values(id=client_id, central_project_id=owner, version=1)
            )
        except db_exception.DBDuplicateEntry:
            raise session.lost_race() from None
    else:
        result = connection.execute(
            sa.update(name)
            .where(name.id == client_id, name.version == found.version)
            .values(central_project_id=owner, version=found.version + 1)
        )
        session.swapped(result)


def _is_left(connection: sa.Connection, owner: str, client_id: str) -> bool:
    """Whether its owner has deleted a central client, and nobody else's jobs wait for it to come back."""
    there = sa.exists().where(Client.central_id == client_id)
    return not connection.execute(
        sa.select(sa.or_(there, _given_by_others(owner, client_id)))
    ).scalar()


def _given_by_others(owner: str, client_id: str) -> Any:
    """Jobs that other projects gave to the central client."""
    return sa.exists().where(
        JobAttachment.central_client_id == client_id, JobAttachment.project_id != owner
    )


def _is_used_elsewhere(
    connection: sa.Connection, project_id: str, client_id: str, was_central: bool
) -> bool:
    """Whether a new central client would get jobs, or take the name, of another project's client.

    :param was_central: the project had a central client of this id; jobs that were given to that are no hindrance
    """
    registered = sa.exists().where(Client.id == client_id, Client.project_id != project_id)
    used = sa.exists().where(
        JobAttachment.client_id == client_id, JobAttachment.project_id != project_id
    )
    if was_central:
        used = used.where(JobAttachment.central_client_id.is_(None))
    return bool(connection.execute(sa.select(sa.or_(registered, used))).scalar())


def _new_row(
    context: RequestContext, document: Document, defaults: dict[str, list[str]]
) -> Document:
    now = session.microseconds()
    return {
        'project_id': context.scope.project_id,
        'id': document['client_id'],
        'user_id': context.owner_id,
        'last_seen': now,
        'created_at': now,
        'updated_at': now,
        'version': 1,
        **to_values(document, defaults),
    }


def to_values(document: Document, defaults: dict[str, list[str]]) -> Document:
    """The columns that a new registration fills, apart from its key, owner, times and version."""
    extras = without(document, _OWN)
    is_central = bool(document.get('is_central'))
    row = {
        'uuid': document.get('uuid') or session.new_id(),
        'config_id': search.key(document.get('config_id')),
        'hostname': document.get('hostname'),
        'description': document.get('description'),
        'is_central': is_central,
        'central_id': document['client_id'] if is_central else None,
        'document': dump(extras),
    }
    for name in CAPABILITIES:
        row[name] = dump(document.get(name, defaults[name]))
    row['search_text'] = _search_text(row, extras)
    return row


def _search_text(row: Document, extras: Document) -> str:
    lists = [load(row[name]) for name in CAPABILITIES]
    return search.text_of(row['hostname'], row['description'], lists, extras)


def _refresh(context: RequestContext, row: Any, document: Document) -> None:
    extras = {**load(row.document), **without(document, _OWN)}
    values: Document = {
        'hostname': row.hostname,
        'config_id': search.key(extras.get('config_id')),
        'description': document.get('description', row.description),
        'document': dump(extras),
    }
    for name in CAPABILITIES:
        values[name] = dump(document[name]) if name in document else getattr(row, name)
    values['search_text'] = _search_text(values, extras)
    now = session.microseconds()
    changed = any(
        values[name] != getattr(row, name) for name in values if name != 'search_text'
    )
    result = context.connection.execute(
        sa.update(Client)
        .where(
            Client.project_id == row.project_id,
            Client.id == row.id,
            Client.version == row.version,
        )
        .values(
            **values,
            last_seen=now,
            updated_at=now if changed else row.updated_at,
            version=row.version + (1 if changed else 0),
        )
    )
    session.swapped(result)


def _adopt_jobs(context: RequestContext, client_id: str) -> None:
    """Let the project's jobs that were there before count for the uniqueness of ids at a central client."""
    context.connection.execute(
        sa.update(JobAttachment)
        .where(
            JobAttachment.project_id == context.scope.project_id,
            JobAttachment.client_id == client_id,
        )
        .values(central_client_id=client_id, version=JobAttachment.version + 1)
    )


@session.retry
@session.writer
def delete(context: RequestContext, client_id: str, expected: session.Versions | None) -> bool:
    """Delete a client of the project; its jobs stay. Tell whether it was there.

    :raises Forbidden: it is a central client of another project
    :raises PreconditionFailed: its version is none of those expected
    """
    row = _visible(context, client_id)
    if row is None:
        return False
    if row.project_id != context.scope.project_id:
        raise exceptions.Forbidden('The central client belongs to another project.')
    session.check_version(expected, row.version)
    swaps.delete(context, Client, row)
    if row.is_central and not context.connection.scalar(
        sa.select(_given_by_others(row.project_id, client_id))
    ):
        release_name(context.connection, client_id)
    polls.forget(context, client_id)
    return True


def release_name(connection: sa.Connection, client_id: str) -> None:
    """Let anybody have a client of this id again, now that the central one is none any more."""
    connection.execute(
        sa.update(ClientName)
        .where(ClientName.id == client_id)
        .values(central_project_id=None, version=ClientName.version + 1)
    )
