# SPDX-License-Identifier: Apache-2.0
"""Jobs and their events."""

import dataclasses
from collections.abc import Callable
from typing import TypeVar

from freezer_api import exceptions
from freezer_api.api import types
from freezer_api.api.controllers.base import RestController
from freezer_api.api.expose import expose
from freezer_api.api.request import Document, Reply, Request
from freezer_api.db import jobs, session
from freezer_api.db.documents import without
from freezer_api.domain import definitions, events, reports
from freezer_api.schemas import jobs as schema

T = TypeVar('T')

_ALL_PROJECTS = 'jobs:get_all_projects'

# Never taken from a caller. Trusts are made by the service alone.
_OF_THE_SERVICE = ('user_credentials', 'user_id', 'project_id', '_version')


class JobsController(RestController):
    """Jobs of one project."""

    collection = 'jobs'
    ignored = _OF_THE_SERVICE

    def formed(self, request: Request, document: Document) -> Document:
        """A job in the form of the version of the request."""
        document = super().formed(request, document)
        if request.version_1:
            entries = document['job_actions']
            document['job_actions'] = [without(entry, ['project_id']) for entry in entries]
        return document

    def _write(self, request: Request, operation: Callable[[], T]) -> T:
        """The result of a write, with the trusts that jobs need."""
        return request.services.trusts.write(request.caller, request.token_auth, operation)

    def _sees_processes(self, request: Request) -> bool:
        """Whether the caller may see the ids of the processes of jobs; v1 shows them to all."""
        return request.version_1 or self.allows(request, _ALL_PROJECTS)

    @expose('GET', rule='jobs:get_all')
    def get_all(self, request: Request) -> Document:
        """GET /v2/{project_id}/jobs: one page, oldest first; of all projects for those who may ask."""
        context = request.caller
        if not request.version_1 and types.boolean(request.query, 'all_projects'):
            is_allowed = self.allows(request, _ALL_PROJECTS)
            context.scope = dataclasses.replace(context.scope, all_projects=is_allowed)
        shows = self._sees_processes(request)
        found = jobs.find(context, request.search(), request.page(), show_pid=shows)
        return self.listed(request, found)

    @expose('POST', rule='jobs:create', status=201)
    def post(self, request: Request) -> Reply:
        """POST /v2/{project_id}/jobs: store a job and the actions that it brings; v1: always under a new id."""
        document = self.given(request)
        if request.version_1:
            document.pop('job_id', None)
        schema.check_create(definitions.fill_entries(document))
        _check_length(request, document, {})
        document = _owned_by_caller(document)
        job_id = document.get('job_id') or session.new_id()
        now = session.seconds()
        times = {'time_created': now, 'time_started': -1, 'time_ended': -1}
        document['job_schedule'] = {**document.get('job_schedule', {}), **times}
        self._write(request, lambda: jobs.create(request.caller, job_id, document))
        return Reply({'job_id': job_id}, 1)

    @expose('GET', '{job_id}', rule='jobs:get')
    def get(self, request: Request, job_id: str) -> Reply:
        """GET /v2/{project_id}/jobs/{job_id}."""
        shows = self._sees_processes(request)
        return self.found(request, *jobs.get(request.caller, job_id, show_pid=shows))

    @expose('PATCH', '{job_id}', rule='jobs:update')
    def patch(self, request: Request, job_id: str) -> Reply:
        """PATCH /v2/{project_id}/jobs/{job_id}: merge into the stored job."""
        patch = self.given(request)
        drop_trust = patch.get('user_credentials') == {}
        patch = _owned_by_caller(patch)
        defaults = patch.pop('action_defaults', None)
        if defaults is not None and 'job_actions' not in patch:
            raise exceptions.BadRequest('action_defaults needs job_actions to complete')

        def change(stored: reports.Job) -> reports.Job:
            changed = reports.apply(stored, patch)
            if defaults is not None:
                changed.document['action_defaults'] = defaults
            schema.check_update(stored.document, definitions.fill_entries(changed.document))
            _check_length(request, changed.document, stored.document)
            return changed

        version = self._write(
            request,
            lambda: jobs.update(
                request.caller,
                job_id,
                change,
                request.expected_version,
                with_actions='job_actions' in patch,
                drop_trust=drop_trust,
            ),
        )
        return Reply({'job_id': job_id, 'version': version}, version)

    @expose('POST', '{job_id}', rule='jobs:create', status=201)
    def replace(self, request: Request, job_id: str) -> Reply:
        """POST /v2/{project_id}/jobs/{job_id}: create or replace."""
        document = {**self.given(request), 'job_id': job_id}
        schema.check_replace(definitions.fill_entries(document))
        _check_length(request, document, {})
        document = _owned_by_caller(document)
        expected = request.expected_version
        version = self._write(
            request, lambda: jobs.replace(request.caller, job_id, document, expected)
        )
        return Reply({'job_id': job_id, 'version': version}, version)

    @expose('DELETE', '{job_id}', rule='jobs:delete', status=204)
    def delete(self, request: Request, job_id: str) -> None:
        """DELETE /v2/{project_id}/jobs/{job_id}: 204 whether or not it was there; v1: 404 if it was not."""
        expected = request.expected_version
        existed = self._write(request, lambda: jobs.delete(request.caller, job_id, expected))
        self.check_deleted(request, existed)

    @expose('POST', '{job_id}', 'event', rule='jobs:event:create', status=202)
    def post_event(self, request: Request, job_id: str) -> Document:
        """POST /v2/{project_id}/jobs/{job_id}/event: start, stop or abort."""
        event = events.parse(request.document())
        return {'result': jobs.post_event(request.caller, job_id, event)}


def _check_length(request: Request, document: Document, stored: Document) -> None:
    """Make sure that a job has no more entries than it may, or than it had before.

    :raises BadRequest: it has
    """
    limit = request.services.max_job_actions
    entries, held = document.get('job_actions', ()), stored.get('job_actions', ())
    if len(entries) > max(limit, len(held)):
        raise exceptions.BadRequest(
            f'"job_actions" has more than {limit} entries, which is the limit here.'
        )


def _owned_by_caller(document: Document) -> Document:
    """What of a document is for the caller to say."""
    document = without(document, _OF_THE_SERVICE)
    schedule = document.get('job_schedule')
    if isinstance(schedule, dict) and schedule.get('current_pid') == jobs.NO_PROCESS:
        # An answer comes back; the process may have been hidden from the caller.
        document['job_schedule'] = without(schedule, ['current_pid'])
    return document
