"""Named keys of plain files: which one seals, what the snapshot says of it, and what opens it again."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from journey import fresh
from key_services import REGION, google_double, kms_front, tools_in, vault_double
from s3_server import KEY as ACCESS
from world import OWNER, World, actor_with, eventually, world

from holdfast.features.backups.kit import kit_repositories
from holdfast.features.backups.model import RepositoryRow, Snapshot
from holdfast.features.backups.repository_service import RepositoryWish
from holdfast.features.backups.restore_service import RestoreWish
from holdfast.features.file_keys.model import FileKey
from holdfast.features.file_keys.service import WantedKey
from holdfast.features.plans.wanted import WantedPlan
from holdfast.features.secrets.kit import Kit, parse, render
from holdfast.formats.plain.age_stream import new_identity, recipient_of
from holdfast.kernel.audit import audit_events
from holdfast.kernel.errors import Conflict, Denied, HoldfastError, Invalid, NotFound, Permanent, Retryable
from holdfast.vault.plain.settings import FileSettings

pytestmark = pytest.mark.slow


@dataclass
class Here:
    world: World
    folder: Path
    database: str

    @property
    def keys(self) -> Any:
        return self.world.services.file_keys

    @property
    def project(self) -> str:
        return self.world.database(self.database).project_id

    def repository(self, **more: Any) -> RepositoryRow:
        name, settings = fresh("files"), more.pop("settings", FileSettings())
        wish = RepositoryWish(
            self.project, name, format="plain", path=str(self.folder / name), settings=settings.as_json(), **more
        )
        return self.world.services.repositories.create(OWNER, wish)

    def key(self, kind: str, name: str | None = None, **more: Any) -> FileKey:
        made: FileKey = self.keys.create(OWNER, self.project, WantedKey(name or fresh("key"), kind, **more))
        return made

    def taken(self, row: RepositoryRow, level: int | None = 1, **options: Any) -> Snapshot:
        return self.world.snapshot(self.database, level=level, repository_id=row.id, options=options)

    def file(self, row: RepositoryRow, snapshot: Snapshot) -> Path:
        return self.folder / row.name / str((snapshot.options or {})["file"])

    def back(self, snapshot: Snapshot) -> None:
        restored = self.world.restore(snapshot.id, mode="new", name=fresh("back"))
        assert self.world.rows(restored.id, "select a from t") == [(7,)]

    def failed(self, snapshot_id: str, level: int) -> HoldfastError | dict[str, Any]:
        _, run = self.world.services.snapshots.verify(OWNER, snapshot_id, level)
        ended = self.world.ended(run)
        assert ended.state == "failed"
        return dict(ended.error or {})


@pytest.fixture(scope="module")
def here(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Here]:
    with world(outbound_allow=("127.0.0.0/8",)) as made:
        database = made.create(name="a\"b'; -- Ü")
        made.write(database.id, "CREATE TABLE t (a integer)", "INSERT INTO t VALUES (7)")
        yield Here(made, tmp_path_factory.mktemp("keys"), database.id)


def ran(*argv: object, check: bool = True, **more: Any) -> str:
    words = [str(each) for each in argv]
    return str(subprocess.run(words, capture_output=True, text=True, check=check, timeout=60, **more).stdout)


def opened(file: Path, tmp_path: Path, **environ: str) -> str:
    """What the guide's own lines make of it."""
    block = Path(f"{file}.RESTORE.md").read_text().split("```sh\n")[1].split("```")[0]
    out = tmp_path / fresh("out")
    path = environ.pop("TOOLS", "") + ":/usr/local/bin:/usr/bin:/bin"
    env = {"PATH": path, "FILE": str(file), "OUT": str(out), "HOME": str(tmp_path), **environ}
    done = subprocess.run(["/bin/sh", "-c", block], env=env, capture_output=True, check=False, timeout=60)
    assert done.returncode == 0, (block, done.stderr)
    return ran("sqlite3", out, "select a from t").strip()


def refused(code: str, kind: type[HoldfastError], act: Any) -> HoldfastError:
    with pytest.raises(kind) as caught:
        act()
    assert caught.value.code == code, caught.value
    return caught.value


