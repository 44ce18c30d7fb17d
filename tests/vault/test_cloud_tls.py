"""A store behind TLS with an authority of its own: reached when the authority is given, else a plain reason."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from certificates import Authority, Pair
from s3_server import KEY, RELAY, Server, moto
from tls_front import tls_front

from holdfast.kernel.clock import SystemClock
from holdfast.kernel.errors import HoldfastError, Invalid, NeedsOperator
from holdfast.vault.stores.s3 import S3Place, s3_store
from holdfast.vault.stores.s3_probe import probe_s3
from holdfast.vault.stores.s3_signed import SignedQuestions

OURS, OTHERS = Authority("ours"), Authority("others")
HERE = "127.0.0.1"


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with moto() as running:
        yield running


def test_a_private_authority_is_enough(server: Server) -> None:
    with tls_front(server.endpoint, OURS.sign("minio", host=HERE)) as endpoint:
        place = S3Place(endpoint, server.bucket(), "pre/fix", ca=OTHERS.pem + OURS.pem)
        store = s3_store(place, KEY, RELAY)
        questions = SignedQuestions(place, KEY, RELAY.policy, SystemClock())
        try:
            assert probe_s3(place, store, questions).ok
        finally:
            questions.close()
        store.put("data/aa/one", [bytes(3_000_000)])
        assert store.get("data/aa/one", 2_999_999, 9) == b"\0"
        assert list(store.list("data")) == [("data/aa/one", 3_000_000)]


@pytest.mark.parametrize(
    ("pair", "ca", "said"),
    [
        (OURS.sign("minio", host=HERE), OTHERS.pem, "nobody we trust signed"),
        (OURS.sign("minio", host=HERE), None, "nobody we trust signed"),
        (OURS.sign("minio", host="other.test"), OURS.pem, "is for another name"),
        (OURS.sign("minio", host=HERE, days=-1), OURS.pem, "not valid at this time"),
    ],
    ids=["another-authority", "no-authority", "another-name", "expired"],
)
def test_what_is_wrong_with_a_certificate_is_said(server: Server, pair: Pair, ca: str | None, said: str) -> None:
    bucket = server.bucket()
    with tls_front(server.endpoint, pair) as endpoint:
        store = s3_store(S3Place(endpoint, bucket, ca=ca), KEY, RELAY)
        for act in (lambda: store.put("config", [b"x"]), lambda: list(store.list("data"))):
            with pytest.raises(NeedsOperator, match=said) as raised:
                act()
            assert raised.value.code == "store_certificate"
            assert raised.value.hint
    assert "Contents" not in server.client().list_objects_v2(Bucket=bucket), "a request was sent all the same"


def test_a_store_without_tls_is_said(server: Server) -> None:
    with pytest.raises(HoldfastError, match="does not speak TLS") as raised:
        s3_store(S3Place(server.endpoint.replace("http:", "https:"), server.bucket()), KEY, RELAY).get("config")
    assert raised.value.code == "store_certificate"


@pytest.mark.parametrize("ca", ["", "no certificate", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----"])
def test_what_is_no_authority_is_refused_before_anything_is_sent(ca: str) -> None:
    with pytest.raises(Invalid, match="PEM"):
        S3Place("https://h", "bucket", ca=ca)
