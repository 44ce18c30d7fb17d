"""Uids of versions."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from holdfast.runtime.sandbox import users
from holdfast.runtime.sandbox.users import FIRST, LAST, keep_users, uid_of


def test_a_token_keeps_its_user(tmp_path: Path) -> None:
    first, second = uid_of(tmp_path, "a"), uid_of(tmp_path, "b")
    assert FIRST <= first <= LAST
    assert second == first + 1 or (first, second) == (LAST, FIRST)
    assert uid_of(tmp_path, "a") == first
    assert (tmp_path / "workers" / "users.json").stat().st_mode & 0o777 == 0o600


def test_a_user_comes_back_only_after_all_others(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(users, "LAST", FIRST + 2)
    first = uid_of(tmp_path, "a")
    keep_users(tmp_path, set())
    others = [uid_of(tmp_path, name) for name in "bc"]
    assert sorted([first, *others]) == [FIRST, FIRST + 1, FIRST + 2]
    assert uid_of(tmp_path, "d") == first
    with pytest.raises(OSError, match="every uid"):
        uid_of(tmp_path, "e")
    keep_users(tmp_path, {"c", "d"})
    assert uid_of(tmp_path, "e") == others[0]


def test_two_installations_do_not_begin_with_the_same_user(tmp_path: Path) -> None:
    """What the kernel counts by uid would be counted together: one's fork bomb would be the other's."""
    assert len({uid_of(tmp_path / name, "a") for name in "abcdef"}) == 6


def test_processes_agree(tmp_path: Path) -> None:
    script = (
        "import sys; from pathlib import Path; from holdfast.runtime.sandbox.users import uid_of\n"
        "print([uid_of(Path(sys.argv[1]), f'{n % 20}') for n in range(60)])"
    )
    asked = [
        subprocess.Popen(
            [sys.executable, "-c", script, str(tmp_path)],
            stdout=subprocess.PIPE,
            env={"PYTHONPATH": ":".join(sys.path)},
        )
        for _ in range(3)
    ]
    answers = {one.communicate()[0] for one in asked}
    assert len(answers) == 1
    assert len(set(json.loads(answers.pop()))) == 20


def test_a_damaged_table_is_said(tmp_path: Path) -> None:
    uid_of(tmp_path, "a")
    table = tmp_path / "workers" / "users.json"
    for content in ("{", "[]", '{"next": 200000, "users": {"a": 0}}'):
        table.write_text(content)
        with pytest.raises(ValueError, match=r"damaged|Expecting"):
            uid_of(tmp_path, "a")
