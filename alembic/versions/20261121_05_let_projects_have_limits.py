# SPDX-License-Identifier: Apache-2.0
"""Let projects have limits."""

import sqlalchemy as sa
from alembic import op

revision = '20261121_05'
down_revision = '20261121_04'
branch_labels = None
depends_on = None

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
        'quota_turns',
        sa.Column('project_id', sa.String(64), nullable=False),
        sa.Column('resource', sa.String(64), nullable=False),
        sa.Column('version', sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint('project_id', 'resource', name='pk_quota_turns'),
        **OPTIONS,
    )


def downgrade() -> None:
    op.drop_table('quota_turns')
