"""L2: every part of a snapshot parses without a server."""

from __future__ import annotations

import contextlib

from holdfast.contract.snapshot import Check, Level, Source, TableFacts, Verdict
from holdfast.contract.tools import Tools
from holdfast.engines.postgresql.capture import LARGE_OBJECTS, POST_DATA, PRE_DATA
from holdfast.engines.postgresql.streams import read_all
from holdfast.kernel.errors import HoldfastError, Permanent
from holdfast.kernel.stop import Stop

CHUNK = 1024 * 1024


def readable(source: Source, tools: Tools, stop: Stop) -> Verdict:
    """One check per archive, one per table. A part that cannot be read fails its check; only a stop raises."""
    present = set(source.paths())
    checks = [_archive(source, tools, path, stop) for path in (PRE_DATA, POST_DATA)]
    if LARGE_OBJECTS in present:
        checks.append(_archive(source, tools, LARGE_OBJECTS, stop))
    checks += [_table(source, fact, stop) for fact in source.manifest.tables]
    return Verdict(Level.READABLE, tuple(checks))


def _archive(source: Source, tools: Tools, path: str, stop: Stop) -> Check:
    """pg_restore turns the whole archive into SQL and throws it away: framing and every block are read."""
    stop.check()
    try:
        if path != LARGE_OBJECTS:
            listing = tools.output(["pg_restore", "-l"], stdin=read_all(source, path), stop=stop).decode(
                "utf-8", "replace"
            )
            lines = [line for line in listing.splitlines() if line and not line.startswith(";")]
            return Check(path, True, actual=f"{len(lines)} items")
        with tools.run(["pg_restore", "-f", "/dev/null"], stdin=True, stdout=False, stop=stop) as child:
            stream = source.open(path)
            try:
                with contextlib.suppress(BrokenPipeError):
                    _pump(stream.readinto, child.stdin)
            finally:
                stream.close()
            child.wait(None)
    except HoldfastError as error:
        stop.check()
        return Check(path, False, detail=str(error))
    return Check(path, True)


def _pump(readinto: object, pipe: object) -> None:
    if not callable(readinto) or pipe is None or not hasattr(pipe, "write") or not hasattr(pipe, "close"):
        raise Permanent("the tools gave pg_restore no pipe", code="tool_failed")
    buffer = memoryview(bytearray(CHUNK))
    while count := readinto(buffer):
        pipe.write(buffer[:count])
    pipe.close()


def _table(source: Source, fact: TableFacts, stop: Stop) -> Check:
    name = f"{fact.schema}.{fact.name}"
    found = 0
    for path in fact.entries:
        columns = source.manifest.entries.get(path, {}).get("columns")
        width = len(columns) if isinstance(columns, list | tuple) else 0
        try:
            count, problem = _copy_text(source, path, width, stop)
        except HoldfastError as error:
            stop.check()
            return Check(name, False, detail=f"{path}: {error}")
        if problem:
            return Check(name, False, detail=f"{path}: {problem}")
        found += count
    return Check(name, found == fact.rows, expected=f"{fact.rows} rows", actual=f"{found} rows")


def _copy_text(source: Source, path: str, width: int, stop: Stop) -> tuple[int, str]:
    """(rows, what is wrong). In COPY text a raw line break ends a row and a raw tab a column, always."""
    stream = source.open(path)
    buffer = memoryview(bytearray(CHUNK))
    rows = tabs = 0
    last = 0x0A
    try:
        while count := stream.readinto(buffer):
            stop.check()
            chunk = bytes(buffer[:count])
            rows += chunk.count(b"\n")
            tabs += chunk.count(b"\t")
            last = chunk[-1]
    finally:
        stream.close()
    if last != 0x0A:
        return rows, "the last row is cut off"
    if tabs != rows * max(0, width - 1):
        return rows, f"{tabs} column breaks in {rows} rows of {width} columns"
    return rows, ""
