"""Servers and files that are not ours: how one is named, and how its protocol begins.

Transport is nobody's dialect: a relay in `hosts/` resolves, checks and pins the address, tunnels and encrypts; the
engine only meets a private unix socket. What the relay must know of a protocol's first bytes is a `Wire`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar, Literal, Protocol, runtime_checkable

from holdfast.contract.engine import Engine
from holdfast.contract.spec import Endpoint
from holdfast.kernel.errors import Invalid

TlsMode = Literal["disable", "require", "verify-ca", "verify-full"]
TLS_MODES: tuple[TlsMode, ...] = ("disable", "require", "verify-ca", "verify-full")


@dataclass(frozen=True)
class Address:
    """What a URL says. Only what it names is set; `path` is a file's, everything else a server's."""

    host: str | None = None
    port: int | None = None
    database: str | None = None
    user: str | None = None
    password: str | None = field(default=None, repr=False)
    tls: TlsMode | None = None
    path: Path | None = None


class Opening(Protocol):
    """The server's first bytes on their way to a client that believes it speaks without TLS."""

    def feed(self, data: bytes) -> bytes:
        """What to pass on now; what is held back comes with a later call."""
        ...

    @property
    def over(self) -> bool:
        """Nothing more needs looking at: the rest is passed on as it comes."""
        ...


class Wire(Protocol):
    """A protocol's first bytes.

    `ask` is sent in the clear before TLS, `granted` is the answer that allows it (both empty: TLS at once).
    `socket` is the name of the unix socket the engine's clients look for.
    """

    ask: bytes
    granted: bytes
    socket: str

    def refusal(self, reason: str) -> bytes:
        """An answer that makes the engine's clients report `reason`."""
        ...

    def answered(self, first: bytes) -> bool:
        """Whether a server says anything to a client that begins so; a request to cancel is never answered."""
        ...

    def opening(self) -> Opening:
        """A fresh filter for one connection that was encrypted on the way."""
        ...


@dataclass(frozen=True)
class ExternalTraits:
    """What registering needs to ask for. `files`: a path instead of a server."""

    files: bool = False
    default_port: int | None = None
    default_database: str | None = None
    default_user: str | None = None
    only_database: str | None = None  # a server is one database, by this name; any other is refused
    reader_role: bool = True  # reading needs a login of its own; False = the engine refuses writes without one


@runtime_checkable
class CanRegister(Engine, Protocol):
    """Engines whose servers or files may belong to somebody else."""

    external: ClassVar[ExternalTraits]
    wire: ClassVar[Wire | None]

    def address(self, url: str) -> Address:
        """Pure. Raises Invalid: code "url_invalid" for a URL of another kind, "url_option" for any option not listed,
        which may name a file of ours or change what a session means."""
        ...

    def sibling(self, at: Endpoint, name: str) -> Endpoint:
        """Pure: another database at the same place. Raises Conflict (code "cannot_create_there") where there is no
        way to make one."""
        ...


def url_invalid(noun: str, message: str, hint: str | None = None) -> Invalid:
    """For implementations: what is wrong with a URL, never with the URL: it may hold a password."""
    return Invalid(
        f"this is no URL of {noun}: {message}",
        code="url_invalid",
        hint=hint,
        details={"fields": [{"field": "url", "message": message}]},
    )
