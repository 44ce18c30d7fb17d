"""The demo's steps for one engine: make, change, lose, recover, compare."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from typing import Any, Protocol

from holdfast.client import Client
from holdfast.commands.demo.shop import Shop
from holdfast.commands.demo.shopkeeper import Facts, differences
from holdfast.kernel.errors import HoldfastError
from holdfast.terminal.progress import run_error


@dataclass(frozen=True)
class Step:
    """One thing done. `ok` False ends the story of this engine; `detail` says what came of it."""

    engine: str
    name: str
    ok: bool
    seconds: float
    detail: str = ""
    facts: dict[str, Any] = field(default_factory=dict)
    error: dict[str, Any] | None = None

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


class Keeper(Protocol):
    """The shop inside one database, in its own words. "Table" is what it counts by."""

    def load(self, shop: Shop) -> int:
        """Fill it; the number of rows."""
        ...

    def change(self, shop: Shop) -> dict[str, int]: ...

    def facts(self) -> dict[str, Facts]: ...

    def alive(self) -> None:
        """Raises what the server says when it is not there."""
        ...


class Differs(Exception):
    """Something restored is not what was snapshotted."""


class Story:
    """Runs the steps in order and tells each to `see`. Everything it makes is in `made`, for cleaning up."""

    def __init__(
        self,
        client: Client,
        environment_id: str,
        engine: str,
        *,
        keeper: Callable[[Client, str], Keeper],
        noun: str,
        shop: Shop,
        see: Callable[[Step], None],
    ) -> None:
        self._client = client
        self._environment = environment_id
        self._engine = engine
        self._keep = keeper
        self._noun = noun
        self._shop = shop
        self._see = see
        self._name = f"demo-{engine}-{secrets.token_hex(3)}"
        self.databases: list[tuple[str, str]] = []
        self.snapshots: list[str] = []
        self._facts: dict[str, dict[str, Facts]] = {}

    def tell(self) -> bool:
        """True when every step held."""
        steps: list[tuple[str, Callable[[], tuple[str, dict[str, Any]]]]] = [
            ("create the database", self._create),
            ("load the shop", self._load),
            ("snapshot, proven by restoring it (L3)", lambda: self._snapshot(3)),
            ("change data", self._change),
            ("snapshot again", lambda: self._snapshot(1)),
            ("compare before and after", self._compare),
            ("delete the database", self._delete),
            ("restore the first snapshot into a new database", self._restore_new),
            ("compare with the original", lambda: self._equal(self.databases[-1][0], "original")),
            ("bring the deleted database back", self._undelete),
            ("compare with the changed state", lambda: self._equal(self.databases[0][0], "changed")),
            ("restore the first snapshot in place", self._restore_in_place),
            ("compare with the original again", lambda: self._equal(self.databases[0][0], "original")),
            ("check the repository", self._check_repository),
        ]
        return all(self._step(name, work) for name, work in steps)

    def _step(self, name: str, work: Callable[[], tuple[str, dict[str, Any]]]) -> bool:
        begun = time.monotonic()
        try:
            detail, facts = work()
        except Differs as difference:
            step = Step(self._engine, name, False, time.monotonic() - begun, str(difference))
        except HoldfastError as error:
            detail = error.message + (f" ({error.hint})" if error.hint else "")
            step = Step(self._engine, name, False, time.monotonic() - begun, detail, error=error.as_dict())
        else:
            step = Step(self._engine, name, True, time.monotonic() - begun, detail, facts)
        self._see(step)
        return step.ok

    def _create(self) -> tuple[str, dict[str, Any]]:
        body = {"environment_id": self._environment, "engine": self._engine, "name": self._name}
        made = self._client.post("/databases", body | {"spec": {}, "labels": {"made-by": "demo"}})
        self.databases.append((made["resource"]["id"], self._name))
        self._ended(made)
        return self._name, {"id": made["resource"]["id"]}

    def _load(self) -> tuple[str, dict[str, Any]]:
        keeper = self._keeper(self.databases[0][0])
        rows = keeper.load(self._shop)
        self._facts["original"] = facts = keeper.facts()
        counted = sum(table.rows for table in facts.values())
        if counted != rows:
            raise Differs(f"{rows} rows were sent and {counted} are there")
        return f"{rows:,} rows in {len(facts)} {self._noun}", {"rows": rows, "tables": _plain(facts)}

    def _snapshot(self, level: int) -> tuple[str, dict[str, Any]]:
        made = self._client.post(f"/databases/{self.databases[0][0]}/snapshots", {"level": level})
        run = self._ended(made)
        snapshot_id = snapshot_of(made, run)
        self.snapshots.append(snapshot_id)
        snapshot = self._client.get(f"/snapshots/{snapshot_id}")
        proven = snapshot.get("verified_level")
        if proven is None or proven < level:
            raise Differs(f"{snapshot_id} is proven to level {proven}, not {level}")
        return f"{snapshot_id}, proven to L{proven}", {"snapshot": snapshot_id, "verified_level": proven}

    def _change(self) -> tuple[str, dict[str, Any]]:
        keeper = self._keeper(self.databases[0][0])
        touched = keeper.change(self._shop)
        self._facts["changed"] = keeper.facts()
        return ", ".join(f"{count:,} {what}" for what, count in touched.items()), touched

    def _compare(self) -> tuple[str, dict[str, Any]]:
        before, after = self._facts["original"], self._facts["changed"]
        changed = [name for name in before if before[name] != after[name]]
        if not changed:
            raise Differs("nothing changed although it was told to")
        words = [f"{name} {_moved(after[name].rows - before[name].rows)}" for name in changed]
        told = f"{len(changed)} of {len(before)} {self._noun} differ: {', '.join(words)}"
        return told, {"before": _plain(before), "after": _plain(after)}

    def _delete(self) -> tuple[str, dict[str, Any]]:
        database_id, name = self.databases[0]
        self._ended(self._client.delete(f"/databases/{database_id}", {"confirm": name}))
        try:
            self._keeper(database_id).alive()
        except HoldfastError:
            return f"{name} is gone", {}
        raise Differs("the deleted database still answers")

    def _restore_new(self) -> tuple[str, dict[str, Any]]:
        name = f"{self._name}-restored"
        body = {"mode": "new", "name": name, "environment_id": self._environment}
        made = self._client.post(f"/snapshots/{self.snapshots[0]}/restore", body)
        self.databases.append((made["resource"]["id"], name))
        self._ended(made)
        return name, {"id": made["resource"]["id"]}

    def _equal(self, database_id: str, which: str) -> tuple[str, dict[str, Any]]:
        actual = self._keeper(database_id).facts()
        if found := differences(self._facts[which], actual):
            raise Differs("; ".join(found))
        return f"{sum(t.rows for t in actual.values()):,} rows in {len(actual)} {self._noun} are equal", {}

    def _undelete(self) -> tuple[str, dict[str, Any]]:
        database_id, name = self.databases[0]
        self._ended(self._client.post(f"/databases/{database_id}/undelete", {}))
        if self._client.get(f"/databases/{database_id}")["state"] == "stopped":
            self._ended(self._client.post(f"/databases/{database_id}/start", {}))
        return f"{name} is back", {}

    def _restore_in_place(self) -> tuple[str, dict[str, Any]]:
        body = {"mode": "in_place", "confirm": self._name}
        self._ended(self._client.post(f"/snapshots/{self.snapshots[0]}/restore", body))
        return "built beside, verified, swapped", {}

    def _check_repository(self) -> tuple[str, dict[str, Any]]:
        snapshot = self._client.get(f"/snapshots/{self.snapshots[0]}")
        made = self._client.post(f"/repositories/{snapshot['repository_id']}/check", {"read_data": True})
        result = self._ended(made).get("result") or {}
        if result.get("errors"):
            raise Differs(f"the repository is not sound: {result['errors']}")
        return "every byte read and hashed", dict(result)

    def _keeper(self, database_id: str) -> Keeper:
        return self._keep(self._client, database_id)

    def _ended(self, made: dict[str, Any]) -> dict[str, Any]:
        run = self._client.wait(made["run"]["id"])
        if run["state"] != "succeeded":
            raise run_error(run)
        return run


def snapshot_of(made: dict[str, Any], run: dict[str, Any]) -> str:
    """The snapshot's id, from the answer or the run's result."""
    resource = made.get("resource") or {}
    given = str(resource.get("id") or "")
    return given if given.startswith("snap_") else str((run.get("result") or {})["snapshot_id"])


def _moved(rows: int) -> str:
    return f"{rows:+,} rows" if rows else "in contents"


def _plain(facts: dict[str, Facts]) -> dict[str, dict[str, Any]]:
    return {name: asdict(table) for name, table in facts.items()}
