# SPDX-License-Identifier: Apache-2.0
"""An agent that reads its jobs page by page sees each job that is there all the time, whatever happens to others."""

import random
from concurrent import futures
from typing import Any

import fixtures
import sqlalchemy as sa

from freezer_api.context import RequestContext, Scope
from freezer_api.db import jobs, search
from freezer_api.db.models import Base, JobAttachment
from tests import base

Document = dict[str, Any]

HOST = 'p1_web01.example'
OTHER = 'p1_web02.example'
CENTRAL = 'central'
T = 1_900_000_000
# Seconds that the end of a page counts, at least, even if a reader never came back.
PERIOD = 300
HOUR = 3600
DAY = 86400


def poll_of(client_id: str) -> Document:
    return {'match_not': [{'status': 'completed'}], 'match': [{'client_id': client_id}]}


class Poller:
    """Reads page after page as agents do.

    :ivar seen: the ids of all jobs so far, in their order
    """

    def __init__(
        self, caller: base.Client, client_id: str = HOST, limit: int = 10, everywhere: bool = False
    ) -> None:
        self.caller = caller
        self.search = poll_of(client_id)
        self.limit = limit
        self.everywhere = everywhere
        self.seen: list[str] = []
        self.done = False

    def page(self) -> list[str]:
        """Read the next page; return its ids."""
        params = {
            'limit': self.limit,
            'offset': len(self.seen),
            'all_projects': self.everywhere,
        }
        path = self.caller.v2('jobs')
        answer = self.caller.get(path, json=self.search, params=params, status=200)
        ids = [job['job_id'] for job in answer.json['jobs']]
        self.seen += ids
        self.done = len(ids) < self.limit
        return ids

    def finish(self) -> list[str]:
        """Read the remaining pages; return the ids of all."""
        pages = 0
        while not self.done:
            self.page()
            pages += 1
            if pages > 100:
                raise AssertionError('the pages do not end')
        return self.seen


class PollsTestCase(base.ApiTestCase):
    """35 jobs on a client, at a moment that the test chooses."""

    def setUp(self) -> None:
        super().setUp()
        self.set_clock(T)
        for client_id in (HOST, OTHER):
            self.api.post(self.v2('clients'), json={'client_id': client_id}, status=201)
        self.jobs = [self.new_job(f'job{number:02}') for number in range(35)]

    def set_clock(self, now: int) -> None:
        self.useFixture(fixtures.MonkeyPatch('freezer_api.db.session.seconds', lambda: now))

    def new_job(self, job_id: str, client_id: str = HOST, caller: base.Client | None = None) -> str:
        caller = caller or self.api
        document = {'job_id': job_id, 'client_id': client_id, 'job_actions': []}
        caller.post(caller.v2('jobs'), json=document, status=201)
        return job_id

    def complete(self, *job_ids: str) -> None:
        for job_id in job_ids:
            document = {'job_schedule': {'status': 'completed', 'event': ''}}
            self.api.patch(self.v2('jobs', job_id), json=document, status=200)

    def delete(self, *job_ids: str) -> None:
        for job_id in job_ids:
            self.api.delete(self.v2('jobs', job_id), status=204)

    def move(self, client_id: str, *job_ids: str) -> None:
        for job_id in job_ids:
            self.api.patch(self.v2('jobs', job_id), json={'client_id': client_id}, status=200)

    def start(self, *job_ids: str) -> None:
        for job_id in job_ids:
            self.api.post(self.v2('jobs', job_id, 'event'), json={'start': None}, status=202)

    def assert_sees(self, expected: list[str], poller: Poller) -> None:
        self.assertEqual([], [job_id for job_id in expected if job_id not in poller.seen])


