"""Proving what is stored: one snapshot (L1) or the whole repository."""

from __future__ import annotations

import hashlib
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field

from holdfast.formats.restic import tree
from holdfast.formats.restic.pack import BlobType, PackedBlob, header_length, parse_header
from holdfast.kernel.errors import Corrupt, NotFound
from holdfast.kernel.stop import Stop
from holdfast.vault.blobs import BlobReader, pack_name, unwrap
from holdfast.vault.fetching import neighbours
from holdfast.vault.repository import MAX_DEPTH, Repository
from holdfast.vault.stores.base import pieces

_THREADS = 2
_SPAN = 8 << 20  # bytes of a pack read together
_MOST_ERRORS = 100

Progress = Callable[[int, int], None]  # bytes read so far, bytes in all


@dataclass(frozen=True)
class VerifyReport:
    """What L1 read: every blob of one snapshot, each once. No error = every byte is as it was written."""

    blobs: int
    bytes: int
    seconds: float
    errors: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class CheckReport:
    """What a check of the repository found. `errors` name what is affected."""

    packs: int
    blobs: int
    bytes: int
    seconds: float
    errors: list[str] = field(default_factory=list)


def verify_snapshot(
    repo: Repository, snapshot_id: str, stop: Stop | None = None, progress: Progress | None = None
) -> VerifyReport:
    """Read and hash every blob the snapshot needs. Damage is reported, not raised; Cancelled, store faults and Conflict
    (someone prunes) are. Holds the readers' lock."""
    began, stop = time.monotonic(), stop or Stop()
    errors: list[str] = []
    with repo.locks.reading():
        reader = repo.reader()
        wanted: set[bytes] = set()
        try:
            for node in repo.nodes(snapshot_id).values():
                wanted.update(node.content[at : at + 32] for at in range(0, len(node.content), 32))
        except Corrupt as error:
            errors.append(error.message)
        by_pack: dict[bytes, list[PackedBlob]] = {}
        for blob in wanted:
            try:
                pack, where = reader.locate(blob)
            except Corrupt as error:
                errors.append(error.message)
            else:
                by_pack.setdefault(pack, []).append(where)
        total = sum(w.length for blobs in by_pack.values() for w in blobs)
        jobs = (
            (lambda pack=pack, span=span: _read_span(repo, pack, span))
            for pack, blobs in by_pack.items()
            for span in neighbours(blobs, _SPAN)
        )
        read = _read_all(jobs, total, errors, stop, progress)
    return VerifyReport(len(wanted), read, time.monotonic() - began, errors[:_MOST_ERRORS])


Found = tuple[int, list[str]]
Job = Callable[[], Found]


def _read_span(repo: Repository, pack: bytes, span: Sequence[PackedBlob]) -> Found:
    start = span[0].offset
    length = span[-1].offset + span[-1].length - start
    try:
        data = memoryview(repo.store.get(pack_name(pack), start, length))
    except NotFound:
        return 0, [f"pack {pack.hex()[:12]} is missing: {len(span)} blobs are lost"]
    return len(data), _blob_errors(repo, pack, span, data)


def _blob_errors(repo: Repository, pack: bytes, span: Sequence[PackedBlob], data: memoryview) -> list[str]:
    errors, start = [], span[0].offset
    for blob in span:
        try:
            unwrap(data[blob.offset - start : blob.offset - start + blob.length], blob, repo.key)
        except Corrupt as error:
            errors.append(f"pack {pack.hex()[:12]}: {error.message}")
    return errors


def _read_all(jobs: Iterator[Job], total: int, errors: list[str], stop: Stop, progress: Progress | None) -> int:
    """Run the jobs on a few threads, handed over a few at a time: results hold memory."""
    read = 0
    waiting: deque[Future[Found]] = deque()

    def take() -> None:
        nonlocal read
        count, found = waiting.popleft().result()
        read += count
        errors.extend(found)
        if progress is not None:
            progress(read, total)

    with ThreadPoolExecutor(_THREADS, thread_name_prefix="verify") as pool:
        try:
            for job in jobs:
                stop.check()
                waiting.append(pool.submit(job))
                if len(waiting) >= 2 * _THREADS:
                    take()
            while waiting:
                stop.check()
                take()
        finally:
            for future in waiting:
                future.cancel()
    return read


