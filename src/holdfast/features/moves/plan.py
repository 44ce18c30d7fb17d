"""What a move would do, as data: named by a fingerprint, so that what was accepted is what is done."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from holdfast.contract.engine import Engine, Session
from holdfast.contract.neutral import CanTranslate, Loss, Neutral, NeutralTable, Reading
from holdfast.contract.spec import Endpoint
from holdfast.contract.tools import Tools
from holdfast.kernel.errors import Conflict
from holdfast.kernel.stop import Stop

_NUMBER = re.compile(r"\d+")


@dataclass(frozen=True)
class Plan:
    """`pairs`: each table as the source has it, its values of the kinds agreed on, and as the target will."""

    pairs: tuple[tuple[NeutralTable, NeutralTable], ...]
    losses: tuple[Loss, ...]

    @property
    def targets(self) -> tuple[NeutralTable, ...]:
        return tuple(target for _, target in self.pairs)

    @property
    def rows(self) -> int:
        return sum(source.rows or 0 for source, _ in self.pairs)

    @property
    def fingerprint(self) -> str:
        """Of structure and losses, not of how many rows: a living database goes on being written while one reads."""
        shape = [asdict(replace(target, rows=None)) for target in self.targets]
        losses = [[loss.what, loss.where, _NUMBER.sub("#", loss.text)] for loss in self.losses]
        return hashlib.sha256(json.dumps([shape, losses], sort_keys=True, default=repr).encode()).hexdigest()

    def tables(self) -> Iterator[dict[str, Any]]:
        for source, target in self.pairs:
            name = ".".join(part for part in source.source if part)
            yield {"name": name, "becomes": target.name, "rows": source.rows, "columns": len(target.columns)}


def translator(session: Session, title: str) -> CanTranslate:
    """Raises Conflict (code "cannot_move") for an engine that has no words for it."""
    if not isinstance(session, CanTranslate):
        raise Conflict(
            f"{title} cannot be moved to another engine or be moved to",
            code="cannot_move",
            hint="`holdfast engine list` shows which engines can.",
        )
    return session


def acceptor(engine: Engine, tools: Tools) -> CanTranslate:
    """An engine's side of the planning: it is asked without a database of it."""
    return translator(engine.connect(Endpoint(), tools), engine.capabilities.title)


def planned(reading: Reading, target: CanTranslate, stop: Stop) -> Plan:
    """Describe the source, and say what the target makes of it."""
    found: Neutral = reading.describe(stop)
    accepted = target.accept(found)
    by_source = {table.source: table for table in found.tables}
    pairs = tuple((_as_read(by_source[table.origin], table), table) for table in accepted.tables if table.origin)
    return Plan(pairs, _sorted((*found.losses, *accepted.losses)))


def _as_read(theirs: NeutralTable, agreed: NeutralTable) -> NeutralTable:
    pairs = zip(theirs.columns, agreed.columns, strict=True)
    return replace(theirs, columns=tuple(replace(own, type=other.type) for own, other in pairs))


def _sorted(losses: Sequence[Loss]) -> tuple[Loss, ...]:
    """What goes first, then what changes, then what is only renamed; each thing said once."""
    order = {"dropped": 0, "changed": 1, "renamed": 2}
    return tuple(sorted(set(losses), key=lambda loss: (order[loss.what], loss.where, loss.text)))
