"""Rows in bulk, out of a database and into it: what exports and imports are made of."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol, runtime_checkable

from holdfast.contract.catalog import JSON
from holdfast.formats.delimited import Dialect
from holdfast.formats.guessing import DateOrder, Kind
from holdfast.kernel.stop import Stop

Conflicts = Literal["fail", "skip", "update"]


@dataclass(frozen=True)
class BulkColumn:
    """`type` is the engine's own spelling, `kind` what its values are. `filled`: the database gives the value itself
    (generated, identity, default), so that an import may leave it out."""

    name: str
    type: str
    kind: Kind
    nullable: bool = True
    primary_key: int = 0
    generated: bool = False
    filled: bool = False


@dataclass(frozen=True)
class Unload:
    """What goes out: a relation (schema, name), or one reading statement."""

    relation: tuple[str, str] | None = None
    statement: str | None = None


class Unloading(Protocol):
    """A context manager that holds one statement's result. Everything runs with the rights of the ro role, in one
    moment; leaving early cancels it at the server. Synchronous, for one thread; a stop raises Cancelled."""

    columns: Sequence[BulkColumn]

    def csv(self, dialect: Dialect) -> Iterator[bytes] | None:
        """UTF-8 text in that dialect without the header, in pieces cut anywhere. None: this engine writes
        none of its own in that dialect, take `rows`. NULL and the empty text differ."""
        ...

    def rows(self) -> Iterator[Sequence[Sequence[Any]]]:
        """Batches of rows. Values are those of `contract.query.Batch`, documents `formats.json_rows.RawJson`."""
        ...

    def texts(self) -> Iterator[Sequence[Sequence[str | None]]]:
        """The same as texts, as the engine itself writes them and `Loading.put` reads them: bytes are \\x and hex."""
        ...

    def __enter__(self) -> Unloading: ...
    def __exit__(self, *exc: object) -> None: ...


@dataclass(frozen=True)
class NewColumn:
    """A column of a table that an import makes."""

    name: str
    kind: Kind


@dataclass(frozen=True)
class Load:
    """Where rows go: `columns` of a relation, in their order.

    `create`: make the table first, in the same transaction. `conflict` "skip" and "update" need `key`, columns with a
    unique index; "fail" makes a row whose key is taken a bad one.
    """

    relation: tuple[str, str]
    columns: tuple[str, ...]
    create: tuple[NewColumn, ...] = ()
    conflict: Conflicts = "fail"
    key: tuple[str, ...] = ()
    date_order: DateOrder = "ymd"


@dataclass(frozen=True)
class BadRow:
    """`index` counts within the rows that were put; `column` and `value` where the database says which."""

    index: int
    reason: str
    column: str | None = None
    value: str | None = None


@dataclass
class Counts:
    """What became of the rows so far."""

    inserted: int = 0
    updated: int = 0
    skipped: int = 0


class Loading(Protocol):
    """A context manager that holds ONE transaction with the owner's rights, never a superuser's. Leaving it without
    `commit` leaves the database as it was; so does the death of this process. Synchronous, for one thread."""

    counts: Counts

    def put(self, rows: Sequence[Sequence[Any]]) -> Sequence[BadRow]:
        """Add rows; those the database refuses come back and the others are in. A text is read by the column's type,
        None is NULL, other values are those of `contract.query.Batch`. Raises only for what is no row's fault."""
        ...

    def put_csv(self, data: bytes, dialect: Dialect) -> bool:
        """Add whole records of UTF-8 text that hold just the columns, in order. All of them are in, or (False) none
        is and nothing has changed: `put` them then, which says what is wrong. Engines that read no CSV answer False."""
        ...

    def token(self) -> str:
        """Names this transaction for `CanBulk.bulk_committed` after a crash. Write it down before `commit`."""
        ...

    def commit(self) -> None: ...
    def __enter__(self) -> Loading: ...
    def __exit__(self, *exc: object) -> None: ...


@dataclass(frozen=True)
class ScriptResult:
    """`notes`: what was passed over, and why."""

    statements: int
    rows: int
    notes: tuple[str, ...] = ()
    facts: Mapping[str, JSON] = field(default_factory=dict)


@runtime_checkable
class CanBulk(Protocol):
    """Sessions that move many rows fast."""

    def bulk_columns(self, relation: tuple[str, str]) -> Sequence[BulkColumn]:
        """The columns of a table, view or other relation, in order. Raises NotFound (code "table_not_found")."""
        ...

    def bulk_unload(self, want: Unload, stop: Stop) -> Unloading:
        """Nothing runs until it is entered. Raises on entering NotFound, Denied (code "read_only"), Invalid (code
        "statement_invalid" | "many_statements")."""
        ...

    def bulk_dump(self, relations: Sequence[tuple[str, str]], stop: Stop) -> Iterator[bytes]:
        """Schema and rows as SQL text that the stock client restores into an empty database; all of it when
        `relations` is empty. Closing the iterator early ends the work."""
        ...

    def bulk_load(self, want: Load, stop: Stop) -> Loading:
        """Nothing is locked until it is entered. Raises on entering NotFound, Conflict (code "table_exists"), Invalid
        (code "column_unknown" | "key_invalid")."""
        ...

    def bulk_script(
        self, pieces: Iterator[bytes], before_commit: Callable[[str, ScriptResult], None], stop: Stop
    ) -> None:
        """Run an SQL dump as ONE transaction with the owner's rights; `before_commit` gets the token and what was
        done. Raises Invalid (code "script_invalid", details: line, statement) and leaves nothing; client commands
        (code "client_command") are refused before they are looked at."""
        ...

    def bulk_committed(self, token: str) -> bool:
        """Whether that transaction was committed. Raises Retryable while it is still going on."""
        ...

    def bulk_forget(self, token: str) -> None:
        """The token is no longer needed; removes what it left, if anything. Idempotent."""
        ...
