"""Storage classes on a real S3 server: listed, moved in place, asked for, and rules written beside those of others."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from kit import PASSWORD, BytesCapture, read, snapshot
from s3_server import KEY, RELAY, Server, moto
from stock_restic import stock

from holdfast.kernel.clock import SystemClock
from holdfast.kernel.errors import Corrupt, NeedsOperator, NotFound
from holdfast.kernel.stop import Stop
from holdfast.vault import colder
from holdfast.vault.gc import collect
from holdfast.vault.repository import Repository
from holdfast.vault.stores import s3_classes
from holdfast.vault.stores.classes import Shelved
from holdfast.vault.stores.cloud import CloudStore
from holdfast.vault.stores.s3 import S3Place, s3_store
from holdfast.vault.stores.s3_classes import S3Shelves, ends_old_versions, ends_parts, moves_to, rule_text

RANDOM = random.Random(36)


@dataclass
class Bucket:
    server: Server
    place: S3Place
    store: CloudStore
    shelves: S3Shelves

    def rules(self, *rules: dict[str, Any]) -> None:
        named = [{"ID": f"theirs {n}", "Status": "Enabled", **rule} for n, rule in enumerate(rules)]
        client, how = self.server.client(), {"Rules": named}
        client.put_bucket_lifecycle_configuration(Bucket=self.place.bucket, LifecycleConfiguration=how)

    def texts(self) -> list[str]:
        return [rule.text for rule in self.shelves.rules() or ()]


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with moto() as running:
        yield running


@pytest.fixture
def bucket(server: Server) -> Iterator[Bucket]:
    place = server.place(prefix="pre/fix")
    shelves = S3Shelves(place, KEY, RELAY.policy, SystemClock())
    try:
        yield Bucket(server, place, s3_store(place, KEY, RELAY), shelves)
    finally:
        shelves.close()


def test_every_page_of_a_listing_is_read(bucket: Bucket, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(s3_classes, "_PAGE", 3)
    for n in range(8):
        bucket.store.put(f"data/{n}", [b"x" * n])
    bucket.shelves.move("data/5", 5, "GLACIER_IR")
    found = {each.name: (each.size, each.storage_class) for each in bucket.shelves.listing()}
    assert found == {f"data/{n}": (n, "GLACIER_IR" if n == 5 else "STANDARD") for n in range(8)}


@pytest.mark.parametrize("parts", [1, 3])
def test_a_piece_moves_in_place_and_back(bucket: Bucket, parts: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same bytes under the same name; a large one in parts, which leave nothing behind."""
    data = RANDOM.randbytes(11 * 1024 * 1024 if parts > 1 else 70_000)
    monkeypatch.setattr(s3_classes, "PART_BYTES", 5 * 1024 * 1024)
    bucket.store.put("data/aa/x", [data])
    for target in ("STANDARD_IA", "STANDARD_IA", "STANDARD"):
        bucket.shelves.move("data/aa/x", len(data), target)
        assert bucket.shelves.look("data/aa/x") == Shelved("data/aa/x", len(data), target)
        assert bucket.store.get("data/aa/x") == data
    assert "Uploads" not in bucket.server.client().list_multipart_uploads(Bucket=bucket.place.bucket)
    with pytest.raises(NotFound):
        bucket.shelves.move("data/gone", len(data), "STANDARD_IA")
    assert "Uploads" not in bucket.server.client().list_multipart_uploads(Bucket=bucket.place.bucket)


def test_what_lies_in_an_archive_is_asked_for(bucket: Bucket) -> None:
    bucket.store.put("files/x", [b"deep"])
    bucket.shelves.ask_for("files/x", 3, "Bulk")  # it is in no archive: nothing to do
    bucket.shelves.move("files/x", 4, "DEEP_ARCHIVE")
    assert not bucket.shelves.look("files/x").readable
    with pytest.raises(NeedsOperator) as refused:
        bucket.store.get("files/x")
    assert refused.value.code == "piece_archived"
    assert "snapshot thaw" in str(refused.value.hint)
    assert bucket.place.bucket in str(refused.value.hint)
    bucket.shelves.ask_for("files/x", 3, "Bulk")
    bucket.shelves.ask_for("files/x", 3, "Bulk")
    assert bucket.shelves.look("files/x").readable
    assert bucket.store.get("files/x") == b"deep"


THEIRS: tuple[dict[str, Any], ...] = (
    {"Filter": {"Prefix": "logs/a&b <c>/"}, "Expiration": {"Days": 30}},
    {"Filter": {"Tag": {"Key": "a", "Value": "b"}}, "Transitions": [{"Days": 90, "StorageClass": "GLACIER"}]},
)


