"""The program that reads a Parquet file on its own, as a child with little memory: a file made to break its reader ends
this process and nothing else.

    python -m holdfast.formats.parquet_child MEMORY_BYTES < FILE

Standard output is JSON, an object a line: {"columns": [[name, kind], ...], "notes": [...]}, then {"rows": n, "values":
[column, ...]} for each batch, and {"end": true}; or {"error": message}. `wire` encodes `values`, `unwire` decodes them.
"""

from __future__ import annotations

import base64
import json
import resource
import sys
from collections.abc import Callable, Sequence
from datetime import date, datetime, time
from decimal import Decimal
from pathlib import Path
from typing import Any

from holdfast.formats.guessing import Kind
from holdfast.kernel.errors import HoldfastError

_ISO = (datetime, date, time)


def wire(kind: Kind) -> Callable[[Any], Any] | None:
    """What makes JSON of one value of that kind; None: it is JSON already (floats may be NaN and Infinity)."""
    found: dict[str, Callable[[Any], Any]] = {
        "decimal": str,
        "bytes": lambda value: base64.b64encode(value).decode(),
        "date": date.isoformat,
        "time": time.isoformat,
        "timestamp": datetime.isoformat,
        "timestamptz": datetime.isoformat,
        "json": _document,
        "text": lambda value: value if isinstance(value, str) else str(value),
    }
    return found.get(kind)


def unwire(kind: Kind) -> Callable[[Any], Any] | None:
    """The reverse."""
    found: dict[str, Callable[[Any], Any]] = {
        "decimal": Decimal,
        "bytes": base64.b64decode,
        "date": date.fromisoformat,
        "time": time.fromisoformat,
        "timestamp": datetime.fromisoformat,
        "timestamptz": datetime.fromisoformat,
    }
    return found.get(kind)


def _document(value: Any) -> Any:
    """Nested values: what JSON has no word for becomes text, exact to the digit."""
    if isinstance(value, dict):
        return {str(key): _document(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_document(item) for item in value]
    if isinstance(value, bytes):
        return {"$bytes": base64.b64encode(value).decode()}
    if isinstance(value, _ISO):
        return value.isoformat()
    return str(value) if isinstance(value, Decimal) else value


def _bound(memory: int) -> None:
    """Nothing this process does from here on can take more, write a file or leave a core behind."""
    resource.setrlimit(resource.RLIMIT_DATA, (memory, memory))
    resource.setrlimit(resource.RLIMIT_AS, (8 * memory, 8 * memory))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def _say(thing: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(thing, ensure_ascii=True, separators=(",", ":")) + "\n")
    sys.stdout.flush()


def main(arguments: Sequence[str]) -> int:
    from holdfast.formats.parquet_rows import ParquetFile  # arro3 before the bound: its code is not data

    memory = int(arguments[0])
    _bound(memory)
    file = ParquetFile(Path("/proc/self/fd/0"))
    try:
        columns = file.columns()
        _say({"columns": [[column.name, column.kind] for column in columns], "notes": file.notes()})
        makers = [wire(column.kind) for column in columns]
        for rows in file.rows():
            values = []
            for column, make in zip(zip(*rows, strict=True), makers, strict=True):
                values.append(column if make is None else [None if value is None else make(value) for value in column])
            _say({"rows": len(rows), "values": values})
        _say({"end": True})
    except HoldfastError as error:
        if resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 > memory // 2:
            return 3  # arro3 does not tell a refused allocation from damage
        _say({"error": error.message})
    except MemoryError:
        return 3
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
