"""Folders of migrations, checksums and the words at a script's head."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from holdfast.features.migrations.files import parts, read_folder
from holdfast.features.migrations.planning import alone, checksum
from holdfast.kernel.errors import HoldfastError, Invalid, NotFound


def write(folder: Path, **files: str) -> None:
    for name, text in files.items():
        (folder / name).write_text(text, encoding="utf-8", newline="")


def test_pairs_and_single_files(tmp_path: Path) -> None:
    write(
        tmp_path,
        **{
            "0002_fill.sql": "-- why\n-- up\ninsert;\n-- down\ndelete;\n",
            "0001_ü orders.up.sql": "create;",
            "0001_ü orders.down.sql": "drop;",
            "20260101120000_plain.sql": "select 1;",
            "README.md": "not one",
            "x.sql": "not one",
        },
    )
    found = read_folder(tmp_path)
    assert [(each.number, each.name) for each in found] == [(1, "ü orders"), (2, "fill"), (20260101120000, "plain")]
    assert (found[0].up, found[0].down) == ("create;", "drop;")
    assert (found[1].up, found[1].down) == ("-- why\ninsert;\n", "delete;\n")
    assert found[2].down is None


@pytest.mark.parametrize(
    "files",
    [
        {"0001_a.up.sql": "", "0001_b.up.sql": ""},
        {"0001_a.down.sql": "x"},
        {"0001_a.up.sql": "x", "0001_a.sql": "y"},
        {"0001_a.sql": "select 1;\n-- up\nselect 2;"},
    ],
)
def test_folders_that_cannot_be_understood(tmp_path: Path, files: dict[str, str]) -> None:
    write(tmp_path, **files)
    with pytest.raises(Invalid) as caught:
        read_folder(tmp_path)
    assert caught.value.code == "files_invalid"


def test_nothing_there(tmp_path: Path) -> None:
    with pytest.raises(NotFound):
        read_folder(tmp_path)
    with pytest.raises(NotFound):
        read_folder(tmp_path / "absent")
    (tmp_path / "0001_a.up.sql").write_bytes(b"\xff")
    with pytest.raises(HoldfastError):
        read_folder(tmp_path)


@given(st.text(), st.text())
def test_marks_part_what_was_joined(up: str, down: str) -> None:
    lines = [line.strip().lower() for text in (up, down) for line in text.splitlines()]
    if any(line.replace(" ", "").replace("\t", "") in ("--up", "--down") for line in lines):
        return
    found = parts(f"-- up\n{up}\n-- down\n{down}")
    assert found == (f"{up}\n", down or None)


@given(st.text(alphabet="ab;'\n -"))
def test_line_ends_are_no_change(text: str) -> None:
    assert checksum(text.replace("\n", "\r\n") + "\n ") == checksum(text)
    assert checksum(text + "x") != checksum(text)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("-- holdfast: no-transaction\nvacuum", True),
        ("\n-- why\n  --Holdfast:no-transaction  \nvacuum", True),
        ("vacuum;\n-- holdfast: no-transaction", False),
        ("-- holdfast: no-transactions\n", False),
        ("", False),
    ],
)
def test_outside_a_transaction(text: str, found: bool) -> None:
    assert alone(text) is found
