# SPDX-License-Identifier: Apache-2.0
"""An answer shows one state of the database, whatever is written while it is read."""

import threading
from typing import Any

import sqlalchemy as sa

from tests import base
from tests.functional.jobs import HOST, JobsTestCase

# What a server may be configured to do for whoever does not say otherwise.
_READ_COMMITTED = 'SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED'


class SnapshotTest(JobsTestCase):
    versions = ('v2',)

    def reader(self) -> base.Client:
        """A caller of a service whose database server lets each statement see another state, if it can."""
        url = sa.make_url(self.database.url)
        if self.database_name == 'mariadb':
            url = url.update_query_dict({'init_command': _READ_COMMITTED})
        text = url.render_as_string(hide_password=False)
        return self.client_of(self.build_app(**{'database.connection': text}))

    def entries(self, container: str) -> list[Any]:
        return [{'freezer_action': {'action': 'backup', 'container': container}}]

    def test_job_that_is_changed_while_a_poll_reads_is_served_as_it_was(self) -> None:
        job_id = self.create(description='old', job_actions=self.entries('old'))
        reader = self.reader()
        body = {'match': [{'client_id': HOST}], 'match_not': [{'status': 'completed'}]}

        def poll() -> Any:
            [job] = reader.get(reader.url('jobs'), json=body, status=200).json['jobs']
            [entry] = job['job_actions']
            return job['description'], entry['freezer_action']['container']

        self.assertEqual(('old', 'old'), poll())
        writing = threading.Thread(
            target=self.patch,
            args=[job_id],
            kwargs={'description': 'new', 'job_actions': self.entries('new')},
        )
        seen: list[str] = []
        thread = threading.get_ident()

        def interfere(connection: Any, cursor: Any, statement: str, *_: Any) -> None:
            if threading.get_ident() != thread or not statement.startswith('SELECT'):
                return
            seen.append(statement)
            if len(seen) == 2:
                writing.start()
                writing.join(30)

        sa.event.listen(sa.Engine, 'before_cursor_execute', interfere)
        try:
            served = poll()
        finally:
            sa.event.remove(sa.Engine, 'before_cursor_execute', interfere)
        self.assertGreaterEqual(len(seen), 2)
        self.assertFalse(writing.is_alive())
        self.assertEqual(('old', 'old'), served)
        self.assertEqual(('new', 'new'), poll())
