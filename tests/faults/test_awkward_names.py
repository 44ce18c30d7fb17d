"""Names that are no identifiers: made, asked, saved, restored both ways and deleted."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from faults_cluster import ENGINES, Cluster, refused

from holdfast.kernel.errors import Conflict, Invalid

pytestmark = [pytest.mark.faults, pytest.mark.slow]

NAMES = (
    'O\'Brien "the" `shop`',
    "a/b/../c\\d",
    "größe Ж 店 🗄",
    "x" * 63,
    "select",
    "-D /etc; rm $HOME %s {0}",
)
AWKWARD = 'a/b O\'Brien "x" `y` \\ größe 店 '.ljust(59, "x")  # 63 bytes
LONG = ("ж" * 31 + "x", "..", "template1", "postgres")


def journey(it: Cluster, engine: str, name: str, *, full: bool) -> None:
    database = it.create(engine, name, rows=5)
    assert it.client.get(f"/databases/{database}")["name"] == name
    before = it.rows(database)
    snapshot = it.snapshot(database)
    if full:
        other = name[::-1] if name != name[::-1] else "y" + name[1:]
        copy = it.restore_new(snapshot, other)
        it.done(copy)
        assert it.rows(copy["resource"]["id"]) == before
    it.write(database, "DELETE FROM t")
    it.done(it.restore_in_place(snapshot, name))
    assert it.rows(database) == before
    for wrong in (name + "x", name[:-1], ""):
        refused(lambda wrong=wrong: it.client.delete(f"/databases/{database}", {"confirm": wrong}), Invalid)
    it.done(it.client.delete(f"/databases/{database}", {"confirm": name}))


def test_sqlite_takes_any_name(kept: Callable[..., Cluster]) -> None:
    it = kept()
    assert len(AWKWARD.encode()) == 63
    for name in (*NAMES, *LONG):
        journey(it, "sqlite", name, full=True)
    it.sound()


@pytest.mark.parametrize("name", [AWKWARD, "select"], ids=["awkward", "reserved"])
def test_postgresql_takes_any_name(kept: Callable[..., Cluster], name: str) -> None:
    it = kept()
    journey(it, "postgresql", name, full=False)
    it.sound()


@pytest.mark.parametrize("engine", ENGINES)
def test_a_name_that_can_hide_is_refused(kept: Callable[..., Cluster], engine: str) -> None:
    it = kept()
    there = sorted(item["id"] for item in it.client.items("/databases"))
    for name in ("", " x", "x ", "a\0b", "a\nb", "a\u202eb", "ж" * 32, "a\ud800"[:1] + "\u200b"):
        body = {"engine": engine, "name": name, "environment_id": it.environment}
        assert refused(lambda body=body: it.client.post("/databases", body), Invalid).message
    assert sorted(item["id"] for item in it.client.items("/databases")) == there
    if engine == "sqlite":
        it.create(engine, "same")
        again = {"engine": engine, "name": "same", "environment_id": it.environment}
        assert refused(lambda: it.client.post("/databases", again), Conflict).message