def check_repository(
    repo: Repository, *, read_data: bool, stop: Stop | None = None, progress: Progress | None = None
) -> CheckReport:
    """Structure: every index, pack size, snapshot and tree. `read_data`: every byte of every pack as well, read once.

    Holds the readers' lock: others may back up and restore meanwhile, nobody may prune. Snapshots are listed before
    the index is read, and the index before the packs are listed, so that a snapshot just being written is no error.
    Damage is reported, not raised; a damaged part does not hide what is wrong elsewhere.
    """
    began, stop = time.monotonic(), stop or Stop()
    with repo.locks.reading():
        repo.store.sweep()
        snapshots = [name.split("/")[-1] for name, _ in pieces(repo.store, "snapshots")]
        errors = repo.index_errors()
        index = repo.index()
        present = {name.split("/")[-1]: size for name, size in pieces(repo.store, "data")}
        blobs = 0
        for pack, listed in index.contents():
            stop.check()
            blobs += len(listed)
            errors += _pack_errors(pack, listed, present.get(pack.hex()))
        errors += _snapshot_errors(repo, snapshots, stop)
        read = 0
        if read_data:
            jobs = (
                (lambda pack=pack, listed=listed, size=size: _read_pack(repo, pack, listed, size))
                for pack, listed in index.contents()
                if (size := present.get(pack.hex())) is not None
            )
            total = sum(present.get(pack.hex(), 0) for pack in index.packs())
            read = _read_all(jobs, total, errors, stop, progress)
    return CheckReport(len(present), blobs, read, time.monotonic() - began, errors[:_MOST_ERRORS])


def _pack_errors(pack: bytes, blobs: Sequence[PackedBlob], size: int | None) -> list[str]:
    """A pack the index names that is missing or too short. Packs no index names are only waste, not damage."""
    needed = max((b.offset + b.length for b in blobs), default=0)
    if size is None:
        return [f"pack {pack.hex()[:12]} is missing: {len(blobs)} blobs are lost"] if blobs else []
    if size < needed + 4:
        return [f"pack {pack.hex()[:12]} has {size} bytes, its blobs need {needed}"]
    return []


def _read_pack(repo: Repository, pack: bytes, blobs: Sequence[PackedBlob], size: int) -> Found:
    """Hash a pack, open its blobs and its header, reading it once and at most `_SPAN` (or one blob) at a time."""
    name, digest, at, errors = pack_name(pack), hashlib.sha256(), 0, []

    def take(until: int) -> memoryview:
        nonlocal at
        data = memoryview(repo.store.get(name, at, until - at))
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
            errors += _blob_errors(repo, pack, span, take(end))
        while at < size:
            take(min(size, at + _SPAN))
        if digest.digest() != pack:
            raise Corrupt("its bytes do not match its name")
        length = header_length(repo.store.get(name, max(0, size - 4), 4))
        listed = parse_header(repo.store.get(name, max(0, size - 4 - length), length), repo.key)
        if not set(blobs) <= set(listed):
            raise Corrupt("its header does not list what the index says")
    except (Corrupt, NotFound) as error:
        errors.append(f"pack {pack.hex()[:12]}: {error.message}")
    return at, errors


def _snapshot_errors(repo: Repository, snapshots: Sequence[str], stop: Stop) -> list[str]:
    errors: list[str] = []
    reader, seen = repo.reader(), dict[bytes, int]()
    for snapshot in snapshots:
        stop.check()
        try:
            missing = _missing(reader, repo.root_of(snapshot), seen)
            if missing:
                errors.append(f"snapshot {snapshot[:12]}: {missing} blobs are in no index")
        except NotFound:
            continue  # forgotten meanwhile
        except Corrupt as error:
            errors.append(f"snapshot {snapshot[:12]}: {error.message}")
    return errors


def _missing(reader: BlobReader, root: bytes, seen: dict[bytes, int], depth: int = 0) -> int:
    """How many blobs below a tree are in no index. `seen` remembers trees whole: a second snapshot that shares a
    damaged one is affected too and must be named."""
    if root in seen:
        return seen[root]
    if depth > MAX_DEPTH:
        raise Corrupt("its directories are nested too deeply")
    missing = 0
    for node in tree.parse(reader.read(root, BlobType.TREE)):
        if node.subtree is not None:
            missing += _missing(reader, node.subtree, seen, depth + 1)
        missing += sum(not reader.knows(node.content[at : at + 32]) for at in range(0, len(node.content), 32))
    seen[root] = missing
    return missing