class ChangesBetweenPagesTest(PollsTestCase):
    def test_nothing_happens(self) -> None:
        poller = Poller(self.api)
        pages = [len(poller.page()) for _ in range(4)]
        self.assertEqual([10, 10, 10, 5], pages)
        self.assertEqual(self.jobs, poller.seen)

    def test_jobs_complete(self) -> None:
        poller = Poller(self.api)
        poller.page()
        self.complete(*self.jobs[:7])
        poller.page()
        self.complete(*self.jobs[9:13])
        self.assertEqual(self.jobs, poller.finish())

    def test_jobs_are_deleted_with_the_last_one_of_the_page(self) -> None:
        poller = Poller(self.api)
        poller.page()
        self.delete(*self.jobs[3:10])
        self.assertEqual(self.jobs, poller.finish())

    def test_jobs_move_to_another_client(self) -> None:
        poller = Poller(self.api)
        poller.page()
        self.move(OTHER, *self.jobs[:10])
        self.assertEqual(self.jobs, poller.finish())
        self.assertEqual(self.jobs[:10], Poller(self.api, OTHER).finish())

    def test_jobs_come_from_another_client(self) -> None:
        self.move(OTHER, *self.jobs[:10])
        poller = Poller(self.api)
        poller.page()
        self.move(HOST, *self.jobs[:10])
        self.assertEqual(self.jobs[10:], poller.finish())
        self.assertEqual(self.jobs, Poller(self.api).finish())

    def test_jobs_are_created(self) -> None:
        poller = Poller(self.api)
        poller.page()
        self.complete(*self.jobs[:5])
        new = [self.new_job(f'new{number}') for number in range(8)]
        self.assertEqual(self.jobs + new, poller.finish())

    def test_jobs_are_started_again_behind_the_reader(self) -> None:
        self.complete(*self.jobs[:12])
        poller = Poller(self.api)
        poller.page()
        self.start(*self.jobs[:12])
        self.assertEqual(self.jobs[12:], poller.finish())
        self.assertEqual(self.jobs, Poller(self.api).finish())

    def test_all_that_remain_leave(self) -> None:
        poller = Poller(self.api)
        poller.page()
        self.delete(*self.jobs[5:])
        self.assertEqual([], poller.page())

    def test_pages_of_every_size(self) -> None:
        for limit in (1, 3, 35, 36):
            poller = Poller(self.api, limit=limit)
            poller.page()
            first, last = self.new_job(f'first{limit}'), self.new_job(f'last{limit}')
            self.delete(first)
            poller.finish()
            self.assertEqual(self.jobs, poller.seen[:35])
            self.assertNotIn(first, poller.seen)
            self.delete(last)

    def test_jobs_of_one_moment(self) -> None:
        # As rows from elsewhere may be. Databases do not sort these ids alike by themselves.
        ids = [self.new_job(job_id) for job_id in ('a-b', 'a_b', 'aB', 'AB', 'ab', 'Ab', 'b', '-b')]
        with self.database.engine.begin() as connection:
            connection.execute(sa.update(JobAttachment).values(created_at=1))
        self.assertEqual(sorted(self.jobs + ids), sorted(Poller(self.api, limit=3).finish()))
        readers = [Poller(self.api, limit=limit) for limit in (4, 4, 3)]
        for reader in readers:
            reader.page()
        self.delete(*readers[0].seen)
        for reader in readers:
            reader.finish()
            self.assert_sees([job for job in self.jobs + ids if job not in readers[0].seen[:4]], reader)

    def test_search_may_be_in_the_query(self) -> None:
        params = {'match': f'[{{"client_id": "{HOST}"}}]', 'match_not': '[{"status": "completed"}]'}
        path = self.v2('jobs')
        self.api.get(path, params={**params, 'limit': 10}, status=200)
        self.complete(*self.jobs[:5])
        answer = self.api.get(path, params={**params, 'limit': 10, 'offset': 10}, status=200)
        self.assertEqual(self.jobs[10:20], [job['job_id'] for job in answer.json['jobs']])


