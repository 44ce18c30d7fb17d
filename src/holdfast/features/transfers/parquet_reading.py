"""Parquet files, read by a child that may die of them: what they declare is what a reader sets memory aside for."""

from __future__ import annotations

import json
import select
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

import holdfast
from holdfast.formats.guessing import Kind
from holdfast.formats.parquet_child import unwire
from holdfast.hosts.launching import Launch, spawn
from holdfast.kernel.errors import HoldfastError, Invalid, LimitExceeded

MEMORY = 512 << 20
PATIENCE = 30.0  # seconds for one batch
FREE_BYTES = 1 << 30  # of values: run lengths may claim more rows than any disk could hold
MAX_RATIO = 1000
MAX_LINE = 256 << 20
Column = tuple[str, Kind]


class SafeParquet:
    """One file. Everything raises Invalid (code "parquet_invalid") for a damaged or hostile one, LimitExceeded (code
    "parquet_too_heavy" | "expands_too_much") for one that takes too much; the calling process stays unharmed."""

    def __init__(self, path: Path, *, memory: int = MEMORY, patience: float = PATIENCE) -> None:
        self._path, self._memory, self._patience = path, memory, patience

    def head(self) -> tuple[list[Column], list[str], list[tuple[Any, ...]]]:
        """The columns, what of their values is not kept, and the first batch of rows."""
        with self._child() as lines:
            first = next(lines)
            columns = _columns(first)
            return columns, list(first["notes"]), _rows(next(lines), columns)

    def rows(self) -> Iterator[list[tuple[Any, ...]]]:
        """Batches of rows in Python's types; nested values as JSON has them. Leaving early ends the child."""
        with self._child() as lines:
            columns = _columns(next(lines))
            for line in lines:
                if "end" in line:
                    return
                yield _rows(line, columns)

    @contextmanager
    def _child(self) -> Iterator[Iterator[dict[str, Any]]]:
        with self._path.open("rb") as file:
            process = spawn(
                Launch(
                    (
                        sys.executable,
                        "-s",
                        "-P",
                        "-X",
                        "utf8",
                        "-m",
                        "holdfast.formats.parquet_child",
                        str(self._memory),
                    ),
                    env={"PYTHONPATH": str(Path(holdfast.__file__).parents[1]), "RAYON_NUM_THREADS": "1"},
                    death_signal=signal.SIGKILL,
                ),
                stdin=file,
                stdout=subprocess.PIPE,
            )
        try:
            yield self._lines(process)
        finally:
            process.kill()
            process.wait()
            if process.stdout is not None:
                process.stdout.close()

    def _lines(self, process: subprocess.Popen[bytes]) -> Iterator[dict[str, Any]]:
        """What the child says; never ends without an error or its own last word."""
        pipe = process.stdout
        if pipe is None:
            raise Invalid("the reader of Parquet files has no pipe", code="parquet_invalid")
        most, taken = FREE_BYTES + MAX_RATIO * self._path.stat().st_size, 0
        for raw in self._whole(pipe):
            taken += len(raw)
            if taken > most:
                raise LimitExceeded(
                    f"this file holds more than {taken >> 20} MiB of values",
                    code="expands_too_much",
                    hint="send it in parts, if it is what you meant",
                    details={"limit_bytes": most, "limit_ratio": MAX_RATIO},
                )
            line = json.loads(raw)
            if "error" in line:
                raise Invalid(str(line["error"]), code="parquet_invalid")
            yield line
        raise _ended(process.wait())

    def _whole(self, pipe: IO[bytes]) -> Iterator[bytes]:
        held: list[bytes] = []
        size = 0
        while True:
            if not select.select([pipe], [], [], self._patience)[0]:
                raise LimitExceeded(
                    f"reading this Parquet file stood still for {self._patience:g} s",
                    code="parquet_too_heavy",
                    hint=_HINT,
                )
            piece = pipe.read(1 << 20)
            if not piece:
                return
            *lines, rest = piece.split(b"\n")
            for end in lines:
                yield b"".join([*held, end])
                held, size = [], 0
            held.append(rest)
            size += len(rest)
            if size > MAX_LINE:
                raise LimitExceeded("this Parquet file has rows too long to read", code="parquet_too_heavy", hint=_HINT)


_HINT = "write it with smaller row groups and pages, or send it as CSV or NDJSON"


def _ended(status: int) -> HoldfastError:
    """The child left without a last word."""
    if status in (0, 1):
        return Invalid("this is no Parquet file we can read: its reader gave up", code="parquet_invalid")
    return LimitExceeded(
        "this Parquet file is damaged, or takes more memory than one may",
        code="parquet_too_heavy",
        hint=_HINT,
        details={"memory_bytes": MEMORY, "status": status},
    )


def _columns(line: dict[str, Any]) -> list[Column]:
    return [(name, kind) for name, kind in line["columns"]]


def _rows(line: dict[str, Any], columns: Sequence[Column]) -> list[tuple[Any, ...]]:
    if "end" in line:
        return []
    made = []
    for (_, kind), values in zip(columns, line["values"], strict=True):
        read = unwire(kind)
        made.append(values if read is None else [None if value is None else read(value) for value in values])
    return list(zip(*made, strict=True))
