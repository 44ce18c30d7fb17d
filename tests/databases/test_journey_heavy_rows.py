"""A field of hundreds of megabytes: an error in the words of the API, whose memory hardly notices."""

from __future__ import annotations

from pathlib import Path

from journey import Served


def test_a_huge_field_is_refused_before_it_is_held(served: Served) -> None:
    made = served.create("postgresql")["id"]
    assert served.rows(made, "select 1") == [[1]]
    api = _api_of(served)
    Path(f"/proc/{api}/clear_refs").write_text("5")
    before = _peak_mb(api)
    error = served.refused(
        413, "rows_too_large", "POST", f"/databases/{made}/query", {"statement": "select repeat('x', 600000000)"}
    )
    assert error["hint"]
    assert _peak_mb(api) - before < 250, "600 MB were held"
    cut = served.ask(
        made, "select case when i < 150 then 'x' else repeat('x', 300000000) end from generate_series(1, 250) i"
    )
    assert (cut["truncated"], len(cut["rows"])) == ("bytes", 100)
    assert served.rows(made, "select 1") == [[1]], "the line was given up, not used again"
    wide = served.ask(made, "select repeat('x', 1000000) from generate_series(1, 50)")
    assert (wide["truncated"], len(wide["rows"])) == ("bytes", 16), "below the bound nothing changes"


def _api_of(served: Served) -> int:
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                named = str(served.root).encode() in (entry / "environ").read_bytes()
                words = (entry / "cmdline").read_bytes().split(b"\0")
            except OSError:
                continue
            if named and any(word == b"holdfast.app" for word in words):
                return int(entry.name)
    raise AssertionError("no api")


def _peak_mb(pid: int) -> float:
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) / 1000
    raise AssertionError("no VmHWM")
