"""One file into one table, in one transaction: rows, bad rows, and the decision whether it stands."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

from holdfast.contract.bulk import CanBulk, Loading
from holdfast.contract.catalog import JSON
from holdfast.features.transfers.mapping import Mapped
from holdfast.features.transfers.reading import Part, Table
from holdfast.kernel.crashpoints import crash_point
from holdfast.kernel.errors import Invalid
from holdfast.kernel.stop import Stop

AT_ONCE = 2000
LOOK_ON = 100  # an import that fails goes on until it has found so many: one attempt tells them all
Note = Callable[[str, Mapping[str, JSON]], None]


@dataclass
class Report:
    """Bad rows as NDJSON, one object a line."""

    path: Path
    allowed: int
    count: int = 0
    first: dict[str, Any] | None = None
    _file: IO[str] | None = field(default=None, repr=False)

    def add(self, line: int, reason: str, column: str | None, value: str | None, row: str = "") -> None:
        if self._file is None:
            self._file = self.path.open("w", encoding="utf-8", errors="replace")
        entry = {"line": line, "column": column, "value": value, "reason": reason}
        self.first = self.first or {"line": line, "column": column, "reason": reason}
        self._file.write(json.dumps(entry | ({"row": row} if row else {}), ensure_ascii=False) + "\n")
        self.count += 1

    @property
    def hopeless(self) -> bool:
        return self.count > self.allowed and self.count >= LOOK_ON

    def keep(self) -> None:
        """On disk when this returns: once the rows are in, nobody reads the file again."""
        if self._file is not None:
            self._file.flush()
            os.fsync(self._file.fileno())

    def close(self) -> None:
        if self._file is not None:
            self._file.close()


class Importer:
    """`progress` hears (bytes of the file read, rows so far)."""

    def __init__(self, table: Table, plan: Mapped, report: Report, progress: Callable[[int, int], None]) -> None:
        self._table, self._plan, self._report, self._progress = table, plan, report, progress
        self._indexes = [index for index, _ in plan.pairs]
        self._targets = [name for _, name in plan.pairs]
        self._same = self._indexes == list(range(len(table.names)))
        self._half = table.path.stat().st_size // 2

    def run(self, session: CanBulk, before_commit: Note, stop: Stop) -> None:
        """Raises Invalid (code "bad_rows") with nothing written when more rows are bad than allowed. `before_commit`
        gets the token and what will have been done."""
        try:
            with session.bulk_load(self._plan.load, stop) as loading:
                self._all(loading, stop)
                self._judge()
                self._report.keep()
                token = loading.token()
                counts = loading.counts
                before_commit(
                    token,
                    {
                        "rows": counts.inserted,
                        "updated": counts.updated,
                        "skipped": counts.skipped,
                        "bad": self._report.count,
                        "table": ".".join(self._plan.load.relation),
                        "created": bool(self._plan.load.create),
                        "left_out": list(self._plan.left_out),
                        "notes": list(self._table.notes),
                    },
                )
                crash_point("import.before_commit")
                loading.commit()
                crash_point("import.committed")
        finally:
            self._report.close()

    def _all(self, loading: Loading, stop: Stop) -> None:
        done = 0

        def seen(count: int) -> None:
            nonlocal done
            done = count
            if count > self._half:
                crash_point("import.half")

        for part in self._table.parts(seen, dict.fromkeys(self._plan.left_out, "")):
            stop.check()
            self._part(loading, part)
            counts = loading.counts
            self._progress(done, counts.inserted + counts.updated + counts.skipped)
            if self._report.hopeless:
                return

    def _part(self, loading: Loading, part: Part) -> None:
        dialect = self._table.dialect
        straight = self._plan.straight and part.raw is not None and dialect is not None
        if straight and part.raw is not None and dialect is not None and loading.put_csv(part.raw, dialect):
            return
        lines: list[int] = []
        rows: list[Sequence[Any]] = []
        for line, values, problem, text in part.rows():
            if values is None:
                self._report.add(line, problem, None, None, text)
                continue
            lines.append(line)
            rows.append(values if self._same else [values[index] for index in self._indexes])
            if len(rows) >= AT_ONCE:
                self._put(loading, lines, rows)
                lines, rows = [], []
                if self._report.hopeless:
                    return
        self._put(loading, lines, rows)

    def _put(self, loading: Loading, lines: list[int], rows: list[Sequence[Any]]) -> None:
        if not rows:
            return
        for bad in loading.put(rows):
            value = bad.value
            if value is None and bad.column in self._targets:
                given = rows[bad.index][self._targets.index(bad.column)]
                value = None if given is None else str(given)[:200]
            self._report.add(lines[bad.index], bad.reason, bad.column, value)

    def _judge(self) -> None:
        report = self._report
        if report.count <= report.allowed:
            return
        first = report.first or {}
        where = f", column {first['column']}" if first.get("column") else ""
        more = "at least " if report.hopeless else ""
        raise Invalid(
            f"{more}{report.count} bad row{'s' if report.count > 1 else ''}, the first in line {first.get('line')}"
            f"{where}: {first.get('reason')}",
            code="bad_rows",
            hint="Nothing was imported. The report of this import lists them; mend the file, or allow bad rows.",
            details={"bad": report.count, "allowed": report.allowed, **first},
        )
