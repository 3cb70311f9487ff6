# SPDX-License-Identifier: Apache-2.0
"""Remember which trusts may be taken, and which wait to be deleted."""

import sqlalchemy as sa
from alembic import op

revision = '20261121_06'
down_revision = '20261121_05'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column('job_attachments', sa.Column('trust', sa.String(200), nullable=True))
    with op.batch_alter_table('trusts') as table:
        table.add_column(sa.Column('terms', sa.String(64), nullable=True))
        table.add_column(sa.Column('released_at', sa.BigInteger(), nullable=True))
        table.add_column(sa.Column('version', sa.Integer(), nullable=False, server_default='1'))
        table.create_unique_constraint('uq_trusts_terms', ['terms'])


def downgrade() -> None:
    with op.batch_alter_table('trusts') as table:
        table.drop_constraint('uq_trusts_terms', type_='unique')
        table.drop_column('version')
        table.drop_column('released_at')
        table.drop_column('terms')
    op.drop_column('job_attachments', 'trust')
