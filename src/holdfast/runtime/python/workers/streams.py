"""Bodies as streams: an async iterable of bytes with JavaScript's reader on top."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable
from typing import Any

from holdfast.runtime.python.workers.blobs import Blob


class Chunk(bytes):
    """A piece of a body, or bytes that were given to `to_js`. `to_bytes`, `to_py` and `buffer` as on Pyodide's typed
    arrays."""

    @property
    def buffer(self) -> Chunk:
        """Itself: Python's bytes need nothing beneath them."""
        return self

    def to_bytes(self) -> bytes:
        return bytes(self)

    def to_py(self) -> bytes:
        return bytes(self)


class ReadResult(dict[str, Any]):
    """`{done, value}`, read as attributes or items."""

    @property
    def done(self) -> bool:
        return bool(self["done"])

    @property
    def value(self) -> Any:
        return self["value"]


class Reader:
    def __init__(self, stream: ReadableStream) -> None:
        self._stream = stream

    async def read(self) -> ReadResult:
        chunk = await self._stream.read()
        return ReadResult(done=not chunk, value=Chunk(chunk) if chunk else None)

    def releaseLock(self) -> None:  # noqa: N802 - as published
        """Nothing to release: one reader at a time is the caller's care here."""

    async def cancel(self, reason: Any = None) -> None:
        await self._stream.cancel(reason)


class ReadableStream:
    """A body that is read once. `pull` gives the next piece and b"" at the end."""

    _gone = False  # passed to another worker

    def __init__(
        self,
        pull: Callable[[], Awaitable[bytes]],
        close: Callable[[], Awaitable[None]] | None = None,
        *,
        empty_ends: bool = True,
    ) -> None:
        self._pull = pull
        self._close = close
        self._empty_ends = empty_ends
        self._over = False

    @classmethod
    def of(cls, source: Any) -> ReadableStream:
        """From text, bytes, a Blob, or an iterable (also an async one) of those. Raises TypeError for anything else."""
        if isinstance(source, ReadableStream):
            return source
        if isinstance(source, str | bytes | bytearray | memoryview | Blob):
            return cls(_Once(to_bytes(source)))
        if hasattr(source, "__aiter__"):
            iterator = aiter(source)
            return cls(lambda: _next(iterator), getattr(iterator, "aclose", None), empty_ends=False)
        if hasattr(source, "__iter__"):
            pieces = _each(source)
            return cls(lambda: _next(pieces), pieces.aclose, empty_ends=False)
        raise TypeError(f"not a body: {type(source).__name__}")

    async def read(self) -> bytes:
        """The next piece, never empty before the end; b"" at the end and from then on. Raises TypeError when another
        worker has it now."""
        if self._gone:
            raise TypeError("this stream was passed to another worker and cannot be read here any more")
        while not self._over:
            try:
                chunk = await self._pull()
            except StopAsyncIteration:
                self._over = True
                break
            if chunk:
                return chunk
            if self._empty_ends:
                self._over = True
        return b""

    async def read_all(self) -> bytes:
        chunks = []
        while chunk := await self.read():
            chunks.append(chunk)
        return b"".join(chunks) if len(chunks) != 1 else chunks[0]

    def getReader(self, options: Any = None) -> Reader:  # noqa: N802 - as published
        return Reader(self)

    async def cancel(self, reason: Any = None) -> None:
        """Nothing more is wanted: the source is closed, its `finally` runs. One that was passed on is left alone."""
        if self._gone:
            return
        self._over = True
        if self._close is not None:
            await self._close()

    def handed_over(self) -> ReadableStream:
        """The same stream for whoever reads it from now on: this one gives nothing more. Raises TypeError when it was
        handed over before."""
        if self._gone:
            raise TypeError("this stream was passed to another worker and cannot be read or passed here any more")
        self._gone = True
        twin = ReadableStream(self._pull, self._close, empty_ends=self._empty_ends)
        twin._over = self._over
        return twin

    def tee(self) -> tuple[ReadableStream, ReadableStream]:
        """Two streams of the same bytes. What one has read and the other has not is kept in memory."""
        queues: tuple[list[bytes], list[bytes]] = ([], [])

        async def pull(own: list[bytes], other: list[bytes]) -> bytes:
            if own:
                return own.pop(0)
            chunk = await self.read()
            if chunk:
                other.append(chunk)
            return chunk

        first, second = queues
        return ReadableStream(lambda: pull(first, second)), ReadableStream(lambda: pull(second, first))

    def __aiter__(self) -> ReadableStream:
        return self

    async def __anext__(self) -> Chunk:
        chunk = await self.read()
        if not chunk:
            raise StopAsyncIteration
        return Chunk(chunk)


def to_bytes(piece: Any) -> bytes:
    """A piece of a body as bytes. Raises TypeError for what is neither text nor bytes."""
    if isinstance(piece, bytes):
        return piece
    if isinstance(piece, str):
        return piece.encode()
    if isinstance(piece, bytearray | memoryview | Blob):
        return bytes(piece)
    raise TypeError(f"a body is made of text or bytes, not {type(piece).__name__}")


class _Once:
    """Gives its bytes, then b""."""

    def __init__(self, data: bytes) -> None:
        self._data = data

    async def __call__(self) -> bytes:
        data, self._data = self._data, b""
        return data


async def _each(source: Any) -> AsyncGenerator[Any, None]:
    for piece in source:
        yield piece


async def _next(iterator: Any) -> bytes:
    return to_bytes(await anext(iterator))
