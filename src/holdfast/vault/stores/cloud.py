"""A store in a bucket: one object per piece, through obstore."""

from __future__ import annotations

import os
import re
import uuid
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import obstore
from obstore.exceptions import AlreadyExistsError, BaseError, PreconditionError
from obstore.store import ObjectStore

from holdfast.kernel.errors import Conflict, NotFound, Permanent, Retryable
from holdfast.kernel.outbound_relay import Pass
from holdfast.vault.stores.base import Make, Pieces
from holdfast.vault.stores.cloud_errors import Words, behind_the_end, elsewhere, status_of, translated, was_refused

_NAME = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._-]*(/[A-Za-z0-9_-][A-Za-z0-9._-]*)*")
_BESIDE = 2  # a listing shows pieces below the prefix and one level deeper
_NOT_SUPPORTED = (400, 501)
PART_BYTES = 8 * 1024 * 1024
MOST_PARTS = 10_000
PARTS_AT_ONCE = 4


class CloudStore:
    """See `Store`. A put is one request, which stores make visible whole or not at all.

    Nothing is tried twice here: wrappers do that. Deletes go one by one, because not every compatible store knows S3's
    bulk delete. An error carries a verb, a name, a status and S3's code, never what the server wrote.
    """

    def __init__(self, objects: ObjectStore, way: Pass, words: Words) -> None:
        """`way`: what leads there, and knows why a call was refused or has to wait."""
        self._objects = objects
        self._way = way
        self._words = words
        self._conditional: bool | None = None
        self._bucket_seen = False

    def put(self, name: str, pieces: Pieces) -> None:
        """In memory while it is sent: a pack is at most some 20 MiB. Larger things go through `put_file`."""
        _checked(name)
        with self._translating("put", f"writing {name}"):
            obstore.put(self._objects, name, b"".join(pieces), use_multipart=False)

    def create(self, name: str, pieces: Pieces) -> None:
        """Write only when nobody has: Conflict (code "piece_exists") else. Where `conditional()` is False this is a
        look and then a write, and of two writers at the same moment the later one wins."""
        _checked(name)
        if not self.conditional():
            if self.exists(name):
                raise _exists(name)
            self.put(name, pieces)
            return
        with self._translating("put", f"writing {name}"):
            try:
                obstore.put(self._objects, name, b"".join(pieces), mode="create", use_multipart=False)
            except (AlreadyExistsError, PreconditionError):
                raise _exists(name) from None

    def conditional(self) -> bool:
        """Does the store obey `If-None-Match: *`? Tried once with a piece of our own: some refuse it, some ignore it,
        and one that ignores it would let two writers overwrite each other."""
        if self._conditional is None:
            self._conditional = self._try_conditional()
        return self._conditional

    def _try_conditional(self) -> bool:
        name = f"tmp/probe-{uuid.uuid4().hex}"
        with self._translating("put", f"writing {name}"):
            try:
                for _ in range(2):
                    obstore.put(self._objects, name, b"probe", mode="create", use_multipart=False)
            except (AlreadyExistsError, PreconditionError):
                return True
            except BaseError as error:
                if status_of(error) not in _NOT_SUPPORTED:
                    raise
            finally:
                self.delete(name)
        return False

    def put_file(self, name: str, path: Path) -> None:
        """A whole file, in parts: at most `PARTS_AT_ONCE` of them in memory, 8 MiB each up to 80 GB. It is not there
        before the last part is. A process killed on the way leaves parts that only a lifecycle rule of the bucket
        (AbortIncompleteMultipartUpload) removes."""
        _checked(name)
        size = os.stat(path).st_size
        part = max(PART_BYTES, -(-size // MOST_PARTS))
        with self._translating("put", f"writing {name}"):
            obstore.put(
                self._objects, name, path, use_multipart=size > part, chunk_size=part, max_concurrency=PARTS_AT_ONCE
            )

    def put_stream(self, name: str, make: Make, expected: int) -> None:
        """In parts as `put_file`; what fits into one is put whole."""
        part = max(PART_BYTES, -(-expected * 5 // 4 // MOST_PARTS))
        chunks = _in_parts(make(), part)
        first, second = next(chunks, b""), next(chunks, None)
        if second is None:
            self.put(name, [first])
            return
        _checked(name)
        failed: list[Exception] = []

        def fed() -> Iterator[bytes]:
            try:
                yield first
                yield second
                yield from chunks
            except Exception as error:
                failed.append(error)
                raise

        try:
            with self._translating("put", f"writing {name}"):
                obstore.put(
                    self._objects, name, fed(), use_multipart=True, chunk_size=part, max_concurrency=PARTS_AT_ONCE
                )
        finally:
            if failed:  # what went wrong with the chunks, and not what obstore made of it
                raise failed[0] from None

    def get(self, name: str, offset: int = 0, length: int | None = None) -> bytes:
        _checked(name)
        if length == 0:
            self.size(name)
            return b""
        with self._translating("get", f"reading {name}"):
            try:
                if length is not None:
                    return bytes(obstore.get_range(self._objects, name, start=offset, length=length))
                if offset:
                    return bytes(obstore.get(self._objects, name, options={"range": {"offset": offset}}).bytes())
                return bytes(obstore.get(self._objects, name).bytes())
            except BaseError as error:
                if behind_the_end(error):
                    return b""
                raise

    def size(self, name: str) -> int:
        _checked(name)
        with self._translating("get", f"looking at {name}"):
            return int(obstore.head(self._objects, name)["size"])

    def exists(self, name: str) -> bool:
        """An answer to HEAD has no body, so a missing bucket looks like a missing piece: a listing tells them apart."""
        try:
            self.size(name)
        except NotFound:
            if not self._bucket_seen:
                next(iter(self.list(name)), None)
                self._bucket_seen = True
            return False
        return True

    def list(self, prefix: str) -> Iterator[tuple[str, int]]:
        """A page at a time, as the store gives them (1,000 names)."""
        depth = prefix.rstrip("/").count("/") + _BESIDE
        return ((name, size) for name, size in self.walk(prefix) if name.count("/") <= depth)

    def walk(self, prefix: str) -> Iterator[tuple[str, int]]:
        """A page at a time, as `list`."""
        top = _checked(prefix.rstrip("/"))
        with self._translating("list", f"listing {prefix}"):
            pages = iter(obstore.list(self._objects, top))
            while (page := next(pages, None)) is not None:
                for found in page:
                    yield found["path"], int(found["size"])

    def delete(self, name: str) -> None:
        _checked(name)
        with self._translating("delete", f"deleting {name}"):
            try:
                obstore.delete(self._objects, name)
            except FileNotFoundError:
                return

    def sweep(self) -> None:
        """Nothing to do: a put that was cut off left nothing. For `put_file` see there."""

    @contextmanager
    def _translating(self, verb: str, act: str) -> Iterator[None]:
        """Errors of obstore become ours, `from None`: the text of the original may repeat a secret."""
        try:
            yield
        except (BaseError, OSError, ValueError) as error:
            if was_refused(error) and (refused := self._way.refusal()) is not None:
                raise elsewhere(refused, act) from None
            found = translated(error, verb, act, self._words)
            if isinstance(found, Retryable) and (seconds := self._way.waiting()):
                found.details["retry_after"] = round(seconds, 1)
            raise found from None


def _in_parts(pieces: Iterable[bytes], size: int) -> Iterator[bytes]:
    """All of `size` but the last."""
    held, count = list[bytes](), 0
    for piece in pieces:
        held.append(piece)
        count += len(piece)
        while count >= size:
            whole = b"".join(held)
            yield whole[:size]
            held = [whole[size:]] if count > size else []
            count -= size
    if count:
        yield b"".join(held)


def _checked(name: str) -> str:
    if not _NAME.fullmatch(name):
        raise Permanent(f"not a name of a piece: {name!r}")
    return name


def _exists(name: str) -> Conflict:
    return Conflict(f"{name} is there already", code="piece_exists")
