# SPDX-License-Identifier: Apache-2.0
"""Versions of jobs: what raises them, and requests that depend on them."""

from tests.functional.jobs import JobsTestCase


class VersionTest(JobsTestCase):
    def test_version_counts_the_writes_that_changed_something(self) -> None:
        job_id = self.create()
        versions = [self.version(job_id)]
        for document in (
            {'description': 'a'},
            {'description': 'a'},
            {'job_schedule': {'schedule_interval': '1 days'}},
            {'job_schedule': {'status': 'running'}},
            {'job_schedule': {'status': 'running'}},
            {'job_actions': []},
            {'job_actions': []},
            {'session_tag': 4},
            {'session_name': 'weekly'},
            {'job_schedule': {'current_pid': 5}},
        ):
            version = self.patch(job_id, **document)['version']
            self.assertEqual(version, self.version(job_id), document)
            versions.append(version)
        self.assertEqual([1, 2, 2, 3, 4, 4, 5, 5, 6, 7, 8], versions)

    def test_every_answer_about_one_job_carries_its_etag(self) -> None:
        session_id = self.new_session()
        for document in ({}, {'session_id': session_id}):
            posted = self.api.post(self.url('jobs'), json=self.job(**document))
            path = self.url('jobs', posted.json['job_id'])
            self.assertEqual('"1"', posted.headers['ETag'])
            self.assertEqual('"1"', self.api.get(path).headers['ETag'])
            patched = self.api.patch(path, json={'description': 'b'})
            self.assertEqual('"2"', patched.headers['ETag'])
            replaced = self.api.post(path, json=self.job(**document))
            self.assertEqual('"3"', replaced.headers['ETag'])
            self.assertEqual('"3"', self.api.get(path).headers['ETag'])
            self.api.delete(path, status=204)
            created = self.api.post(path, json=self.job(**document), status=201)
            self.assertEqual('"1"', created.headers['ETag'])
            self.assertEqual('"1"', self.api.get(path).headers['ETag'])
            self.api.delete(path, status=204)

    def test_writes_with_the_stored_version_pass(self) -> None:
        job_id = self.create()
        path = self.url('jobs', job_id)
        body = {'description': 'x'}
        self.api.patch(path, json=body, headers={'If-Match': '"1"'}, status=200)
        self.api.post(path, json=self.job(), headers={'If-Match': '"2"'}, status=201)
        self.api.patch(path, json=body, headers={'If-Match': '*'}, status=200)
        self.api.delete(path, headers={'If-Match': '"4"'}, status=204)

    def test_writes_with_another_version_are_refused_and_store_nothing(self) -> None:
        path = self.url('jobs', self.create())
        before = self.rows()
        for method, body in (('PATCH', {'description': 'x'}), ('POST', self.job()), ('DELETE', {})):
            for tag in ('"2"', '"0"', '"x"', 'W/"1"', '"99999999999999999999"'):
                headers = {'If-Match': tag}
                answer = self.api.request(method, path, json=body, headers=headers, status=412)
                self.assertEqual(412, answer.json['code'])
        self.assertEqual(before, self.rows())

    def test_creating_with_a_version_is_refused(self) -> None:
        headers = {'If-Match': '"1"'}
        self.api.post(self.url('jobs', 'new'), json=self.job(), headers=headers, status=412)
        self.api.get(self.url('jobs', 'new'), status=404)

    def test_known_version_is_not_sent_again(self) -> None:
        path = self.url('jobs', self.create())
        for tags, status in (
            ('"1"', 304),
            ('W/"1"', 304),
            ('"7", "1"', 304),
            ('*', 304),
            ('"2"', 200),
            ('1', 200),
        ):
            answer = self.api.get(path, headers={'If-None-Match': tags}, status=status)
            self.assertEqual('"1"', answer.headers['ETag'])
            self.assertEqual(status == 304, answer.body == b'', tags)

    def test_version_rises_whatever_changes_the_document(self) -> None:
        job_id = self.create()
        session_id = self.new_session()
        path = self.url('sessions', session_id)
        start = {'start': {'job_id': job_id, 'current_tag': 0}}
        for method, target, body in (
            ('POST', self.url('jobs', job_id, 'event'), {'start': None}),
            ('PUT', self.url('sessions', session_id, 'jobs', job_id), {}),
            ('PATCH', path, {'schedule': {'schedule_interval': '2 days'}}),
            ('POST', path + '/action', start),
            ('DELETE', self.url('sessions', session_id, 'jobs', job_id), {}),
        ):
            before, version = self.read(job_id), self.version(job_id)
            self.api.request(method, target, json=body)
            self.assertNotEqual(before, self.read(job_id), target)
            self.assertGreater(self.version(job_id), version)

    def test_head_answers_as_get_without_a_body(self) -> None:
        job_id = self.create()
        for path in (self.url('jobs', job_id), self.url('jobs')):
            got, head = self.api.get(path), self.api.head(path, status=200)
            self.assertEqual(b'', head.body)
            for name in ('Content-Type', 'Content-Length', 'ETag'):
                self.assertEqual(got.headers.get(name), head.headers.get(name), name)
        self.api.head(self.url('jobs', 'none'), status=404)
        headers = {'If-None-Match': '"1"'}
        self.api.head(self.url('jobs', job_id), headers=headers, status=304)
