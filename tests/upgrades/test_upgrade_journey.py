"""`db upgrade`: 16 to 18, rehearsed on a copy, switched, taken back; killed in the middle the old one serves."""

from __future__ import annotations

import os
import signal
import threading
import time
from contextlib import closing, suppress
from typing import Any

import psycopg
import pytest
from journey import Served, eventually, fresh

from holdfast.hosts.keeper import KeeperClient

pytestmark = pytest.mark.slow

SCHEMA = (
    'create schema "odd \'""; --"',
    'create table "odd \'""; --"."t ""x" (id int generated always as identity primary key, v numeric(20, 4), j jsonb,'
    " b bytea, at timestamptz default now())",
    'insert into "odd \'""; --"."t ""x" (v, j, b) select i / 3.0, jsonb_build_object(\'i\', i), int4send(i)'
    " from generate_series(1, 2000) i",
    "create table parent (id int primary key)",
    "create table child (id int references parent, n text check (n <> ''))",
    "insert into parent values (1)",
    "insert into child values (1, 'x')",
    "create index on child (n)",
    "create view seen as select * from child",
    "create materialized view kept as select count(*) from parent",
)


def made(served: Served) -> dict[str, Any]:
    found = served.create("postgresql", fresh("o'\"/ü; --"), spec={"version": "16"})
    served.write(found["id"], *SCHEMA)
    return found


def version(served: Served, database: str) -> str:
    return str(served.rows(database, "show server_version_num")[0][0])[:2]


def content(served: Served, database: str) -> Any:
    return served.rows(
        database,
        'select (select count(*) from "odd \'""; --"."t ""x"), (select sum(v) from "odd \'""; --"."t ""x"),'
        " (select n from seen), (select count from kept)",
    )


def test_an_upgrade_is_rehearsed_switched_and_taken_back(served: Served) -> None:
    database = made(served)
    name, where = database["name"], f"/databases/{database['id']}"
    login = served.call("POST", f"{where}/logins", {"name": "reporting", "access": "ro"}, 201)
    served.call("PATCH", f"{where}/settings", {"settings": {"work_mem": "9MB", "autovacuum_naptime": "2min"}})
    before = content(served, database["id"])
    served.refused(422, "confirm_mismatch", "POST", f"{where}/upgrades", {"version": "18"})
    for wrong in ("16", "15", "x", "99"):
        served.call("POST", f"{where}/upgrades", {"version": wrong, "rehearse": True}, 422)

    tried = served.ended(served.call("POST", f"{where}/upgrades", {"version": "18", "rehearse": True}, 202), 120)
    assert tried["state"] == "succeeded", tried["error"]
    report = tried["result"]["report"]
    assert report["logins"] == ["reporting"]
    assert [line for line in report["left_behind"] if "autovacuum_naptime" in line]
    assert report["outage_seconds_expected"] > 0
    assert (version(served, database["id"]), served.database(database["id"])["state"]) == ("16", "ready")

    done = served.ended(served.call("POST", f"{where}/upgrades", {"version": "18", "confirm": name}, 202), 120)
    assert done["state"] == "succeeded", done["error"]
    assert 0 < done["result"]["report"]["outage_seconds"] < 90
    assert (version(served, database["id"]), content(served, database["id"])) == ("18", before)
    assert served.database(database["id"])["spec"]["version"] == "18"
    with closing(psycopg.connect(login["url"])) as line:
        assert line.execute("select n from seen").fetchone() == ("x",)
        assert line.execute("show work_mem").fetchone() == ("9MB",)
    served.write(database["id"], 'insert into "odd \'""; --"."t ""x" (v) values (1)')
    served.act(database["id"], "stop")
    served.act(database["id"], "start")
    assert version(served, database["id"]) == "18"

    newest = served.get(f"{where}/upgrades")["items"][0]
    assert (newest["state"], bool(newest["kept_until"])) == ("switched", True)
    served.refused(409, "upgrade_kept", "POST", f"{where}/upgrades", {"version": "18", "confirm": name})
    url = served.call("POST", f"{where}/url", {"access": "rw"})["url"]
    served.done(served.call("POST", f"{where}/passwords/rotate", {"confirm": name}, 202))
    served.refused(422, "confirm_mismatch", "POST", f"/upgrades/{newest['id']}/take-back", {"confirm": "x"})
    back = served.ended(served.call("POST", f"/upgrades/{newest['id']}/take-back", {"confirm": name}, 202), 60)
    assert back["state"] == "succeeded", back["error"]
    assert (version(served, database["id"]), content(served, database["id"])) == ("16", before)
    fresh_url = served.call("POST", f"{where}/url", {"access": "rw"})["url"]
    with closing(psycopg.connect(fresh_url)):  # passwords that were rotated since open the old server too
        assert url != fresh_url
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        psycopg.connect(url)
    saved = back["result"]["report"]["taken_back_snapshot_id"]
    shown = served.get(f"/snapshots/{saved}")
    assert (shown["state"], shown["trigger"]) == ("ready", "safety")
    assert shown["rows"] == 2001 + 1 + 1 + 0  # the row that was written after the switch is in it
    served.refused(409, "nothing_kept", "POST", f"/upgrades/{newest['id']}/take-back", {"confirm": name})


def test_no_committed_write_is_lost_by_the_switch(served: Served) -> None:
    """A program goes on writing over its own connection: what it was told is committed is there afterwards."""
    database = made(served)
    url = served.call("POST", f"/databases/{database['id']}/url", {"access": "rw"})["url"]
    committed: list[int] = []
    over = threading.Event()

    def write() -> None:
        number = 1000
        while not over.is_set():
            with suppress(psycopg.Error), closing(psycopg.connect(url, autocommit=True, connect_timeout=2)) as line:
                while not over.is_set():
                    number += 1
                    line.execute("insert into parent values (%s)", (number,))
                    committed.append(number)
            time.sleep(0.05)

    writer = threading.Thread(target=write)
    writer.start()
    try:
        body = {"version": "18", "confirm": database["name"]}
        run = served.ended(served.call("POST", f"/databases/{database['id']}/upgrades", body, 202), 120)
        at_switch = len(committed)
        eventually(lambda: len(committed) > at_switch + 10, 10)
    finally:
        over.set()
        writer.join(10)
    assert run["state"] == "succeeded", run["error"]
    assert version(served, database["id"]) == "18"
    found = {row[0] for row in served.ask(database["id"], "select id from parent", limits={"rows": 100000})["rows"]}
    assert set(committed) <= found


@pytest.mark.faults
def test_killed_in_the_switch_the_old_server_serves(served: Served) -> None:
    database = made(served)
    before = content(served, database["id"])
    body = {"version": "18", "confirm": database["name"]}
    started = served.call("POST", f"/databases/{database['id']}/upgrades", body, 202)
    data = served.root / "data" / "databases" / database["id"]
    eventually((data / "cluster.16").exists, 90)
    os.kill(KeeperClient(served.root / "run" / "keeper.sock").info().parts["runner"]["pid"], signal.SIGKILL)
    run = served.ended(started, 90)
    assert (run["state"], run["error"]["code"]) == ("failed", "upgrade_cut_off"), run
    assert (version(served, database["id"]), content(served, database["id"])) == ("16", before)
    assert not (data / "cluster.16").exists()
    served.write(database["id"], "insert into parent values (2)")


def test_a_file_has_no_versions(served: Served) -> None:
    file = served.create("sqlite")
    body = {"version": "18", "confirm": file["name"]}
    served.refused(409, "not_offered", "POST", f"/databases/{file['id']}/upgrades", body)
