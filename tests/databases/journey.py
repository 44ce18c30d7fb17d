"""A running Holdfast (keeper, api and runner as processes) shared by every journey of one test worker."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any

import httpx
import metadata_home
import pytest

from holdfast.catalog import ENGINES
from holdfast.commands.demo.temporary import temporary_holdfast

API = "/api/v1"
EVERY = tuple(ENGINES.names())
NAMES = tuple(engine.name for engine in ENGINES if engine.capabilities.language == "sql")
"""Those that take SQL; tests of what every engine does say EVERY and speak through `dialects`."""
_numbers = count(1)
_running: list[Served] = []


def fresh(word: str = "db") -> str:
    """A name nobody else uses."""
    return f"{word}-{os.getpid()}-{next(_numbers)}"


def eventually(check: Callable[[], Any], seconds: float = 60.0) -> Any:
    deadline = time.monotonic() + seconds
    while not (found := check()):
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.05)
    return found


@dataclass
class Served:
    """The api over admin.sock. `call` asserts the status and gives the decoded body."""

    root: Path
    http: httpx.Client
    project: str = ""
    environments: dict[str, str] = field(default_factory=dict)

    @classmethod
    def at(cls, root: Path) -> Served:
        transport = httpx.HTTPTransport(uds=str(root / "run" / "admin.sock"))
        made = cls(root, httpx.Client(base_url="http://localhost" + API, transport=transport, timeout=60))
        made.project = made.call("GET", "/projects")["items"][0]["id"]
        found = made.call("GET", f"/projects/{made.project}/environments")["items"]
        made.environments = {item["kind"]: item["id"] for item in found}
        return made

    def raw(self, method: str, path: str, body: Any = None, **more: Any) -> httpx.Response:
        return self.http.request(method, path, json=body, **more)

    def call(self, method: str, path: str, body: Any = None, status: int | None = None, **more: Any) -> Any:
        answer = self.raw(method, path, body, **more)
        good = answer.status_code == status if status else answer.status_code < 300
        assert good, (method, path, answer.status_code, answer.text[:1000])
        return answer.json() if answer.content else None

    def get(self, path: str, **params: Any) -> Any:
        return self.call("GET", path, params=params)

    def refused(self, status: int, code: str, method: str, path: str, body: Any = None, **more: Any) -> dict[str, Any]:
        """The error of an answer that must be `status` and `code`."""
        error: dict[str, Any] = self.call(method, path, body, status, **more)["error"]
        assert error["code"] == code, error
        assert error["message"], error
        return error

    def ended(self, run: Any, seconds: float = 180.0) -> dict[str, Any]:
        run_id = run if isinstance(run, str) else run["run"]["id"]
        found: dict[str, Any] = eventually(
            lambda: (now := self.get(f"/runs/{run_id}"))["state"] in ("succeeded", "failed", "cancelled") and now,
            seconds,
        )
        return found

    def done(self, answer: Any) -> dict[str, Any]:
        """The answer's run has succeeded; the answer."""
        run = self.ended(answer)
        assert run["state"] == "succeeded", (run["kind"], run["error"])
        found: dict[str, Any] = answer
        return found

    def create(self, engine: str, name: str | None = None, **more: Any) -> dict[str, Any]:
        body = {"engine": engine, "name": name or fresh(), "environment_id": self.environments["development"]} | more
        made = self.done(self.call("POST", "/databases", body, 202))
        return self.database(made["resource"]["id"])

    def database(self, database_id: str) -> dict[str, Any]:
        found: dict[str, Any] = self.get(f"/databases/{database_id}")
        return found

    def ask(self, database_id: str, statement: str, params: Any = None, **more: Any) -> dict[str, Any]:
        body = {"statement": statement, "params": params} | more
        found: dict[str, Any] = self.call("POST", f"/databases/{database_id}/query", body)
        return found

    def write(self, database_id: str, *statements: str) -> None:
        for statement in statements:
            self.ask(database_id, statement, write=True)

    def rows(self, database_id: str, statement: str, params: Any = None) -> list[Any]:
        found: list[Any] = self.ask(database_id, statement, params)["rows"]
        return found

    def snapshot(self, database_id: str, **body: Any) -> dict[str, Any]:
        made = self.done(self.call("POST", f"/databases/{database_id}/snapshots", body, 202))
        found: dict[str, Any] = self.get(f"/snapshots/{made['snapshot']['id']}")
        return found

    def act(self, database_id: str, verb: str, body: Any = None) -> dict[str, Any]:
        self.done(self.call("POST", f"/databases/{database_id}/{verb}", body, 202))
        return self.database(database_id)

    def delete(self, database_id: str) -> None:
        name = self.database(database_id)["name"]
        self.done(self.call("DELETE", f"/databases/{database_id}", {"confirm": name}, 202))


def shared(request: pytest.FixtureRequest) -> Served:
    """Started at the first use in this worker, stopped when the worker ends."""
    if not _running:
        stack = ExitStack()
        request.addfinalizer(stack.close)  # within the session: a worker that takes long after it is killed
        client = stack.enter_context(temporary_holdfast(metadata_home.elsewhere()))
        made = Served.at(Path(client.where).parents[1])
        stack.callback(made.http.close)
        _running.append(made)
    return _running[0]


__all__ = ["EVERY", "NAMES", "Served", "eventually", "fresh", "shared"]