@pytest.mark.parametrize(
    ("kind", "encryption"),
    [("age-identity", "age"), ("passphrase", "aes256"), ("passphrase", "age")],
)
def test_a_key_of_our_own_seals_and_opens(here: Here, kind: str, encryption: str) -> None:
    row, key = here.repository(), here.key(kind)
    snapshot = here.taken(row, key=key.name, encryption=encryption)
    told = (snapshot.options or {})["key"]
    assert (told["name"], told["kind"], told["fingerprint"], told["opens"]) == (key.name, kind, key.fingerprint, True)
    assert (snapshot.verification, (snapshot.options or {})["encryption"]) == ("green", encryption)
    file = here.file(row, snapshot)
    _, secret = here.keys.reveal(OWNER, key.id)
    every = b"".join(path.read_bytes() for path in (here.folder / row.name).rglob("*") if path.is_file())
    assert secret.encode() not in every
    assert json.loads(Path(f"{file}.json").read_text())["key"]["name"] == key.name
    assert f"`{key.name}`" in Path(f"{file}.RESTORE.md").read_text()
    here.back(snapshot)


def test_to_public_halves_it_seals_and_says_that_it_cannot_open(here: Here, tmp_path: Path) -> None:
    """Two recipients, each opens; verification tells what it did not do; the other half, added later, mends it."""
    mine, theirs = new_identity(), new_identity()
    row, key = here.repository(), here.key("age", recipients=[recipient_of(mine), recipient_of(theirs)])
    snapshot = here.taken(row, level=None, key=key.name)
    assert (snapshot.wanted_level, snapshot.verified_level, snapshot.verification) == (1, 1, "green")
    (proof, *_) = here.world.services.snapshots.verifications(OWNER, snapshot.id)
    (untried,) = [check for check in proof.checks if check["ok"] is None]
    assert (untried["name"], "public half" in untried["detail"]) == ("opened", True)
    for identity in (mine, theirs):
        (tmp_path / "identity").write_text(identity + "\n")
        assert opened(here.file(row, snapshot), tmp_path, IDENTITY=str(tmp_path / "identity")) == "7"
    wish = RestoreWish(mode="new", name="never")
    restores, before = here.world.services.restores, here.world.count("restores")
    refused("file_key", Conflict, lambda: restores.restore(OWNER, snapshot.id, wish))
    assert restores.preview(OWNER, snapshot.id, wish).blockers[0]["code"] == "file_key"
    assert here.world.count("restores") == before
    assert here.failed(snapshot.id, 3)["code"] == "file_key"  # type: ignore[index]
    assert here.world.services.snapshots.get(OWNER, snapshot.id).verification == "green"
    options = {"key": key.name}
    refused("file_key_opens_nothing", Invalid, lambda: here.world.services.snapshots.create(
        OWNER, here.database, level=3, repository_id=row.id, options=options))  # fmt: skip
    here.key("age-identity", material=theirs)
    _, run = here.world.services.snapshots.verify(OWNER, snapshot.id, 3)
    here.world.succeeded(run)
    here.back(snapshot)


def test_a_gpg_key_is_known_by_its_fingerprint(here: Here, tmp_path: Path) -> None:
    home = tmp_path / "gnupg"
    home.mkdir(mode=0o700)
    env = {"GNUPGHOME": str(home), "PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8"}

    def gpg(*argv: str) -> str:
        return ran("gpg", "--batch", *argv, env=env)

    try:
        gpg("--passphrase", "", "--quick-gen-key", "Ü <a@b.example>", "future-default", "default", "never")
        armored = gpg("--armor", "--export")
        lines = [line for line in gpg("--with-colons", "--fingerprint").splitlines() if line.startswith("fpr")]
        row, key = here.repository(), here.key("gpg", public_key=armored)
        assert key.fingerprint == lines[0].split(":")[9]
        assert key.place["names"] == ["Ü <a@b.example>"]
        snapshot = here.taken(row, key=key.name)
        assert ((snapshot.options or {})["encryption"], snapshot.verified_level) == ("gpg", 1)
        file = here.file(row, snapshot)
        assert str(key.fingerprint) in Path(f"{file}.RESTORE.md").read_text()
        assert opened(file, tmp_path, GNUPGHOME=str(home)) == "7"
        secret = gpg("--armor", "--export-secret-keys")
        refused("file_key_material", Invalid, lambda: here.key("gpg", public_key=secret))
        refused("file_key_material", Invalid, lambda: here.key("gpg", public_key=armored[:200] + armored[-60:]))
    finally:
        ran("gpgconf", "--kill", "all", check=False, env=env)


