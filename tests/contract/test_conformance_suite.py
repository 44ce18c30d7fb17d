"""The suite itself: it must be able to fail, and a gap must not outlive its reason."""

from __future__ import annotations

from dataclasses import replace

import pytest

from holdfast.contract.catalog import Catalog
from holdfast.contract.conformance import CASES, PROTOCOLS, FaultySource, MemorySource, run_suite
from holdfast.contract.conformance.memory_source import BytesStream, read_entry
from holdfast.contract.engine import Capabilities, CaptureTraits
from holdfast.contract.snapshot import Entry, Manifest
from holdfast.kernel.errors import NotFound, Permanent

CAPABILITIES = Capabilities("Broken", "sql", None, ("embedded",), ("1",), "1", CaptureTraits("snapshot", "none"))


class BrokenEngine:
    name = "broken"

    def __init__(self, gaps: dict[str, str]) -> None:
        self.capabilities = replace(CAPABILITIES, gaps=gaps)


class BrokenSubject:
    """Cannot even make a database."""

    spec = None
    dialect = None

    def __init__(self, gaps: dict[str, str] | None = None) -> None:
        self.engine = BrokenEngine(gaps or {})

    def fresh(self, name: str = "app"):
        raise Permanent("no database today")


def test_every_case_fails_on_a_broken_engine() -> None:
    """Also those that need a protocol it lacks: that is a gap to be named."""
    results = run_suite(BrokenSubject())
    assert len(results) == len(CASES) > 60
    assert not [result.name for result in results if result.ok]
    assert all(result.detail for result in results)


def test_a_protocol_that_is_not_there_is_one_gap_for_all_its_cases() -> None:
    gaps = {"CanSwap": "never: it has one file", "CanAdmit": "never: no users"}
    results = {r.name: r for r in run_suite(BrokenSubject(gaps))}
    passed = {name for name, result in results.items() if result.ok}
    assert passed == {name for name, protocol in PROTOCOLS.items() if protocol in gaps}
    assert passed >= {"swap_in_place", "discard_refuses_live", "logins_come_and_go"}
    assert results["swap_in_place"].gap == "never: it has one file"


def test_a_named_gap_may_fail_and_a_stale_one_may_not(monkeypatch: pytest.MonkeyPatch) -> None:
    gaps = {"prepare_twice": "theirs: it has no disk", "inspect_empty": "ours: not yet"}
    stale = replace_case(monkeypatch, "inspect_empty")
    results = {r.name: r for r in run_suite(BrokenSubject(gaps), only=gaps)}
    assert set(results) == set(gaps)
    assert results["prepare_twice"].ok
    assert results["prepare_twice"].gap == "theirs: it has no disk"
    assert stale == ["ran"]
    assert not results["inspect_empty"].ok
    assert "remove the gap" in results["inspect_empty"].detail


def replace_case(monkeypatch: pytest.MonkeyPatch, name: str) -> list[str]:
    """Let a case pass; the list says that it ran."""
    ran: list[str] = []
    monkeypatch.setitem(CASES, name, lambda _: ran.append("ran"))  # type: ignore[arg-type]
    return ran


MANIFEST = Manifest("broken", "1", "app", {}, Catalog("broken", "1", "app"))


def test_memory_source_serves_from_an_offset() -> None:
    source = MemorySource(MANIFEST, {"a": b"0123456789"}, {})
    buffer = memoryview(bytearray(4))
    stream = source.open("a", 7)
    assert stream.readinto(buffer) == 3
    assert bytes(buffer[:3]) == b"789"
    assert stream.readinto(buffer) == 0
    with pytest.raises(NotFound):
        source.open("b")


def test_faulty_source_dies_after_so_many_bytes() -> None:
    source = FaultySource(MemorySource(MANIFEST, {"a": bytes(10_000)}, {}), 5000)
    stream = source.open("a")
    buffer = memoryview(bytearray(10_000))
    assert stream.readinto(buffer) == 4096
    with pytest.raises(Permanent):
        stream.readinto(buffer)


class WrongPages:
    def __init__(self, cells) -> None:
        self._cells = cells

    def cells(self):
        return iter(self._cells)

    def close(self) -> None:
        pass


@pytest.mark.parametrize(
    "cells",
    [
        [(0, b"aaaa"), (0, b"aaaa")],
        [(0, b"aaa")],
        [(2, b"aaaa")],
        [(1, b"aaaa")],
    ],
)
def test_wrong_cells_are_noticed(cells) -> None:
    pages = WrongPages([(index, memoryview(cell)) for index, cell in cells])
    with pytest.raises(AssertionError):
        read_entry(Entry("a", lambda: pages, page=4, size=6))


def test_absent_cells_read_as_zero() -> None:
    pages = WrongPages([(1, memoryview(b"zz"))])
    assert read_entry(Entry("a", lambda: pages, page=4, size=6)) == b"\0\0\0\0zz"
    assert read_entry(Entry("a", lambda: BytesStream(b"stream"))) == b"stream"
