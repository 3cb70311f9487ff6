# SPDX-License-Identifier: Apache-2.0
"""Tables.

Every tenant table has the primary key (``project_id``, ``id``) and every foreign key carries ``project_id``, so no row
can point across projects. Documents are JSON text of our own serialisation; the columns beside them are copies for
search, or state. ``created_at`` counts microseconds since the epoch, UTC; ``time_*`` count seconds, -1 is never.
"""

from sqlalchemy import (
    BigInteger,
    Boolean,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    Integer,
    MetaData,
    PrimaryKeyConstraint,
    String,
    Text,
    UniqueConstraint,
)
from sqlalchemy.dialects import mysql
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

NAMING = {
    'pk': 'pk_%(table_name)s',
    'fk': 'fk_%(table_name)s_%(referred_table_name)s',
    'uq': 'uq_%(table_name)s_%(column_0_N_name)s',
    'ix': 'ix_%(table_name)s_%(column_0_N_name)s',
}

# Documents of up to 16 MiB: TEXT of MySQL ends at 64 KiB, which file lists exceed.
Document = Text().with_variant(mysql.MEDIUMTEXT(), 'mysql', 'mariadb')

ID = String(64)
CLIENT_ID = String(320)  # project id, "_", host name of up to 253 characters
BACKUP_ID = String(255)  # imported ids are composed of names
WORD = String(64)
# A text of any length as an index can hold it, see search.key().
KEY = String(255)
# Ids of trust, handle and trustor, with blanks between.
TRUST = String(200)
# Time, job id and project id of a job, compared byte by byte on all databases.
POSITION = String(160).with_variant(String(160, collation='C'), 'postgresql')


class Base(DeclarativeBase):
    metadata = MetaData(naming_convention=NAMING)


def _table(*items: object) -> tuple[object, ...]:
    # Binary collation: ids and search keys compare alike on all databases.
    options = {'engine': 'InnoDB', 'charset': 'utf8mb4', 'collate': 'utf8mb4_bin'}
    dialects = ('mysql', 'mariadb')
    return (
        *items,
        {f'{dialect}_{name}': value for dialect in dialects for name, value in options.items()},
    )


class Client(Base):
    """A host's registration. ``id`` is the client id."""

    __tablename__ = 'clients'

    project_id: Mapped[str] = mapped_column(ID)
    id: Mapped[str] = mapped_column(CLIENT_ID)
    user_id: Mapped[str] = mapped_column(ID)
    uuid: Mapped[str] = mapped_column(ID)
    config_id: Mapped[str | None] = mapped_column(KEY)
    hostname: Mapped[str | None] = mapped_column(KEY)
    description: Mapped[str | None] = mapped_column(Document)
    is_central: Mapped[bool] = mapped_column(Boolean)
    # The id again if central: its unique key gives a central client one owner.
    central_id: Mapped[str | None] = mapped_column(CLIENT_ID)
    supported_actions: Mapped[str] = mapped_column(Text)
    supported_modes: Mapped[str] = mapped_column(Text)
    supported_storages: Mapped[str] = mapped_column(Text)
    supported_engines: Mapped[str] = mapped_column(Text)
    document: Mapped[str] = mapped_column(Document)
    search_text: Mapped[str] = mapped_column(Document)
    last_seen: Mapped[int] = mapped_column(BigInteger)
    created_at: Mapped[int] = mapped_column(BigInteger)
    updated_at: Mapped[int] = mapped_column(BigInteger)
    version: Mapped[int] = mapped_column(Integer)

    __table_args__ = _table(
        PrimaryKeyConstraint('project_id', 'id'),
        UniqueConstraint('project_id', 'uuid', name='uq_clients_uuid'),
        UniqueConstraint('central_id', name='uq_clients_central_id'),
        Index('ix_clients_list', 'project_id', 'created_at', 'id'),
        Index('ix_clients_central', 'is_central', 'created_at', 'id'),
        Index('ix_clients_hostname', 'project_id', 'hostname', 'created_at', 'id'),
    )