def test_a_new_default_key_leaves_old_files_open_until_their_key_goes(here: Here) -> None:
    old, new = here.key("age-identity"), here.key("age-identity")
    row = here.repository(file_key=old.name)
    assert (row.settings or {})["encryption"] == "age"
    first = here.taken(row)
    assert (first.options or {})["key"]["name"] == old.name
    row = here.world.services.repositories.choose_key(OWNER, row.id, new.name)
    second = here.taken(row)
    said = second.options or {}
    assert (said["key"]["name"], said["encryption"]) == (new.name, "age")
    here.back(first)
    here.back(second)
    own = here.taken(row, key="own")
    assert "key" not in (own.options or {})
    plan = here.world.services.plans.service
    wish = WantedPlan(fresh("plan"), {"resources": [here.database]}, repository_ids=[row.id], options={"key": old.name})
    made = plan.create(OWNER, here.project, wish)
    error = refused("file_key_in_use", Conflict, lambda: here.keys.delete(OWNER, old.id, old.name, lose=True))
    assert [use["noun"] for use in error.details["uses"]] == ["plan"]
    plan.run(OWNER, made.id)
    eventually(lambda: len(here.world.services.snapshots.list(OWNER, repository_id=row.id, verification="green")) == 4)
    changed = plan.update(OWNER, made.id, made.version, {"options": {"key": new.name}}, confirm=made.name)
    assert changed.options == {"key": new.name}
    error = refused("file_key_in_use", Conflict, lambda: here.keys.delete(OWNER, old.id, old.name))
    (use,) = error.details["uses"]
    assert (use["noun"], use["total"], first.id in use["names"][-1]) == ("snapshot", 2, True)
    refused("confirm_mismatch", Invalid, lambda: here.keys.delete(OWNER, old.id, "other", lose=True))
    here.keys.delete(OWNER, old.id, old.name, lose=True)
    assert here.failed(first.id, 1)["code"] == "file_key"  # type: ignore[index]
    here.back(second)
    refused("file_key_in_use", Conflict, lambda: here.keys.delete(OWNER, new.id, new.name, lose=True))
    again = here.key("age-identity", old.name)  # under its name, but it is another one
    assert here.failed(first.id, 1)["code"] == "file_key"  # type: ignore[index]
    here.keys.delete(OWNER, again.id, again.name)


def test_what_cannot_be_is_refused_before_anything_is_kept(here: Here) -> None:
    row, before = here.repository(), here.world.count("file_keys")
    key, snapshots = here.key("age", recipients=[recipient_of(new_identity())]), here.world.count("snapshots")
    create = here.world.services.snapshots.create
    for code, words in (
        ("file_key_unknown", {"key": "nobody"}),
        ("encryption_key", {"key": key.name, "encryption": "aes256"}),
        ("encryption_key", {"key": key.name, "encryption": "none"}),
    ):
        refused(code, Invalid, lambda words=words: create(OWNER, here.database, repository_id=row.id, options=words))
    elsewhere = here.key("passphrase", environment_id=here.world.production.id)
    words = {"key": elsewhere.name}
    refused("file_key_unknown", Invalid, lambda: create(OWNER, here.database, repository_id=row.id, options=words))
    assert here.world.count("snapshots") == snapshots
    for name, wanted in {
        "own": WantedKey("own", "passphrase"),
        "Ü": WantedKey("Ü", "passphrase"),
        "short": WantedKey("k1", "passphrase", material="short"),
        "other": WantedKey("k1", "age-identity", material="AGE-SECRET-KEY-1NONE"),
        "both": WantedKey("k1", "passphrase", recipients=["age1x"]),
        "none": WantedKey("k1", "age"),
        "place": WantedKey("k1", "passphrase", place={"address": "http://x"}),
    }.items():
        with pytest.raises(Invalid):
            here.keys.create(OWNER, here.project, wanted)
        assert here.world.count("file_keys") == before + 2, name
    refused("name_taken", Conflict, lambda: here.key("passphrase", key.name))
    reader = actor_with("file.key.read")
    for act in (
        lambda: here.keys.create(reader, here.project, WantedKey("k2", "passphrase")),
        lambda: here.keys.delete(reader, elsewhere.id, elsewhere.name),
        lambda: here.keys.reveal(reader, elsewhere.id),
        lambda: here.keys.test(reader, elsewhere.id),
    ):
        with pytest.raises((Denied, NotFound)):
            act()
    assert here.world.count("file_keys") == before + 2


