"""Many small snapshots at once: one lock, packs and indexes shared, each snapshot still one of its own.

A group's blobs are stored and named in one index, then come its snapshots' documents. What fails in one capture fails
that snapshot alone; what fails in the store or in memory ends the batch, since others may rely on the same blobs.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import NoReturn

from holdfast.contract.codec import manifest_to_json
from holdfast.contract.snapshot import Capture, Manifest
from holdfast.formats.restic.pack import BlobType
from holdfast.kernel.clock import timestamp
from holdfast.kernel.errors import Cancelled, DiskFull, HoldfastError
from holdfast.kernel.stop import Stop
from holdfast.vault.known import Known
from holdfast.vault.layout import complete, require_path, store_trees
from holdfast.vault.limiting import Bandwidth
from holdfast.vault.line import Chunk, Line
from holdfast.vault.locks import Held
from holdfast.vault.options import SnapshotOptions
from holdfast.vault.packing import Packer
from holdfast.vault.pipeline import About, WrittenSnapshot, put_snapshot
from holdfast.vault.repository import MANIFEST, Repository
from holdfast.vault.sealer import Sealer

_GROUP = 64


@dataclass(frozen=True)
class Wish:
    """One snapshot of a batch. `capture` makes the capture when its turn comes; it is entered, read and left then."""

    capture: Callable[[], AbstractContextManager[Capture]]
    about: About


Outcome = WrittenSnapshot | HoldfastError


class _Ended(Exception):
    """What was claimed could not be stored: nobody who shares the packs may go on. The cause says why."""


class _SmallLine(Line):
    """All stages in the thread that reads: a small database is done before threads would have started."""

    def begin(self) -> _SmallLine:
        self._sealer = Sealer(self.repo, self.options)
        return self

    def take(self, chunks: Sequence[Chunk], weight: int) -> None:  # noqa: ARG002  nobody waits here
        try:
            self.pack(chunks, self._sealer, self.packer.store)
        except Exception as error:
            raise _Ended from error

    def add_now(self, data: bytes, kind: BlobType) -> bytes:
        try:
            return super().add_now(data, kind)
        except Exception as error:
            raise _Ended from error

    def run(self, capture: Capture) -> Manifest:
        for entry in capture.entries():
            self.stop.check()
            require_path(entry.path)
            self.files.append(self.read(entry))
            self._count(entries_done=1)
        return capture.finish()


@dataclass(frozen=True)
class _Stored:
    root: bytes
    manifest: Manifest
    line: _SmallLine


class _Batch:
    def __init__(self, repo: Repository, lock: Held, stop: Stop, options: SnapshotOptions) -> None:
        self.repo, self.lock, self.stop, self.options = repo, lock, stop, options
        self.known = Known(repo)
        limit = Bandwidth(options.bandwidth, stop)
        self.packer = Packer(repo, lambda _: None, self.known.named, lock.require, limit)

    def store(self, wish: Wish) -> _Stored | HoldfastError:
        """Everything but the document. What goes wrong with this capture alone is returned."""
        try:
            self.stop.check()
            parent = self.repo.nodes(wish.about.parent) if wish.about.parent else {}
            line = _SmallLine(
                self.repo, parent, self.stop, None, self.options, self.lock, self.known, self.packer
            ).begin()
            with wish.capture() as capture:
                manifest = complete(line.run(capture), line.files, wish.about.facts)
                extra = {MANIFEST: manifest_to_json(manifest), **capture.companions()}
                root = store_trees(line.files, extra, line.add_now, timestamp(self.repo.clock.now()))
            return _Stored(root, manifest, line)
        except Cancelled:
            raise
        except HoldfastError as error:
            return error


def write_snapshots(
    repo: Repository,
    wishes: Sequence[Wish],
    *,
    done: Callable[[int, Outcome], None] | None = None,
    stop: Stop | None = None,
    options: SnapshotOptions | None = None,
    patience: float = 0.0,
) -> list[Outcome]:
    """In the order of the wishes, each its snapshot or why there is none. `done` hears of each when that is sure.

    Each is read by one thread, `options.workers` of them at once: for databases that are small beside a pack. Raises
    Cancelled, DiskFull, Corrupt (a blob that does not survive sealing), Conflict (locked), Retryable; what `done` heard
    of until then stands; of the same group others may stand too, whole.
    """
    stop, options = stop or Stop(), options or SnapshotOptions()
    outcomes: list[Outcome] = []
    with (
        repo.locks.held(stop=stop, wait=patience) as lock,
        ThreadPoolExecutor(max(2, options.workers), thread_name_prefix="pipeline-batch") as pool,
    ):
        repo.store.sweep()
        batch = _Batch(repo, lock, stop, options)

        def put(pair: tuple[Wish, _Stored | HoldfastError]) -> Outcome:
            wish, stored = pair
            if isinstance(stored, HoldfastError):
                return stored
            name = put_snapshot(repo, lock, wish.about, stored.root)
            return WrittenSnapshot(name, stored.manifest, stored.line.stats)

        for at in range(0, len(wishes), _GROUP):
            group = wishes[at : at + _GROUP]
            stored = _stored(batch, pool, group)
            stop.check()
            for outcome in pool.map(put, zip(group, stored, strict=True)):
                if done is not None:
                    done(len(outcomes), outcome)
                outcomes.append(outcome)
    return outcomes


def _stored(batch: _Batch, pool: ThreadPoolExecutor, group: Sequence[Wish]) -> list[_Stored | HoldfastError]:
    """A group's blobs, durable and in an index."""
    futures = [pool.submit(batch.store, wish) for wish in group]
    try:
        stored = [future.result() for future in futures]
        batch.packer.finish()
    except BaseException as error:  # noqa: BLE001  raised again by `_give_up`
        for future in futures:
            future.cancel()
        for future in futures:
            if not future.cancelled():
                future.exception()  # nobody stores any more after this
        _give_up(batch, error.__cause__ if isinstance(error, _Ended) and error.__cause__ else error)
    return stored


def _give_up(batch: _Batch, error: BaseException) -> NoReturn:
    if isinstance(error, Cancelled):
        batch.packer.write_index()  # refuses without the lock
    if isinstance(error, DiskFull):
        batch.packer.discard()
    raise error
