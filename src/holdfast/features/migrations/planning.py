"""What is to be done, from what is stored here and what the database's ledger says. Pure."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass

from holdfast.contract.scripts import LedgerRow
from holdfast.features.migrations.model import Migration
from holdfast.kernel.errors import Conflict

_ALONE = re.compile(r"--[ \t]*holdfast:[ \t]*no-transaction[ \t]*", re.IGNORECASE)


@dataclass(frozen=True)
class Standing:
    """One migration as it stands. `state`: "applied", "pending", "partial" (a script without a transaction stopped half
    way), "changed" (stored text is not what was applied), "unknown" (applied, and not stored here)."""

    number: int
    name: str
    state: str
    migration_id: str | None
    applied_at: str | None = None
    applied_by: str | None = None
    run_id: str | None = None
    done: int | None = None
    reversible: bool = False
    out_of_order: bool = False


def checksum(up: str) -> str:
    """Of the way up only: the way back may be corrected later. Line ends and blanks at the end do not count."""
    return hashlib.sha256(up.replace("\r\n", "\n").rstrip().encode()).hexdigest()


def alone(text: str) -> bool:
    """Whether the comment lines at the script's head say `-- holdfast: no-transaction`."""
    for line in text.splitlines():
        if line.strip() and not line.lstrip().startswith("--"):
            return False
        if _ALONE.fullmatch(line.strip()):
            return True
    return False


def standings(known: Sequence[Migration], ledger: Sequence[LedgerRow]) -> list[Standing]:
    """By number."""
    mine, theirs = {each.number: each for each in known}, {row.version: row for row in ledger}
    top = max((row.version for row in ledger if row.state == "applied"), default=-1)
    return [_standing(number, mine.get(number), theirs.get(number), top) for number in sorted({*mine, *theirs})]


def _standing(number: int, mine: Migration | None, row: LedgerRow | None, top: int) -> Standing:
    if row is None:
        assert mine is not None  # noqa: S101  the number came from one of the two
        late = number < top
        return Standing(number, mine.name, "pending", mine.id, reversible=mine.down is not None, out_of_order=late)
    state: str = row.state
    if mine is None:
        state = "unknown" if state == "applied" else state
    elif mine.checksum != row.checksum and row.state == "applied":
        state = "changed"
    return Standing(
        number=number,
        name=mine.name if mine else row.name,
        state=state,
        migration_id=mine.id if mine else None,
        applied_at=row.at or None,
        applied_by=row.actor,
        run_id=row.run_id,
        done=row.done if row.state == "partial" else None,
        reversible=mine is not None and mine.down is not None,
    )


def upwards(
    known: Sequence[Migration], ledger: Sequence[LedgerRow], to: int | None, *, out_of_order: bool = False
) -> list[Migration]:
    """What to apply, in order, up to and with `to`. Raises Conflict (codes "migration_changed", "out_of_order")."""
    found = {each.number: each for each in standings(known, ledger)}
    for each in found.values():
        if each.state == "changed":
            raise _changed(each.number, each.name)
    wanted = [each for each in known if found[each.number].state in ("pending", "partial")]
    wanted = [each for each in wanted if to is None or each.number <= to]
    late = [each for each in wanted if found[each.number].out_of_order]
    if late and not out_of_order:
        raise Conflict(
            f"migration {late[0].number} ({late[0].name}) comes before one that is applied already",
            code="out_of_order",
            hint="Give it a higher number, or say --out-of-order.",
            details={"number": late[0].number},
        )
    return wanted


def downwards(
    known: Sequence[Migration], ledger: Sequence[LedgerRow], *, steps: int | None, to: int | None
) -> list[Migration]:
    """What to take back, newest first: the last `steps`, or all above `to`. Raises Conflict (codes "nothing_applied",
    "migration_unknown", "irreversible", "migration_changed") before anything is touched."""
    applied = sorted(ledger, key=lambda row: row.version, reverse=True)
    wanted = [row for row in applied if row.version > to] if to is not None else applied[: steps or 1]
    if not wanted:
        raise Conflict("no migration is applied that could be rolled back", code="nothing_applied")
    mine = {each.number: each for each in known}
    found = []
    for row in wanted:
        migration = mine.get(row.version)
        if migration is None:
            raise Conflict(
                f"migration {row.version} ({row.name}) is applied, and not stored here",
                code="migration_unknown",
                hint="Upload it first: holdfast migration apply --dir DIRECTORY",
                details={"number": row.version},
            )
        if migration.checksum != row.checksum and row.state == "applied":
            raise _changed(row.version, migration.name)
        if migration.down is None:
            raise Conflict(
                f"migration {row.version} ({row.name}) has no way back",
                code="irreversible",
                hint="Write its .down.sql, or restore the snapshot that was taken before it.",
                details={"number": row.version},
            )
        found.append(migration)
    return found


def _changed(number: int, name: str) -> Conflict:
    return Conflict(
        f"migration {number} ({name}) was applied with another text than the one stored",
        code="migration_changed",
        hint="Put the old text back, and write the change as a new migration.",
        details={"number": number},
    )
