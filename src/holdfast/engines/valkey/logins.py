"""Users besides the standing ones: the same rules under another name and password. A restart forgets them."""

from __future__ import annotations

from holdfast.contract.logins import Login, Program
from holdfast.contract.spec import Endpoint
from holdfast.engines.valkey.link import connect
from holdfast.engines.valkey.plan import RULES, rules_for
from holdfast.kernel.errors import Invalid

_OURS = frozenset({"default", "holdfast_probe", *(user for user, _ in RULES.values())})


class Logins:
    """Implements CanAdmit. Keys belong to nobody here, so there is never anything to hand over."""

    def admit(self, at: Endpoint, login: Login) -> None:
        _check(login.user)
        if login.access not in RULES or login.access == "admin":
            raise Invalid(f"there is no {login.access} access", code="access_invalid")
        with connect(at) as link:
            numbers = range(link.count or 0)
            link.command("ACL", "SETUSER", login.user, *rules_for(login.access, login.password, numbers))

    def suspend(self, at: Endpoint, user: str) -> None:
        _check(user)
        with connect(at) as link:
            known = {name.decode() for name in link.command("ACL", "USERS")}
            if user in known:
                link.command("ACL", "SETUSER", user, "off")
                link.command("CLIENT", "KILL", "USER", user)

    def dismiss(self, at: Endpoint, user: str, *, hand_over: bool) -> None:  # noqa: ARG002
        """The server ends its connections by itself."""
        _check(user)
        with connect(at) as link:
            link.command("ACL", "DELUSER", user)

    def programs(self, at: Endpoint, login: Login) -> tuple[Program, ...]:
        argv = ("-h", str(at.host), "-p", str(at.port), "--user", login.user, "--no-auth-warning")
        return tuple(Program(name, argv, {"REDISCLI_AUTH": login.password}) for name in ("valkey-cli", "redis-cli"))


def _check(user: str) -> None:
    if user in _OURS or not 0 < len(user) <= 63 or not all(c.isascii() and (c.isalnum() or c in "_.-") for c in user):
        raise Invalid(
            f"{user!r} cannot be the name of a user", code="login_invalid", hint="letters, digits and _ . - only"
        )
