"""The store suite, the credential test and a journey on MinIO, where policies are enforced."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import botocore.exceptions
import pytest
from minio_server import ROOT_SECRET, ROOT_USER, MinIO
from s3_server import RELAY
from stock_restic import stock
from world import OWNER, world

from holdfast.features.backups.care_service import CheckWish
from holdfast.features.backups.kinds import ACCESS_KEY, SECRET
from holdfast.features.backups.repository_service import CloudWish, RepositoryWish
from holdfast.kernel.clock import SystemClock
from holdfast.kernel.errors import Conflict, Denied, NeedsOperator
from holdfast.vault.stores.conformance import CASES, Case
from holdfast.vault.stores.findings import Report
from holdfast.vault.stores.s3 import AccessKey, S3Place, s3_store
from holdfast.vault.stores.s3_locked import LockedS3Store
from holdfast.vault.stores.s3_probe import probe_s3
from holdfast.vault.stores.s3_signed import SignedQuestions

ROOT = AccessKey(ROOT_USER, ROOT_SECRET)
OWN = ["s3:GetObject", "s3:PutObject", "s3:DeleteObject"]


def policy(bucket: str, actions: list[str], *, listing: bool = True, versioning: bool = True) -> str:
    """As docs/how-to/repositories.md gives it."""
    statements: list[dict[str, Any]] = [
        {"Effect": "Allow", "Action": actions, "Resource": f"arn:aws:s3:::{bucket}/shop/production/*"}
    ]
    of_bucket = f"arn:aws:s3:::{bucket}"
    if listing:
        condition = {"StringLike": {"s3:prefix": "shop/production/*"}}
        statements.append({"Effect": "Allow", "Action": "s3:ListBucket", "Resource": of_bucket, "Condition": condition})
    if versioning:
        statements.append({"Effect": "Allow", "Action": "s3:GetBucketVersioning", "Resource": of_bucket})
    return json.dumps({"Version": "2012-10-17", "Statement": statements})


def probed(place: S3Place, key: AccessKey) -> Report:
    questions = SignedQuestions(place, key, RELAY.policy, SystemClock())
    try:
        return probe_s3(place, s3_store(place, key, RELAY), questions)
    finally:
        questions.close()


def results(report: Report) -> dict[str, str]:
    return {finding.check: finding.result for finding in report.findings}


def place_in(minio: MinIO, bucket: str, prefix: str = "shop/production") -> S3Place:
    return S3Place(minio.endpoint, bucket, prefix, allow_http=True)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.__name__)
def test_minio_keeps_the_promises_of_a_store(case: Case, minio: MinIO) -> None:
    case(s3_store(place_in(minio, minio.bucket()), ROOT, RELAY))


def test_the_owners_key_can_do_too_much(minio: MinIO) -> None:
    bucket = minio.bucket()
    found = results(probed(place_in(minio, bucket), ROOT))
    needed = {"list", "write", "read", "conditional_write", "delete"}
    assert {found[check] for check in needed} == {"ok"}
    excess = {"list_buckets", "list_outside", "write_outside", "bucket_policy"}
    assert {found[check] for check in excess} == {"excess"}
    assert found["versioning"] == "note"
    assert "Contents" not in minio.client().list_objects_v2(Bucket=bucket), "the test left something"


def test_the_documented_policy_is_neither_too_little_nor_too_much(minio: MinIO) -> None:
    bucket = minio.bucket()
    minio.client().put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    report = probed(place_in(minio, bucket), AccessKey(*minio.limited(policy(bucket, OWN))))
    found = results(report)
    assert report.ok
    assert {result for check, result in found.items() if check != "object_lock"} == {"ok"}, report
    assert found["object_lock"] in ("ok", "unknown")


@pytest.mark.parametrize("lacking", OWN)
def test_what_is_missing_is_named(minio: MinIO, lacking: str) -> None:
    bucket = minio.bucket()
    given = [action for action in OWN if action != lacking]
    report = probed(place_in(minio, bucket), AccessKey(*minio.limited(policy(bucket, given, versioning=False))))
    assert not report.ok
    check = {"s3:GetObject": "read", "s3:PutObject": "write", "s3:DeleteObject": "delete"}[lacking]
    finding = next(each for each in report.findings if each.check == check)
    assert finding.result == "missing"
    assert lacking in (finding.hint or "")
    assert results(report)["versioning"] == "unknown"


def test_a_key_that_may_not_list(minio: MinIO) -> None:
    bucket = minio.bucket()
    report = probed(place_in(minio, bucket), AccessKey(*minio.limited(policy(bucket, OWN, listing=False))))
    assert results(report)["list"] == "missing"


def test_a_wrong_secret_and_a_missing_bucket_say_so(minio: MinIO) -> None:
    bucket = minio.bucket()
    with pytest.raises(Denied) as denied:
        probed(place_in(minio, bucket), AccessKey(ROOT_USER, "not the secret"))
    assert denied.value.code == "store_credentials"
    with pytest.raises(NeedsOperator) as missing:
        probed(place_in(minio, "no-such-bucket"), ROOT)
    assert missing.value.code == "bucket_missing"


def test_a_bucket_that_locks_its_objects_is_noted(minio: MinIO) -> None:
    bucket = minio.bucket(ObjectLockEnabledForBucket=True)
    rule = {"DefaultRetention": {"Mode": "GOVERNANCE", "Days": 1}}
    minio.client().put_object_lock_configuration(
        Bucket=bucket, ObjectLockConfiguration={"ObjectLockEnabled": "Enabled", "Rule": rule}
    )
    assert results(probed(place_in(minio, bucket), ROOT))["object_lock"] == "note"


def test_a_journey_on_minio(minio: MinIO, tmp_path: Path) -> None:
    bucket = minio.bucket()
    with world(outbound_allow=("127.0.0.0/8",)) as here:
        fields = {"endpoint": minio.endpoint, "bucket": bucket, "allow_http": True}
        wish = CloudWish("s3", fields, {ACCESS_KEY: ROOT_USER, SECRET: ROOT_SECRET})
        repository = here.services.repositories.create(OWNER, RepositoryWish(here.project.id, "vault", cloud=wish))
        database = here.create("sqlite", "shop")
        here.write(database.id, "create table t (a int)", "insert into t values (1), (2)")
        taken = here.snapshot(database.id, repository_id=repository.id, level=3)
        assert taken.verified_level == 3
        password, path, _ = here.services.repositories.key(OWNER, repository.id)
        _, run = here.services.care.check(OWNER, repository.id, CheckWish(read_data=True))
        here.succeeded(run)
    environ = {"AWS_ACCESS_KEY_ID": ROOT_USER, "AWS_SECRET_ACCESS_KEY": ROOT_SECRET, "HOME": str(tmp_path)}
    stock(path, "check", "--read-data", password=password, environ=environ)


@pytest.mark.parametrize("mode", ["governance", "compliance"])
def test_object_locks_on_minio(minio: MinIO, mode: str) -> None:
    """The headers are taken, versions stay, locks go, a lock is made longer, a name is taken once."""
    bucket = minio.bucket(ObjectLockEnabledForBucket=True)
    place = replace(place_in(minio, bucket), object_lock=mode, object_lock_days=14)
    assert results(probed(place, ROOT))["object_lock"] == "ok"
    assert place.lock is not None
    store = LockedS3Store(s3_store(place, ROOT, RELAY), place, ROOT, RELAY.policy, SystemClock(), place.lock)
    for name in ("data/ab/cd", "index/x", "snapshots/x", "keys/x", "config", "locks/x"):
        store.put(name, [b"content"])
    with pytest.raises(Conflict):
        store.create("config", [b"other"])
    client = minio.client()
    for each in client.list_object_versions(Bucket=bucket)["Versions"]:
        asked = {"Bucket": bucket, "Key": each["Key"], "VersionId": each["VersionId"]}
        if "/locks/" in each["Key"] or "/tmp/" in each["Key"]:
            client.delete_object(**asked)
            continue
        with pytest.raises(botocore.exceptions.ClientError):
            client.delete_object(**asked)
    first = store.locked_until("config")
    longer = replace(place, object_lock_days=20)
    assert longer.lock is not None
    LockedS3Store(s3_store(longer, ROOT, RELAY), longer, ROOT, RELAY.policy, SystemClock(), longer.lock).lock_again(
        "config"
    )
    second = store.locked_until("config")
    assert first is not None
    assert second is not None
    assert second > first
    store.delete("snapshots/x")
    assert not store.exists("snapshots/x")
    without = replace(place, bucket=minio.bucket())
    bare = LockedS3Store(s3_store(without, ROOT, RELAY), without, ROOT, RELAY.policy, SystemClock(), place.lock)
    with pytest.raises(NeedsOperator) as caught:
        bare.put("config", [b"x"])
    assert caught.value.code == "object_lock_off"
    assert results(probed(without, ROOT))["object_lock"] == "missing"
