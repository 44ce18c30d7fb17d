"""What handlers are given besides elements: text, comments, the doctype, the document's end; and how content is added.

A token may be used while its handler runs, the time it waits included. Later use raises TypeError: the place in the
page has been sent by then.
"""

from __future__ import annotations

import codecs
from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any, Self

from holdfast.runtime.python.rewriting.patterns import DOCTYPE, ascii_lower
from holdfast.runtime.python.workers.messages import Response
from holdfast.runtime.python.workers.streams import ReadableStream

_ESCAPES = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;"})


class Streamed:
    """Content that comes from a stream when its place in the page is reached."""

    def __init__(self, stream: ReadableStream, encoding: str, html: bool) -> None:
        self.stream = stream
        self._encoding, self._html = encoding, html
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")

    async def read(self) -> bytes | None:
        """The next piece, fit for the page; None at the end. The stream is UTF-8."""
        piece = await self.stream.read()
        text = self._decoder.decode(piece, final=not piece)
        if not piece and not text:
            return None
        return encode(text if self._html else text.translate(_ESCAPES), self._encoding)


Part = bytes | Streamed


def encode(text: str, encoding: str) -> bytes:
    """`text` in the page's encoding; what that cannot express becomes a numeric character reference."""
    return text.encode(encoding, "xmlcharrefreplace")


def part(content: Any, options: Any, html: bool | None, encoding: str) -> Part:
    """What a handler adds, ready for the page. Raises TypeError for what is neither text, an answer nor a stream."""
    if html is None:
        given = options.get("html") if isinstance(options, Mapping) else getattr(options, "html", None)
        html = bool(given)
    if isinstance(content, str | int | float):
        text = str(content)
        return encode(text if html else text.translate(_ESCAPES), encoding)
    if isinstance(content, Response):
        if content._used:
            raise TypeError("this answer's body was read before and cannot be put into the page")
        stream, content._used = content.body, True
        return b"" if stream is None else Streamed(stream, encoding, html)
    if isinstance(content, ReadableStream):
        return Streamed(content, encoding, html)
    raise TypeError(f"content is text, a Response or a ReadableStream, not {type(content).__name__}")


class Mutations:
    """What stands before and after a token, and instead of it."""

    __slots__ = ("after", "before", "removed", "replacement")

    def __init__(self) -> None:
        self.before: list[Part] = []
        self.after: list[Part] = []
        self.replacement: list[Part] = []
        self.removed = False

    def around(self, raw: bytes) -> list[Part]:
        """The token as it leaves, `raw` being its text."""
        return [*self.before, *(self.replacement if self.removed else [raw]), *self.after]


class Token:
    """What all tokens share: they are valid while their handler runs."""

    _kind = "token"

    def __init__(self, encoding: str) -> None:
        self._encoding = encoding
        self._mutations: Mutations | None = None
        self._valid = True

    def _check(self) -> None:
        if not self._valid:
            raise TypeError(f"this {self._kind} was used after its handler had ended: tokens are valid only until then")

    def _change(self) -> Mutations:
        self._check()
        if self._mutations is None:
            self._mutations = Mutations()
        return self._mutations


class Placed(Token, ABC):
    """A token that content can be put around."""

    @property
    def removed(self) -> bool:
        """Whether the page goes without it."""
        self._check()
        return self._mutations is not None and self._mutations.removed

    def before(self, content: Any, options: Any = None, *, html: bool | None = None) -> Self:
        """Put `content` before it, behind what was put there already."""
        self._change().before.append(part(content, options, html, self._encoding))
        return self

    def after(self, content: Any, options: Any = None, *, html: bool | None = None) -> Self:
        """Put `content` directly behind it."""
        self._change().after.insert(0, part(content, options, html, self._encoding))
        return self

    def remove(self) -> Self:
        """Leave it out."""
        self._change().removed = True
        return self

    @abstractmethod
    def _source(self) -> bytes:
        """Its own text, as it leaves."""

    def _parts(self) -> list[Part]:
        raw = self._source()
        return [raw] if self._mutations is None else self._mutations.around(raw)


class Replaceable(Placed):
    """A token that content can be put around, and instead of."""

    def replace(self, content: Any, options: Any = None, *, html: bool | None = None) -> Self:
        """Put `content` in its place."""
        mutations = self._change()
        mutations.removed = True
        mutations.replacement = [part(content, options, html, self._encoding)]
        return self


class TextChunk(Replaceable):
    """A piece of text as it arrived, its references not decoded. The last of a text is empty."""

    _kind = "text chunk"

    def __init__(self, encoding: str, raw: bytes, text: str, last: bool) -> None:
        super().__init__(encoding)
        self._raw, self._text, self._last = raw, text, last

    @property
    def text(self) -> str:
        self._check()
        return self._text

    @property
    def lastInTextNode(self) -> bool:  # noqa: N802 - as published
        self._check()
        return self._last

    def _source(self) -> bytes:
        return self._raw


class Comment(Replaceable):
    _kind = "comment"

    def __init__(self, encoding: str, raw: bytes, text: bytes) -> None:
        super().__init__(encoding)
        self._raw, self._text = raw, text.decode(encoding, "replace")

    @property
    def text(self) -> str:
        self._check()
        return self._text

    @text.setter
    def text(self, text: str) -> None:
        """Raises ValueError for text that would end the comment before its end (WHATWG HTML, 13.1.6)."""
        self._check()
        if text.startswith((">", "->")) or any(each in text for each in ("-->", "--!>")):
            raise ValueError(f"a comment may not begin with '>' or '->' nor hold '-->' or '--!>': {text!r}")
        self._text = text
        self._raw = b"<!--" + encode(text, self._encoding) + b"-->"

    def _source(self) -> bytes:
        return self._raw


class Doctype(Token):
    """The document's type; None where a part is not given."""

    _kind = "doctype"

    def __init__(self, encoding: str, raw: bytes) -> None:
        super().__init__(encoding)
        found = DOCTYPE.match(raw)
        shown = [None if each is None else each.decode(encoding, "replace") for each in found.groups()] if found else []
        name, public, first, _, second, _, third, fourth = shown or [None] * 8
        self._name = ascii_lower(name) if name else None
        one = first if first is not None else second
        two = third if third is not None else fourth
        self._public, self._system = (one, two) if public else (None, one)

    @property
    def name(self) -> str | None:
        self._check()
        return self._name

    @property
    def publicId(self) -> str | None:  # noqa: N802 - as published
        self._check()
        return self._public

    @property
    def systemId(self) -> str | None:  # noqa: N802 - as published
        self._check()
        return self._system


class DocumentEnd(Token):
    _kind = "end of the document"

    def __init__(self, encoding: str) -> None:
        super().__init__(encoding)
        self._appended: list[Part] = []

    def append(self, content: Any, options: Any = None, *, html: bool | None = None) -> Self:
        """Put `content` at the end of the page."""
        self._check()
        self._appended.append(part(content, options, html, self._encoding))
        return self
