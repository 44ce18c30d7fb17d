"""Fetching one whole entry: pieces of packs read in the order they lie, opened and handed out by a few threads."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import islice

from holdfast.formats.restic.pack import PackedBlob
from holdfast.formats.restic.tree import Node
from holdfast.kernel.errors import Corrupt
from holdfast.vault.blobs import BlobReader

SPAN_BYTES = 4 << 20  # stored bytes read at once, by each thread
_WINDOW = 4096  # blobs planned at once: what is held does not grow with the entry

Write = Callable[[int, memoryview], None]


def neighbours(blobs: Iterable[PackedBlob], most: int) -> Iterator[list[PackedBlob]]:
    """Blobs of one pack in order, adjoining ones together up to `most` bytes: a pack is a few reads, not a thousand."""
    span: list[PackedBlob] = []
    for blob in sorted(blobs, key=lambda b: b.offset):
        end = span[-1].offset + span[-1].length if span else blob.offset
        if span and (blob.offset != end or end - span[0].offset + blob.length > most):
            yield span
            span = []
        span.append(blob)
    if span:
        yield span


def fetch(node: Node, reader: BlobReader, write: Write, parallel: int) -> None:
    """See `contract.snapshot.CanFetch.fetch`."""
    turns = _Turns(_plan(node, reader))

    def work() -> None:
        try:
            while (turn := turns.next()) is not None:
                pack, span, places = turn
                for blob, plain in reader.read_span(pack, span):
                    view = memoryview(plain)
                    for offset in places[blob.id]:
                        write(offset, view)
        except BaseException:
            turns.over = True
            raise

    with ThreadPoolExecutor(max(1, parallel), thread_name_prefix="fetch") as pool:
        futures = [pool.submit(work) for _ in range(max(1, parallel))]
    for future in futures:
        future.result()


_Turn = tuple[bytes, list[PackedBlob], dict[bytes, list[int]]]


class _Turns:
    """The plan, taken by one thread at a time; `over` ends it early."""

    def __init__(self, plan: Iterator[_Turn]) -> None:
        self._plan, self._lock = plan, threading.Lock()
        self.over = False

    def next(self) -> _Turn | None:
        with self._lock:
            return None if self.over else next(self._plan, None)


def _plan(node: Node, reader: BlobReader) -> Iterator[_Turn]:
    """(pack, adjoining blobs, offsets in the entry by blob). A blob needed twice within a window is read once."""
    ids = (node.content[at : at + 32] for at in range(0, len(node.content), 32))
    offset = 0
    while window := list(islice(ids, _WINDOW)):
        places: dict[bytes, list[int]] = {}
        by_pack: dict[bytes, list[PackedBlob]] = {}
        lengths: dict[bytes, int] = {}
        for blob in window:
            if blob not in places:
                pack, where = reader.locate(blob)
                by_pack.setdefault(pack, []).append(where)
                places[blob], lengths[blob] = [], where.plain_length
            places[blob].append(offset)
            offset += lengths[blob]
        for pack, blobs in by_pack.items():
            for span in neighbours(blobs, SPAN_BYTES):
                yield pack, span, places
    if offset != node.size:
        raise Corrupt(f"{node.name!r} has {offset} bytes in its blobs instead of {node.size}")
