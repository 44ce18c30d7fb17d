"""`holdfast query` as a user types it."""

from __future__ import annotations

import os
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "cli"))

from cli_kit import Ran, run
from journey import Served, fresh


def test_saved_queries_from_the_command_line(served: Served) -> None:
    name = fresh("saved")
    made = served.create("sqlite", name)["id"]
    served.write(made, "create table orders (id integer primary key, total num)", "insert into orders values (1, 20)")
    environ = dict(os.environ) | {
        "HOLDFAST_DATA": str(served.root / "data"),
        "HOLDFAST_RUNTIME": str(served.root / "run"),
        "XDG_CONFIG_HOME": str(served.root / "config"),
    }

    def query(verb: str, *line: str, code: int = 0) -> Ran:
        ran = run(environ, "query", verb, name, *line)
        assert ran.code == code, (line, ran.out, ran.err)
        return ran

    assert "No saved queries yet" in query("list").out
    text = "select id from orders where total >= :least"
    assert "version 1" in query("save", "big", text, "--param", "least=integer:10").out
    assert query("run", "big", "--format", "csv").out.split() == ["id", "1"]
    assert query("run", "big", "--set", "least=100", "--json").json["rows"] == []
    assert "version 2" in query("save", "big", text + " order by 1", "--param", "least=integer").out
    assert "least integer" in query("show", "big").out
    assert "order by 1" in query("show", "big", "--versions").out
    assert "no value for least" in query("run", "big", code=1).err
    assert "big" in query("list").out
    assert '"orders"' in query("templates", "--table", "orders").out
    assert "total >= :least" in query("history", "--contains", "least").out
    query("remove", "big", code=2)
    query("remove", "big", "--confirm", "big")
    assert "there is no saved query" in query("show", "big", code=3).err
