"""Making, finding, changing and deleting workers. Each act is one transaction: row and audit, or nothing."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from typing import Any

import sqlalchemy as sa

from holdfast.features.access.actor import Actor
from holdfast.features.limits.quota import Quotas
from holdfast.features.projects.names import checked_name
from holdfast.features.projects.scope import environment_of
from holdfast.features.workers import store
from holdfast.features.workers.guard import AT, check_confirm, found, record
from holdfast.features.workers.model import WantedWorker, Worker
from holdfast.features.workers.naming import checked_slug, slug_of
from holdfast.features.workers.settings import checked_settings
from holdfast.kernel import audit
from holdfast.kernel.clock import Clock
from holdfast.kernel.crypto import random_token
from holdfast.kernel.db import Database
from holdfast.kernel.db.database import after_commit
from holdfast.kernel.errors import Conflict, Invalid
from holdfast.kernel.ids import new_id
from holdfast.web.changed import changed_meanwhile
from holdfast.web.idempotency import NEVER, Once

_CHANGING = ("name", "description", "colour", "labels", "settings", "enabled")
MOST_LABELS = 50


class WorkersService:
    """Every verb takes the actor first and raises Denied or NotFound before it reads or writes anything else.

    `told` is called after every commit that changes what runs.
    """

    def __init__(
        self, db: Database, clock: Clock, told: Callable[[], None], quotas: Quotas, *, grace_seconds: int
    ) -> None:
        self._db = db
        self._quotas = quotas
        self._clock = clock
        self._told = told
        self._grace = timedelta(seconds=grace_seconds)

    def create(self, actor: Actor, wanted: WantedWorker, once: Once = NEVER) -> Worker:
        """Raises Conflict("name_taken", "slug_taken"), Invalid with fields, Limited("quota_exceeded"). Nothing runs
        before it is deployed."""
        now = self._clock.now()
        with self._db.write() as conn:
            environment = environment_of(conn, actor, wanted.environment_id, "worker.create")
            once.check(conn)
            name = checked_name(wanted.name)
            made = Worker(
                id=new_id("wrk"),
                project_id=environment.project_id,
                environment_id=environment.id,
                name=name,
                slug=self._slug(conn, name, environment.name, wanted.slug),
                description=wanted.description,
                colour=wanted.colour,
                labels=checked_labels(wanted.labels),
                settings=checked_settings(wanted.settings),
                enabled=wanted.enabled,
                version=1,
                created_by=actor.id,
                created_at=now,
                updated_at=now,
            )
            self._quotas.require(conn, actor, made.project_id, "workers")
            try:
                store.insert(conn, made)
            except sa.exc.IntegrityError:
                raise _taken(name) from None
            record(conn, actor, made, "worker.create", {"name": made.name, "slug": made.slug})
            once.keep(conn, made)
            return made

    def list(
        self, actor: Actor, *, project_id: str | None = None, after: str | None = None, limit: int = 50, **filters: Any
    ) -> Sequence[Worker]:
        actor.require_within("worker.read", project_id)
        visible = actor.visible("worker.read", AT)
        with self._db.read() as conn:
            return store.page(conn, visible, project_id=project_id, after=after, limit=limit, **filters)

    def get(self, actor: Actor, worker_id: str) -> Worker:
        with self._db.read() as conn:
            return found(conn, actor, worker_id, "worker.read", deleted=True)

    def update(self, actor: Actor, worker_id: str, version: int, changes: Mapping[str, Any]) -> Worker:
        """`settings` is taken whole: what it does not say has its default again."""
        values = {name: changes[name] for name in _CHANGING if name in changes}
        if "name" in values:
            values["name"] = checked_name(values["name"])
        if "labels" in values:
            values["labels"] = checked_labels(values["labels"])
        if "settings" in values:
            values["settings"] = checked_settings(values["settings"])
        with self._db.write() as conn:
            before = found(conn, actor, worker_id, "worker.update")
            try:
                changed = store.change(conn, worker_id, version, self._clock.now(), values)
            except sa.exc.IntegrityError:
                raise _taken(values.get("name", before.name)) from None
            if changed is None:
                raise changed_meanwhile("worker")
            record(conn, actor, changed, "worker.update", audit.difference(before, values))
            after_commit(conn, self._told)
            return changed

    def delete(self, actor: Actor, worker_id: str, confirm: str) -> Worker:
        """It stops at once; code, versions and slug stay for the grace period. `confirm` is the name, typed."""
        now = self._clock.now()
        with self._db.write() as conn:
            worker = found(conn, actor, worker_id, "worker.delete")
            check_confirm(worker.name, confirm)
            gone = store.change(
                conn, worker.id, worker.version, now, {"deleted_at": now, "purge_after": now + self._grace}
            )
            if gone is None:
                raise changed_meanwhile("worker")
            record(conn, actor, gone, "worker.delete", {"name": gone.name, "slug": gone.slug})
            after_commit(conn, self._told)
            return gone

    def undelete(self, actor: Actor, worker_id: str) -> Worker:
        """Within the grace period; what was deployed runs again. Raises Conflict("not_deleted")."""
        with self._db.write() as conn:
            worker = found(conn, actor, worker_id, "worker.delete", deleted=True)
            if worker.deleted_at is None:
                raise Conflict(f"{worker.name!r} is not deleted", code="not_deleted")
            back = store.change(
                conn, worker.id, worker.version, self._clock.now(), {"deleted_at": None, "purge_after": None}
            )
            if back is None:
                raise changed_meanwhile("worker")
            record(conn, actor, back, "worker.undelete", {"name": back.name})
            after_commit(conn, self._told)
            return back

    @staticmethod
    def _slug(conn: sa.Connection, name: str, environment: str, given: str | None) -> str:
        """The one given; else one made of the name, with the environment's where that is taken."""
        if given is not None:
            if store.by_slug(conn, checked_slug(given)):
                raise Conflict(f"the slug {given!r} is taken", code="slug_taken", hint="Choose another one.")
            return given
        plain = slug_of(name) or "worker"
        made = (plain, f"{plain[:40]}-{slug_of(environment)[:20]}".rstrip("-"), f"{plain[:50]}-{_random()}")
        for slug in made:
            try:
                if store.by_slug(conn, checked_slug(slug)) is None:
                    return slug
            except Invalid:
                continue
        return f"worker-{_random()}"


def _random() -> str:
    return random_token(16).lower().replace("_", "0").replace("-", "1")[:10]


def checked_labels(labels: Mapping[str, str]) -> dict[str, str]:
    """At most 50; keys of 1-63, values of at most 255 characters. Raises Invalid."""
    bad = [key for key, value in labels.items() if not 1 <= len(key) <= 63 or len(value) > 255]
    if len(labels) > MOST_LABELS or bad:
        raise Invalid(
            f"at most {MOST_LABELS} labels, keys of 1-63 and values of at most 255 characters",
            code="labels_invalid",
            details={"fields": [{"field": f"labels.{key[:63]}", "message": "too long"} for key in bad]},
        )
    return dict(labels)


def _taken(name: str) -> Conflict:
    return Conflict(
        f"there is a worker {name!r} in this environment already",
        code="name_taken",
        hint="Choose another name, or bring back the deleted one: holdfast worker undelete.",
    )
