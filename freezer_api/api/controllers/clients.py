# SPDX-License-Identifier: Apache-2.0
"""Registered hosts."""

from freezer_api import exceptions
from freezer_api.api.controllers.base import RestController
from freezer_api.api.expose import expose
from freezer_api.api.request import Document, Reply, Request
from freezer_api.db import clients
from freezer_api.schemas import clients as schema


class ClientsController(RestController):
    """Clients of one project, and the central ones."""

    collection = 'clients'

    @expose('GET', rule='clients:get_all')
    def get_all(self, request: Request) -> Document:
        """GET /v2/{project_id}/clients: one page, oldest first."""
        return self.listed(request, clients.find(request.caller, request.search(), request.page()))

    @expose('POST', rule='clients:create', status=201)
    def post(self, request: Request) -> Document:
        """POST /v2/{project_id}/clients: register a host, or refresh its registration."""
        document = self.given(request)
        schema.check_create(document)
        if document.get('is_central') and not self.allows(request, 'clients:create_central'):
            raise exceptions.Forbidden('The policy does not let you register a central client.')
        clients.register(request.caller, document, schema.DEFAULTS)
        return {'client_id': document['client_id']}

    @expose('GET', '{client_id}', rule='clients:get')
    def get(self, request: Request, client_id: str) -> Reply:
        """GET /v2/{project_id}/clients/{client_id}."""
        return self.found(request, *clients.get(request.caller, client_id))

    @expose('DELETE', '{client_id}', rule='clients:delete', status=204)
    def delete(self, request: Request, client_id: str) -> None:
        """DELETE /v2/{project_id}/clients/{client_id}: 204 whether or not it was there; v1: 404 if it was not."""
        existed = clients.delete(request.caller, client_id, request.expected_version)
        self.check_deleted(request, existed)
