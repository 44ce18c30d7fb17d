"""`db expose`: closed unless opened, then to listed addresses alone, over TLS that stock psql verifies in full."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import ssl
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, cast

import psycopg
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from journey import Served, eventually, fresh
from outside_kit import Outside

from holdfast.features.connections.doorman import Doorman
from holdfast.features.connections.exposures import allowed, checked_networks
from holdfast.hosts.keeper import KeeperClient
from holdfast.kernel.errors import HoldfastError, Invalid

HERE = ["127.0.0.0/8"]


@pytest.fixture(scope="module")
def made(served: Served) -> str:
    database = served.create("postgresql", fresh("o'\"/ü; --"))["id"]
    served.write(database, "create table t (id int primary key)", "insert into t values (7)")
    return str(database)


@pytest.fixture
def shop(served: Served, made: str) -> Iterator[str]:
    """Closed before and after."""
    yield made
    served.call("DELETE", f"/databases/{made}/exposure")


def opened(served: Served, database: str, **wanted: Any) -> dict[str, Any]:
    made = served.call("PUT", f"/databases/{database}/exposure", {"allow": HERE, "host": "127.0.0.1"} | wanted)
    assert made["open"], "open when it is answered: nobody has to wait for a look"
    return dict(made)


def dsn(served: Served, database: str, port: int, **more: str) -> dict[str, Any]:
    url = served.call("POST", f"/databases/{database}/url", {"access": "rw"})["url"]
    found = psycopg.conninfo.conninfo_to_dict(url)
    return {**found, "host": "localhost", "hostaddr": "127.0.0.1", "port": port, "connect_timeout": 5, **more}


def authority(served: Served, folder: Path) -> str:
    path = folder / "ca.pem"
    path.write_text(served.raw("GET", "/tls-authority").text)
    return str(path)


@pytest.mark.slow
def test_stock_psql_verifies_everything(served: Served, outside: Outside, shop: str, tmp_path: Path) -> None:
    port = opened(served, shop)["port"]
    ca = authority(served, tmp_path)
    wanted = dsn(served, shop, port)
    env = outside.env() | {"PGPASSWORD": wanted["password"], "PGSSLROOTCERT": ca, "PGSSLMODE": "verify-full"}
    words = ["psql", "-h", "localhost", "-p", str(port), "-U", wanted["user"], "-d", wanted["dbname"], "-Atc"]
    ran = subprocess.run([*words, "select id from t"], env=env, capture_output=True, text=True, check=False)
    assert (ran.returncode, ran.stdout.splitlines()[0]) == (0, "7"), ran.stderr
    numeric = subprocess.run([*words[:2], "127.0.0.1", *words[3:], "select 1"], env=env, capture_output=True, text=True,
                             check=False)  # fmt: skip
    assert "does not match host name" in numeric.stderr
    with closing(psycopg.connect(**dsn(served, shop, port, sslmode="verify-full", sslrootcert=ca))) as line:
        assert line.pgconn.ssl_in_use
        big = line.execute("select repeat('x', 5000000)").fetchone()
        assert big is not None
        assert len(big[0]) == 5_000_000
        assert served.get(f"/databases/{shop}/exposure")["connections"] == 1
        line.cancel()
    if psycopg.pq.version() >= 170000:
        direct = dsn(served, shop, port, sslmode="verify-full", sslrootcert=ca, sslnegotiation="direct")
        with closing(psycopg.connect(**direct)) as line:
            assert line.execute("select 1").fetchone() == (1,)


@pytest.mark.slow
def test_who_is_not_listed_hears_nothing_and_plain_text_is_refused(served: Served, shop: str) -> None:
    port = opened(served, shop, allow=["10.0.0.0/8", "2001:db8::/32"])["port"]
    with socket.create_connection(("127.0.0.1", port), timeout=5) as stranger:
        assert stranger.recv(100) == b""
    port = opened(served, shop, port=port)["port"]
    with pytest.raises(psycopg.OperationalError, match="speaks TLS only"):
        psycopg.connect(**dsn(served, shop, port, sslmode="disable"))
    for noise in (b"GET / HTTP/1.1\r\n\r\n", b"\x16" + b"\0" * 50, b"\0" * 8):
        with socket.create_connection(("127.0.0.1", port), timeout=5) as guest:
            guest.sendall(noise)
            guest.settimeout(15)
            answer = guest.recv(4096)
            assert b"SCRAM" not in answer
            assert b"PostgreSQL" not in answer
    with pytest.raises(psycopg.OperationalError):  # another authority
        psycopg.connect(**dsn(served, shop, port, sslmode="verify-full", sslrootcert="system"))


def test_what_could_not_open_is_no_problem_any_more_once_it_is_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    doorman = Doorman(cast("Any", None), cast("Any", None))
    monkeypatch.setattr(doorman, "_read", lambda: ({}, {}))  # nothing is to be open
    doorman.problems["shop"] = "the port is somebody else's"
    with pytest.raises(HoldfastError, match="1 doors are not open; shop"):
        doorman.check()
    asyncio.run(doorman.attend())
    assert doorman.check() is None


@pytest.mark.slow
def test_closing_and_stopping_end_what_came_through(served: Served, shop: str) -> None:
    port = opened(served, shop)["port"]
    with closing(psycopg.connect(**dsn(served, shop, port, sslmode="require"), autocommit=True)) as line:
        started = time.monotonic()
        served.act(shop, "stop")
        assert time.monotonic() - started < 10
        with pytest.raises(psycopg.OperationalError):
            line.execute("select 1")
    served.act(shop, "start")
    with closing(psycopg.connect(**dsn(served, shop, port, sslmode="require"), autocommit=True)) as line:
        served.call("DELETE", f"/databases/{shop}/exposure", status=204)
        with pytest.raises(psycopg.OperationalError):
            line.execute("select pg_sleep(5)")
    served.refused(404, "exposure_not_found", "GET", f"/databases/{shop}/exposure")
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", port), timeout=2)


@pytest.mark.slow
@pytest.mark.faults
def test_a_killed_api_refuses_nobody(served: Served, shop: str) -> None:
    """The socket is the keeper's: while a new api starts, connections wait."""
    port = opened(served, shop)["port"]
    wanted = dsn(served, shop, port, sslmode="require", connect_timeout="30")
    keeper = KeeperClient(served.root / "run" / "keeper.sock")
    os.kill(keeper.info().parts["api"]["pid"], signal.SIGKILL)
    with closing(psycopg.connect(**wanted)) as line:
        assert line.execute("select id from t").fetchone() == (7,)
    eventually(lambda: served.raw("GET", f"/databases/{shop}").status_code == 200, 20)


