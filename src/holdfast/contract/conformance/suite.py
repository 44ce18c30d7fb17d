"""Running the cases and telling what came of it."""

from __future__ import annotations

import time
from collections.abc import Collection, Mapping
from typing import cast

from holdfast.contract.conformance import (
    admitting,
    basics,
    bulks,
    editing,
    keyspaces,
    present,
    queries,
    reshaping,
    scripting,
    snapshots,
    swaps,
    upkeeping,
)
from holdfast.contract.conformance.subject import Case, CaseResult, NotApplicable, Subject

_OF_ALL = (basics, queries, snapshots)
_OF_SOME = (swaps, editing, reshaping, bulks, scripting, keyspaces, present, upkeeping, admitting)
_NEEDING: Mapping[str, tuple[str, Case]] = {
    case.__name__: (protocol.__name__, case)
    for module in _OF_SOME
    for protocol, cases in cast(Mapping[type, tuple[Case, ...]], module.CASES).items()
    for case in cases
}
CASES: Mapping[str, Case] = {case.__name__: case for module in _OF_ALL for case in module.CASES} | {
    name: case for name, (_, case) in _NEEDING.items()
}
PROTOCOLS: Mapping[str, str] = {name: protocol for name, (protocol, _) in _NEEDING.items()}
"""The optional protocol each case is about. An engine without it names the protocol among its gaps, with the reason."""


def run_case(name: str, subject: Subject) -> CaseResult:
    """Run one case; every failure becomes a result, so that one broken promise does not hide the next."""
    gaps = subject.engine.capabilities.gaps
    gap = gaps.get(name, gaps.get(PROTOCOLS.get(name, name)))
    started = time.monotonic()
    failure, detail = False, ""
    try:
        CASES[name](subject)
    except NotApplicable as protocol:
        failure, detail = True, f"it is no {protocol}: implement that, or name it among the gaps with the reason"
    except Exception as error:  # noqa: BLE001  the result carries it, and the suite goes on
        failure, detail = True, f"{type(error).__name__}: {error}"
    seconds = time.monotonic() - started
    if gap is not None and not failure:
        return CaseResult(name, False, seconds, "passes although named as a gap: remove the gap", gap)
    return CaseResult(name, not failure or gap is not None, seconds, detail, gap)


def run_suite(subject: Subject, only: Collection[str] = ()) -> list[CaseResult]:
    """Cases, or those named in `only`, in order. Raises RuntimeError under `python -O`: asserts would say nothing."""
    if not __debug__:
        raise RuntimeError("the conformance suite needs its assertions: run without -O")
    return [run_case(name, subject) for name in CASES if not only or name in only]
