# SPDX-License-Identifier: Apache-2.0
"""Account for the documents that were migrated from an older store."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import mysql

revision = '20261121_07'
down_revision = '20261121_06'
branch_labels = None
depends_on = None

DOCUMENT = sa.Text().with_variant(mysql.MEDIUMTEXT(), 'mysql', 'mariadb')

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
        'migration_runs',
        sa.Column('id', sa.String(64), nullable=False),
        sa.Column('digest', sa.String(64), nullable=True),
        sa.Column('report', DOCUMENT, nullable=True),
        sa.Column('started_at', sa.BigInteger(), nullable=False),
        sa.Column('ended_at', sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint('id', name='pk_migration_runs'),
        **OPTIONS,
    )
    op.create_table(
        'migration_entries',
        sa.Column('id', sa.String(64), nullable=False),
        sa.Column('run_id', sa.String(64), nullable=False),
        sa.Column('collection', sa.String(64), nullable=True),
        sa.Column('source', sa.String(255), nullable=False),
        sa.Column('digest', sa.String(64), nullable=False),
        sa.Column('state', sa.String(64), nullable=False),
        sa.Column('reasons', sa.Text(), nullable=True),
        sa.Column('project_id', sa.String(64), nullable=True),
        sa.Column('target_id', sa.String(320), nullable=True),
        sa.Column('version', sa.Integer(), nullable=True),
        sa.Column('updated_at', sa.BigInteger(), nullable=True),
        sa.Column('remainder', DOCUMENT, nullable=True),
        sa.PrimaryKeyConstraint('id', name='pk_migration_entries'),
        **OPTIONS,
    )


def downgrade() -> None:
    op.drop_table('migration_entries')
    op.drop_table('migration_runs')
