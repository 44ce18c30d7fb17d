"""A copy is found again by whoever copies next, and nothing else is taken for it; a dead creator's key."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from kit import PASSWORD, BytesCapture, flip, new_repository, restic, snapshot

from holdfast.formats.restic import documents
from holdfast.kernel.errors import Corrupt
from holdfast.vault.copying import copy_snapshot
from holdfast.vault.repository import Repository
from holdfast.vault.stores.local import LocalStore


def test_a_copy_of_a_copy_is_made_once_and_so_is_one_back(tmp_path: Path) -> None:
    first, second, third = (new_repository(tmp_path / name) for name in ("1", "2", "3"))
    written = snapshot(first, BytesCapture({"a": os.urandom(5_000)}), tags=["x"]).id
    second_id = copy_snapshot(first, second, written).id
    made = copy_snapshot(second, third, second_id)
    again = copy_snapshot(second, third, second_id)
    assert (again.id, again.was_there) == (made.id, True)
    assert copy_snapshot(third, first, made.id).id == written
    for repo in (first, second, third):
        assert len(repo.snapshots()) == 1


def test_what_somebody_made_out_of_a_snapshot_is_no_copy_of_it(tmp_path: Path) -> None:
    """`restic rewrite` names the origin too, and leaves something out."""
    first, second = new_repository(tmp_path / "1"), new_repository(tmp_path / "2")
    whole = snapshot(first, BytesCapture({"a": b"1" * 5_000, "b": b"2"}))
    less = snapshot(first, BytesCapture({"a": b"1" * 5_000}))
    document = first.document(less.id)
    sealed = documents.encode(
        replace(document, time=first.document(whole.id).time, extra={**document.extra, "original": whole.id}).as_dict(),
        first.key,
    )
    first.forget(less.id)
    first.store.put(f"snapshots/{hashlib.sha256(sealed).hexdigest()}", [sealed])
    ids = {copy_snapshot(first, second, info.id).id for info in first.snapshots()}
    assert len(ids) == len(second.snapshots()) == 2


def test_a_dead_creators_key_bars_nobody(tmp_path: Path) -> None:
    """Killed between its key and the config: who makes the repository then takes that key away, or stock restic meets
    it first and calls the repository damaged. So does who opens it and meets it first."""
    dead = next(iter(_keys(new_repository(tmp_path / "other"))))
    root = tmp_path / "made"
    (root / "keys").mkdir(parents=True)
    (root / "keys" / dead.name).write_bytes(dead.read_bytes())
    made = new_repository(root)
    assert len(_keys(made)) == 1
    assert json.loads(restic(root, "snapshots", "--json").stdout) == []
    (root / "keys" / dead.name).write_bytes(dead.read_bytes())
    Repository.open(_DeadFirst(root, dead.name), PASSWORD)
    (left,) = _keys(made)
    assert left.name != dead.name


class _DeadFirst(LocalStore):
    """Lists one key before the others."""

    def __init__(self, root: Path, first: str) -> None:
        super().__init__(root)
        self._first = first

    def list(self, prefix: str) -> Iterator[tuple[str, int]]:
        return iter(sorted(super().list(prefix), key=lambda each: not each[0].endswith(self._first)))


def _keys(made: Repository) -> list[Path]:
    store = made.store
    assert isinstance(store, LocalStore)
    return list((store.root / "keys").iterdir())


def test_a_damaged_key_file_is_not_passed_over(tmp_path: Path) -> None:
    """Who asked whether a password opens would hear no, and it does."""
    repo = new_repository(tmp_path / "r")
    more = repo.add_key("another")
    assert repo.keys_of("another") == [more]
    flip(tmp_path / "r" / "keys" / more)
    with pytest.raises(Corrupt, match="does not match its name"):
        repo.keys_of("another")
