"""`holdfast import`: a file into a table, or an SQL dump into a database."""

from __future__ import annotations

import json
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Annotated, Any

import typer

from holdfast.client import LineBroken
from holdfast.kernel.errors import HoldfastError
from holdfast.terminal import output
from holdfast.terminal.context import Terminal, terminal
from holdfast.terminal.failure import Usage
from holdfast.terminal.noun import verb
from holdfast.terminal.progress import RunFailed

PART = 8 << 20
SHOWN = 10


import_ = typer.Typer(rich_markup_mode=None, add_completion=False, pretty_exceptions_enable=False)


@verb(
    import_,
    "import",
    """
    holdfast import shop orders.csv --preview
    holdfast import shop orders.csv.gz --table orders --map "Order No=id" --on-conflict update
    pg_dump --no-owner old | holdfast import shop - --format sql
    """,
)
def run(
    ctx: typer.Context,
    *,
    database: Annotated[str, typer.Argument(help="Database, by name or id.")],
    file: Annotated[str, typer.Argument(help="CSV, JSON, NDJSON, Parquet or SQL, also .gz and .zst; - reads a pipe.")],
    table: Annotated[
        str | None,
        typer.Option("--table", help="Into this table; made when it is not there. Default: the file's name."),
    ] = None,
    maps: Annotated[
        list[str] | None, typer.Option("--map", metavar="FILE=TABLE", help="A column goes there; FILE= leaves it out.")
    ] = None,
    types: Annotated[
        list[str] | None, typer.Option("--type", metavar="COLUMN=KIND", help="Kind of a new table's column.")
    ] = None,
    preview: Annotated[bool, typer.Option("--preview", help="Show what would happen; write nothing.")] = False,
    errors: Annotated[int, typer.Option("--errors", min=0, help="Bad rows that may be left out.")] = 0,
    conflict: Annotated[
        str, typer.Option("--on-conflict", help="fail, skip or update rows whose key is there.")
    ] = "fail",
    key: Annotated[
        list[str] | None, typer.Option("--key", help="Column of the key; the primary key without it.")
    ] = None,
    form: Annotated[str | None, typer.Option("--format", help="csv, json, ndjson, sql or parquet.")] = None,
    delimiter: Annotated[str | None, typer.Option("--delimiter", help="Between fields of CSV.")] = None,
    quote: Annotated[str | None, typer.Option("--quote", help="Around fields of CSV.")] = None,
    null: Annotated[str | None, typer.Option("--null", help="The word for NULL in CSV.")] = None,
    encoding: Annotated[str | None, typer.Option("--encoding", help="Such as latin-1.")] = None,
    header: Annotated[bool | None, typer.Option("--header/--no-header", help="Whether CSV begins with names.")] = None,
    dates: Annotated[str, typer.Option("--dates", help="How 01/02/2026 is read: ymd, dmy or mdy.")] = "ymd",
    no_wait: Annotated[bool, typer.Option("--no-wait", help="Return the run at once.")] = False,
) -> None:
    """Import a file, all or nothing unless --errors allows bad rows. The upload goes on where it broke off."""
    t = terminal(ctx)
    found = t.database(database)
    told: dict[str, Any] = {
        "format": form,
        "delimiter": "\t" if delimiter in ("\\t", "tab") else delimiter,
        "quote": quote,
    }
    told |= {"null": null, "encoding": encoding, "header": header, "date_order": dates}
    body: dict[str, Any] = {
        "table": table or (None if file == "-" else _stem(file)),
        "columns": dict(_pair(text, "--map") for text in maps or ()),
        "types": dict(_pair(text, "--type") for text in types or ()),
        "on_conflict": conflict,
        "key": key or [],
        "errors": errors,
        "file": {name: value for name, value in told.items() if value is not None},
    }
    with opened(file) as (source, name, size):
        body["upload_id"] = send(t, found["id"], source, name, size)
    if preview:
        _show(t, t.client.post(f"/databases/{found['id']}/imports/preview", body))
        t.client.delete(f"/uploads/{body['upload_id']}")
        return
    made = t.client.post(f"/databases/{found['id']}/imports", body)
    if no_wait:
        t.answer(made, f"{made['run']['id']}\nWatch it: holdfast run watch {made['run']['id']}")
        return
    try:
        t.follow(made["run"])
    except RunFailed:
        _bad_rows(t, made["import"]["id"])
        raise
    ended = t.client.get(f"/imports/{made['import']['id']}")
    if (ended["result"] or {}).get("bad"):
        _bad_rows(t, ended["id"])
    t.answer(ended, _words(ended["result"] or {}))


