"""Variables of a project, an environment or one worker, and a worker's own secrets: the nearest wins."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import sqlalchemy as sa

from holdfast.features.access.actor import Actor, no_such
from holdfast.features.projects.scope import environment_of, project_of
from holdfast.features.secrets import store as secret_store
from holdfast.features.secrets.model import Secret
from holdfast.features.secrets.service import SecretsService
from holdfast.features.workers import store, variable_store
from holdfast.features.workers.guard import found
from holdfast.features.workers.model import Version, Worker
from holdfast.features.workers.naming import checked_variable
from holdfast.features.workers.secret_names import kept_name, own_name
from holdfast.features.workers.variable_store import Variable
from holdfast.kernel import audit
from holdfast.kernel.clock import Clock
from holdfast.kernel.db import Database
from holdfast.kernel.db.database import after_commit
from holdfast.kernel.errors import Invalid, LimitExceeded
from holdfast.kernel.ids import new_id

Level = Literal["project", "environment", "worker", "code"]
MOST_BYTES = 32 * 1024  # of one value
MOST_VARIABLES = 200  # of one level


@dataclass(frozen=True)
class Effective:
    """A name in `env` that is no binding. A secret has no value here."""

    name: str
    kind: Literal["var", "secret"]
    level: Level
    value: Any = None


@dataclass(frozen=True)
class Scope:
    """Whose variables: a project's, an environment's or a worker's."""

    level: Level
    id: str


class VariablesService:
    """Changing them takes `worker.update` at their level; each change is heard by what runs at once."""

    def __init__(self, db: Database, secrets: SecretsService, clock: Clock, told: Callable[[], None]) -> None:
        self._db = db
        self._secrets = secrets
        self._clock = clock
        self._told = told

    def effective(self, actor: Actor, worker_id: str) -> Sequence[Effective]:
        """What the worker's code finds, by name: as deployed now, or as its newest version would be."""
        with self._db.read() as conn:
            worker = found(conn, actor, worker_id, "worker.read")
            deployed = store.deployment(conn, worker.id)
            newest = store.version(conn, deployed.versions[0]["version_id"]) if deployed else None
            newest = newest or next(iter(store.versions(conn, worker.id, before=None, limit=1)), None)
            variables = variable_store.of(conn, worker.project_id, worker.environment_id, worker.id)
            named = chosen_vars(variables, newest, worker)
            chosen = {name: Effective(name, "var", level, value) for name, (level, value) in named.items()}
            for name, secret in secrets_of(conn, worker.environment_id, worker.id).items():
                chosen[name] = Effective(name, "secret", "worker" if secret.resource_id else "environment")
        return [chosen[name] for name in sorted(chosen)]

    def list(self, actor: Actor, scope: Scope) -> Sequence[Variable]:
        """Those of this level alone."""
        with self._db.read() as conn:
            place = self._place(conn, actor, scope, "worker.read")
            return [each for each in variable_store.of(conn, *place) if each.level == scope.level]

    def put(self, actor: Actor, scope: Scope, name: str, value: Any) -> Variable:
        """A JSON value under a name; whoever had one has a new one. Raises Invalid, LimitExceeded."""
        checked_variable(name)
        try:
            text = json.dumps(value, allow_nan=False)
        except ValueError:
            raise Invalid("a value is JSON", code="value_invalid") from None
        if len(text.encode()) > MOST_BYTES:
            raise LimitExceeded(f"a value holds at most {MOST_BYTES} bytes", code="value_too_large")
        with self._db.write() as conn:
            project_id, environment_id, worker_id = self._place(conn, actor, scope, "worker.update")
            there = [
                e for e in variable_store.of(conn, project_id, environment_id, worker_id) if e.level == scope.level
            ]
            if len(there) >= MOST_VARIABLES and all(each.name != name for each in there):
                raise LimitExceeded(f"at most {MOST_VARIABLES} variables", code="too_many_variables")
            made = Variable(
                new_id("wvar"), project_id, environment_id, worker_id, name, value, actor.id, self._clock.now()
            )
            variable_store.put(conn, made)
            self._record(conn, actor, made, "worker.variable.put")
            return made

    def delete(self, actor: Actor, scope: Scope, name: str) -> None:
        with self._db.write() as conn:
            place = self._place(conn, actor, scope, "worker.update")
            gone = next((e for e in variable_store.of(conn, *place) if e.level == scope.level and e.name == name), None)
            if gone is None:
                raise no_such("variable")
            variable_store.delete(conn, gone.id)
            self._record(conn, actor, gone, "worker.variable.delete")

    def secrets(self, actor: Actor, worker_id: str) -> Sequence[tuple[str, Secret]]:
        """The names of its own, never values."""
        with self._db.read() as conn:
            worker = found(conn, actor, worker_id, "worker.read")
        actor.require("secret.read", worker.place, noun="worker")
        with self._db.read() as conn:
            own = secret_store.of_resource(conn, worker.environment_id, worker.id)
        return [(name, each) for each in own if (name := own_name(worker.id, each.name)) is not None]

    def put_secret(self, actor: Actor, worker_id: str, name: str, value: str) -> Secret:
        """It is handed over when a process of the worker starts, and those that run are started anew."""
        checked_variable(name)
        if not value or len(value.encode("utf-8", "surrogatepass")) > MOST_BYTES:
            raise Invalid(f"a secret has 1 to {MOST_BYTES} bytes", code="value_invalid")
        with self._db.read() as conn:
            worker = found(conn, actor, worker_id, "worker.update")
        kept = self._secrets.put(actor, worker.environment_id, kept_name(worker.id, name), value, resource_id=worker.id)
        self._told()
        return kept

    def delete_secret(self, actor: Actor, worker_id: str, name: str) -> None:
        """For good: its versions are destroyed too."""
        with self._db.read() as conn:
            worker = found(conn, actor, worker_id, "worker.update")
        kept = kept_name(worker.id, name)
        self._secrets.delete(actor, worker.environment_id, kept, kept, destroy=True)
        self._told()

    def _place(
        self, conn: sa.Connection, actor: Actor, scope: Scope, permission: str
    ) -> tuple[str, str | None, str | None]:
        if scope.level == "project":
            return project_of(conn, actor, scope.id, permission).id, None, None
        if scope.level == "environment":
            environment = environment_of(conn, actor, scope.id, permission)
            return environment.project_id, environment.id, None
        worker = found(conn, actor, scope.id, permission)
        return worker.project_id, worker.environment_id, worker.id

    def _record(self, conn: sa.Connection, actor: Actor, of: Variable, action: str) -> None:
        audit.record(
            conn,
            actor=actor.id,
            action=action,
            project_id=of.project_id,
            environment_id=of.environment_id,
            resource_id=of.worker_id,
            details={"name": of.name, "level": of.level},
        )
        after_commit(conn, self._told)


