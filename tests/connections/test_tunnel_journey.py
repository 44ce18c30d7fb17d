"""`db connect`: stock clients through the API, with logins that last as long as the tunnel."""

from __future__ import annotations

import socket
import time
from contextlib import closing
from pathlib import Path
from typing import Any

import psycopg
import pytest
from journey import Served, eventually, fresh
from outside_kit import Outside

from holdfast.hosts.keeper import KeeperClient

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def shop(served: Served) -> str:
    """A database whose name needs quoting everywhere."""
    made = served.create("postgresql", fresh("o'\"/ü; --"))["id"]
    served.write(made, "create table t (id int primary key, note text)", "insert into t values (1, 'one')")
    return str(made)


def visitors(served: Served, database: str) -> list[Any]:
    return served.rows(database, "select rolname from pg_roles where rolname like 'hf_visit_%'")


def key(served: Served, **wanted: Any) -> tuple[str, str]:
    made = served.call("POST", "/keys", {"name": "tunnel", **wanted}, 201)
    return made["id"], made["key"]


def events(served: Served, database: str, action: str) -> list[Any]:
    return eventually(
        lambda: [e for e in served.get("/audit", resource_id=database)["items"] if e["action"] == action], 5
    )


def test_psql_reads_and_is_refused_what_the_access_is_not(served: Served, outside: Outside, shop: str) -> None:
    read = outside.run(shop, "--", "-Atc", "select note from t; select current_user, session_user like 'hf_visit%'")
    assert (read.returncode, read.stdout) == (0, "one\ndb_ro|t\n"), read.stderr
    for statement in ("insert into t values (2, 'x')", "begin read write; insert into t values (2, 'x'); commit"):
        wrote = outside.run(shop, "--", "-v", "ON_ERROR_STOP=1", "-Atc", statement)
        assert wrote.returncode != 0
        assert "read-only" in wrote.stderr or "permission denied" in wrote.stderr
    assert served.rows(shop, "select count(*) from t") == [[1]]
    assert visitors(served, shop) == []


def test_what_an_owner_makes_is_the_owners_and_stays(served: Served, outside: Outside, shop: str) -> None:
    made = "create table made (a int); set role none; create table own (a int); reset role; insert into made values (7)"
    ran = outside.run(shop, "--access", "owner", "--", "-v", "ON_ERROR_STOP=1", "-qc", made)
    assert ran.returncode == 0, ran.stderr
    owners = "select tablename, tableowner from pg_tables where tablename in ('made', 'own') order by 1"
    assert served.rows(shop, owners) == [["made", "db_owner"], ["own", "db_owner"]]
    assert served.rows(shop, "select a from made") == [[7]]
    assert visitors(served, shop) == []


def test_an_owner_cannot_keep_the_door_open(served: Served, outside: Outside, shop: str) -> None:
    """The standing login's password is what it was before; a login made in a visit cannot be made at all."""
    ran = outside.run(
        shop, "--access", "owner", "--", "-c", "alter role db_owner password 'kept'", "-c", "create role x"
    )
    assert "permission denied" in ran.stderr
    plain = served.call("POST", f"/databases/{shop}/url", {"access": "owner"})["url"]
    with psycopg.connect(plain, connect_timeout=5) as again:
        assert again.execute("select 1").fetchone() == (1,)


def test_many_connections_are_counted_and_audited(served: Served, outside: Outside, shop: str) -> None:
    with outside.tunnel(shop, "--access", "rw") as opened:
        lines = [psycopg.connect(opened["url"]) for _ in range(5)]
        for number, line in enumerate(lines):
            line.execute("insert into t values (%s, %s)", (100 + number, "x" * 200_000))
            line.commit()
        got = lines[0].execute("select note from t where id = 104").fetchone()
        assert got == ("x" * 200_000,)
        (row,) = served.get(f"/databases/{shop}/tunnels")["items"]
        assert (row["id"], row["access"], row["connections"]) == (opened["tunnel"]["id"], "rw", 5)
        for line in lines:
            line.close()
    assert served.get(f"/databases/{shop}/tunnels")["items"] == []
    closed = served.get(f"/databases/{shop}/tunnels", closed="true")["items"][0]
    assert closed["bytes_up"] > 1_000_000
    assert closed["bytes_down"] > 200_000
    told = events(served, shop, "database.tunnel.close")[0]["details"]
    assert (told["bytes_up"], told["connections"], told["reason"]) == (closed["bytes_up"], 5, "closed")
    assert events(served, shop, "database.tunnel.open")


