"""Running the cases and telling what came of it."""

from __future__ import annotations

import time
from collections.abc import Collection, Mapping

from holdfast.contract.conformance import basics, queries, snapshots, swaps
from holdfast.contract.conformance.subject import Case, CaseResult, NotApplicable, Subject

CASES: Mapping[str, Case] = {
    case.__name__: case for module in (basics, queries, snapshots, swaps) for case in module.CASES
}


def run_case(name: str, subject: Subject) -> CaseResult:
    """Run one case; every failure becomes a result, so that one broken promise does not hide the next."""
    gap = subject.engine.capabilities.gaps.get(name)
    started = time.monotonic()
    failure, detail = False, ""
    try:
        CASES[name](subject)
    except NotApplicable as reason:
        detail = f"not applicable: {reason}"
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
