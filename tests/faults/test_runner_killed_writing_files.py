"""kill -9 of the runner in the middle of a plain file: half written, whole without its document, done."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from faults_cluster import Cluster, taken_over

pytestmark = [pytest.mark.faults, pytest.mark.slow]


@pytest.mark.parametrize(
    ("engine", "point"),
    [
        ("postgresql", "plain.half"),
        ("sqlite", "plain.notes"),
        ("sqlite", "plain.done"),
    ],
)
def test_a_file_survives_its_writer(start: Callable[..., Cluster], engine: str, point: str, tmp_path: Path) -> None:
    """One whole file afterwards, no half one under its name, and nothing that could be taken for a snapshot."""
    it = start(crash=point)
    database = it.create(engine)
    before, runner = it.rows(database), it.pid("runner")
    project = next(iter(it.client.items("/projects")))["id"]
    folder = tmp_path / "dumps"
    body = {
        "project_id": project,
        "name": "dumps",
        "format": "plain",
        "path": str(folder),
        "files": {"encryption": "age"},
    }
    repository = it.client.post("/repositories", body)
    it.arm()
    taken = it.client.post(f"/databases/{database}/snapshots", {"level": "L3", "repository_id": repository["id"]})
    taken_over(it, runner, taken)
    kept = it.client.get(f"/snapshots/{taken['snapshot']['id']}")
    assert (kept["state"], kept["verification"], kept["verified_level"]) == ("ready", "green", 3)
    assert len(list(it.client.items("/snapshots"))) == 1
    files = sorted(path.name for path in (folder / "files").rglob("*") if path.is_file())
    main = Path(kept["options"]["file"]).name
    assert files == sorted([main, f"{main}.holdfast", f"{main}.RESTORE.md", f"{main}.json"])
    assert it.rows(database) == before
    it.works(database, "L1")
