"""What differs at a server that is not ours: no user or setting is made there, and only empty databases are used.

Its numbered databases fall into two halves and a register (see blocks.py). A restore in place builds in the upper half,
which must be empty then, and exchanges the halves; the upper one is emptied again when the old keys are given up.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from holdfast.contract.spec import Access, Endpoint, Role
from holdfast.engines.valkey.resp import Garbled, Refused, TooMuch
from holdfast.kernel.errors import Conflict, NeedsOperator, Permanent, Retryable

if TYPE_CHECKING:
    from holdfast.engines.valkey.resp import Link

AWAY = "HOLDFASTAWAY"  # our relay's own word before its reason
REGISTER = "holdfast:beside"
ROOMS = 2
_GREETING = 1 << 20  # bytes a server may say before we know what it is
_OLDEST = 7
_EVICTING = (
    "the server gives up keys when it is full ({policy}): a restored copy beside them could push living keys out"
)


def enter(link: Link, at: Endpoint, access: Access, loaded: Callable[[], None]) -> None:
    """Sign in and see that it is a server we know. Raises NeedsOperator ("login_refused"), Permanent
    ("protocol_foreign", "server_version", "cluster_unsupported"), Conflict ("access_withheld"), Retryable."""
    link.hosted = False
    link.budget = _GREETING
    first: Access = "admin" if at.beside is not None else access
    try:
        _greet(link, at, _role(at, first))
        loaded()
        if first == "admin":
            _divide(link)
    except TimeoutError as error:
        raise Retryable("the server takes connections and says nothing", code="server_silent") from error
    except (Garbled, TooMuch) as error:
        raise Permanent(
            "what answers there is no Valkey or Redis server",
            code="protocol_foreign",
            hint="See that host and port are the database's, and that TLS is asked for where it is spoken.",
        ) from error
    link.budget = None


def move_beside(link: Link, at: Endpoint, access: Access, first: int) -> None:
    """From the login's line into the block that begins at `first`, by the rights of `access`."""
    link.first, link.count = first, link.span
    if access != "admin":
        _greet(link, at, _role(at, access))
    link.select(0)


def _role(at: Endpoint, access: Access) -> Role:
    role = at.roles.get(access)
    if role is None:
        what = "only reads" if access == "ro" else "may write"
        raise Conflict(
            f"no login that {what} was proven at this server",
            code="access_withheld",
            hint="`holdfast db report` says why, and what to run there.",
            details={"access": access},
        )
    return role


def _greet(link: Link, at: Endpoint, role: Role) -> None:
    try:
        said = link.command("HELLO", 3, "AUTH", role.user, at.secrets.get(role.secret, ""))
    except Refused as error:
        raise _refused(error) from error
    facts = {_text(pair[0]): pair[1] for pair in said if isinstance(pair, list) and len(pair) == 2}
    version = _text(facts.get("version", b""))
    if not version.partition(".")[0].isdigit():
        raise Garbled("a greeting without a version")
    if int(version.partition(".")[0]) < _OLDEST:
        raise _too_old(version)
    if _text(facts.get("mode", b"standalone")) != "standalone":
        raise Permanent(
            f"this server is part of a {_text(facts['mode'])}: only single servers are known here",
            code="cluster_unsupported",
            hint="Register a primary server that stands by itself.",
        )


def _text(value: Any) -> str:
    return value.decode(errors="replace") if isinstance(value, bytes) else str(value)


def _refused(error: Refused) -> Exception:
    text = str(error)
    if error.code == AWAY:
        return Retryable(text.partition(" ")[2], code="server_away")
    if error.code in ("WRONGPASS", "NOAUTH", "NOPERM"):
        return NeedsOperator(
            "the server refuses this user name or password",
            code="login_refused",
            hint="A server without ACL users takes the user `default` with its requirepass.",
        )
    if "unknown command" in text or error.code == "NOPROTO":
        return _too_old("before 6")
    if error.code in ("LOADING", "BUSY", "MASTERDOWN", "TRYAGAIN") or "max number of clients" in text:
        return Retryable(text, code="server_busy")
    return NeedsOperator(f"the server does not let us in: {text[:200]}", code="login_refused", hint="Ask who runs it.")


def _too_old(version: str) -> Permanent:
    return Permanent(
        f"this server is version {version}; Valkey, or Redis {_OLDEST}.0 and later, is known here",
        code="server_version",
        hint="Upgrade it first; its own tools can copy the data.",
    )


def _divide(link: Link) -> None:
    """How many databases there are, and how many of them are a half. All of them are the users' but while something
    stands in the upper half. A server that does not say how many has no halves."""
    (answer,) = link.pipeline([("CONFIG", "GET", "databases")])
    if isinstance(answer, Refused) or not answer:
        return
    total = int(answer[0][1])
    link.count, link.rooms, link.span = total, ROOMS, (total - 1) // ROOMS
    if link.span:
        (_, there, _) = link.pipeline([("SELECT", link.span * ROOMS), ("EXISTS", REGISTER), ("SELECT", 0)])
        if there == 1:
            link.count = link.span


def crowded(link: Link) -> str | None:
    """Why nothing can be built beside the living keys here; None where it can."""
    if not link.span:
        return "the server does not say how many databases it has (CONFIG GET databases), or has fewer than three"
    if link.count == link.span:
        return None  # something of ours stands there already: what has no room says so itself
    facts = information(link, "keyspace", "memory")
    if facts.get("maxmemory", "0") != "0" and facts.get("maxmemory_policy") != "noeviction":
        return _EVICTING.format(policy=facts.get("maxmemory_policy"))
    upper = sorted(int(name[2:]) for name in facts if name[:2] == "db" and int(name[2:]) >= link.span)
    if upper:
        return f"its numbered databases from {link.span} on must be empty, and number {upper[0]} holds keys"
    return None


def require_room(link: Link) -> None:
    """Raises Conflict (code "no_room_beside")."""
    reason = crowded(link)
    if reason is not None:
        raise Conflict(
            f"nothing can be restored beside the keys of this server: {reason}",
            code="no_room_beside",
            hint="Restore into a new database.",
        )


def end_sessions(link: Link) -> None:
    """Every client but us: who a stranger's programs sign in as is not known here. Replicas stay."""
    for kind in ("normal", "pubsub"):
        link.command("CLIENT", "KILL", "TYPE", kind, "SKIPME", "yes")


def information(link: Link, *sections: str) -> dict[str, str]:
    """INFO's lines; db0 and its kind among them. Raises Refused."""
    found: dict[str, str] = {}
    for section in sections:
        for line in link.command("INFO", section).decode(errors="replace").splitlines():
            name, colon, value = line.partition(":")
            if colon and (name[:2] != "db" or name[2:].isdigit()):
                found[name] = value
    return found
