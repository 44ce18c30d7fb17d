"""A PostgreSQL that speaks TLS itself, with SCRAM bound to the channel: what a wheel's server cannot show."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from certificates import Authority
from foreign_world import registered
from native_pg import MAJOR, PASSWORD, Native, native_pg
from world import OWNER, World

from holdfast.features.databases.external_target import Target


@pytest.fixture(scope="module")
def authority() -> Authority:
    return Authority()


@pytest.fixture(scope="module")
def native(authority: Authority) -> Iterator[Native]:
    with native_pg(authority) as server:
        yield server


def wish(native: Native, authority: Authority, **more: Any) -> Target:
    given: dict[str, Any] = {
        "host": "127.0.0.1", "port": native.port, "database": "app", "user": "app", "password": PASSWORD,
        "ca": authority.pem, "tls": "verify-full",
    }  # fmt: skip
    return Target(**(given | more))


def tried(here: World, target: Target) -> dict[str, Any]:
    found = here.services.externals.test(OWNER, here.environment.id, "postgresql", target)
    return dict(found.error or found.report or {})


@pytest.mark.slow
def test_backed_up_and_brought_into_ours(here: World, native: Native, authority: Authority) -> None:
    """Its offer of channel binding is no obstacle; the snapshot of a 15 proves itself on a 16 of ours, 17 on 18."""
    target = wish(native, authority, reader_user="reader", reader_password=PASSWORD)
    resource = registered(here, "fifteen", target)
    assert resource.spec["version"] == ("16" if MAJOR <= 16 else "18")
    here.write(resource.id, "CREATE TABLE t AS SELECT n AS id, repeat('x', 100) AS text FROM generate_series(1, 500) n")
    snapshot = here.snapshot(resource.id, level=3)
    assert snapshot.verification == "green"
    copy = here.restore(snapshot.id, mode="new", name="sixteen")
    assert here.rows(copy.id, "SELECT count(*), max(id) FROM t") == [(500, 500)]


def test_reasons(here: World, native: Native, authority: Authority) -> None:
    """The server's own refusals, told apart."""
    base = wish(native, authority)
    assert tried(here, base)["version"].startswith(f"{MAJOR}.")
    assert tried(here, wish(native, authority, ca=Authority("other").pem))["code"] == "tls_untrusted"
    assert tried(here, wish(native, authority, host="localhost"))["code"] == "tls_name_mismatch"
    assert tried(here, wish(native, authority, password="wrong"))["code"] == "login_refused"
    assert tried(here, wish(native, authority, database="absent"))["code"] == "database_absent"
    assert tried(here, wish(native, authority, user="nobody at all"))["code"] == "login_refused"
    plain = tried(here, wish(native, authority, tls="disable", ca=None))
    assert plain["code"] == "login_refused"
    card = {"user": "card"}
    assert "certificate" in str(tried(here, wish(native, authority, **card)))
    pair = authority.sign("card")
    shown = tried(here, wish(native, authority, **card, certificate=pair.certificate, key=pair.key))
    assert shown["user"] == "card"