def test_a_reader_that_does_not_read_costs_no_memory(served: Served, outside: Outside, shop: str) -> None:
    """300 MB wait at the database, not in the api and not in the command."""
    api = KeeperClient(served.root / "run" / "keeper.sock").info().parts["api"]["pid"]

    def memory(pid: int) -> int:
        return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * 4096

    with outside.tunnel(shop) as opened:
        before = memory(api), memory(opened["process"].pid)
        with closing(psycopg.connect(opened["url"])) as line:
            line.pgconn.send_query(b"copy (select repeat('x', 10000) from generate_series(1, 30000)) to stdout")
            time.sleep(1.5)
            after = memory(api), memory(opened["process"].pid)
            assert max(now - then for now, then in zip(after, before, strict=True)) < 16 << 20


def test_a_revoked_key_is_cut_off_at_once(served: Served, outside: Outside, shop: str) -> None:
    key_id, text = key(served, role="developer")
    with outside.tunnel(shop, key=text) as opened, psycopg.connect(opened["url"], autocommit=True) as line:
        assert line.execute("select 1").fetchone() == (1,)
        served.call("DELETE", f"/keys/{key_id}")
        started = time.monotonic()
        with pytest.raises(psycopg.OperationalError):
            line.execute("select pg_sleep(60)")
        assert time.monotonic() - started < 20
        with pytest.raises(psycopg.OperationalError):
            psycopg.connect(opened["url"])
        served.call("DELETE", f"/tunnels/{opened['tunnel']['id']}")
        assert visitors(served, shop) == []


def test_a_stop_ends_what_is_connected(served: Served, outside: Outside) -> None:
    made = served.create("postgresql")["id"]
    with outside.tunnel(made) as opened, psycopg.connect(opened["url"], autocommit=True) as line:
        started = time.monotonic()
        assert served.act(made, "stop")["state"] == "stopped"
        assert time.monotonic() - started < 10
        with pytest.raises(psycopg.OperationalError):
            line.execute("select 1")
    served.act(made, "start")
    eventually(lambda: visitors(served, made) == [], 25)


def test_the_server_itself_lets_nobody_in_afterwards(served: Served, outside: Outside, shop: str) -> None:
    """Not only our proxy: the login expires, and is gone when the tunnel is closed."""
    with outside.tunnel(shop, "--seconds", "60") as opened:
        found = served.rows(shop, "select rolvaliduntil < now() + interval '61 s' from pg_roles where rolname = $1",
                            [opened["user"]])  # fmt: skip
        assert found == [[True]]
    where = served.database(shop)["endpoint"]
    with pytest.raises(psycopg.OperationalError, match="authentication failed"):
        psycopg.connect(host=where["host"], port=where["port"], dbname=opened["database"],
                        user=opened["user"], password=opened["password"])  # fmt: skip


def test_a_database_without_a_server_says_what_to_do(served: Served, outside: Outside) -> None:
    made = served.create("sqlite")["id"]
    ran = outside.run(made)
    assert ran.returncode == 5
    assert "holdfast db query" in ran.stderr
    served.refused(409, "cannot_connect", "POST", f"/databases/{made}/tunnels", {})
    assert served.get(f"/databases/{made}/tunnels", closed="true")["items"] == []


def test_without_a_client_program_the_hint_says_how(outside: Outside, shop: str) -> None:
    ran = outside.run(shop, path="/nonexistent")
    assert ran.returncode == 2
    assert "--print-url" in ran.stderr


