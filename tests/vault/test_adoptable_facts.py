"""What a repository says of its snapshots was written by whoever may write into it: it is judged before it is taken."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from kit import BytesCapture, new_repository, snapshot

from holdfast.features.backups.adopting import readable, row_of, stored
from holdfast.kernel.ids import new_id

NAMED: dict[str, Any] = {"resource_id": "db_1", "resource_name": "a\"b'; --", "engine": "sqlite"}


@pytest.mark.parametrize(
    ("facts", "good"),
    [
        (NAMED, True),
        (NAMED | {"spec": None}, True),
        (NAMED | {"spec": {"version": "3"}}, True),
        (NAMED | {"spec": ["version"]}, False),
        (NAMED | {"spec": "version"}, False),
        (NAMED | {"spec": 0}, False),
        (NAMED | {"engine": ["sqlite"]}, False),
        ({}, False),
    ],
)
def test_only_what_names_a_database_is_adopted(tmp_path: Path, facts: dict[str, Any], good: bool) -> None:
    repository = new_repository(tmp_path / "r")
    name = new_id("snap")
    snapshot(repository, BytesCapture({"x": b"x"}), facts=facts, tags=[f"holdfast:{name}"])
    found, left = readable(repository, stored(repository))  # type: ignore[arg-type] # a part of it is enough here
    assert (len(found), len(left)) == ((1, 0) if good else (0, 1))
    for each in found:
        row = row_of(each, "repo_1", "prj_1", "env_1", datetime.now(UTC), snapshot_id=name, actor="usr_1")
        assert (row.resource_name, row.spec) == (NAMED["resource_name"], dict(facts.get("spec") or {}))
