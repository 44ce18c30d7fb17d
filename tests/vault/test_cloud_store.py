"""A store in a bucket: the shared suite on a real server, its pages, its conditions, and stock restic as the judge."""

from __future__ import annotations

import random
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from kit import PASSWORD, BytesCapture, read, snapshot
from s3_server import KEY, RELAY, Server, moto
from stock_restic import stock

from holdfast.kernel.clock import SystemClock
from holdfast.kernel.errors import Conflict, Invalid
from holdfast.vault.repository import Repository
from holdfast.vault.stores.ambient import forget_ambient
from holdfast.vault.stores.cloud import PART_BYTES
from holdfast.vault.stores.conformance import CASES, Case
from holdfast.vault.stores.retrying import RetryingStore
from holdfast.vault.stores.s3 import S3Place, s3_store

RANDOM = random.Random(11)


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with moto() as running:
        yield running


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.__name__)
def test_a_bucket_keeps_the_promises_of_a_store(case: Case, server: Server) -> None:
    case(RetryingStore(server.store(), SystemClock(), 30))  # moto answers 500 to two puts of one name


@pytest.mark.slow
def test_a_listing_goes_on_behind_the_first_page(server: Server) -> None:
    store = server.store()
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda n: store.put(f"data/{n % 3}/{n:05d}", [b"x" * (n % 5)]), range(1105)))
    listed = dict(store.list("data"))
    assert len(listed) == 1105
    assert listed["data/1/00004"] == 4


def test_a_prefix_keeps_to_itself(server: Server) -> None:
    place = server.place(prefix="")
    top, inner = s3_store(place, KEY, RELAY), s3_store(S3Place(**{**vars(place), "prefix": "one"}), KEY, RELAY)
    top.put("one-more/x", [b"1"])
    inner.put("data/x", [b"2"])
    assert list(inner.list("data")) == [("data/x", 1)]
    assert top.get("one/data/x") == b"2"
    assert not inner.exists("one-more/x")


def test_only_one_of_many_creators_wins(server: Server) -> None:
    store = server.store()
    assert store.conditional()

    def create(number: int) -> bool:
        try:
            store.create("config", [b"%d" % number])
        except Conflict as error:
            return error.code != "piece_exists"
        return True

    with ThreadPoolExecutor(8) as pool:
        won = [number for number, made in enumerate(pool.map(create, range(24))) if made]
    assert [b"%d" % number for number in won] == [store.get("config")]
    assert list(store.list("tmp")) == []


def test_a_file_larger_than_a_part_goes_up_in_parts(server: Server, tmp_path: Path) -> None:
    path, data = tmp_path / "big", RANDOM.randbytes(2 * PART_BYTES + 77)
    path.write_bytes(data)
    place = server.place()
    store = s3_store(place, KEY, RELAY)
    store.put_file("data/aa/big", path)
    assert store.get("data/aa/big") == data
    assert store.get("data/aa/big", PART_BYTES - 3, 6) == data[PART_BYTES - 3 : PART_BYTES + 3]
    tag = server.client().head_object(Bucket=place.bucket, Key="pre/fix/data/aa/big")["ETag"]
    assert tag.strip('"').endswith("-3")


def test_the_environments_endpoint_does_not_count(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    place = server.place()
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "other")
    store = s3_store(place, KEY, RELAY)
    store.put("config", [b"x"])
    assert store.get("config") == b"x"


@pytest.mark.parametrize(
    "endpoint", ["ftp://h", "https://", "h:9000", "https://user:pw@h", "https://h/?a=b", "http://h"]
)
def test_what_is_no_endpoint_is_refused(endpoint: str) -> None:
    with pytest.raises(Invalid) as refused:
        S3Place(endpoint, "bucket")
    assert "pw" not in str(refused.value)


def test_the_bucket_is_in_the_host_when_asked() -> None:
    place = S3Place("https://s3.example:444/", "shop", "a/b", path_style=False)
    assert place.url == "https://shop.s3.example:444"
    assert place.restic() == "s3:https://s3.example:444/shop/a/b"


def restic(place: S3Place, *arguments: str, target: Path) -> str:
    environ = {"AWS_ACCESS_KEY_ID": KEY.id, "AWS_SECRET_ACCESS_KEY": KEY.secret, "HOME": str(target)}
    return stock(place.restic(), *arguments, password=PASSWORD, environ=environ).stdout


@pytest.mark.slow
def test_restic_reads_and_checks_what_we_wrote_into_a_bucket(server: Server, tmp_path: Path) -> None:
    place = server.place()
    repo = Repository.create(s3_store(place, KEY, RELAY), PASSWORD)
    with pytest.raises(Conflict):
        Repository.create(s3_store(place, KEY, RELAY), PASSWORD)
    files = {"deep/er/data": RANDOM.randbytes(9_000_000), "text": b"all the same " * 200_000, "none": b""}
    written = snapshot(repo, BytesCapture(files))

    again = Repository.open(s3_store(place, KEY, RELAY), PASSWORD)
    assert again.check(read_data=True).errors == []
    for name, data in files.items():
        assert read(again, written.id, name) == data
    restic(place, "check", "--read-data", target=tmp_path)
    restic(place, "restore", written.id, "--target", str(tmp_path / "out"), target=tmp_path)
    assert (tmp_path / "out" / "deep/er/data").read_bytes() == files["deep/er/data"]
    restic(place, "forget", written.id, "--prune", target=tmp_path)
    assert Repository.open(s3_store(place, KEY, RELAY), PASSWORD).snapshots() == []


def test_nothing_of_the_environment_counts(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever a machine's own cloud settings are: signed with our key, at our endpoint, as it was written."""
    hostile = {
        "AWS_ENDPOINT_URL": "http://127.0.0.1:9",
        "AWS_ENDPOINT_URL_S3": "http://127.0.0.1:9",
        "AWS_ACCESS_KEY_ID": "AKIAAMBIENT",
        "AWS_SKIP_SIGNATURE": "true",
        "AWS_PROXY_URL": "http://127.0.0.1:9",
        "AWS_PROXY_EXCLUDES": "*",
        "AWS_ALLOW_INVALID_CERTIFICATES": "true",
        "HTTP_PROXY": "http://127.0.0.1:9",
        "NO_PROXY": "*",
        "AWS_S3_EXPRESS": "true",
        "AWS_REQUEST_PAYER": "requester",
        "AWS_VIRTUAL_HOSTED_STYLE_REQUEST": "true",
    }
    for name, value in hostile.items():
        monkeypatch.setenv(name, value)
    place = server.place()
    store = s3_store(place, KEY, RELAY)
    store.put("config", [b"x"])
    assert store.get("config") == b"x"
    assert server.client().get_object(Bucket=place.bucket, Key="pre/fix/config")["Body"].read() == b"x"


def test_a_process_forgets_its_cloud_settings() -> None:
    environ = {"AWS_SKIP_SIGNATURE": "1", "aws_session_token": "x", "GOOGLE_BUCKET": "x", "PATH": "/bin", "HOME": "/"}
    forget_ambient(environ)
    assert environ == {"PATH": "/bin", "HOME": "/"}
