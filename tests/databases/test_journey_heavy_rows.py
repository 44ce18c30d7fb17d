"""Fields of hundreds of megabytes and files of many: the memory of api and runner hardly notices."""

from __future__ import annotations

from pathlib import Path

import pytest
from journey import NAMES, Served, eventually

from holdfast.features.transfers.uploads import PART_BYTES


def test_a_huge_field_is_refused_and_not_kept(served: Served) -> None:
    made = served.create("postgresql")["id"]
    assert served.rows(made, "select 1") == [[1]]
    api = _process(served, b"holdfast.app")
    before = _mb(api, "VmRSS")
    error = served.refused(
        413, "rows_too_large", "POST", f"/databases/{made}/query", {"statement": "select repeat('x', 600000000)"}
    )
    assert error["hint"]
    eventually(lambda: _mb(api, "VmRSS") - before < 250, 20)
    cut = served.ask(
        made, "select case when i < 150 then 'x' else repeat('x', 300000000) end from generate_series(1, 151) i"
    )
    # 100 where the second part is broken off while it arrives, 149 where its last two rows came too fast for that.
    assert (cut["truncated"], len(cut["rows"])) in (("bytes", 100), ("bytes", 149))
    assert served.rows(made, "select 1") == [[1]], "the line was given up, not used again"
    wide = served.ask(made, "select repeat('x', 1000000) from generate_series(1, 50)")
    assert (wide["truncated"], len(wide["rows"])) == ("bytes", 16), "below the bound nothing changes"


@pytest.mark.slow
@pytest.mark.parametrize("engine", NAMES)
def test_memory_does_not_grow_with_the_file(served: Served, engine: str) -> None:
    """8 times the rows, both ways, in the memory of the first."""
    made, runner = served.create(engine)["id"], _process(served, b"holdfast.runner")
    few = _there_and_back(served, made, runner, "few", 6 << 20)
    # Other work of this runner may fall into a measurement, though not into three of them.
    for number in range(3):
        many = _there_and_back(served, made, runner, f"many{number}", 48 << 20)
        if many < few + 25:
            return
    pytest.fail(f"{few} MB at most for the small file, {many} for the large")


def _there_and_back(served: Served, made: str, runner: int, table: str, size: int) -> float:
    """The most memory of the runner, in MB, while a table of `size` bytes is imported and exported."""
    served.write(made, f"create table {table} (id int, note text)")
    data = b"id,note\n" + b"".join(b"%d,%s\n" % (n, b"x" * 200) for n in range(size // 206))
    sent = served.call("POST", f"/databases/{made}/uploads", {"name": "t.csv", "size": len(data)}, 201)["id"]
    for at in range(0, len(data), PART_BYTES):
        piece = data[at : at + PART_BYTES]
        headers = {"Content-Range": f"bytes {at}-{at + len(piece) - 1}/{len(data)}"}
        assert served.http.put(f"/uploads/{sent}/content", content=piece, headers=headers).status_code == 200
    served.call("POST", f"/uploads/{sent}/complete")
    Path(f"/proc/{runner}/clear_refs").write_text("5")
    served.done(served.call("POST", f"/databases/{made}/imports", {"upload_id": sent, "table": table}, 202))
    exported = served.done(served.call("POST", f"/databases/{made}/exports", {"table": table}, 202))["export"]["id"]
    peak = _mb(runner, "VmHWM")
    assert served.get(f"/exports/{exported}")["bytes"] == len(data)
    return peak


def _process(served: Served, program: bytes) -> int:
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                named = str(served.root).encode() in (entry / "environ").read_bytes()
                words = (entry / "cmdline").read_bytes().split(b"\0")
            except OSError:
                continue
            if named and any(word == program for word in words):
                return int(entry.name)
    raise AssertionError(program)


def _mb(pid: int, word: str) -> float:
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith(f"{word}:"):
            return int(line.split()[1]) / 1000
    raise AssertionError(f"no {word}")
