# SPDX-License-Identifier: Apache-2.0
"""Remember where the pages of polls ended."""

import sqlalchemy as sa
from alembic import op

revision = '20261121_04'
down_revision = '20261121_03'
branch_labels = None
depends_on = None

POSITION = sa.String(160).with_variant(sa.String(160, collation='C'), 'postgresql')

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
        'page_ends',
        sa.Column('project_id', sa.String(64), nullable=False),
        sa.Column('client_id', sa.String(320), nullable=False),
        sa.Column('user_id', sa.String(64), nullable=False),
        sa.Column('all_projects', sa.Boolean(), nullable=False),
        sa.Column('seen', sa.BigInteger(), nullable=False),
        sa.Column('position', POSITION, nullable=False),
        sa.Column('previous', POSITION, nullable=False),
        sa.Column('waiting', sa.BigInteger(), nullable=False),
        sa.Column('since', sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint(
            'project_id', 'client_id', 'user_id', 'all_projects', 'seen', name='pk_page_ends'
        ),
        **OPTIONS,
    )


def downgrade() -> None:
    op.drop_table('page_ends')
