"""Plain-file repositories through a running Holdfast: what is in them opens with stock tools, and comes back."""

from __future__ import annotations

import gzip
import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest
from dialects import DIALECTS
from journey import Served, fresh

from holdfast.formats.plain.age_stream import recipient_of

pytestmark = pytest.mark.slow


def repository(served: Served, folder: Path, **files: Any) -> dict[str, Any]:
    body = {"project_id": served.project, "name": fresh("plain"), "format": "plain", "path": str(folder)}
    made: dict[str, Any] = served.call("POST", "/repositories", body | ({"files": files} if files else {}), 201)
    return made


def filled(served: Served, engine: str = "sqlite") -> dict[str, Any]:
    made = served.create(engine)
    served.write(made["id"], *DIALECTS[engine].big(3000), *DIALECTS[engine].sentences.fill)
    return made


def the_file(folder: Path, snapshot: dict[str, Any]) -> Path:
    path = folder / snapshot["options"]["file"]
    assert path.is_file()
    return path


def test_a_sqlite_snapshot_is_a_file_that_stock_tools_open(served: Served, tmp_path: Path) -> None:
    folder = tmp_path / "dumps"
    repo = repository(served, folder)
    assert repo["abilities"] == []
    database = served.create("sqlite", name='a"b; -- Ü')
    served.write(database["id"], "create table t (a integer primary key, b text)", "insert into t values (1, 'x')")
    snapshot = served.snapshot(database["id"], repository_id=repo["id"], level=3)
    assert (snapshot["state"], snapshot["verification"], snapshot["verified_level"]) == ("ready", "green", 3)
    file = the_file(folder, snapshot)
    opened = tmp_path / "opened.db"
    opened.write_bytes(gzip.decompress(file.read_bytes()))
    told = subprocess.run(["sqlite3", opened, "select * from t"], capture_output=True, text=True, check=True)
    assert told.stdout == "1|x\n"
    document = json.loads(Path(f"{file}.json").read_text())
    assert (document["id"], document["tables"], document["rows"]) == (snapshot["id"], 1, 1)
    served.write(database["id"], "delete from t")
    body = {"mode": "in_place", "confirm": database["name"]}
    served.done(served.call("POST", f"/snapshots/{snapshot['id']}/restore", body, 202))
    assert served.rows(database["id"], "select * from t") == [[1, "x"]]
