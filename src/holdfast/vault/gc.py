"""Collecting garbage in two phases, beside running snapshots and beside stock restic.

Mark: under a shared lock, what no snapshot needs is written down. Delete: after a grace, under restic's exclusive lock,
everything is derived again, and what both looks found unneeded goes.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Literal

from holdfast.kernel.clock import timestamp
from holdfast.kernel.crashpoints import crash_point
from holdfast.kernel.errors import Conflict
from holdfast.kernel.stop import Stop
from holdfast.vault.gc_locks import Locks
from holdfast.vault.gc_mark import Mark, read_mark, write_mark
from holdfast.vault.gc_survey import Survey, survey
from holdfast.vault.gc_sweep import Doomed, Progress, Sweeper, doomed
from holdfast.vault.locks import Held
from holdfast.vault.repository import Repository

State = Literal["dry_run", "marked", "waiting", "busy", "freed"]


@dataclass(frozen=True)
class GcOptions:
    """`grace` between mark and delete. `waste`: the share of a pack that makes copying the rest worth it. `wait`:
    seconds for snapshots that are running to end."""

    grace: timedelta = timedelta(hours=23)
    waste: float = 0.25
    wait: float = 600.0


@dataclass(frozen=True)
class GcReport:
    """`state`: marked = the first phase; waiting = within the grace; busy = someone held a lock; freed = the second
    phase. `free_bytes` could go in all, `freed_bytes` went; `kept_bytes` are not worth a copy. Sizes in bytes.
    `locked_bytes` would go, but the store holds them until `locked_until`; `locks_renewed`: pieces, see `gc_locks`."""

    state: State
    snapshots: int = 0
    packs: int = 0
    blobs: int = 0
    used_blobs: int = 0
    bytes: int = 0
    free_bytes: int = 0
    kept_bytes: int = 0
    packs_deleted: int = 0
    packs_repacked: int = 0
    freed_bytes: int = 0
    marked_at: datetime | None = None
    due_at: datetime | None = None
    reason: str | None = None
    locked_bytes: int = 0
    locked_until: datetime | None = None
    locks_renewed: int = 0

    def as_json(self) -> dict[str, Any]:
        moments = ("marked_at", "due_at", "locked_until")
        told = {name: getattr(self, name) for name in moments}
        return asdict(self) | {name: timestamp(at) if at else None for name, at in told.items()}


def collect(
    repo: Repository,
    options: GcOptions | None = None,
    *,
    dry_run: bool = False,
    stop: Stop | None = None,
    progress: Progress | None = None,
) -> GcReport:
    """The phase that is due. A dry run says what both would free and writes nothing.

    Raises Corrupt (code "gc_refused") when a needed blob is missing or a needed pack has another size; NeedsOperator
    (code "repository_append_only"); Conflict (code "repository_locked") when someone prunes; Retryable when the lock
    went meanwhile; Cancelled.
    """
    run = _Collection(repo, options or GcOptions(), stop or Stop(), progress or _silent)
    if dry_run:
        return run.look()
    mark = read_mark(repo)
    if mark is None:
        return run.mark()
    due = mark.at + run.options.grace
    if mark.age(repo.clock) < run.options.grace:
        reason = "what was found unneeded waits for the end of its grace"
        return GcReport("waiting", marked_at=mark.at, due_at=due, reason=reason)
    return run.delete(mark)


class _Collection:
    def __init__(self, repo: Repository, options: GcOptions, stop: Stop, progress: Progress) -> None:
        self._repo, self.options, self._stop, self._progress = repo, options, stop, progress
        self._locks = Locks(repo, stop, progress)

    def look(self) -> GcReport:
        with self._repo.locks.reading():
            found = self._survey()
            return self._report("dry_run", found, doomed(self._repo, found, None, self.options.waste, self._stop))

    def mark(self) -> GcReport:
        with self._repo.locks.reading():
            found = self._survey()
            going = doomed(self._repo, found, None, self.options.waste, self._stop)
            mark = self._new_mark(found)
            renewed = self._locks.renew(going.useless())
        return replace(self._report("marked", found, going, mark), locks_renewed=renewed)

    def delete(self, mark: Mark) -> GcReport:
        """When others keep it busy for too long, or a lock may be in force that only looks old, nothing is deleted."""
        doubtful = frozenset(self._repo.locks.doubtful())
        if doubtful - mark.locks:
            write_mark(self._repo, mark.with_locks(mark.locks | doubtful))
            return self._busy(
                mark, "a lock was not refreshed for long; it is believed dead when it is still so next time"
            )
        try:
            with self._repo.locks.held(exclusive=True, stop=self._stop, wait=self.options.wait) as lock:
                return self._delete(mark, lock)
        except Conflict as error:
            return self._busy(mark, error.message)

    def _delete(self, mark: Mark, lock: Held) -> GcReport:
        self._repo.store.sweep()
        found = self._survey()
        going = doomed(self._repo, found, mark, self.options.waste, self._stop, self._locks.holds)
        sweeper = Sweeper(self._repo, found, lock, self._stop, self._progress)
        sweeper.sweep(going)
        lock.require()
        left = self._new_mark(_without(found, going))
        report = self._report("freed", found, going, left, freed=True)
        useless = doomed(self._repo, found, None, self.options.waste, self._stop).useless()
        report = replace(report, locked_until=self._locks.until, locks_renewed=self._locks.renew(useless))
        if going.locked:
            report = replace(report, reason="what the store still locks stays until its lock ends")
        return report if not sweeper.no_room else _short_of_room(report)

    def _survey(self) -> Survey:
        self._progress("looking", 0, 1)
        found = survey(self._repo, self._stop)
        self._progress("looking", 1, 1)
        return found

    def _new_mark(self, found: Survey) -> Mark:
        mark = Mark.of(found, frozenset(self._repo.locks.doubtful()), self._repo.clock)
        crash_point("gc.mark")
        write_mark(self._repo, mark)
        crash_point("gc.mark.done")
        return mark

    def _busy(self, mark: Mark, reason: str) -> GcReport:
        return GcReport("busy", marked_at=mark.at, due_at=mark.at + self.options.grace, reason=reason)

    def _report(
        self, state: State, found: Survey, going: Doomed, mark: Mark | None = None, *, freed: bool = False
    ) -> GcReport:
        return GcReport(
            state,
            snapshots=found.snapshots,
            packs=found.packs,
            blobs=found.blobs,
            used_blobs=found.used,
            bytes=found.size,
            free_bytes=going.freed,
            kept_bytes=going.kept,
            locked_bytes=going.locked,
            packs_deleted=len(going.packs) + len(going.orphans) if freed else 0,
            packs_repacked=len(going.repacked) if freed else 0,
            freed_bytes=going.freed if freed else 0,
            marked_at=mark.at if mark else None,
            due_at=mark.at + self.options.grace if mark else None,
        )


def _without(found: Survey, going: Doomed) -> Survey:
    gone = {*going.packs, *going.repacked}
    return replace(
        found,
        wastes={pack: waste for pack, waste in found.wastes.items() if pack not in gone},
        orphans={name: size for name, size in found.orphans.items() if name not in going.orphans},
    )


def _short_of_room(report: GcReport) -> GcReport:
    return replace(report, reason="there was no room to copy what is needed out of wasteful packs")


def _silent(phase: str, done: int, total: int) -> None:  # noqa: ARG001  nobody watches
    return None
