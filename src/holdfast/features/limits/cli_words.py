"""What the words of the command line mean: whose limit, how much, and a bar."""

from __future__ import annotations

import re
from typing import Any

from holdfast.features.access.accounts.cli_find import find_user
from holdfast.kernel.ids import is_id
from holdfast.terminal import output
from holdfast.terminal.context import Terminal
from holdfast.terminal.failure import Usage

ALL_OF = {"keys": "key", "users": "user", "projects": "project", "addresses": "address"}
WHOSE = "key:NAME, user:E-MAIL, project:NAME; or keys, users, projects, addresses for all of them"
_SIZE = re.compile(r"(\d+)\s*(?:([KMGTP])iB|B)?", re.IGNORECASE)
_BAR = 20


def subject_of(t: Terminal, given: str) -> tuple[str, str | None]:
    """`key:ci` -> ("key", its id); `keys` -> ("key", None). Raises Usage, NotFound."""
    if given in ALL_OF:
        return ALL_OF[given], None
    kind, colon, name = given.partition(":")
    if not colon or not name or kind not in ("key", "user", "project"):
        raise Usage(f"whose limit is {given!r}?", hint=f"say {WHOSE}")
    if kind == "user":
        return kind, str(find_user(t, name)["id"])
    if kind == "project":
        return kind, str(t.find("/projects", name, "project", "prj")["id"])
    if is_id(name, "key"):
        return kind, name
    return kind, str(t.find("/keys", name, "key", "key", living=lambda item: not item["revoked_at"])["id"])


def amount_of(given: str) -> int | None:
    """`500`, `10GiB`, or `none`. Raises Usage."""
    if given == "none":
        return None
    match = _SIZE.fullmatch(given)
    if match is None:
        raise Usage(f"{given!r} is no amount", hint="a whole number, a size such as 10GiB, or none")
    power = " KMGTP".index(match[2].upper()) if match[2] else 0
    return int(match[1]) << 10 * power


def amount_text(what: str, amount: int | None) -> str:
    if amount is None:
        return "none"
    return output.size_text(amount) if what == "storage" else str(amount)


def window_text(seconds: int) -> str:
    for size, unit in ((86400, "day"), (3600, "hour"), (60, "minute")):
        if seconds and seconds % size == 0:
            count = seconds // size
            return f"per {unit}" if count == 1 else f"per {count} {unit}s"
    return f"per {seconds} s" if seconds else "in all"


def bar(item: dict[str, Any]) -> str:
    """Twenty cells, filled as far as the limit is used."""
    if item["percent"] is None:
        return "-" * _BAR
    full = min(_BAR, round(float(item["percent"]) * _BAR / 100))
    return "█" * full + "░" * (_BAR - full)
