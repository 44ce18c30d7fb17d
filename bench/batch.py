"""A thousand SQLite databases of 1 MB, each a snapshot of its own, asked for in one request of a real Holdfast.

Required: under 30 s from the request until every one is stored, read back and recorded. Beside it what the first
snapshots cost with the default proof (a restore of each), stock restic with one backup for each file and with one for
all of them, and the vault's part alone.
"""

from __future__ import annotations

import argparse
import os
import random
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import apsw

from bench.__main__ import machine
from bench.data import WORDS
from bench.server import Server, temporary_server
from bench.snapshot_sqlite import _NoTools
from holdfast.contract.snapshot import CaptureRequest
from holdfast.contract.spec import Endpoint
from holdfast.engines.sqlite import engine
from holdfast.features.databases.model import resources
from holdfast.kernel.db import Database
from holdfast.kernel.ids import new_id
from holdfast.kernel.settings import Settings
from holdfast.kernel.stop import Stop
from holdfast.vault.batch import Wish, write_snapshots
from holdfast.vault.pipeline import About, WrittenSnapshot
from holdfast.vault.repository import Repository
from holdfast.vault.stores.local import LocalStore

SECONDS_BAR = 30.0
FEW = 20  # single backups are timed on so many


def database(path: Path, seed: int) -> None:
    """About 1 MB, like no other."""
    rng = random.Random(seed)
    db = apsw.Connection(str(path))
    db.pragma("journal_mode", "WAL")
    db.pragma("synchronous", "OFF")
    with db:
        db.execute("CREATE TABLE parcel (id integer PRIMARY KEY, note text, payload blob)")
        rows = [(n, " ".join(rng.choices(WORDS, k=60)), rng.randbytes(500)) for n in range(1100)]
        db.executemany("INSERT INTO parcel VALUES (?, ?, ?)", rows)
    db.close()


def settle(server: Server, many: int) -> list[Path]:
    """Rows and files put down directly: what is measured is backing them up, not making them."""
    place = server.environment()
    project = server.http.get("/api/v1/projects").json()["items"][0]["id"]
    now, paths, rows = datetime.now(UTC), [], []
    empty: dict[str, Any] = {column.name: None for column in resources.columns}
    for number in range(many):
        made = new_id("db")
        directory = server.data / "databases" / made
        directory.mkdir(parents=True)
        paths.append(directory / "database.sqlite")
        database(paths[-1], number)
        rows.append(
            empty
            | {"id": made, "project_id": project, "environment_id": place, "kind": "database", "engine": "sqlite"}
            | {"name": f"many-{number:05}", "spec": {}, "labels": {}, "notes": "", "state": "ready"}
            | {"host": "embedded", "endpoint": {"path": str(paths[-1]), "database": f"many-{number:05}"}}
            | {"deletion_protection": False, "generation": 1, "version": 1, "created_by": "bench"}
            | {"created_at": now, "updated_at": now}
        )
    settings = Settings(server.data, server.data.parent / "run", server.data.parent / "master.key")
    db = Database(settings.metadata_url)
    with db.write() as conn:
        conn.execute(resources.insert(), rows)
    db.close()
    return paths


def asked(server: Server, many: int, **body: Any) -> float:
    """Seconds from the request until the last of its runs has ended; every one must be good."""
    os.sync()
    began = time.monotonic()
    answer = server.http.post("/api/v1/snapshots", json={"all": True, "full": True, **body})
    if answer.status_code != 202:
        raise RuntimeError(answer.text)
    made = answer.json()
    for run in made["runs"]:
        server.wait(run, every=0.1)
    took = time.monotonic() - began
    good = 0
    for item in made["items"]:
        snapshot = server.http.get(f"/api/v1/snapshots/{item['snapshot_id']}").json()
        good += snapshot["state"] == "ready" and snapshot["verification"] == "green"
    if good != many:
        raise RuntimeError(f"{good} of {many} are good")
    return took