class ClientName(Base):
    """A client id over all projects. Whoever registers a new client under it raises its version.

    So of a central client and another project's client that are registered at once, one meets the other.
    """

    __tablename__ = 'client_names'

    id: Mapped[str] = mapped_column(CLIENT_ID)
    # The owner of the central client of this id, if there is one, or was one that other projects still have jobs for.
    central_project_id: Mapped[str | None] = mapped_column(ID)
    version: Mapped[int] = mapped_column(Integer)

    __table_args__ = _table(PrimaryKeyConstraint('id'))


class Action(Base):
    """An entry of the catalogue."""

    __tablename__ = 'actions'

    project_id: Mapped[str] = mapped_column(ID)
    id: Mapped[str] = mapped_column(ID)
    user_id: Mapped[str] = mapped_column(ID)
    action: Mapped[str | None] = mapped_column(KEY)
    mode: Mapped[str | None] = mapped_column(KEY)
    src_file: Mapped[str | None] = mapped_column(KEY)
    backup_name: Mapped[str | None] = mapped_column(KEY)
    container: Mapped[str | None] = mapped_column(KEY)
    restore_abs_path: Mapped[str | None] = mapped_column(KEY)
    max_retries: Mapped[int] = mapped_column(Integer)
    max_retries_interval: Mapped[int] = mapped_column(Integer)
    mandatory: Mapped[bool] = mapped_column(Boolean)
    freezer_action: Mapped[str] = mapped_column(Document)
    # Marks of earlier definitions and options, a JSON list: copies of them may still come back from agents.
    former: Mapped[str] = mapped_column(Text)
    document: Mapped[str] = mapped_column(Document)
    search_text: Mapped[str] = mapped_column(Document)
    created_at: Mapped[int] = mapped_column(BigInteger)
    updated_at: Mapped[int] = mapped_column(BigInteger)
    version: Mapped[int] = mapped_column(Integer)

    __table_args__ = _table(
        PrimaryKeyConstraint('project_id', 'id'),
        Index('ix_actions_list', 'project_id', 'created_at', 'id'),
        Index('ix_actions_list_user', 'project_id', 'user_id', 'created_at', 'id'),
        Index('ix_actions_backup_name', 'project_id', 'backup_name', 'created_at', 'id'),
        Index('ix_actions_container', 'project_id', 'container', 'created_at', 'id'),
    )


class Job(Base):
    """A job's definition. Its state and version are in its attachment."""

    __tablename__ = 'jobs'

    project_id: Mapped[str] = mapped_column(ID)
    id: Mapped[str] = mapped_column(ID)
    user_id: Mapped[str] = mapped_column(ID)
    description: Mapped[str | None] = mapped_column(Document)
    scheduling: Mapped[str] = mapped_column(Document)
    session_name: Mapped[str | None] = mapped_column(Document)
    search_text: Mapped[str] = mapped_column(Document)
    created_at: Mapped[int] = mapped_column(BigInteger)

    __table_args__ = _table(
        PrimaryKeyConstraint('project_id', 'id'),
        Index('ix_jobs_list_user', 'project_id', 'user_id', 'created_at', 'id'),
    )


