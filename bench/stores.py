"""First and unchanged snapshot and restore of a SQLite database in a bucket, beside stock restic on the same MinIO.

Reported, no bar. MinIO is a process of its own on this machine: HOLDFAST_TEST_MINIO names the program, `make
bench-stores` builds it. Plain http on loopback: of ours every byte also goes through the relay (decision 11).
"""

from __future__ import annotations

import argparse
import os
import secrets
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from ipaddress import ip_network
from pathlib import Path

import httpx

from bench.data import fill_sqlite
from bench.snapshot_sqlite import PASSWORD, _NoTools, measured
from holdfast.kernel.clock import SystemClock
from holdfast.kernel.outbound import OutboundPolicy
from holdfast.kernel.outbound_relay import Relay
from holdfast.vault.repository import Repository
from holdfast.vault.stores.breaker import Breaker, BreakingStore
from holdfast.vault.stores.retrying import RetryingStore
from holdfast.vault.stores.s3 import AccessKey, S3Place, s3_store
from holdfast.vault.stores.s3_signed import SignedQuestions

KEY = AccessKey("bench-owner", "bench-owner-secret")
POLICY = OutboundPolicy(frozenset({ip_network("127.0.0.0/8")}))


def store_at(place: S3Place) -> RetryingStore:
    """With everything around it that a repository has."""
    clock = SystemClock()
    return RetryingStore(BreakingStore(s3_store(place, KEY, Relay(POLICY)), Breaker(clock)), clock, 60.0)


def child(act: str, database: Path, place: S3Place, target: Path) -> None:
    """One measured act, in this process."""
    from holdfast.contract.snapshot import CaptureRequest, RestoreRequest
    from holdfast.contract.spec import Endpoint
    from holdfast.engines.sqlite import engine
    from holdfast.kernel.malloc import keep_big_buffers
    from holdfast.kernel.stop import Stop
    from holdfast.vault.pipeline import write_snapshot

    keep_big_buffers()
    tools = _NoTools(target.parent)
    store = store_at(place)
    if act == "init":
        Repository.create(store, PASSWORD)
    elif act == "backup":
        repo = Repository.open(store, PASSWORD)
        session = engine.connect(Endpoint(path=database), tools)
        with session.capture(None, CaptureRequest(), Stop()) as capture:
            write_snapshot(repo, capture, hostname="bench", paths=[str(database)])
    else:
        repo = Repository.open(store, PASSWORD)
        session = engine.connect(Endpoint(path=target), tools)
        with repo.source(repo.snapshots()[-1].id) as source:
            session.restore(source, RestoreRequest(), Stop())


@contextmanager
def minio(root: Path) -> Iterator[str]:
    program = os.environ.get("HOLDFAST_TEST_MINIO")
    if not program:
        raise SystemExit("HOLDFAST_TEST_MINIO names no MinIO: use `make bench-stores`")
    address = f"127.0.0.1:{20000 + secrets.randbelow(20000)}"
    argv = [program, "server", "--quiet", "--address", address, "--console-address", "127.0.0.1:0", str(root)]
    environ = {"MINIO_ROOT_USER": KEY.id, "MINIO_ROOT_PASSWORD": KEY.secret, "HOME": str(root), "MINIO_BROWSER": "off"}
    process = subprocess.Popen(argv, env=environ, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        for _ in range(100):
            time.sleep(0.1)
            try:
                if httpx.get(f"http://{address}/minio/health/ready").status_code == 200:
                    break
            except httpx.TransportError:
                continue
        yield f"http://{address}"
    finally:
        process.terminate()
        process.wait(20)


def make_bucket(endpoint: str) -> str:
    name = f"bench-{secrets.token_hex(4)}"
    place = S3Place(endpoint, name, allow_http=True)
    questions = SignedQuestions(place, KEY, POLICY, SystemClock())
    answer = questions.make_bucket()
    if answer.status != 200:
        raise RuntimeError(f"no bucket: {answer.status} {answer.code}")
    return name


def one_round(endpoint: str, database: Path, work: Path) -> dict[str, float]:
    """Ours, then restic's, in buckets of their own."""
    found: dict[str, float] = {}
    place = S3Place(endpoint, make_bucket(endpoint), allow_http=True)
    target = work / "restored.db"
    ours = [sys.executable, "-m", "bench.stores", "--endpoint", endpoint, "--bucket", place.bucket]
    ours += ["--database", str(database), "--target", str(target)]
    measured([*ours, "--act", "init"])
    for name, act in (("first", "backup"), ("again", "backup"), ("restore", "restore")):
        found[f"ours {name}"], found[f"ours {name} memory"] = measured([*ours, "--act", act])
    target.unlink()
    environ = {"RESTIC_PASSWORD": PASSWORD, "AWS_ACCESS_KEY_ID": KEY.id, "AWS_SECRET_ACCESS_KEY": KEY.secret}
    where = S3Place(endpoint, make_bucket(endpoint), allow_http=True).restic()
    restic = ["restic", "-q", "--no-cache", "-r", where]
    measured([*restic, "init"], environ)
    out = work / "out"
    for name, arguments in (
        ("first", ["backup", str(database)]),
        ("again", ["backup", "--force", str(database)]),
        ("restore", ["restore", "latest", "--target", str(out)]),
    ):
        found[f"restic {name}"], found[f"restic {name} memory"] = measured([*restic, *arguments], environ)
    subprocess.run(["rm", "-rf", str(out)], check=True)
    return found


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--megabytes", type=int, default=256)
    parser.add_argument("--rounds", type=int, default=1)
    for name in ("act", "endpoint", "bucket", "database", "target"):
        parser.add_argument(f"--{name}")
    given = parser.parse_args()
    if given.act:
        place = S3Place(given.endpoint, given.bucket, allow_http=True)
        child(given.act, Path(given.database), place, Path(given.target))
        return 0
    with tempfile.TemporaryDirectory(prefix="hf-bench-") as root:
        work = Path(root)
        database = work / "data.db"
        fill_sqlite(database, given.megabytes << 20)
        with minio(work / "minio") as endpoint:
            rounds = [one_round(endpoint, database, work) for _ in range(given.rounds)]
    size = given.megabytes
    for name in ("first", "again", "restore"):
        mine = statistics.median(each[f"ours {name}"] for each in rounds)
        theirs = statistics.median(each[f"restic {name}"] for each in rounds)
        memory = max(each[f"ours {name} memory"] for each in rounds)
        print(
            f"{name:8} {size} MB: ours {mine:.2f} s ({size / mine:.0f} MB/s, {int(memory) >> 20} MB of memory), "
            f"restic {theirs:.2f} s ({size / theirs:.0f} MB/s): {theirs / mine:.2f}x"
        )
    return 0


if __name__ == "__main__":
    sys.exit(main())
