"""Files out of and into databases over HTTP, for every engine: formats, refusals, bad rows, cancels, uploads."""

from __future__ import annotations

import gzip
import hashlib
import io
import itertools
import json
from typing import Any

import pyarrow.parquet as judge
import pytest
from backports import zstd
from dialects import DIALECTS
from journey import NAMES, Served, eventually, fresh

NAME = "a\"b'; --"
ROWS = [
    [1, "plain", 1.5, None],
    [2, "", -2.25, "\\x00ff"],
    [3, "q\"uo'te, and\nline\r\nbreak", None, "\\x"],
    [4, "=cmd|' /C calc'!A0", 0.1, "\\xdeadbeef"],
    [9007199254740993, "tab\tü\U0001f600\\N \\.", 1e300, None],
    [5, None, None, None],
    [6, "NULL", None, None],
]
_TYPES = {"sqlite": ("integer", "text", "real", "blob"), "postgresql": ("bigint", "text", "float8", "bytea")}


def quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


@pytest.fixture(scope="module", params=NAMES)
def filled(request: pytest.FixtureRequest, served: Served) -> tuple[Served, str, str]:
    """(the installation, an engine's name, a database with the awkward table)."""
    made = served.create(request.param)["id"]
    id_, text, real, blob = _TYPES[request.param]
    served.write(
        made,
        f"create table {quoted(NAME)} (id {id_} primary key, note {text}, x {real}, b {blob})",
        f"create table t (id {id_} primary key, note {text})",
        "insert into t values (1, 'old')",
        "create table big (id bigint, note text)",
        DIALECTS[request.param].big_table % 30_000,
    )
    upload_id = upload(served, made, "rows.ndjson", ndjson(ROWS))
    done(served, made, upload_id, table=NAME)
    return served, request.param, made


def ndjson(rows: list[list[Any]]) -> bytes:
    names = ("id", "note", "x", "b")
    return "".join(json.dumps(dict(zip(names, row, strict=True))) + "\n" for row in rows).encode()


def upload(served: Served, database: str, name: str, data: bytes, part: int = 1 << 20) -> str:
    made = served.call("POST", f"/databases/{database}/uploads", {"name": name, "size": len(data)}, 201)["id"]
    for start in range(0, len(data), part):
        piece = data[start : start + part]
        put(served, made, start, piece, len(data))
    assert served.call("POST", f"/uploads/{made}/complete")["sha256"] == hashlib.sha256(data).hexdigest()
    return str(made)


def put(served: Served, upload_id: str, start: int, piece: bytes, size: int) -> Any:
    headers = {"Content-Range": f"bytes {start}-{start + len(piece) - 1}/{size}"}
    return served.http.put(f"/uploads/{upload_id}/content", content=piece, headers=headers)


def imported(served: Served, database: str, upload_id: str, **wish: Any) -> dict[str, Any]:
    made = served.call("POST", f"/databases/{database}/imports", {"upload_id": upload_id, **wish}, 202)
    served.ended(made)
    found: dict[str, Any] = served.get(f"/imports/{made['import']['id']}")
    return found


def done(served: Served, database: str, upload_id: str, **wish: Any) -> dict[str, Any]:
    found = imported(served, database, upload_id, **wish)
    assert found["state"] == "done", found["error"]
    result: dict[str, Any] = found["result"]
    return result


def export(served: Served, database: str, **body: Any) -> bytes:
    answer = served.raw("POST", f"/databases/{database}/export", body)
    assert answer.status_code == 200, answer.text
    return answer.content


def table_of(served: Served, database: str, name: str) -> list[Any]:
    return served.rows(database, f"select id, note, x, b from {quoted(name)} order by id")


