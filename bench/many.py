"""Ten thousand SQLite databases. Required: a page of the list under 100 ms, start under 5 s.

Rows and files are put down directly: what is measured is living with them, not making them.
"""

from __future__ import annotations

import os
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import apsw
import httpx

from holdfast.features.databases.model import resources
from holdfast.kernel.db import Database
from holdfast.kernel.ids import new_id
from holdfast.kernel.settings import Settings

MANY, PAGE_SECONDS, START_SECONDS = 10_000, 0.100, 5.0


def environment(root: Path) -> dict[str, str]:
    return {key: value for key, value in os.environ.items() if key != "PYTHONDONTWRITEBYTECODE"} | {
        "HOLDFAST_DATA": str(root / "data"),
        "HOLDFAST_RUNTIME": str(root / "run"),
        "HOLDFAST_MASTER_KEY_FILE": str(root / "master.key"),
        "HOLDFAST_CONTROL_PORT": "0",
        "HOLDFAST_APPS_PORT": "0",
    }


def start(root: Path) -> tuple[subprocess.Popen[bytes], httpx.Client, float]:
    """The keeper, a client, and how long it took until the api was ready."""
    began = time.monotonic()
    log = (root / "up.log").open("ab")
    argv = [sys.executable, "-m", "holdfast.cli", "up"]
    keeper = subprocess.Popen(argv, env=environment(root), stdout=log, stderr=log, stdin=subprocess.DEVNULL)
    transport = httpx.HTTPTransport(uds=str(root / "run" / "admin.sock"))
    http = httpx.Client(transport=transport, base_url="http://127.0.0.1", timeout=60.0)
    while True:
        try:
            if http.get("/health/ready").status_code == 200:
                return keeper, http, time.monotonic() - began
        except httpx.TransportError:
            pass
        if keeper.poll() is not None or time.monotonic() - began > 60:
            raise RuntimeError((root / "up.log").read_text()[-2000:])
        time.sleep(0.01)


def stop(keeper: subprocess.Popen[bytes]) -> None:
    keeper.send_signal(signal.SIGTERM)
    keeper.wait(60)


def settle(root: Path, http: httpx.Client) -> None:
    """MANY databases, every one with its own small file."""
    project = http.get("/api/v1/projects").json()["items"][0]["id"]
    place = http.get(f"/api/v1/projects/{project}/environments").json()["items"][0]["id"]
    now = datetime.now(UTC)
    model = root / "model.sqlite"
    connection = apsw.Connection(str(model))
    connection.execute("pragma journal_mode = wal; create table t (a)").fetchall()
    connection.close()
    empty: dict[str, Any] = {column.name: None for column in resources.columns}
    rows = []
    for number in range(MANY):
        made = new_id("db")
        directory = root / "data" / "databases" / made
        directory.mkdir(parents=True)
        path = directory / "database.sqlite"
        shutil.copyfile(model, path)
        rows.append(
            empty
            | {"id": made, "project_id": project, "environment_id": place, "kind": "database", "engine": "sqlite"}
            | {"name": f"many-{number:05}", "spec": {}, "labels": {}, "notes": "", "state": "ready"}
            | {"host": "embedded", "endpoint": {"path": str(path), "database": f"many-{number:05}"}}
            | {"deletion_protection": False, "generation": 1, "version": 1, "created_by": "bench"}
            | {"created_at": now, "updated_at": now}
        )
    settings = Settings(root / "data", root / "run", root / "master.key")
    db = Database(settings.metadata_url)
    with db.write() as conn:
        conn.execute(resources.insert(), rows)
    db.close()


def pages(http: httpx.Client) -> tuple[float, float]:
    """(median, slowest) seconds of a page of the whole list, all of its pages of 200."""
    took, seen, cursor = [], 0, None
    while True:
        began = time.monotonic()
        query: dict[str, Any] = {"limit": 200} | ({"cursor": cursor} if cursor else {})
        answer = http.get("/api/v1/databases", params=query)
        took.append(time.monotonic() - began)
        page = answer.json()
        seen += len(page["items"])
        cursor = page["next_cursor"]
        if cursor is None:
            break
    if seen != MANY:
        raise RuntimeError(f"{seen} databases listed")
    return statistics.median(took), max(took)


def main() -> int:
    root = Path(tempfile.mkdtemp(prefix="hfmany-"))
    root.chmod(0o755)
    try:
        keeper, http, empty = start(root)
        settle(root, http)
        stop(keeper)
        keeper, http, ready = start(root)
        try:
            pages(http)
            middle, slowest = pages(http)
            first = http.get("/api/v1/databases", params={"limit": 1}).json()["items"][0]["id"]
            began = time.monotonic()
            asked = http.post(f"/api/v1/databases/{first}/query", json={"statement": "select count(*) from t"})
            asking = time.monotonic() - began
            if asked.status_code != 200:
                raise RuntimeError(asked.text)
        finally:
            stop(keeper)
    finally:
        shutil.rmtree(root, ignore_errors=True)
    good = middle < PAGE_SECONDS and ready < START_SECONDS
    told = f"page of 200: median {1000 * middle:.0f} ms, slowest {1000 * slowest:.0f} ms, bar {1000 * PAGE_SECONDS:.0f}"
    print(
        f"{MANY} SQLite databases: ready after {ready:.1f} s (none: {empty:.1f} s), bar {START_SECONDS:g} s", end="; "
    )
    print(f"{told} ms", end="; ")
    print(f"first query {1000 * asking:.0f} ms", end="  ")
    print("ok" if good else "MISSED")
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