def test_the_recovery_kit_has_them_and_the_audit_log_has_no_secret(here: Here) -> None:
    row, key = here.repository(), here.key("passphrase", material="a chosen passphrase, ünïcode")
    here.taken(row, key=key.name, encryption="gpg")
    with here.world.db.read() as conn:
        entries = kit_repositories(here.world.services.keys).all(conn)
        query = sa.select(audit_events.c.details).where(audit_events.c.resource_id == key.id)
        audited = json.dumps([dict(each) for each in conn.scalars(query)])
    kit = parse(render(Kit("inst", "now", "1", {"id": "text"}, "place", entries)))
    (mine,) = [each for each in kit.repositories if each.id == row.id]
    assert {"name": key.name, "secret": "a chosen passphrase, ünïcode"}.items() <= next(
        dict(each) for each in mine.keys if each["name"] == key.name
    ).items()
    assert key.name in audited
    assert "chosen" not in audited


def test_a_key_that_vault_keeps(here: Here, tmp_path: Path) -> None:
    """By AppRole; each file names the version that it needs; the guide's own lines open it; a restore asks again."""
    tools = tools_in(tmp_path / "bin")
    with vault_double() as vault:
        vault.namespace = "team/a"
        vault.kv["holdfast/files"] = [{"key": "the first passphrase"}]
        place = {"address": vault.address, "namespace": "team/a", "role_id": vault.role[0], "path": "holdfast/files"}
        key = here.key("vault-kv", place=place, credential={"secret_id": vault.role[1]})
        row = here.repository()
        first = here.taken(row, key=key.name, encryption="gpg")
        vault.kv["holdfast/files"].append({"key": "the second passphrase"})
        second = here.taken(row, key=key.name)
        env = {"TOOLS": str(tools), "VAULT_TOKEN": vault.token}
        home = tmp_path / "gnupg"
        home.mkdir(mode=0o700)
        try:
            assert opened(here.file(row, first), tmp_path, GNUPGHOME=str(home), **env) == "7"
        finally:
            ran("gpgconf", "--homedir", home, "--kill", "all", check=False)
        assert opened(here.file(row, second), tmp_path, **env) == "7"
        before = len(vault.asked)
        here.back(first)
        assert [each for each in vault.asked[before:] if each.startswith("GET")]
        assert here.keys.test(OWNER, key.id).id == key.id
        written = b"".join(path.read_bytes() for path in here.world.settings.data.rglob("*") if path.is_file())
        assert b"the first passphrase" not in written
        vault.kv["holdfast/files"][0] = None  # destroyed there
        assert here.failed(first.id, 1)["code"] == "vault_not_found"  # type: ignore[index]
        assert here.world.services.snapshots.get(OWNER, first.id).verification != "red"
        vault.role = ("other", "other")
        assert here.failed(second.id, 1)["code"] == "vault_denied"  # type: ignore[index]