@pytest.mark.slow
def test_ones_own_certificate_and_wrong_ones(served: Served, shop: str, tmp_path: Path) -> None:
    chain, key = own("db.example.org")
    made = opened(served, shop, certificate=chain, key=key)
    assert (made["uploaded"], "PRIVATE" in str(made)) == (True, False)
    context = ssl.create_default_context(cadata=chain)
    with socket.create_connection(("127.0.0.1", made["port"]), timeout=5) as plain:
        plain.sendall(b"\x00\x00\x00\x08\x04\xd2\x16\x2f")
        assert plain.recv(1) == b"S"
        with context.wrap_socket(plain, server_hostname="db.example.org") as line:
            assert line.version() in ("TLSv1.2", "TLSv1.3")
    where = f"/databases/{shop}/exposure"
    body = {"allow": HERE, "host": "127.0.0.1"}
    for bad in (
        {"certificate": chain, "key": own("x")[1]},
        {"certificate": "x", "key": "y"},
        {"certificate": own("old", days=-1)[0], "key": key},
    ):
        served.refused(422, "certificate_invalid", "PUT", where, body | bad)
    for bad in ({"allow": []}, {"allow": ["10.0.0.1/8"]}, {"allow": ["all"]}, {"names": ["a b"]}, {"host": "evil"}):
        served.call("PUT", where, body | bad, 422)
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        served.refused(409, "port_in_use", "PUT", where, body | {"port": taken.getsockname()[1]})
    assert served.get(where)["port"] == made["port"]
    assert key.splitlines()[2] not in str(served.get("/audit", resource_id=shop))


@pytest.mark.slow
def test_production_is_confirmed_and_a_file_has_no_port(served: Served) -> None:
    made = served.create("postgresql", environment_id=served.environments["production"])
    where = f"/databases/{made['id']}/exposure"
    body = {"allow": HERE, "host": "127.0.0.1"}
    served.refused(422, "confirm_mismatch", "PUT", where, body)
    served.call("GET", where, status=404)
    served.call("PUT", where, body | {"confirm": made["name"]})
    served.call("DELETE", where, status=204)
    file = served.create("sqlite")["id"]
    served.refused(409, "not_offered", "PUT", f"/databases/{file}/exposure", body)


@pytest.mark.slow
def test_the_commands(served: Served, outside: Outside, shop: str) -> None:
    def say(*words: str) -> str:
        argv = [sys.executable, "-m", "holdfast.cli", "db", *words]
        ran = subprocess.run(argv, env=outside.env(), capture_output=True, text=True, timeout=60, check=False)
        assert ran.returncode == 0, ran.stderr
        return ran.stdout

    assert "nobody from outside" in say("show", shop)
    assert "Open to 127.0.0.0/8 at localhost:" in say("expose", shop, "--allow", "127.0.0.0/8", "--listen", "127.0.0.1")
    assert "127.0.0.0/8 at port" in say("show", shop)
    assert "BEGIN CERTIFICATE" in say("authority")
    assert "Closed" in say("unexpose", shop)


def own(name: str, days: int = 30) -> tuple[str, str]:
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.now(UTC)
    builder = x509.CertificateBuilder().subject_name(subject).issuer_name(subject).public_key(key.public_key())
    builder = builder.serial_number(7).not_valid_before(now - timedelta(days=60)).not_valid_after(now + timedelta(days))
    made = builder.add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), False).sign(key, hashes.SHA256())
    form = (serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    return made.public_bytes(serialization.Encoding.PEM).decode(), key.private_bytes(*form).decode()


def test_networks_and_addresses() -> None:
    import ipaddress

    def held(networks: list[str], address: str) -> bool:
        return allowed([ipaddress.ip_network(each) for each in checked_networks(networks)], address)

    assert held(["10.0.0.0/8"], "10.1.2.3")
    assert held(["10.0.0.0/8"], "::ffff:10.1.2.3")
    assert not held(["10.0.0.0/8"], "11.0.0.1")
    assert not held(["::/0"], "10.0.0.1")
    assert not held(["0.0.0.0/0"], "2001:db8::1")
    assert not held(["::ffff:0:0/96"], "10.0.0.1")
    assert held(["fe80::/10"], "fe80::1%eth0")
    assert not held(["0.0.0.0/0"], "unknown")
    for bad in ("10.0.0.1/8", "", "all", "1.2.3.4/33", "1.2.3.256"):
        with pytest.raises(Invalid):
            checked_networks([bad])
