"""How a server's protocol begins when it is met over TLS, so that a door in front of it can speak first."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol, runtime_checkable


@dataclass(frozen=True)
class Front:
    """`request`: what a client says before TLS, answered with `accept`; empty = TLS from the first byte. `declines`:
    other first words with their answers, after which the client speaks again; all as long as `request`. `refusal` is
    told to who goes on without TLS. `alpn`: what clients that begin with TLS ask for."""

    request: bytes = b""
    accept: bytes = b""
    declines: Mapping[bytes, bytes] = field(default_factory=dict)
    refusal: bytes = b""
    alpn: tuple[str, ...] = ()


@runtime_checkable
class CanFront(Protocol):
    """Engines whose servers may be met from the network."""

    def front(self) -> Front:
        """Pure."""
        ...
