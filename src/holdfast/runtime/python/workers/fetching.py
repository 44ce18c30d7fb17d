"""`fetch`: requests to the outside, through the egress socket."""

from __future__ import annotations

from typing import Any

from holdfast.runtime.python.workers.messages import Request, Response


class FetchError(ConnectionError):
    """The request could not be made."""


async def fetch(input: Any, /, **options: Any) -> Response:
    raise FetchError("not yet")


__all__ = ["FetchError", "Request", "fetch"]


def use(path: str) -> None: ...


def tls_context() -> None: ...
