"""Proving what is stored: one snapshot (L1) or the whole repository."""

from __future__ import annotations

import time
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial

from holdfast.formats.restic import tree
from holdfast.formats.restic.pack import BlobType
from holdfast.kernel.errors import Corrupt, NotFound
from holdfast.kernel.stop import Stop
from holdfast.vault.blobs import BlobReader
from holdfast.vault.fetching import neighbours
from holdfast.vault.index_view import IndexView, Runs
from holdfast.vault.proving import Found, Job, PackId, Progress, adjoin, read_all, read_pack, read_rest, read_span
from holdfast.vault.reaching import Lost, Reached, reached
from holdfast.vault.repository import MAX_DEPTH, Repository
from holdfast.vault.stores.base import pieces
from holdfast.vault.subset import Choice

_SPAN = 8 << 20  # bytes of a pack read together
_MOST_ERRORS = 100


@dataclass(frozen=True)
class VerifyReport:
    """What L1 read: every blob of one snapshot, each once. No error = every byte is as it was written.

    `sound`: packs that hold nothing else, and whose header was read too: proven as a check proves them. `unopened`: why
    only what is stored was compared, and not what is inside."""

    blobs: int
    bytes: int
    seconds: float
    errors: list[str] = field(default_factory=list)
    sound: frozenset[PackId] = field(default=frozenset(), repr=False)
    unopened: str | None = None


@dataclass(frozen=True)
class CheckReport:
    """What a check of the repository found. `errors` name what is affected; `errors_total` counts those not told too.

    `method`: "structure", "all data" or a subset's. `packs` and `blobs` are what there is, `packs_read` and `bytes`
    what was read whole; `sound` and `damaged` are the ids of the packs that were. `reached`: by id, every snapshot that
    cannot be restored whole. `archived`: packs that were to be read, and have to be asked for first."""

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
    archived: int = 0
    reached: Mapping[str, Reached] = field(default_factory=dict, repr=False)


def verify_snapshot(
    repo: Repository, snapshot_id: str, stop: Stop | None = None, progress: Progress | None = None
) -> VerifyReport:
    """Read and hash every blob the snapshot needs. Damage is reported, not raised; Cancelled, store faults and Conflict
    (someone prunes) are. Holds the readers' lock, and one bit for each blob of the repository."""
    began, stop = time.monotonic(), stop or Stop()
    errors: list[str] = []
    bad: set[PackId] = set()
    whole: list[PackId] = []

    def take(found: Found) -> None:
        errors.extend(found.errors)
        if found.errors:
            bad.add(found.pack)
        if found.rest:
            whole.append(found.pack)

    def jobs() -> Iterator[Job]:
        for pack, blobs in view.contents(chosen):
            for span in neighbours(blobs, _SPAN):
                yield partial(read_span, repo, pack, span)
            if adjoin(blobs):
                yield partial(read_rest, repo, pack, blobs)

    with repo.locks.reading():
        view = repo.index().view()
        chosen, missing = view.choose(), 0
        try:
            for _, node in repo.files(snapshot_id):
                stop.check()
                absent = chosen.add(node.content)
                missing += len(absent)
                errors += [f"blob {blob.hex()[:12]} is in no index" for blob in absent[: _MOST_ERRORS - len(errors)]]
            blobs = chosen.count
            chosen.add(b"".join(_trees(repo.reader(), repo.root_of(snapshot_id))), BlobType.TREE)
        except Corrupt as error:
            blobs = chosen.count
            errors.append(error.message)
        read = read_all(jobs(), chosen.bytes, take, stop, progress)
    seconds = time.monotonic() - began
    return VerifyReport(blobs + missing, read, seconds, errors[:_MOST_ERRORS], frozenset(whole) - bad)


def check_repository(
    repo: Repository,
    *,
    read_data: bool,
    choice: Choice | None = None,
    suspects: Collection[PackId] = (),
    stop: Stop | None = None,
    progress: Progress | None = None,
) -> CheckReport:
    """Structure: every index, pack size, snapshot and tree. `read_data`: every byte of every pack as well, read once;
    with a `choice` only of the packs it chooses. `suspects`, which were found damaged before, are read in any case.

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
        blobs, wrong, whole, short = _structure(view, present, stop)
        errors += wrong
        broken = _broken(repo, snapshots, stop)
        errors += [f"snapshot {snapshot[:12]}: {why}" for snapshot, why in broken.items()]
        wanted = _wanted(whole, read_data, choice, suspects)
        read, sound, damaged = 0, list[bytes](), list[bytes]()
        lost = Lost(repo.reader())
        if short:
            for pack, listed in view.contents():
                if (size := short.get(pack)) is not None:
                    lost.add(pack, (blob.id for blob in listed if blob.offset + blob.length > size))
        if wanted:

            def take(found: Found) -> None:
                (damaged if found.errors else sound).append(found.pack)
                errors.extend(found.errors)
                lost.add(found.pack, found.lost)

            jobs = (
                (lambda pack=pack, listed=listed, size=size: read_pack(repo, pack, listed, size))
                for pack, listed in view.contents()
                if (size := wanted.get(pack)) is not None
            )
            read = read_all(jobs, sum(wanted.values()), take, stop, progress)
        affected = reached(repo, snapshots, lost, broken, stop)
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
        reached=affected,
    )


def _wanted(
    whole: dict[PackId, int], read_data: bool, choice: Choice | None, suspects: Collection[PackId]
) -> dict[PackId, int]:
    """The packs to read, with their sizes."""
    if choice is None and read_data:
        return whole
    chosen = set(choice.of(whole)) if choice is not None else set[PackId]()
    return {pack: whole[pack] for pack in chosen.union(suspects) if pack in whole}


def _structure(
    view: IndexView, present: dict[bytes, int], stop: Stop
) -> tuple[int, list[str], dict[bytes, int], dict[bytes, int]]:
    """(blobs, what is wrong with packs that an index names, sizes of those that are there, and of those that are
    missing or too short). Packs no index names are only waste, not damage."""
    count, errors, whole, short = 0, list[str](), dict[bytes, int](), dict[bytes, int]()
    for pack, blobs, end in view.extents():
        stop.check()
        count += blobs
        size = present.get(pack)
        if size is None:
            errors.append(f"pack {pack.hex()[:12]} is missing: {blobs} blobs are lost")
            short[pack] = 0
            continue
        whole[pack] = size
        if size < end + 4:
            errors.append(f"pack {pack.hex()[:12]} has {size} bytes, its blobs need {end}")
            short[pack] = size
    return count, errors, whole, short


def _broken(repo: Repository, snapshots: Sequence[str], stop: Stop) -> dict[str, str]:
    """Snapshots whose structure is not whole, and how."""
    errors: dict[str, str] = {}
    reader, seen, runs = repo.reader(), dict[bytes, int](), Runs()
    for snapshot in snapshots:
        stop.check()
        try:
            missing = _missing(reader, repo.root_of(snapshot), seen, runs, stop)
            if missing:
                errors[snapshot] = f"{missing} blobs are in no index"
        except NotFound:
            continue  # forgotten meanwhile
        except Corrupt as error:
            errors[snapshot] = error.message
    return errors


def _trees(reader: BlobReader, root: bytes, depth: int = 0) -> Iterator[bytes]:
    """Ids of all trees, so that their packs are proven like the others."""
    if depth > MAX_DEPTH:
        raise Corrupt("its directories are nested too deeply")
    yield root
    for node in tree.parse(reader.read(root, BlobType.TREE)):
        if node.subtree is not None:
            yield from _trees(reader, node.subtree, depth + 1)


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
