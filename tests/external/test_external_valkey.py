"""Valkey and Redis servers that are not ours, through the relay: registered, reported, backed up, brought back."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import hostile
import pytest
from certificates import Authority
from foreign_valkey import LOGIN, PASSWORDS, READER, READER_RULES, Stranger, stranger
from foreign_world import register, registered
from hypothesis import given, settings
from hypothesis import strategies as st
from world import OWNER, World, refused

from holdfast.engines.valkey.address import parse
from holdfast.features.backups.restore_service import RestoreWish
from holdfast.features.databases.external_target import Target
from holdfast.kernel.errors import Invalid


@pytest.fixture(scope="module")
def theirs() -> Iterator[Stranger]:
    with stranger() as made:
        yield made


def target(server: Stranger, **more: Any) -> Target:
    given: dict[str, Any] = {
        "host": "127.0.0.1", "port": server.port, "user": LOGIN, "password": PASSWORDS["login"],
        "reader_user": READER, "reader_password": PASSWORDS["reader"], "tls": "disable",
    }  # fmt: skip
    return Target(**(given | more))


def powers(here: World, wish: Target) -> dict[str, dict[str, Any]]:
    found = here.services.externals.test(OWNER, here.environment.id, "valkey", wish)
    assert found.report is not None, found.error
    return {power["name"]: power for power in found.report["powers"]}


def reason(here: World, wish: Target) -> dict[str, Any]:
    found = here.services.externals.test(OWNER, here.environment.id, "valkey", wish)
    assert found.error is not None, found.report
    assert not any(secret in str(found.error) for secret in PASSWORDS.values())
    return dict(found.error)


@pytest.mark.slow
def test_journey_of_keys(here: World, theirs: Stranger) -> None:
    """Registered by URL, asked both ways, backed up to L3, brought back in place, restored into one hosted here."""
    theirs.clean()
    theirs.do("SET", "of another program", "kept", db=3)
    resource = registered(here, "cache-there", target(theirs), engine="valkey")
    assert (resource.host, resource.spec["version"], resource.spec["databases"]) == ("external", "9", 16)
    here.write(resource.id, "HSET h f v", "RPUSH l a b", "SET gone x")
    assert here.rows(resource.id, "GET gone") == [("x",)]
    refused("read_only", lambda: here.rows(resource.id, "DEL gone"))
    snapshot = here.snapshot(resource.id, level=3)
    assert (snapshot.verified_level, snapshot.verification) == (3, "green")
    here.write(resource.id, "DEL h", "SET later y")
    here.restore(snapshot.id, mode="in_place", confirm="cache-there")
    assert here.rows(resource.id, "HGETALL h") == [("f", "v")]
    assert here.rows(resource.id, "EXISTS later") == [(0,)]
    assert theirs.do("GET", "of another program", db=3) == b"kept"
    copy = here.restore(snapshot.id, mode="new", name="cache-here")
    assert copy.host == "process"
    assert here.rows(copy.id, "LRANGE l 0 -1") == [("a",), ("b",)]
    here.write(copy.id, "SET mine 1")


def test_powers_follow_the_rights(here: World, theirs: Stranger) -> None:
    """Each right that is missing is named with the ACL that gives it, and each of them gives it."""
    theirs.clean()
    found = powers(here, target(theirs))
    assert {name for name, power in found.items() if power["ok"]} == {
        "look", "read", "write", "snapshot", "restore_in_place",
    }  # fmt: skip
    narrow = "~* &* +@read +@connection +@write -@dangerous +info +dump"
    theirs.user(LOGIN, PASSWORDS["login"], narrow)
    found = powers(here, target(theirs))
    assert found["snapshot"]["ok"]
    assert "+psync" in found["snapshot"]["reason"]
    assert not found["restore_in_place"]["ok"]
    assert not found["read"]["ok"], "without MULTI and DRYRUN nothing is proven"
    for name in ("snapshot", "restore_in_place", "read"):
        for remedy in found[name]["remedy"]:
            words = remedy.split(" ")
            assert words[:2] == ["ACL", "SETUSER"]
            theirs.do(*words)
    found = powers(here, target(theirs))
    assert found["snapshot"] == {"name": "snapshot", "ok": True, "reason": "", "remedy": []}
    assert found["read"]["ok"], found["read"]
    theirs.user(READER, PASSWORDS["reader"], f"{READER_RULES} +multi +discard +sadd ~*")
    found = powers(here, target(theirs))
    assert (found["read"]["ok"], found["read"]["reason"]) == (False, "the read-only login can run sadd")
    assert theirs.do("DBSIZE") == 0, "asking changed something"


def test_reading_keys_needs_proof(here: World, theirs: Stranger) -> None:
    """One login for all is enough to write and to snapshot; nobody reads by it."""
    theirs.clean()
    wish = target(theirs, user=None, password=PASSWORDS["root"], reader_user=None, reader_password=None)
    resource = registered(here, "whole-server", wish, engine="valkey")
    here.write(resource.id, "SET a 1")
    refused("access_withheld", lambda: here.rows(resource.id, "GET a"))
    _, look = here.services.externals.latest(OWNER, resource.id)
    assert look is not None
    assert look.report is not None
    assert any("The login may do everything" in text for text in look.report["warnings"])
    for words in ("CONFIG GET requirepass", "ACL LIST", "FLUSHALL", "SHUTDOWN NOSAVE", "EVAL 'return 1' 0"):
        refused("statement_denied", lambda words=words: here.write(resource.id, words))
    assert theirs.do("GET", "a") == b"1"


@pytest.mark.slow
def test_key_by_key_without_replication(here: World, theirs: Stranger) -> None:
    """Where PSYNC is refused a snapshot is read key by key, says so, and proves itself all the same."""
    theirs.clean()
    theirs.user(LOGIN, PASSWORDS["login"], "~* &* +@all -@admin -@dangerous +info +dump +acl|dryrun")
    for n in range(300):
        theirs.do("SET", f"k{n}", "v" * n)
    theirs.do("XADD", "s", "1-1", "k", "v")
    theirs.do("SET", "soon", "x", "PX", 3_600_000, db=5)
    resource = registered(here, "no-psync", target(theirs), engine="valkey")
    snapshot = here.snapshot(resource.id, level=3)
    assert snapshot.verification == "green"
    copy = here.restore(snapshot.id, mode="new", name="no-psync-copy")
    assert here.rows(copy.id, "DBSIZE") == [(301,)]
    assert here.rows(copy.id, "-n 5 EXISTS soon") == [(1,)]
    wish = RestoreWish(mode="in_place", confirm="no-psync")
    refused("cannot_swap", lambda: here.services.restores.restore(OWNER, snapshot.id, wish))
    assert theirs.do("DBSIZE") == 301


def test_nothing_of_theirs_makes_room(here: World, theirs: Stranger) -> None:
    """In place needs the upper databases empty and a server that evicts nothing; else it is refused."""
    theirs.clean()
    theirs.do("SET", "high", "theirs", db=12)
    found = powers(here, target(theirs))["restore_in_place"]
    assert (found["ok"], "number 12 holds keys" in found["reason"]) == (False, True)
    theirs.do("FLUSHALL")
    theirs.do("CONFIG", "SET", "maxmemory", 10_000_000)
    theirs.do("CONFIG", "SET", "maxmemory-policy", "allkeys-lru")
    assert "gives up keys" in powers(here, target(theirs))["restore_in_place"]["reason"]
    theirs.do("CONFIG", "SET", "maxmemory-policy", "noeviction")


def _endless(client: socket.socket, heard: list[bytes]) -> None:
    """A text of two gigabytes in the place of a greeting."""
    heard.append(client.recv(65536))
    client.sendall(b"$2147483640\r\n")
    with contextlib.suppress(OSError):
        while True:
            client.sendall(b"\0" * 65536)


def _leaves(client: socket.socket, heard: list[bytes]) -> None:
    heard.append(client.recv(65536))
    client.sendall(b"%7\r\n$6\r\nserv")


def test_reasons(here: World, theirs: Stranger) -> None:
    """Wrong password, another protocol, silence cut short, a URL with a number: each has its own code."""
    theirs.clean()
    assert reason(here, target(theirs, password="not it, and long enough"))["code"] == "login_refused"
    for act in (hostile.garbage, _endless):
        with hostile.hostile(act) as (port, _):
            assert reason(here, target(theirs, port=port))["code"] == "protocol_foreign"
    with hostile.hostile(_leaves) as (port, _):
        assert reason(here, target(theirs, port=port))["retryable"] is True
    with pytest.raises(Invalid) as wrong:
        register(here, "numbered", target(theirs, database="3"), engine="valkey")
    assert wrong.value.code == "target_invalid"
    with pytest.raises(Invalid) as wrong:
        register(
            here,
            "numbered",
            Target(url=f"redis://:{PASSWORDS['root']}@127.0.0.1/3".replace(" ", "%20")),
            engine="valkey",
        )
    assert wrong.value.code == "url_invalid"
    assert PASSWORDS["root"] not in str(wrong.value)


def test_tls_of_its_own(here: World, tmp_path: Path) -> None:
    """Redis with TLS and client certificates, by a rediss URL: verified, and refused without certificate or trust."""
    ca = Authority("theirs")
    pair, client = ca.sign("server", host="127.0.0.1"), ca.sign("client")
    files = {"tls-ca-cert-file": ca.pem, "tls-cert-file": pair.certificate, "tls-key-file": pair.key}
    settings = ["--tls-replication", "no"]
    for name, text in files.items():
        (tmp_path / name).write_text(text)
        settings += [f"--{name}", str(tmp_path / name)]
    with stranger("redis", *settings) as server:
        server.do("CONFIG", "SET", "port", 0)
        server.do("CONFIG", "SET", "tls-port", server.port)
        url = f"rediss://127.0.0.1:{server.port}"
        more = {"url": url, "host": None, "port": None, "tls": None, "ca": ca.pem}
        own = {"certificate": client.certificate, "key": client.key}
        resource = registered(here, "over-tls", target(server, **more, **own), engine="valkey")
        here.write(resource.id, "SET a 1")
        assert here.rows(resource.id, "GET a") == [("1",)]
        assert here.snapshot(resource.id, level=1).verification == "green"
        assert here.services.databases.masked_url(OWNER, resource.id, "ro").startswith("rediss://")
        assert reason(here, target(server, **more))["code"].startswith("tls")
        assert reason(here, target(server, **{**more, "ca": Authority("other").pem}, **own))["code"].startswith("tls")


NAMES = st.text(min_size=1, max_size=20)


@settings(max_examples=40)
@given(user=NAMES, password=st.text(max_size=30), port=st.integers(1, 65535))
def test_urls_say_what_they_say(user: str, password: str, port: int) -> None:
    found = parse(f"rediss://{quote(user, safe='')}:{quote(password, safe='')}@db.example.org:{port}")
    assert (found.user, found.password, found.port, found.tls) == (user, password, port, "verify-full")


@settings(max_examples=40)
@given(st.text(max_size=60))
def test_other_urls_are_refused_without_their_words(text: str) -> None:
    with pytest.raises(Invalid) as wrong:
        parse(f"redis://:{text}-s3cret-word@h/9{text}")
    assert "s3cret-word" not in f"{wrong.value} {wrong.value.as_dict()}"