@pytest.mark.parametrize(
    ("compression", "form"),
    [*itertools.product(("none", "zstd"), ("csv", "json", "ndjson")), ("none", "parquet")],  # it compresses inside
)
def test_what_goes_out_comes_back_the_same(filled: tuple[Served, str, str], form: str, compression: str) -> None:
    served, engine, made = filled
    data = export(served, made, table=NAME, format=form, compression=compression)
    if form == "parquet":
        assert judge.read_table(io.BytesIO(data)).num_rows == len(ROWS)
    if compression == "zstd":
        assert len(zstd.decompress(data)) > len(ROWS)
    target = fresh("copy")
    id_, text, real, blob = _TYPES[engine]
    served.write(made, f"create table {quoted(target)} (id {id_} primary key, note {text}, x {real}, b {blob})")
    result = done(served, made, upload(served, made, f"x.{form}", data), table=target)
    assert (result["rows"], result["bad"]) == (len(ROWS), 0)
    assert table_of(served, made, target) == table_of(served, made, NAME)
    assert len(table_of(served, made, target)) == len(ROWS)


def test_a_dump_restores_the_whole(filled: tuple[Served, str, str]) -> None:
    served, engine, made = filled
    dump = export(served, made, format="sql", compression="gzip")
    other = served.create(engine)["id"]
    done(served, other, upload(served, other, "dump.sql.gz", dump))
    assert table_of(served, other, NAME) == table_of(served, made, NAME)
    assert served.rows(other, "select count(*) from big") == [[30_000]]
    assert b"INSERT" in gzip.decompress(dump)


@pytest.mark.parametrize("line", ["\\! touch pwned", "\\copy t from '/etc/passwd'", ".shell touch pwned"])
def test_commands_of_a_client_are_refused(filled: tuple[Served, str, str], line: str) -> None:
    served, engine, made = filled
    dump = f"create table sneaky (a int);\n{line}\n".encode()
    found = imported(served, made, upload(served, made, "x.sql", dump))
    assert found["state"] == "failed"
    assert found["error"]["details"]["line"] == 2
    wanted = "client_command" if line.startswith("\\") is (engine == "postgresql") else "script_invalid"
    assert found["error"]["code"] == wanted
    served.call("POST", f"/databases/{made}/query", {"statement": "select * from sneaky"}, 422)


def test_bad_rows_are_named_and_nothing_is_half_written(filled: tuple[Served, str, str]) -> None:
    served, _, made = filled
    data = b"id,note\n2,two\nx,three\n4,four\n4,again\n5\n6,six\n"
    before = served.rows(made, "select * from t order by id")
    found = imported(served, made, upload(served, made, "t.csv", data), table="t")
    assert (found["state"], found["error"]["code"]) == ("failed", "bad_rows")
    assert served.rows(made, "select * from t order by id") == before
    report = served.raw("GET", f"/imports/{found['id']}/bad-rows").text
    bad = [json.loads(line) for line in report.splitlines()]
    assert [entry["line"] for entry in sorted(bad, key=lambda entry: entry["line"])] == [3, 5, 6]
    wrong = next(entry for entry in bad if entry["line"] == 3)
    assert (wrong["column"], wrong["value"]) == ("id", "x")
    assert wrong["reason"]
    found = imported(served, made, upload(served, made, "t.csv", data), table="t", errors=3)
    assert (found["state"], found["result"]["rows"], found["result"]["bad"]) == ("done", 3, 3)
    assert served.rows(made, "select id from t order by id") == [[1], [2], [4], [6]]
    assert served.raw("GET", f"/imports/{found['id']}/bad-rows").text.count("\n") == 3
    served.write(made, "delete from t where id > 1")


def test_keys_that_are_there_are_skipped_or_updated(filled: tuple[Served, str, str]) -> None:
    served, _, made = filled
    data = b"id;note\n1;new\n7;seven\n"
    skipped = done(served, made, upload(served, made, "t.csv", data), table="t", on_conflict="skip")
    assert (skipped["rows"], skipped["skipped"]) == (1, 1)
    assert served.rows(made, "select note from t where id = 1") == [["old"]]
    updated = done(served, made, upload(served, made, "t.csv", data), table="t", on_conflict="update")
    assert (updated["rows"], updated["updated"]) == (0, 2)
    assert served.rows(made, "select note from t where id = 1") == [["new"]]
    served.write(made, "update t set note = 'old' where id = 1", "delete from t where id > 1")


