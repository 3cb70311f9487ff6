# SPDX-License-Identifier: Apache-2.0
"""What a changed or deleted action does to the jobs that use it."""

from tests.functional.actions import NEWER, OLDER, ActionsTestCase, Document
from tests.functional.jobs import BACKUP, HOST


class FollowTest(ActionsTestCase):
    """A change of an action reaches the jobs that follow it."""

    versions = ('v2',)

    def version(self, job_id: str) -> int:
        return int(self.api.get(self.url('jobs', job_id)).headers['ETag'].strip('"'))

    def test_change_of_an_action_reaches_its_jobs(self) -> None:
        self.create()
        automatic = self.entries(self.job({'freezer_action': BACKUP}))[0]['action_id']
        for entry, action_id in (
            ({'action_id': 'a'}, 'a'),
            ({'action_id': 'a', 'freezer_action': BACKUP}, 'a'),
            ({'action_id': automatic}, automatic),
        ):
            job_id = self.job(entry)
            self.patch(action_id, freezer_action=NEWER)
            self.assertEqual([NEWER], self.definitions(job_id))
            self.patch(action_id, freezer_action=BACKUP)
            body = {'freezer_action': OLDER}
            self.api.post(self.url('actions', action_id), json=body, status=201)
            self.assertEqual([OLDER], self.definitions(job_id))
            self.patch(action_id, freezer_action=BACKUP)

    def test_change_reaches_lists_too(self) -> None:
        self.create()
        job_id = self.job({'action_id': 'a'})
        self.change(NEWER)
        self.assertEqual([self.read_job(job_id)], self.api.get(self.url('jobs')).json['jobs'])

    def test_change_raises_the_version_of_the_jobs_that_follow(self) -> None:
        self.create()
        follows, other = self.job({'action_id': 'a'}), self.job({'freezer_action': BACKUP})
        self.change(NEWER)
        self.assertEqual((2, 1), (self.version(follows), self.version(other)))
        self.change(NEWER)
        self.assertEqual(2, self.version(follows))

    def test_jobs_of_another_project_are_not_reached(self) -> None:
        other = self.as_('bob', project='p2')
        self.register(other)
        self.create('a', other)
        body = {'client_id': HOST, 'job_actions': [{'action_id': 'a'}]}
        job_id = other.post(other.url('jobs'), json=body, status=201).json['job_id']
        self.create()
        self.change(NEWER)
        self.delete()
        [entry] = self.read_job(job_id, other)['job_actions']
        self.assertEqual(BACKUP, entry['freezer_action'])

    def test_deleted_action_leaves_its_last_definition(self) -> None:
        options = {'max_retries': 7, 'max_retries_interval': 70, 'mandatory': True}
        self.create(**options)
        job_id = self.job({'action_id': 'a', 'extra': 1}, {'action_id': 'a', 'max_retries': 1})
        self.change(NEWER)
        before, version = self.read_job(job_id), self.version(job_id)
        self.delete()
        self.assertEqual(before, self.read_job(job_id))
        self.assertEqual(version, self.version(job_id))

    def test_job_whose_action_is_gone_comes_back_unchanged(self) -> None:
        self.create()
        job_id = self.job({'action_id': 'a'}, {'action_id': 'a', 'max_retries': 1})
        self.delete()
        before = self.read_job(job_id)
        bob = self.as_('bob')
        answer = bob.patch(self.url('jobs', job_id), json=before, status=200)
        self.assertEqual(1, answer.json['version'])
        self.assertEqual(before, self.read_job(job_id))

    def test_job_whose_action_is_gone_can_name_it_alone(self) -> None:
        self.create()
        job_id = self.job({'action_id': 'a'})
        self.delete()
        entries = [{'action_id': 'a', 'max_retries': 1}, {'freezer_action': OLDER}]
        self.patch_job(job_id, {'job_actions': entries})
        self.assertEqual([BACKUP, OLDER], self.definitions(job_id))

    def test_new_action_under_an_old_name_does_not_reach_old_jobs(self) -> None:
        self.create()
        job_id = self.job({'action_id': 'a'})
        self.delete()
        self.create(freezer_action=NEWER)
        self.assertEqual([BACKUP], self.definitions(job_id))
        self.patch_job(job_id, self.read_job(job_id))
        self.change(OLDER)
        self.assertEqual([BACKUP], self.definitions(job_id))

    def test_entry_with_filled_in_defaults_is_a_copy(self) -> None:
        self.create()
        job_id = self.job({'action_id': 'a'}, action_defaults={'storage': 'swift'})
        self.change(NEWER)
        self.assertEqual([{**BACKUP, 'storage': 'swift'}], self.definitions(job_id))
        self.patch_job(job_id, self.read_job(job_id))
        self.assertEqual([{**BACKUP, 'storage': 'swift'}], self.definitions(job_id))

    def test_copy_follows_again_when_it_names_the_action_alone(self) -> None:
        self.create()
        job_id = self.job({'action_id': 'a'}, action_defaults={'storage': 'swift'})
        self.patch_job(job_id, {'job_actions': [{'action_id': 'a'}]})
        self.change(NEWER)
        self.assertEqual([NEWER], self.definitions(job_id))


