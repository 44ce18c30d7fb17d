"""Many small snapshots at once: one lock, packs and indexes shared, each snapshot still one of its own.

A group's blobs are stored and named in one index, then come its snapshots' documents. What fails in one capture fails
that snapshot alone; what fails in the store or in memory ends the batch, since others may rely on the same blobs.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager
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

GROUP = 64


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


class Batch:
    """One lock, one index, shared packs; `write` takes group after group. See `batching`."""

    def __init__(
        self, repo: Repository, lock: Held, stop: Stop, options: SnapshotOptions, pool: ThreadPoolExecutor
    ) -> None:
        self.repo, self.lock, self.stop, self.options, self.pool = repo, lock, stop, options, pool
        self.known = Known(repo)
        limit = Bandwidth(options.bandwidth, stop)
        self.packer = Packer(repo, lambda _: None, self.known.named, lock.require, limit)
        self._of_thread = threading.local()

    def _sealer(self) -> Sealer:
        """This thread's own: setting a compressor up costs as much as it takes to compress a small blob."""
        if not hasattr(self._of_thread, "sealer"):
            self._of_thread.sealer = Sealer(self.repo, self.options)
        made: Sealer = self._of_thread.sealer
        return made

    def write(self, group: Sequence[Wish], unwanted: Callable[[], Collection[int]] | None = None) -> list[Outcome]:
        """Each its snapshot or why there is none, in order. Everything is durable and in an index before the first
        document is written. `unwanted` is asked just before that: which of the group nobody wants any more (Cancelled).

        Raises what `write_snapshots` does; of the group some snapshots may stand then, whole."""
        stored = _stored(self, group)
        self.stop.check()
        for index in unwanted() if unwanted is not None else ():
            stored[index] = Cancelled("cancel requested")
        return list(self.pool.map(self._put, group, stored))

    def _put(self, wish: Wish, stored: _Stored | HoldfastError) -> Outcome:
        if isinstance(stored, HoldfastError):
            return stored
        name = put_snapshot(self.repo, self.lock, wish.about, stored.root)
        return WrittenSnapshot(name, stored.manifest, stored.line.stats)

    def store(self, wish: Wish) -> _Stored | HoldfastError:
        """Everything but the document. What goes wrong with this capture alone is returned."""
        try:
            self.stop.check()
            with wish.capture() as capture:
                parent = self.repo.nodes(wish.about.parent) if wish.about.parent else {}
                line = _SmallLine(
                    self.repo, parent, self.stop, None, self.options, self.lock, self.known, self.packer, self._sealer()
                )
                manifest = complete(line.run(capture), line.files, wish.about.facts)
                extra = {MANIFEST: manifest_to_json(manifest), **capture.companions()}
                root = store_trees(line.files, extra, line.add_now, timestamp(self.repo.clock.now()))
            return _Stored(root, manifest, line)
        except Cancelled:
            raise
        except HoldfastError as error:
            return error


@contextmanager
def batching(
    repo: Repository, *, stop: Stop | None = None, options: SnapshotOptions | None = None, patience: float = 0.0
) -> Iterator[Batch]:
    """Hold the repository's lock for many groups; also for readers, which then share one lock file.

    Each snapshot is read by one thread, `options.workers` of them at once: for databases that are small beside a pack.
    Raises Conflict (locked, for more than `patience` seconds)."""
    stop, options = stop or Stop(), options or SnapshotOptions()
    with (
        repo.locks.held(stop=stop, wait=patience) as lock,
        repo.locks.reading(),
        ThreadPoolExecutor(max(2, options.workers), thread_name_prefix="pipeline-batch") as pool,
    ):
        repo.store.sweep()
        yield Batch(repo, lock, stop, options, pool)


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

    Raises Cancelled, DiskFull, Corrupt (a blob that does not survive sealing), Conflict (locked), Retryable; what
    `done` heard of until then stands; of the same group others may stand too, whole.
    """
    outcomes: list[Outcome] = []
    with batching(repo, stop=stop, options=options, patience=patience) as batch:
        for at in range(0, len(wishes), GROUP):
            for outcome in batch.write(wishes[at : at + GROUP]):
                if done is not None:
                    done(len(outcomes), outcome)
                outcomes.append(outcome)
    return outcomes


def _stored(batch: Batch, group: Sequence[Wish]) -> list[_Stored | HoldfastError]:
    """A group's blobs, durable and in an index."""
    futures = [batch.pool.submit(batch.store, wish) for wish in group]
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


def _give_up(batch: Batch, error: BaseException) -> NoReturn:
    if isinstance(error, Cancelled):
        batch.packer.write_index()  # refuses without the lock
    if isinstance(error, DiskFull):
        batch.packer.discard()
    raise error