def test_a_preview_writes_nothing_and_a_new_table_has_the_kinds_it_said(filled: tuple[Served, str, str]) -> None:
    served, _, made = filled
    name = fresh("new")
    data = "Id;Größe;When;Note\n1;1,5;31.12.2024;a\n2;2;01.02.2025;\n".encode("utf-16")
    sent = upload(served, made, "x.csv", data)
    body = {"upload_id": sent, "table": name, "file": {"date_order": "dmy"}, "columns": {"Größe": "size"}}
    audit = len(served.get("/audit")["items"])
    seen = served.call("POST", f"/databases/{made}/imports/preview", body)
    assert len(served.get("/audit")["items"]) == audit
    assert (seen["new_table"], seen["dialect"]["delimiter"], seen["dialect"]["encoding"]) == (True, ";", "utf-16")
    assert [(c["name"], c["kind"], c["column"]) for c in seen["columns"]] == [
        ("Id", "integer", "Id"), ("Größe", "text", "size"), ("When", "date", "When"), ("Note", "text", "Note"),
    ]  # fmt: skip
    assert seen["rows"][1] == ["2", "2", "01.02.2025", None]
    served.call("POST", f"/databases/{made}/query", {"statement": f"select * from {quoted(name)}"}, 422)
    assert done(served, made, sent, **{key: body[key] for key in ("table", "file", "columns")})["created"]
    wanted = [[1, "1,5", "2024-12-31", "a"], [2, "2", "2025-02-01", None]]
    assert served.rows(made, f'select "Id", "size", "When", "Note" from {quoted(name)} order by 1') == wanted


def test_a_statement_is_read_only_and_alone(filled: tuple[Served, str, str]) -> None:
    served, _, made = filled
    assert export(served, made, statement="select 1 as a, 'x' as b") == b"a,b\n1,x\n"
    where = f"/databases/{made}/export"
    for statement in ("delete from t", "select 1; select 2", "select 1) to program 'id' --", "create table no (a int)"):
        for form in ("csv", "json"):
            answer = served.raw("POST", where, {"statement": statement, "format": form})
            assert answer.status_code in (403, 422), answer.text
    assert served.rows(made, "select count(*) from t") == [[1]]
    served.refused(404, "table_not_found", "POST", where, {"table": "nowhere"})
    served.refused(422, "export_invalid", "POST", where, {"format": "csv"})


def test_formulas_are_defused_and_names_are_safe(filled: tuple[Served, str, str]) -> None:
    served, _, made = filled
    answer = served.raw("POST", f"/databases/{made}/export", {"table": NAME, "csv": {"formula_safe": True}})
    assert b"'=cmd" in answer.content
    assert b",-2.25," in answer.content
    header = answer.headers["content-disposition"]
    assert header.startswith('attachment; filename="a_b_')
    assert "\n" not in header
    assert "filename*=UTF-8''a%22b%27%3B%20--.csv" in header


def test_an_export_into_a_file_is_ranged(filled: tuple[Served, str, str]) -> None:
    served, _, made = filled
    answer = served.done(served.call("POST", f"/databases/{made}/exports", {"table": "big", "format": "csv"}, 202))
    found = served.get(f"/exports/{answer['export']['id']}")
    where = f"/exports/{found['id']}/content"
    whole = served.raw("GET", where).content
    assert (found["state"], found["bytes"], found["sha256"]) == ("ready", len(whole), hashlib.sha256(whole).hexdigest())
    assert whole.count(b"\n") == 30_001
    assert whole == export(served, made, table="big")
    part = served.raw("GET", where, headers={"Range": "bytes=100-199"})
    assert (part.status_code, part.content) == (206, whole[100:200])
    served.call("DELETE", f"/exports/{found['id']}", status=204)
    served.call("GET", where, status=404)