def test_rules_of_others_stay_byte_for_byte(bucket: Bucket) -> None:
    bucket.rules(*THEIRS)
    before = bucket.texts()
    move = rule_text("holdfast-r1-colder", "pre/fix/files/", moves_to(30, "GLACIER_IR"))
    parts = rule_text("holdfast-r1-parts", "pre/fix/", ends_parts(7))
    versions = rule_text("holdfast-r1-versions", "pre/fix/", ends_old_versions(30))
    bucket.shelves.put_rules([move, parts, versions], "holdfast-r1-")
    after = bucket.shelves.rules() or ()
    assert [rule.text for rule in after][:2] == before
    assert [rule.id for rule in after][2:] == ["holdfast-r1-colder", "holdfast-r1-parts", "holdfast-r1-versions"]
    assert [rule.expires for rule in after] == ["30", None, None, None, None]
    other = rule_text("holdfast-r2-colder", "pre/other/", moves_to(9, "STANDARD_IA"))
    bucket.shelves.put_rules([other], "holdfast-r2-")
    bucket.shelves.put_rules([], "holdfast-r1-")
    assert bucket.texts()[:2] == before
    assert [rule.id for rule in bucket.shelves.rules() or ()][2:] == ["holdfast-r2-colder"]


def test_the_last_rule_can_go(bucket: Bucket) -> None:
    bucket.shelves.put_rules([rule_text("holdfast-r1-colder", "", moves_to(30, "GLACIER_IR"))], "holdfast-r1-")
    bucket.shelves.put_rules([], "holdfast-r1-")
    assert bucket.shelves.rules() == ()


def test_a_rule_that_the_store_keeps_otherwise_is_taken_back(bucket: Bucket) -> None:
    """This server forgets the least size: documents would go into the archive beside their files."""
    bucket.rules(*THEIRS)
    before = bucket.texts()
    archive = rule_text("holdfast-r1-colder", "pre/fix/files/", moves_to(30, "GLACIER"), least=131_072)
    with pytest.raises(NeedsOperator) as refused:
        bucket.shelves.put_rules([archive], "holdfast-r1-")
    assert refused.value.code == "lifecycle_lost"
    assert bucket.texts() == before


def test_a_rule_that_deletes_is_never_written(bucket: Bucket) -> None:
    with pytest.raises(NeedsOperator) as refused:
        rule_text("holdfast-r1-x", "pre/fix/", "<Expiration><Days>9</Days></Expiration>")
    assert refused.value.code == "lifecycle_expiry"
    assert bucket.texts() == []


@pytest.mark.slow
def test_packs_that_only_old_snapshots_need_move_and_all_goes_on(bucket: Bucket, tmp_path: Any) -> None:
    """Shared packs, trees, index and the rest stay; stock restic reads all, snapshots dedup and gc goes on."""
    repo = Repository.create(bucket.store, PASSWORD)
    shared, old = RANDOM.randbytes(3_000_000), RANDOM.randbytes(3_000_000)
    first = snapshot(repo, BytesCapture({"a\"b'; --": shared}))
    only_old = {name for name, _ in bucket.store.list("data")}
    second = snapshot(repo, BytesCapture({"old ü": old}))
    only_old = {name for name, _ in bucket.store.list("data")} - only_old
    young = snapshot(repo, BytesCapture({"a\"b'; --": shared}))
    movable = colder.movable(repo, lambda info: info.id == young.id, Stop())
    assert movable
    assert movable < only_old, "the pack of its tree stays"
    assert colder.movable(repo, lambda _: True, Stop()) == frozenset()
    sizes = dict(bucket.store.list("data"))
    with repo.locks.reading():
        for name in movable:
            bucket.shelves.move(name, sizes[name], "GLACIER_IR")
    again = Repository.open(s3_store(bucket.place, KEY, RELAY), PASSWORD)
    assert again.check(read_data=True).errors == []
    assert read(again, second.id, "old ü") == old
    back = snapshot(again, BytesCapture({"old ü": old}))
    assert sum(size for _, size in bucket.store.list("data")) - sum(sizes.values()) < 100_000, (
        "it is found where it lies"
    )
    environ = {"AWS_ACCESS_KEY_ID": KEY.id, "AWS_SECRET_ACCESS_KEY": KEY.secret, "HOME": str(tmp_path)}
    stock(bucket.place.restic(), "check", "--read-data", password=PASSWORD, environ=environ)
    again.forget(first.id)
    assert collect(again).state == "marked"
    assert colder.movable(again, lambda info: info.id == back.id, Stop()) & movable == frozenset()


def test_nothing_moves_while_a_snapshot_cannot_be_read(bucket: Bucket) -> None:
    repo = Repository.create(bucket.store, PASSWORD)
    snapshot(repo, BytesCapture({"x": RANDOM.randbytes(200_000)}))
    for name, _ in [*bucket.store.list("data")]:
        bucket.store.delete(name)
    again = Repository.open(bucket.store, PASSWORD)
    with pytest.raises(Corrupt) as refused:
        colder.movable(again, lambda _: False, Stop())
    assert refused.value.code == "colder_refused"
