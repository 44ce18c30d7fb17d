"""The shipped suite: what every engine promises, as plain functions that tests and `engine verify` both call."""

from holdfast.contract.conformance.memory_source import FaultySource, MemorySource
from holdfast.contract.conformance.subject import CaseResult, Dialect, NotApplicable, Place, Subject
from holdfast.contract.conformance.suite import CASES, PROTOCOLS, run_suite

__all__ = [
    "CASES",
    "PROTOCOLS",
    "CaseResult",
    "Dialect",
    "FaultySource",
    "MemorySource",
    "NotApplicable",
    "Place",
    "Subject",
    "run_suite",
]
