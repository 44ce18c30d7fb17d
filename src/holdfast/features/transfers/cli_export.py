"""`holdfast export`: a table, a result or a whole database as a file."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import typer

from holdfast.terminal import output
from holdfast.terminal.context import Terminal, terminal
from holdfast.terminal.failure import Usage
from holdfast.terminal.noun import verb

SUFFIXES = {"csv": "csv", "json": "json", "ndjson": "ndjson", "jsonl": "ndjson", "sql": "sql", "parquet": "parquet"}
_SQUEEZES = {"gz": "gzip", "zst": "zstd"}


export = typer.Typer(rich_markup_mode=None, add_completion=False, pretty_exceptions_enable=False)


@verb(
    export,
    "export",
    """
    holdfast export shop orders > orders.csv
    holdfast export shop --query "select * from orders where paid" --format json -o paid.json.gz
    holdfast export shop -o shop.sql.zst
    """,
)
def run(
    ctx: typer.Context,
    *,
    database: Annotated[str, typer.Argument(help="Database, by name or id.")],
    table: Annotated[
        str | None, typer.Argument(help="table or schema.table; without one the whole database, as SQL.")
    ] = None,
    query: Annotated[str | None, typer.Option("--query", help="The rows of this reading statement instead.")] = None,
    form: Annotated[
        str | None, typer.Option("--format", help="csv, json, ndjson, sql or parquet; else by the file's name.")
    ] = None,
    out: Annotated[Path | None, typer.Option("-o", "--out", help="File to write; standard output without it.")] = None,
    compression: Annotated[
        str | None, typer.Option("--compress", help="none, gzip or zstd; else by the file's name.")
    ] = None,
    delimiter: Annotated[str, typer.Option("--delimiter", help="Between fields of CSV.")] = ",",
    null: Annotated[str, typer.Option("--null", help="The word for NULL in CSV.")] = "",
    no_header: Annotated[bool, typer.Option("--no-header", help="CSV without the line of names.")] = False,
    formula_safe: Annotated[
        bool, typer.Option("--formula-safe", help="Mark text that a spreadsheet would run.")
    ] = False,
) -> None:
    """Export a table, the rows of a query, or a whole database. A file that is there already is not overwritten."""
    t = terminal(ctx)
    if query is not None and table is not None:
        raise Usage("a table and --query: say one of them")
    by_name, squeeze = told_by(out)
    whole = table is None and query is None
    body: dict[str, Any] = {
        "format": form or by_name or ("sql" if whole else "csv"),
        "compression": compression or squeeze,
        "csv": {
            "delimiter": "\t" if delimiter in ("\\t", "tab") else delimiter,
            "null": null,
            "header": not no_header,
            "formula_safe": formula_safe,
        },
    }
    body |= ({"table": table} if table else {}) | ({"statement": query} if query else {})
    pieces = t.client.content_of(f"/databases/{t.database(database)['id']}/export", body)
    if out is None:
        for piece in pieces:
            sys.stdout.buffer.write(piece)
        sys.stdout.buffer.flush()
        return
    _into(t, out, pieces)


def told_by(file: Path | None) -> tuple[str | None, str]:
    """(format, compression) by a file's name: orders.csv.gz."""
    words = [] if file is None else file.name.lower().split(".")[1:]
    squeeze = _SQUEEZES.get(words[-1], "none") if words else "none"
    if squeeze != "none":
        words.pop()
    return (SUFFIXES.get(words[-1]) if words else None), squeeze


def _into(t: Terminal, out: Path, pieces: Iterator[bytes]) -> None:
    started, size, shown = time.monotonic(), 0, 0.0
    live = sys.stderr.isatty() and not t.json
    try:
        with out.open("xb") as file:
            for piece in pieces:
                size += file.write(piece)
                now = time.monotonic()
                if live and now - shown > 0.2:
                    shown = now
                    rate = size / max(0.001, now - started)
                    sys.stderr.write(f"\r\x1b[K{output.size_text(size)}  {output.size_text(rate)}/s")
                    sys.stderr.flush()
    except FileExistsError:
        raise Usage(f"{out} is there already", hint="name another file with -o") from None
    except BaseException:
        out.unlink(missing_ok=True)  # half a table must not look like all of it
        raise
    finally:
        if live:
            sys.stderr.write("\r\x1b[K")
    t.answer({"file": str(out), "bytes": size}, f"Wrote {output.size_text(size)} to {output.visible(str(out))}.")
