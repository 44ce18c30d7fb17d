"""`holdfast export` and `import` against a running Holdfast: files, pipes, previews, exit codes."""

from __future__ import annotations

from pathlib import Path

import pytest
from cli_kit import Holdfast

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("cli-server")]


def test_a_table_goes_out_and_comes_back(holdfast: Holdfast, tmp_path: Path) -> None:
    made = holdfast("db", "create", "sqlite", "moved", "--json")
    assert made.code == 0, made.err
    source = tmp_path / "my orders.csv"
    source.write_text('Order No,note\n1,"a, b"\n2,\nthree,x\n')
    seen = holdfast("import", "moved", str(source), "--preview", "--json")
    assert seen.code == 0, seen.err
    assert seen.json["new_table"] is True
    assert holdfast("export", "moved", "my orders").code == 3
    refused = holdfast("import", "moved", str(source), "--table", "orders", "--type", "Order No=integer")
    assert refused.code == 1
    assert "line 4, column Order No: 'three'" in refused.err
    done = holdfast("import", "moved", str(source), "--table", "orders", "--type", "Order No=integer", "--errors", "1",
                    "--map", "Order No=id", "--json")  # fmt: skip
    assert done.code == 0, done.err
    assert (done.json["result"]["rows"], done.json["result"]["bad"]) == (2, 1)
    assert holdfast("export", "moved", "orders").out == 'id,note\n1,"a, b"\n2,\n'
    target = tmp_path / "orders.parquet"
    assert "Wrote" in holdfast("export", "moved", "orders", "-o", str(target)).out
    assert target.read_bytes().startswith(b"PAR1")
    assert holdfast("export", "moved", "orders", "-o", str(target)).code == 2
    again = holdfast("import", "moved", "-", "--table", "piped", stdin='{"a": 1}\n{"a": 2}\n')
    assert again.out == "2 rows imported into main.piped.\n"
    assert holdfast("export", "moved", "--query", "select sum(a) as s from piped", "--format", "json").out.split() == [
        "[", '{"s":3}', "]",
    ]  # fmt: skip
    assert holdfast("import", "moved", str(tmp_path / "absent.csv")).code == 2
