"""VACUUM, REINDEX, ANALYZE, optimize, the integrity check; and the pragmas a file remembers."""

from __future__ import annotations

from collections.abc import Mapping

import apsw

from holdfast.contract.snapshot import Receipt
from holdfast.contract.spec import Endpoint
from holdfast.contract.upkeep import Chore, Setting, Tell
from holdfast.engines.sqlite.connections import database, path_of, quote, rows, scalar
from holdfast.kernel.errors import Corrupt, Invalid, NotFound
from holdfast.kernel.stop import Stop

_WAITS = "writers, until it is done"
_CHORES = (
    Chore("vacuum", "Write the file anew and give the disk back", _WAITS, copies=True),
    Chore("analyze", "Refresh the planner's statistics", _WAITS, targets=True),
    Chore("reindex", "Build every index anew", _WAITS, targets=True),
    Chore("optimize", "Refresh the statistics that have become wrong", "writers, for a moment"),
    Chore("check", "Read every page and check the whole file", "nobody"),
)
_STATEMENTS = {"vacuum": "VACUUM", "analyze": "ANALYZE", "reindex": "REINDEX", "optimize": "PRAGMA optimize"}
_VACUUMS = ("none", "full", "incremental")
_LARGEST = 2**31 - 1


class Upkeep:
    """Implements CanMaintain and CanTune."""

    def chores(self) -> tuple[Chore, ...]:
        return _CHORES

    def maintain(self, at: Endpoint, chore: str, target: str | None, stop: Stop, tell: Tell) -> Receipt:
        known = {each.name: each for each in _CHORES}
        if chore not in known:
            raise Invalid(f"there is no chore {chore!r}", code="chore_unknown")
        if target is not None and not known[chore].targets:
            raise Invalid(f"{chore} is done to the whole file", code="target_invalid")
        tell(chore, 0, 1, "steps")
        with database(path_of(at), "read" if chore == "check" else "write", stop) as connection:
            before = scalar(connection, "PRAGMA page_count") * scalar(connection, "PRAGMA page_size")
            if chore == "check":
                _check(connection)
            else:
                statement = _STATEMENTS[chore]
                if target is not None:
                    statement += f" main.{quote(_table(connection, target))}"
                connection.execute(statement).fetchall()
            after = scalar(connection, "PRAGMA page_count") * scalar(connection, "PRAGMA page_size")
        tell(chore, 1, 1, "steps")
        return Receipt(facts={"bytes_before": before, "bytes_after": after})

    def settings(self, at: Endpoint) -> tuple[Setting, ...]:
        with database(path_of(at), "read") as connection:
            vacuum = _VACUUMS[scalar(connection, "PRAGMA auto_vacuum")]
            numbers = {name: str(scalar(connection, f"PRAGMA {name}")) for name in ("user_version", "application_id")}
        described = {
            "user_version": "A number of your own in the file's head.",
            "application_id": "Says which program the file belongs to.",
        }
        found = [
            Setting(
                "auto_vacuum",
                "Whether freed pages are given back as they come free. Changing it writes the file anew.",
                "choice",
                vacuum,
                "none",
                "at once",
                "database",
                changed=vacuum != "none",
                choices=_VACUUMS,
            )
        ]
        for name, value in numbers.items():
            least = str(-_LARGEST - 1)
            changed = value != "0"
            found.append(
                Setting(name, described[name], "integer", value, "0", "at once", "database", changed, None, None, least,
                        str(_LARGEST))
            )  # fmt: skip
        return tuple(found)

    def tune(self, at: Endpoint, changes: Mapping[str, str | None]) -> None:
        statements = [_pragma(name, value) for name, value in changes.items()]
        with database(path_of(at), "write") as connection:
            for statement in statements:
                connection.execute(statement).fetchall()
            if "auto_vacuum" in changes:
                connection.execute("VACUUM").fetchall()


def _check(connection: apsw.Connection) -> None:
    found = [row[0] for row in rows(connection, "PRAGMA integrity_check(20)")]
    broken = rows(connection, "PRAGMA foreign_key_check")[:20]
    problems = [text for text in found if text != "ok"]
    problems += [f"a row of {table} points at no row of {parent}" for table, _, parent, _ in broken]
    if problems:
        raise Corrupt(
            f"the check found {len(problems)} problems: {problems[0]}",
            code="check_failed",
            hint="Restore the last good snapshot, or mend the rows it names.",
            details={"problems": problems},
        )


def _table(connection: apsw.Connection, target: str) -> str:
    name = target.removeprefix("main.")
    if not rows(connection, "SELECT 1 FROM main.sqlite_schema WHERE type = 'table' AND name = ?", (name,)):
        raise NotFound(f"there is no table {target!r}", code="table_not_found")
    return name


def _pragma(name: str, value: str | None) -> str:
    if name == "auto_vacuum":
        if (value or "none") not in _VACUUMS:
            raise _wrong(name, f"one of {', '.join(_VACUUMS)}", "setting_invalid")
        return f"PRAGMA auto_vacuum = {value or 'none'}"
    if name not in ("user_version", "application_id"):
        raise _wrong(name, "it is not one that can be changed here", "setting_unknown")
    digits = (value or "0").removeprefix("-")
    if not (digits.isascii() and digits.isdigit()) or not -_LARGEST - 1 <= int(value or "0") <= _LARGEST:
        raise _wrong(name, "a whole number of 32 bits", "setting_invalid")
    return f"PRAGMA {name} = {int(value or '0')}"


def _wrong(name: str, why: str, code: str) -> Invalid:
    return Invalid(f"{name}: {why}", code=code, details={"fields": [{"field": f"settings.{name}", "message": why}]})
