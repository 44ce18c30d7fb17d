"""Logins besides the standing ones: for a visit of an hour, or named and lasting. Every one stands for an access."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol, runtime_checkable

from holdfast.contract.spec import Access, Endpoint


@dataclass(frozen=True)
class Login:
    """`until`: the server itself lets nobody in with it afterwards, where it can. `connections` at once; None = no own
    limit. Passwords are plain here and nowhere else."""

    user: str
    password: str = field(repr=False)
    access: Access
    until: datetime | None = None
    connections: int | None = None


@dataclass(frozen=True)
class Program:
    """A stock client that can be run against an endpoint: its bare name, arguments, environment. The password is only
    ever in `env`, never in an argument that other users of the machine can see."""

    name: str
    argv: tuple[str, ...] = ()
    env: Mapping[str, str] = field(default_factory=dict, repr=False)


@runtime_checkable
class CanAdmit(Protocol):
    """Engines whose servers know users. Synchronous; each verb opens its own administrator's line."""

    def admit(self, at: Endpoint, login: Login) -> None:
        """Make the login, or change it to be so. What it makes belongs to the access it stands for, not to itself.
        Raises Invalid for a name that is one of the standing ones."""
        ...

    def suspend(self, at: Endpoint, user: str) -> None:
        """Nobody signs in with it until it is admitted again; its sessions end. Absent is success."""
        ...

    def dismiss(self, at: Endpoint, user: str, *, hand_over: bool) -> None:
        """End its sessions and remove it. Absent is success. What it came to own all the same goes to the owner with
        `hand_over`; without, Conflict (code "login_owns", details "objects") and it stays, unable to sign in."""
        ...

    def programs(self, at: Endpoint, login: Login) -> tuple[Program, ...]:
        """Pure. Clients for `login` at `at.host` and `at.port`, the most usual first."""
        ...
