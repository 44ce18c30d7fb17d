"""How a route reaches its service: by type, from what the composition root built."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TypeVar

from starlette.requests import HTTPConnection

T = TypeVar("T")


def part(kind: type[T]) -> Callable[[HTTPConnection], Awaitable[T]]:
    """A dependency: `Service = Annotated[ProjectService, Depends(part(ProjectService))]`.

    Asking for a part nobody built is a KeyError at the first request, and `create_app` callers list their parts.
    """

    async def provide(connection: HTTPConnection) -> T:
        found = connection.app.state.parts[kind]
        assert isinstance(found, kind)  # noqa: S101 - the mapping is keyed by type
        return found

    return provide
