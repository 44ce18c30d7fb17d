"""The shipped suite over what is not ours: as over a hosted one, but for what belongs to its administrator."""

from __future__ import annotations

from collections.abc import Container

from holdfast.contract.conformance import PROTOCOLS
from holdfast.contract.conformance.subject import Subject
from holdfast.contract.conformance.suite import run_case


def hold(name: str, subject: Subject, theirs: Container[str] = ()) -> None:
    """The case passes; or it, or its protocol, is one of `theirs` and it fails: one that passes is theirs no more."""
    protocol = PROTOCOLS.get(name)
    refused = name in theirs or protocol in theirs
    result = run_case(name, subject)
    assert result.ok is (not refused or protocol in subject.engine.capabilities.gaps), result.detail
    assert not result.detail.startswith("not applicable"), result.detail
