# SPDX-License-Identifier: Apache-2.0
"""Remember of each entry of a job what late reports of agents must not bring back."""

import sqlalchemy as sa
from alembic import op

revision = '20261121_08'
down_revision = '20261121_07'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column('action_attachments', sa.Column('former', sa.Text(), nullable=True))


def downgrade() -> None:
    op.drop_column('action_attachments', 'former')
