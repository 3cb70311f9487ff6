# SPDX-License-Identifier: Apache-2.0
"""Who may do what, through HTTP: every route for every persona."""

from freezer_api import policies
from freezer_api.policies import cross_project
from tests import base, routes
from tests.routes import ROUTES
from tests.unit.test_policies import OWNER, PERSONAS, RULES, SERVICE

# Rules that are asked besides that of a route.
MORE = {
    'clients:create_central',
    'cross_project:access',
    'documents:get_secrets',
    'jobs:get_all_projects',
}


class TableTest(base.TestCase):
    """Routes, rules and documentation name the same things."""

    def test_every_rule_has_a_route(self) -> None:
        self.assertEqual(set(RULES), {route.rule for _, route in routes.served()} | MORE)

    def test_every_route_has_one_rule_that_documents_it(self) -> None:
        documented = {
            (rule.name, f'{operation["method"]} {operation["path"]}')
            for rule in policies.list_rules()
            for operation in getattr(rule, 'operations', ())
            if rule.name not in MORE
        }
        expected = set()
        for name, route in routes.served():
            method, path = name.split(' ')
            expected.add((route.rule, f'{method} /v2/{{project_id}}{path}'))
            if route.v1:
                expected.add((route.rule, f'{method} /v1{path}'))
        self.assertEqual(expected, documented)

    def test_rule_to_go_elsewhere_documents_every_route_of_v2(self) -> None:
        (rule,) = [rule for rule in policies.list_rules() if rule.name == cross_project.ACCESS]
        documented = {(operation['method'], operation['path']) for operation in rule.operations}
        expected = set()
        for name, _ in routes.served():
            method, path = name.split(' ')
            expected.add((method, f'/v2/{{project_id}}{path}'))
        self.assertEqual(expected, documented)


class PolicyTest(routes.RouteTestCase):
    """The tests send many requests each, and collect what is wrong with the answers."""

    def persona(self, name: str) -> base.Client:
        """The owner of all there is, which matters in v1, with the roles of a persona."""
        roles, project = PERSONAS[name]
        if self.api_version == 'v1':
            project = 'p1'
        return self.as_('alice', project, ','.join(roles) or 'none')

    def personas(self) -> list[str]:
        """The personas that there are: by v1 nobody comes to a project from another one."""
        return [p for p in PERSONAS if self.api_version == 'v2' or not p.startswith('foreign')]

    def test_every_route_for_every_persona(self) -> None:
        for name, route in routes.served(self.api_version):
            sample = ROUTES[name][0]
            for persona in self.personas():
                api = self.persona(persona)
                case = f'{name} for {persona}'
                answer = self.send(name, sample.content, api=api)
                if persona in RULES[route.rule]:
                    self.check(case, answer, sample.status)
                    if not name.startswith('GET'):
                        self.restore()
                else:
                    self.check(case, answer, 403)
            self.check_untouched(name)
        self.finish()

    def test_roles_are_the_same_in_capitals(self) -> None:
        for roles, status in (('Member', 200), ('READER', 200), ('Admin', 200), ('Guest', 403)):
            answer = self.send('GET /jobs', api=self.as_('carol', 'p1', roles))
            self.check(roles, answer, status)
        self.finish()

    @base.only('v2')
    def test_stranger_learns_nothing(self) -> None:
        """The same answer whether or not there is such a thing, and whatever the request."""
        stranger = self.as_('eve', 'p2')
        absent = dict.fromkeys(self.ids, 'absent')
        for route, samples in self.routes.items():
            answers = {
                (answer.status_int, answer.body)
                for ids in (self.ids, absent)
                for body in (samples[0].content, b'{}', b'[', b'{"limit": 0}')
                for query in ('', 'limit=0', 'offset=x')
                for answer in [self.send(route, body, self.path(route, **ids), query, api=stranger)]
            }
            self.assertEqual(1, len(answers), answers)
            self.assertEqual(403, answers.pop()[0])
        self.check_untouched('stranger')
        self.finish()

    def test_foreign_and_absent_ids_get_the_same_answer(self) -> None:
        for route, samples in self.routes.items():
            if self.missing(route) is None:
                continue
            for place in routes.places(route):
                paths = [self.path(route, **{place: i}) for i in (self.foreign[place], 'absent')]
                answers = [self.send(route, samples[0].content, path) for path in paths]
                self.check(route, answers[0], self.missing(route) or 0)
                self.assertEqual(answers[0].status, answers[1].status, route)
                self.assertEqual(answers[0].body, answers[1].body, route)
                own = {'x-openstack-request-id', 'date'}
                headers = [
                    {k: v for k, v in answer.headers.items() if k.lower() not in own}
                    for answer in answers
                ]
                self.assertEqual(headers[0], headers[1], route)
        self.check_untouched('foreign ids')
        self.finish()

    def test_central_clients_need_a_rule_more(self) -> None:
        for persona in self.personas():
            api = self.persona(persona)
            for central in (True, False):
                client = {'client_id': 'web09', 'is_central': central}
                answer = api.post(self.path('POST /clients'), json=client, status='*')
                allowed = persona in (OWNER & SERVICE if central else OWNER)
                self.check(f'{persona} {central}', answer, 201 if allowed else 403)
                if not allowed:
                    self.check_untouched(f'{persona} {central}')
                self.restore()
        self.finish()

    @base.only('v2')
    def test_jobs_of_all_projects_need_a_rule_more(self) -> None:
        for persona in PERSONAS:
            api = self.persona(persona)
            answer = api.get('/v2/p1/jobs?all_projects=true', status='*')
            if persona not in RULES['jobs:get_all']:
                self.check(persona, answer, 403)
                continue
            expected = ['j1', 'j2'] if persona in RULES['jobs:get_all_projects'] else ['j1']
            self.assertEqual(expected, [job['job_id'] for job in answer.json['jobs']], persona)
            answer = api.get('/v2/p1/jobs')
            self.assertEqual(['j1'], [job['job_id'] for job in answer.json['jobs']], persona)
        self.finish()

    def test_those_who_may_act_everywhere_still_stay_inside_of_the_project(self) -> None:
        """The wall is below the policy: an id of another project is none, for admins too."""
        admin = self.as_('alice', 'p1', 'admin,service')
        for route, samples in self.routes.items():
            status = self.missing(route)
            if status is None:
                continue
            for place in routes.places(route):
                path = self.path(route, **{place: self.foreign[place]})
                answer = self.send(route, samples[0].content, path, api=admin)
                self.check(f'{route} {place}', answer, status)
            self.check_untouched(route)
        self.finish()

    def test_denial_names_the_rule_and_no_one(self) -> None:
        answer = self.send('GET /jobs', api=self.as_('eve', 'p1', 'none'))
        self.assertEqual(
            {
                'title': 'Forbidden',
                'description': 'The policy rule jobs:get_all does not allow this.',
                'code': 403,
            },
            answer.json,
        )
