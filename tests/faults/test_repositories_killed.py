"""kill -9 of the runner while a repository gets a new password or a new master key, is deleted, or taken in."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pytest
from faults_cluster import Cluster, taken_over

pytestmark = [pytest.mark.faults, pytest.mark.slow]
ROTATING = ("rotate.kept", "rotate.added", "rotate.switched", "rotate.removed")
COPYING = ("copy.half", "copy.snapshot", "copy.snapshot.done", "copy.round", "copy.default")
CLEARING = ("clear.forgotten", "clear.emptied", "clear.config", "clear.keys")
ADOPTING = ("adopt.row",)
WINDOWS = 3


def key(it: Cluster, repository: str) -> dict[str, Any]:
    return dict(it.client.post(f"/repositories/{repository}/key"))


def restic(it: Cluster, path: str | Path, password: str, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["restic", "--no-cache", "--no-lock", "-r", str(path), *words],  # noqa: S607
        env=it.env | {"RESTIC_PASSWORD": password},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def made(it: Cluster) -> tuple[str, str]:
    """(database, its repository), with the snapshots of three moments."""
    database = it.create("sqlite", rows=100)
    for number in range(WINDOWS):
        it.fill(database, "sqlite", 1000 * (number + 1), 1000 * (number + 1) + 9)
        it.snapshot(database)
    return database, str(it.client.get("/repositories")["items"][0]["id"])


def killed(it: Cluster, point: str, ask: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    """Asked, and the runner dies over it at the point; the run of the next one."""
    runner = it.pid("runner")
    it.arm(point)
    return taken_over(it, runner, ask())


def whole(it: Cluster, path: str | Path, password: str) -> None:
    """Every byte is read."""
    checked = restic(it, path, password, "check", "--read-data")
    assert checked.returncode == 0, checked.stderr


def listed_once(it: Cluster, path: str | Path, password: str, wanted: Iterable[str]) -> None:
    """Each snapshot is there once; Holdfast's own records may be there as well."""
    listed = restic(it, path, password, "snapshots", "--json").stdout
    assert {each: listed.count(each) for each in wanted} == dict.fromkeys(wanted, 1)


def windows(it: Cluster, database: str) -> dict[str, str]:
    """Snapshot -> repository of all that can be restored."""
    found = it.client.items("/snapshots", resource_id=database)
    return {each["id"]: each["repository_id"] for each in found if each["state"] == "ready"}


def test_a_new_password_is_the_one_that_opens(start: Callable[..., Cluster]) -> None:
    """At each point: one password opens afterwards, the one Holdfast knows, and every snapshot is there."""
    it = start(crash=ROTATING)
    database, repository = made(it)
    before, content = windows(it, database), it.rows(database)
    for point in ROTATING:
        old = key(it, repository)
        killed(it, point, lambda: it.client.post(f"/repositories/{repository}/password"))
        new = key(it, repository)
        assert new["password"] != old["password"], point
        assert restic(it, old["path"], old["password"], "snapshots").returncode != 0, point
        listed_once(it, new["path"], new["password"], before)
        assert len(list(Path(new["path"], "keys").iterdir())) == 1, "nothing half is left"
    assert windows(it, database) == before
    restored = it.restore_new(max(before), "again")
    it.done(restored)
    assert it.rows(restored["resource"]["id"]) == content
    it.sound()


def test_a_new_master_key_and_the_end_of_the_old_repository(start: Callable[..., Cluster]) -> None:
    """From copy to copy: no snapshot is lost or there twice. Deleted is nothing but what was asked for, to the end;
    detached is all still there, and taken in again it is there once."""
    it = start(crash=(*COPYING, *CLEARING, *ADOPTING))
    database, repository = made(it)
    project = it.client.get("/projects")["items"][0]["id"]
    before, content, old = windows(it, database), it.rows(database), [repository]
    for point in COPYING:
        new = it.client.post("/repositories", {"project_id": project, "name": f"after {point}".replace(".", " ")})["id"]
        asked = {"into": new, "switch": True}
        killed(it, point, lambda asked=asked: it.client.post(f"/repositories/{old[-1]}/copy", asked))
        assert windows(it, database) == dict.fromkeys(before, new), point
        listed_once(it, key(it, new)["path"], key(it, new)["password"], before)
        old.append(new)
    current = old.pop()
    for point in CLEARING:
        gone = it.client.get(f"/repositories/{old[0]}")
        path = Path(key(it, gone["id"])["path"])
        wish = {"confirm": gone["name"], "files": True, "force": True}
        killed(it, point, lambda gone=gone, wish=wish: it.client.delete(f"/repositories/{gone['id']}", wish))
        assert not path.exists(), (point, list(path.rglob("*")))
        old.pop(0)
    (left,) = old
    kept, away = key(it, left), it.root / "away"
    it.client.delete(f"/repositories/{left}", {"confirm": it.client.get(f"/repositories/{left}")["name"]})
    whole(it, kept["path"], kept["password"])
    shutil.copytree(kept["path"], away)
    wish = {"project_id": project, "environment_id": it.environment, "name": "taken in", "path": str(away)}
    run = killed(it, "adopt.row", lambda: it.client.post("/repositories/adopt", wish | {"password": kept["password"]}))
    assert run["result"]["snapshots"] >= WINDOWS
    adopted = [each for each in windows(it, database).values() if each != current]
    assert len(adopted) == WINDOWS
    assert {each: windows(it, database)[each] for each in before} == dict.fromkeys(before, current)
    restored = it.restore_new(max(before), "again")
    it.done(restored)
    assert it.rows(restored["resource"]["id"]) == content
    it.works(database)
