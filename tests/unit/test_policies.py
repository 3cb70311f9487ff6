# SPDX-License-Identifier: Apache-2.0
"""Every rule against every persona, and the cache of decisions."""

from pathlib import Path
from typing import Any, ClassVar
from unittest import mock

import fixtures
import testscenarios
import testtools
from oslo_context.context import RequestContext
from oslo_policy import policy as oslo_policy

from freezer_api import conf as configuration
from freezer_api import exceptions, policies, policy
from freezer_api.policies import cross_project

PROJECT = 'p1'

# Persona: roles, and the project of the token.
PERSONAS: dict[str, tuple[list[str], str]] = {
    'admin': (['admin'], 'p1'),
    'foreign admin': (['admin'], 'p2'),
    'service': (['service'], 'service'),
    'manager': (['manager'], 'p1'),
    'member': (['member'], 'p1'),
    'foreign member': (['member'], 'p2'),
    'reader': (['reader'], 'p1'),
    'foreign reader': (['reader'], 'p2'),
    'nobody': ([], 'p1'),
}

_ADMINS = {'admin', 'foreign admin'}
OWNER = _ADMINS | {'manager', 'member'}
SERVICE = _ADMINS | {'service'}
OWNER_OR_SERVICE = OWNER | SERVICE
READER = OWNER_OR_SERVICE | {'reader'}

RULES: dict[str, set[str]] = {
    'cross_project:access': SERVICE,
    'documents:get_secrets': OWNER_OR_SERVICE,
    'clients:create': OWNER,
    'clients:create_central': SERVICE,
    'clients:get': READER,
    'clients:get_all': READER,
    'clients:delete': OWNER,
    'actions:create': OWNER,
    'actions:update': OWNER,
    'actions:replace': OWNER,
    'actions:delete': OWNER,
    'actions:get': READER,
    'actions:get_all': READER,
    'jobs:create': OWNER,
    'jobs:update': OWNER,
    'jobs:delete': OWNER,
    'jobs:event:create': OWNER,
    'jobs:get': READER,
    'jobs:get_all': READER,
    'jobs:get_all_projects': SERVICE,
    'sessions:create': OWNER,
    'sessions:update': OWNER,
    'sessions:replace': OWNER,
    'sessions:delete': OWNER,
    'sessions:action:create': OWNER,
    'sessions:job:add': OWNER,
    'sessions:job:remove': OWNER,
    'sessions:get': READER,
    'sessions:get_all': READER,
    'backups:create': OWNER_OR_SERVICE,
    'backups:update': OWNER_OR_SERVICE,
    'backups:delete': OWNER_OR_SERVICE,
    'backups:get': READER,
    'backups:get_all': READER,
}


def _context(roles: list[str], project_id: str = PROJECT, **values: Any) -> RequestContext:
    return RequestContext(
        **{'user_id': 'u1', 'project_id': project_id, 'roles': roles, 'overwrite': False, **values}
    )


class DefaultsTest(testtools.TestCase):
    def test_table_names_every_documented_rule(self) -> None:
        documented = {
            rule.name
            for rule in policies.list_rules()
            if isinstance(rule, oslo_policy.DocumentedRuleDefault)
        }
        self.assertEqual(documented, set(RULES))

    def test_operations_are_paths_of_both_versions(self) -> None:
        for rule in policies.list_rules():
            if isinstance(rule, oslo_policy.DocumentedRuleDefault):
                for operation in rule.operations:
                    self.assertRegex(operation['path'], r'^(/v2/\{project_id\}|/v1)/[a-z]+')
                    self.assertNotIn(
                        (operation['method'], operation['path']),
                        [('PATCH', '/v1/backups/{backup_id}')],
                    )

    def test_enforcer_of_the_tools_knows_every_rule(self) -> None:
        self.assertLessEqual(set(RULES), set(policy.get_enforcer().registered_rules))


