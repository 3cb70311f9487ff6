# SPDX-License-Identifier: Apache-2.0
"""Marks a method as the handler of one route."""

import dataclasses
from collections.abc import Callable
from typing import Any, TypeVar

import pecan

F = TypeVar('F', bound=Callable[..., Any])


@dataclasses.dataclass(frozen=True, slots=True)
class Route:
    """What a handler serves.

    :ivar segments: of the path below the collection; ``{name}`` stands for any
    :ivar rule: the policy rule that is checked before the handler runs
    """

    method: str
    segments: tuple[str, ...]
    rule: str
    status: int
    v1: bool


def expose(
    method: str, *segments: str, rule: str, status: int = 200, v1: bool = True
) -> Callable[[F], F]:
    """Serve a method of a path below the collection.

    :param rule: policy rule; the target is the project of the request
    :param status: of a success
    :param v1: whether version 1 has the route
    """

    def decorate(function: F) -> F:
        exposed: F = pecan.expose(content_type='application/json')(function)
        route = Route(method, segments, rule, status, v1)
        exposed.route = route  # type: ignore[attr-defined]  # mypy knows no attributes of functions
        return exposed

    return decorate
