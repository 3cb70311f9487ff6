# SPDX-License-Identifier: Apache-2.0
"""The entries of jobs in v1, where an unknown id makes an action."""

from collections.abc import Iterator

from tests.functional.jobs import BACKUP, HOST
from tests.functional.v1 import OTHER, Document, V1TestCase


class EntriesTest(V1TestCase):
    """Entries of jobs: what v2 refuses with 422 makes an action, and nothing follows one."""

    def entries(self, job_id: str) -> list[Document]:
        entries: list[Document] = self.read('jobs', job_id)['job_actions']
        return entries

    def definition(self, action_id: str) -> Document:
        definition: Document = self.read('actions', action_id)['freezer_action']
        return definition

    def actions(self) -> list[str]:
        return [action['action_id'] for action in self.listed('actions')]

    def writes(self, *entries: Document) -> Iterator[str]:
        """A job with the entries, by each way to write them."""
        body = {'client_id': HOST, 'job_actions': list(entries)}
        yield self.api.post(self.url('jobs'), json=body, status=201).json['job_id']
        for method, status in (('POST', 201), ('PATCH', 200)):
            job_id = self.job()
            self.api.request(method, self.url('jobs', job_id), json=body, status=status)
            yield job_id

    def test_unknown_id_becomes_that_of_a_new_action(self) -> None:
        options = {'max_retries': 2, 'max_retries_interval': 30, 'mandatory': True}
        names = iter(('one', 'two', 'three'))
        entry: Document = {'action_id': next(names), 'freezer_action': BACKUP, **options}
        for job_id in self.writes(entry):
            self.assertEqual([{**entry, 'user_id': 'alice'}], self.entries(job_id))
            self.assertEqual({**entry, 'user_id': 'alice'}, self.read('actions', entry['action_id']))
            entry['action_id'] = next(names, None)
            if entry['action_id'] is None:
                break

    def test_unknown_id_without_a_definition_is_refused(self) -> None:
        body = {'client_id': HOST, 'job_actions': [{'action_id': 'none'}]}
        job_id = self.job()
        for method, path in (
            ('POST', self.url('jobs')),
            ('POST', self.url('jobs', job_id)),
            ('PATCH', self.url('jobs', job_id)),
        ):
            self.assert_nothing_stored(method, path, 400, json=body)

    def test_other_definition_becomes_a_new_action(self) -> None:
        self.action('a')
        for job_id in self.writes({'action_id': 'a', 'freezer_action': OTHER}):
            [entry] = self.entries(job_id)
            self.assertRegex(entry['action_id'], r'\A[0-9a-f]{32}\Z')
            self.assertEqual(OTHER, entry['freezer_action'])
            self.assertEqual(OTHER, self.definition(entry['action_id']))
        self.assertEqual(BACKUP, self.definition('a'))
        self.assertEqual(4, len(self.actions()))

    def test_former_definition_becomes_a_new_action(self) -> None:
        self.action('a')
        self.patch('actions', 'a', freezer_action=OTHER)
        [entry] = self.entries(self.job({'action_id': 'a', 'freezer_action': BACKUP}))
        self.assertNotEqual('a', entry['action_id'])
        self.assertEqual(BACKUP, self.definition(entry['action_id']))

    def test_equal_definition_is_a_copy_of_the_action(self) -> None:
        self.action('a', max_retries=7, max_retries_interval=70, mandatory=True)
        document = self.read('actions', 'a')
        for entry in (
            {'action_id': 'a'},
            {'action_id': 'a', 'freezer_action': BACKUP},
            {'action_id': 'a', 'freezer_action': {**BACKUP, 'storage': None, 'engine': ''}},
            document,
        ):
            for job_id in self.writes(entry):
                [stored] = self.entries(job_id)
                self.assertEqual(document, stored)
        self.assertEqual(['a'], self.actions())

    def test_options_of_an_entry_are_its_own(self) -> None:
        self.action('a', max_retries=7, max_retries_interval=70, mandatory=True)
        own = {'max_retries': 0, 'max_retries_interval': 1, 'mandatory': False}
        [entry] = self.entries(self.job({'action_id': 'a', **own}))
        self.assertLessEqual(own.items(), entry.items())

    def test_change_or_end_of_an_action_does_not_reach_the_jobs(self) -> None:
        self.action('a')
        named = self.job({'action_id': 'a'}, {'freezer_action': BACKUP})
        made = self.entries(named)[1]['action_id']
        before = self.read('jobs', named)
        for action_id in ('a', made):
            self.patch('actions', action_id, freezer_action=OTHER, max_retries=9)
            self.assertEqual(before, self.read('jobs', named))
            self.api.delete(self.url('actions', action_id), status=204)
            self.assertEqual(before, self.read('jobs', named))

    def test_job_that_comes_back_is_left_alone(self) -> None:
        # Agents up to 18 send the whole job at every report.
        self.action('a')
        job_id = self.job({'action_id': 'a'}, {'freezer_action': BACKUP}, {'action_id': 'a'})
        document = self.read('jobs', job_id)
        for change in (
            lambda: None,
            lambda: self.patch('actions', 'a', freezer_action=OTHER),
            lambda: self.api.delete(self.url('actions', 'a'), status=204),
            lambda: self.action('a', freezer_action={'action': 'info'}),
        ):
            change()
            actions = self.actions()
            self.assertEqual(1, self.patch('jobs', job_id, **document))
            self.api.post(self.url('jobs', job_id), json=document, status=201)
            self.assertEqual(document, self.read('jobs', job_id))
            # Not even by v2, where an equal definition would follow.
            self.api.patch(self.v2('jobs', job_id), json=self.read_v2('jobs', job_id))
            self.assertEqual(document, self.read('jobs', job_id))
            self.assertEqual(actions, self.actions())

    def test_copy_that_comes_back_by_v2_does_not_begin_to_follow(self) -> None:
        self.action('a')
        job_id = self.job({'action_id': 'a'})
        self.api.patch(self.v2('jobs', job_id), json=self.read_v2('jobs', job_id), status=200)
        self.patch('actions', 'a', freezer_action=OTHER)
        self.assertEqual(BACKUP, self.entries(job_id)[0]['freezer_action'])

    def test_job_of_v2_that_comes_back_goes_on_following(self) -> None:
        self.action('a')
        body = {'client_id': HOST, 'job_actions': [{'action_id': 'a'}]}
        job_id = self.api.post(self.v2('jobs'), json=body, status=201).json['job_id']
        document = self.read('jobs', job_id)
        self.assertEqual(1, self.patch('jobs', job_id, **document))
        self.patch('actions', 'a', freezer_action=OTHER)
        # The copy that an agent still has.
        self.patch('jobs', job_id, **document)
        self.assertEqual(OTHER, self.entries(job_id)[0]['freezer_action'])
        self.assertEqual(['a'], self.actions())

    def test_new_definition_of_a_held_action_becomes_a_new_action(self) -> None:
        self.action('a')
        job_id = self.job({'action_id': 'a'})
        self.patch('jobs', job_id, job_actions=[{'action_id': 'a', 'freezer_action': OTHER}])
        [entry] = self.entries(job_id)
        self.assertNotEqual('a', entry['action_id'])
        self.assertEqual(BACKUP, self.definition('a'))

    def test_unknown_id_can_be_named_twice(self) -> None:
        entries = [{'action_id': 'a', 'freezer_action': BACKUP} for _ in range(2)]
        other = {'action_id': 'a', 'freezer_action': OTHER}
        one, two, three, four = self.entries(self.job(*entries, other, {'action_id': 'a'}))
        self.assertEqual(one, two)
        self.assertEqual(('a', BACKUP), (four['action_id'], four['freezer_action']))
        self.assertNotEqual('a', three['action_id'])
        self.assertEqual(2, len(self.actions()))

    def test_defaults_fill_the_copies_and_what_is_new(self) -> None:
        self.action('a')
        defaults = {'storage': 'swift'}
        entries = [
            {'action_id': 'a'},
            {'action_id': 'b', 'freezer_action': BACKUP},
            {'freezer_action': BACKUP},
        ]
        job_id = self.job(*entries, action_defaults=defaults)
        filled = {**BACKUP, **defaults}
        self.assertEqual([filled] * 3, [entry['freezer_action'] for entry in self.entries(job_id)])
        self.assertEqual((BACKUP, filled), (self.definition('a'), self.definition('b')))

    def test_action_of_another_user_is_unknown(self) -> None:
        self.action('theirs', self.bob)
        job_id = self.job()
        entry: Document = {'action_id': 'theirs'}
        body = {'client_id': HOST, 'job_actions': [{'freezer_action': OTHER}, entry]}
        self.assert_nothing_stored('POST', self.url('jobs'), 400, json=body)
        self.assert_nothing_stored('POST', self.url('jobs', job_id), 400, json=body)
        self.assert_nothing_stored('PATCH', self.url('jobs', job_id), 400, json=body)
        for definition in (BACKUP, OTHER):
            made = self.entries(self.job({**entry, 'freezer_action': definition}))
            self.assertEqual([definition], [own['freezer_action'] for own in made])
            self.assertNotEqual('theirs', made[0]['action_id'])

    def test_job_of_v2_with_an_action_of_another_user_comes_back(self) -> None:
        self.action('theirs', self.bob)
        body = {'client_id': HOST, 'job_actions': [{'action_id': 'theirs'}]}
        job_id = self.api.post(self.v2('jobs'), json=body, status=201).json['job_id']
        document = self.read('jobs', job_id)
        self.assertEqual(1, self.patch('jobs', job_id, **document))
        self.assertEqual(document, self.read('jobs', job_id))

    def test_capabilities_are_those_of_the_client(self) -> None:
        limited = {'client_id': 'p1_limited', 'supported_modes': ['mysql']}
        self.api.post(self.url('clients'), json=limited, status=201)
        self.action('a')
        for entry in ({'action_id': 'a'}, {'action_id': 'b', 'freezer_action': BACKUP}):
            body = {'client_id': 'p1_limited', 'job_actions': [entry]}
            self.assert_nothing_stored('POST', self.url('jobs'), 422, json=body)
        body = {'client_id': 'stranger', 'job_actions': []}
        self.assert_nothing_stored('POST', self.url('jobs'), 422, json=body)
