"""Repositories on Google Cloud Storage and Azure Blob Storage: the store's promises, what a credential may do, and the
whole journey of a snapshot, on servers that speak the real protocols."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import azure_server
import gcs_server
import pytest
from azure_server import ACCOUNT, KEY, AzureServer, azurite
from gcs_server import OWNER as BUCKET_OWNER
from gcs_server import GcsServer, gcs
from stock_restic import stock
from world import OWNER, World, refused, world

from holdfast.features.backups.care_service import CheckWish
from holdfast.features.backups.kinds import ACCOUNT_KEY, SAS, SECRET, SERVICE_ACCOUNT
from holdfast.features.backups.kit import kit_repositories
from holdfast.features.backups.model import RepositoryRow
from holdfast.features.backups.repository_service import CloudWish, RepositoryWish
from holdfast.features.secrets.kit import Kit, parse, render
from holdfast.kernel.clock import SystemClock
from holdfast.kernel.errors import Conflict, Denied, HoldfastError, Invalid, NeedsOperator
from holdfast.vault.stores.azure import AzureKey, AzurePlace, azure_store
from holdfast.vault.stores.cloud import CloudStore
from holdfast.vault.stores.conformance import CASES, Case
from holdfast.vault.stores.gcs import GcsPlace, ServiceAccount, gcs_store

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("clouds")]


@dataclass
class Clouds:
    world: World
    azure: AzureServer
    gcs: GcsServer

    def store(self, kind: str) -> CloudStore:
        return self.azure.store() if kind == "azure" else self.gcs.store()

    def wish(self, kind: str, credential: Mapping[str, str] | None = None, **more: Any) -> CloudWish:
        if kind == "azure":
            fields = {"account": ACCOUNT, "endpoint": self.azure.endpoint, "allow_http": True, **more}
            fields.setdefault("container", self.azure.container())
            return CloudWish(kind, fields, credential or {SAS: self.azure.sas(fields["container"])})
        fields = {"endpoint": self.gcs.endpoint, "allow_http": True, **more}
        fields.setdefault("bucket", self.gcs.bucket())
        return CloudWish(kind, fields, credential or {SERVICE_ACCOUNT: self.gcs.key_file()})

    def add(self, name: str, kind: str, credential: Mapping[str, str] | None = None, **more: Any) -> RepositoryRow:
        wish = RepositoryWish(self.world.project.id, name, cloud=self.wish(kind, credential, **more))
        return self.world.services.repositories.create(OWNER, wish)

    def download(self, row: RepositoryRow, target: Path) -> Path:
        """The repository as a directory: stock restic 0.14 takes no endpoint for azure, and has no small server's for
        gs; what lies there is the same."""
        with self.world.db.read() as conn:
            credential = self.world.services.keys.credential(conn, row)
        store = self.world.services.keys.places.store(row, credential, lambda *_: None)
        names = ["config"] if store.exists("config") else []
        for prefix in ("data", "index", "keys", "snapshots", "locks"):
            (target / prefix).mkdir(parents=True)
            names += [name for name, _ in store.list(prefix)]
        for name in names:
            (target / name).parent.mkdir(exist_ok=True)
            (target / name).write_bytes(store.get(name))
        return target


@pytest.fixture(scope="module")
def clouds() -> Iterator[Clouds]:
    with azurite() as azure, gcs() as google, world(outbound_allow=("127.0.0.0/8",)) as made:
        yield Clouds(made, azure, google)


def results(report: Mapping[str, Any] | None) -> dict[str, str]:
    assert report is not None
    return {found["check"]: found["result"] for found in report["findings"]}


@pytest.mark.parametrize("kind", ["azure", "gcs"])
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.__name__)
def test_it_keeps_the_promises_of_a_store(clouds: Clouds, case: Case, kind: str) -> None:
    case(clouds.store(kind))


@pytest.mark.parametrize("kind", ["azure", "gcs"])
def test_it_knows_conditional_writes(clouds: Clouds, kind: str) -> None:
    store = clouds.store(kind)
    assert store.conditional()
    store.create("config", [b"first"])
    with pytest.raises(Conflict, match="there already"):
        store.create("config", [b"second"])
    assert store.get("config") == b"first"


def test_a_listing_goes_on_behind_the_first_page(clouds: Clouds, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gcs_server, "PAGE", 7)
    store = clouds.gcs.store()
    for number in range(20):
        store.put(f"data/aa/{number:02d}", [b"x" * number])
    assert sorted(store.list("data")) == [(f"data/aa/{number:02d}", number) for number in range(20)]


@pytest.mark.parametrize("kind", ["azure", "gcs"])
def test_a_snapshot_lives_there(clouds: Clouds, kind: str, tmp_path: Path) -> None:
    """Taken, proven by a restore, restored, checked, read by stock restic, deleted."""
    made, services = clouds.world, clouds.world.services
    row = clouds.add(f"vault-{kind}", kind, prefix="deep/er")
    assert (row.kind, row.state, row.node) == (kind, "new", None)
    assert (row.last_test or {})["ok"]
    database = made.create("sqlite", f"shop-{kind}")
    made.write(
        database.id,
        'create table "odd ""/ü" (id integer primary key, note text)',
        'insert into "odd ""/ü" with recursive s(n) as (select 1 union all select n + 1 from s where n < 3000) '
        "select n, hex(randomblob(400)) from s",
    )
    first = made.snapshot(database.id, repository_id=row.id, level=3)
    assert (first.state, first.verified_level) == ("ready", 3)
    made.write(database.id, 'delete from "odd ""/ü" where id > 10')
    second = made.snapshot(database.id, repository_id=row.id, level=1)
    again = made.restore(first.id, mode="new", name=f"again-{kind}")
    assert made.rows(again.id, 'select count(*) from "odd ""/ü"') == [(3000,)]
    _, run = services.care.check(OWNER, row.id, CheckWish(read_data=True))
    assert made.succeeded(run, 120).result["errors"] == []

    password, path, variables = services.repositories.key(OWNER, row.id)
    assert path.startswith({"azure": "azure:c-", "gcs": "gs:b-"}[kind])
    assert path.endswith(":/deep/er")
    names = {"azure": ["AZURE_ACCOUNT_NAME", "AZURE_ACCOUNT_SAS"], "gcs": ["GOOGLE_APPLICATION_CREDENTIALS"]}
    assert variables == names[kind]
    copy = clouds.download(row, tmp_path / "copy")
    restic(copy, password, tmp_path, "check", "--read-data")
    restic(copy, password, tmp_path, "restore", str(first.restic_id), "--target", str(tmp_path / "out"))
    assert (tmp_path / "out" / "RESTORE.md").is_file()
    _, run = services.snapshots.delete(OWNER, first.id, first.id)
    made.succeeded(run)
    left = json.loads(restic(clouds.download(row, tmp_path / "later"), password, tmp_path, "snapshots", "--json"))
    assert [each["id"] for each in left] == [second.restic_id]


def restic(path: Path, password: str, home: Path, *arguments: str) -> str:
    return stock(path, *arguments, password=password, environ={"HOME": str(home)}).stdout


def test_what_an_azure_credential_may_do_is_said(clouds: Clouds) -> None:
    row = clouds.add("by-account-key", "azure", {ACCOUNT_KEY: str(KEY.account_key)})
    whole = results(row.last_test)
    assert {whole[name] for name in ("list", "write", "read", "conditional_write", "delete")} == {"ok"}
    assert (whole["credential"], whole["list_buckets"]) == ("excess", "excess")
    container = clouds.azure.container()
    fit = clouds.add("by-sas", "azure", {SAS: clouds.azure.sas(container)}, container=container)
    least = results(fit.last_test)
    assert (least["credential"], least["list_buckets"]) == ("ok", "ok")
    assert "missing" not in least.values()
    changed = clouds.world.services.repositories.change_credential(
        OWNER, fit.id, {SAS: clouds.azure.sas(container, "rcwdlt", days=3)}
    )
    hints = {found["message"] for found in (changed.last_test or {})["findings"]}
    assert "the SAS also allows t" in hints
    assert any("the SAS ends on" in hint for hint in hints)


def test_what_a_service_account_may_do_is_said(clouds: Clouds) -> None:
    about = {"versioning": {"enabled": True}, "iamConfiguration": {"publicAccessPrevention": "enforced"}}
    bucket = clouds.gcs.bucket(BUCKET_OWNER, about=about | {"retentionPolicy": {"retentionPeriod": "60"}})
    found = results(clouds.add("by-owner", "gcs", bucket=bucket).last_test)
    assert (found["list_buckets"], found["write_outside"], found["bucket_policy"]) == ("excess",) * 3
    assert (found["versioning"], found["public"], found["object_lock"]) == ("ok", "ok", "note")
    clouds.gcs.buckets[bucket].permissions -= {"buckets.list"}
    small = clouds.gcs.bucket(only="own/")
    least = results(clouds.add("by-user", "gcs", bucket=small, prefix="own").last_test)
    assert (least["list_buckets"], least["write_outside"], least["bucket_policy"]) == ("ok",) * 3
    assert least["versioning"] == "unknown"
    assert list(clouds.gcs.buckets[small].objects) == [], "the test left something"


@pytest.mark.parametrize(
    ("kind", "lacks", "word"),
    [
        ("gcs", "create", "storage.objects.create"),
        ("gcs", "get", "storage.objects.get"),
        ("gcs", "list", "storage.objects.list"),
        ("gcs", "delete", "storage.objects.delete"),
        ("azure", "r", "read (r)"),
        ("azure", "l", "list (l)"),
        ("azure", "cw", "create and write (cw)"),
        ("azure", "d", "delete (d)"),
    ],
)
def test_what_is_missing_is_named_and_nothing_is_kept(clouds: Clouds, kind: str, lacks: str, word: str) -> None:
    before = (clouds.world.count("repositories"), clouds.world.count("secrets"), clouds.world.count("audit_events"))
    if kind == "gcs":
        more: dict[str, Any] = {"bucket": clouds.gcs.bucket(gcs_server.USER - {lacks})}
        credential = None
    else:
        more = {"container": clouds.azure.container()}
        allowed = "".join(letter for letter in "rcwdl" if letter not in lacks)
        credential = {SAS: clouds.azure.sas(more["container"], allowed)}
    error = refused("store_test_failed", lambda: clouds.add("never", kind, credential, **more))
    assert word in str(error.hint)
    after = (clouds.world.count("repositories"), clouds.world.count("secrets"), clouds.world.count("audit_events"))
    assert after == before


def test_a_wrong_credential_or_place_is_said_plainly(clouds: Clouds) -> None:
    other = GcsServer().key_file()
    cases: list[tuple[str, str, Mapping[str, str] | None, dict[str, Any]]] = [
        ("store_credentials", "gcs", {SERVICE_ACCOUNT: other}, {}),
        ("bucket_missing", "gcs", None, {"bucket": "no-such-bucket"}),
        ("bucket_missing", "azure", {ACCOUNT_KEY: str(KEY.account_key)}, {"container": "no-such-container"}),
        ("invalid", "gcs", {SERVICE_ACCOUNT: "{}"}, {}),
        ("invalid", "azure", {SAS: "sv=1"}, {}),
        ("invalid", "azure", {}, {"container": "c-" * 40}),
        ("outbound_refused", "azure", None, {"endpoint": "http://169.254.169.254"}),
        ("outbound_refused", "gcs", None, {"endpoint": "http://169.254.169.254"}),
    ]
    for code, kind, credential, more in cases:
        error = refused(code, lambda case=(kind, credential, more): clouds.add("never", case[0], case[1], **case[2]))
        assert "PRIVATE KEY" not in json.dumps(error.as_dict())


def test_another_kinds_credential_is_refused(clouds: Clouds) -> None:
    row = clouds.add("stays", "gcs")
    service = clouds.world.services.repositories
    refused("credential_kind", lambda: service.change_credential(OWNER, row.id, {SAS: "sig=x"}))
    refused("credential_kind", lambda: service.change_credential(OWNER, row.id, {SECRET: "x"}))
    refused("invalid", lambda: service.change_credential(OWNER, row.id, {}))
    with clouds.world.db.read() as conn:
        assert clouds.world.services.keys.credential(conn, row) == {SERVICE_ACCOUNT: clouds.gcs.key_file()}


def test_the_kit_says_all_that_stock_restic_needs(clouds: Clouds) -> None:
    rows = [clouds.add("kit-gcs", "gcs"), clouds.add("kit-azure", "azure")]
    with clouds.world.db.read() as conn:
        found = {each.id: each for each in kit_repositories(clouds.world.services.keys).all(conn)}
    google, azure = (found[row.id] for row in rows)
    assert google.files == {"GOOGLE_APPLICATION_CREDENTIALS": clouds.gcs.key_file()}
    assert azure.environment["AZURE_ACCOUNT_NAME"] == ACCOUNT
    assert "PRIVATE KEY" not in repr(google)
    text = render(Kit("i", "now", "1", {"mk": "key"}, "a file", [google, azure]))
    assert f"export GOOGLE_APPLICATION_CREDENTIALS=$PWD/{google.id}.key" in text
    assert parse(text).repositories == [google, azure]


def test_nothing_of_the_environment_counts(clouds: Clouds, monkeypatch: pytest.MonkeyPatch) -> None:
    """What names a file is read by obstore in any case; the api and the runner forget all of these when they begin."""
    hostile = {
        "AZURE_STORAGE_SAS_KEY": "sig=x",
        "AZURE_STORAGE_USE_EMULATOR": "true",
        "AZURE_STORAGE_TOKEN": "x",
        "AZURE_SKIP_SIGNATURE": "true",
        "AZURE_STORAGE_ENDPOINT": "http://127.0.0.1:9",
        "AZURE_STORAGE_ACCOUNT_NAME": "other",
        "GOOGLE_BASE_URL": "http://127.0.0.1:9",
        "GOOGLE_SKIP_SIGNATURE": "true",
        "GOOGLE_BEARER_TOKEN": "x",
        "HTTP_PROXY": "http://127.0.0.1:9",
        "NO_PROXY": "*",
    }
    for name, value in hostile.items():
        monkeypatch.setenv(name, value)
    for kind in ("azure", "gcs"):
        store = clouds.store(kind)
        store.put("config", [b"x"])
        assert store.get("config") == b"x"


@pytest.mark.parametrize(
    "wrong",
    [
        lambda: AzurePlace("A", "container"),
        lambda: AzurePlace("acme", "two--dashes"),
        lambda: AzurePlace("acme", "good", "../up"),
        lambda: AzurePlace("acme", "good", endpoint="http://h"),
        lambda: AzurePlace("acme", "good", ca="-----BEGIN CERTIFICATE-----"),
        lambda: GcsPlace("B"),
        lambda: GcsPlace("a..b"),
        lambda: GcsPlace("good", endpoint="https://user:pw@h"),
        AzureKey,
        lambda: AzureKey("a" * 8, "sig=x"),
        lambda: AzureKey("not base64!"),
        lambda: ServiceAccount.of("[]"),
        lambda: ServiceAccount.of('{"type": "service_account", "private_key": "x"}'),
        lambda: ServiceAccount.of("no json"),
    ],
)
def test_what_cannot_be_is_refused_before_anything_is_sent(wrong: Any) -> None:
    with pytest.raises(Invalid) as error:
        wrong()
    assert error.value.details["fields"]
    assert "pw" not in str(error.value)


def test_a_refusal_names_the_store_s_own_permission(clouds: Clouds) -> None:
    container = clouds.azure.container()
    read_only = AzureKey(sas=clouds.azure.sas(container, "rl"))
    azure = azure_store(clouds.azure.place(container=container), read_only, azure_server.RELAY)
    with pytest.raises(Denied) as denied:
        azure.put("config", [b"x"])
    assert (denied.value.code, denied.value.details) == ("store_denied", {"missing": "create and write (cw)"})
    account = ServiceAccount.of(clouds.gcs.key_file(client_email="other@acme"))
    google = gcs_store(clouds.gcs.place(), account, gcs_server.RELAY, SystemClock())
    unknown: list[tuple[CloudStore, type[HoldfastError], str]] = [(google, Denied, "store_credentials")]
    gone = azure_store(clouds.azure.place(container="gone-for-good"), KEY, azure_server.RELAY)
    unknown.append((gone, NeedsOperator, "bucket_missing"))
    for store, error, code in unknown:
        with pytest.raises(error) as raised:
            store.get("config")
        assert raised.value.code == code
