"""Proving what is stored: one snapshot (L1) or the whole repository."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field

from holdfast.formats.restic import tree
from holdfast.formats.restic.pack import BlobType
from holdfast.kernel.errors import Corrupt, NotFound
from holdfast.kernel.stop import Stop
from holdfast.vault.blobs import BlobReader
from holdfast.vault.fetching import neighbours
from holdfast.vault.index_view import IndexView, Runs
from holdfast.vault.proving import Found, PackId, Progress, read_all, read_pack, read_span
from holdfast.vault.repository import MAX_DEPTH, Repository
from holdfast.vault.stores.base import pieces
from holdfast.vault.subset import Choice

_SPAN = 8 << 20  # bytes of a pack read together
_MOST_ERRORS = 100


@dataclass(frozen=True)
class VerifyReport:
    """What L1 read: every blob of one snapshot, each once. No error = every byte is as it was written."""

    blobs: int
    bytes: int
    seconds: float
    errors: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class CheckReport:
    """What a check of the repository found. `errors` name what is affected; `errors_total` counts those not told too.

    `method`: "structure", "all data" or a subset's. `packs` and `blobs` are what there is, `packs_read` and `bytes`
    what was read whole; `sound` and `damaged` are the ids of the packs that were."""

    packs: int
    blobs: int
    bytes: int
    seconds: float
    errors: list[str] = field(default_factory=list)
    method: str = "structure"
    packs_read: int = 0
    bytes_total: int = 0
    sound: list[PackId] = field(default_factory=list, repr=False)
    damaged: list[PackId] = field(default_factory=list, repr=False)
    present: frozenset[PackId] = field(default=frozenset(), repr=False)
    errors_total: int = 0


def verify_snapshot(
    repo: Repository, snapshot_id: str, stop: Stop | None = None, progress: Progress | None = None
) -> VerifyReport:
    """Read and hash every blob the snapshot needs. Damage is reported, not raised; Cancelled, store faults and Conflict
    (someone prunes) are. Holds the readers' lock, and one bit for each blob of the repository."""
    began, stop = time.monotonic(), stop or Stop()
    errors: list[str] = []
    with repo.locks.reading():
        view = repo.index().view()
        chosen, missing = view.choose(), 0
        try:
            for _, node in repo.files(snapshot_id):
                stop.check()
                absent = chosen.add(node.content)
                missing += len(absent)
                errors += [f"blob {blob.hex()[:12]} is in no index" for blob in absent[: _MOST_ERRORS - len(errors)]]
        except Corrupt as error:
            errors.append(error.message)
        jobs = (
            (lambda pack=pack, span=span: read_span(repo, pack, span))
            for pack, blobs in view.contents(chosen)
            for span in neighbours(blobs, _SPAN)
        )
        read = read_all(jobs, chosen.bytes, lambda found: errors.extend(found.errors), stop, progress)
    return VerifyReport(chosen.count + missing, read, time.monotonic() - began, errors[:_MOST_ERRORS])


def check_repository(
    repo: Repository,
    *,
    read_data: bool,
    choice: Choice | None = None,
    stop: Stop | None = None,
    progress: Progress | None = None,
) -> CheckReport:
    """Structure: every index, pack size, snapshot and tree. `read_data`: every byte of every pack as well, read once;
    with a `choice` only of the packs it chooses.

    Holds the readers' lock: others may back up and restore meanwhile, nobody may prune. Snapshots are listed before
    the index is read, and the index before the packs are listed, so that a snapshot just being written is no error.
    Damage is reported, not raised; a damaged part does not hide what is wrong elsewhere.
    """
    began, stop = time.monotonic(), stop or Stop()
    with repo.locks.reading():
        repo.store.sweep()
        snapshots = [name.split("/")[-1] for name, _ in pieces(repo.store, "snapshots")]
        errors = repo.index_errors()
        view = repo.index().view()
        present = {bytes.fromhex(name[-64:]): size for name, size in pieces(repo.store, "data")}
        blobs, wrong, whole = _structure(view, present, stop)
        errors += wrong
        errors += _snapshot_errors(repo, snapshots, stop)
        wanted = whole if choice is None else {pack: whole[pack] for pack in choice.of(whole)}
        read, sound, damaged = 0, list[bytes](), list[bytes]()
        if read_data or choice is not None:

            def take(found: Found) -> None:
                (damaged if found.errors else sound).append(found.pack)
                errors.extend(found.errors)

            jobs = (
                (lambda pack=pack, listed=listed, size=size: read_pack(repo, pack, listed, size))
                for pack, listed in view.contents()
                if (size := wanted.get(pack)) is not None
            )
            read = read_all(jobs, sum(wanted.values()), take, stop, progress)
    return CheckReport(
        packs=len(present),
        blobs=blobs,
        bytes=read,
        seconds=time.monotonic() - began,
        errors=errors[:_MOST_ERRORS],
        method=choice.method if choice is not None else "all data" if read_data else "structure",
        packs_read=len(sound) + len(damaged),
        bytes_total=sum(present.values()),
        sound=sound,
        damaged=damaged,
        present=frozenset(present),
        errors_total=len(errors),
    )


def _structure(view: IndexView, present: dict[bytes, int], stop: Stop) -> tuple[int, list[str], dict[bytes, int]]:
    """(blobs, packs that an index names and that are missing or too short, sizes of those that are there). Packs no
    index names are only waste, not damage."""
    count, errors, whole = 0, list[str](), dict[bytes, int]()
    for pack, blobs, end in view.extents():
        stop.check()
        count += blobs
        size = present.get(pack)
        if size is None:
            errors.append(f"pack {pack.hex()[:12]} is missing: {blobs} blobs are lost")
            continue
        whole[pack] = size
        if size < end + 4:
            errors.append(f"pack {pack.hex()[:12]} has {size} bytes, its blobs need {end}")
    return count, errors, whole


def _snapshot_errors(repo: Repository, snapshots: Sequence[str], stop: Stop) -> list[str]:
    errors: list[str] = []
    reader, seen, runs = repo.reader(), dict[bytes, int](), Runs()
    for snapshot in snapshots:
        stop.check()
        try:
            missing = _missing(reader, repo.root_of(snapshot), seen, runs, stop)
            if missing:
                errors.append(f"snapshot {snapshot[:12]}: {missing} blobs are in no index")
        except NotFound:
            continue  # forgotten meanwhile
        except Corrupt as error:
            errors.append(f"snapshot {snapshot[:12]}: {error.message}")
    return errors


def _missing(reader: BlobReader, root: bytes, seen: dict[bytes, int], runs: Runs, stop: Stop, depth: int = 0) -> int:
    """How many blobs below a tree are in no index. `seen` remembers trees whole: a second snapshot that shares a
    damaged one is affected too and must be named."""
    if root in seen:
        return seen[root]
    if depth > MAX_DEPTH:
        raise Corrupt("its directories are nested too deeply")
    missing = 0
    for node in tree.parse(reader.read(root, BlobType.TREE)):
        if node.subtree is not None:
            missing += _missing(reader, node.subtree, seen, runs, stop, depth + 1)
        stop.check()
        missing += len(runs.of(node.content, lambda run: _unknown(reader, run)))
    seen[root] = missing
    return missing


def _unknown(reader: BlobReader, content: bytes) -> list[bytes]:
    ids = (content[at : at + 32] for at in range(0, len(content), 32))
    return [blob for blob in ids if not reader.knows(blob)]
