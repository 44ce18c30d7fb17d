"""Cases on building beside and swapping by rename."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from dataclasses import replace

from holdfast.contract.conformance.helpers import able, capture, contents, counted, failures, restore, verify, write
from holdfast.contract.conformance.subject import Subject
from holdfast.contract.engine import CanSwap
from holdfast.kernel.errors import HoldfastError


def swap_in_place(subject: Subject) -> None:
    """A candidate restored beside takes the place of the live database; the old one is kept; twice is as once."""
    engine: CanSwap = able(subject.engine, CanSwap)
    with subject.fresh() as place:
        words = subject.dialect.words
        write(subject, place, words.collection("t", 1))
        source = capture(subject, place)
        write(subject, place, [words.add("t", 2, "two")])
        candidate = replace(place, endpoint=engine.beside(place.endpoint, "new_1"))
        kept = replace(place, endpoint=engine.beside(place.endpoint, "old_1"))
        asyncio.run(subject.engine.prepare(candidate.endpoint, subject.spec, place.tools))
        restore(subject, candidate, source)
        verdict = verify(subject, candidate, source)
        assert verdict.ok, failures(verdict)
        assert counted(subject, place, "t") == 2, "the live database changed before the swap"
        for _ in range(2):
            asyncio.run(engine.swap(place.endpoint, candidate.endpoint, kept.endpoint, place.tools))
            assert counted(subject, place, "t") == 1
            assert counted(subject, kept, "t") == 2
        write(subject, place, [words.add("t", 3, "three")])
        for _ in range(2):
            asyncio.run(engine.discard(kept.endpoint, place.tools))
            asyncio.run(engine.discard(candidate.endpoint, place.tools))
        assert sorted(contents(subject, place, "t")) == [1, 3]


def discard_refuses_live(subject: Subject) -> None:
    """The live database cannot be discarded."""
    engine: CanSwap = able(subject.engine, CanSwap)
    with subject.fresh() as place:
        write(subject, place, subject.dialect.words.collection("t", 1))
        with suppress(HoldfastError):
            asyncio.run(engine.discard(place.endpoint, place.tools))
            raise AssertionError("the live database was discarded")
        assert counted(subject, place, "t") == 1


CASES = {CanSwap: (swap_in_place, discard_refuses_live)}
