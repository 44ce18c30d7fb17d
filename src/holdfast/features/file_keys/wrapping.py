"""Services that have keys: one small face for all of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from holdfast.contract.catalog import JSON

Credential = Mapping[str, str]
Fields = Mapping[str, Any]


@dataclass(frozen=True)
class Described:
    """`where`: for the file's document. `commands`: lines of `sh` that set $KEY by the service's own tool."""

    where: Mapping[str, JSON]
    commands: tuple[str, ...]


class KeyWrapper(Protocol):
    """A service that wraps a file's own key under one that never leaves it.

    Every verb raises Retryable (unreachable, sealed, busy), Permanent (denied, not found, refused) or Refused (the
    address is not called from here), and keeps nothing.
    """

    def wrap(self, secret: bytes) -> str:
        """Printable text, which `unwrap` takes."""
        ...

    def unwrap(self, wrapped: str, where: Mapping[str, JSON]) -> bytes:
        """`where`: as it was described when it was wrapped."""
        ...

    def describe(self, wrapped: str) -> Described: ...

    def close(self) -> None: ...


@dataclass(frozen=True)
class Fetched:
    """A key that a service keeps as it is. `version`: which of its values."""

    text: str = field(repr=False)
    version: int


class KeySource(Protocol):
    """A service that gives a key out. Raises as `KeyWrapper`."""

    def fetch(self, version: int | None = None) -> Fetched: ...

    def describe(self, version: int) -> Described: ...

    def close(self) -> None: ...
