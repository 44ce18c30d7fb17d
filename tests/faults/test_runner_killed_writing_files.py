"""kill -9 of the runner in the middle of a plain file: half written, whole without its document, done."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from faults_cluster import Cluster, taken_over

pytestmark = [pytest.mark.faults, pytest.mark.slow]
POINTS = ("plain.half", "plain.notes", "plain.done")


@pytest.mark.parametrize(
    ("engine", "point"),
    [
        ("postgresql", POINTS[0]),
        ("sqlite", POINTS[1]),
        ("sqlite", POINTS[2]),
    ],
)
def test_a_file_survives_its_writer(kept: Callable[..., Cluster], engine: str, point: str, tmp_path: Path) -> None:
    """One whole file afterwards, no half one under its name, and nothing that could be taken for a snapshot."""
    it = kept(crash=POINTS)
    database = it.create(engine, point)
    before, runner = it.rows(database), it.pid("runner")
    project = next(iter(it.client.items("/projects")))["id"]
    folder = tmp_path / "dumps"
    body = {
        "project_id": project,
        "name": point,
        "format": "plain",
        "path": str(folder),
        "files": {"encryption": "age"},
    }
    repository = it.client.post("/repositories", body)
    it.arm(point)
    taken = it.client.post(f"/databases/{database}/snapshots", {"level": "L3", "repository_id": repository["id"]})
    taken_over(it, runner, taken)
    facts = it.client.get(f"/snapshots/{taken['snapshot']['id']}")
    assert (facts["state"], facts["verification"], facts["verified_level"]) == ("ready", "green", 3)
    assert len(list(it.client.items("/snapshots", resource_id=database))) == 1
    files = sorted(path.name for path in (folder / "files").rglob("*") if path.is_file())
    main = Path(facts["options"]["file"]).name
    assert files == sorted([main, f"{main}.holdfast", f"{main}.RESTORE.md", f"{main}.json"])
    assert it.rows(database) == before
    it.works(database, "L1")
