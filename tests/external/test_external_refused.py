"""What is refused, and why a server could not be reached: real sockets, hostile ones among them, and no effects."""

from __future__ import annotations

import socket
import struct
from typing import Any

import hostile
import pytest
from foreign_pg import LOGIN, PASSWORDS, ForeignSubject, superuser
from foreign_world import register, registered, target
from hypothesis import given
from hypothesis import strategies as st
from pg_server import Cluster
from world import OWNER, World, actor_with, eventually, refused, world

from holdfast.engines.postgresql import privileges
from holdfast.engines.postgresql.address import WIRE, parse
from holdfast.features.backups.restore_service import RestoreWish
from holdfast.features.databases.external_service import Registration
from holdfast.features.databases.external_target import Target
from holdfast.kernel.errors import HoldfastError, Invalid


def tried(here: World, wish: Target) -> dict[str, Any]:
    found = here.services.externals.test(OWNER, here.environment.id, "postgresql", wish)
    return dict(found.error or found.report or {})


def test_each_reason(here: World, foreign18: Cluster) -> None:
    """Name, address, port, password, database, another protocol: each has a code of its own, and none the password."""
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        unused = closed.getsockname()[1]
        cases = {
            "host_unresolved": target(foreign18, "postgres", host="no-such-host.invalid"),
            "address_refused": target(foreign18, "postgres", host="169.254.169.254"),
            "port_closed": target(foreign18, "postgres", port=unused),
            "login_refused": target(foreign18, "postgres", password="not it, and long enough"),
            "database_absent": target(foreign18, "no such database"),
        }
        for code, wish in cases.items():
            found = tried(here, wish)
            assert found["code"] == code, found
            assert found["hint"] or code == "database_absent"
            assert PASSWORDS["login"] not in str(found)
    for act in (hostile.garbage, hostile.endless):
        with hostile.hostile(act) as (port, _):
            found = tried(here, target(foreign18, "postgres", port=port))
            assert found["code"] == "protocol_foreign", (act, found)


def test_hostile_servers(here: World, foreign18: Cluster, monkeypatch: pytest.MonkeyPatch) -> None:
    """Asked for the password in the clear, for a file, or for ever: nothing is given, and the wait ends."""
    monkeypatch.setattr(privileges, "PATIENCE_SECONDS", 0.5)
    with hostile.hostile(hostile.wants_cleartext) as (port, heard):
        assert "code" in tried(here, target(foreign18, "postgres", port=port))
        assert not any(PASSWORDS["login"].encode() in each for each in heard)
    with hostile.hostile(hostile.asks_for_a_file) as (port, heard):
        assert "code" in tried(here, target(foreign18, "postgres", port=port))
        assert b"root:" not in b"".join(heard)
    for act in (hostile.takes_and_never_answers, hostile.closes_midway):
        with hostile.hostile(act) as (port, _):
            assert tried(here, target(foreign18, "postgres", port=port))["retryable"] is True


@pytest.mark.slow
def test_a_server_that_says_nothing(here: World, foreign18: Cluster) -> None:
    with hostile.hostile(hostile.never_answers) as (port, _):
        assert tried(here, target(foreign18, "postgres", port=port))["code"] in ("server_unavailable", "server_silent")


def test_private_addresses_need_the_operator(foreign18: Cluster) -> None:
    """Without HOLDFAST_OUTBOUND_ALLOW neither loopback nor a private network is reached, directly or by name."""
    with world() as here:
        for host in ("127.0.0.1", "localhost", "::1", "10.0.0.1", "0.0.0.0", "::ffff:127.0.0.1", "fd00:ec2::254"):  # noqa: S104 - called, not bound
            resource, run = register(here, f"at {host}".replace(":", "_"), target(foreign18, "postgres", host=host))
            assert (run.state, (run.error or {})["code"]) == ("failed", "address_refused"), (host, run.error)
            assert resource.state == "failed"
            assert (resource.state_reason or {})["code"] == "address_refused"


def test_not_ours(here: World, foreign18: Cluster) -> None:
    """Start and stop are refused; deleting forgets, undeleting looks again, purging leaves the server as it is."""
    databases = here.services.databases
    with ForeignSubject(foreign18).fresh() as place:
        name = place.endpoint.database or ""
        resource = registered(here, "kept", target(foreign18, name))
        here.write(resource.id, "CREATE TABLE t (id integer)")
        refused("not_ours", lambda: databases.stop(OWNER, resource.id))
        refused("not_ours", lambda: databases.start(OWNER, resource.id))
        here.succeeded(databases.delete(OWNER, resource.id, "kept")[1])
        here.succeeded(databases.undelete(OWNER, resource.id)[1])
        assert here.rows(resource.id, "SELECT count(*) FROM t") == [(0,)]
        here.succeeded(databases.delete(OWNER, resource.id, "kept")[1])
        here.succeeded(databases.purge(OWNER, resource.id, "kept")[1])
        with superuser(foreign18, name) as admin:
            assert admin.execute("SELECT count(*) FROM t").fetchone() == (0,)
        assert here.services.reach.secrets(resource) == {}


