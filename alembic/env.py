# SPDX-License-Identifier: Apache-2.0
"""Run migrations on the connection that freezer_api.db.migration hands over."""

from alembic import context

from freezer_api.db import models

connection = context.config.attributes.get('connection')
if connection is None:
    raise SystemExit('Migrations are run by "freezer-manage db", not by the alembic command.')

context.configure(
    connection=connection,
    target_metadata=models.Base.metadata,
    compare_type=True,
)
with context.begin_transaction():
    context.run_migrations()
