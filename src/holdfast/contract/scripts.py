"""Whole SQL scripts: split by the engine's own rules, run in one transaction, remembered inside the database."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol, runtime_checkable

from holdfast.kernel.errors import HoldfastError
from holdfast.kernel.stop import Stop

LEDGER = "_holdfast_migrations"  # the table that remembers, in the database's first schema
MAX_STATEMENTS = 10_000


@dataclass(frozen=True)
class ScriptStatement:
    """One statement as it will be sent, without its semicolon. `line` is 1-based in the script, `number` too."""

    number: int
    line: int
    text: str


@dataclass(frozen=True)
class LedgerRow:
    """What a database says was done to it. "partial": a script without a transaction stopped after `done` statements,
    and the one after them may have run as well. `at` is UTC, ISO 8601."""

    version: int
    name: str
    checksum: str
    state: Literal["applied", "partial"]
    done: int
    at: str
    actor: str
    run_id: str


@dataclass(frozen=True)
class Script:
    """One script and the ledger's row that comes ("up") or goes ("down") with it.

    `alone`: outside a transaction, statement by statement; then it must be one that can be run again from its start.
    `lock_seconds`: how long any one statement waits for a lock. `seconds`: how long the whole may take.
    `told` hears the number of statements done, and of all.
    """

    text: str
    row: LedgerRow
    direction: Literal["up", "down"] = "up"
    alone: bool = False
    lock_seconds: float = 10.0
    seconds: float = 6 * 3600.0
    told: Callable[[int, int], None] | None = None


@dataclass(frozen=True)
class Step:
    """One statement that ran. `seconds` as measured here; `affected` None where the engine does not say."""

    number: int
    line: int
    seconds: float
    affected: int | None = None


@dataclass(frozen=True)
class ScriptReport:
    """`locks` (rehearsals only): what was held at the end, in words, "ACCESS EXCLUSIVE on public.orders"."""

    steps: tuple[Step, ...]
    seconds: float
    locks: tuple[str, ...] = ()


@runtime_checkable
class CanSplit(Protocol):
    """Engines that know where a statement of a script ends."""

    def split(self, text: str) -> Sequence[ScriptStatement]:
        """Pure. Statements as the engine itself would see them; empty ones are left out. Raises Invalid (codes
        "script_unterminated", "script_command" for a client's own command, "script_transaction" for a statement that
        begins or ends a transaction, "script_too_long") with details `line`."""
        ...


@runtime_checkable
class CanScript(Protocol):
    """Sessions that run scripts as the database's owner, never as a superuser. Everything is synchronous."""

    def ledger(self) -> Sequence[LedgerRow]:
        """By version; empty when there is no ledger. Changes nothing."""
        ...

    def definitions(self) -> Mapping[str, str]:
        """What a catalog only counts, as "kind name" -> definition: constraints, triggers, routines, types, policies.
        The same structure gives the same text; the ledger is left out."""
        ...

    def run_script(self, script: Script, stop: Stop) -> ScriptReport:
        """All of it and its ledger row, or nothing: one transaction, unless `alone`.

        Raises Conflict (codes "already_applied", "not_applied") when the ledger says otherwise, in the same
        transaction; the engine's own error with details `statement` and `line` when one fails; Cancelled. An `alone`
        script leaves its row "partial" while it runs and when it fails; run again it begins at its first statement.
        """
        ...

    def rehearse(self, scripts: Sequence[Script], stop: Stop) -> Sequence[ScriptReport]:
        """All of them in one transaction that is rolled back. Locks are real meanwhile. Raises Invalid (code
        "rehearsal_needs_clone") for an `alone` one, and what `run_script` raises."""
        ...


def located(error: HoldfastError, statement: ScriptStatement, offset: int | None = None) -> HoldfastError:
    """The same error, saying where: `offset` is in characters within the statement."""
    inside = statement.text[:offset].count("\n") if offset is not None and offset > 0 else 0
    line = statement.line + inside
    error.message = f"statement {statement.number} (line {line}): {error.message}"
    error.details = {**error.details, "statement": statement.number, "line": line}
    return error
