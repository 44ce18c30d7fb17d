"""What one snapshot, or a plan, chooses for its files itself; what a repository refuses; what is audited."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import event, given
from hypothesis import strategies as st
from world import OWNER, World, eventually, world

from holdfast.features.backups.model import RepositoryRow, Snapshot
from holdfast.features.backups.repository_service import RepositoryWish
from holdfast.features.plans.wanted import WantedPlan
from holdfast.formats.plain.age_stream import new_identity, recipient_of
from holdfast.formats.plain.packing import METHODS
from holdfast.kernel.audit import audit_events
from holdfast.kernel.errors import Invalid
from holdfast.vault.plain.settings import FileSettings

ENCRYPTIONS = ("none", "age", "gpg", "aes256")


@given(
    st.sampled_from(list(METHODS)), st.sampled_from(ENCRYPTIONS),
    st.fixed_dictionaries({}, optional={
        "compression": st.sampled_from(list(METHODS)), "encryption": st.sampled_from(ENCRYPTIONS),
        "file_level": st.one_of(st.integers(-1, 30), st.sampled_from(["fast", "small", "tiny"])),
    }),
)  # fmt: skip
def test_a_choice_is_taken_to_the_letter_or_refused(compression: Any, encryption: Any, words: dict[str, Any]) -> None:
    """Unsaid is the repository's; nothing is ever weaker than what was said."""
    own = FileSettings(compression=compression, encryption=encryption)
    try:
        made = own.chosen(words)
    except Invalid as error:
        event(error.code)
        return
    made.check()
    assert made.compression == words.get("compression", compression)
    assert made.encryption == words.get("encryption", encryption)
    assert made.encryption != "age" or encryption == "age"
    assert (made.level is None) == ("file_level" not in words)
    assert (made.form, made.template) == (own.form, own.template)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[World, Path, str]]:
    with world() as here:
        database = here.create(name="a\"b'; -- Ü")
        here.write(database.id, "CREATE TABLE t (a integer)", "INSERT INTO t VALUES (7)")
        yield here, tmp_path_factory.mktemp("plain"), database.id


def repository(place: tuple[World, Path, str], name: str, **settings: Any) -> RepositoryRow:
    here, folder, database = place
    project = here.database(database).project_id
    kept = FileSettings(**settings).as_json()
    wish = RepositoryWish(project, name, format="plain", path=str(folder / name), settings=kept)
    return here.services.repositories.create(OWNER, wish)


def taken(place: tuple[World, Path, str], row: RepositoryRow, **options: Any) -> Snapshot:
    here, _, database = place
    return here.snapshot(database, level=1, repository_id=row.id, options=options)


def audited(here: World) -> list[dict[str, Any]]:
    with here.db.read() as conn:
        query = sa.select(audit_events.c.details).where(audit_events.c.action == "snapshot.unencrypted")
        return [dict(each) for each in conn.scalars(query)]


@pytest.mark.slow
def test_each_choice_opens_with_stock_tools_and_is_told(place: tuple[World, Path, str], tmp_path: Path) -> None:
    here, folder, _ = place
    row, identity = repository(place, "vaulted", encryption="age"), new_identity()
    words = {"compression": "zstd", "file_level": 9, "encryption": "age", "recipients": [recipient_of(identity)]}
    one = taken(place, row, **words)
    said = one.options or {}
    assert (one.proof, said["compression"], said["compression_level"], said["encryption"]) == (
        "verified",
        "zstd",
        9,
        "age",
    )
    assert recipient_of(identity) in said["recipients"]
    (tmp_path / "identity").write_text(identity)
    file = folder / "vaulted" / said["file"]
    out = tmp_path / "one.db"
    run = f"age -d -i {tmp_path}/identity '{file}' | zstd -d -q > {out} && sqlite3 {out} 'select a from t'"
    done = subprocess.run(["/bin/sh", "-c", run], capture_output=True, text=True, check=False, timeout=60)
    assert (done.stdout, done.stderr) == ("7\n", "")
    assert audited(here) == []
    for encryption in ("aes256", "gpg"):
        assert (taken(place, row, encryption=encryption).options or {})["encryption"] == encryption
    assert audited(here) == [], "those are no weaker"
    plain = taken(place, row, encryption="none", compression="none")
    assert (folder / "vaulted" / (plain.options or {})["file"]).read_bytes().startswith(b"SQLite format 3\0")
    (entry,) = audited(here)
    assert (entry["snapshot_id"], entry["repository_encryption"]) == (plain.id, "age")
    last = taken(place, row)
    assert ((last.options or {})["encryption"], (last.options or {})["compression"]) == ("age", "gzip")
    assert len(audited(here)) == 1
    restored = here.restore(one.id, mode="new", name="back")
    assert here.rows(restored.id, "select a from t") == [(7,)]


@pytest.mark.slow
def test_what_cannot_be_is_refused_before_anything_is_taken(place: tuple[World, Path, str]) -> None:
    here, _, database = place
    plain = repository(place, "open")
    before = here.count("snapshots")
    with here.db.write() as conn:
        restic = here.services.keys.default(conn, here.database(database), OWNER.id)
    for row, words, code in (
        (restic, {"compression": "zstd"}, "snapshot_options"),
        (restic, {"encryption": "none"}, "snapshot_options"),
        (plain, {"encryption": "age", "recipients": [recipient_of(new_identity())]}, "encryption_key"),
        (plain, {"compression": "gzip", "file_level": 12}, "level_invalid"),
        (plain, {"level": "max", "compression": "gzip"}, "level_invalid"),
        (plain, {"recipients": ["age1nobody"]}, "recipient_invalid"),
    ):
        with pytest.raises(Invalid) as refused:
            here.services.snapshots.create(OWNER, database, repository_id=row.id, options=words)
        assert refused.value.code == code, words
        if row is restic:
            assert "off, fast, default or max" in str(refused.value.hint)
    assert here.count("snapshots") == before
    assert len(audited(here)) <= 1


@pytest.mark.slow
def test_a_plan_carries_the_same_words(place: tuple[World, Path, str]) -> None:
    here, _, database = place
    row, project = repository(place, "planned", encryption="gpg"), here.database(database).project_id
    words = {"compression": "bzip2", "file_level": "fast", "encryption": "aes256", "verify_within": 7}
    wish = WantedPlan("nightly", {"resources": [database]}, repository_ids=[row.id], options=words)
    plan = here.services.plans.service.create(OWNER, project, wish)
    assert plan.options == words
    asked = here.services.plans.service.run(OWNER, plan.id)
    assert asked is not None
    eventually(lambda: here.services.snapshots.list(OWNER, repository_id=row.id, verification="green"))
    (snapshot,) = here.services.snapshots.list(OWNER, repository_id=row.id)
    said = snapshot.options or {}
    assert [said[name] for name in ("compression", "compression_level", "encryption")] == ["bzip2", 1, "aes256"]
    assert snapshot.proof_due is not None
    assert snapshot.proof_due - (snapshot.taken_at or snapshot.proof_due) < timedelta(days=8)
    with here.db.write() as conn:
        restic = here.services.keys.default(conn, here.database(database), OWNER.id)
    odd = WantedPlan("odd", {"all": True}, repository_ids=[restic.id], options={"compression": "gzip"})
    with pytest.raises(Invalid, match="restic repository takes no compression"):
        here.services.plans.service.create(OWNER, project, odd)
