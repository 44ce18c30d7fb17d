"""TLS to a server that is not ours: what each mode proves, and why a connection did not come about."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from certificates import Authority
from foreign_pg import ForeignSubject
from foreign_world import registered, target
from pg_server import Cluster
from pg_tls_front import tls_front
from world import OWNER, World

from holdfast.features.databases.external_target import Target

HOST = "127.0.0.1"


@pytest.fixture(scope="module")
def authority() -> Authority:
    return Authority()


def tried(here: World, wish: Target, engine: str = "postgresql") -> dict[str, Any]:
    """The error of a test, or the report."""
    found = here.services.externals.test(OWNER, here.environment.id, engine, wish)
    return dict(found.error or found.report or {})


def code(here: World, wish: Target) -> str:
    found = tried(here, wish)
    return str(found.get("code", "reached"))


def test_verified_end_to_end(here: World, foreign18: Cluster, authority: Authority) -> None:
    """verify-full with an own CA: queried by the driver, and backed up by tools that have no TLS of their own."""
    with (
        ForeignSubject(foreign18).fresh() as place,
        tls_front(foreign18.endpoint.port or 0, authority.sign("db", host=HOST)) as front,
    ):
        wish = target(foreign18, place.endpoint.database or "", port=front.port, tls=None, ca=authority.pem)
        resource = registered(here, "encrypted", wish)
        assert (resource.endpoint or {})["tls"] == "verify-full"
        here.write(resource.id, "CREATE TABLE t (id integer)", "INSERT INTO t SELECT generate_series(1, 50000)")
        assert here.rows(resource.id, "SELECT count(*) FROM t") == [(50000,)]
        snapshot = here.snapshot(resource.id, level=1)
        assert (snapshot.state, snapshot.verification) == ("ready", "green")
        assert front.served > 4, "the tools went through the same encrypted line"
        assert "sslmode=verify-full" in here.services.databases.masked_url(OWNER, resource.id, "owner")
    left = list((here.settings.runtime / "tls").glob("*")) if (here.settings.runtime / "tls").exists() else []
    assert left == []


def test_each_reason(here: World, foreign18: Cluster, authority: Authority) -> None:
    """Wrong CA, wrong name, expired, no TLS at all: each is told apart, and each mode asks for no more than it says."""
    port = foreign18.endpoint.port or 0
    other = Authority("somebody else")

    def wish(port: int, **more: Any) -> Target:
        return target(foreign18, "postgres", port=port, **more)

    with tls_front(port, authority.sign("db", host=HOST)) as front:
        good = {"tls": "verify-full", "ca": authority.pem}
        assert code(here, wish(front.port, **good)) == "reached"
        assert code(here, wish(front.port, tls="verify-full", ca=other.pem)) == "tls_untrusted"
        assert code(here, wish(front.port, tls="verify-full")) == "tls_untrusted", "no CA given: the machine's own"
        assert code(here, wish(front.port, tls="verify-ca", ca=other.pem)) == "tls_untrusted"
        unproven = tried(here, wish(front.port, tls="require"))
        assert any("not verified" in text for text in unproven["warnings"])
    with tls_front(port, authority.sign("db", host="db.example.org")) as front:
        assert code(here, wish(front.port, **good)) == "tls_name_mismatch"
        assert code(here, wish(front.port, tls="verify-ca", ca=authority.pem)) == "reached"
    with tls_front(port, authority.sign("db", host=HOST, days=-1)) as front:
        assert code(here, wish(front.port, **good)) == "tls_expired"
        assert code(here, wish(front.port, tls="verify-ca", ca=authority.pem)) == "tls_expired"
    assert code(here, wish(port, **good)) == "tls_unsupported"
    plain = tried(here, wish(port))
    assert any("Nothing is encrypted" in text for text in plain["warnings"])


def test_client_certificate(here: World, foreign18: Cluster, authority: Authority) -> None:
    """Asked for and missing, given and wrong, given and right; the key is in no file afterwards."""
    ours, theirs = authority.sign("app"), Authority("other").sign("app")
    with tls_front(foreign18.endpoint.port or 0, authority.sign("db", host=HOST), clients=authority.pem) as front:
        base: dict[str, Any] = {"port": front.port, "tls": "verify-full", "ca": authority.pem}
        missing = tried(here, target(foreign18, "postgres", **base))
        assert missing["code"] == "tls_client_certificate", missing
        wrong = target(foreign18, "postgres", **base, certificate=theirs.certificate, key=theirs.key)
        assert code(here, wrong) in ("tls_refused", "tls_client_certificate")
        assert (
            code(here, target(foreign18, "postgres", **base, certificate=ours.certificate, key=ours.key)) == "reached"
        )
        nonsense = target(foreign18, "postgres", **base, certificate=ours.certificate, key=theirs.key)
        assert code(here, nonsense) == "tls_material"
    for place in (here.settings.data, here.settings.runtime):
        for file in Path(place).rglob("*"):
            if file.is_file() and file.stat().st_size < 1 << 20:
                assert ours.key.splitlines()[1].encode() not in file.read_bytes(), file
