"""A Valkey from outside: stock redis-cli over TLS and through a tunnel, named logins, sessions and their end."""

from __future__ import annotations

import contextlib
import shutil
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest
from journey import Served, eventually, fresh
from outside_kit import Outside

from holdfast.engines.valkey.resp import Link, Refused

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def cache(served: Served) -> str:
    database = str(served.create("valkey", fresh("c'\"/ü; --"))["id"])
    served.write(database, "SET greeting hello", "HSET h f v")
    return database


class Client:
    """Stock redis-cli as one user."""

    def __init__(self, url: str, *words: str) -> None:
        parts = urlsplit(url)
        assert shutil.which("redis-cli"), "redis-cli is not installed: make system-parts"
        self.words = ["redis-cli", "-h", str(parts.hostname), "-p", str(parts.port), "--user",
                      unquote(parts.username or ""), "--no-auth-warning", *words]  # fmt: skip
        self.password = unquote(parts.password or "")

    def __call__(self, *command: str) -> str:
        ran = subprocess.run([*self.words, *command], env={"REDISCLI_AUTH": self.password, "PATH": "/usr/bin"},
                             capture_output=True, text=True, timeout=20, check=False)  # fmt: skip
        return (ran.stdout + ran.stderr).strip() or f"nothing, exit code {ran.returncode}"


@contextmanager
def line(url: str) -> Iterator[Link]:
    """One session that stays."""
    parts = urlsplit(url)
    with socket.create_connection((str(parts.hostname), parts.port or 0), timeout=10) as sock:
        link = Link(sock)
        link.command("HELLO", 3, "AUTH", unquote(parts.username or ""), unquote(parts.password or ""))
        yield link


def url(served: Served, database: str, access: str) -> str:
    return str(served.call("POST", f"/databases/{database}/url", {"access": access})["url"])


def test_stock_client_over_tls(served: Served, cache: str, tmp_path: Path) -> None:
    """The certificate is verified, rights are the access's, plain text and strangers hear nothing."""
    wanted = {"allow": ["127.0.0.0/8"], "host": "127.0.0.1"}
    port = served.call("PUT", f"/databases/{cache}/exposure", wanted)["port"]
    eventually(lambda: served.get(f"/databases/{cache}/exposure")["open"])
    ca = tmp_path / "ca.pem"
    ca.write_text(served.raw("GET", "/tls-authority").text)

    def outside(access: str, *words: str) -> Client:
        inside = urlsplit(url(served, cache, access))
        return Client(f"rediss://{inside.username}:{inside.password}@localhost:{port}", *words)

    trusted = ("--tls", "--cacert", str(ca))
    assert outside("ro", *trusted)("GET", "greeting") == "hello"
    assert "NOPERM" in outside("ro", *trusted)("SET", "greeting", "no")
    assert outside("rw", *trusted)("SET", "é", "ü") == "OK"
    for command in (("CONFIG", "GET", "*"), ("ACL", "LIST"), ("DEBUG", "SLEEP", "0"), ("EVAL", "return 1", "0"),
                    ("SELECT", "16"), ("SHUTDOWN", "NOSAVE"), ("MIGRATE", "h", "1", "k", "0", "1")):  # fmt: skip
        assert "NOPERM" in outside("owner", *trusted)(*command), command
    assert "certificate verify failed" in outside("ro", "--tls")("PING")
    assert "PONG" not in outside("ro")("PING")
    assert "PONG" not in outside("ro", "--tls", "--insecure", "--no-auth-warning", "-a", "wrong")("PING")
    big = "x" * 100_000
    assert outside("rw", *trusted)("SET", "big", big) == "OK"
    assert outside("ro", *trusted)("STRLEN", "big") == "100000"
    served.call("PUT", f"/databases/{cache}/exposure", {**wanted, "allow": ["10.0.0.0/8"], "port": port})
    eventually(lambda: served.get(f"/databases/{cache}/exposure")["open"])
    assert "PONG" not in outside("ro", *trusted)("PING")
    served.call("DELETE", f"/databases/{cache}/exposure", status=204)
    assert served.rows(cache, "GET greeting") == [["hello"]]


def test_through_a_tunnel(served: Served, outside: Outside, cache: str) -> None:
    """`db connect` lends a login for the visit; afterwards nobody gets in with it."""
    with outside.tunnel(cache, "--access", "ro") as told:
        client = Client(told["url"])
        assert client("GET", "greeting") == "hello"
        assert "NOPERM" in client("DEL", "greeting")
        assert "NOPERM" in client("CONFIG", "GET", "maxmemory")
        users = served.rows(cache, "DBSIZE")
        assert users[0][0] > 0
    inside = urlsplit(url(served, cache, "ro"))
    visit = urlsplit(told["url"])
    gone = Client(f"redis://{visit.username}:{visit.password}@{inside.hostname}:{inside.port}")
    assert "WRONGPASS" in gone("PING")


def test_named_logins(served: Served, cache: str) -> None:
    """Made, used, kept over a restart of the server, rotated, revoked, dropped; never more than the access."""
    where = f"/databases/{cache}/logins"
    made = served.call("POST", where, {"name": "reporting", "access": "rw"}, 201)
    login = made["login"]["id"]
    served.refused(409, "name_taken", "POST", where, {"name": "reporting"})
    for bad in ("db_owner", "holdfast_admin", "default", "holdfast_probe", "a b", "a;b", "", "a:b"):
        served.call("POST", where, {"name": bad}, 422)
    assert Client(made["url"])("SET", "by login", "1") == "OK"
    assert "NOPERM" in Client(made["url"])("FLUSHDB")
    assert "NOPERM" in Client(made["url"])("SELECT", "16")
    served.act(cache, "stop")
    served.act(cache, "start")
    assert Client(made["url"])("GET", "by login") == "1", "the restart forgot the login"
    new = served.call("POST", f"/logins/{login}/rotate")
    assert "WRONGPASS" in Client(made["url"])("PING")
    with line(new["url"]) as held:
        assert held.command("PING") == "PONG"
        served.call("POST", f"/logins/{login}/revoke")
        with pytest.raises((OSError, Refused)):
            held.command("PING")
    assert "WRONGPASS" in Client(new["url"])("PING")
    assert new["password"] not in str(served.get("/audit", resource_id=cache))
    served.call("DELETE", f"/logins/{login}", {"confirm": "reporting"}, 204)
    assert served.get(where)["items"] == []


def test_sessions_are_seen_and_ended(served: Served, cache: str) -> None:
    """Who is connected, as whom and since when; one is ended, ours never is, and no values are shown."""
    where = f"/databases/{cache}/sessions"
    with line(url(served, cache, "rw")) as held, line(url(served, cache, "ro")) as other:
        held.command("CLIENT", "SETNAME", "the-worker")
        held.command("SET", "seen", "secret-4711")
        found = served.get(where)["items"]
        mine = next(one for one in found if one["application"] == "the-worker")
        assert (mine["user"], mine["ours"]) == ("db_rw", False)
        assert "secret-4711" not in str(found)
        readers = [one for one in found if one["user"] == "db_ro"]
        assert readers
        served.call("DELETE", f"{where}/{mine['id']}", status=204)
        with pytest.raises(ConnectionError):
            held.command("PING")
        assert other.command("PING") == "PONG"
        with contextlib.suppress(StopIteration):
            ours = next(one for one in served.get(where)["items"] if one["ours"])
            served.call("DELETE", f"{where}/{ours['id']}", status=404)
