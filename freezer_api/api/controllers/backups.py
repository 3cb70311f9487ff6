# SPDX-License-Identifier: Apache-2.0
"""Metadata of backups."""

from freezer_api.api.controllers.base import RestController
from freezer_api.api.expose import expose
from freezer_api.api.request import Document, Reply, Request
from freezer_api.db import backups, session
from freezer_api.db.documents import without
from freezer_api.schemas import backups as schema

# Of a PATCH that brings the metadata flat, as scheduler 19.0.0 does: what is not metadata.
_NOT_METADATA = ('backup_id', 'project_id', 'user_id', 'status')
# What only the other version shows of a backup.
_HIDDEN_IN_V2 = ('user_name',)
_HIDDEN_IN_V1 = ('project_id', 'status')


class BackupsController(RestController):
    """Backups of one project."""

    collection = 'backups'

    def formed(self, request: Request, document: Document) -> Document:
        """A backup in the form of the version of the request: v1 with the name of its creator, v2 with its status."""
        return without(document, _HIDDEN_IN_V1 if request.version_1 else _HIDDEN_IN_V2)

    @expose('GET', rule='backups:get_all')
    def get_all(self, request: Request) -> Document:
        """GET /v2/{project_id}/backups: one page, oldest record first."""
        return self.listed(request, backups.find(request.caller, request.search(), request.page()))

    @expose('POST', rule='backups:create', status=201)
    def post(self, request: Request) -> Reply:
        """POST /v2/{project_id}/backups: the body is the metadata and, in v2, ``status``."""
        document = self.given(request)
        status = schema.AVAILABLE
        if request.version_1:
            schema.check_create_v1(document)
        else:
            schema.check_create(document)
            status = document.pop('status', status)
        backup_id = session.new_id()
        backups.create(request.caller, backup_id, status, document)
        return Reply({'backup_id': backup_id}, 1)

    @expose('GET', '{backup_id}', rule='backups:get')
    def get(self, request: Request, backup_id: str) -> Reply:
        """GET /v2/{project_id}/backups/{backup_id}."""
        return self.found(request, *backups.get(request.caller, backup_id))

    @expose('PATCH', '{backup_id}', rule='backups:update', v1=False)
    def patch(self, request: Request, backup_id: str) -> Reply:
        """PATCH /v2/{project_id}/backups/{backup_id}: ``status``, and keys of the metadata."""
        patch = self.given(request)
        schema.check_update(patch)
        if 'backup_metadata' in patch:
            added = patch['backup_metadata']
        else:
            added = without(patch, _NOT_METADATA)

        def change(status: str, metadata: Document) -> tuple[str, Document]:
            return patch.get('status', status), {**metadata, **added}

        expected = request.expected_version
        document, version = backups.update(request.caller, backup_id, change, expected)
        return Reply(self.show(request, document), version)

    @expose('DELETE', '{backup_id}', rule='backups:delete', status=204)
    def delete(self, request: Request, backup_id: str) -> None:
        """DELETE /v2/{project_id}/backups/{backup_id}: 404 if it is not there, which tempest asserts."""
        backups.delete(request.caller, backup_id, request.expected_version)