class SeveralReadersTest(PollsTestCase):
    def test_one_behind_another_sees_all(self) -> None:
        early, late = Poller(self.api), Poller(self.api)
        early.page()
        self.complete(*self.jobs[:8])
        late.page()
        self.assert_sees(self.jobs[10:18], late)
        early.page()
        self.complete(*self.jobs[10:14])
        late.page()
        early.finish()
        late.finish()
        self.assert_sees(self.jobs, early)
        self.assert_sees(self.jobs[8:], late)

    def test_many_at_once_see_all(self) -> None:
        readers = [Poller(self.api) for _ in range(4)]
        with futures.ThreadPoolExecutor(len(readers)) as pool:
            running = [pool.submit(reader.finish) for reader in readers]
            self.delete(*self.jobs[:9])
            for future in running:
                future.result()
        for reader in readers:
            self.assert_sees(self.jobs[9:], reader)

    def test_end_counts_although_a_period_ends_before_the_next_page(self) -> None:
        gone = Poller(self.api)
        gone.page()
        self.set_clock(T + PERIOD - 1)
        early = Poller(self.api)
        early.page()
        self.complete(*self.jobs[:8])
        for now in (T + PERIOD, T + 2 * PERIOD - 2):
            self.set_clock(now)
            Poller(self.api).finish()
        early.finish()
        self.assert_sees(self.jobs, early)

    def test_single_reader_sees_no_job_twice_however_many_leave(self) -> None:
        live = list(self.jobs)
        for number in range(7):
            self.assertEqual(live, Poller(self.api).finish())
            self.delete(*live[:10])
            live = live[10:] + [self.new_job(f'new{number}-{last}') for last in range(10)]

    def test_reader_that_is_gone_is_forgotten(self) -> None:
        gone = Poller(self.api)
        gone.page()
        self.complete(*self.jobs[:10])
        twice = self.jobs[10:20] * 2 + self.jobs[20:]
        for now, expected in (
            (T, twice),
            (T + PERIOD, twice),
            (T + 2 * PERIOD, self.jobs[10:]),
        ):
            self.set_clock(now)
            self.assertEqual(expected, Poller(self.api).finish(), now)

    def test_processes_share_what_they_know(self) -> None:
        callers = [self.client_of(self.build_app()) for _ in range(2)]
        poller = Poller(callers[0])
        for caller in (*callers, *callers):
            poller.caller = caller
            poller.page()
            self.complete(*self.jobs[len(poller.seen) - 8 : len(poller.seen)])
        self.assertEqual(self.jobs, poller.seen)

    def test_other_clients_and_projects_are_apart(self) -> None:
        other = self.as_('bob', project='p2')
        other.post(other.v2('clients'), json={'client_id': HOST}, status=201)
        foreign = [self.new_job(f'foreign{number}', caller=other) for number in range(12)]
        mine = [self.new_job(f'mine{number:02}', OTHER) for number in range(12)]
        readers = [Poller(self.api), Poller(self.api, OTHER), Poller(other)]
        for reader in readers:
            reader.page()
        self.assertEqual(
            [self.jobs, mine, foreign], [reader.finish() for reader in readers]
        )

    def test_central_client_reads_across_projects(self) -> None:
        admin = self.as_('root', roles='admin')
        document = {'client_id': CENTRAL, 'is_central': True}
        admin.post(admin.v2('clients'), json=document, status=201)
        other = self.as_('bob', project='p2')
        ids = [
            self.new_job(f'c{number:02}', CENTRAL, caller)
            for number, caller in enumerate((self.api, other) * 13)
        ]
        service = self.as_('freezer', roles='service')
        everywhere = Poller(service, CENTRAL, everywhere=True)
        own = Poller(self.api, CENTRAL)
        everywhere.page()
        own.page()
        self.delete(*ids[0:10:2])
        self.assertEqual(ids, everywhere.finish())
        self.assertEqual(ids[::2], own.finish())

    def test_jobs_of_one_user(self) -> None:
        bob = self.as_('bob')
        both = [(self.new_job(f'a{n:02}'), self.new_job(f'b{n:02}', caller=bob)) for n in range(12)]
        application = self.build_app()
        wanted = search.parse(poll_of(HOST))

        def page(user_id: str | None, offset: int) -> list[str]:
            context = RequestContext(user_id='alice', project_id='p1')
            context.database = application.database
            context.scope = Scope('p1', user_id)
            found = jobs.find(context, wanted, search.Page(10, offset), show_pid=True)
            return [job['job_id'] for job in found]

        bobs = page('bob', 0)
        page(None, 0)
        self.delete(*bobs[:5])
        self.assertEqual([job for _, job in both], bobs + page('bob', 10))


