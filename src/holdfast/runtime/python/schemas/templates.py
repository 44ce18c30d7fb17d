"""Paths such as `/items/{id}`: read from a declaration, and found for a request however its path is written."""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import unquote

NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,63}")
_LITERAL = re.compile(r"[A-Za-z0-9\-._~!$&'()*+,;=:@]+")
MOST_SEGMENTS = 30


class BadTemplate(ValueError):
    """No path template; the message says why."""


@dataclass(frozen=True)
class Template:
    """`segments`: (text, None) for one that is there as it is, (None, name) for one that may be any."""

    segments: tuple[tuple[str | None, str | None], ...]

    @classmethod
    def of(cls, text: str) -> Template:
        """Raises BadTemplate."""
        if not text.startswith("/"):
            raise BadTemplate("a path begins with /")
        made: list[tuple[str | None, str | None]] = []
        for part in filter(None, text.split("/")):
            if part.startswith("{") and part.endswith("}"):
                if not NAME.fullmatch(part[1:-1]):
                    raise BadTemplate(f"{part[:80]}: a name has letters, digits and _")
                made.append((None, part[1:-1]))
            elif not _LITERAL.fullmatch(part) or part in (".", ".."):
                raise BadTemplate(f"{part[:80]!r}: a part of a path is a text or one {{name}}")
            else:
                made.append((part, None))
        names = [name for _, name in made if name]
        if len(set(names)) != len(names) or len(made) > MOST_SEGMENTS:
            raise BadTemplate(f"at most {MOST_SEGMENTS} parts, and each name once")
        return cls(tuple(made))

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(name for _, name in self.segments if name)

    @property
    def shape(self) -> tuple[str | None, ...]:
        """The same for two that take the same paths."""
        return tuple(text for text, _ in self.segments)

    def match(self, parts: tuple[str, ...]) -> dict[str, str] | None:
        if len(parts) != len(self.segments):
            return None
        found = {}
        for part, (text, name) in zip(parts, self.segments, strict=True):
            if name is not None:
                found[name] = part
            elif part != text:
                return None
        return found


def readings(path: str) -> list[tuple[str, ...]]:
    """The ways a path may be understood by what routes it: escapes decoded before or after it is taken apart, `.` and
    `..` walked, empty parts and a slash at the end left out. A rule that one reading meets counts: otherwise a request
    could get past it by being written in another way."""
    decoded = unquote(path, errors="replace")
    apart = [unquote(part, errors="replace") for part in path.split("/")]
    whole = decoded.replace("\\", "/").split("/")
    found: list[tuple[str, ...]] = []
    for parts in (decoded.split("/"), apart, whole, _walked(whole)):
        kept = tuple(filter(None, parts))
        if kept not in found:
            found.append(kept)
    return found


def _walked(parts: list[str]) -> list[str]:
    made: list[str] = []
    for part in parts:
        if part == "..":
            del made[-1:]
        elif part not in (".", ""):
            made.append(part)
    return made
