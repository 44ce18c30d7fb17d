"""The runner's side: counting by class, moving, asking for what lies in an archive; each day for every rule."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TypeVar

from holdfast.contract.catalog import JSON
from holdfast.features.backups import store as backups
from holdfast.features.backups.format_registry import format_of
from holdfast.features.backups.keys import Keys
from holdfast.features.backups.model import RepositoryRow, Snapshot
from holdfast.features.backups.places import RUNNER_PATIENCE
from holdfast.features.colder import store
from holdfast.features.colder.deciding import Move, Young, by_class, moves, moves_back, store_rules
from holdfast.features.colder.model import ColderRule
from holdfast.features.colder.service import MOVE, THAW
from holdfast.jobs import Jobs, TaskRegistry
from holdfast.jobs.model import TaskContext
from holdfast.kernel import audit
from holdfast.kernel.clock import Clock, timestamp
from holdfast.kernel.crashpoints import crash_point
from holdfast.kernel.db import Database
from holdfast.kernel.errors import NeedsOperator, NotFound
from holdfast.vault.stores.classes import HOURS, Shelved, Shelves, Tier
from holdfast.vault.stores.cloud_errors import ARCHIVED
from holdfast.vault.stores.retrying import RetryingStore

ALL = "repository.colder-all"
DAILY = "23 4 * * *"
_TOLD = 200  # moves that a result tells by name; the run's log has all
T = TypeVar("T")


class ColderTasks:
    """Each may be run again from the start: a piece that is there already is not moved again."""

    def __init__(self, db: Database, jobs: Jobs, keys: Keys, clock: Clock) -> None:
        self._db, self._jobs, self._keys, self._clock = db, jobs, keys, clock

    def register(self, tasks: TaskRegistry) -> None:
        tasks.add(MOVE, self.move)
        tasks.add(THAW, self.thaw)
        tasks.add(ALL, self.all)

    def all(self, ctx: TaskContext) -> Mapping[str, JSON]:
        """Every repository with a rule."""
        with ctx.commit() as conn:
            rows = store.ruled(conn)
            for row in rows:
                asked: dict[str, JSON] = {"repository_id": row.id, "dry_run": False, "back": False}
                self._jobs.submit(
                    conn, kind=MOVE, actor=ctx.run.actor, project_id=row.project_id, input=asked, trigger="schedule"
                )
        return {"repositories": len(rows)}

    def move(self, ctx: TaskContext) -> Mapping[str, JSON]:
        row = self._row(str(ctx.run.input["repository_id"]))
        dry_run, back = bool(ctx.run.input.get("dry_run")), bool(ctx.run.input.get("back"))
        with self._db.read() as conn:
            kept, newest = store.get(conn, row.id), store.newest_good(conn, row.id)
        rule = kept.colder if kept else None
        opened = self._keys.open(row, ctx.stop)
        shelves = self._keys.shelves(row)
        if shelves is None:
            raise NeedsOperator(
                "the place of this repository has one storage class",
                code="colder_unsupported",
                hint="See the how-to on colder storage.",
            )
        try:
            work = _Mover(ctx, shelves, RetryingStore(opened.store, self._clock, RUNNER_PATIENCE, stop=ctx.stop))
            ctx.progress("listing")
            shelved = work.listing()
            result: dict[str, JSON] = {"repository_id": row.id, "dry_run": dry_run, "back": back}
            if back:
                done = work.carry_out(moves_back(shelved), dry_run=dry_run)
            elif rule is None or rule.by == "store":
                done = work.carry_out((), dry_run=dry_run)
                result["store_rules"] = work.held(row, rule)
            else:
                young = Young(self._clock.now(), rule, newest)
                with format_of(row).movable(opened, young, ctx.stop, _progress(ctx)) as movable:
                    done = work.carry_out(moves(rule, shelved, movable), dry_run=dry_run)
        finally:
            shelves.close()
        return self._keep(ctx, row, shelved, done, result, dry_run=dry_run)

    def _keep(
        self,
        ctx: TaskContext,
        row: RepositoryRow,
        shelved: Sequence[Shelved],
        done: _Done,
        result: dict[str, JSON],
        *,
        dry_run: bool,
    ) -> Mapping[str, JSON]:
        """Counts as they are now, and who moved what why."""
        moved = {} if dry_run else {each.piece.name: each.to for each in done.moved}
        now = [Shelved(one.name, one.size, moved.get(one.name, one.storage_class)) for one in shelved]
        classes: dict[str, JSON] = {
            name: {"pieces": pieces, "bytes": size} for name, (pieces, size) in sorted(by_class(now).items())
        }
        with ctx.commit() as conn:
            at = self._clock.now()
            ids = sorted({each.snapshot for each in done.moved if each.snapshot})
            names = store.named(conn, row.id, ids[:_TOLD])
            told: list[JSON] = [_told(each, names) for each in done.moved[:_TOLD]]
            result |= {
                "classes": classes,
                "pieces": len(done.moved),
                "bytes": sum(each.piece.size for each in done.moved),
                "waiting": done.waiting,
                "moves": told,
            }
            store.put(conn, row.id, ctx.run.actor, at, counted={"at": timestamp(at), "classes": classes})
            if done.moved and not dry_run:
                details = {
                    "repository_id": row.id,
                    "name": row.name,
                    "run_id": ctx.run.id,
                    "pieces": len(done.moved),
                    "bytes": result["bytes"],
                    "to": done.moved[0].to,
                    "reason": done.moved[0].reason,
                    "snapshots": ids[:_TOLD],
                }
                action = "repository.colder.moved"
                audit.record(conn, actor=ctx.run.actor, action=action, project_id=row.project_id, details=details)
        return result

    def thaw(self, ctx: TaskContext) -> Mapping[str, JSON]:
        """Ask for each piece that lies in an archive; again: how far it is."""
        snapshot_id, days = str(ctx.run.input["snapshot_id"]), int(str(ctx.run.input["days"]))
        tier: Tier = ctx.run.input["tier"]  # type: ignore[assignment] # checked by the api
        with self._db.read() as conn:
            snapshot = backups.get(conn, Snapshot, snapshot_id)
        if snapshot is None:
            raise NotFound("the snapshot is gone")
        row = self._row(snapshot.repository_id)
        opened, shelves = self._keys.open(row, ctx.stop), self._keys.shelves(row)
        if shelves is None:
            raise NotFound("the repository has moved")
        try:
            work = _Mover(ctx, shelves, RetryingStore(opened.store, self._clock, RUNNER_PATIENCE, stop=ctx.stop))
            pieces = [work.look(name) for name in format_of(row).heavy(opened, snapshot.restic_id or snapshot.id)]
            waiting = [piece for piece in pieces if not piece.readable]
            for piece in waiting:
                work.ask_for(piece, days, tier)
        finally:
            shelves.close()
        hours = [HOURS.get((piece.storage_class, tier), "some hours") for piece in waiting]
        asked = sum(not piece.asked for piece in waiting)
        return {
            "snapshot_id": snapshot.id,
            "readable": not waiting,
            "asked": asked,
            "expected": ", ".join(sorted(set(hours))),
        }

    def _row(self, repository_id: str) -> RepositoryRow:
        with self._db.read() as conn:
            row = backups.get(conn, RepositoryRow, repository_id)
        if row is None:
            raise NotFound("the repository is gone")
        return row


class _Done:
    """`waiting`: pieces that lie in an archive and were not asked for."""

    def __init__(self) -> None:
        self.moved: list[Move] = []
        self.waiting = 0


class _Mover:
    """Calls to the store that are tried again, in a run that can be stopped."""

    def __init__(self, ctx: TaskContext, shelves: Shelves, patient: RetryingStore) -> None:
        self._ctx, self._shelves, self._patient = ctx, shelves, patient

    def _call(self, act: Callable[[], T]) -> T:
        self._ctx.stop.check()
        return self._patient.call(act)

    def listing(self) -> list[Shelved]:
        """About 300 bytes a piece."""
        return self._call(lambda: [*self._shelves.listing()])

    def look(self, name: str) -> Shelved:
        return self._call(lambda: self._shelves.look(name))

    def ask_for(self, piece: Shelved, days: int, tier: Tier) -> None:
        self._call(lambda: self._shelves.ask_for(piece.name, days, tier))

    def held(self, row: RepositoryRow, rule: ColderRule | None) -> str:
        """Whether the store's own rules are as they were written."""
        wanted = {each.id for each in store_rules(row, rule)[0]}
        there = self._call(self._shelves.rules)
        if there is None:
            return "hidden"
        return "held" if wanted <= {each.id for each in there if each.enabled} else "missing"

    def carry_out(self, wanted: Sequence[Move], *, dry_run: bool) -> _Done:
        done, total = _Done(), sum(each.piece.size for each in wanted)
        sent = 0
        for each in wanted:
            if not each.piece.readable and not self.look(each.piece.name).readable:
                done.waiting += 1
            elif dry_run or self._moved(each):
                done.moved.append(each)
            sent += each.piece.size
            self._ctx.progress("looking" if dry_run else "moving", sent, total, "bytes")
        return done

    def _moved(self, move: Move) -> bool:
        """False when it was deleted meanwhile, or another run moved it."""
        try:
            self._call(lambda: self._shelves.move(move.piece.name, move.piece.size, move.to))
        except NotFound:
            return False
        except NeedsOperator as error:
            if error.code != ARCHIVED or self.look(move.piece.name).storage_class != move.to:
                raise
            return False
        crash_point("colder.moved")
        piece = move.piece
        self._ctx.log("moved", piece=piece.name, bytes=piece.size, was=piece.storage_class, to=move.to, why=move.reason)
        return True


class ColderSweep:
    """Called by the runner process every few seconds. Nothing to do after the first time."""

    def __init__(self, db: Database, jobs: Jobs) -> None:
        self._db, self._jobs, self._scheduled = db, jobs, False

    def sweep(self) -> None:
        if self._scheduled:
            return
        with self._db.write() as conn:
            self._jobs.schedule(conn, "repository-colder", ALL, cron=DAILY)
        self._scheduled = True


def _progress(ctx: TaskContext) -> Callable[[int, int], None]:
    return lambda done, total: ctx.progress("what snapshots need", done, total, "snapshots")


def _told(move: Move, names: Mapping[str, Snapshot]) -> JSON:
    snapshot = names.get(move.snapshot or "")
    return {
        "piece": move.piece.name,
        "bytes": move.piece.size,
        "from": move.piece.storage_class,
        "to": move.to,
        "snapshot_id": snapshot.id if snapshot else None,
        "database": snapshot.resource_name if snapshot else None,
        "reason": move.reason,
    }
