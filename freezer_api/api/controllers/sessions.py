# SPDX-License-Identifier: Apache-2.0
"""Sessions, their actions and their jobs."""

from freezer_api.api.controllers.base import RestController
from freezer_api.api.expose import expose
from freezer_api.api.request import Document, Reply, Request
from freezer_api.db import members, session, session_runs, sessions
from freezer_api.domain import runs
from freezer_api.domain.merge import merge
from freezer_api.schemas import sessions as schema


class SessionsController(RestController):
    """Sessions of one project."""

    collection = 'sessions'

    @expose('GET', rule='sessions:get_all')
    def get_all(self, request: Request) -> Document:
        """GET /v2/{project_id}/sessions: one page, oldest first."""
        return self.listed(request, sessions.find(request.caller, request.search(), request.page()))

    @expose('POST', rule='sessions:create', status=201)
    def post(self, request: Request) -> Reply:
        """POST /v2/{project_id}/sessions: store a session without jobs under a new id."""
        document = self.given(request)
        schema.check_create(document)
        session_id = session.new_id()
        sessions.create(request.caller, session_id, document)
        return Reply({'session_id': session_id}, 1)

    @expose('GET', '{session_id}', rule='sessions:get')
    def get(self, request: Request, session_id: str) -> Reply:
        """GET /v2/{project_id}/sessions/{session_id}."""
        return self.found(request, *sessions.get(request.caller, session_id))

    @expose('PATCH', '{session_id}', rule='sessions:update')
    def patch(self, request: Request, session_id: str) -> Reply:
        """PATCH /v2/{project_id}/sessions/{session_id}: merge into the stored session."""
        patch = self.given(request)
        if request.version_1 and patch.get('jobs') == []:
            # How services of its time showed a session without jobs.
            del patch['jobs']
        jobs = patch.get('jobs')
        named = jobs.keys() if isinstance(jobs, dict) else None

        def change(stored: Document) -> Document:
            merged = merge(stored, patch)
            if named is not None:
                # An entry is replaced as a whole.
                merged['jobs'] = {**stored['jobs'], **patch['jobs']}
            schema.check_update(stored, merged)
            return merged

        version = sessions.update(
            request.caller, session_id, change, request.expected_version, named
        )
        return Reply({'session_id': session_id, 'version': version}, version)

    @expose('POST', '{session_id}', rule='sessions:replace', status=201)
    def replace(self, request: Request, session_id: str) -> Reply:
        """POST /v2/{project_id}/sessions/{session_id}: create or replace."""
        document = {**self.given(request), 'session_id': session_id}
        if not isinstance(document.get('jobs'), dict):
            # The clients' library sends new sessions here if they bring an id, with a list.
            document.pop('jobs', None)
        schema.check_replace(document)
        version = sessions.replace(request.caller, session_id, document, request.expected_version)
        return Reply({'session_id': session_id, 'version': version}, version)

    @expose('DELETE', '{session_id}', rule='sessions:delete', status=204)
    def delete(self, request: Request, session_id: str) -> None:
        """DELETE /v2/{project_id}/sessions/{session_id}: 204 whether or not it was there; v1: 404 if it was not."""
        existed = sessions.delete(request.caller, session_id, request.expected_version)
        self.check_deleted(request, existed)

    @expose('POST', '{session_id}', 'action', rule='sessions:action:create', status=202)
    def post_action(self, request: Request, session_id: str) -> Document:
        """POST /v2/{project_id}/sessions/{session_id}/action: start or end a job's part."""
        return session_runs.act(request.caller, session_id, runs.parse(request.document()))

    @expose('PUT', '{session_id}', 'jobs', '{job_id}', rule='sessions:job:add', status=204)
    def put_job(self, request: Request, session_id: str, job_id: str) -> None:
        """PUT /v2/{project_id}/sessions/{session_id}/jobs/{job_id}: attach."""
        members.attach(request.caller, session_id, job_id)

    @expose('DELETE', '{session_id}', 'jobs', '{job_id}', rule='sessions:job:remove', status=204)
    def delete_job(self, request: Request, session_id: str, job_id: str) -> None:
        """DELETE /v2/{project_id}/sessions/{session_id}/jobs/{job_id}: detach."""
        members.detach(request.caller, session_id, job_id)
