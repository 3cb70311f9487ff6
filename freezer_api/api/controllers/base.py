# SPDX-License-Identifier: Apache-2.0
"""Routing below a collection."""

import json
from collections.abc import Callable, Iterable
from typing import Any, ClassVar

from freezer_api import exceptions
from freezer_api.api.expose import Route
from freezer_api.api.request import Document, Reply, Request
from freezer_api.context import Scope
from freezer_api.db.documents import without
from freezer_api.domain import secrets

Answer = Document | Reply | None

_PATH_IN_ERROR = 200


class RestController:
    """The routes of one collection, chosen by method and path segments.

    Pecan's own RestController lets query and body become arguments, obeys ``_method`` and finds attributes by path
    segment; none of that is wanted here.
    """

    collection: ClassVar[str]
    # Keys that callers are shown, and that are never taken from them.
    ignored: ClassVar[tuple[str, ...]] = ()
    routes: ClassVar[list[tuple[Route, Callable[..., Answer]]]]

    def __init_subclass__(cls) -> None:
        cls.routes = [
            (member.route, member) for member in vars(cls).values() if hasattr(member, 'route')
        ]

    def find(self, request: Request, segments: list[str]) -> tuple[Any, list[str]]:
        """The handler of the request and its arguments.

        :raises NotFound: no such path
        :raises MethodNotAllowed: a path, but not for this method
        """
        method = 'GET' if request.method == 'HEAD' else request.method
        for route, handler in self.routes:
            if route.method == method and _fits(route, segments, request.version_1):
                names = [
                    segment
                    for segment, pattern in zip(segments, route.segments, strict=True)
                    if pattern.startswith('{')
                ]
                return handler.__get__(self), names
        raise exceptions.MethodNotAllowed(self.methods(request, segments))

    def methods(self, request: Request, segments: list[str]) -> list[str]:
        """The methods that a path answers.

        :raises NotFound: no such path
        """
        found = {
            route.method for route, _ in self.routes if _fits(route, segments, request.version_1)
        }
        if not found:
            raise exceptions.NotFound('There is no such path.')
        if 'GET' in found:
            found.add('HEAD')
        return sorted(found | {'OPTIONS'})

    def authorize(self, request: Request, route: Route, project_id: str) -> None:
        """Check the route's rule and bind the request to its project.

        That is the project of the token, unless the caller holds the rule for going to others. Nothing below looks
        beyond it, whatever the policy allows.

        :raises Forbidden: the policy says no
        """
        context = request.caller
        request.services.policy.authorize(context, route.rule, project_id)
        request.services.policy.authorize_access(context, project_id)
        context.scope = Scope(project_id, user_id=context.user_id if request.version_1 else None)

    def show(self, request: Request, document: Document) -> Document:
        """A document as the caller may see it, in the form of the version of the request."""
        if not request.sees_secrets(document['project_id']):
            document = secrets.masked(document)
        return self.formed(request, document)

    def formed(self, request: Request, document: Document) -> Document:
        """A document in the form of the version of the request: v1 knows no projects."""
        return without(document, ['project_id']) if request.version_1 else document

    def given(self, request: Request) -> Document:
        """The document in the body, to be stored.

        :raises BadRequest: not a JSON object, or beyond the limits; or it has a mask in it that the caller was shown
        """
        document = request.document()
        if not request.sees_secrets(request.caller.scope.project_id):
            path = secrets.find_mask(without(document, self.ignored))
            if path is not None:
                place = json.dumps(path[:_PATH_IN_ERROR])
                raise exceptions.BadRequest(
                    f'{place} holds "{secrets.MASK}" in place of a secret that you may not see.'
                    ' To write it would lose the secret; leave the key out.'
                )
        return document

    def found(self, request: Request, document: Document, version: int) -> Reply:
        """The answer to a GET of one document."""
        return Reply(self.show(request, document), version, found=True)

    def listed(self, request: Request, documents: Iterable[Document]) -> Document:
        """The answer to a GET of a list."""
        return {self.collection: [self.show(request, document) for document in documents]}

    def check_deleted(self, request: Request, existed: bool) -> None:
        """Let a DELETE of nothing be a success, as callers of v2 expect, or an error, as those of v1 do.

        :raises NotFound: v1, and there was nothing
        """
        if request.version_1 and not existed:
            raise exceptions.NotFound(f'There is no such {self.collection.removesuffix("s")}.')

    def allows(self, request: Request, rule: str) -> bool:
        """Whether the caller also passes another rule, for the project of the request."""
        context = request.caller
        return request.services.policy.allows(context, rule, context.scope.project_id)


def _fits(route: Route, segments: list[str], version_1: bool) -> bool:
    if len(route.segments) != len(segments) or (version_1 and not route.v1):
        return False
    return all(
        pattern.startswith('{') or pattern == segment
        for pattern, segment in zip(route.segments, segments, strict=True)
    )
