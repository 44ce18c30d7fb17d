"""`HTMLRewriter`, as published: developers.cloudflare.com/workers/runtime-apis/html-rewriter."""

from __future__ import annotations

import codecs
import re
from collections import deque
from typing import Any, Self

from holdfast.runtime.python.rewriting.content import Part, Streamed
from holdfast.runtime.python.rewriting.matching import Handlers, Program
from holdfast.runtime.python.rewriting.running import Run
from holdfast.runtime.python.rewriting.selectors import Complex, parse
from holdfast.runtime.python.workers.messages import BodyUsedError, Response
from holdfast.runtime.python.workers.streams import ReadableStream

_PIECE = 1 << 17  # bytes worked on before what is ready leaves
_CHARSET = re.compile(r"""charset\s*=\s*["']?([^\s"';]+)""", re.I)
_WESTERN = ("iso8859-1", "ascii")  # these labels mean windows-1252 (Encoding standard, 4.2)
_MODAL = ("utf-7", "hz", "iso2022", "unicode", "raw", "punycode", "idna")  # a `<` in them may be part of something else


class HTMLRewriter:
    """Changes HTML by handlers while it streams. One may serve any number of answers, also at once."""

    def __init__(self) -> None:
        self._on: list[tuple[tuple[Complex, ...], Handlers]] = []
        self._document: list[Handlers] = []

    @classmethod
    def new(cls) -> Self:
        """As `js.HTMLRewriter.new()`."""
        return cls()

    def on(self, selector: str, handlers: Any) -> Self:
        """Call `element`, `comments` and `text` of `handlers`, those that it has, for what `selector` selects.

        Each may be a coroutine function; the page goes on when it is done. Raises SelectorError (a ValueError) for a
        selector that is none, or that cannot be matched while a page streams.
        """
        self._on.append((parse(selector), Handlers.of(handlers)))
        return self

    def onDocument(self, handlers: Any) -> Self:  # noqa: N802 - as published
        """Call `doctype`, `comments`, `text` and `end` of `handlers`, those that it has, for the whole page."""
        self._document.append(Handlers.of(handlers))
        return self

    def transform(self, response: Response) -> Response:
        """The same answer with its page changed. Handlers run while its body is read; what they raise ends it there.

        `content-length` is left out. Raises BodyUsedError when the body was read before, TypeError for what is no
        answer.
        """
        if not isinstance(response, Response):
            raise TypeError(f"transform takes a Response, not {type(response).__name__}")
        if response._used:
            raise BodyUsedError("the body was read before and cannot be transformed")
        answer = Response(None, status_text=response.status_text, headers=response.headers)
        answer.status, answer.web_socket = response.status, response.web_socket
        answer.url, answer.redirected = response.url, response.redirected
        source = response.body
        if source is not None:
            response._used = True
            answer.headers.delete("content-length")
            run = Run(self._program(), encoding_of(response.headers.get("content-type", "")))
            body = _Body(source, run)
            answer._stream = ReadableStream(body.read, body.close)
        return answer

    def _program(self) -> Program:
        program = Program(document=list(self._document))
        for selectors, handlers in self._on:
            program.add(selectors, handlers)
        return program


class _Body:
    """A page's body behind its handlers."""

    def __init__(self, source: ReadableStream, run: Run) -> None:
        self._source, self._run = source, run
        self._piece, self._at = b"", 0
        self._ready: deque[Part] = deque()
        self._over = False
        self._failed: BaseException | None = None

    async def read(self) -> bytes:
        if self._failed is not None:
            raise self._failed
        try:
            while True:
                if piece := await self._take():
                    return piece
                if self._over:
                    return b""
                self._ready.extend(await self._more())
                while self._run.hidden:
                    await self._run.hidden.pop().stream.cancel()
        except BaseException as error:
            self._failed = error if isinstance(error, Exception) else RuntimeError("the page was not read to its end")
            await self.close()
            raise

    async def close(self) -> None:
        """Nothing more is wanted, of the page and of what was to be put into it."""
        self._over = True
        waiting = [each.stream for each in (*self._ready, *self._run.hidden) if isinstance(each, Streamed)]
        self._ready.clear()
        for each in (self._source, *waiting):
            await each.cancel()

    async def _take(self) -> bytes:
        """What is ready: all up to the next stream, or that stream's next piece; b"" when there is nothing."""
        ready = self._ready
        pieces: list[bytes] = []
        while ready:
            first = ready[0]
            if isinstance(first, bytes):
                pieces.append(first)
                ready.popleft()
            elif any(pieces):
                break
            elif (piece := await first.read()) is None:
                ready.popleft()
            elif piece:
                return piece
        return b"".join(pieces)

    async def _more(self) -> list[Part]:
        if self._at >= len(self._piece):
            self._piece, self._at = bytes(await self._source.read()), 0
        if not self._piece:
            self._over = True
            return await self._run.end()
        begin, self._at = self._at, self._at + _PIECE
        return await self._run.piece(self._piece[begin : self._at])


def encoding_of(content_type: str) -> str:
    """The codec of a page: its content type's charset where tags look in that as in ASCII, else UTF-8."""
    found = _CHARSET.search(content_type)
    if found is None:
        return "utf-8"
    try:
        name = codecs.lookup(found[1]).name
        plain = "".join(map(chr, range(128)))
        if name.startswith(_MODAL) or plain.encode(name) != plain.encode() or plain.encode().decode(name) != plain:
            return "utf-8"
    except (LookupError, ValueError, TypeError):
        return "utf-8"
    return "cp1252" if name in _WESTERN else name
