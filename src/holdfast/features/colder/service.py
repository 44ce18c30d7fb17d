"""What people ask of storage classes: a repository's rule, a run that moves, asking for what lies in an archive."""

from __future__ import annotations

from dataclasses import dataclass

from holdfast.contract.catalog import JSON
from holdfast.features.access.actor import Actor
from holdfast.features.backups.format_registry import format_of
from holdfast.features.backups.keys import Keys
from holdfast.features.backups.model import RepositoryRow, Snapshot
from holdfast.features.backups.repository_acts import found, record
from holdfast.features.backups.service import found as found_snapshot
from holdfast.features.backups.store import get as get_row
from holdfast.features.colder import store
from holdfast.features.colder.deciding import require_allowed, store_rules
from holdfast.features.colder.model import ClassesRow, ColderRule, Prices, invalid
from holdfast.jobs import Jobs, Run
from holdfast.kernel import audit
from holdfast.kernel.clock import Clock
from holdfast.kernel.db import Database
from holdfast.kernel.errors import Conflict
from holdfast.vault.stores.classes import COLDER, HOT, Tier

MOVE, THAW = "repository.colder", "snapshot.thaw"
MOST_PRICE = 1000.0


@dataclass(frozen=True)
class Shown:
    repository: RepositoryRow
    classes: ClassesRow | None
    archives: bool


class ColderService:
    """Every verb takes the actor first and raises Denied or NotFound before it reads or writes anything else."""

    def __init__(self, db: Database, jobs: Jobs, keys: Keys, clock: Clock) -> None:
        self._db, self._jobs, self._keys, self._clock = db, jobs, keys, clock

    def show(self, actor: Actor, repository_id: str) -> Shown:
        with self._db.read() as conn:
            row = found(conn, actor, repository_id, "repository.read")
            return Shown(row, store.get(conn, row.id), format_of(row).abilities.archives)

    def set(self, actor: Actor, repository_id: str, rule: ColderRule | None) -> Shown:
        """Nothing moves now. A rule for the store is written there first and read back; one that was there and is not
        wanted any more is taken away. Rules of others stay as they are. Raises Conflict (codes "colder_unsupported",
        "colder_unsafe", "colder_by_store", "colder_locked"), NeedsOperator (codes "lifecycle_hidden",
        "lifecycle_lost")."""
        with self._db.read() as conn:
            row = found(conn, actor, repository_id, "repository.update")
            before = store.get(conn, row.id)
        if rule is not None:
            require_allowed(row, rule)
        old = before.colder if before else None
        if "store" in (rule.by if rule else None, old.by if old else None):
            self._at_store(row, rule)
        with self._db.write() as conn:
            row = found(conn, actor, repository_id, "repository.update")
            told = rule.as_json() if rule else None
            kept = store.put(conn, row.id, actor.id, self._clock.now(), rule=told)
            said = {name: str(value) for name, value in (told or {}).items() if value is not None}
            record(conn, actor, row, "repository.colder.set", **(said or {"rule": "none"}))
            return Shown(row, kept, format_of(row).abilities.archives)

    def _at_store(self, row: RepositoryRow, rule: ColderRule | None) -> None:
        shelves = self._keys.shelves(row)
        if shelves is None:
            return
        try:
            shelves.put_rules(*store_rules(row, rule))
        finally:
            shelves.close()

    def price(self, actor: Actor, repository_id: str, prices: Prices | None) -> Shown:
        """What a GB costs in a month, by class; None: not known any more."""
        _check(prices)
        with self._db.write() as conn:
            row = found(conn, actor, repository_id, "repository.update")
            kept = store.put(conn, row.id, actor.id, self._clock.now(), prices=prices.as_json() if prices else None)
            record(conn, actor, row, "repository.prices", currency=prices.currency if prices else "none")
            return Shown(row, kept, format_of(row).abilities.archives)

    def move(self, actor: Actor, repository_id: str, *, dry_run: bool, back: bool) -> tuple[RepositoryRow, Run]:
        """A run that counts by class and moves what the rule says; `back`: everything to the first class again. A dry
        run needs only the permission to check."""
        with self._db.write() as conn:
            row = found(conn, actor, repository_id, "repository.check" if dry_run else "repository.gc")
            if row.state != "ready":
                raise Conflict("nothing was stored in this repository yet", code="repository_new")
            kept = store.get(conn, row.id)
            if not dry_run and not back and (kept is None or kept.rule is None):
                hint = "Set one first: holdfast repo colder NAME --after 90 --class GLACIER_IR"
                raise Conflict("the repository has no rule", code="colder_no_rule", hint=hint)
            asked: dict[str, JSON] = {"repository_id": row.id, "dry_run": dry_run, "back": back}
            run = self._jobs.submit(
                conn, kind=MOVE, actor=actor.id, project_id=row.project_id, input=asked, node=row.node
            )
            said = {"run_id": run.id, "dry_run": str(dry_run).lower(), "back": str(back).lower()}
            record(conn, actor, row, MOVE, **said)
            return row, run

    def thaw(self, actor: Actor, snapshot_id: str, days: int, tier: Tier) -> tuple[Snapshot, Run]:
        """A run that asks the store for what lies in an archive of a snapshot. It can be read some hours later, for so
        many days; asking again says how far it is."""
        with self._db.write() as conn:
            snapshot = found_snapshot(conn, actor, snapshot_id, "snapshot.restore")
            row = get_row(conn, RepositoryRow, snapshot.repository_id)
            if snapshot.state != "ready" or row is None:
                raise Conflict(f"the snapshot is {snapshot.state}", code="snapshot_state")
            if row.kind != "s3" or not format_of(row).abilities.archives:
                raise Conflict(
                    "this snapshot cannot lie in an archive", code="colder_unsupported", hint="Restore it: it is there."
                )
            run = self._jobs.submit(
                conn,
                kind=THAW,
                actor=actor.id,
                project_id=snapshot.project_id,
                environment_id=snapshot.environment_id,
                resource_id=snapshot.resource_id,
                input={"snapshot_id": snapshot.id, "days": days, "tier": tier},
            )
            audit.record(
                conn,
                actor=actor.id,
                action=THAW,
                project_id=snapshot.project_id,
                environment_id=snapshot.environment_id,
                resource_id=snapshot.resource_id,
                details={"snapshot_id": snapshot.id, "days": days, "tier": tier, "run_id": run.id},
            )
            return snapshot, run


def _check(prices: Prices | None) -> None:
    for name, price in prices.per_gb_month.items() if prices else ():
        if name not in (HOT, *COLDER, "disk"):
            raise invalid("prices", f"are by class: {', '.join((HOT, *COLDER))}, or disk")
        if not 0 <= price <= MOST_PRICE:
            raise invalid("prices", f"are from 0 to {MOST_PRICE:g}")