class ActionAttachment(Base):
    """One action at one place of a job's list.

    Either ``follows`` names the action whose definition is the entry's, or ``freezer_action`` holds its own.
    ``action_id`` stays when the action is deleted. NULL in the three options means the action's.
    """

    __tablename__ = 'action_attachments'

    project_id: Mapped[str] = mapped_column(ID)
    id: Mapped[str] = mapped_column(ID)
    job_id: Mapped[str] = mapped_column(ID)
    action_id: Mapped[str] = mapped_column(ID)
    follows: Mapped[str | None] = mapped_column(ID)
    priority: Mapped[int] = mapped_column(Integer)
    retries: Mapped[int | None] = mapped_column(Integer)
    retry_interval: Mapped[int | None] = mapped_column(Integer)
    mandatory: Mapped[bool | None] = mapped_column(Boolean)
    freezer_action: Mapped[str | None] = mapped_column(Document)
    digest: Mapped[str | None] = mapped_column(WORD)
    # Marks of what was replaced in the entry itself, or in an action that it followed, one a line.
    former: Mapped[str | None] = mapped_column(Text)
    document: Mapped[str] = mapped_column(Document)
    search_text: Mapped[str] = mapped_column(Document)

    __table_args__ = _table(
        PrimaryKeyConstraint('project_id', 'id'),
        UniqueConstraint('project_id', 'job_id', 'priority', name='uq_action_attachments_priority'),
        ForeignKeyConstraint(
            ['project_id', 'job_id'], ['jobs.project_id', 'jobs.id'], ondelete='CASCADE'
        ),
        ForeignKeyConstraint(['project_id', 'follows'], ['actions.project_id', 'actions.id']),
        Index('ix_action_attachments_follows', 'project_id', 'follows'),
        Index('ix_action_attachments_action', 'project_id', 'action_id', 'digest'),
    )


class Session(Base):
    """A group of jobs that run together."""

    __tablename__ = 'sessions'

    project_id: Mapped[str] = mapped_column(ID)
    id: Mapped[str] = mapped_column(ID)
    user_id: Mapped[str] = mapped_column(ID)
    description: Mapped[str | None] = mapped_column(Document)
    scheduling: Mapped[str] = mapped_column(Document)
    policy: Mapped[str | None] = mapped_column(KEY)
    session_tag: Mapped[int] = mapped_column(BigInteger)
    hold_off: Mapped[int] = mapped_column(BigInteger)
    status: Mapped[str] = mapped_column(WORD)
    result: Mapped[str | None] = mapped_column(WORD)
    time_start: Mapped[int] = mapped_column(BigInteger)
    time_end: Mapped[int] = mapped_column(BigInteger)
    time_started: Mapped[int] = mapped_column(BigInteger)
    time_ended: Mapped[int] = mapped_column(BigInteger)
    document: Mapped[str] = mapped_column(Document)
    search_text: Mapped[str] = mapped_column(Document)
    created_at: Mapped[int] = mapped_column(BigInteger)
    updated_at: Mapped[int] = mapped_column(BigInteger)
    version: Mapped[int] = mapped_column(Integer)

    __table_args__ = _table(
        PrimaryKeyConstraint('project_id', 'id'),
        Index('ix_sessions_list', 'project_id', 'created_at', 'id'),
        Index('ix_sessions_list_user', 'project_id', 'user_id', 'created_at', 'id'),
        Index('ix_sessions_status', 'project_id', 'status', 'created_at', 'id'),
    )


