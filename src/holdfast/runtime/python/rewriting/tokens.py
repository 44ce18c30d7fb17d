"""HTML in pieces, as tokens that keep their source text (WHATWG HTML, 13.2.5)."""

from __future__ import annotations

import re

from holdfast.runtime.python.rewriting.namespaces import CDATA, DATA, HTML, PLAIN, RAW, SCRIPT, Context
from holdfast.runtime.python.rewriting.patterns import (
    COMMENT_AT_ONCE,
    COMMENT_CUT,
    COMMENT_END,
    SCRIPT_BEGUN,
    TAG,
    TEXT_RUN,
)
from holdfast.runtime.python.rewriting.patterns import SCRIPT as SCRIPT_MARKS
from holdfast.runtime.python.rewriting.unfinished import Unfinished

TEXT, START, END, COMMENT, DOCTYPE, NOTHING = range(6)
SOON, IN_TAG, IN_COMMENT, BEFORE_MORE = range(4)
_LETTER = re.compile(rb"[A-Za-z]")
_CDATA = b"<![CDATA["


class Tokenizer:
    """Tokens of a document that arrives in pieces.

    `feed` a piece, take tokens by `next` until there is none, then `feed` again; `final` says that nothing follows.
    The token last given is `buffer[start:at]`. What is no whole token yet is kept, and each of its bytes is looked at
    once however small the pieces are. Raises ValueError for a tag or comment longer than 1 MiB.
    """

    def __init__(self) -> None:
        self.buffer = b""
        self.start = self.at = 0
        self.name = b""  # of the last tag, as written
        self.text = (0, 0)  # where the last comment's text is
        self.context = Context()
        self.mode = DATA
        self.final = False
        self._unfinished = Unfinished()
        self._why = SOON
        self._raw: re.Pattern[bytes] | None = None
        self._closing = b""
        self._script = 0

    def feed(self, data: bytes) -> None:
        """One more piece. What of the piece before was not given as a token is put before it."""
        if self.at < len(self.buffer):
            self._unfinished.begin(self.buffer[self.at :], self._why)
        self.start = self.at = 0
        self.buffer = self._unfinished.add(data)

    def finish(self) -> None:
        """Nothing follows: what is left becomes tokens."""
        if self.at < len(self.buffer):
            self._unfinished.begin(self.buffer[self.at :], self._why)
        self.start = self.at = 0
        self.buffer, self.final = self._unfinished.rest(), True

    def next(self) -> int | None:
        """The next token's kind; None when the rest is no whole token."""
        at = self.start = self.at
        buffer = self.buffer
        if at >= len(buffer):
            return None
        if self.mode != DATA:
            return self._in_raw(at)
        if buffer[at] != 0x3C:
            return self._give(TEXT, buffer.find(b"<", at))
        if found := TAG.match(buffer, at):
            return self._tag(found)
        return self._markup(at)

    def _give(self, kind: int, end: int) -> int:
        self.at = len(self.buffer) if end < 0 else end
        return kind

    def _wait(self, why: int, kind: int) -> int | None:
        """More is needed; where there is no more, the rest is of `kind`."""
        if self.final:
            return self._give(kind, -1)
        self._why = why
        return None

    def _tag(self, found: re.Match[bytes]) -> int:
        self.at = found.end()
        if found[2] is not None:
            self.name = found[2]
            self.mode = DATA
            if not self.context.plain:
                self.context.end(self.name.lower())
            return END
        self.name = found[1]
        lower = self.name.lower()
        self.enter(lower, self.context.start(lower, found[0]))
        return START

    def enter(self, name: bytes, mode: int) -> None:
        """Read what follows in `mode`, until the end tag `name`."""
        self.mode = mode
        if mode == RAW:
            self._closing = b"</" + name
            self._raw = re.compile(re.escape(self._closing) + rb"(?=[\t\n\f\r />])", re.I)
        elif mode == SCRIPT:
            self._script = 0

    def _markup(self, at: int) -> int | None:
        """What begins with `<` and is no whole tag (13.2.5.6, 13.2.5.7, 13.2.5.42)."""
        head = self.buffer[at : at + 9]
        if len(head) == 1 or head == b"</":
            return self._wait(SOON, TEXT)
        if _LETTER.match(head, 2 if head[1] == 0x2F else 1):
            return self._wait(IN_TAG, NOTHING)
        if head[1] == 0x2F:
            return self._give(NOTHING, at + 3) if head[2] == 0x3E else self._bogus(at, 2)
        if head[1] == 0x3F:
            return self._bogus(at, 1)
        if head[1] != 0x21:
            found = TEXT_RUN.match(self.buffer, at)
            return self._give(TEXT, found.end() if found else at + 1)
        return self._declaration(at, head)

    def _declaration(self, at: int, head: bytes) -> int | None:
        if head.startswith(b"<!--"):
            return self._comment(at)
        foreign = self.context.now != HTML
        if not self.final and (head in (b"<!", b"<!-") or (foreign and _CDATA.startswith(head) and head != _CDATA)):
            return self._wait(SOON, COMMENT)
        if foreign and head == _CDATA:
            self.mode = CDATA
            return self._give(NOTHING, at + 9)
        if head.lower() == b"<!doctype":
            end = self.buffer.find(b">", at)
            return self._wait(BEFORE_MORE, DOCTYPE) if end < 0 else self._give(DOCTYPE, end + 1)
        return self._bogus(at, 2)

    def _bogus(self, at: int, skipped: int) -> int | None:
        """A comment that ends with the next `>` (13.2.5.41)."""
        end = self.buffer.find(b">", at)
        self.text = (at + skipped, len(self.buffer) if end < 0 else end)
        return self._wait(BEFORE_MORE, COMMENT) if end < 0 else self._give(COMMENT, end + 1)

    def _comment(self, at: int) -> int | None:
        if found := COMMENT_AT_ONCE.match(self.buffer, at + 4):
            self.text = (at + 4, at + 4)
        elif found := COMMENT_END.search(self.buffer, at + 4):
            self.text = (at + 4, found.start())
        else:
            if self.final and (cut := COMMENT_CUT.search(self.buffer, max(at + 4, len(self.buffer) - 3))):
                self.text = (at + 4, cut.start())
            return self._wait(IN_COMMENT, COMMENT)
        return self._give(COMMENT, found.end())

    def _in_raw(self, at: int) -> int | None:
        if self.mode == PLAIN:
            return self._give(TEXT, -1)
        if self.mode == CDATA:
            return self._in_cdata(at)
        end, held = self._script_end(at) if self.mode == SCRIPT else self._raw_end(at)
        if end == at:
            found = TAG.match(self.buffer, at)
            return self._tag(found) if found else self._wait(IN_TAG, NOTHING)
        if end < 0 and held == at:
            return self._wait(SOON, TEXT)
        return self._give(TEXT, end if end > 0 else held)

    def _in_cdata(self, at: int) -> int | None:
        end = self.buffer.find(b"]]>", at)
        if end == at:
            self.mode = DATA
            return self._give(NOTHING, at + 3)
        if end < 0 and not self.final:
            end = len(self.buffer)
            while end > max(at, len(self.buffer) - 2) and self.buffer[end - 1] == 0x5D:
                end -= 1
            if end == at:
                return self._wait(SOON, TEXT)
        return self._give(TEXT, end)

    def _raw_end(self, at: int) -> tuple[int, int]:
        """Where the end tag of raw text begins (-1: nowhere yet), and from where the rest may be its beginning."""
        buffer, size = self.buffer, len(self.buffer)
        if self._raw is not None and (found := self._raw.search(buffer, at)):
            return found.start(), size
        held = buffer.rfind(b"<", max(at, size - len(self._closing)))
        if held < 0 or self.final or not self._closing.startswith(buffer[held:].lower()):
            held = size
        return -1, held

    def _script_end(self, at: int) -> tuple[int, int]:
        """The same for a script, in which `<!--` and `<script` hide end tags (13.2.5.15 to 13.2.5.31)."""
        buffer, scan = self.buffer, at
        while found := SCRIPT_MARKS[self._script].search(buffer, scan):
            mark, scan = found[0], found.end()
            if mark == b"-->":
                self._script = 0
            elif mark == b"<!--":
                self._script, scan = 1, scan - 2
            elif mark[1] != 0x2F:
                self._script = 2
            elif self._script == 2:
                self._script = 1
            else:
                return found.start(), len(buffer)
        begun = None if self.final else SCRIPT_BEGUN.search(buffer, max(scan, len(buffer) - 8))
        return -1, begun.start() if begun else len(buffer)