def _pair(text: str, option: str) -> tuple[str, str]:
    name, equals, value = text.rpartition("=")
    if not equals or not name:
        raise Usage(f"{option} takes name=value, not {text!r}")
    return name, value


def _stem(file: str) -> str:
    """orders.csv.gz -> orders."""
    return Path(file).name.split(".")[0] or "imported"


@contextmanager
def opened(file: str) -> Iterator[tuple[IO[bytes], str, int]]:
    """The file, its name, its size; a pipe is kept in a temporary file, for its size must be known."""
    if file == "-":
        with tempfile.TemporaryFile() as kept:
            while piece := sys.stdin.buffer.read(1 << 20):
                kept.write(piece)
            size = kept.tell()
            kept.seek(0)
            yield kept, "standard-input", _some(size, "standard input")
        return
    path = Path(file)
    try:
        with path.open("rb") as opened:
            yield opened, path.name[:255], _some(path.stat().st_size, file)
    except OSError as error:
        raise Usage(f"{file}: {error.strerror}") from None


def _some(size: int, what: str) -> int:
    if size == 0:
        raise Usage(f"{what} is empty")
    return size


def send(t: Terminal, database_id: str, source: IO[bytes], name: str, size: int) -> str:
    """Part by part; after a broken line from where the server says it stands."""
    sent = str(t.client.post(f"/databases/{database_id}/uploads", {"name": name, "size": size})["id"])
    live = sys.stderr.isatty() and not t.json
    at, broken = 0, 0
    while at < size:
        source.seek(at)
        piece = source.read(PART)
        try:
            at = int(t.client.put_part(f"/uploads/{sent}/content", at, piece, size)["received"])
            broken = 0
        except LineBroken:
            broken += 1
            if broken > 5:
                raise
            at = int(t.client.get(f"/uploads/{sent}")["received"])
        if live:
            sys.stderr.write(f"\r\x1b[Kuploading  {at / size:4.0%}  {output.size_text(at)}/{output.size_text(size)}")
            sys.stderr.flush()
    if live:
        sys.stderr.write("\r\x1b[K")
    t.client.post(f"/uploads/{sent}/complete")
    return sent


def _show(t: Terminal, preview: dict[str, Any]) -> None:
    if t.json:
        output.say_json(preview)
        return
    where = preview["table"]
    into = f"new table {where}" if preview["new_table"] else f"table {where}" if where else "the database"
    dialect = preview["dialect"]
    output.record(
        {
            "Format": preview["format"] + ("" if preview["compression"] == "none" else f", {preview['compression']}"),
            "Into": into,
            "Dialect": "-" if not dialect else ", ".join(f"{k} {v!r}" for k, v in dialect.items()),
        }
    )
    columns = [[c["name"], c["kind"], c["column"] or "(left out)"] for c in preview["columns"]]
    if columns:
        output.table(["COLUMN", "HOLDS", "GOES INTO"], columns)
    output.table([c["name"] for c in preview["columns"]] or ["FIRST LINES"], preview["rows"][:SHOWN])
    for note in preview["notes"]:
        output.note(output.visible(note))
    if preview["unfilled"]:
        output.note(f"Without a value, though they need one: {', '.join(preview['unfilled'])}")


def _bad_rows(t: Terminal, import_id: str) -> None:
    """The first of them, on stderr."""
    if t.json:
        return
    try:
        pieces = b"".join(t.client.content(f"/imports/{import_id}/bad-rows")).splitlines()
    except HoldfastError:
        return  # there is no report: the error of the run says it all
    for raw in pieces[:SHOWN]:
        bad = json.loads(raw)
        where = f"line {bad['line']}" + (f", column {bad['column']}" if bad["column"] else "")
        value = "" if bad["value"] is None else f": {bad['value']!r}"
        output.note(output.visible(f"{where}{value}: {bad['reason']}"))
    if len(pieces) > SHOWN:
        output.note(f"... and {len(pieces) - SHOWN} more: GET /api/v1/imports/{import_id}/bad-rows")


def _words(result: dict[str, Any]) -> str:
    if "statements" in result:
        notes = "".join(f"\n{note}" for note in result.get("notes") or [])
        return f"Ran {result['statements']:,} statements.{notes}"
    parts = [f"{result.get('rows', 0):,} rows imported"]
    parts += [f"{result[name]:,} {name}" for name in ("updated", "skipped", "bad") if result.get(name)]
    notes = "".join(f"\n{output.visible(note)}" for note in result.get("notes") or [])
    return f"{', '.join(parts)} into {output.visible(str(result.get('table')))}.{notes}"
