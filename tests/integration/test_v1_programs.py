# SPDX-License-Identifier: Apache-2.0
"""Published agents and clients on a running service, with a real Keystone: version 1."""

from typing import ClassVar

from tests.integration import real


class V1Test(real.RealTest):
    """The last releases that speak it: freezer 18.0.0, python-freezerclient 6.3.0 and 6.2.0."""

    environments = ('agent-18', 'agent-19', 'freezerclient-6.2')
    command_environment = 'freezerclient-6.3'
    # With the option, it shows what it made.
    command_options: ClassVar = {'version': '1', 'by_option': True}

    def test_agent_backs_up_restores_and_is_stopped(self) -> None:
        self.check_agent_18()

    def test_session_is_shared_by_agents_of_both_versions(self) -> None:
        self.check_session(
            {
                'old-host': self.scheduler('agent-18', 'old-host', 'old-host', v1=True),
                'new-host': self.scheduler('agent-19', 'new-host', 'new-host'),
            }
        )

    def test_every_command_of_6_3_works(self) -> None:
        self.walk('freezerclient-6.3', version='1')

    # An option, other than the environment, has version 2's commands call version 1's library.

    def test_every_command_of_6_3_with_the_option_works_but_one(self) -> None:
        broken = {'job-list': 'all_projects'}
        self.walk('freezerclient-6.3', broken, version='1', by_option=True)

    def test_every_command_of_6_2_with_the_option_works(self) -> None:
        self.walk('freezerclient-6.2', version='1', by_option=True)
