"""Users besides the standing ones: the same rules under another name and password.

The server's file of users is written anew with each change, for a crash; a start by Holdfast writes that file itself,
so lasting users are also in the register, a numbered database that nobody else reaches: `again` makes them once more.
"""

from __future__ import annotations

import hashlib

from holdfast.contract.logins import Login, Program
from holdfast.contract.spec import Endpoint
from holdfast.engines.valkey import blocks
from holdfast.engines.valkey.link import Link, connect
from holdfast.engines.valkey.plan import RULES, rules_by
from holdfast.kernel.errors import Invalid

_KEPT = "holdfast:logins"
_OURS = frozenset({"default", "holdfast_probe", *(user for user, _ in RULES.values())})


class Logins:
    """Implements CanAdmit. Keys belong to nobody here, so there is never anything to hand over."""

    def admit(self, at: Endpoint, login: Login) -> None:
        _check(login.user)
        if login.access not in RULES or login.access == "admin":
            raise Invalid(f"there is no {login.access} access", code="access_invalid")
        with connect(at) as link:
            digest = hashlib.sha256(login.password.encode()).hexdigest()
            link.command(
                "ACL", "SETUSER", login.user, *rules_by(login.access, digest, range(link.span), redis=link.redis)
            )
            _keep(link, login.user, f"{login.access} {digest}" if login.until is None else None)

    def suspend(self, at: Endpoint, user: str) -> None:
        _check(user)
        with connect(at) as link:
            known = {name.decode() for name in link.command("ACL", "USERS")}
            if user in known:
                link.command("ACL", "SETUSER", user, "off")
                link.command("CLIENT", "KILL", "USER", user)
                _keep(link, user, None)

    def dismiss(self, at: Endpoint, user: str, *, hand_over: bool) -> None:  # noqa: ARG002
        """The server ends its connections by itself."""
        _check(user)
        with connect(at) as link:
            link.command("ACL", "DELUSER", user)
            _keep(link, user, None)

    def programs(self, at: Endpoint, login: Login) -> tuple[Program, ...]:
        argv = ("-h", str(at.host), "-p", str(at.port), "--user", login.user, "--no-auth-warning")
        return tuple(Program(name, argv, {"REDISCLI_AUTH": login.password}) for name in ("valkey-cli", "redis-cli"))


def again(link: Link) -> None:
    """After a start: the lasting users as they were."""
    link.command("SELECT", blocks.register_number(link))
    for pair in link.command("HGETALL", _KEPT):
        access, digest = pair[1].decode().split(" ")
        link.command("ACL", "SETUSER", pair[0].decode(), *rules_by(access, digest, range(link.span), redis=link.redis))


def _keep(link: Link, user: str, what: str | None) -> None:
    link.command("SELECT", blocks.register_number(link))
    link.command("HDEL", _KEPT, user) if what is None else link.command("HSET", _KEPT, user, what)
    link.command("ACL", "SAVE")


def _check(user: str) -> None:
    if user in _OURS or not 0 < len(user) <= 63 or not all(c.isascii() and (c.isalnum() or c in "_.-") for c in user):
        raise Invalid(
            f"{user!r} cannot be the name of a user", code="login_invalid", hint="letters, digits and _ . - only"
        )