class RandomChangesTest(PollsTestCase):
    def test_two_readers_miss_nothing(self) -> None:
        chance = random.Random(20_261_121)
        live, completed = list(self.jobs), list[str]()
        numbers = iter(range(10_000))

        def change() -> str | None:
            """Change the list; return the id of a job that left it."""
            kind = chance.choice(('complete', 'delete', 'move', 'create', 'create', 'start'))
            if kind == 'create' or len(live) < 25:
                live.append(self.new_job(f'new{next(numbers)}'))
                return None
            if kind == 'start':
                if completed:
                    job_id = completed.pop(chance.randrange(len(completed)))
                    self.start(job_id)
                    live.append(job_id)
                return None
            # Those in front shift the others.
            job_id = live.pop(chance.randrange(20))
            if kind == 'complete':
                self.complete(job_id)
                completed.append(job_id)
            elif kind == 'delete':
                self.delete(job_id)
            else:
                self.move(OTHER, job_id)
            return job_id

        def begin() -> tuple[Poller, set[str]]:
            return Poller(self.api), set(live)

        readers = [begin(), begin()]
        polls = 0
        for moment in range(T, T + 40 * PERIOD, PERIOD // 2 - 1):
            self.set_clock(moment)
            for number in chance.sample((0, 1), 2):
                poller, awaited = readers[number]
                poller.page()
                if poller.done:
                    self.assertEqual(set(), awaited - set(poller.seen))
                    polls += 1
                if poller.done or not chance.randrange(20):
                    # Some never come back.
                    readers[number] = begin()
                for _ in range(chance.randrange(4)):
                    left = change()
                    for _, awaited in readers:
                        awaited.discard(left or '')
        self.assertGreater(polls, 20)


class CostsTest(PollsTestCase):
    def test_a_page_takes_at_most_three_statements(self) -> None:
        poller = Poller(self.api)
        counts = []
        while not poller.done:
            with self.count_statements() as statements:
                poller.page()
            counts.append(len(statements))
        self.assertEqual([3, 3, 3, 3], counts)

    def test_no_page_behind_a_full_one_takes_two_statements(self) -> None:
        poller = Poller(self.api, limit=35)
        poller.page()
        with self.count_statements() as statements:
            self.assertEqual([], poller.page())
        self.assertEqual(2, len(statements), statements)

    def test_page_in_the_middle_is_found_by_its_offset(self) -> None:
        poller = Poller(self.api)
        poller.seen = self.jobs[:7]
        with self.count_statements() as statements:
            self.assertEqual(self.jobs[7:17], poller.page())
        self.assertEqual(3, len(statements), statements)
        poller.seen = ['x'] * 10**6
        self.assertEqual([], poller.page())

    def test_single_page_stores_nothing(self) -> None:
        self.delete(*self.jobs[9:])
        before = self.rows()
        poller = Poller(self.api)
        with self.count_statements() as statements:
            self.assertEqual(self.jobs[:9], poller.finish())
        self.assertEqual(2, len(statements), statements)
        self.assertEqual(before, self.rows())

    def test_other_lists_store_nothing_and_go_by_offset(self) -> None:
        own, not_completed = {'client_id': HOST}, {'status': 'completed'}
        wanted: list[Document] = [
            {},
            {'match': [own]},
            {'match_not': [not_completed]},
            {'match': [own], 'match_not': [not_completed, {'result': 'fail'}]},
            {'match': [own, {'status': ''}], 'match_not': [not_completed]},
            {'match': [own, {'_all': 'job'}], 'match_not': [not_completed]},
            {'match': [own], 'match_not': [{'status': 'running'}]},
            {'match': [own, own], 'match_not': [not_completed]},
        ]
        before = self.rows()
        for document in wanted:
            params = {'limit': 10}
            self.api.get(self.v2('jobs'), json=document, params=params, status=200)
        self.assertEqual(before, self.rows())
        self.delete(*self.jobs[:5])
        for document in wanted:
            params = {'limit': 10, 'offset': 10}
            answer = self.api.get(self.v2('jobs'), json=document, params=params, status=200)
            self.assertEqual(self.jobs[15:25], [job['job_id'] for job in answer.json['jobs']])

    def test_polls_store_one_row_per_full_page(self) -> None:
        for _ in range(5):
            Poller(self.api).finish()
        self.assertEqual([10, 20, 30], [row['seen'] for row in self.rows()['page_ends']])

    def test_page_whose_end_cannot_be_stored_is_an_error(self) -> None:
        # The agent would take the next page, from anywhere, for its continuation.
        table = Base.metadata.tables['page_ends']
        table.drop(self.database.engine)
        self.addCleanup(table.create, self.database.engine)
        path = self.v2('jobs')
        answer = self.api.get(path, json=poll_of(HOST), params={'limit': 10}, status='*')
        self.assertGreaterEqual(answer.status_int, 500)
        self.api.get(path, json=poll_of(HOST), params={'limit': 36}, status=200)

    def test_deletion_of_a_client_removes_what_is_old(self) -> None:
        Poller(self.api).finish()
        self.set_clock(T + DAY // 2)
        Poller(self.api, limit=7).finish()
        self.set_clock(T + DAY + 1)
        self.api.delete(self.v2('clients', OTHER), status=204)
        self.assertEqual([7, 14, 21, 28, 35], self.ends())

    def test_deletion_of_a_client_removes_all_of_its_own(self) -> None:
        for number in range(2):
            self.new_job(f'other{number}', OTHER)
        Poller(self.api, limit=1).finish()
        Poller(self.api, OTHER, limit=1).finish()
        self.api.delete(self.v2('clients', HOST), status=204)
        self.assertEqual([1, 2], self.ends())

    def test_polls_remove_what_is_old_once_an_hour(self) -> None:
        Poller(self.api, limit=1).finish()
        new_hour = T - T % HOUR + DAY + HOUR
        for now, number in ((new_hour - 1, 35), (new_hour, 3), (new_hour + 59, 3)):
            self.set_clock(now)
            Poller(self.api).finish()
            self.assertEqual(number, len(self.ends()), now)

    def ends(self) -> list[int]:
        return sorted(row['seen'] for row in self.rows()['page_ends'])