def test_an_upload_goes_on_where_it_broke_off(filled: tuple[Served, str, str]) -> None:
    served, _, made = filled
    data = b"id,note\n" + b"".join(b"%d,n\n" % n for n in range(100, 200))
    body = {"name": "../../evil\n.csv", "size": len(data), "sha256": hashlib.sha256(data).hexdigest()}
    sent = served.call("POST", f"/databases/{made}/uploads", body, 201)["id"]
    assert put(served, sent, 0, data[:50], len(data)).status_code == 200
    assert put(served, sent, 0, data[:50], len(data)).json()["error"]["details"] == {"received": 50}
    assert put(served, sent, 60, data[60:], len(data)).status_code == 409
    assert served.raw("HEAD", f"/uploads/{sent}/content").headers["upload-offset"] == "50"
    served.refused(409, "upload_offset", "POST", f"/uploads/{sent}/complete")
    served.refused(409, "upload_incomplete", "POST", f"/databases/{made}/imports", {"upload_id": sent, "table": "t"})
    assert put(served, sent, 50, data[50:], len(data)).status_code == 200
    assert put(served, sent, len(data), b"more", len(data)).status_code in (409, 422)
    served.call("POST", f"/uploads/{sent}/complete")
    assert done(served, made, sent, table="t")["rows"] == 100
    served.call("GET", f"/uploads/{sent}", status=404)
    served.write(made, "delete from t where id > 1")
    wrong = served.call("POST", f"/databases/{made}/uploads", {**body, "sha256": "0" * 64}, 201)["id"]
    put(served, wrong, 0, data, len(data))
    served.refused(422, "upload_digest", "POST", f"/uploads/{wrong}/complete")


def test_a_file_whose_row_is_gone_is_swept(filled: tuple[Served, str, str]) -> None:
    served, _, made = filled
    kept = upload(served, made, "kept.csv", b"id,note\n")
    shelf = served.root / "data" / "transfers"
    strays = [shelf / kind / "x_stray" for kind in ("uploads", "exports", "reports")]
    for path in strays:
        path.write_bytes(b"left")
    eventually(lambda: not any(path.exists() for path in strays))
    assert (shelf / "uploads" / kept).read_bytes() == b"id,note\n"
    served.call("DELETE", f"/uploads/{kept}", status=204)


def test_a_client_that_leaves_ends_the_statement(filled: tuple[Served, str, str]) -> None:
    """And the database can be stopped at once afterwards."""
    served, engine, made = filled
    body = {"statement": DIALECTS[engine].many_rows % 50_000_000, "format": "csv"}
    with served.http.stream("POST", f"/databases/{made}/export", json=body) as answer:
        assert next(answer.iter_bytes())
    assert served.act(made, "stop")["state"] == "stopped"
    assert served.act(made, "start")["state"] == "ready"


def test_bombs_and_damage_are_refused(filled: tuple[Served, str, str]) -> None:
    served, _, made = filled
    bomb = gzip.compress(b"id,note\n" + b"1," + b"a" * 40_000_000, 9)
    cut = gzip.compress(b"id,note\n" + b"900,x\n" * 5000)[:-20]
    # A damaged Parquet file may as well make its reader ask for more memory than it has.
    known = ("record_too_long", "expands_too_much", "compression_invalid", "parquet_invalid", "parquet_too_heavy")
    for name, data in (("b.csv.gz", bomb), ("c.csv.gz", cut), ("d.parquet", b"PAR1" + b"\0" * 64 + b"PAR1")):
        sent = upload(served, made, name, data)
        answer = served.raw("POST", f"/databases/{made}/imports", {"upload_id": sent, "table": "t"})
        error = answer.json().get("error")
        if error is None:
            served.ended(answer.json())
            error = served.get(f"/imports/{answer.json()['import']['id']}")["error"]
        assert error["code"] in known, (name, error)
    assert served.rows(made, "select count(*) from t") == [[1]]
