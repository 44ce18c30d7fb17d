"""Which ranges of the tables one capture reads, which it takes over, and what is known of both in the end."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Literal

from holdfast.contract.catalog import JSON
from holdfast.contract.incremental import Reuse
from holdfast.contract.snapshot import TableFacts
from holdfast.engines.postgresql import digest
from holdfast.engines.postgresql.incremental import Known
from holdfast.engines.postgresql.tables import Range, Table, ranges
from holdfast.kernel.errors import Corrupt, Retryable
from holdfast.kernel.ids import escape_name

Target = tuple[str, str]
Digests = Mapping[str, digest.Sums]


class Choice:
    """`parts` are all ranges by path, of big tables first; `taken` what the parent says of those that are not read.

    `rows` and `sizes` are filled while ranges are read, under the capture's lock."""

    def __init__(self, tables: Sequence[Table], known: Known, distrusted: frozenset[int], *, digests: bool) -> None:
        self._known, self._distrusted = known, distrusted
        ordered = sorted(tables, key=lambda table: -table.bytes)
        self.parts = {path_of(part): part for table in ordered for part in ranges(table)}
        self.taken: dict[str, Mapping[str, JSON]] = {}
        self.rows: dict[str, int] = {}
        self.sizes: dict[str, int] = {}
        self._proofs: list[str] = []
        for path, part in self.parts.items():
            facts = known.facts(part, path)
            if facts is not None and known.sampled(part):
                self._proofs.append(path)
            elif facts is not None and (not digests or _sum(facts) is not None):
                self.taken[path] = facts

    def to_read(self) -> list[Range]:
        return [part for path, part in self.parts.items() if path not in self.taken]

    def facts(self, path: str) -> dict[str, JSON]:
        """What the manifest says of a range before it is read."""
        part = self.parts[path]
        table = part.table
        return {
            **self._known.about(part, self._distrusted),
            "schema": table.schema, "table": table.name, "columns": list(table.columns), "owner": table.owner,
            "load_schema": table.load_schema, "load_table": table.load_name, "first_block": part.first,
        }  # fmt: skip

    def counted(self, path: str, found: Digests) -> dict[str, JSON]:
        """Rows and sum of a range, read or taken over."""
        if path in self.taken:
            return {name: self.taken[path][name] for name in ("rows", "sum") if name in self.taken[path]}
        rows: dict[str, JSON] = {"rows": self.rows[path]} if path in self.rows else {}
        return {**rows, **({"sum": digest.added([found[path]])[1]} if path in found else {})}

    def tables(self, found: Digests) -> Iterator[TableFacts]:
        """Raises Retryable when a range was not read, Corrupt when the server counted other rows than came."""
        paths: dict[Target, list[str]] = {}
        for path, part in self.parts.items():
            paths.setdefault(part.table.target, []).append(path)
        for (schema, name), entries in sorted(paths.items()):
            sums = [self._sum_of(path, found) for path in entries]
            known = [(count, total) for count, total in sums if total is not None]
            text = digest.added(known)[1] if len(known) == len(sums) else None
            rows = sum(count for count, _ in sums)
            yield TableFacts(schema, name, rows, text, digest.METHOD if text else None, tuple(entries))

    def _sum_of(self, path: str, found: Digests) -> tuple[int, int | None]:
        if path in self.taken:
            return _number(self.taken[path].get("rows")), _sum(self.taken[path])
        if path not in self.rows:
            raise Retryable(f"{path} was not read to its end", code="snapshot_incomplete")
        rows = self.rows[path]
        if path not in found:
            return rows, None
        if found[path][0] != rows:
            raise Corrupt(f"{path}: {found[path][0]} rows at the server, {rows} in the stream")
        return found[path]

    def reuse(self) -> Reuse:
        """See `contract.incremental.CanSkip`."""
        skipped = sum(_number(facts.get("size")) for facts in self.taken.values())
        kind: Literal["full", "incremental"] = "incremental" if self._known.changes is not None else "full"
        return Reuse(kind, self._known.why, sum(self.sizes.values()), skipped, dict.fromkeys(self._proofs))


def path_of(part: Range) -> str:
    """Where a range lies in the snapshot."""
    table = part.table
    return f"data/{escape_name(table.schema)}/{escape_name(table.name)}/{part.first:010d}.copy"


def _sum(facts: Mapping[str, JSON]) -> int | None:
    """The sum of a range as the manifest has it."""
    text = facts.get("sum")
    return int(text, 16) if isinstance(text, str) else None


def _number(value: JSON) -> int:
    return value if isinstance(value, int) else 0
