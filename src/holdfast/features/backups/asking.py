"""Snapshots asked for of many databases at once: a handful of statements, and one run that takes the small ones along.

Each database has its own row and its own run all the same; see `batching` for who carries those out.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import sqlalchemy as sa

from holdfast.features.access.actor import Actor, no_such
from holdfast.features.backups import store
from holdfast.features.backups.format_registry import format_of
from holdfast.features.backups.keys import Keys
from holdfast.features.backups.model import RepositoryRow, Snapshot
from holdfast.features.backups.preparing import (
    checked_tags,
    fresh,
    kept_options,
    record_weaker,
    require_serves,
    require_takes,
)
from holdfast.features.databases.elsewhere import common_node
from holdfast.features.databases.model import Resource
from holdfast.features.databases.service import wrong_state
from holdfast.jobs import Jobs
from holdfast.jobs.lanes import Lane
from holdfast.kernel.clock import Clock
from holdfast.kernel.errors import HoldfastError

KIND, ALONE = "snapshot.batch", "snapshot.create"
SMALL = 16 << 20  # bytes: beside these a lock, an index and a run of its own cost more than the reading
LEAST = 8  # fewer small ones go one by one
MOST = 500  # databases of one run: then others have a turn


@dataclass(frozen=True)
class Want:
    """`delay_seconds`: not before; a batch begins when its first one may."""

    resource: Resource
    repository_id: str | None = None
    delay_seconds: float = 0.0


@dataclass(frozen=True)
class How:
    """What is the same for all of them. `level` None = L1, and L3 while none of that database was ever restored."""

    actor: Actor
    trigger: str
    level: int | None = None
    tags: Sequence[str] = ()
    options: Mapping[str, Any] | None = None
    full: bool = False
    plan_id: str | None = None
    correlation_id: str | None = None
    lane: Lane | None = None
    deadline_seconds: int | None = None


@dataclass(frozen=True)
class Asked:
    """A snapshot to come with its run, and the run that carries it; or why there can be none."""

    want: Want
    snapshot: Snapshot | None = None
    run_id: str | None = None
    carrier: str | None = None
    error: HoldfastError | None = None


@dataclass
class _Known:
    """What is read once for all of them."""

    sizes: Mapping[str, int]
    proven: frozenset[str]
    repositories: dict[tuple[str | None, ...], RepositoryRow | HoldfastError] = field(default_factory=dict)


class Asker:
    """In the caller's transaction, who has authorised. A database that cannot be taken hinders no other."""

    def __init__(self, jobs: Jobs, keys: Keys, clock: Clock) -> None:
        self._jobs = jobs
        self._keys = keys
        self._clock = clock

    def ask(self, conn: sa.Connection, wants: Sequence[Want], how: How) -> list[Asked]:
        """In the order of `wants`. Raises Invalid for tags and options that cannot be."""
        how = replace(how, tags=checked_tags(how.tags), options=kept_options(how.options))
        ids = sorted({want.resource.id for want in wants})
        known = _Known(store.newest_sizes(conn, ids), store.proven_among(conn, ids))
        found: dict[int, Asked] = {}
        together: dict[tuple[str | None, ...], list[tuple[int, Snapshot]]] = {}
        for number, want in enumerate(wants):
            try:
                snapshot, node, batches = self._row(conn, want, how, known)
            except HoldfastError as error:
                found[number] = Asked(want, error=error)
                continue
            small = batches and known.sizes.get(want.resource.id, 0) <= SMALL
            alone = () if small else (want.resource.id,)
            key = (snapshot.project_id, snapshot.environment_id, snapshot.repository_id, node, *alone)
            together.setdefault(key, []).append((number, snapshot))
        for key, rows in together.items():
            found |= self._submit(conn, wants, how, key[3], rows)
        return [found[number] for number in range(len(wants))]

    def _row(self, conn: sa.Connection, want: Want, how: How, known: _Known) -> tuple[Snapshot, str | None, bool]:
        """The row to be, the node that takes it, and whether its repository takes many at once."""
        resource = want.resource
        if resource.state != "ready":
            raise wrong_state(resource, "take a snapshot of")
        repository = self._repository(conn, want, how, known)
        node = common_node(resource.node, repository.node, "the database and the repository")
        proven = resource.id in known.proven
        opens = require_takes(conn, repository, [resource.environment_id], how.options, how.level)
        snapshot = fresh(
            resource,
            repository,
            actor=how.actor.id,
            level=how.level,
            proven=proven or not opens,
            trigger=how.trigger,
            tags=how.tags,
            plan_id=how.plan_id,
            options=how.options,
            now=self._clock.now(),
        )
        record_weaker(conn, how.actor.id, snapshot, repository)
        return snapshot, node, format_of(repository).abilities.batches

    def _repository(self, conn: sa.Connection, want: Want, how: How, known: _Known) -> RepositoryRow:
        resource = want.resource
        key = (want.repository_id, resource.project_id, resource.environment_id, resource.node)
        if key not in known.repositories:
            try:
                known.repositories[key] = self._found(conn, want, how)
            except HoldfastError as error:
                known.repositories[key] = error
        found = known.repositories[key]
        if isinstance(found, HoldfastError):
            raise found
        return found

    def _found(self, conn: sa.Connection, want: Want, how: How) -> RepositoryRow:
        if want.repository_id is None:
            return self._keys.default(conn, want.resource, how.actor.id)
        chosen = store.get(conn, RepositoryRow, want.repository_id)
        if chosen is None or chosen.project_id != want.resource.project_id:
            raise no_such("repository")
        require_serves(chosen, want.resource)
        return chosen

    def _submit(
        self,
        conn: sa.Connection,
        wants: Sequence[Want],
        how: How,
        node: str | None,
        rows: Sequence[tuple[int, Snapshot]],
    ) -> dict[int, Asked]:
        """Those of one repository: together when there are enough of them, each database once in a batch."""
        found: dict[int, Asked] = {}
        first = list({row[1].resource_id: row for row in reversed(rows)}.values())[::-1]
        if len(first) < LEAST:
            first = []
        for at in range(0, len(first), MOST):
            found |= self._carried(conn, wants, how, node, first[at : at + MOST])
        for number, snapshot in rows:
            if number not in found:
                found[number] = self._alone(conn, wants[number], how, node, snapshot)
        return found

    def _carried(
        self,
        conn: sa.Connection,
        wants: Sequence[Want],
        how: How,
        node: str | None,
        rows: Sequence[tuple[int, Snapshot]],
    ) -> dict[int, Asked]:
        one = rows[0][1]
        carrier = self._jobs.submit(
            conn,
            kind=KIND,
            environment_id=one.environment_id,
            input={"repository_id": one.repository_id, "databases": len(rows), "options": how.options},
            **self._same(how, one, node, wants[rows[0][0]].delay_seconds),
        )
        inputs = [(snapshot.resource_id, self._input(snapshot, how)) for _, snapshot in rows]
        runs = self._jobs.submit_carried(conn, carrier, ALONE, inputs)
        owned = [replace(snapshot, run_id=run_id) for (_, snapshot), run_id in zip(rows, runs, strict=True)]
        store.insert_many(conn, owned)
        return {
            number: Asked(wants[number], snapshot, snapshot.run_id, carrier.id)
            for (number, _), snapshot in zip(rows, owned, strict=True)
        }

    def _alone(self, conn: sa.Connection, want: Want, how: How, node: str | None, snapshot: Snapshot) -> Asked:
        run = self._jobs.submit(
            conn,
            kind=ALONE,
            environment_id=snapshot.environment_id,
            resource_id=snapshot.resource_id,
            input=self._input(snapshot, how),
            **self._same(how, snapshot, node, want.delay_seconds),
        )
        owned = replace(snapshot, run_id=run.id)
        store.insert(conn, owned)
        return Asked(want, owned, run.id)

    @staticmethod
    def _input(snapshot: Snapshot, how: How) -> dict[str, Any]:
        return {"snapshot_id": snapshot.id, **({"full": True} if how.full else {})}

    @staticmethod
    def _same(how: How, snapshot: Snapshot, node: str | None, delay: float) -> dict[str, Any]:
        return {
            "actor": how.actor.id,
            "project_id": snapshot.project_id,
            "trigger": how.trigger if how.plan_id else "api",
            "correlation_id": how.correlation_id,
            "delay_seconds": max(0.0, delay),
            "node": node,
            "lane": how.lane,
            "deadline_seconds": how.deadline_seconds,
        }


def carriers(asked: Iterable[Asked]) -> list[str]:
    """The runs that carry these out: each batch once, and those that go alone."""
    return list(dict.fromkeys(each.carrier or each.run_id or "" for each in asked if each.run_id))
