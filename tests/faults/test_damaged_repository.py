"""Bytes that rotted in a repository: named as damage by every proof, and never given out as data."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from faults_cluster import Cluster, refused

from holdfast.kernel.errors import HoldfastError

pytestmark = [pytest.mark.faults, pytest.mark.slow]


def flip(file: Path, at: int = 100) -> None:
    """One bit, as a disk does."""
    file.chmod(0o600)
    with file.open("r+b") as opened:
        opened.seek(at)
        byte = opened.read(1)[0]
        opened.seek(at)
        opened.write(bytes([byte ^ 1]))


def pieces(it: Cluster) -> dict[str, list[Path]]:
    """Packs of data, packs of trees (the smaller), indexes, snapshots."""
    packs = sorted(it.data.glob("repositories/*/data/*/*"), key=lambda path: path.stat().st_size)
    found = {"tree": packs[:1], "pack": packs[-1:]}
    found["index"] = list(it.data.glob("repositories/*/index/*"))
    found["snapshot"] = list(it.data.glob("repositories/*/snapshots/*"))
    assert len(packs) >= 2
    assert all(found.values())
    return found


def fails_as_corrupt(it: Cluster, answer: dict[str, object]) -> dict[str, object]:
    run = it.ended(answer)
    assert run["state"] == "failed", run
    error = run["error"]
    assert error["message"]
    assert error["hint"], error
    assert not error["retryable"], error
    return dict(error)


@pytest.mark.parametrize(
    ("engine", "what"), [*(("sqlite", w) for w in ("pack", "tree", "index")), ("postgresql", "pack")]
)
def test_a_damaged_piece_is_found_and_gives_no_data(start: Callable[..., Cluster], engine: str, what: str) -> None:
    it = start()
    database = it.create(engine, rows=2000, width=400)
    before, snapshot = it.rows(database), it.snapshot(database)
    for piece in pieces(it)[what]:
        flip(piece)
    if what == "index":  # what the node remembers of it would do as well: without that memory the file itself is read
        it.down()
        shutil.rmtree(it.data / "cache")
        it.up()

    restored = it.restore_new(snapshot, "again")
    fails_as_corrupt(it, restored)
    new = restored["resource"]["id"]
    assert it.client.get(f"/databases/{new}")["state"] == "failed"
    assert not (it.data / "databases" / new).exists()
    fails_as_corrupt(it, it.restore_in_place(snapshot))
    assert it.rows(database) == before
    assert it.beside(database) == []

    fails_as_corrupt(it, it.client.post(f"/snapshots/{snapshot}/verify", {"level": "L1"}))
    facts = it.client.get(f"/snapshots/{snapshot}")
    assert facts["verification"] == "red"
    proof = it.client.get(f"/snapshots/{snapshot}/verifications")["items"][0]
    assert proof["ok"] is False
    assert any(check["ok"] is False and check["detail"] for check in proof["checks"])
    assert refused(lambda: it.restore_new(snapshot, "third"), HoldfastError).hint

    repository = it.client.get("/repositories")["items"][0]["id"]
    fails_as_corrupt(it, it.client.post(f"/repositories/{repository}/check", {"read_data": True}))
    assert it.client.get(f"/repositories/{repository}")["last_check"]["errors"]
    assert it.restic("check", "--read-data").returncode != 0
    it.settled()

    for piece in pieces(it)[what]:
        flip(piece)
    it.done(it.client.post(f"/snapshots/{snapshot}/verify", {"level": "L1"}))
    assert it.client.get(f"/snapshots/{snapshot}")["verification"] == "green"
    it.works(database, "L1")
