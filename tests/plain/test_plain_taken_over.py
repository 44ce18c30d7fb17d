"""A writer that was paused and wakes up after another took its snapshot over: one document, the other's."""

from __future__ import annotations

import os
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa
from kit import BytesCapture
from world import OWNER, eventually, world

from holdfast.catalog import registry
from holdfast.features.backups.repository_service import RepositoryWish
from holdfast.jobs.schema import runs
from holdfast.kernel.errors import Conflict
from holdfast.kernel.ids import new_id
from holdfast.kernel.stop import Stop
from holdfast.vault.options import SnapshotOptions
from holdfast.vault.plain import care, writing
from holdfast.vault.plain.keys import FileKeys
from holdfast.vault.plain.repository import PlainRepository
from holdfast.vault.plain.settings import FileSettings
from holdfast.vault.plain.writing import FileAbout, WrittenFile, write_file
from holdfast.vault.stores.local import LocalStore

SNAPSHOT = new_id("snap")
SAME = FileSettings(form="tar", template="{engine}/{id}")  # nothing in it tells two attempts apart


def attempt(repo: PlainRepository, scratch: Path, number: int, still_ours: Callable[[], None]) -> WrittenFile:
    about = FileAbout(
        snapshot_id=SNAPSHOT, project="p", environment="e", database='a"b\'; -- Ü', resource_id="db_1", engine="sqlite",
        taken_at=datetime(2026, 11, 21, 2, 0, tzinfo=UTC), tags=(), facts={}, attempt=number,
    )  # fmt: skip
    with BytesCapture({"x": os.urandom(300_000)}) as capture:
        return write_file(
            repo, capture, about, SAME, registry(), scratch,
            options=SnapshotOptions(), stop=Stop(), still_ours=still_ours,
        )  # fmt: skip


class TakenOver:
    """At its `at`th look the claim is gone, and the other has done it all; one that looked a moment before does not
    notice at that look."""

    def __init__(self, repo: PlainRepository, scratch: Path, at: int, notices: int) -> None:
        self.repo, self.scratch, self.at, self.notices, self.looks = repo, scratch, at, notices, 0
        self.other: WrittenFile | None = None

    def __call__(self) -> None:
        self.looks += 1
        if self.looks == self.at:
            self.other = attempt(self.repo, self.scratch, 2, lambda: None)
        if self.looks >= self.notices:
            raise Conflict("another runner has taken this run over", code="claim_lost")


@pytest.mark.parametrize(("at", "notices"), [(1, 1), (2, 2), (2, 3), (3, 3)])
def test_only_the_others_document_is_left(tmp_path: Path, at: int, notices: int) -> None:
    repo = PlainRepository.create(LocalStore(tmp_path / "store"), FileKeys(), tmp_path)
    ours = TakenOver(repo, tmp_path, at, notices)
    with pytest.raises(Conflict):
        attempt(repo, tmp_path, 1, ours)
    assert ours.other is not None
    assert repo.documents() == ([ours.other.document], [])
    assert sorted(repo.listing()) == sorted(ours.other.document.names)
    assert repo.check(read_data=True).errors == []
    assert repo.verify_snapshot(SNAPSHOT).errors == []


def test_of_two_documents_the_last_attempts_counts_and_the_other_is_swept_up(tmp_path: Path) -> None:
    """One that never looked again after it wrote: it was killed then."""
    repo = PlainRepository.create(LocalStore(tmp_path / "store"), FileKeys(), tmp_path)
    ours = TakenOver(repo, tmp_path, 2, 9)
    first = attempt(repo, tmp_path, 1, ours).document
    assert ours.other is not None
    assert repo.store.exists(first.name)
    last = ours.other.document
    assert repo.document(SNAPSHOT) == last
    assert repo.documents() == ([last], [])
    for hours in (0, 30):
        repo.clock = Later(hours)
        care.collect(repo, [SNAPSHOT], timedelta(hours=24), dry_run=False, stop=Stop(), progress=lambda *_: None)
        assert repo.document(SNAPSHOT) == last
    assert sorted(repo.listing()) == sorted(last.names)
    first = attempt(repo, tmp_path, 1, lambda: None).document  # as an older Holdfast's: forgotten with the other
    repo.store.put(last.name, [last.to_json()])
    repo.forget(SNAPSHOT)
    assert repo.listing() == {}


class Later:
    def __init__(self, hours: int) -> None:
        self.hours = hours

    def now(self) -> datetime:
        return datetime.now(UTC) + timedelta(hours=self.hours)


@pytest.mark.slow
def test_a_runner_that_lost_its_claim_writes_no_document(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The claim goes at the last moment before it."""
    with world() as here:
        folder, resource = tmp_path / "dumps", here.create()
        wish = RepositoryWish(resource.project_id, "dumps", format="plain", path=str(folder))
        repository = here.services.repositories.create(OWNER, wish)
        seen: list[str] = []

        def point(name: str) -> None:
            if name == "plain.notes":
                with here.db.write() as conn:
                    conn.execute(sa.update(runs).where(runs.c.kind == "snapshot.create").values(epoch=7))
            seen.append(name)

        monkeypatch.setattr(writing, "crash_point", point)
        snapshot, _ = here.services.snapshots.create(OWNER, resource.id, repository_id=repository.id)
        eventually(lambda: "plain.notes" in seen)
        eventually(lambda: not [path for path in (folder / "files").rglob("*") if path.is_file()])
        assert "plain.document" not in seen
        assert here.services.snapshots.get(OWNER, snapshot.id).state == "creating", "for whoever has it now"
        with here.db.write() as conn:
            conn.execute(sa.update(runs).where(runs.c.kind == "snapshot.create").values(state="failed"))
