"""The zip as a stream: whole for stock programs, bounded, never whole when it broke off."""

from __future__ import annotations

import io
import shutil
import subprocess
import tracemalloc
import zipfile
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from holdfast.features.files.naming import member_name
from holdfast.vault.plain.zipping import ZipMember, zipped

AT = datetime(2026, 3, 1, 12, 30, 8, tzinfo=UTC)
NAMES = ["plain.dump", "ünï-表.sql.gz", "a/b", "q'; --.x"]


def pieces(*content: bytes) -> Iterator[bytes]:
    yield from content


def test_unzip_and_python_open_it(tmp_path: Path) -> None:
    contents = [[b""], [b"one", b"", b"two"], [b"x" * 70_000] * 3, [bytes(range(256))]]
    whole = b"".join(
        zipped(ZipMember(name, AT, pieces(*content)) for name, content in zip(NAMES, contents, strict=True))
    )
    with zipfile.ZipFile(io.BytesIO(whole)) as opened:
        assert opened.testzip() is None
        assert opened.namelist() == NAMES
        for info, content in zip(opened.infolist(), contents, strict=True):
            assert opened.read(info) == b"".join(content)
            assert (info.compress_type, info.date_time) == (zipfile.ZIP_STORED, (2026, 3, 1, 12, 30, 8))
    (tmp_path / "all.zip").write_bytes(whole)
    unzip = shutil.which("unzip")
    assert unzip, "stock unzip is part of these tests"
    subprocess.run([unzip, "-q", "all.zip", "-d", "out"], cwd=tmp_path, check=True)
    for name, content in zip(NAMES, contents, strict=True):
        assert (tmp_path / "out" / name).read_bytes() == b"".join(content)


def test_what_is_large_is_zip64(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As beyond 4 GiB, with the limit put lower: the directory's end is of 64 bits, and stock unzip reads it."""
    monkeypatch.setattr(zipfile, "ZIP64_LIMIT", 1000)
    whole = b"".join(zipped(ZipMember(name, AT, pieces(b"y" * 5000)) for name in NAMES[:2]))
    monkeypatch.undo()
    assert b"PK\x06\x06" in whole
    (tmp_path / "all.zip").write_bytes(whole)
    subprocess.run(["unzip", "-tq", "all.zip"], cwd=tmp_path, check=True)  # noqa: S607
    with zipfile.ZipFile(io.BytesIO(whole)) as opened:
        assert [info.file_size for info in opened.infolist()] == [5000, 5000]


def test_memory_is_a_piece(monkeypatch: pytest.MonkeyPatch) -> None:
    piece = b"z" * (1 << 16)
    tracemalloc.start()
    try:
        size = sum(len(each) for each in zipped([ZipMember("a", AT, (piece for _ in range(400)))]))
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert size > 400 << 16
    assert peak < 1 << 20


def test_what_breaks_off_is_no_zip() -> None:
    """And whatever made its pieces is closed."""
    closed = []

    def broken() -> Iterator[bytes]:
        try:
            yield b"begin"
            raise OSError("the store went away")
        finally:
            closed.append(1)

    came: list[bytes] = []
    with pytest.raises(OSError, match="went away"):
        came.extend(zipped([ZipMember("good", AT, pieces(b"ok")), ZipMember("bad", AT, broken())]))
    with pytest.raises(zipfile.BadZipFile):
        zipfile.ZipFile(io.BytesIO(b"".join(came)))
    stream = zipped([ZipMember("a", AT, broken())])
    next(stream)
    stream.close()  # type: ignore[attr-defined]
    assert len(closed) == 2


@settings(max_examples=50, deadline=None)
@given(
    st.lists(st.text(max_size=12) | st.sampled_from(["A", "a", "../x", "/etc/x", "a/../b", "a.RESTORE.md"]), max_size=8)
)
def test_no_two_names_are_one_and_none_leaves(names: list[str]) -> None:
    taken: set[str] = set()
    made = [member_name(name or "x", f"snap_{number}", taken) for number, name in enumerate(names)]
    all_of_them = [each.casefold() for name in made for each in (name, f"{name}.RESTORE.md")]
    assert len(set(all_of_them)) == len(all_of_them)
    for name in made:
        assert not name.startswith("/")
        assert not {"..", ".", ""} & set(name.split("/"))
