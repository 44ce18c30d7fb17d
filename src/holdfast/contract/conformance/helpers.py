"""Small verbs the cases share."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from holdfast.contract.catalog import Catalog, Relation
from holdfast.contract.conformance.memory_source import MemorySource
from holdfast.contract.conformance.subject import NotApplicable, Place, Subject
from holdfast.contract.engine import Session
from holdfast.contract.query import Params, QueryLimits
from holdfast.contract.snapshot import CaptureRequest, Level, RestoreRequest, Source, Verdict
from holdfast.contract.spec import Access
from holdfast.kernel.errors import HoldfastError
from holdfast.kernel.stop import Stop


@dataclass(frozen=True)
class Result:
    columns: tuple[str, ...]
    rows: list[tuple[Any, ...]]
    affected: int | None
    truncated: str | None
    batches: int


async def collect(session: Session, statement: str, params: Params = (), limits: QueryLimits | None = None) -> Result:
    """Drain a query and check the shape of its batches."""
    batches = [batch async for batch in session.query(statement, params, limits or QueryLimits())]
    assert batches, "a query gives at least one batch"
    assert batches[-1].last and not any(batch.last for batch in batches[:-1]), "exactly the last batch has `last`"
    return Result(
        tuple(column.name for column in batches[0].columns),
        [row for batch in batches for row in batch.rows],
        batches[-1].affected,
        batches[-1].truncated,
        len(batches),
    )


def able(one: object, protocol: type) -> Any:
    """`one`, an engine or a session, as what it must be for a case. Raises NotApplicable when it is not."""
    if not isinstance(one, protocol):
        raise NotApplicable(protocol.__name__)
    return one


@contextmanager
def raises(
    kind: type[HoldfastError] | tuple[type[HoldfastError], ...], code: str | None = None
) -> Iterator[list[HoldfastError]]:
    """The block must end in this error, with this code where one is given; it is then in the list."""
    caught: list[HoldfastError] = []
    try:
        yield caught
    except kind as error:
        assert code is None or error.code == code, f"{error.code} instead of {code}: {error.message}"
        caught.append(error)
    else:
        raise AssertionError(f"nothing was raised, {code or kind} was expected")


@contextmanager
def session_of(subject: Subject, place: Place, access: Access = "admin") -> Iterator[Session]:
    """A session that is closed twice at the end: closing is idempotent."""
    session = subject.engine.connect(place.endpoint, place.tools, access)
    try:
        yield session
    finally:
        asyncio.run(session.close())
        asyncio.run(session.close())


def run(
    subject: Subject, place: Place, statement: str, params: Params = (), limits: QueryLimits | None = None
) -> Result:
    """One statement on a session of its own."""
    with session_of(subject, place) as session:
        return asyncio.run(collect(session, statement, params, limits))


def write(subject: Subject, place: Place, statements: Sequence[str]) -> None:
    """Statements as one transaction by the dialect's own writer."""
    with subject.dialect.writer(place.endpoint) as execute:
        execute(statements)


def scalar(subject: Subject, place: Place, statement: str) -> Any:
    return run(subject, place, statement).rows[0][0]


def inspect(subject: Subject, place: Place) -> Catalog:
    with session_of(subject, place) as session:
        return asyncio.run(session.inspect("full"))


def relation(catalog: Catalog, name: str) -> Relation:
    found = [r for r in catalog.relations if r.name == name]
    assert len(found) == 1, f"{name!r} is in the catalog {len(found)} times"
    return found[0]


def capture(subject: Subject, place: Place, want: CaptureRequest | None = None) -> MemorySource:
    with session_of(subject, place) as session:
        with session.capture(None, want or CaptureRequest(digests="always"), Stop()) as captured:
            return MemorySource.read(captured)


def restore(
    subject: Subject, place: Place, source: Source, want: RestoreRequest | None = None, stop: Stop | None = None
) -> None:
    with session_of(subject, place) as session:
        session.restore(source, want or RestoreRequest(), stop or Stop())


def verify(subject: Subject, place: Place, source: Source, depth: Level = Level.RESTORED) -> Verdict:
    with session_of(subject, place) as session:
        return session.verify(source.manifest, depth, Stop())


def failures(verdict: Verdict) -> str:
    return "; ".join(f"{c.name}: {c.expected} / {c.actual} {c.detail}" for c in verdict.checks if c.ok is False)


def refusal(subject: Subject, place: Place, statement: str, *, write: bool = False) -> HoldfastError | None:
    """The error a statement is refused with, None when it went through."""
    try:
        run(subject, place, statement, (), QueryLimits(write=write, seconds=5))
    except HoldfastError as error:
        return error
    return None


def counted(subject: Subject, place: Place, name: str) -> int:
    """How many rows collection `name` has."""
    return int(scalar(subject, place, subject.dialect.words.count(name)))


def contents(subject: Subject, place: Place, name: str) -> dict[int, Any]:
    """{number: the rest of its row} of a collection. Languages without numbers give them as text."""
    limits = QueryLimits(rows=100_000)
    rows = run(subject, place, subject.dialect.words.rows(name), (), limits).rows
    assert len({row[0] for row in rows}) == len(rows), "a row came twice"
    return {int(row[0]): row[1] for row in rows}
