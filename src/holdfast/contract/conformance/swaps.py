"""Cases on building beside and swapping by rename."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from dataclasses import replace

from holdfast.contract.conformance.helpers import capture, failures, restore, run, scalar, verify, write
from holdfast.contract.conformance.subject import NotApplicable, Subject
from holdfast.contract.engine import CanSwap
from holdfast.kernel.errors import HoldfastError


def swap_in_place(subject: Subject) -> None:
    """A candidate restored beside takes the place of the live database; the old one is kept; twice is as once."""
    engine = subject.engine
    if not isinstance(engine, CanSwap):
        raise NotApplicable("cannot swap")
    with subject.fresh() as place:
        write(subject, place, ["CREATE TABLE t (id integer PRIMARY KEY)", "INSERT INTO t VALUES (1)"])
        source = capture(subject, place)
        write(subject, place, ["INSERT INTO t VALUES (2)"])
        candidate = replace(place, endpoint=engine.beside(place.endpoint, "new_1"))
        kept = replace(place, endpoint=engine.beside(place.endpoint, "old_1"))
        asyncio.run(engine.prepare(candidate.endpoint, subject.spec, place.tools))
        restore(subject, candidate, source)
        verdict = verify(subject, candidate, source)
        assert verdict.ok, failures(verdict)
        assert scalar(subject, place, "SELECT count(*) FROM t") == 2, "the live database changed before the swap"
        for _ in range(2):
            asyncio.run(engine.swap(place.endpoint, candidate.endpoint, kept.endpoint, place.tools))
            assert scalar(subject, place, "SELECT count(*) FROM t") == 1
            assert scalar(subject, kept, "SELECT count(*) FROM t") == 2
        write(subject, place, ["INSERT INTO t VALUES (3)"])
        for _ in range(2):
            asyncio.run(engine.discard(kept.endpoint, place.tools))
            asyncio.run(engine.discard(candidate.endpoint, place.tools))
        assert run(subject, place, "SELECT id FROM t ORDER BY id").rows == [(1,), (3,)]


def discard_refuses_live(subject: Subject) -> None:
    """The live database cannot be discarded."""
    engine = subject.engine
    if not isinstance(engine, CanSwap):
        raise NotApplicable("cannot swap")
    with subject.fresh() as place:
        write(subject, place, ["CREATE TABLE t (id integer)"])
        with suppress(HoldfastError):
            asyncio.run(engine.discard(place.endpoint, place.tools))
            raise AssertionError("the live database was discarded")
        assert scalar(subject, place, "SELECT count(*) FROM t") == 0


CASES = (swap_in_place, discard_refuses_live)
