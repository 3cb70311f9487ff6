# SPDX-License-Identifier: Apache-2.0
"""Create the tables."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import mysql

revision = '20261121_01'
down_revision = None
branch_labels = None
depends_on = None

# TEXT of MySQL ends at 64 KiB.
DOCUMENT = sa.Text().with_variant(mysql.MEDIUMTEXT(), 'mysql', 'mariadb')

# Of both names of the dialect. Binary collation: ids compare alike on all databases.
OPTIONS = {
    f'{dialect}_{option}': value
    for dialect in ('mysql', 'mariadb')
    for option, value in (
        ('engine', 'InnoDB'),
        ('charset', 'utf8mb4'),
        ('collate', 'utf8mb4_bin'),
    )
}


def upgrade() -> None:
    op.create_table(
        'action_reports',
        sa.Column('project_id', sa.String(64), nullable=False),
        sa.Column('id', sa.String(64), nullable=False),
        sa.Column('job_id', sa.String(64), nullable=True),
        sa.Column('action_id', sa.String(64), nullable=True),
        sa.Column('action_attachment_id', sa.String(64), nullable=True),
        sa.Column('client_id', sa.String(320), nullable=True),
        sa.Column('session_id', sa.String(64), nullable=True),
        sa.Column('session_tag', sa.BigInteger(), nullable=True),
        sa.Column('result', sa.String(64), nullable=True),
        sa.Column('time_started', sa.BigInteger(), nullable=True),
        sa.Column('time_ended', sa.BigInteger(), nullable=True),
        sa.Column('time_elapsed', sa.BigInteger(), nullable=True),
        sa.Column('report_date', sa.BigInteger(), nullable=False),
        sa.Column('metadata', DOCUMENT, nullable=True),
        sa.Column('log', DOCUMENT, nullable=True),
        sa.PrimaryKeyConstraint('project_id', 'id', name='pk_action_reports'),
        **OPTIONS,
    )
    op.create_index(
        'ix_action_reports_client', 'action_reports', ['project_id', 'client_id', 'report_date']
    )
    op.create_index('ix_action_reports_date', 'action_reports', ['project_id', 'report_date'])
    op.create_index(
        'ix_action_reports_job', 'action_reports', ['project_id', 'job_id', 'report_date']
    )
    op.create_index(
        'ix_action_reports_session', 'action_reports', ['project_id', 'session_id', 'session_tag']
    )
    op.create_table(
        'actions',
        sa.Column('project_id', sa.String(64), nullable=False),
        sa.Column('id', sa.String(64), nullable=False),
        sa.Column('user_id', sa.String(64), nullable=False),
        sa.Column('action', sa.String(255), nullable=True),
        sa.Column('mode', sa.String(255), nullable=True),
        sa.Column('src_file', sa.String(255), nullable=True),
        sa.Column('backup_name', sa.String(255), nullable=True),
        sa.Column('container', sa.String(255), nullable=True),
        sa.Column('restore_abs_path', sa.String(255), nullable=True),
        sa.Column('max_retries', sa.Integer(), nullable=False),
        sa.Column('max_retries_interval', sa.Integer(), nullable=False),
        sa.Column('mandatory', sa.Boolean(), nullable=False),
        sa.Column('freezer_action', DOCUMENT, nullable=False),
        sa.Column('former', sa.Text(), nullable=False),
        sa.Column('document', DOCUMENT, nullable=False),
        sa.Column('search_text', DOCUMENT, nullable=False),
        sa.Column('created_at', sa.BigInteger(), nullable=False),
        sa.Column('updated_at', sa.BigInteger(), nullable=False),
        sa.Column('version', sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint('project_id', 'id', name='pk_actions'),
        **OPTIONS,
    )
    op.create_index(
        'ix_actions_backup_name', 'actions', ['project_id', 'backup_name', 'created_at', 'id']
    )
    op.create_index(
        'ix_actions_container', 'actions', ['project_id', 'container', 'created_at', 'id']
    )
    op.create_index('ix_actions_list', 'actions', ['project_id', 'created_at', 'id'])
    op.create_index(
        'ix_actions_list_user', 'actions', ['project_id', 'user_id', 'created_at', 'id']
    )
    op.create_table(
        'backups',
        sa.Column('project_id', sa.String(64), nullable=False),
        sa.Column('id', sa.String(255), nullable=False),
        sa.Column('user_id', sa.String(64), nullable=False),
        sa.Column('user_name', sa.String(255), nullable=True),
        sa.Column('status', sa.String(64), nullable=False),
        sa.Column('job_id', sa.String(255), nullable=True),
        sa.Column('client_id', sa.String(255), nullable=True),
        sa.Column('container', sa.String(255), nullable=True),
        sa.Column('hostname', sa.String(255), nullable=True),
        sa.Column('backup_name', sa.String(255), nullable=True),
        sa.Column('time_stamp', sa.BigInteger(), nullable=True),
        sa.Column('level', sa.String(255), nullable=True),
        sa.Column('curr_backup_level', sa.String(255), nullable=True),
        sa.Column('backup_metadata', DOCUMENT, nullable=False),
        sa.Column('search_text', DOCUMENT, nullable=False),
        sa.Column('created_at', sa.BigInteger(), nullable=False),
        sa.Column('updated_at', sa.BigInteger(), nullable=False),
        sa.Column('version', sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint('project_id', 'id', name='pk_backups'),
        **OPTIONS,
    )
    op.create_index(
        'ix_backups_backup_name', 'backups', ['project_id', 'backup_name', 'created_at', 'id']
    )
    op.create_index(
        'ix_backups_client_id', 'backups', ['project_id', 'client_id', 'created_at', 'id']
    )
    op.create_index(
        'ix_backups_container', 'backups', ['project_id', 'container', 'created_at', 'id']
    )
    op.create_index(
        'ix_backups_hostname', 'backups', ['project_id', 'hostname', 'created_at', 'id']
    )
    op.create_index('ix_backups_job_id', 'backups', ['project_id', 'job_id', 'created_at', 'id'])
    op.create_index(
        'ix_backups_list', 'backups', ['project_id', 'created_at', 'id', 'time_stamp']
    )
    op.create_index(
        'ix_backups_list_user', 'backups', ['project_id', 'user_id', 'created_at', 'id']
    )
    op.create_index('ix_backups_status', 'backups', ['project_id', 'status', 'created_at', 'id'])
    op.create_index(
        'ix_backups_time_stamp', 'backups', ['project_id', 'time_stamp', 'created_at', 'id']
    )
    op.create_table(
        'clients',
        sa.Column('project_id', sa.String(64), nullable=False),
        sa.Column('id', sa.String(320), nullable=False),
        sa.Column('user_id', sa.String(64), nullable=False),
        sa.Column('uuid', sa.String(64), nullable=False),
        sa.Column('config_id', sa.String(255), nullable=True),
        sa.Column('hostname', sa.String(255), nullable=True),
        sa.Column('description', DOCUMENT, nullable=True),
        sa.Column('is_central', sa.Boolean(), nullable=False),
        sa.Column('central_id', sa.String(320), nullable=True),
        sa.Column('supported_actions', sa.Text(), nullable=False),
        sa.Column('supported_modes', sa.Text(), nullable=False),
        sa.Column('supported_storages', sa.Text(), nullable=False),
        sa.Column('supported_engines', sa.Text(), nullable=False),
        sa.Column('document', DOCUMENT, nullable=False),
        sa.Column('search_text', DOCUMENT, nullable=False),
        sa.Column('last_seen', sa.BigInteger(), nullable=False),
        sa.Column('created_at', sa.BigInteger(), nullable=False),
        sa.Column('updated_at', sa.BigInteger(), nullable=False),
        sa.Column('version', sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint('project_id', 'id', name='pk_clients'),
        sa.UniqueConstraint('central_id', name='uq_clients_central_id'),
        sa.UniqueConstraint('project_id', 'uuid', name='uq_clients_uuid'),
        **OPTIONS,
    )
    op.create_index('ix_clients_central', 'clients', ['is_central', 'created_at', 'id'])
    op.create_index(
        'ix_clients_hostname', 'clients', ['project_id', 'hostname', 'created_at', 'id']
    )
    op.create_index('ix_clients_list', 'clients', ['project_id', 'created_at', 'id'])
    op.create_table(
        'jobs',
        sa.Column('project_id', sa.String(64), nullable=False),
        sa.Column('id', sa.String(64), nullable=False),
        sa.Column('user_id', sa.String(64), nullable=False),
        sa.Column('description', DOCUMENT, nullable=True),
        sa.Column('scheduling', DOCUMENT, nullable=False),
        sa.Column('session_name', DOCUMENT, nullable=True),
        sa.Column('search_text', DOCUMENT, nullable=False),
        sa.Column('created_at', sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint('project_id', 'id', name='pk_jobs'),
        **OPTIONS,
    )
    op.create_index('ix_jobs_list_user', 'jobs', ['project_id', 'user_id', 'created_at', 'id'])
    op.create_table(
        'sessions',
        sa.Column('project_id', sa.String(64), nullable=False),
        sa.Column('id', sa.String(64), nullable=False),
        sa.Column('user_id', sa.String(64), nullable=False),
        sa.Column('description', DOCUMENT, nullable=True),
        sa.Column('scheduling', DOCUMENT, nullable=False),
        sa.Column('policy', sa.String(255), nullable=True),
        sa.Column('session_tag', sa.BigInteger(), nullable=False),
        sa.Column('hold_off', sa.BigInteger(), nullable=False),
        sa.Column('status', sa.String(64), nullable=False),
        sa.Column('result', sa.String(64), nullable=True),
        sa.Column('time_start', sa.BigInteger(), nullable=False),
        sa.Column('time_end', sa.BigInteger(), nullable=False),
        sa.Column('time_started', sa.BigInteger(), nullable=False),
        sa.Column('time_ended', sa.BigInteger(), nullable=False),
        sa.Column('document', DOCUMENT, nullable=False),
        sa.Column('search_text', DOCUMENT, nullable=False),
        sa.Column('created_at', sa.BigInteger(), nullable=False),
        sa.Column('updated_at', sa.BigInteger(), nullable=False),
        sa.Column('version', sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint('project_id', 'id', name='pk_sessions'),
        **OPTIONS,
    )
    op.create_index('ix_sessions_list', 'sessions', ['project_id', 'created_at', 'id'])
    op.create_index(
        'ix_sessions_list_user', 'sessions', ['project_id', 'user_id', 'created_at', 'id']
    )
    op.create_index('ix_sessions_status', 'sessions', ['project_id', 'status', 'created_at', 'id'])
    op.create_table(
        'trusts',
        sa.Column('trust_id', sa.String(64), nullable=False),
        sa.Column('handle', sa.String(64), nullable=False),
        sa.Column('trustor_user_id', sa.String(64), nullable=False),
        sa.Column('trustee_user_id', sa.String(64), nullable=False),
        sa.Column('project_id', sa.String(64), nullable=False),
        sa.Column('roles', sa.Text(), nullable=False),
        sa.Column('expires_at', sa.BigInteger(), nullable=True),
        sa.Column('created_at', sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint('trust_id', name='pk_trusts'),
        sa.UniqueConstraint('handle', name='uq_trusts_handle'),
        **OPTIONS,
    )
    op.create_index(
        'ix_trusts_owner', 'trusts', ['project_id', 'trustor_user_id', 'trustee_user_id']
    )
    op.create_table(
        'action_attachments',
        sa.Column('project_id', sa.String(64), nullable=False),
        sa.Column('id', sa.String(64), nullable=False),
        sa.Column('job_id', sa.String(64), nullable=False),
        sa.Column('action_id', sa.String(64), nullable=False),
        sa.Column('follows', sa.String(64), nullable=True),
        sa.Column('priority', sa.Integer(), nullable=False),
        sa.Column('retries', sa.Integer(), nullable=True),
        sa.Column('retry_interval', sa.Integer(), nullable=True),
        sa.Column('mandatory', sa.Boolean(), nullable=True),
        sa.Column('freezer_action', DOCUMENT, nullable=True),
        sa.Column('digest', sa.String(64), nullable=True),
        sa.Column('document', DOCUMENT, nullable=False),
        sa.Column('search_text', DOCUMENT, nullable=False),
        sa.ForeignKeyConstraint(
            ['project_id', 'follows'],
            ['actions.project_id', 'actions.id'],
            name='fk_action_attachments_actions',
        ),
        sa.ForeignKeyConstraint(
            ['project_id', 'job_id'],
            ['jobs.project_id', 'jobs.id'],
            name='fk_action_attachments_jobs',
            ondelete='CASCADE',
        ),
        sa.PrimaryKeyConstraint('project_id', 'id', name='pk_action_attachments'),
        sa.UniqueConstraint(
            'project_id', 'job_id', 'priority', name='uq_action_attachments_priority'
        ),
        **OPTIONS,
    )
    op.create_index(
        'ix_action_attachments_action', 'action_attachments', ['project_id', 'action_id', 'digest']
    )
    op.create_index(
        'ix_action_attachments_follows', 'action_attachments', ['project_id', 'follows']
    )
    op.create_table(
        'job_attachments',
        sa.Column('project_id', sa.String(64), nullable=False),
        sa.Column('job_id', sa.String(64), nullable=False),
        sa.Column('client_id', sa.String(320), nullable=False),
        sa.Column('central_client_id', sa.String(320), nullable=True),
        sa.Column('event', sa.String(64), nullable=False),
        sa.Column('status', sa.String(64), nullable=False),
        sa.Column('completed', sa.Boolean(), nullable=False),
        sa.Column('result', sa.String(64), nullable=False),
        sa.Column('current_pid', sa.BigInteger(), nullable=True),
        sa.Column('time_created', sa.BigInteger(), nullable=True),
        sa.Column('time_started', sa.BigInteger(), nullable=True),
        sa.Column('time_ended', sa.BigInteger(), nullable=True),
        sa.Column('session_id', sa.String(64), nullable=True),
        sa.Column('session_tag', sa.BigInteger(), nullable=False),
        sa.Column('attached_at', sa.BigInteger(), nullable=True),
        sa.Column('run_tag', sa.BigInteger(), nullable=True),
        sa.Column('session_client_id', sa.String(320), nullable=True),
        sa.Column('session_status', sa.String(64), nullable=True),
        sa.Column('session_result', sa.String(64), nullable=True),
        sa.Column('session_time_started', sa.BigInteger(), nullable=True),
        sa.Column('session_time_ended', sa.BigInteger(), nullable=True),
        sa.Column('created_at', sa.BigInteger(), nullable=False),
        sa.Column('updated_at', sa.BigInteger(), nullable=False),
        sa.Column('version', sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ['project_id', 'job_id'],
            ['jobs.project_id', 'jobs.id'],
            name='fk_job_attachments_jobs',
            ondelete='CASCADE',
        ),
        sa.ForeignKeyConstraint(
            ['project_id', 'session_id'],
            ['sessions.project_id', 'sessions.id'],
            name='fk_job_attachments_sessions',
        ),
        sa.PrimaryKeyConstraint('project_id', 'job_id', name='pk_job_attachments'),
        sa.UniqueConstraint('central_client_id', 'job_id', name='uq_job_attachments_central'),
        **OPTIONS,
    )
    op.create_index(
        'ix_job_attachments_client',
        'job_attachments',
        ['project_id', 'client_id', 'created_at', 'job_id'],
    )
    op.create_index(
        'ix_job_attachments_client_all',
        'job_attachments',
        ['client_id', 'created_at', 'job_id', 'project_id'],
    )
    op.create_index(
        'ix_job_attachments_list', 'job_attachments', ['project_id', 'created_at', 'job_id']
    )
    op.create_index(
        'ix_job_attachments_list_all', 'job_attachments', ['created_at', 'job_id', 'project_id']
    )
    op.create_index(
        'ix_job_attachments_poll',
        'job_attachments',
        ['project_id', 'client_id', 'completed', 'created_at', 'job_id'],
    )
    op.create_index(
        'ix_job_attachments_poll_all',
        'job_attachments',
        ['client_id', 'completed', 'created_at', 'job_id', 'project_id'],
    )
    op.create_index(
        'ix_job_attachments_session',
        'job_attachments',
        ['project_id', 'session_id', 'created_at', 'job_id'],
    )
    op.create_index(
        'ix_job_attachments_status',
        'job_attachments',
        ['project_id', 'status', 'created_at', 'job_id'],
    )
    op.create_table(
        'job_credentials',
        sa.Column('project_id', sa.String(64), nullable=False),
        sa.Column('job_id', sa.String(64), nullable=False),
        sa.Column('trust_id', sa.String(64), nullable=False),
        sa.Column('document', DOCUMENT, nullable=False),
        sa.ForeignKeyConstraint(
            ['project_id', 'job_id'],
            ['jobs.project_id', 'jobs.id'],
            name='fk_job_credentials_jobs',
            ondelete='CASCADE',
        ),
        sa.ForeignKeyConstraint(
            ['trust_id'], ['trusts.trust_id'], name='fk_job_credentials_trusts'
        ),
        sa.PrimaryKeyConstraint('project_id', 'job_id', name='pk_job_credentials'),
        **OPTIONS,
    )
    op.create_index('ix_job_credentials_trust', 'job_credentials', ['trust_id'])


def downgrade() -> None:
    op.drop_table('job_credentials')
    op.drop_table('job_attachments')
    op.drop_table('action_attachments')
    op.drop_table('trusts')
    op.drop_table('sessions')
    op.drop_table('jobs')
    op.drop_table('clients')
    op.drop_table('backups')
    op.drop_table('actions')
    op.drop_table('action_reports')
