"""A token whose end has not arrived yet. Its bytes are looked at once, whether it comes whole or byte by byte."""

from __future__ import annotations

import re

from holdfast.runtime.python.rewriting.patterns import COMMENT_AT_ONCE, COMMENT_END

MOST = 1 << 20  # bytes of one tag or comment
_NAME, _BETWEEN, _ATTRIBUTE, _AFTER, _VALUE, _DOUBLE, _SINGLE, _BARE, _END = range(9)
_SPACE_SLASH_END = re.compile(rb"[\t\n\f\r />]")
_NOT_SPACE = re.compile(rb"[^\t\n\f\r ]")

# for each state inside a tag: what to look for, where which byte leads (and whether it is taken), where others lead
_Step = tuple[re.Pattern[bytes], dict[int, tuple[int, int]], tuple[int, int]]
_STEPS: dict[int, _Step] = {
    _NAME: (_SPACE_SLASH_END, {}, (_BETWEEN, 0)),
    _BETWEEN: (re.compile(rb"[^\t\n\f\r /]"), {0x3E: (_END, 0)}, (_ATTRIBUTE, 1)),
    _ATTRIBUTE: (
        re.compile(rb"[\t\n\f\r />=]"),
        {0x3D: (_VALUE, 1), 0x2F: (_BETWEEN, 0), 0x3E: (_BETWEEN, 0)},
        (_AFTER, 0),
    ),
    _AFTER: (_NOT_SPACE, {0x3D: (_VALUE, 1)}, (_BETWEEN, 0)),
    _VALUE: (_NOT_SPACE, {0x22: (_DOUBLE, 1), 0x27: (_SINGLE, 1), 0x3E: (_END, 0)}, (_BARE, 0)),
    _DOUBLE: (re.compile(rb'"'), {}, (_BETWEEN, 1)),
    _SINGLE: (re.compile(rb"'"), {}, (_BETWEEN, 1)),
    _BARE: (re.compile(rb"[\t\n\f\r >]"), {}, (_BETWEEN, 0)),
}


class Unfinished:
    """Holds the beginning of a token until its end is there. The reasons are those of `tokens`: 0 is soon decided, 1 a
    tag, 2 a comment, 3 anything up to the next `>`."""

    def __init__(self) -> None:
        self._held = bytearray()
        self._why = 0
        self._seen = 0
        self._state = _NAME
        self.looked = 0  # bytes looked at, for the tests of hostile input

    def begin(self, rest: bytes, why: int) -> None:
        self._held, self._why, self._seen, self._state = bytearray(rest), why, 0, _NAME

    def add(self, data: bytes) -> bytes:
        """All that was held with `data` behind it, once the token has its end; b"" before. Raises ValueError."""
        held = self._held
        if not held:
            return data
        held += data
        if self._complete():
            return self.rest()
        if len(held) > MOST:
            raise ValueError(f"a tag or comment of the page is longer than {MOST} bytes: {bytes(held[:40])!r}...")
        return b""

    def rest(self) -> bytes:
        held, self._held = bytes(self._held), bytearray()
        return held

    def _complete(self) -> bool:
        held, seen = self._held, self._seen
        self.looked += len(held) - seen
        if self._why == 0:
            return True
        if self._why == 1:
            return self._tag_ends()
        if self._why == 2:
            self._seen = max(4, len(held) - 3)
            return bool(COMMENT_AT_ONCE.match(held, 4) or COMMENT_END.search(held, max(4, seen)))
        self._seen = len(held)
        return held.find(b">", seen) >= 0

    def _tag_ends(self) -> bool:
        held, state, at = self._held, self._state, self._seen or 2
        while state != _END:
            pattern, leads, other = _STEPS[state]
            found = pattern.search(held, at)
            if found is None:
                self._state, self._seen = state, len(held)
                return False
            state, taken = leads.get(found[0][0], other)
            at = found.start() + taken
        return True