class OlderCopyTest(ActionsTestCase):
    """Copies under the name of an action that has changed since."""

    versions = ('v2',)

    def setUp(self) -> None:
        super().setUp()
        self.create(freezer_action=OLDER)
        self.first = self.job({'action_id': 'a'})
        self.copy = self.read_job(self.first)
        self.change(BACKUP, NEWER)

    def older(self, *definitions: Document) -> list[Document]:
        return [{'action_id': 'a', 'freezer_action': d} for d in definitions]

    def test_agent_that_sends_an_older_copy_back_changes_nothing(self) -> None:
        # Agents up to 18 send the whole job at every report.
        before = self.read_job(self.first)
        report = {**self.copy, 'job_schedule': {**self.copy['job_schedule'], 'status': 'running'}}
        self.patch_job(self.first, report)
        before['job_schedule']['status'] = 'running'
        self.assertEqual(before, self.read_job(self.first))
        self.change(OLDER)
        self.assertEqual([OLDER], self.definitions(self.first))

    def test_copies_from_before_a_change_of_type_alone_are_known(self) -> None:
        for before, after in ((1, True), (True, 1), (1, 1.0)):
            self.change({**BACKUP, 'x': before})
            job_id = self.job({'action_id': 'a'})
            document = self.read_job(job_id)
            self.change({**BACKUP, 'x': after})
            document['job_schedule']['status'] = 'running'
            self.patch_job(job_id, document)
            [definition] = self.definitions(job_id)
            self.assertEqual(repr(after), repr(definition['x']))

    def test_any_earlier_definition_is_accepted(self) -> None:
        for definition in (OLDER, BACKUP, NEWER):
            job_id = self.job(*self.older(definition))
            self.assertEqual([definition], self.definitions(job_id))
        self.send_job(*self.older({**OLDER, 'container': 'never'}), status=422)

    def test_clone_of_an_older_answer_keeps_its_copy(self) -> None:
        clone = {key: value for key, value in self.copy.items() if key != 'job_id'}
        job_id = self.api.post(self.url('jobs'), json=clone, status=201).json['job_id']
        self.assertEqual([OLDER], self.definitions(job_id))
        self.change(BACKUP)
        self.assertEqual([OLDER], self.definitions(job_id))
        self.assertEqual([BACKUP], self.definitions(self.first))

    def test_copy_comes_back_unchanged(self) -> None:
        job_id = self.job(*self.older(OLDER, BACKUP))
        before = self.read_job(job_id)
        self.assertEqual(1, self.patch_job(job_id, before)['version'])
        self.assertEqual(before, self.read_job(job_id))

    def test_copy_of_another_job_is_accepted_when_the_action_is_gone(self) -> None:
        self.delete()
        job_id = self.job(*self.older(NEWER))
        self.assertEqual([NEWER], self.definitions(job_id))
        self.send_job(*self.older({**OLDER, 'container': 'never'}), status=422)
        self.send_job({'action_id': 'a'}, status=422)

    def test_agent_reports_with_an_older_copy_when_the_action_is_gone(self) -> None:
        self.delete()
        self.patch_job(self.first, self.copy)
        self.assertEqual('a', self.entries(self.first)[0]['action_id'])

    def test_copy_of_another_job_is_accepted_under_a_new_action(self) -> None:
        self.delete()
        self.create(freezer_action={'action': 'info'})
        job_id = self.job(*self.older(NEWER))
        self.assertEqual([NEWER], self.definitions(job_id))

    def test_older_copy_with_empty_keys_is_recognised(self) -> None:
        job_id = self.job(*self.older({**OLDER, 'storage': None, 'engine_name': ''}))
        self.assertEqual('older', self.definitions(job_id)[0]['container'])

    def test_removing_an_entry_keeps_the_others_following(self) -> None:
        # The dashboard sends the answer back without one entry.
        job_id = self.job({'freezer_action': BACKUP}, {'action_id': 'a'})
        document = self.read_job(job_id)
        del document['job_actions'][0]
        self.patch_job(job_id, document)
        self.change(OLDER)
        self.assertEqual([OLDER], self.definitions(job_id))
