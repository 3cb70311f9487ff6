# SPDX-License-Identifier: Apache-2.0
"""Projects of documents that name none: those of the first API belonged to a user alone.

The first rule that gives exactly one project decides: the document itself, the operator's map, the other documents of
the user, the client id that an agent made of its project and host name, links between documents, Keystone if it is to
be asked, and last the default.
"""

from collections.abc import Callable, Mapping

from freezer_api.migrate.index import Index
from freezer_api.migrate.records import KINDS

_CLIENTS, _SESSIONS, _ACTIONS, _JOBS, _BACKUPS = range(len(KINDS))

_LEFT = 'state IS NULL AND owner IS NULL'

# What a document is linked with: its number, and the project of the other. The old service never checked what ids
# documents name, so those of other users say nothing: one could pull all that a user has into a project.
_LINKS = {
    _ACTIONS: f"""
        SELECT d.number AS number, j.owner AS owner FROM documents d
        JOIN entries e ON e.action_id = d.inner_id
        JOIN documents j ON j.number = e.number AND j.user_id = d.user_id
        WHERE d.kind = {_ACTIONS} AND d.owner IS NULL AND d.state IS NULL""",
    _SESSIONS: f"""
        SELECT d.number AS number, j.owner AS owner FROM documents d
        JOIN documents j ON j.kind = {_JOBS} AND j.session_id = d.inner_id AND j.user_id = d.user_id
        WHERE d.kind = {_SESSIONS} AND d.owner IS NULL AND d.state IS NULL
        UNION ALL SELECT d.number, j.owner FROM documents d
        JOIN parts p ON p.number = d.number
        JOIN documents j ON j.kind = {_JOBS} AND j.inner_id = p.job_id AND j.user_id = d.user_id
        WHERE d.kind = {_SESSIONS} AND d.owner IS NULL AND d.state IS NULL""",
    _BACKUPS: f"""
        SELECT d.number AS number, j.owner AS owner FROM documents d
        JOIN documents j ON j.kind = {_JOBS} AND j.inner_id = d.job_id AND j.user_id = d.user_id
        WHERE d.kind = {_BACKUPS} AND d.owner IS NULL AND d.state IS NULL""",
}
_HOSTS = f"""
    SELECT d.number AS number, c.owner AS owner FROM documents d
    JOIN documents c ON c.kind = {_CLIENTS} AND c.user_id = d.user_id AND c.hostname = d.hostname
    WHERE d.kind = {_BACKUPS} AND d.owner IS NULL AND d.state IS NULL"""


def resolve(
    index: Index,
    by_user: Mapping[str, str],
    default: str | None,
    ask: Callable[[str], str | None] | None = None,
    stays: bool = False,
) -> dict[str, int]:
    """Place every document in a project; return the users of those that have none, with their numbers of documents.

    :param by_user: the operator's map
    :param default: the project of what has none by any rule
    :param ask: tells the project of a user, if it knows
    :param stays: what has a row of an earlier run is where that is, whatever the rules say
    """
    with index.transaction():
        index.select('UPDATE documents SET owner = project_id WHERE state IS NULL')
        if stays:
            _apply_earlier(index, 'state IS NULL')
        if index.value(f'SELECT 1 FROM documents WHERE {_LEFT} LIMIT 1'):
            _infer(index, by_user)
            if ask is not None:
                _ask(index, ask)
            index.select('DROP TABLE users')
        if default is not None:
            index.select(f'UPDATE documents SET owner = ? WHERE {_LEFT}', default)
        # Loaded when somebody named its project, out of the reject file for instance.
        _apply_earlier(index, _LEFT)
        lost = index.select(
            f'SELECT user_id, count(*) FROM documents WHERE {_LEFT} GROUP BY user_id'
        ).fetchall()
        index.select(
            f"UPDATE documents SET state = 'rejected', reason = 'no_project' WHERE {_LEFT}"
        )
    return dict(lost)


def _apply_earlier(index: Index, condition: str) -> None:
    """Place documents where earlier runs put them."""
    index.select(
        'UPDATE documents SET owner = (SELECT h.owner FROM held h WHERE h.place = documents.place)'
        f' WHERE {condition} AND place IN (SELECT place FROM held)'
    )


def _infer(index: Index, by_user: Mapping[str, str]) -> None:
    index.select('CREATE TEMP TABLE users (user_id TEXT PRIMARY KEY, owner TEXT)')
    _by_users(index, by_user)
    _by_other_documents(index)
    index.select(f'UPDATE documents SET owner = hint WHERE {_LEFT}')
    _apply(
        index,
        'SELECT p.number AS number, p.hint AS owner FROM parts p WHERE p.hint IS NOT NULL',
    )
    index.select('CREATE INDEX by_inner_id ON documents (kind, inner_id)')
    index.select('CREATE INDEX by_session ON documents (kind, session_id)')
    index.select('CREATE INDEX by_user ON documents (kind, user_id, hostname)')
    index.select('CREATE INDEX entries_of_action ON entries (action_id)')
    index.select('CREATE INDEX parts_of_session ON parts (number)')
    for links in _LINKS.values():
        _apply(index, links)
    _apply(index, _HOSTS)
    # By now some of a user's documents may have got the project that the others lack.
    _by_other_documents(index)


def _ask(index: Index, ask: Callable[[str], str | None]) -> None:
    users = index.select(
        f'SELECT DISTINCT user_id FROM documents WHERE {_LEFT} ORDER BY user_id'
    ).fetchall()
    found = {user_id: ask(user_id) for (user_id,) in users}
    _by_users(index, {user_id: project_id for user_id, project_id in found.items() if project_id})


def _by_users(index: Index, projects: Mapping[str, str]) -> None:
    index.select('DELETE FROM users')
    index.database.executemany('INSERT INTO users VALUES (?, ?)', projects.items())
    _apply_users(index)


def _by_other_documents(index: Index) -> None:
    index.select('DELETE FROM users')
    index.select(
        'INSERT INTO users SELECT user_id, min(owner) FROM documents WHERE owner IS NOT NULL'
        ' AND state IS NULL GROUP BY user_id HAVING min(owner) = max(owner)'
    )
    _apply_users(index)


def _apply_users(index: Index) -> None:
    index.select(
        'UPDATE documents SET owner = (SELECT u.owner FROM users u WHERE u.user_id = documents.user_id)'
        f' WHERE {_LEFT}'
    )


def _apply(index: Index, links: str) -> None:
    """Place documents that are linked with a single project."""
    index.select('CREATE TEMP TABLE linked (number INTEGER PRIMARY KEY, owner TEXT)')
    index.select(
        f'INSERT INTO linked SELECT number, min(owner) FROM ({links}) WHERE owner IS NOT NULL'
        ' GROUP BY number HAVING min(owner) = max(owner)'
    )
    index.select(
        'UPDATE documents SET owner = (SELECT l.owner FROM linked l WHERE l.number = documents.number)'
        f' WHERE {_LEFT} AND number IN (SELECT number FROM linked)'
    )
    index.select('DROP TABLE linked')
