"""`holdfast rows` as a user types it."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "cli"))

from cli_kit import Ran, run
from journey import Served, fresh


@pytest.fixture(scope="module")
def shop(served: Served) -> tuple[dict[str, str], str]:
    import os

    name = fresh("rows")
    made = served.create("sqlite", name)["id"]
    served.write(made, "create table orders (id integer primary key, status text not null, total num)")
    environ = dict(os.environ) | {
        "HOLDFAST_DATA": str(served.root / "data"),
        "HOLDFAST_RUNTIME": str(served.root / "run"),
        "XDG_CONFIG_HOME": str(served.root / "config"),
    }
    return environ, name


def test_rows_from_the_command_line(shop: tuple[dict[str, str], str]) -> None:
    environ, name = shop

    def rows(verb: str, *line: str, code: int = 0, stdin: str = "") -> Ran:
        ran = run(environ, "rows", verb, name, "orders", *line, stdin=stdin)
        assert ran.code == code, (line, ran.out, ran.err)
        return ran

    assert rows("list").out.strip() == "No rows."
    assert "Inserted 1 row." in rows("insert", "--set", "status=new", "--set", "total=12").out
    many = "\n".join(json.dumps({"status": f"s{n}"}) for n in range(5))
    assert "Inserted 5 rows." in rows("insert", "--file", "-", stdin=many).out
    page = rows("list", "--where", "status=like:s%", "--order", "-id", "--limit", "2", "--count", "--json").json
    assert ([row["values"]["id"] for row in page["rows"]], page["count"]) == ([6, 5], 5)
    whole = rows("list", "--limit", "2", "--all", "--json").json
    assert [row["values"]["id"] for row in whole["rows"]] == [1, 2, 3, 4, 5, 6]
    assert "Changed" in rows("update", "1", "--set", "status=paid", "--expect", "status=new").out
    assert "changed by someone else" in rows("update", "1", "--set", "status=x", "--expect", "status=new", code=5).err
    assert "paid" in rows("get", "1").out
    assert rows("delete", "1", "--json").json["values"]["status"] == "paid"
    assert "no row of this key" in rows("get", "1", code=3).err
    assert "Did you mean 'status'" in rows("insert", "--set", "statos=x", code=1).err
    assert rows("insert", code=2).err