def test_reading_needs_proof(here: World, foreign18: Cluster) -> None:
    """Without a verified reader nobody reads; the statements of the report make one; a lost proof counts."""
    with ForeignSubject(foreign18).fresh() as place:
        name = place.endpoint.database or ""
        wish = target(foreign18, name, reader_user=None, reader_password=None)
        resource = registered(here, "unread", wish)
        here.write(
            resource.id, "CREATE SCHEMA more", "CREATE TABLE more.t AS SELECT 1 AS id", "CREATE TABLE u (id int)"
        )
        refused("access_withheld", lambda: here.rows(resource.id, "SELECT 1"))
        _, look = here.services.externals.report(OWNER, resource.id)
        powers = {power["name"]: power for power in (look.report or {})["powers"]}
        assert (powers["read"]["ok"], powers["snapshot"]["ok"], powers["write"]["ok"]) == (False, True, True)
        assert powers["point_in_time"]["reason"] == "needs REPLICATION"
        with superuser(foreign18, name) as admin:
            admin.execute("DROP ROLE IF EXISTS holdfast_reader")
            for statement in powers["read"]["remedy"]:
                admin.execute(statement.replace("choose one", "a password of its own"))
        again = target(foreign18, name, reader_user="holdfast_reader", reader_password="a password of its own")
        _, run = here.services.externals.reconnect(OWNER, resource.id, again)
        here.succeeded(run)
        _, look = here.services.externals.latest(OWNER, resource.id)
        assert look is not None
        assert {power["name"]: power for power in (look.report or {})["powers"]}["read"]["ok"]
        assert here.rows(resource.id, "SELECT id FROM more.t") == [(1,)]
        refused("read_only", lambda: here.rows(resource.id, "DELETE FROM more.t"))
        with superuser(foreign18, name) as admin:
            admin.execute("GRANT INSERT ON more.t TO holdfast_reader")
        _, look = here.services.externals.report(OWNER, resource.id)
        assert "more.t" in str([power for power in (look.report or {})["powers"] if power["name"] == "read"])
        refused("access_withheld", lambda: here.rows(resource.id, "SELECT 1"))
        with superuser(foreign18, name) as admin:
            admin.execute("DROP OWNED BY holdfast_reader")
            admin.execute("DROP ROLE holdfast_reader")


def test_superuser_writes_nothing(here: World, foreign18: Cluster) -> None:
    """Registered with one, a server is looked at and backed up; statements and restores are refused."""
    with ForeignSubject(foreign18).fresh() as place, superuser(foreign18) as admin:
        name = place.endpoint.database or ""
        admin.execute("CREATE ROLE boss SUPERUSER LOGIN PASSWORD 'boss-password-1'")
        try:
            wish = target(foreign18, name, user="boss", password="boss-password-1")
            resource = registered(here, "bossy", wish)
            refused("access_withheld", lambda: here.rows(resource.id, "SELECT pg_read_file('/etc/passwd')", write=True))
            snapshot = here.snapshot(resource.id, level=1)
            in_place = RestoreWish(mode="in_place", confirm="bossy")
            refused("cannot_swap", lambda: here.services.restores.restore(OWNER, snapshot.id, in_place))
        finally:
            admin.execute("DROP ROLE boss")


def test_denied_without_effect(here: World, foreign18: Cluster) -> None:
    """Everything else may be allowed: without `database.register` nothing is dialled, kept or audited as done."""
    everything_else = actor_with("database.create", "database.read", "database.update", "environment.read")
    with hostile.hostile(hostile.garbage) as (port, heard):
        wish = target(foreign18, "postgres", port=port)
        before = here.count("resources"), here.count("secrets")
        externals, env = here.services.externals, here.environment.id
        registration = Registration(env, "postgresql", "never", wish)
        refused("permission_denied", lambda: externals.register(everything_else, registration))
        refused("permission_denied", lambda: externals.test(everything_else, env, "postgresql", wish))
        refused("permission_denied", lambda: externals.host_key(everything_else, env, "127.0.0.1", port))
        assert (here.count("resources"), here.count("secrets")) == before
        assert heard == []


