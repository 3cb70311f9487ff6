# SPDX-License-Identifier: Apache-2.0
"""Schedules that no agent can run, on every route that writes them."""

from collections.abc import Iterator
from typing import Any

from tests import base

CLIENT = 'p1_host'

Document = dict[str, Any]

NEVER = {'schedule_month': '2', 'schedule_day': '30'}
NO_DAY = 'No day of the years 1970 to 9998 matches "schedule_month", "schedule_day".'
ZONED = {'schedule_start_date': '2030-01-01T02:00:00Z', 'schedule_interval': '1 days'}

# One of each kind; the schemas let all of them pass.
CANNOT_RUN = (
    (NEVER, NO_DAY),
    (ZONED, '"schedule_start_date" must be'),
    ({'schedule_date': '2030-02-31T00:00:00'}, '"schedule_date" must be'),
    ({'schedule_interval': '0 days'}, '"schedule_interval" must be'),
    ({'schedule_hour': '24'}, '"schedule_hour" must be'),
    (
        {
            'schedule_start_date': '2030-01-01T00:00:00',
            'schedule_end_date': '2029-01-01T00:00:00',
        },
        '"schedule_end_date" must not be before "schedule_start_date".',
    ),
)
OVER = (
    {'schedule_date': '2020-01-01T00:00:00'},
    {'schedule_year': '2020'},
    {
        'schedule_interval': '1 days',
        'schedule_start_date': '2020-01-01T00:00:00',
        'schedule_end_date': '2021-01-01T00:00:00',
    },
)