class JobAttachment(Base):
    """A job on its client and in at most one session: its state, and the version of the whole job document.

    ``session_status`` to ``session_time_ended`` are the session's own view of the job; ``run_tag`` is the tag of the
    run that this view belongs to.
    """

    __tablename__ = 'job_attachments'

    project_id: Mapped[str] = mapped_column(ID)
    job_id: Mapped[str] = mapped_column(ID)
    client_id: Mapped[str] = mapped_column(CLIENT_ID)
    # The client id again if the client is central: job ids are unique among its jobs, over all projects.
    central_client_id: Mapped[str | None] = mapped_column(CLIENT_ID)
    event: Mapped[str] = mapped_column(WORD)
    status: Mapped[str] = mapped_column(WORD)
    # While a start is pending, which clears the status: the last one that the agent reported.
    status_before: Mapped[str | None] = mapped_column(WORD)
    # What answers show of the trust in job_credentials: a join would cost each poll a tenth of its time. Empty if
    # it was dropped by request.
    trust: Mapped[str | None] = mapped_column(TRUST)
    # Digests of replaced parts of the job, a JSON list: copies of them may still come back from agents.
    former: Mapped[str | None] = mapped_column(Text)
    # status = "completed", so that an agent's poll for the others is one range of an index in the right order.
    completed: Mapped[bool] = mapped_column(Boolean)
    result: Mapped[str] = mapped_column(WORD)
    current_pid: Mapped[int | None] = mapped_column(BigInteger)
    time_created: Mapped[int | None] = mapped_column(BigInteger)
    time_started: Mapped[int | None] = mapped_column(BigInteger)
    time_ended: Mapped[int | None] = mapped_column(BigInteger)
    session_id: Mapped[str | None] = mapped_column(ID)
    session_tag: Mapped[int] = mapped_column(BigInteger)
    attached_at: Mapped[int | None] = mapped_column(BigInteger)
    run_tag: Mapped[int | None] = mapped_column(BigInteger)
    session_client_id: Mapped[str | None] = mapped_column(CLIENT_ID)
    session_status: Mapped[str | None] = mapped_column(WORD)
    session_result: Mapped[str | None] = mapped_column(WORD)
    session_time_started: Mapped[int | None] = mapped_column(BigInteger)
    session_time_ended: Mapped[int | None] = mapped_column(BigInteger)
    created_at: Mapped[int] = mapped_column(BigInteger)
    updated_at: Mapped[int] = mapped_column(BigInteger)
    version: Mapped[int] = mapped_column(Integer)

    __table_args__ = _table(
        PrimaryKeyConstraint('project_id', 'job_id'),
        ForeignKeyConstraint(
            ['project_id', 'job_id'], ['jobs.project_id', 'jobs.id'], ondelete='CASCADE'
        ),
        ForeignKeyConstraint(
            ['project_id', 'session_id'], ['sessions.project_id', 'sessions.id']
        ),
        UniqueConstraint('central_client_id', 'job_id', name='uq_job_attachments_central'),
        Index('ix_job_attachments_list', 'project_id', 'created_at', 'job_id'),
        Index('ix_job_attachments_list_all', 'created_at', 'job_id', 'project_id'),
        Index(
            'ix_job_attachments_poll',
            'project_id',
            'client_id',
            'completed',
            'created_at',
            'job_id',
        ),
        Index(
            'ix_job_attachments_poll_all',
            'client_id',
            'completed',
            'created_at',
            'job_id',
            'project_id',
        ),
        Index('ix_job_attachments_status', 'project_id', 'status', 'created_at', 'job_id'),
        Index('ix_job_attachments_session', 'project_id', 'session_id', 'created_at', 'job_id'),
        Index('ix_job_attachments_client', 'project_id', 'client_id', 'created_at', 'job_id'),
        Index(
            'ix_job_attachments_client_all', 'client_id', 'created_at', 'job_id', 'project_id'
        ),
    )


class PageEnd(Base):
    """Where a full page of an agent's poll ended; see ``polls``.

    ``user_id`` is empty where a poll shows the jobs of all users. ``seen`` counts the jobs up to the end of the page:
    the offset of the next one.
    """

    __tablename__ = 'page_ends'

    project_id: Mapped[str] = mapped_column(ID)
    client_id: Mapped[str] = mapped_column(CLIENT_ID)
    user_id: Mapped[str] = mapped_column(ID)
    all_projects: Mapped[bool] = mapped_column(Boolean)
    seen: Mapped[int] = mapped_column(BigInteger)
    position: Mapped[str] = mapped_column(POSITION)
    previous: Mapped[str] = mapped_column(POSITION)
    waiting: Mapped[int] = mapped_column(BigInteger)
    since: Mapped[int] = mapped_column(BigInteger)

    __table_args__ = _table(
        PrimaryKeyConstraint('project_id', 'client_id', 'user_id', 'all_projects', 'seen'),
    )


class QuotaTurn(Base):
    """Whose turn it is to create something of a kind in a project with limits; see ``quotas``."""

    __tablename__ = 'quota_turns'

    project_id: Mapped[str] = mapped_column(ID)
    resource: Mapped[str] = mapped_column(WORD)
    version: Mapped[int] = mapped_column(BigInteger)

    __table_args__ = _table(PrimaryKeyConstraint('project_id', 'resource'))