def test_too_many_tunnels_and_wrong_wishes(served: Served, shop: str) -> None:
    where = f"/databases/{shop}/tunnels"
    served.call("POST", where, {"access": "admin"}, 422)
    served.call("POST", where, {"seconds": 5}, 422)
    made = [served.call("POST", where, {}, 201)["tunnel"]["id"] for _ in range(8)]
    try:
        served.refused(503, "too_many_tunnels", "POST", where, {})
    finally:
        for tunnel in made:
            served.call("DELETE", f"/tunnels/{tunnel}", status=204)
    served.call("DELETE", f"/tunnels/{made[0]}", status=204)
    assert visitors(served, shop) == []


def handshake(served: Served, path: str, **headers: str) -> tuple[int, bytes]:
    """The answer's status to a raw upgrade over TCP."""
    port = KeeperClient(served.root / "run" / "keeper.sock").info().control_port
    lines = {"Host": f"127.0.0.1:{port}", "Upgrade": "websocket", "Connection": "Upgrade"}
    lines |= {"Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==", "Sec-WebSocket-Version": "13"}
    lines |= {name.replace("_", "-"): value for name, value in headers.items()}
    with socket.create_connection(("127.0.0.1", port or 0), timeout=10) as line:
        head = "".join(f"{name}: {value}\r\n" for name, value in lines.items())
        line.sendall(f"GET /api/v1{path} HTTP/1.1\r\n{head}\r\n".encode())
        answer = b""
        while b"\r\n\r\n" not in answer and (part := line.recv(65536)):
            answer += part
        return int(answer.split(b" ", 2)[1]), answer


def test_the_socket_is_guarded_like_every_route(served: Served, shop: str) -> None:
    _, owner = key(served, role="owner")
    _, viewer = key(served, role="viewer")
    _, other = key(served, role="owner")
    made = served.call("POST", f"/databases/{shop}/tunnels", {}, 201, headers={"Authorization": f"Bearer {owner}"})
    tunnel = made["tunnel"]["id"]
    path = f"/databases/{shop}/connect?tunnel={tunnel}"
    bearer = {"Authorization": f"Bearer {owner}"}
    cases = [
        (401, path, {}),
        (401, path, {"Authorization": "Bearer hf_" + "0" * 12 + "_" + "x" * 43}),
        (403, path, {"Authorization": f"Bearer {viewer}"}),
        (404, path, {"Authorization": f"Bearer {other}"}),
        (404, f"/databases/{shop}/connect?tunnel=tun_{'0' * 26}", bearer),
        (404, f"/databases/db_{'0' * 26}/connect?tunnel={tunnel}", bearer),
        (403, path, bearer | {"Origin": "https://evil.example"}),
        (421, path, bearer | {"Host": "evil.example"}),
        (400, path, bearer | {"Sec_WebSocket_Key": "short"}),
        (400, path, bearer | {"Sec_WebSocket_Version": "8"}),
        (403, "/nothing/here", bearer),
        (101, path, bearer),
    ]
    for status, where, headers in cases:
        assert handshake(served, where, **headers)[0] == status, (where, headers)
    eventually(lambda: served.get(f"/databases/{shop}/tunnels")["items"][0]["connections"] == 1, 5)
    served.call("DELETE", f"/tunnels/{tunnel}", status=404, headers={"Authorization": "Bearer " + limited(served)})
    served.call("DELETE", f"/tunnels/{tunnel}", status=403, headers={"Authorization": f"Bearer {viewer}"})
    assert len(served.get(f"/databases/{shop}/tunnels")["items"]) == 1
    served.call("DELETE", f"/tunnels/{tunnel}", status=204, headers={"Authorization": f"Bearer {other}"})
    assert handshake(served, path, **bearer)[0] == 409


def limited(served: Served) -> str:
    project = served.call("POST", "/projects", {"name": fresh("elsewhere")}, 201)["id"]
    return key(served, role="owner", projects=[project])[1]
