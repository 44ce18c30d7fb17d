"""New passwords for the standing users, and whether they still have those we know."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace

from holdfast.contract.spec import Access, Endpoint
from holdfast.engines.valkey.link import Link, Refused, connect
from holdfast.kernel.errors import Denied, Permanent


class Rotates:
    """Implements CanRotate. No user but ours may say ACL, so a drift is somebody's doing with our password."""

    def rotate(self, at: Endpoint, passwords: Mapping[Access, str]) -> int:
        """The users in one transaction of the server. The file it starts from is the host's business, before this."""
        living = replace(at, beside=None)
        fresh = replace(living, secrets={**at.secrets, **{at.roles[a].secret: word for a, word in passwords.items()}})
        with _admin(living, fresh) as link:
            standing = tuple(f"{at.roles[access].user}:" for access in passwords)
            beside = [name for name in map(bytes.decode, link.command("ACL", "USERS")) if name.startswith(standing)]
            link.command("MULTI")
            if beside:  # namesakes with the old passwords; whoever works beside the living data makes them anew
                link.command("ACL", "DELUSER", *beside)
            for access, password in passwords.items():
                link.command("ACL", "SETUSER", at.roles[access].user, "on", "resetpass", f"#{_digest(password)}")
            for answer in link.command("EXEC"):
                if isinstance(answer, Refused):
                    raise Permanent(f"the server refuses the new passwords: {answer}", code="rotation_refused")
            ended = 0
            for access in passwords:
                count = int(link.command("CLIENT", "KILL", "USER", at.roles[access].user, "SKIPME", "yes"))
                ended += 0 if access == "admin" else count
            link.command("ACL", "SAVE")  # the host wrote the standing users alone: the others too are for a crash
        return ended

    def drifted(self, at: Endpoint) -> tuple[Access, ...]:
        found: list[Access] = []
        with connect(replace(at, beside=None)) as link:
            for access, role in at.roles.items():
                known = link.command("ACL", "GETUSER", role.user)
                facts = dict(known) if known else {}
                flags = [each.decode() for each in facts.get(b"flags", [])]
                words = [each.decode() for each in facts.get(b"passwords", [])]
                if access != "admin" and ("on" not in flags or words != [_digest(at.secrets[role.secret])]):
                    found.append(access)
        return tuple(sorted(found))


@contextmanager
def _admin(before: Endpoint, after: Endpoint) -> Iterator[Link]:
    with connect(after if _refused(before) else before) as link:
        yield link


def _refused(at: Endpoint) -> bool:
    try:
        with connect(at):
            return False
    except Denied:
        return True


def _digest(password: str) -> str:
    return hashlib.sha256(password.encode()).hexdigest()
