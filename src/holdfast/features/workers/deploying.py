"""Which versions of a worker take requests: deployed, shared out, rolled back; its history."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from holdfast.features.access.actor import Actor, hidden, no_such
from holdfast.features.secrets import store as secret_store
from holdfast.features.workers import store
from holdfast.features.workers.binding import Binder, Bound
from holdfast.features.workers.guard import found, record
from holdfast.features.workers.model import Deployment, Share, Trigger, Version, Worker
from holdfast.features.workers.secret_names import kept_name
from holdfast.features.workers.shelf import Shelf
from holdfast.kernel.clock import Clock
from holdfast.kernel.db import Database
from holdfast.kernel.db.database import after_commit
from holdfast.kernel.errors import Conflict, Invalid
from holdfast.kernel.ids import new_id
from holdfast.runtime.pool.control import Untried
from holdfast.web.idempotency import NEVER, Once

MOST_VERSIONS = 10
_HISTORY = 1000  # deployments that are looked through
_ASKED_FOR = {
    ("bindings",): "its bindings, which were",
    ("network",): "the network, which was",
    ("bindings", "network"): "its bindings and the network, which were",
}


Trial = Callable[[str, Sequence[Mapping[str, Any]]], Untried | None]


@dataclass(frozen=True)
class Wish:
    """`shares` add up to a hundred. `accept_findings`: also what its project file says that is not acted on.
    `skip_check`: also what was not seen to start."""

    shares: Sequence[Share]
    message: str = ""
    create_missing: bool = False
    accept_findings: bool = False
    skip_check: bool = False


class DeploymentsService:
    """`told` is called after each commit: whoever runs and routes reads again. `trial` starts a version by its id, for
    nobody, with the bindings it is to have, and says why it cannot start; None when it can, or where nothing could try
    it. `shelf`: where code has to be for that."""

    def __init__(
        self,
        db: Database,
        binder: Binder,
        clock: Clock,
        told: Callable[[], None],
        trial: Trial = lambda *_: None,
        shelf: Shelf | None = None,
    ) -> None:
        self._db = db
        self._trial = trial
        self._shelf = shelf
        self._binder = binder
        self._clock = clock
        self._told = told

    def deploy(self, actor: Actor, worker_id: str, wish: Wish, once: Once = NEVER) -> Deployment:
        """From its commit on these versions take the requests, each its share.

        Raises Conflict("version_not_ready", "version_broken", "binding_missing", "secret_missing",
        "findings_unaccepted"), Invalid("weights_invalid"), OtherNode for what cannot be tried here.
        """
        if not wish.skip_check:
            self._prove(actor, worker_id, wish)
        with self._db.write() as conn:
            worker = found(conn, actor, worker_id, "worker.deploy")
            once.check(conn)
            made = self._deploy(conn, actor, worker, wish, "deploy")
            once.keep(conn, made)
            return made

    def rollback(
        self, actor: Actor, worker_id: str, version_id: str | None = None, message: str = "", once: Once = NEVER
    ) -> Deployment:
        """All requests to an older version: the one named, else what was deployed before. It is a deployment of its
        own, and nothing is tried again: a way back waits for nothing. Only a version that never was deployed is tried
        as by `deploy`. Raises Conflict("nothing_before"), and then what `deploy` raises."""
        if version_id is not None and not self._was_deployed(actor, worker_id, version_id):
            self._prove(actor, worker_id, Wish((Share(version_id, 100),), accept_findings=True))
        with self._db.write() as conn:
            worker = found(conn, actor, worker_id, "worker.deploy")
            once.check(conn)
            shares = (Share(version_id, 100),) if version_id else self._before(conn, worker)
            wish = Wish(shares, message, accept_findings=True)
            made = self._deploy(conn, actor, worker, wish, "rollback")
            once.keep(conn, made)
            return made

    def list(self, actor: Actor, worker_id: str, *, before: int | None = None, limit: int = 50) -> Sequence[Deployment]:
        """Newest first: the first one counts."""
        with self._db.read() as conn:
            worker = found(conn, actor, worker_id, "worker.read", deleted=True)
            return store.deployments(conn, worker.id, before=before, limit=limit)

    def _prove(self, actor: Actor, worker_id: str, wish: Wish) -> None:
        for version, bound in self._unproven(actor, worker_id, wish):
            if (failed := self._trial(version.id, [each.as_json() for each in bound])) is not None:
                raise self._broken(actor, version, failed, unmade=wish.create_missing)

    def _broken(self, actor: Actor, version: Version, failed: Untried, *, unmade: bool) -> Conflict:
        with self._db.read() as conn:
            worker = found(conn, actor, version.worker_id, "worker.deploy")
            goes_on = "What was deployed goes on. " if store.deployment(conn, worker.id) else ""
        hint = f"{goes_on}The whole trace is in the worker's log: holdfast worker logs {worker.name}."
        if failed.used:
            hint += (
                f" Its import asked for {_ASKED_FOR[failed.used]} not served just then: deploy it again, or untried "
                "(--skip-check)."
            )
        elif unmade and "no binding" in failed.why:
            hint += " A namespace or database that it would make is not there yet while a version is tried."
        return Conflict(
            f"version {version.number} cannot start: {failed.why}",
            code="version_broken",
            hint=hint,
            details={"version_id": version.id, "number": version.number, "error": failed.why, "used": [*failed.used]},
        )

    def _was_deployed(self, actor: Actor, worker_id: str, version_id: str) -> bool:
        with self._db.read() as conn:
            worker = found(conn, actor, worker_id, "worker.deploy")
            history = store.deployments(conn, worker.id, before=None, limit=_HISTORY)
        return any(each["version_id"] == version_id for one in history for each in one.versions)

    def _unproven(self, actor: Actor, worker_id: str, wish: Wish) -> Sequence[tuple[Version, Sequence[Bound]]]:
        """Those that do not run already, with what they are to be bound to. Refuses what `_deploy` refuses for their
        sake: nothing is started for someone who may not deploy it."""
        with self._db.read() as conn:
            worker = found(conn, actor, worker_id, "worker.deploy")
            checked_shares(wish.shares)
            versions = [self._version(conn, actor, worker, share.version_id) for share in wish.shares]
            for version in versions:
                _check_findings(version, wish)
                _check_secrets(conn, worker, version)
            last = store.deployment(conn, worker.id)
            running = {each["version_id"] for each in last.versions} if last and worker.enabled else set()
            wanted = [each for each in versions if each.id not in running]
            for each in wanted:
                if self._shelf is not None:
                    self._shelf.require(each.worker_id, each.id)
            looked: dict[str, bool] = {"create_missing": wish.create_missing, "only_look": True}
            return [(each, self._binder.bind(conn, actor, worker, each, **looked)) for each in wanted]

    def _before(self, conn: sa.Connection, worker: Worker) -> Sequence[Share]:
        last = store.deployments(conn, worker.id, before=None, limit=2)
        versions = store.versions_by_id(conn, [each["version_id"] for each in last[1].versions]) if last[1:] else {}
        if not versions or len(versions) != len(last[1].versions):
            raise Conflict(
                "there is no earlier deployment whose versions are kept",
                code="nothing_before",
                hint="Name a version: holdfast worker versions lists them.",
            )
        return [Share(each["version_id"], each["weight"]) for each in last[1].versions]

    def _deploy(self, conn: sa.Connection, actor: Actor, worker: Worker, wish: Wish, trigger: Trigger) -> Deployment:
        checked_shares(wish.shares)
        versions = [(self._version(conn, actor, worker, share.version_id), share) for share in wish.shares]
        shares = [self._share(conn, actor, worker, version, share.weight, wish) for version, share in versions]
        last = store.deployment(conn, worker.id)
        made = Deployment(
            id=new_id("wdep"),
            project_id=worker.project_id,
            environment_id=worker.environment_id,
            worker_id=worker.id,
            number=1 + (last.number if last else 0),
            trigger=trigger,
            versions=shares,
            message=wish.message,
            created_by=actor.id,
            created_at=self._clock.now(),
        )
        store.insert_deployment(conn, made)
        told = [{"version_id": each["version_id"], "weight": each["weight"]} for each in shares]
        record(conn, actor, made, f"worker.{trigger}", {"number": made.number, "versions": told})
        after_commit(conn, self._told)
        return made

    def _version(self, conn: sa.Connection, actor: Actor, worker: Worker, version_id: str) -> Version:
        """One of this worker's. Somebody else's looks like none."""
        version = store.version(conn, version_id)
        if version is None:
            raise no_such("worker_version")
        if not actor.sees(version.place) or version.worker_id != worker.id:
            raise hidden("worker_version")
        if version.state != "ready":
            raise Conflict(
                f"version {version.number} is {version.state}",
                code="version_not_ready",
                hint="Wait for its run to end." if version.state == "building" else "Upload it anew.",
                details={"state": version.state, "error": version.error},
            )
        return version

    def _share(
        self, conn: sa.Connection, actor: Actor, worker: Worker, version: Version, weight: int, wish: Wish
    ) -> dict[str, Any]:
        _check_findings(version, wish)
        _check_secrets(conn, worker, version)
        bound = self._binder.bind(conn, actor, worker, version, create_missing=wish.create_missing)
        return {
            "version_id": version.id,
            "number": version.number,
            "tag": version.tag,
            "weight": weight,
            "bindings": [each.as_json() for each in bound],
        }


def checked_shares(shares: Sequence[Share]) -> None:
    """Raises Invalid unless they are 1 to 10 different versions that share out a hundred."""
    ids = [share.version_id for share in shares]
    fine = 1 <= len(ids) <= MOST_VERSIONS and len(set(ids)) == len(ids)
    if not fine or sum(share.weight for share in shares) != 100 or any(share.weight < 0 for share in shares):
        message = f"1 to {MOST_VERSIONS} different versions whose weights add up to 100"
        raise Invalid(message, code="weights_invalid", details={"fields": [{"field": "versions", "message": message}]})


def _check_findings(version: Version, wish: Wish) -> None:
    """What the code may rely on and will not find is agreed to, never dropped in silence."""
    serious = [each for each in version.config.get("findings", ()) if each["kind"] in ("unknown", "unsupported")]
    if serious and not wish.accept_findings:
        raise Conflict(
            "the project file says what is not acted on here: " + ", ".join(each["path"] for each in serious[:10]),
            code="findings_unaccepted",
            hint="Take it out of the file, or deploy with accept_findings (--accept-findings).",
            details={"findings": serious},
        )


def _check_secrets(conn: sa.Connection, worker: Worker, version: Version) -> None:
    """The names its project file requires have a value, its own or the environment's."""
    lacking = []
    for name in version.config.get("secrets", ()):
        kept = [secret_store.secret(conn, worker.environment_id, each) for each in (kept_name(worker.id, name), name)]
        if not any(each is not None and each.deleted_at is None and _may_see(each, worker) for each in kept):
            lacking.append(name)
    if lacking:
        raise Conflict(
            f"these secrets have no value yet: {', '.join(lacking)}",
            code="secret_missing",
            hint="Store them first: holdfast worker secret put WORKER NAME.",
            details={"missing": lacking},
        )


def _may_see(secret: Any, worker: Worker) -> bool:
    return secret.resource_id in (None, worker.id)
