"""Asking the query API and showing what it answers, for `db query` and the shell."""

from __future__ import annotations

import csv
import json
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, TextIO

from holdfast.client import Client, error_from_wire
from holdfast.terminal import output
from holdfast.terminal.failure import Usage

FORMATS = ("table", "json", "csv", "ndjson")


class Result:
    """One statement's answer, streamed: `columns` are known before the first row, `end` after the last."""

    def __init__(self, client: Client, database_id: str, body: dict[str, Any]) -> None:
        self._begin(client.lines("POST", f"/databases/{database_id}/query", _body(body)))

    @classmethod
    def of(cls, lines: Iterator[Any]) -> Result:
        """The answer of another route that runs a statement."""
        made = cls.__new__(cls)
        made._begin(lines)
        return made

    def _begin(self, lines: Iterator[Any]) -> None:
        self._lines = lines
        self.columns: list[dict[str, Any]] = []
        self.end: dict[str, Any] = {}
        self._first: list[Any] = []
        for record in self._lines:
            self._take(record)
            break

    def _take(self, record: dict[str, Any]) -> None:
        self._first = []
        if "error" in record:
            raise error_from_wire(int(record["error"].get("status") or 422), record)
        if "columns" in record:
            self.columns = [c if isinstance(c, dict) else {"name": c} for c in record["columns"]]
        if "row" in record:
            self._first = [record["row"]]
        elif record.get("rows") and isinstance(record["rows"], list):
            self._first = record["rows"]
        if any(key in record for key in ("end", "last", "affected", "truncated")):
            self.end = record["end"] if isinstance(record.get("end"), dict) else record

    def rows(self) -> Iterator[list[Any]]:
        """Every row once. Raises what the server reports half-way."""
        yield from self._first
        for record in self._lines:
            self._take(record)
            yield from self._first

    def close(self) -> None:
        """End the request; the server cancels the statement."""
        if hasattr(self._lines, "close"):
            self._lines.close()


def _body(given: dict[str, Any]) -> dict[str, Any]:
    limits = {key: given[key] for key in ("rows", "bytes", "seconds") if given.get(key) is not None}
    body = {"statement": given["statement"], "params": given.get("params") or [], "write": bool(given.get("write"))}
    return body | ({"limits": limits} if limits else {})


def statement_text(argument: str | None, file: TextIO | None) -> str:
    """The statement from the argument, a file or standard input. Raises Usage for none or two of them."""
    if file is not None and argument is not None:
        raise Usage("a statement and --file: say one of them")
    if file is not None:
        return file.read()
    if argument == "-" or (argument is None and not sys.stdin.isatty()):
        return sys.stdin.read()
    if argument is None:
        raise Usage("no statement", hint='holdfast db query NAME "select 1", or holdfast db shell NAME')
    return argument


def bound(values: Iterable[str]) -> list[Any]:
    """--param values: JSON where it parses, text otherwise."""
    made = []
    for text in values:
        try:
            made.append(json.loads(text))
        except ValueError:
            made.append(text)
    return made


def show(result: Result, form: str) -> None:
    """The whole result in one of FORMATS; csv and ndjson hold one row in memory at a time."""
    if form not in FORMATS:
        raise Usage(f"--format is one of {', '.join(FORMATS)}, not {form!r}")
    names = [column["name"] for column in result.columns]
    if form == "csv":
        writer = csv.writer(sys.stdout)
        writer.writerow(names)
        writer.writerows([_csv(value) for value in row] for row in result.rows())
    elif form == "ndjson":
        for row in result.rows():
            output.say(json.dumps(keyed(names, row), ensure_ascii=False))
    elif form == "json":
        rows = list(result.rows())
        output.say_json({"columns": result.columns, "rows": rows} | _ending(result))
        return
    else:
        as_table(names, result.rows(), affected=lambda: result.end.get("affected"))
    say_truncated(result)


def say_truncated(result: Result) -> None:
    """That rows are missing, and which limit it was: on stderr, so that a pipe carries only rows."""
    if (truncated := result.end.get("truncated")) is not None:
        more = {"rows": "there are more rows: ask for them with --rows", "bytes": "ask for less, or fewer columns"}
        output.note(f"Cut short at the limit of {truncated}; {more.get(truncated, 'see --rows and --seconds')}.")


def _ending(result: Result) -> dict[str, Any]:
    return {"affected": result.end.get("affected"), "truncated": result.end.get("truncated")}


def as_table(
    names: Sequence[str], rows: Iterable[Sequence[Any]], affected: Callable[[], int | None] = lambda: None
) -> int:
    """Print rows as a table with a count under it; the number of rows. `affected` is for no columns."""
    found = [[cell(value) for value in row] for row in rows]
    if names:
        output.table(names, found)
        output.say(f"({len(found)} row{'' if len(found) == 1 else 's'})")
    elif (changed := affected()) is not None:
        output.say(f"Done: {changed:,} row{'' if changed == 1 else 's'} changed.")
    else:
        output.say("Done.")
    return len(found)


def cell(value: Any) -> str:
    """A value of a result for people; bytes by their beginning, as hexadecimal."""
    if isinstance(value, dict) and set(value) == {"$bytes"}:
        import base64

        raw = base64.b64decode(value["$bytes"])
        return f"\\x{raw[:16].hex()}{f'... ({len(raw)} bytes)' if len(raw) > 16 else ''}"
    return output.value_text(value)


def _csv(value: Any) -> Any:
    if value is None:
        return ""
    return json.dumps(value, ensure_ascii=False) if isinstance(value, dict | list) else value


def keyed(names: Sequence[str], row: Sequence[Any]) -> dict[str, Any]:
    """A row as an object; columns that share a name get #2, #3 so that none is lost."""
    made: dict[str, Any] = {}
    for name, value in zip(names, row, strict=True):
        unique, count = name, 1
        while unique in made:
            count += 1
            unique = f"{name}#{count}"
        made[unique] = value
    return made


def relation_name(relation: dict[str, Any]) -> str:
    """schema.table, without a schema where the engine has only one."""
    schema = relation.get("schema")
    return str(relation["name"]) if schema in (None, "", "main", "public") else f"{schema}.{relation['name']}"