class ActionReport(Base):
    """One run of a job or of one of its actions. Outlives the job, so it references nothing."""

    __tablename__ = 'action_reports'

    project_id: Mapped[str] = mapped_column(ID)
    id: Mapped[str] = mapped_column(ID)
    job_id: Mapped[str | None] = mapped_column(ID)
    action_id: Mapped[str | None] = mapped_column(ID)
    action_attachment_id: Mapped[str | None] = mapped_column(ID)
    client_id: Mapped[str | None] = mapped_column(CLIENT_ID)
    session_id: Mapped[str | None] = mapped_column(ID)
    session_tag: Mapped[int | None] = mapped_column(BigInteger)
    result: Mapped[str | None] = mapped_column(WORD)
    time_started: Mapped[int | None] = mapped_column(BigInteger)
    time_ended: Mapped[int | None] = mapped_column(BigInteger)
    time_elapsed: Mapped[int | None] = mapped_column(BigInteger)
    report_date: Mapped[int] = mapped_column(BigInteger)
    report_metadata: Mapped[str | None] = mapped_column('metadata', Document)
    log: Mapped[str | None] = mapped_column(Document)

    __table_args__ = _table(
        PrimaryKeyConstraint('project_id', 'id'),
        Index('ix_action_reports_job', 'project_id', 'job_id', 'report_date'),
        Index('ix_action_reports_client', 'project_id', 'client_id', 'report_date'),
        Index('ix_action_reports_session', 'project_id', 'session_id', 'session_tag'),
        Index('ix_action_reports_date', 'project_id', 'report_date'),
    )


class Backup(Base):
    """Metadata of one backup, with copies for search."""

    __tablename__ = 'backups'

    project_id: Mapped[str] = mapped_column(ID)
    id: Mapped[str] = mapped_column(BACKUP_ID)
    user_id: Mapped[str] = mapped_column(ID)
    user_name: Mapped[str | None] = mapped_column(KEY)
    status: Mapped[str] = mapped_column(WORD)
    job_id: Mapped[str | None] = mapped_column(KEY)
    client_id: Mapped[str | None] = mapped_column(KEY)
    container: Mapped[str | None] = mapped_column(KEY)
    hostname: Mapped[str | None] = mapped_column(KEY)
    backup_name: Mapped[str | None] = mapped_column(KEY)
    time_stamp: Mapped[int | None] = mapped_column(BigInteger)
    level: Mapped[str | None] = mapped_column(KEY)
    curr_backup_level: Mapped[str | None] = mapped_column(KEY)
    backup_metadata: Mapped[str] = mapped_column(Document)
    search_text: Mapped[str] = mapped_column(Document)
    created_at: Mapped[int] = mapped_column(BigInteger)
    updated_at: Mapped[int] = mapped_column(BigInteger)
    version: Mapped[int] = mapped_column(Integer)

    __table_args__ = _table(
        PrimaryKeyConstraint('project_id', 'id'),
        # With the time, so that a search for a span of time reads the index alone.
        Index('ix_backups_list', 'project_id', 'created_at', 'id', 'time_stamp'),
        Index('ix_backups_list_user', 'project_id', 'user_id', 'created_at', 'id'),
        Index('ix_backups_hostname', 'project_id', 'hostname', 'created_at', 'id'),
        Index('ix_backups_backup_name', 'project_id', 'backup_name', 'created_at', 'id'),
        Index('ix_backups_container', 'project_id', 'container', 'created_at', 'id'),
        Index('ix_backups_job_id', 'project_id', 'job_id', 'created_at', 'id'),
        Index('ix_backups_client_id', 'project_id', 'client_id', 'created_at', 'id'),
        Index('ix_backups_status', 'project_id', 'status', 'created_at', 'id'),
        Index('ix_backups_time_stamp', 'project_id', 'time_stamp', 'created_at', 'id'),
    )


