"""Databases given other limits and settings while they stand: at once, by a restart one agreed to, or not at all."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path
from typing import Any

import psycopg
import pytest
from valkey_door import sign_in
from world import OWNER, World, actor_with, eventually, refused

from holdfast.engines.postgresql import link
from holdfast.features.databases.model import Resource
from holdfast.kernel.errors import HoldfastError

pytestmark = pytest.mark.slow
MB = 1024 * 1024


@pytest.fixture(scope="module")
def shop(here: World) -> Resource:
    return here.create("postgresql", "o'\"/ü; -- sized")


@pytest.fixture(scope="module")
def cache(here: World) -> Resource:
    return here.create("valkey", "cache")


def resized(here: World, resource: Resource, confirm: str = "", **spec: Any) -> dict[str, Any]:
    _, run, _ = here.services.changes.resize(OWNER, resource.id, spec, confirm)
    return dict(here.succeeded(run).result or {})


def failed(here: World, resource: Resource, confirm: str = "", **spec: Any) -> dict[str, Any]:
    _, run, _ = here.services.changes.resize(OWNER, resource.id, spec, confirm)
    ended = here.ended(run)
    assert ended.state == "failed"
    return dict(ended.error or {})


def pid(here: World, resource: Resource) -> int:
    found = here.services.reach.hosts.status(resource.id).pid
    assert found
    return found


def limit(here: World, resource: Resource, controller: str, *files: str) -> str | None:
    """What the kernel holds the server to; None where this machine has no such controller."""
    for line in Path(f"/proc/{pid(here, resource)}/cgroup").read_text().splitlines():
        _, names, path = line.split(":", 2)
        for mount in ("", f"/{controller}"):
            for file in files:
                found = Path(f"/sys/fs/cgroup{mount}{path}/{file}")
                if (controller in names.split(",") or not names) and found.is_file():
                    return found.read_text().strip()
    return None


def test_limits_and_settings_are_applied_while_it_runs(here: World, shop: Resource) -> None:
    server = pid(here, shop)
    url = here.services.databases.reveal_url(OWNER, shop.id, "rw")
    with closing(psycopg.connect(url, autocommit=True)) as held:
        told = resized(here, shop, memory_mb=512, cpus=1.5, work_mem_mb=9, connection_limit=15)
        assert (told["applied"], pid(here, shop)) == ("at once", server)
        assert held.execute("select 1").fetchone() == (1,), "sessions go on"
        eventually(lambda: held.execute("show work_mem").fetchone() == ("9MB",))
        limit_now = "select datconnlimit from pg_database where datname = current_database()"
        assert held.execute(limit_now).fetchone() == (15,)
    if told["limited"]:
        memory = limit(here, shop, "memory", "memory.max", "memory.limit_in_bytes")
        assert memory == str(512 * MB)
        resized(here, shop, memory_mb=1024)  # up, past the one with swap
        assert limit(here, shop, "memory", "memory.max", "memory.limit_in_bytes") == str(1024 * MB)
    assert here.database(shop.id).spec["work_mem_mb"] == 9
    resized(here, shop, memory_mb=None, cpus=None)
    assert here.database(shop.id).spec["memory_mb"] is None
    assert pid(here, shop) == server


def test_a_restart_is_announced_and_agreed_to(here: World, shop: Resource) -> None:
    changes, server, runs = here.services.changes, pid(here, shop), here.count("runs")
    error = refused("restart_needed", lambda: changes.resize(OWNER, shop.id, {"max_connections": 45}, ""))
    assert error.details["fields"] == ["max_connections"]
    assert error.hint
    refused("confirm_mismatch", lambda: changes.resize(OWNER, shop.id, {"max_connections": 45}, "shop"))
    assert (pid(here, shop), here.count("runs")) == (server, runs)
    assert resized(here, shop, shop.name, max_connections=45, shared_buffers_mb=40)["applied"] == "by a restart"
    assert pid(here, shop) != server
    shown = "select current_setting('max_connections'), current_setting('shared_buffers')"
    assert here.rows(shop.id, shown) == [("45", "40MB")]
    assert here.database(shop.id).state == "ready"


def test_a_server_that_cannot_start_like_that_is_put_back(here: World, shop: Resource) -> None:
    """More sessions kept back for the superuser than there are in all: PostgreSQL refuses to start."""
    before = here.database(shop.id)
    with link.connect(here.services.reach.recorded(before)) as admin:
        admin.execute("alter system set superuser_reserved_connections = 40")
    error = failed(here, shop, shop.name, max_connections=30, shared_buffers_mb=50)
    assert (error["code"], "superuser_reserved" in error["message"]) == ("server_failed", True), error
    with link.connect(here.services.reach.recorded(before)) as admin:
        admin.execute("alter system reset superuser_reserved_connections")
    after = here.database(shop.id)
    assert (after.state, after.spec) == ("ready", before.spec)
    assert here.rows(shop.id, "select current_setting('max_connections')") == [("45",)]


@pytest.mark.parametrize(
    ("spec", "code", "field"),
    [
        ({"memory_mb": 64, "shared_buffers_mb": 40}, "resize_invalid", "memory_mb"),
        ({"memory_mb": 3}, "spec_invalid", "memory_mb"),
        ({"version": "16"}, "resize_invalid", "version"),
        ({"memroy_mb": 512}, "spec_invalid", "memroy_mb"),
        ({"cpus": "a lot"}, "spec_invalid", "cpus"),
    ],
)
def test_refused_values_say_which_field_and_why(
    here: World, shop: Resource, spec: dict[str, Any], code: str, field: str
) -> None:
    before, runs = here.database(shop.id), here.count("runs")
    error = refused(code, lambda: here.services.changes.resize(OWNER, shop.id, spec, shop.name))
    assert error.details["fields"][0]["field"] == f"spec.{field}"
    assert (here.database(shop.id), here.count("runs")) == (before, runs)


def test_no_limit_goes_below_what_is_in_use(here: World, cache: Resource) -> None:
    for number in range(30):
        here.rows(cache.id, f"SET k{number} {'x' * 1_000_000}", write=True)
    error = failed(here, cache, max_data_mb=16)
    assert (error["code"], error["details"]["field"]) == ("limit_below_use", "max_data_mb")
    assert here.database(cache.id).spec["max_data_mb"] == 256
    assert here.rows(cache.id, "DBSIZE") == [(30,)]


def test_a_cache_changes_at_once_and_stays_so(here: World, cache: Resource) -> None:
    url, server = here.services.databases.reveal_url(OWNER, cache.id, "owner"), pid(here, cache)
    with closing(sign_in(url)) as held:
        told = resized(here, cache, max_data_mb=64, eviction="allkeys-lru", max_clients=50)
        assert (told["applied"], pid(here, cache), held.execute("")) == ("at once", server, "PONG")
    for _ in range(2):
        facts = dict(
            line.split(":", 1) for line in str(here.rows(cache.id, "INFO memory")[0][0]).splitlines() if ":" in line
        )
        assert (int(facts["maxmemory"]), facts["maxmemory_policy"].strip()) == (64 * MB, "allkeys-lru")
        here.succeeded(here.services.databases.stop(OWNER, cache.id)[1])
        here.succeeded(here.services.databases.start(OWNER, cache.id)[1])
    error = refused("resize_invalid", lambda: here.services.changes.resize(OWNER, cache.id, {"databases": 32}, ""))
    assert "stays as it was created" in error.message


def test_a_stopped_one_has_them_from_its_next_start(here: World, shop: Resource) -> None:
    here.succeeded(here.services.databases.stop(OWNER, shop.id)[1])
    assert resized(here, shop, max_connections=33)["applied"] == "at the next start"
    assert here.database(shop.id).state == "stopped"
    here.succeeded(here.services.databases.start(OWNER, shop.id)[1])
    assert here.rows(shop.id, "select current_setting('max_connections')") == [("33",)]


def test_who_may_and_what_has_no_size(here: World, shop: Resource) -> None:
    changes, runs = here.services.changes, here.count("runs")
    with pytest.raises(HoldfastError) as caught:
        changes.resize(actor_with("database.read", "database.update"), shop.id, {"cpus": 1}, "")
    assert caught.value.status == 403
    refused("nothing_to_change", lambda: changes.resize(OWNER, shop.id, {"max_connections": 33}, ""))
    assert here.count("runs") == runs
    file = here.create("sqlite", "no size")
    refused("not_offered", lambda: changes.resize(OWNER, file.id, {"page_size": 512}, ""))


def test_what_was_not_given_is_tuned_to_the_memory_it_may_use(here: World) -> None:
    """And the smallest there is starts and works within it."""
    small = here.create("postgresql", "small", spec={"memory_mb": 64, "work_mem_mb": 2})
    shown = "select current_setting('shared_buffers'), current_setting('work_mem')"
    assert here.rows(small.id, shown) == [("16MB", "2MB")]
    here.write(small.id, "create table t as select i, repeat('x', 1000) as body from generate_series(1, 20000) i")
    assert here.rows(small.id, "select count(distinct body) from t") == [(1,)]
    assert here.create("valkey", "small cache", spec={"memory_mb": 64}).spec["max_data_mb"] == 25
