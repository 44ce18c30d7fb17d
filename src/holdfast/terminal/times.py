"""Lengths of time as people type and read them."""

from __future__ import annotations

import re
from typing import Any

from holdfast.terminal import output
from holdfast.terminal.failure import Usage

_TYPED = re.compile(r"([0-9]{1,9})([smhdw]?)")
_UNITS = {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 7 * 86_400}


def seconds_of(text: Any) -> int:
    """`90`, `90s`, `10m`, `2h`, `30d`, `4w` in seconds; also as a `parser` of typer's. Raises Usage."""
    found = _TYPED.fullmatch(str(text).strip())
    if found is None:
        raise Usage(f"{text!r} is no length of time", hint="such as 90s, 10m, 2h or 30d")
    return int(found[1]) * _UNITS[found[2]]


def spoken(seconds: float | None) -> str:
    """`output.seconds_text`, with days: 0.4 s, 3:05, 1 d, 2 d 1:00:00."""
    if seconds is None or seconds < 86_400:
        return output.seconds_text(seconds)
    days, rest = divmod(int(seconds), 86_400)
    return f"{days} d" + (f" {output.seconds_text(rest)}" if rest >= 60 else "")
