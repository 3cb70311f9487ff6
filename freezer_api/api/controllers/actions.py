# SPDX-License-Identifier: Apache-2.0
"""The catalogue of actions."""

from freezer_api.api.controllers.base import RestController
from freezer_api.api.expose import expose
from freezer_api.api.request import Document, Reply, Request
from freezer_api.db import actions, session
from freezer_api.domain.merge import merge, never
from freezer_api.schemas import actions as schema

# Null counts as absent: the dashboard sends it for an emptied field.
_OPTIONS = ('max_retries', 'max_retries_interval', 'mandatory')


class ActionsController(RestController):
    """Actions of one project."""

    collection = 'actions'

    @expose('GET', rule='actions:get_all')
    def get_all(self, request: Request) -> Document:
        """GET /v2/{project_id}/actions: one page, oldest first."""
        return self.listed(request, actions.find(request.caller, request.search(), request.page()))

    @expose('POST', rule='actions:create', status=201)
    def post(self, request: Request) -> Reply:
        """POST /v2/{project_id}/actions: store an action under its own or a new id."""
        document = self.given(request)
        schema.check_create(document)
        action_id = document.get('action_id') or session.new_id()
        actions.create(request.caller, action_id, document)
        return Reply({'action_id': action_id}, 1)

    @expose('GET', '{action_id}', rule='actions:get')
    def get(self, request: Request, action_id: str) -> Reply:
        """GET /v2/{project_id}/actions/{action_id}."""
        return self.found(request, *actions.get(request.caller, action_id))

    @expose('PATCH', '{action_id}', rule='actions:update')
    def patch(self, request: Request, action_id: str) -> Reply:
        """PATCH /v2/{project_id}/actions/{action_id}: merge into the stored action."""
        patch = {
            key: value
            for key, value in self.given(request).items()
            if value is not None or key not in _OPTIONS
        }

        def change(stored: Document) -> Document:
            merged = merge(stored, patch, never)
            schema.check_update(stored, merged)
            return merged

        version = actions.update(request.caller, action_id, change, request.expected_version)
        return Reply({'action_id': action_id, 'version': version}, version)

    @expose('POST', '{action_id}', rule='actions:replace', status=201)
    def replace(self, request: Request, action_id: str) -> Reply:
        """POST /v2/{project_id}/actions/{action_id}: create or replace."""
        document = {**self.given(request), 'action_id': action_id}
        schema.check_replace(document)
        version = actions.replace(request.caller, action_id, document, request.expected_version)
        return Reply({'action_id': action_id, 'version': version}, version)

    @expose('DELETE', '{action_id}', rule='actions:delete', status=204)
    def delete(self, request: Request, action_id: str) -> None:
        """DELETE /v2/{project_id}/actions/{action_id}: 204 whether or not it was there; v1: 404 if it was not."""
        existed = actions.delete(request.caller, action_id, request.expected_version)
        self.check_deleted(request, existed)
