"""Pieces under S3's Object Lock: what goes over the line, what a server that enforces it does, collections there."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

import botocore.exceptions
import pytest
from kit import PASSWORD, BytesCapture, read, snapshot
from s3_server import KEY, RELAY, Server, moto
from stock_restic import stock

from holdfast.kernel.clock import ManualClock, SystemClock
from holdfast.kernel.errors import Conflict, Denied, HoldfastError, Invalid, NeedsOperator, Retryable
from holdfast.vault.gc import GcOptions, collect
from holdfast.vault.gc_locks import NOTE
from holdfast.vault.repository import Repository
from holdfast.vault.stores.append_only import AppendOnlyStore
from holdfast.vault.stores.breaker import Breaker, BreakingStore
from holdfast.vault.stores.locking import ObjectLock, is_locked, locking
from holdfast.vault.stores.retrying import RetryingStore
from holdfast.vault.stores.s3 import S3Place, s3_store
from holdfast.vault.stores.s3_locked import LockedS3Store

RANDOM = random.Random(11)
LOCKED = ("data/ab/cd", "index/x", "snapshots/x", "keys/x", "config")
FREE = ("locks/x", "tmp/x", "stream/gc/x", "claims/x")


def lock_of(place: S3Place, clock: Any = None) -> LockedS3Store:
    assert place.lock is not None
    return LockedS3Store(s3_store(place, KEY, RELAY), place, KEY, RELAY.policy, clock or SystemClock(), place.lock)


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with moto() as running:
        yield running


@pytest.fixture
def place(server: Server) -> S3Place:
    """In a bucket that was made with Object Lock, as it has to be."""
    made = server.place(prefix="pre/fix")
    server.client().create_bucket(Bucket=f"{made.bucket}-l", ObjectLockEnabledForBucket=True)
    return replace(made, bucket=f"{made.bucket}-l", object_lock="compliance", object_lock_days=30)


class Heard:
    """A server that writes down what it is sent, and answers as it is told."""

    def __init__(self) -> None:
        self.requests: list[tuple[str, str, dict[str, str], bytes]] = []
        self.answer: tuple[int, bytes] = (200, b"")
        heard = self

        class Handler(BaseHTTPRequestHandler):
            def do_PUT(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                heard.requests.append((self.command, self.path, dict(self.headers), body))
                status, content = heard.answer
                self.send_response(status)
                self.send_header("ETag", '"x"')
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            do_GET = do_DELETE = do_HEAD = do_PUT  # noqa: N815

            def log_message(self, *_: object) -> None:
                return None

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        Thread(target=self.server.serve_forever, daemon=True).start()

    def place(self) -> S3Place:
        url = f"http://127.0.0.1:{self.server.server_port}"
        return S3Place(url, "bucket", "p", allow_http=True, object_lock="governance", object_lock_days=20)


@pytest.fixture
def heard() -> Iterator[Heard]:
    made = Heard()
    yield made
    made.server.shutdown()
    made.server.server_close()


def test_the_headers_on_the_line(heard: Heard) -> None:
    """Every piece but locks, marks and probes carries a signed lock; the last ones carry none."""
    store = lock_of(heard.place(), ManualClock(datetime(2026, 1, 31, 12, tzinfo=UTC)))
    for name in (*LOCKED, *FREE):
        store.put(name, [b"some ", b"bytes"])
    for (method, path, headers, body), name in zip(heard.requests, (*LOCKED, *FREE), strict=True):
        assert (method, path, body) == ("PUT", f"/bucket/p/{name}", b"some bytes")
        sent = {key.lower(): value for key, value in headers.items()}
        locks = {key: value for key, value in sent.items() if key.startswith("x-amz-object-lock")}
        if name in FREE:
            assert locks == {}, name
            continue
        assert locks == {
            "x-amz-object-lock-mode": "GOVERNANCE",
            "x-amz-object-lock-retain-until-date": "2026-02-20T12:00:00Z",
        }
        signed = sent["authorization"].partition("SignedHeaders=")[2].partition(",")[0].split(";")
        assert {*locks, "content-md5"} <= set(signed), "S3 refuses such headers when they are not signed"
        assert sent["x-amz-content-sha256"] == hashlib.sha256(body).hexdigest()
    assert [is_locked(name) for name in (*LOCKED, *FREE)] == [True] * len(LOCKED) + [False] * len(FREE)


@pytest.mark.parametrize(
    ("status", "code", "kind", "said"),
    [
        (403, "AccessDenied", Denied, "s3:PutObjectRetention"),
        (400, "InvalidRequest", NeedsOperator, "Object Lock must be turned on"),
        (503, "SlowDown", Retryable, "tried again"),
        (404, "NoSuchBucket", NeedsOperator, "create the bucket"),
        (418, "Odd", HoldfastError, ""),
    ],
)
def test_a_refused_lock_is_an_error(heard: Heard, status: int, code: str, kind: type[HoldfastError], said: str) -> None:
    """Never a piece without its lock instead; nothing of what the server wrote is repeated."""
    heard.answer = (status, f"<Error><Code>{code}</Code><Message>{KEY.id} it is</Message></Error>".encode())
    with pytest.raises(kind) as caught:
        lock_of(heard.place()).put("config", [b"x"])
    assert said in str(caught.value.hint)
    assert KEY.id not in str(caught.value.as_dict())
    assert len(heard.requests) == 1


def test_a_server_that_enforces_it(server: Server, place: S3Place) -> None:
    """Versions under a lock are not deleted, not even by the owner; locks/ are; a name is taken once."""
    store, client = lock_of(place), server.client()
    for name in (*LOCKED, *FREE):
        store.put(name, [b"content"])
        assert store.get(name) == b"content"
    with pytest.raises(Conflict):
        store.create("config", [b"other"])
    assert store.get("config") == b"content"
    versions = client.list_object_versions(Bucket=place.bucket)["Versions"]
    for each in versions:
        name = each["Key"].removeprefix("pre/fix/")
        asked = {"Bucket": place.bucket, "Key": each["Key"], "VersionId": each["VersionId"]}
        if name in LOCKED:
            with pytest.raises(botocore.exceptions.ClientError, match="AccessDenied"):
                client.delete_object(**asked)
            until = client.head_object(Bucket=place.bucket, Key=each["Key"])
            assert until["ObjectLockMode"] == "COMPLIANCE"
            assert timedelta(days=29) < until["ObjectLockRetainUntilDate"] - datetime.now(UTC) < timedelta(days=31)
        else:
            client.delete_object(**asked)
    assert {name for name in LOCKED if store.locked_until(name)} == set(LOCKED)
    later = ManualClock(datetime.now(UTC) + timedelta(days=10))
    lock_of(place, later).lock_again("config")
    longer = store.locked_until("config")
    assert longer is not None
    assert longer - datetime.now(UTC) > timedelta(days=39)
    assert lock_of(place, ManualClock(longer + timedelta(days=1))).locked_until("config") is None


def test_a_bucket_without_it_takes_nothing(server: Server) -> None:
    bare = replace(server.place(), object_lock="governance", object_lock_days=14)
    with pytest.raises(NeedsOperator) as caught:
        lock_of(bare).put("config", [b"x"])
    assert caught.value.code == "object_lock_off"


def test_wrappers_hand_it_on(place: S3Place) -> None:
    store = lock_of(place)
    wrapped = RetryingStore(BreakingStore(store, Breaker(SystemClock())), SystemClock(), 1.0)
    assert locking(wrapped) is not None
    assert wrapped.object_lock == ObjectLock("compliance", 30)
    wrapped.put("config", [b"x"])
    assert wrapped.locked_until("config") is not None
    plain = RetryingStore(s3_store(place, KEY, RELAY), SystemClock(), 1.0)
    assert locking(plain) is None
    assert locking(AppendOnlyStore(plain, "")) is None


@pytest.mark.parametrize(
    "more",
    [
        {"object_lock": "governance"},
        {"object_lock_days": 30},
        {"object_lock": "legal", "object_lock_days": 30},
        {"object_lock": "governance", "object_lock_days": 13},
        {"object_lock": "governance", "object_lock_days": 36_501},
    ],
)
def test_half_a_lock_is_refused(more: dict[str, Any]) -> None:
    with pytest.raises(Invalid, match=r"lock|days|from|governance"):
        S3Place("https://h", "bucket", **more)


@pytest.mark.slow
def test_a_collection_waits_for_locks_and_renews_them(server: Server, place: S3Place, tmp_path: Any) -> None:
    """Nothing of it is an error; after the locks' end it is freed; what is needed never runs out; restic agrees."""
    clock = ManualClock(datetime.now(UTC))
    store = RetryingStore(lock_of(place, clock), clock, 1.0)
    repo = Repository.create(store, PASSWORD, clock)
    gone = snapshot(repo, BytesCapture({"x": RANDOM.randbytes(3_000_000)}))
    kept = snapshot(repo, BytesCapture({"y": RANDOM.randbytes(3_000_000)}))
    repo.store.delete(f"snapshots/{gone.id}")
    packs = {name for name, _ in store.list("data")}
    options = GcOptions(grace=timedelta(hours=1), wait=0.0)
    marked = collect(repo, options)
    assert (marked.state, marked.free_bytes > 2_900_000) == ("marked", True)
    assert marked.locks_renewed > 0, "the first time all is locked anew"
    clock.advance(7200)
    held = collect(repo, options)
    assert (held.state, held.packs_deleted, held.freed_bytes) == ("freed", 0, 0)
    assert held.locked_bytes > 2_900_000
    assert held.locked_until is not None
    assert "lock" in str(held.reason)
    assert {name for name, _ in store.list("data")} == packs, "nothing was touched"

    for _ in range(5):  # week by week, long past the first locks
        clock.advance(8 * 86_400)
        report = collect(repo, options)
        if report.state == "marked":
            clock.advance(7200)
            report = collect(repo, options)
        needed = [name for name, _ in store.list("snapshots")] + ["config"]
        needed += [name for kind in ("index", "keys") for name, _ in store.list(kind)]
        assert all(store.locked_until(name) for name in needed)
    left = {name for name, _ in store.list("data")}
    assert left < packs
    assert all(store.locked_until(name) for name in left)
    assert read(repo, kept.id, "y")
    assert store.exists(NOTE)
    environ = {"AWS_ACCESS_KEY_ID": KEY.id, "AWS_SECRET_ACCESS_KEY": KEY.secret, "HOME": str(tmp_path)}
    stock(place.restic(), "check", "--read-data", password=PASSWORD, environ=environ)
    assert list(store.list("locks")) == []