def test_a_files_own_key_wrapped_by_vaults_transit(here: Here, tmp_path: Path) -> None:
    tools = tools_in(tmp_path / "bin")
    with vault_double() as vault:
        place = {"address": vault.address, "key": "holdfast"}
        credential = {"token": vault.token}
        wrong = {"place": place | {"key": "other"}, "credential": credential}
        refused("vault_not_found", Permanent, lambda: here.key("vault-transit", **wrong))
        refused("vault_denied", Permanent, lambda: here.key("vault-transit", place=place, credential={"token": "old"}))
        away = {"place": place | {"address": "http://127.0.0.1:9"}, "credential": credential}
        refused("vault_unreachable", Retryable, lambda: here.key("vault-transit", **away))
        vault.moved = True
        refused("vault_redirected", Permanent, lambda: here.key("vault-transit", place=place, credential=credential))
        vault.moved = False
        key = here.key("vault-transit", place=place, credential=credential)
        row = here.repository(file_key=key.name)
        files = [here.taken(row), here.taken(row, encryption="aes256")]
        documents = [json.loads(Path(f"{here.file(row, each)}.json").read_text())["key"] for each in files]
        assert documents[0]["wrapped"] != documents[1]["wrapped"]
        assert all(each["wrapped"].startswith("vault:v1:") for each in documents)
        for each in files:
            assert opened(here.file(row, each), tmp_path, TOOLS=str(tools), VAULT_TOKEN=vault.token) == "7"
            here.back(each)
        vault.sealed = True
        refused("vault_sealed", Retryable, lambda: here.keys.test(OWNER, key.id))
        vault.sealed, vault.token = False, "hvs.another"
        refused("vault_denied", Permanent, lambda: here.keys.test(OWNER, key.id))
        here.keys.change_credential(OWNER, key.id, {"token": "hvs.another"})
        here.back(files[0])


def test_a_files_own_key_wrapped_by_aws_kms(here: Here, tmp_path: Path) -> None:
    tools = tools_in(tmp_path / "bin")
    with kms_front() as kms:
        place = {"region": REGION, "key_id": kms.key(), "endpoint": kms.address}
        credential = {"access_key_id": ACCESS.id, "secret_access_key": ACCESS.secret}
        forged = {**credential, "secret_access_key": "another"}
        refused("kms_denied", Permanent, lambda: here.key("aws-kms", place=place, credential=forged))
        gone = place | {"key_id": "00000000-0000-0000-0000-000000000000"}
        refused("kms_not_found", Permanent, lambda: here.key("aws-kms", place=gone, credential=credential))
        key = here.key("aws-kms", place=place, credential=credential)
        row = here.repository(file_key=key.name)
        snapshot = here.taken(row)
        assert (snapshot.options or {})["encryption"] == "age"
        assert kms.asked[-1]["EncryptionContext"] == {"holdfast-file-key": key.name}
        env = {"AWS_ACCESS_KEY_ID": ACCESS.id, "AWS_SECRET_ACCESS_KEY": ACCESS.secret}
        assert opened(here.file(row, snapshot), tmp_path, TOOLS=str(tools), **env) == "7"
        here.back(snapshot)
        for word, code, kind in (
            ("AccessDeniedException", "kms_denied", Permanent),
            ("ThrottlingException", "kms_busy", Retryable),
            ("KMSInvalidStateException", "kms_state", Permanent),
            ("InvalidCiphertextException", "kms_refused", Permanent),
        ):
            kms.refuse = word
            refused(code, kind, lambda: here.keys.test(OWNER, key.id))


def test_a_files_own_key_wrapped_by_google_cloud_kms(here: Here) -> None:
    with google_double() as google, google_double() as other:
        place = {"key": google.name, "endpoint": google.address}
        wrong = {"service_account_key": other.account()}
        refused("kms_denied", Permanent, lambda: here.key("gcp-kms", place=place, credential=wrong))
        right = {"service_account_key": google.account()}
        gone = place | {"key": google.name + "x"}
        refused("kms_not_found", Permanent, lambda: here.key("gcp-kms", place=gone, credential=right))
        key = here.key("gcp-kms", place=place, credential=right)
        row = here.repository(file_key=key.name)
        snapshot = here.taken(row, encryption="gpg")
        assert "gcloud kms decrypt --project acme" in Path(f"{here.file(row, snapshot)}.RESTORE.md").read_text()
        here.back(snapshot)