class PersonaTest(testscenarios.WithScenarios, testtools.TestCase):
    scenarios: ClassVar = [
        (persona, {'persona': persona, 'roles': roles, 'project_id': project_id})
        for persona, (roles, project_id) in PERSONAS.items()
    ]
    persona: str
    roles: list[str]
    project_id: str

    def test_is_allowed_what_the_table_says(self) -> None:
        checked = policy.Policy(configuration.new([], []))
        expected = {rule for rule, personas in RULES.items() if self.persona in personas}
        contexts = [
            _context(self.roles, self.project_id),
            _context([role.title() for role in self.roles], self.project_id),
        ]
        for context in contexts:
            # The second answer comes from the cache.
            for _ in range(2):
                allowed = {rule for rule in RULES if checked.allows(context, rule, PROJECT)}
                self.assertEqual(expected, allowed)
        for rule in RULES:
            if rule in expected:
                checked.authorize(contexts[0], rule, PROJECT)
            else:
                error = self.assertRaises(
                    exceptions.Forbidden, checked.authorize, contexts[0], rule, PROJECT
                )
                self.assertIn(rule, error.description)


class PolicyFileTest(testtools.TestCase):
    def setUp(self) -> None:
        super().setUp()
        self.folder = Path(self.useFixture(fixtures.TempDir()).path)
        self.log = self.useFixture(fixtures.FakeLogger())
        self.file = self.folder / 'policy.yaml'
        (self.folder / 'freezer-api.conf').write_text('')
        self.now = 1000.0
        self.useFixture(fixtures.MonkeyPatch('freezer_api.policy.time.monotonic', lambda: self.now))

    def policy(self) -> policy.Policy:
        return policy.Policy(configuration.new([], [str(self.folder / 'freezer-api.conf')]))

    def test_operators_rules_win(self) -> None:
        self.file.write_text('jobs:get: role:auditor')
        checked = self.policy()
        self.assertTrue(checked.allows(_context(['auditor']), 'jobs:get', 'p2'))
        self.assertFalse(checked.allows(_context(['admin']), 'jobs:get', 'p2'))
        self.assertTrue(checked.allows(_context(['admin']), 'jobs:get_all', 'p2'))

    def test_every_attribute_of_the_caller_may_matter(self) -> None:
        attributes = {
            'user_id': 'special',
            'user_domain_id': 'special',
            'system_scope': 'special',
            'domain_id': 'special',
            'project_domain_id': 'special',
            'service_user_id': 'special',
            'service_project_id': 'special',
        }
        for name, value in attributes.items():
            self.file.write_text(f'jobs:get: {name}:special')
            checked = self.policy()
            for _ in range(2):
                self.assertFalse(checked.allows(_context([]), 'jobs:get', PROJECT))
                self.assertTrue(checked.allows(_context([], **{name: value}), 'jobs:get', PROJECT))

    def test_service_roles_are_not_roles(self) -> None:
        self.file.write_text('jobs:get: service_roles:agent')
        checked = self.policy()
        for _ in range(2):
            self.assertFalse(checked.allows(_context(['agent']), 'jobs:get', PROJECT))

    def test_target_may_matter(self) -> None:
        checked = self.policy()
        context = _context(['member'])
        for _ in range(2):
            self.assertTrue(checked.allows(context, 'jobs:get', 'p1'))
            self.assertFalse(checked.allows(context, 'jobs:get', 'p2'))

    def test_rules_to_go_elsewhere_are_held_by_those_they_single_out(self) -> None:
        for check in ('role:auditor', 'user_id:u1', 'role:auditor or not user_domain_id:None'):
            self.file.write_text(f'cross_project:access: {check}')
            for _ in range(2):
                checked = self.policy()
                context = _context(['auditor'], user_domain_id='d1')
                self.assertTrue(checked.allows(context, 'cross_project:access', 'p2'), check)
                checked.authorize_access(context, 'p2')
        self.assertNotIn('allows everybody', self.log.output)

    def test_rules_to_go_elsewhere_that_allow_everybody_are_refused_to_all(self) -> None:
        for rule in sorted(cross_project.NEVER_FOR_ALL):
            for check in ('"@"', '""', 'not role:banned', 'role:admin or rule:jobs:get'):
                self.file.write_text(f'{rule}: {check}\njobs:get: "@"')
                checked = self.policy()
                for roles in ([], ['member'], ['admin', 'service']):
                    for _ in range(2):
                        self.assertFalse(checked.allows(_context(roles), rule, 'p2'), check)
                    self.assertTrue(checked.allows(_context(roles), 'jobs:get', 'p2'))
            self.assertIn(f'The policy rule {rule} allows everybody', self.log.output)

    def test_opening_the_helper_rules_leads_nobody_elsewhere(self) -> None:
        self.file.write_text('admin_or_service: "@"')
        checked = self.policy()
        context = _context(['admin'])
        self.assertTrue(checked.allows(context, 'backups:create', 'p2'))
        self.assertRaises(exceptions.Forbidden, checked.authorize_access, context, 'p2')
        checked.authorize_access(context, PROJECT)

    def test_tokens_without_a_project_are_elsewhere_everywhere(self) -> None:
        checked = self.policy()
        context = RequestContext(user_id='u1', roles=['member'], overwrite=False)
        self.assertRaises(exceptions.Forbidden, checked.authorize_access, context, PROJECT)
        context = RequestContext(user_id='u1', roles=['admin'], overwrite=False)
        checked.authorize_access(context, PROJECT)

    def test_changed_files_are_taken_up_within_a_second(self) -> None:
        checked = self.policy()
        context = _context(['member'])
        self.assertTrue(checked.allows(context, 'jobs:get', PROJECT))
        for rules, expected in (
            ('jobs:get: "!"', False),
            ('jobs:get: "@"', True),
            ('jobs:get: role:nobody', False),
            (None, True),
        ):
            if rules is None:
                self.file.unlink()
            else:
                self.file.write_text(rules)
            self.now += 1.5
            self.assertEqual(expected, checked.allows(context, 'jobs:get', PROJECT))

    def test_files_in_the_policy_folder_are_taken_up(self) -> None:
        checked = self.policy()
        context = _context(['member'])
        self.assertTrue(checked.allows(context, 'jobs:get', PROJECT))
        (self.folder / 'policy.d').mkdir()
        (self.folder / 'policy.d' / 'jobs.yaml').write_text('jobs:get: "!"')
        self.now += 1.5
        self.assertFalse(checked.allows(context, 'jobs:get', PROJECT))
        (self.folder / 'policy.d' / 'jobs.yaml').unlink()
        self.now += 1.5
        self.assertTrue(checked.allows(context, 'jobs:get', PROJECT))

    def test_files_are_not_looked_at_for_each_decision(self) -> None:
        checked = self.policy()
        self.file.write_text('jobs:get: "!"')
        with mock.patch('os.stat', autospec=True, side_effect=AssertionError):
            self.assertTrue(checked.allows(_context(['member']), 'jobs:get', PROJECT))

    def test_a_broken_file_leaves_the_rules_as_they_were(self) -> None:
        self.file.write_text('jobs:get: "!"')
        checked = self.policy()
        context = _context(['member'])
        for _ in range(2):
            self.file.write_text('jobs:get: [')
            self.now += 1.5
            self.assertFalse(checked.allows(context, 'jobs:get', PROJECT))
        self.assertIn('the old rules stay in force', self.log.output)
        self.file.write_text('jobs:get: "@"')
        self.now += 1.5
        self.assertTrue(checked.allows(context, 'jobs:get', PROJECT))

    def test_a_broken_file_at_the_start_is_an_error(self) -> None:
        self.file.write_text('jobs:get: [')
        self.assertRaises(ValueError, self.policy)

    def test_answers_of_others_are_not_kept(self) -> None:
        self.file.write_text(
            'jobs:get: not (role:banned or (role:other and http://policy.example/%(project_id)s))'
        )
        checked = self.policy()
        answers = iter([True, False, True])
        with mock.patch('oslo_policy._external.HttpCheck.__call__', lambda *_: next(answers)):
            context = _context(['other'])
            allowed = [checked.allows(context, 'jobs:get', PROJECT) for _ in range(3)]
        self.assertEqual([False, True, False], allowed)

    def test_decisions_kept_are_limited_in_number(self) -> None:
        checked = self.policy()
        context = _context(['member'])
        for number in range(policy.CACHE_SIZE + 10):
            checked.allows(context, 'jobs:get', f'p{number}')
        self.assertEqual(policy.CACHE_SIZE, len(checked._rules._decisions))

    def test_an_unknown_rule_is_a_bug(self) -> None:
        self.assertRaises(
            oslo_policy.PolicyNotRegistered,
            self.policy().allows,
            _context(['admin']),
            'jobs:explode',
            PROJECT,
        )
