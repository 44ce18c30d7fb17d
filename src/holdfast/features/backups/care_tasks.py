"""Runs that look after repositories."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from holdfast.contract.catalog import JSON
from holdfast.features.backups import colouring, proofs, store
from holdfast.features.backups.colouring import Seen
from holdfast.features.backups.damage import explained
from holdfast.features.backups.format_registry import format_of
from holdfast.features.backups.keys import Keys
from holdfast.features.backups.model import CheckRow, RepositoryRow
from holdfast.jobs import TaskRegistry
from holdfast.jobs.model import TaskContext
from holdfast.kernel.clock import Clock
from holdfast.kernel.db import Database
from holdfast.kernel.errors import Corrupt, NotFound
from holdfast.kernel.ids import new_id
from holdfast.vault.check import CheckReport
from holdfast.vault.proving import Progress
from holdfast.vault.reaching import Reached
from holdfast.vault.repair import AffectedSnapshot, DamageReport, assess, rebuild_index
from holdfast.vault.subset import Choice, Within
from holdfast.vault.subset import Wish as Subset

_MOST = 50  # snapshots, packs and entries that a result tells by name


class CareTasks:
    """The runner's side of `care_service`."""

    def __init__(self, db: Database, keys: Keys, clock: Clock) -> None:
        self._db, self._keys, self._clock = db, keys, clock

    def register(self, tasks: TaskRegistry) -> None:
        tasks.add("repository.check", explained(self.check))
        tasks.add("repository.usage", explained(self.usage))
        tasks.add("repository.repair", explained(self.repair))

    def check(self, ctx: TaskContext) -> Mapping[str, JSON]:
        """Structure, and every byte of what is to be read. Recorded, then raises Corrupt with what is wrong."""
        row = self._row(ctx)
        read_data, choice = bool(ctx.run.input.get("read_data")), self._choice(ctx, row)
        repository = self._keys.open(row, ctx.stop)
        report = repository.check(read_data, ctx.stop, _progress(ctx, "checking", "bytes"), choice, self._suspects(row))
        kept, red, whole = self._record(ctx, row, report)
        result: dict[str, JSON] = {
            "repository_id": row.id,
            "check_id": kept.id,
            "method": report.method,
            "read_data": read_data,
            "packs": report.packs,
            "packs_read": report.packs_read,
            "packs_archived": report.archived,
            "blobs": report.blobs,
            "bytes": report.bytes,
            "bytes_total": report.bytes_total,
            "seconds": kept.seconds,
            "errors": list(report.errors),
            "snapshots_affected": red,
            "snapshots_mended": whole,
        }
        with ctx.commit() as conn:
            last = {**result, "ok": kept.ok, "at": kept.at.isoformat(), "run_id": ctx.run.id}
            store.change(conn, RepositoryRow, row.id, last_check=last)
        if report.errors:
            raise Corrupt(
                f"the repository is damaged: {report.errors[0]}",
                code="repository_damaged",
                hint="Do not prune. `holdfast repo repair` says which snapshots this reaches.",
                details={"errors": list(report.errors)[:50]},
            )
        return result

    def _choice(self, ctx: TaskContext, row: RepositoryRow) -> Choice | None:
        given = ctx.run.input
        wish = Subset(_text(given.get("subset")), _text(given.get("within")))
        if wish.days is None:
            return wish.fixed()
        with self._db.read() as conn:
            known, since = proofs.proven(conn, row.id), proofs.last_within(conn, row.id)
        return Within(wish.days, self._clock.now(), known, since)

    def _suspects(self, row: RepositoryRow) -> set[bytes]:
        with self._db.read() as conn:
            return colouring.suspects(conn, row.id)

    def _record(self, ctx: TaskContext, row: RepositoryRow, report: CheckReport) -> tuple[CheckRow, int, int]:
        """The check, what it proved of packs, and what it says of snapshots: one transaction."""
        kept = CheckRow(
            id=new_id("chk"),
            repository_id=row.id,
            run_id=ctx.run.id,
            method=report.method,
            ok=not report.errors,
            seconds=round(report.seconds, 3),
            packs=report.packs,
            packs_read=report.packs_read,
            blobs=report.blobs,
            bytes=report.bytes,
            bytes_total=report.bytes_total,
            errors=report.errors,
            errors_total=report.errors_total,
            at=self._clock.now(),
        )
        with ctx.commit() as conn:
            proofs.insert_check(conn, kept)
            proofs.keep(conn, row.id, sound=report.sound, damaged=report.damaged, present=report.present, at=kept.at)
            everything = report.method == "all data" and not report.archived
            since = kept.at if everything else proofs.all_since(conn, row.id, report.packs)
            seen = Seen(ctx.run.id, report.reached, report.sound, everything, kept.at, since)
            red, whole = colouring.colour(conn, row.id, seen)
        return kept, red, whole

    def usage(self, ctx: TaskContext) -> Mapping[str, JSON]:
        """What is stored, by kind and by database."""
        row = self._row(ctx)
        whose = self._snapshots(row)
        repository = self._keys.open(row, ctx.stop)
        usage = format_of(row).usage(
            repository,
            lambda snapshot: str(whose[snapshot]["resource_id"]) if snapshot in whose else "",
            ctx.stop,
            _progress(ctx, "counting", "snapshots"),
        )
        names = {str(known["resource_id"]): known["resource_name"] for known in whose.values()}
        owners: list[JSON] = [
            {
                "resource_id": owner.owner or None,
                "resource_name": names.get(owner.owner),
                "snapshots": owner.snapshots,
                "bytes": owner.bytes,
            }
            for owner in sorted(usage.owners, key=lambda owner: -owner.bytes)
        ]
        return {
            "repository_id": row.id,
            "bytes": usage.bytes,
            "kinds": {name: {"files": kind.files, "bytes": kind.bytes} for name, kind in usage.kinds.items()},
            "resources": owners,
            "referenced_bytes": usage.referenced,
            "unreferenced_bytes": usage.unreferenced,
            "unreadable": list(usage.unreadable),
        }

    def repair(self, ctx: TaskContext) -> Mapping[str, JSON]:
        """A report of what damage reaches, or the index made again and what that came to."""
        row = self._row(ctx)
        repository = self._keys.restic(row, ctx.stop)
        if ctx.run.input.get("act") == "index":
            done = rebuild_index(repository, stop=ctx.stop, progress=_progress(ctx, "reading packs", "packs"))
            _, red, whole = self._record(ctx, row, repository.check(False, ctx.stop, suspects=self._suspects(row)))
            colours = {"snapshots_affected": red, "snapshots_mended": whole}
            return {"repository_id": row.id, "act": "index", **asdict(done), **colours}
        read_data = bool(ctx.run.input.get("read_data"))
        report = assess(repository, read_data=read_data, stop=ctx.stop, progress=_progress(ctx, "reading", "bytes"))
        whose = self._snapshots(row)
        with ctx.commit() as conn:
            now = self._clock.now()
            seen = Seen(ctx.run.id, _reached(report), (), read_data, now, now if read_data else None)
            colouring.colour(conn, row.id, seen)
        return {
            "repository_id": row.id,
            "act": "report",
            "sound": report.sound,
            "read_data": read_data,
            "bytes": report.read,
            "index_errors": list(report.index_errors[:_MOST]),
            "packs_missing": list(report.packs_missing[:_MOST]),
            "packs_missing_total": len(report.packs_missing),
            "packs_damaged": list(report.packs_damaged[:_MOST]),
            "packs_damaged_total": len(report.packs_damaged),
            "packs_unindexed_total": len(report.packs_unindexed),
            "blobs_lost": report.blobs_lost,
            "snapshots": [_affected(one, whose.get(one.id, {})) for one in report.snapshots[:_MOST]],
            "snapshots_affected": len(report.snapshots),
            "snapshots_total": report.snapshots_total,
        }

    def _row(self, ctx: TaskContext) -> RepositoryRow:
        with self._db.read() as conn:
            row = store.get(conn, RepositoryRow, str(ctx.run.input["repository_id"]))
        if row is None:
            raise NotFound("the repository is gone")
        return row

    def _snapshots(self, row: RepositoryRow) -> Mapping[str, Mapping[str, Any]]:
        with self._db.read() as conn:
            return proofs.snapshots_of(conn, row.id)


def _reached(report: DamageReport) -> dict[str, Reached]:
    """The report does not say which pack each snapshot lost something with: all that are damaged are to be read."""
    packs = tuple(bytes.fromhex(pack) for pack in (*report.packs_missing, *report.packs_damaged))
    return {
        one.id: Reached(
            one.error or f"{one.entries_total} of its files are damaged, {one.entries[0].path} first", packs
        )
        for one in report.snapshots
    }


def _progress(ctx: TaskContext, what: str, unit: str) -> Progress:
    return lambda done, total: ctx.progress(what, done, total, unit)


def _text(given: object) -> str | None:
    return str(given) if given else None


def _affected(one: AffectedSnapshot, known: Mapping[str, Any]) -> JSON:
    entries: list[JSON] = [{"path": e.path, "lost": e.lost, "blobs": e.blobs} for e in one.entries[:_MOST]]
    return {
        "restic_id": one.id,
        "snapshot_id": known.get("id"),
        "resource_id": known.get("resource_id"),
        "resource_name": known.get("resource_name"),
        "time": one.time,
        "entries": entries,
        "entries_total": one.entries_total,
        "error": one.error,
    }
