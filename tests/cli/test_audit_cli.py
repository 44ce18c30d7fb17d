"""The audit log from the command line, on a real server: its snapshots remember where the log ended."""

from __future__ import annotations

import json

import pytest
from cli_kit import Holdfast

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("cli-server")]


def test_listed_shown_exported_verified(holdfast: Holdfast, tmp_path) -> None:
    assert holdfast("project", "create", "audited").code == 0
    assert holdfast("audit", "verify").code == 0  # and every row has its place
    (row, *_) = holdfast("audit", "list", "--action", "project.create", "--json").json
    assert row["details"] == {"name": "audited"}
    assert json.loads(holdfast("audit", "show", row["id"]).out)["seq"] == row["seq"]
    assert "created project audited" in holdfast("activity", "list", "--kind", "create").out
    out = tmp_path / "audit.csv"
    assert holdfast("audit", "export", "--format", "csv", "--out", str(out)).code == 0
    assert row["id"] in out.read_text()
    assert holdfast("audit", "export", "--out", str(out)).code == 2
    said = holdfast("audit", "verify")
    assert said.code == 0, said
    assert said.out.startswith("The log is what was written: ")


def test_a_snapshots_manifest_keeps_the_end(holdfast: Holdfast) -> None:
    assert holdfast("project", "create", "anchored").code == 0
    assert holdfast("db", "create", "sqlite", "shop", "--project", "anchored").code == 0
    taken = holdfast("snapshot", "create", "shop", "--project", "anchored", "--json").json
    snapshot = taken.get("id") or taken["snapshot"]["id"]
    result = holdfast("audit", "verify", "--against", snapshot, "--json").json
    assert result["ok"], result
    assert result["anchors"] >= 3  # the file, the snapshot's row, its manifest


def test_erasing_wants_the_word(holdfast: Holdfast) -> None:
    assert holdfast("audit", "erase", "--actor", "usr_nobody", "--reason", "asked", "--confirm", "no").code != 0
    done = holdfast("audit", "erase", "--actor", "usr_nobody", "--reason", "asked", "--confirm", "erase", "--json")
    assert done.json == {"rows": 0}
