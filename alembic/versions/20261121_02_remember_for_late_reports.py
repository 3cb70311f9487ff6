# SPDX-License-Identifier: Apache-2.0
"""Remember of jobs what late reports of agents must not undo."""

import sqlalchemy as sa
from alembic import op

revision = '20261121_02'
down_revision = '20261121_01'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column('job_attachments', sa.Column('former', sa.Text(), nullable=True))
    op.add_column('job_attachments', sa.Column('status_before', sa.String(64), nullable=True))


def downgrade() -> None:
    op.drop_column('job_attachments', 'status_before')
    op.drop_column('job_attachments', 'former')
