"""Proving what is stored: one snapshot (L1) or the whole repository."""

from __future__ import annotations

import hashlib
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field

from holdfast.formats.restic import tree
from holdfast.formats.restic.pack import BlobType, PackedBlob, header_length, parse_header
from holdfast.kernel.errors import Corrupt, HoldfastError, NotFound
from holdfast.kernel.stop import Stop
from holdfast.vault.blobs import BlobReader, pack_name, unwrap
from holdfast.vault.repository import Repository
from holdfast.vault.stores.base import pieces

_THREADS = 2
_SPAN = 16 << 20  # neighbouring blobs are read together up to this many bytes
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
    """Read and hash every blob the snapshot needs. Damage is reported, not raised; Cancelled and store faults are."""
    began, stop = time.monotonic(), stop or Stop()
    errors: list[str] = []
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
    read = _read_all(repo, by_pack, errors, stop, progress)
    return VerifyReport(len(wanted), read, time.monotonic() - began, errors[:_MOST_ERRORS])


def _spans(blobs: Iterable[PackedBlob]) -> Iterator[list[PackedBlob]]:
    """Blobs of one pack in order, neighbours together, so that a pack is one read and not a thousand."""
    span: list[PackedBlob] = []
    for blob in sorted(blobs, key=lambda b: b.offset):
        end = span[-1].offset + span[-1].length if span else blob.offset
        if span and (blob.offset != end or end - span[0].offset + blob.length > _SPAN):
            yield span
            span = []
        span.append(blob)
    if span:
        yield span


def _read_span(repo: Repository, pack: bytes, span: Sequence[PackedBlob]) -> tuple[int, list[str]]:
    start, errors = span[0].offset, []
    length = span[-1].offset + span[-1].length - start
    try:
        data = memoryview(repo.store.get(pack_name(pack), start, length))
    except NotFound:
        return 0, [f"pack {pack.hex()[:12]} is missing: {len(span)} blobs are lost"]
    for blob in span:
        try:
            unwrap(data[blob.offset - start : blob.offset - start + blob.length], blob, repo.key)
        except Corrupt as error:
            errors.append(f"pack {pack.hex()[:12]}: {error.message}")
    return len(data), errors


def _read_all(
    repo: Repository,
    by_pack: dict[bytes, list[PackedBlob]],
    errors: list[str],
    stop: Stop,
    progress: Progress | None,
) -> int:
    total = sum(w.length for blobs in by_pack.values() for w in blobs)
    jobs = ((pack, span) for pack, blobs in by_pack.items() for span in _spans(blobs))
    read = 0

    def one(job: tuple[bytes, list[PackedBlob]]) -> tuple[int, list[str]]:
        stop.check()
        return _read_span(repo, *job)

    with ThreadPoolExecutor(_THREADS, thread_name_prefix="verify") as pool:
        for count, found in _bounded(pool, one, jobs):
            read += count
            errors.extend(found)
            if progress is not None:
                progress(read, total)
    return read


Job = tuple[bytes, list[PackedBlob]]
Found = tuple[int, list[str]]


def _bounded(pool: ThreadPoolExecutor, work: Callable[[Job], Found], jobs: Iterator[Job]) -> Iterator[Found]:
    """`pool.map`, with only a few jobs handed over at a time: results hold memory."""
    waiting: deque[Future[Found]] = deque()
    for job in jobs:
        waiting.append(pool.submit(work, job))
        if len(waiting) >= 2 * _THREADS:
            yield waiting.popleft().result()
    while waiting:
        yield waiting.popleft().result()


def check_repository(
    repo: Repository, *, read_data: bool, stop: Stop | None = None, progress: Progress | None = None
) -> CheckReport:
    """Structure: every index, pack size, snapshot and tree. `read_data`: every byte of every pack as well.

    Takes an exclusive lock, as stock restic does. Damage is reported, not raised.
    """
    began, stop, errors = time.monotonic(), stop or Stop(), []
    with repo.lock(exclusive=True, stop=stop):
        present = {name.split("/")[-1]: size for name, size in pieces(repo.store, "data")}
        try:
            by_pack = repo.index().by_pack()
        except Corrupt as error:
            return CheckReport(len(present), 0, 0, time.monotonic() - began, [f"an index is damaged: {error.message}"])
        errors += _pack_errors(by_pack, present)
        errors += _snapshot_errors(repo, repo.reader(), stop)
        read = 0
        if read_data:
            whole = {pack: blobs for pack, blobs in by_pack.items() if pack.hex() in present}
            errors += _header_errors(repo, whole, stop)
            read = _read_all(repo, whole, errors, stop, progress)
        blobs = sum(map(len, by_pack.values()))
        return CheckReport(len(present), blobs, read, time.monotonic() - began, errors[:_MOST_ERRORS])


def _pack_errors(by_pack: dict[bytes, list[PackedBlob]], present: dict[str, int]) -> list[str]:
    """Packs the index names that are missing or too short. Packs no index names are only waste, not damage."""
    errors = []
    for pack, blobs in by_pack.items():
        size = present.get(pack.hex())
        needed = max(b.offset + b.length for b in blobs)
        if size is None:
            errors.append(f"pack {pack.hex()[:12]} is missing: {len(blobs)} blobs are lost")
        elif size < needed + 4:
            errors.append(f"pack {pack.hex()[:12]} has {size} bytes, its blobs need {needed}")
    return errors


def _header_errors(repo: Repository, by_pack: dict[bytes, list[PackedBlob]], stop: Stop) -> list[str]:
    errors = []
    for pack, blobs in by_pack.items():
        stop.check()
        name = pack_name(pack)
        try:
            data = repo.store.get(name)
            if hashlib.sha256(data).digest() != pack:
                raise Corrupt("its bytes do not match its name")
            length = header_length(data[-4:])
            listed = parse_header(data[-4 - length : -4], repo.key)
            if {b.id for b in blobs} - {b.id for b in listed}:
                raise Corrupt("its header does not list what the index says")
        except HoldfastError as error:
            errors.append(f"pack {pack.hex()[:12]}: {error.message}")
    return errors


def _snapshot_errors(repo: Repository, reader: BlobReader, stop: Stop) -> list[str]:
    errors: list[str] = []
    seen: set[bytes] = set()
    for name, _ in pieces(repo.store, "snapshots"):
        stop.check()
        snapshot = name.split("/")[-1]
        try:
            root = repo.root_of(snapshot)
            missing = _missing(reader, root, seen)
            if missing:
                errors.append(f"snapshot {snapshot[:12]}: {missing} blobs are in no index")
        except Corrupt as error:
            errors.append(f"snapshot {snapshot[:12]}: {error.message}")
    return errors


def _missing(reader: BlobReader, root: bytes, seen: set[bytes]) -> int:
    """How many blobs below a tree are in no index; trees seen before are not read again."""
    missing, waiting = 0, [root]
    while waiting:
        blob = waiting.pop()
        if blob in seen:
            continue
        for node in tree.parse(reader.read(blob, BlobType.TREE)):
            if node.subtree is not None:
                waiting.append(node.subtree)
            for at in range(0, len(node.content), 32):
                try:
                    reader.locate(node.content[at : at + 32])
                except Corrupt:
                    missing += 1
        seen.add(blob)
    return missing