class SchedulesTestCase(base.ApiTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.api.post(self.v2('clients'), json={'client_id': CLIENT})

    def configured(self, **options: bool) -> base.Client:
        """The default caller of a service with some options of [api]."""
        options = {f'api.{name}': value for name, value in options.items()}
        return self.client_of(self.build_app(**options))

    def lenient(self) -> base.Client:
        return self.configured(strict_schedules=False)

    def job(self, schedule: Document, **keys: Any) -> Document:
        return {'client_id': CLIENT, 'job_actions': [], 'job_schedule': schedule, **keys}

    def store_job(self, job_id: str, schedule: Document) -> Document:
        """Store a job, whatever its schedule; return the document that is shown."""
        path = self.v2('jobs', job_id)
        self.lenient().post(path, json=self.job(schedule), status=201)
        return self.shown(path)

    def store_session(self, session_id: str, schedule: Document) -> Document:
        """Store a session, whatever its schedule; return the document that is shown."""
        path = self.v2('sessions', session_id)
        document = {'session_tag': 0, 'schedule': schedule}
        self.lenient().post(path, json=document, status=201)
        return self.shown(path)

    def shown(self, path: str) -> Document:
        document: Document = self.api.get(path).json
        return document

    def schedule_of(self, job_id: str) -> Document:
        """The keys of a job's schedule that are no state."""
        schedule = self.shown(self.v2('jobs', job_id))['job_schedule']
        return {key: schedule[key] for key in schedule if key.startswith('schedule_')}

    def attach(self, session_id: str, job_id: str, status: int = 204) -> Any:
        return self.api.put(self.v2('sessions', session_id, 'jobs', job_id), status=status)

    def writes(self, schedule: Document) -> Iterator[tuple[str, str, Document, int]]:
        """Each way to write a schedule: method, path, body and the status of success."""
        self.store_job('stored', {})
        self.store_session('stored', {})
        whole = self.job(schedule)
        yield 'POST', self.v2('jobs'), {**whole, 'job_id': 'made'}, 201
        yield 'POST', self.v2('jobs', 'new'), whole, 201
        yield 'POST', self.v2('jobs', 'stored'), whole, 201
        yield 'PATCH', self.v2('jobs', 'stored'), {'job_schedule': schedule}, 200
        session = {'session_tag': 0, 'schedule': schedule}
        yield 'POST', self.v2('sessions'), session, 201
        yield 'POST', self.v2('sessions', 'new'), session, 201
        yield 'POST', self.v2('sessions', 'stored'), session, 201
        yield 'PATCH', self.v2('sessions', 'stored'), {'schedule': schedule}, 200

    def assert_refused(self, method: str, path: str, body: Any, text: str) -> None:
        """The request is answered with 400 and the text, and nothing is written."""
        before = self.rows()
        options = {} if body is None else {'json': body}
        answer = self.api.request(method, path, status=400, **options).json
        self.assertIn(text, answer['description'])
        self.assertEqual(before, self.rows())


class WriteTest(SchedulesTestCase):
    def test_what_no_agent_can_run_is_refused_on_every_route(self) -> None:
        for schedule, text in CANNOT_RUN:
            for method, path, body, _ in self.writes({**schedule, 'event': ''}):
                with self.subTest(f'{method} {path} {schedule}'):
                    self.assert_refused(method, path, body, text)

    def test_what_is_over_passes_on_every_route(self) -> None:
        for schedule in OVER:
            self.database.clear()
            self.api.post(self.v2('clients'), json={'client_id': CLIENT})
            for method, path, body, status in self.writes(schedule):
                with self.subTest(f'{method} {path} {schedule}'):
                    self.api.request(method, path, json=body, status=status)

    def test_patch_is_judged_by_what_becomes_of_the_schedule(self) -> None:
        for path, key in (('jobs', 'job_schedule'), ('sessions', 'schedule')):
            self.store_job('stored', {'schedule_month': '2'})
            self.store_session('stored', {'schedule_month': '2'})
            patch = {key: {'schedule_day': '30'}}
            self.assert_refused('PATCH', self.v2(path, 'stored'), patch, NO_DAY)
            patch[key]['schedule_month'] = '3'
            self.api.patch(self.v2(path, 'stored'), json=patch)

    def test_taking_away_the_key_that_hid_another_is_refused(self) -> None:
        hidden = {'schedule_date': '2030-01-01T00:00:00', 'schedule_interval': '0 days'}
        self.api.post(self.v2('jobs', 'j1'), json=self.job(hidden), status=201)
        patch = {'job_schedule': {'schedule_date': None}}
        self.assert_refused('PATCH', self.v2('jobs', 'j1'), patch, '"schedule_interval"')

    def test_keys_that_agents_do_not_look_at_are_kept(self) -> None:
        schedule = {
            'schedule_date': '2030-01-01T00:00:00',
            'schedule_end_date': '2030-01-01T00:00:00Z',
            'schedule_hour': '99',
        }
        self.api.post(self.v2('jobs', 'j1'), json=self.job(schedule), status=201)
        self.assertEqual(schedule, self.schedule_of('j1'))


class SessionTest(SchedulesTestCase):
    """A session's schedule is fine, and so is the job's; together they are not."""

    LATE = {'schedule_start_date': '2031-01-01T00:00:00', 'schedule_interval': '1 days'}
    EARLY = {'schedule_end_date': '2030-01-01T00:00:00'}
    TEXT = 'No agent could run the schedule that job j1 would get: "schedule_end_date" must not'

    def setUp(self) -> None:
        super().setUp()
        self.store_job('j1', self.LATE)

    def test_attaching_is_refused(self) -> None:
        self.store_session('s1', self.EARLY)
        path = self.v2('sessions', 's1', 'jobs', 'j1')
        self.assert_refused('PUT', path, None, self.TEXT)

    def test_changing_the_schedule_of_the_session_is_refused(self) -> None:
        self.store_session('s1', {})
        self.attach('s1', 'j1')
        patch = {'schedule': self.EARLY}
        self.assert_refused('PATCH', self.v2('sessions', 's1'), patch, self.TEXT)
        whole = {'session_tag': 0, 'schedule': self.EARLY}
        self.assert_refused('POST', self.v2('sessions', 's1'), whole, self.TEXT)

    def test_naming_the_job_among_those_of_the_session_is_refused(self) -> None:
        self.store_session('s1', self.EARLY)
        part: Document = {'jobs': {'j1': {}}}
        self.assert_refused('PATCH', self.v2('sessions', 's1'), part, self.TEXT)
        for session_id in ('s1', 's2'):
            whole = {'session_tag': 0, 'schedule': self.EARLY, **part}
            self.assert_refused('POST', self.v2('sessions', session_id), whole, self.TEXT)

    def test_schedules_that_fit_are_passed_on(self) -> None:
        later = {'schedule_end_date': '2032-01-01T00:00:00'}
        self.store_session('s1', later)
        self.attach('s1', 'j1')
        self.assertEqual({**self.LATE, **later}, self.schedule_of('j1'))


class StoredBeforeTest(SchedulesTestCase):
    def test_documents_come_back_by_every_route(self) -> None:
        for number, (schedule, _) in enumerate(CANNOT_RUN):
            name = f'stored-{number}'
            for path, document in (
                (self.v2('jobs', name), self.store_job(name, schedule)),
                (self.v2('sessions', name), self.store_session(name, schedule)),
            ):
                with self.subTest(f'{path} {schedule}'):
                    self.api.patch(path, json={'description': 'changed'})
                    self.api.patch(path, json=document)
                    self.api.post(path, json=document, status=201)

    def test_agents_report_on_their_jobs(self) -> None:
        schedule = self.store_job('j1', ZONED)['job_schedule']
        report = {**schedule, 'event': '', 'status': 'scheduled', 'current_pid': 7}
        body = {'job_schedule': report, 'session_id': '', 'session_tag': 0}
        self.api.patch(self.v2('jobs', 'j1'), json=body)
        self.assertEqual(
            'scheduled', self.shown(self.v2('jobs', 'j1'))['job_schedule']['status']
        )

    def test_what_stays_is_no_reason_but_what_changes_is(self) -> None:
        self.store_job('j1', ZONED)
        path = self.v2('jobs', 'j1')
        self.api.patch(path, json={'job_schedule': {'schedule_interval': '2 days'}})
        patch = {'job_schedule': {'schedule_interval': '0 days'}}
        self.assert_refused('PATCH', path, patch, '"schedule_interval"')
        patch = {'job_schedule': {'schedule_start_date': '2031-01-01T02:00:00Z'}}
        self.assert_refused('PATCH', path, patch, '"schedule_start_date"')

    def test_schedule_of_a_session_reaches_its_jobs(self) -> None:
        self.store_job('j1', ZONED)
        self.store_session('s1', {'schedule_interval': '2 days'})
        self.attach('s1', 'j1')
        patch = {'schedule': {'schedule_interval': '3 days'}}
        self.api.patch(self.v2('sessions', 's1'), json=patch)
        self.assertEqual({**ZONED, 'schedule_interval': '3 days'}, self.schedule_of('j1'))

    def test_a_copy_is_new(self) -> None:
        document = self.store_job('j1', NEVER)
        del document['job_id']
        self.assert_refused('POST', self.v2('jobs'), document, NO_DAY)
        self.assert_refused('POST', self.v2('jobs', 'j2'), document, NO_DAY)


class OptionsTest(SchedulesTestCase):
    def test_lenient_service_stores_what_it_warns_of(self) -> None:
        lenient = self.lenient()
        for method, path, body, status in self.writes(NEVER):
            with self.subTest(f'{method} {path}'):
                lenient.request(method, path, json=body, status=status)
        for job_id in ('made', 'new', 'stored'):
            self.assertEqual(NEVER, self.schedule_of(job_id))
            self.assert_warned(f'job {job_id} gets: {NO_DAY}')
        self.assert_warned(f'session stored gets: {NO_DAY}')

    def test_lenient_service_warns_of_what_a_session_passes_on(self) -> None:
        self.store_job('j1', {'schedule_month': '2'})
        self.store_session('s1', {'schedule_day': '30'})
        self.lenient().put(self.v2('sessions', 's1', 'jobs', 'j1'), status=204)
        self.assertEqual(NEVER, self.schedule_of('j1'))
        self.assert_warned(f'job j1 gets: {NO_DAY}')

    def test_no_warning_of_what_stays_as_it_was(self) -> None:
        self.store_job('j1', NEVER)
        before = self.log.output
        self.lenient().patch(self.v2('jobs', 'j1'), json={'job_schedule': {'status': 'stop'}})
        self.assertNotIn('No agent', self.log.output.removeprefix(before))

    def assert_warned(self, text: str) -> None:
        self.assertIn(f'No agent can run the schedule that {text}', self.log.output)

    def test_schemas_hold_in_a_lenient_service_too(self) -> None:
        self.lenient().post(
            self.v2('jobs'), json=self.job({'schedule_interval': 'often'}), status=400
        )

    def test_zones_of_start_and_end_may_be_allowed(self) -> None:
        zoned = {**ZONED, 'schedule_end_date': '2030-01-01T04:00:00.5+02:00'}
        caller = self.configured(schedule_zones=True)
        for method, path, body, status in self.writes(zoned):
            with self.subTest(f'{method} {path}'):
                caller.request(method, path, json=body, status=status)
        self.assertEqual(zoned, self.schedule_of('made'))

    def test_other_rules_hold_where_zones_are_allowed(self) -> None:
        caller = self.configured(schedule_zones=True)
        for schedule, _ in CANNOT_RUN:
            if schedule is not ZONED:
                caller.post(self.v2('jobs'), json=self.job(schedule), status=400)