def secrets_of(conn: sa.Connection, environment_id: str, worker_id: str) -> dict[str, Secret]:
    """Name in `env` -> which secret: the environment's, and before them the worker's own."""
    return chosen_secrets(secret_store.living_in(conn, [environment_id]), environment_id, worker_id)


def chosen_secrets(secrets: Sequence[Secret], environment_id: str, worker_id: str) -> dict[str, Secret]:
    """The same out of what was read already."""
    here = [each for each in secrets if each.environment_id == environment_id]
    found_ = {each.name: each for each in here if each.resource_id is None}
    for each in here:
        if each.resource_id == worker_id and (name := own_name(worker_id, each.name)) is not None:
            found_[name] = each
    return found_


def chosen_vars(variables: Sequence[Variable], version: Version | None, worker: Worker) -> dict[str, tuple[Level, Any]]:
    """Name -> level and value. The nearest wins: project, environment, the code's own file, the worker.

    `variables` may hold those of other places too."""
    code = dict(version.config.get("vars", {})) if version else {}
    places: tuple[tuple[Level, str], ...] = (
        ("project", worker.project_id),
        ("environment", worker.environment_id),
        ("code", ""),
        ("worker", worker.id),
    )
    chosen: dict[str, tuple[Level, Any]] = {}
    for level, wanted in places:
        if level == "code":
            chosen |= {name: (level, value) for name, value in code.items()}
            continue
        for each in variables:
            mine = {"project": each.project_id, "environment": each.environment_id, "worker": each.worker_id}[level]
            if each.level == level and mine == wanted:
                chosen[each.name] = (level, each.value)
    return chosen