def service(many: int, runs: int) -> tuple[list[float], float, list[float]]:
    """Seconds proven to L1 in a new repository each, of the first ones by default, and of restic: (each, all)."""
    took: list[float] = []
    with temporary_server() as server:
        paths = settle(server, many)
        project = server.http.get("/api/v1/projects").json()["items"][0]["id"]
        limit = {"subject": "project", "subject_id": project, "what": "backups", "amount": 10**6}
        limit |= {"window_seconds": 86400}
        server.http.put("/api/v1/limits", json=limit).raise_for_status()
        for number in range(runs):
            body = {"project_id": project, "name": f"bench-{number}", "kind": "local"}
            made = server.http.post("/api/v1/repositories", json=body)
            if made.status_code not in (201, 202):
                raise RuntimeError(made.text)
            repository = made.json().get("repository", made.json())["id"]
            took.append(asked(server, many, level=1, repository_id=repository))
        proven = asked(server, many, level=3)
        return took, proven, restic(server.data.parent, paths)


def restic(root: Path, paths: list[Path]) -> list[float]:
    """Seconds for one backup of each file (from a few of them), and for one of all; nothing when there is none."""
    if shutil.which("restic") is None:
        return []
    environ = os.environ | {"RESTIC_REPOSITORY": str(root / "peer"), "RESTIC_PASSWORD": "bench"}
    environ |= {"RESTIC_CACHE_DIR": str(root / "peer-cache")}

    def run(*argv: str) -> float:
        os.sync()
        began = time.monotonic()
        subprocess.run(["restic", "-q", *argv], env=environ, check=True, stdin=subprocess.DEVNULL)
        return time.monotonic() - began

    run("init")
    few = paths[:: max(1, len(paths) // FEW)][:FEW]
    each = statistics.median(run("backup", str(path)) for path in few) * len(paths)
    shutil.rmtree(root / "peer")
    run("init")
    return [each, run("backup", "--force", *map(str, paths))]


def vault(many: int) -> float:
    """The vault's part: captures, one repository, durable writes, one lock."""
    root = Path(tempfile.mkdtemp(prefix="hfbatch-", dir=os.environ.get("HOLDFAST_BENCH_DIR")))
    try:
        wishes = []
        for number in range(many):
            path = root / f"{number}.sqlite"
            database(path, number)
            session = engine.connect(Endpoint(path=path), _NoTools(root))
            about = About("bench", [str(path)])
            wishes.append(Wish(lambda session=session: session.capture(None, CaptureRequest(), Stop()), about))  # type: ignore[misc]
        repo = Repository.create(LocalStore(root / "repository"), "bench")
        os.sync()
        began = time.monotonic()
        made = write_snapshots(repo, wishes)
        took = time.monotonic() - began
        if not all(isinstance(one, WrittenSnapshot) for one in made):
            raise RuntimeError("not all were taken")
        return took
    finally:
        shutil.rmtree(root, ignore_errors=True)


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--many", type=int, default=1000)
    parser.add_argument("--runs", type=int, default=3)
    options = parser.parse_args()
    print(f"{machine()}; load {os.getloadavg()[0]:.1f}; {options.many} databases of 1 MB, page cache warm", flush=True)
    took, proven, peers = service(options.many, options.runs)
    median = statistics.median(took)
    good = median < SECONDS_BAR
    said = "ok" if good else "MISSED"
    print(f"through the API, proven to L1: median {median:.1f} s of {', '.join(f'{t:.1f}' for t in took)}", end="")
    print(f"  bar {SECONDS_BAR:g}  {said}")
    print(f"the same, each restored and compared (L3): {proven:.1f} s")
    if peers:
        print(f"restic: one backup for each {peers[0]:.0f} s (from {FEW}), one for all of them {peers[1]:.1f} s")
    else:
        print("restic is MISSING on this machine (apt-get install restic)")
    print(f"the vault's part alone: {vault(options.many):.1f} s")
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