def test_nothing_secret_is_told(here: World, foreign18: Cluster) -> None:
    """Neither by the record, nor the run, the audit, the masked URL nor the report."""
    with ForeignSubject(foreign18).fresh() as place:
        url_wish = target(foreign18, place.endpoint.database or "")
        resource = registered(here, "quiet", url_wish)
        masked = here.services.databases.masked_url(OWNER, resource.id, "owner")
        assert "***" in masked
        with here.db.read() as conn:
            told = " ".join(
                str(row)
                for table in ("resources", "runs", "audit_events", "external_reports")
                for row in conn.exec_driver_sql(f"SELECT * FROM {table}")
            )
        for password in PASSWORDS.values():
            assert password not in told
            assert password not in masked
        revealed = here.services.databases.reveal_url(OWNER, resource.id, "owner")
        assert parse(revealed).password == PASSWORDS["login"]
        assert parse(revealed).user == LOGIN


def test_health_names_what_cannot_be_reached(here: World, foreign18: Cluster) -> None:
    """The runner looks again by itself; a snapshot meanwhile fails with the reason, to be tried again."""
    from holdfast.features.health.pings import external_ping

    with ForeignSubject(foreign18).fresh() as place:
        resource = registered(here, "flaky", target(foreign18, place.endpoint.database or ""))
        port = foreign18.endpoint.port
        foreign18.stop()
        try:
            _, look = here.services.externals.report(OWNER, resource.id)
            assert (look.ok, (look.error or {})["code"]) == (False, "port_closed")
            with pytest.raises(HoldfastError, match=r"'flaky'.*nothing listens at 127\.0\.0\.1"):
                external_ping(here.db).check()
            with pytest.raises(HoldfastError) as caught:
                here.rows(resource.id, "SELECT 1")
            assert (caught.value.code, caught.value.retryable) == ("port_closed", True)
        finally:
            foreign18.start()
        assert foreign18.endpoint.port == port
        with here.db.write() as conn:
            conn.exec_driver_sql("UPDATE external_reports SET at = '2000-01-01T00:00:00.000000Z'")
        eventually(lambda: _reached(here, resource.id), 15)


def _reached(here: World, resource_id: str) -> bool:
    return bool((here.services.externals.latest(OWNER, resource_id)[1] or look_missing()).ok)


def look_missing() -> Any:
    raise AssertionError("there is no look at all")


@pytest.mark.parametrize(
    "option",
    ["options=-c%20x=1", "service=x", "passfile=/etc/passwd", "sslkey=/root/key", "sslrootcert=/x", "host=/run",
     "hostaddr=1.1.1.1", "sslmode=nonsense", "krbsrvname=x", "target_session_attrs=any", "SSLMODE=disable"],
)  # fmt: skip
def test_url_options_by_allow_list(option: str) -> None:
    """An option may name a file of ours or lead elsewhere: only sslmode is taken; the refusal shows no URL."""
    with pytest.raises(Invalid) as caught:
        parse(f"postgresql://app:hidden-password@db.example.org/shop?{option}")
    assert "hidden-password" not in str(caught.value.as_dict())


@given(user=st.text(min_size=1), password=st.text(), database=st.text(min_size=1))
def test_url_round_trip(user: str, password: str, database: str) -> None:
    """Every name and password that can be written in a URL comes back out of it."""
    from urllib.parse import quote

    try:
        parts = [quote(text, safe="") for text in (user, password, database)]
    except UnicodeEncodeError:
        return
    if "%00" in "".join(parts):
        return
    found = parse(f"postgresql://{parts[0]}:{parts[1]}@db.example.org:5433/{parts[2]}?sslmode=verify-ca")
    assert (found.user, found.password or "", found.database) == (user, password, database)
    assert (found.host, found.port, found.tls) == ("db.example.org", 5433, "verify-ca")


@given(cuts=st.lists(st.integers(0, 80), max_size=6))
def test_channel_binding_is_taken_out_of_the_offer(cuts: list[int]) -> None:
    """However the bytes arrive, only that mechanism is gone, and what follows is as it was."""
    offer = struct.pack("!i", 10) + b"SCRAM-SHA-256-PLUS\0SCRAM-SHA-256\0\0"
    stream = b"R" + struct.pack("!i", 4 + len(offer)) + offer + b"anything at all"
    plain = struct.pack("!i", 10) + b"SCRAM-SHA-256\0\0"
    wanted = b"R" + struct.pack("!i", 4 + len(plain)) + plain + b"anything at all"
    opening, out, last = WIRE.opening(), b"", 0
    for cut in [*sorted(cut for cut in cuts if cut < len(stream)), len(stream)]:
        out += opening.feed(stream[last:cut])
        last = cut
    assert opening.over
    assert out == wanted


@given(data=st.binary(max_size=200))
def test_whatever_a_server_says_is_passed_on(data: bytes) -> None:
    """Nothing is lost or invented in bytes that offer no such mechanism."""
    opening = WIRE.opening()
    out = opening.feed(data)
    assert data.startswith(out)
    if opening.over and b"SCRAM" not in data:
        assert out == data