class Trust(Base):
    """A Keystone trust that we made. Tenants see ``handle`` in place of its id.

    ``version`` rises with each job that takes or leaves it; see ``trusts``.
    """

    __tablename__ = 'trusts'

    trust_id: Mapped[str] = mapped_column(ID, primary_key=True)
    handle: Mapped[str] = mapped_column(ID)
    trustor_user_id: Mapped[str] = mapped_column(ID)
    trustee_user_id: Mapped[str] = mapped_column(ID)
    project_id: Mapped[str] = mapped_column(ID)
    roles: Mapped[str] = mapped_column(Text)
    expires_at: Mapped[int | None] = mapped_column(BigInteger)
    # Digest of who trusts whom with what, while further jobs may take it. Its unique key keeps to one trust of a kind.
    terms: Mapped[str | None] = mapped_column(WORD)
    # When its last job left it, in seconds; it waits to be deleted in Keystone, and no job takes it any more.
    released_at: Mapped[int | None] = mapped_column(BigInteger)
    created_at: Mapped[int] = mapped_column(BigInteger)
    version: Mapped[int] = mapped_column(Integer, server_default='1')

    __table_args__ = _table(
        UniqueConstraint('handle', name='uq_trusts_handle'),
        UniqueConstraint('terms', name='uq_trusts_terms'),
        Index('ix_trusts_owner', 'project_id', 'trustor_user_id', 'trustee_user_id'),
    )


class JobCredential(Base):
    """The trust a job runs under."""

    __tablename__ = 'job_credentials'

    project_id: Mapped[str] = mapped_column(ID)
    job_id: Mapped[str] = mapped_column(ID)
    trust_id: Mapped[str] = mapped_column(ID, ForeignKey('trusts.trust_id'))
    document: Mapped[str] = mapped_column(Document)

    __table_args__ = _table(
        PrimaryKeyConstraint('project_id', 'job_id'),
        ForeignKeyConstraint(
            ['project_id', 'job_id'], ['jobs.project_id', 'jobs.id'], ondelete='CASCADE'
        ),
        Index('ix_job_credentials_trust', 'trust_id'),
    )


class MigrationRun(Base):
    """One run of a migration from an older store.

    ``digest`` stands for all lines of its source in any order, with the options that decide about documents; none while
    the run has not come to its end.
    """

    __tablename__ = 'migration_runs'

    id: Mapped[str] = mapped_column(ID)
    digest: Mapped[str | None] = mapped_column(WORD)
    report: Mapped[str | None] = mapped_column(Document)
    started_at: Mapped[int] = mapped_column(BigInteger)
    ended_at: Mapped[int | None] = mapped_column(BigInteger)

    __table_args__ = _table(PrimaryKeyConstraint('id'))


class MigrationEntry(Base):
    """What became of one document of an older store. ``id`` is a digest of where it was: index, type, ``_id``.

    ``version`` and ``updated_at`` are those of the row as it was migrated, so that a change since then is seen; they
    are NULL where no row was made. ``remainder`` is what the document had and no table holds.
    """

    __tablename__ = 'migration_entries'

    id: Mapped[str] = mapped_column(WORD)
    run_id: Mapped[str] = mapped_column(ID)
    collection: Mapped[str | None] = mapped_column(WORD)
    source: Mapped[str] = mapped_column(KEY)
    digest: Mapped[str] = mapped_column(WORD)
    state: Mapped[str] = mapped_column(WORD)
    reasons: Mapped[str | None] = mapped_column(Text)
    project_id: Mapped[str | None] = mapped_column(ID)
    target_id: Mapped[str | None] = mapped_column(CLIENT_ID)
    version: Mapped[int | None] = mapped_column(Integer)
    updated_at: Mapped[int | None] = mapped_column(BigInteger)
    remainder: Mapped[str | None] = mapped_column(Document)

    __table_args__ = _table(PrimaryKeyConstraint('id'))
