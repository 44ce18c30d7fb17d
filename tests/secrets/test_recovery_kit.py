"""A recovery kit opens with stock age, and what is in it recovers everything without the server."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pyrage
import pytest
from hypothesis import given
from hypothesis import strategies as st
from secrets_here import ROOT, Here, someone
from stock_restic import stock

from holdfast.features.backups import store as backups
from holdfast.features.backups.keys import Keys
from holdfast.features.secrets import cli_kit
from holdfast.features.secrets.kit import Kit, KitRepository, parse, render
from holdfast.formats import age, age_hybrid
from holdfast.kernel.clock import SystemClock
from holdfast.kernel.errors import Denied, Invalid, NeedsOperator
from holdfast.kernel.master import FileSource, MasterKey
from holdfast.kernel.secrets import Secrets, load_master_key

PASSPHRASE = "five random words in a row"


@pytest.fixture(scope="module")
def repository(here: Here) -> str:
    """A real one on the disk, with something in it to list."""
    keys = Keys.of(here.settings, here.services.db, here.secrets._secrets, SystemClock())
    with here.services.db.write() as conn:
        row = keys.insert(conn, here.project, "local", "usr_x", is_default=True)
    keys.open(row)
    return row.id


def made(here: Here, **body: Any) -> dict[str, Any]:
    answer = here.client.post("/api/v1/system/recovery-kit", json=body)
    assert answer.status_code == 201, answer.text
    return dict(answer.json())


def state(here: Here) -> dict[str, Any]:
    return dict(here.client.get("/api/v1/system/recovery-kit").json())


def test_before_the_first_kit_that_is_said(here: Here) -> None:
    assert state(here)["why"] == ["no recovery kit was made yet"]
    assert state(here)["ok"] is False


def test_stock_tools_recover_from_the_kit_alone(here: Here, repository: str, tmp_path: Path) -> None:
    """age opens it; restic opens the repository with its password; its master key opens a copy of the database."""
    identity = pyrage.x25519.Identity.generate()
    (tmp_path / "key.txt").write_text(f"{identity}\n")
    (tmp_path / "kit.age").write_text(made(here, recipients=[str(identity.to_public())])["file"])
    found = shutil.which("age") or "age"
    opened = subprocess.run(
        [found, "-d", "-i", str(tmp_path / "key.txt"), str(tmp_path / "kit.age")],
        capture_output=True,
        text=True,
        check=True,
    )
    kit = parse(opened.stdout)
    entry = next(each for each in kit.repositories if each.id == repository)
    listed = stock(entry.path, "cat", "config", password=entry.password)
    assert json.loads(listed.stdout)["id"] == entry.restic_id
    text = kit.master_keys[state(here)["master_key_id"]]
    key = load_master_key(Path("/nowhere"), {"HOLDFAST_MASTER_KEY": text})
    store = Secrets(here.services.db, key)
    store.check()
    with here.services.db.read() as conn:
        row = backups.get(conn, backups.RepositoryRow, repository)
        assert row is not None
        assert store.get(conn, row.project_id, row.id, "password") == entry.password
    assert entry.password in opened.stdout.partition("-----")[0]  # for people too, not only in the block at the end
    assert text in opened.stdout.partition("-----")[0]


@pytest.mark.parametrize("how", ["hybrid", pytest.param("passphrase", marks=pytest.mark.slow)])
def test_every_kind_of_kit_opens(here: Here, how: str) -> None:
    secret, recipient = age_hybrid.new_identity()
    if how == "hybrid":
        answer = made(here, recipients=[recipient])
        text = age.decrypt(answer["file"].encode(), identities=[secret])
    else:
        answer = made(here, passphrase=PASSPHRASE)
        text = age.decrypt(answer["file"].encode(), passphrase=PASSPHRASE)
    assert parse(text.decode()).installation == state(here)["installation"]
    assert answer["recipients"] == [how]
    assert state(here)["ok"] is True


def test_a_kit_is_stale_after_a_new_repository_and_after_a_rotation(here: Here) -> None:
    secret, recipient = age_hybrid.new_identity()
    kit = parse(age.decrypt(made(here, recipients=[recipient])["file"].encode(), identities=[secret]).decode())
    assert cli_kit._differences(kit, state(here)) == []
    keys = Keys.of(here.settings, here.services.db, here.secrets._secrets, SystemClock())
    with here.services.db.write() as conn:
        added = keys.insert(conn, here.project, "second", "usr_x").id
    assert state(here)["why"] == ["1 repository was made after the kit"]
    assert cli_kit._differences(kit, state(here)) == [f"the repository {added} was made after this kit"]
    rotated = here.client.post("/api/v1/system/master-key/rotate").json()
    assert "the master key was rotated after the kit was made" in state(here)["why"]
    assert any(rotated["id"] in each for each in cli_kit._differences(kit, state(here)))
    assert made(here, recipients=[recipient])["master_key_id"] == rotated["id"]
    assert state(here)["ok"] is True
    assert cli_kit._differences(kit, {**state(here), "installation": "ins_other"}) == [
        f"this kit is of another installation ({kit.installation})"
    ]


def test_nothing_of_a_kit_stays_here(here: Here) -> None:
    secret, recipient = age_hybrid.new_identity()
    answer = made(here, recipients=[recipient])
    kit = parse(age.decrypt(answer["file"].encode(), identities=[secret]).decode())
    for table in ("audit_events", "recovery_kits", "idempotency_keys"):
        rows = str(here.rows(table))
        assert answer["file"][60:120] not in rows
        assert not any(each in rows for each in (*kit.master_keys.values(), *(r.password for r in kit.repositories)))
    made(here, passphrase=PASSPHRASE)
    assert PASSPHRASE not in str(here.rows("audit_events")) + str(here.rows("recovery_kits"))
    recorded = here.audit("recovery_kit.create")[-1]
    assert recorded["details"]["recipients"] == ["passphrase"]
    for hidden in (*kit.master_keys.values(), *(each.password for each in kit.repositories)):
        assert hidden not in repr(kit)


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({}, "recipient_invalid"),
        ({"recipients": []}, "recipient_invalid"),
        ({"recipients": ["age1nobody"]}, "recipient_invalid"),
        ({"recipients": ["ssh-dss AAAAB3NzaC1kc3M"]}, "recipient_invalid"),
        ({"passphrase": "short"}, "passphrase_short"),
        ({"passphrase": PASSPHRASE, "recipients": [age_hybrid.new_identity()[1]]}, "recipient_invalid"),
    ],
)
def test_a_kit_nobody_could_open_or_everybody_is_not_made(here: Here, body: dict[str, Any], code: str) -> None:
    before = len(here.rows("recovery_kits"))
    answer = here.client.post("/api/v1/system/recovery-kit", json=body)
    assert (answer.status_code, answer.json()["error"]["code"]) == (422, code)
    assert PASSPHRASE not in answer.text
    assert len(here.rows("recovery_kits")) == before


def test_only_who_may_rotate_everywhere_makes_one(here: Here) -> None:
    for actor in (someone("system.read"), someone("system.key.rotate", project_id=here.project)):
        with pytest.raises(Denied):
            here.kits.create(actor, [], PASSPHRASE)
        with pytest.raises(Denied):
            here.master.rotate(actor)


def test_a_source_that_lost_the_key_makes_no_kit(here: Here) -> None:
    """The process still holds it; what would be started from the kit later would not."""
    path = here.settings.master_key_file
    text = path.read_text()
    path.write_text(MasterKey.new().text)
    try:
        with pytest.raises(NeedsOperator) as refused:
            here.kits.create(ROOT, [], PASSPHRASE)
    finally:
        path.write_text(text)
    assert refused.value.code == "master_key_missing"


def test_a_rotation_with_data_keys_leaves_nothing_under_an_old_key(here: Here) -> None:
    """For a key that was seen: also whoever copied the database before cannot open what is written now."""
    here.secrets.put(ROOT, here.environment, "BEFORE", "the value")
    old = {row["id"] for row in here.rows("data_keys")}
    done = here.client.post("/api/v1/system/master-key/rotate", json={"data_keys": True}).json()
    now = {row["id"] for row in here.rows("data_keys")}
    assert not old & now
    assert done["data_keys"] == len(now) == len({row["environment_id"] for row in here.rows("data_keys")})
    assert {row["data_key_id"] for row in (*here.rows("secrets"), *here.rows("user_secret_versions"))} <= now
    assert here.secrets.reveal(ROOT, here.environment, "BEFORE").value == "the value"
    assert [key.id for key in FileSource(here.settings.master_key_file).read()] == [done["id"]]
    actions = {(row["details"]["state"], row["actor"]) for row in here.audit("master_key.rotate")}
    assert actions == {("started", "local:0"), ("finished", "local:0")}
    assert here.client.get("/api/v1/system/master-key").json()["id"] == done["id"]


TEXT = st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=30)


@given(TEXT, TEXT, TEXT)
def test_a_kit_reads_back_as_it_was_written(name: str, path: str, password: str) -> None:
    repository = KitRepository("repo_1", name, "shop", path, None, password)
    kit = Kit("ins_1", "2026-01-02T03:04:05+00:00", "0.1.0", {"master-1": "aaaa"}, "/keys", [repository])
    assert parse(render(kit)) == kit
    assert parse(render(kit).replace("\n", "\r\n")) == kit


@pytest.mark.parametrize(
    "text", ["", "hello", render(Kit("i", "m", "h", {"k": "v"})).replace('"installation"', '"other"')]
)
def test_what_is_no_kit(text: str) -> None:
    with pytest.raises(ValueError, match="kit"):
        parse(text)


def test_a_kit_that_does_not_open_says_so(tmp_path: Path) -> None:
    from holdfast.terminal.context import Terminal

    (tmp_path / "kit.age").write_bytes(age.encrypt(b"no kit", [age_hybrid.new_identity()[1]]))
    (tmp_path / "key").write_text(age_hybrid.new_identity()[0])
    with pytest.raises(Invalid) as refused:
        cli_kit._decrypted(Terminal(), tmp_path / "kit.age", tmp_path / "key", False)
    assert refused.value.code == "kit_not_opened"


def test_a_deleted_projects_repository_is_in_the_kit(here: Here) -> None:
    """It lies on the disk still, and nobody else knows its password."""
    project = here.services.projects.create(ROOT, "short lived")
    keys = Keys.of(here.settings, here.services.db, here.secrets._secrets, SystemClock())
    with here.services.db.write() as conn:
        left = keys.insert(conn, project.id, "left", "usr_x").id
    here.services.projects.delete(ROOT, project.id, "short lived")
    secret, recipient = age_hybrid.new_identity()
    kit = parse(age.decrypt(made(here, recipients=[recipient])["file"].encode(), identities=[secret]).decode())
    assert {each.id: each.project for each in kit.repositories}[left] == project.id
