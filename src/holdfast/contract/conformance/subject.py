"""What a case is given: an engine, a way to fresh databases, and the engine's own spelling of a few statements."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Protocol

from holdfast.contract.conformance.words import SqlWords, Words
from holdfast.contract.engine import Engine
from holdfast.contract.spec import Endpoint, Spec
from holdfast.contract.tools import Tools

Writer = Callable[[Sequence[str]], None]


class NotApplicable(Exception):
    """A case needs the optional protocol of this name and the engine lacks it: a gap that the engine must name."""


@dataclass(frozen=True)
class Place:
    """One prepared, empty database that lives as long as `Subject.fresh`'s context."""

    name: str
    endpoint: Endpoint
    tools: Tools


@dataclass(frozen=True)
class Dialect:
    """The engine's own words. What else the cases say is in `words`: SQL that every SQL engine takes, unless the
    engine's language is another and it brings `own_words`.

    schema: the schema new tables land in, as the catalog names it. quote: an identifier, quoted.
    blob: the type for bytes; blob_literal: bytes as a literal.
    placeholder(i): the i-th (1-based) positional parameter; named(n): a named one.
    endless: a read that gives no row for minutes; flood: a read that gives rows without end.
    names: identifiers that are legal and awkward here. awkward: statements, one each, that build the hardest schema
    worth round-tripping. expected_objects: what `Catalog.objects` must then count.
    values: (SELECT expression, the Python value it must come back as).
    refused: writes in this dialect that read-only must refuse with Denied("read_only").
    hostile: statements that may fail or succeed but must change nothing for a reader.
    denied: statements refused even to a writer (files, other databases, programs).
    writer: opens a connection of its own and runs each list of statements as one transaction.
    corrupt_row: statement that changes one row of `awkward`'s data without changing any count.
    """

    schema: str
    quote: Callable[[str], str]
    blob: str
    blob_literal: Callable[[bytes], str]
    placeholder: Callable[[int], str]
    named: Callable[[str], str]
    endless: str
    flood: str
    names: tuple[str, ...]
    awkward: tuple[str, ...]
    corrupt_row: str
    writer: Callable[[Endpoint], AbstractContextManager[Writer]]
    values: tuple[tuple[str, Any], ...] = ()
    refused: tuple[str, ...] = ()
    hostile: tuple[str, ...] = ()
    denied: tuple[str, ...] = ()
    own_words: Words | None = None

    @cached_property
    def words(self) -> Words:
        return self.own_words or SqlWords(self.placeholder, self.named)


class Subject(Protocol):
    """One engine under trial. `spec` is what the databases are made with."""

    engine: Engine
    spec: Spec
    dialect: Dialect

    def fresh(self, name: str = "app") -> AbstractContextManager[Place]:
        """A new database, prepared and empty, gone again afterwards; several may be open at once."""
        ...


@dataclass(frozen=True)
class CaseResult:
    """`gap` is the engine's own reason for a case it may fail; a gap that passes is not ok: the reason is stale."""

    name: str
    ok: bool
    seconds: float
    detail: str = ""
    gap: str | None = None


Case = Callable[[Subject], None]
