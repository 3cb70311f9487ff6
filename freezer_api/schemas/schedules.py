# SPDX-License-Identifier: Apache-2.0
"""What becomes of schedules that no agent can run."""

import dataclasses

from oslo_log import log as logging

from freezer_api import exceptions
from freezer_api.domain import schedules
from freezer_api.schemas.common import Document

LOG = logging.getLogger(__name__)


@dataclasses.dataclass(frozen=True, slots=True)
class Rules:
    """How strictly schedules are taken, by the options of the same names.

    :ivar strict: refuse what cannot run; else log it
    :ivar zones: start and end dates may have a zone or a fraction of a second
    """

    strict: bool = True
    zones: bool = False

    def check(
        self, owner: str, schedule: Document, stored: Document, passed_on: bool = False
    ) -> None:
        """Make sure that a schedule about to be stored can run, apart from what was wrong with the stored one.

        :param owner: what the schedule belongs to, as in "job 42"
        :param passed_on: it changes because of a write to something else
        :raises BadRequest: it cannot
        """
        problem = schedules.new_problem(schedule, stored, self.zones)
        if problem is None:
            return
        if not self.strict:
            LOG.warning('No agent can run the schedule that %s gets: %s', owner, problem)
            return
        if passed_on:
            problem = f'No agent could run the schedule that {owner} would get: {problem}'
        raise exceptions.BadRequest(problem)
