"""Reading packs back on a few threads, and what is found wrong with them."""

from __future__ import annotations

import hashlib
import os
from collections import deque
from collections.abc import Callable, Generator, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, field

from holdfast.formats.restic.pack import MAX_HEADER, PackedBlob, header_length, parse_header
from holdfast.formats.restic.sealing import OVERHEAD
from holdfast.kernel.errors import Corrupt, NotFound
from holdfast.kernel.stop import Stop
from holdfast.vault.blobs import pack_name, prove
from holdfast.vault.fetching import neighbours
from holdfast.vault.repository import Repository

THREADS = min(8, max(2, os.cpu_count() or 2))
_SPAN = 8 << 20  # bytes of a pack read together
_LITTLE = 4 << 20

PackId = bytes
BlobId = bytes
Progress = Callable[[int, int], None]  # bytes read so far, bytes in all


@dataclass(frozen=True)
class Found:
    """Of one pack, or of a part of it. `lost` are the ids of blobs that cannot be read. `rest`: it is nothing
    but the blobs that were asked for and a sound header."""

    pack: PackId
    bytes: int
    errors: list[str] = field(default_factory=list)
    lost: list[BlobId] = field(default_factory=list)
    rest: bool = False


Job = Callable[[], Found]


def read_span(repo: Repository, pack: bytes, span: Sequence[PackedBlob]) -> Found:
    """Open and hash adjoining blobs."""
    start = span[0].offset
    length = span[-1].offset + span[-1].length - start
    try:
        data = memoryview(repo.store.get(pack_name(pack), start, length))
    except NotFound:
        lost = [blob.id for blob in span]
        return Found(pack, 0, [f"pack {pack.hex()[:12]} is missing: {len(span)} blobs are lost"], lost)
    errors, lost = _opened(repo, pack, span, data)
    return Found(pack, len(data), errors, lost)


def _opened(
    repo: Repository, pack: bytes, span: Sequence[PackedBlob], data: memoryview
) -> tuple[list[str], list[bytes]]:
    errors, lost, start = [], [], span[0].offset
    for blob in span:
        try:
            prove(data[blob.offset - start : blob.offset - start + blob.length], blob, repo.key)
        except Corrupt as error:
            errors.append(f"pack {pack.hex()[:12]}: {error.message}")
            lost.append(blob.id)
    return errors, lost


def read_pack(repo: Repository, pack: bytes, blobs: Sequence[PackedBlob], size: int) -> Found:
    """Prove every byte of a pack, reading it once and at most `_SPAN` (or one blob) at a time: each blob by its MAC and
    the hash of what it holds, the header by its MAC. A pack that is anything beside these is hashed whole as well."""
    name, at = pack_name(pack), 0
    digest = None if is_all(repo, pack, blobs, size) else hashlib.sha256()
    errors: list[str] = []
    lost: list[bytes] = []
    seen = 0  # blobs that were looked at: what comes to an end early has proven none of the others

    def take(until: int) -> memoryview:
        nonlocal at
        data = memoryview(repo.store.get(name, at, until - at))
        if digest is not None:
            digest.update(data)
        at = until
        return data

    try:
        for span in neighbours(blobs, _SPAN):
            end = span[-1].offset + span[-1].length
            if span[0].offset < at or end > size:
                raise Corrupt("the index names places in it that overlap or lie outside")
            while at < span[0].offset:
                take(min(span[0].offset, at + _SPAN))
            wrong, gone = _opened(repo, pack, span, take(end))
            seen += len(span)
            errors += wrong
            lost += gone
        if digest is not None:
            while at < size:
                take(min(size, at + _SPAN))
            if digest.digest() != pack:
                raise Corrupt("its bytes do not match its name")
            if not set(blobs) <= set(read_header(repo, pack, size)):
                raise Corrupt("its header does not list what the index says")
    except (Corrupt, NotFound) as error:
        errors.append(f"pack {pack.hex()[:12]}: {error.message}")
        lost += [blob.id for blob in blobs[seen:]]
    return Found(pack, size if digest is None else at, errors, lost)


def is_all(repo: Repository, pack: bytes, blobs: Sequence[PackedBlob], size: int) -> bool:
    """Whether a pack of this size is nothing but `blobs`, the sealed header that lists just these, and its length: then
    each of its bytes lies under a MAC, or has only one right value. What cannot be read is not."""
    end = blobs[-1].offset + blobs[-1].length
    if not adjoin(blobs) or not OVERHEAD <= size - end - 4 <= MAX_HEADER:
        return False
    try:
        rest = repo.store.get(pack_name(pack), end, size - end)
        return header_length(rest) == len(rest) - 4 == size - end - 4 and parse_header(rest[:-4], repo.key) == [*blobs]
    except (Corrupt, NotFound):
        return False


def adjoin(blobs: Sequence[PackedBlob]) -> bool:
    """Whether they lie from a pack's first byte without a gap: then they may be all of it."""
    at = 0
    for blob in blobs:
        if blob.offset != at:
            return False
        at += blob.length
    return True


def read_rest(repo: Repository, pack: bytes, blobs: Sequence[PackedBlob]) -> Found:
    """Whether `blobs` are all of it. Nothing wrong here is an error: they are read without it."""
    try:
        return Found(pack, 0, rest=is_all(repo, pack, blobs, repo.store.size(pack_name(pack))))
    except NotFound:
        return Found(pack, 0)


def read_header(repo: Repository, pack: bytes, size: int) -> list[PackedBlob]:
    """What a pack itself says it holds. Raises Corrupt, NotFound."""
    name = pack_name(pack)
    length = header_length(repo.store.get(name, max(0, size - 4), 4))
    return parse_header(repo.store.get(name, max(0, size - 4 - length), length), repo.key)


def read_all(
    jobs: Iterator[Job], total: int, take: Callable[[Found], None], stop: Stop, progress: Progress | None
) -> int:
    """Run the jobs on a few threads, handed over a few at a time: results hold memory. Bytes read. What is little is
    read before threads would have started."""
    read = 0
    with closing(_each(jobs, stop) if total <= _LITTLE else _parallel(jobs, stop)) as done:
        for found in done:
            read += found.bytes
            take(found)
            if progress is not None:
                progress(read, total)
    return read


def _each(jobs: Iterator[Job], stop: Stop) -> Generator[Found, None, None]:
    for job in jobs:
        stop.check()
        yield job()


def _parallel(jobs: Iterator[Job], stop: Stop) -> Generator[Found, None, None]:
    waiting: deque[Future[Found]] = deque()
    with ThreadPoolExecutor(THREADS, thread_name_prefix="verify") as pool:
        try:
            for job in jobs:
                stop.check()
                waiting.append(pool.submit(job))
                if len(waiting) >= 2 * THREADS:
                    yield waiting.popleft().result()
            while waiting:
                stop.check()
                yield waiting.popleft().result()
        finally:
            for future in waiting:
                future.cancel()
