# SPDX-License-Identifier: Apache-2.0
"""Keep the names of clients over all projects."""

import sqlalchemy as sa
from alembic import op

revision = '20261121_03'
down_revision = '20261121_02'
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
        'client_names',
        sa.Column('id', sa.String(320), nullable=False),
        sa.Column('central_project_id', sa.String(64), nullable=True),
        sa.Column('version', sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint('id', name='pk_client_names'),
        **OPTIONS,
    )
    # Those of central clients that are there already.
    op.execute(
        'INSERT INTO client_names (id, central_project_id, version)'
        ' SELECT id, project_id, 1 FROM clients WHERE central_id IS NOT NULL'
    )


def downgrade() -> None:
    op.drop_table('client_names')
