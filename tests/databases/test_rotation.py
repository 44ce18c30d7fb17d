"""Passwords of databases rotated on real servers: the new ones alone open the door, whatever was cut off on the way."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from contextlib import closing, suppress
from dataclasses import replace
from typing import Any

import psycopg
import pytest
from valkey_door import sign_in
from world import OWNER, World, actor_with, eventually, refused

from holdfast.contract.logins import CanAdmit, Login
from holdfast.contract.rotation import CanRotate
from holdfast.contract.spec import Role
from holdfast.features.databases import passwords
from holdfast.features.databases.model import Resource
from holdfast.features.health.pings import passwords_ping
from holdfast.kernel.errors import HoldfastError, NeedsOperator

pytestmark = pytest.mark.slow
NAMES = ("admin", "owner", "rw", "ro")


def _psql(url: str) -> Any:
    return psycopg.connect(url, connect_timeout=5, autocommit=True)


DOORS: dict[str, Callable[[str], Any]] = {"postgresql": _psql, "valkey": sign_in}


def opens(engine: str, url: str) -> bool:
    try:
        DOORS[engine](url).close()
    except (psycopg.OperationalError, PermissionError, ConnectionError):
        return False
    return True


def urls(here: World, resource: Resource) -> list[str]:
    return [here.services.databases.reveal_url(OWNER, resource.id, access) for access in ("owner", "rw", "ro")]


def rotate(here: World, resource: Resource) -> dict[str, Any]:
    _, run = here.services.changes.rotate(OWNER, resource.id, resource.name)
    return dict(here.succeeded(run).result or {})


@pytest.fixture(scope="module", params=sorted(DOORS))
def database(request: pytest.FixtureRequest, here: World) -> Resource:
    return here.create(request.param, f"o'\"/ü; -- {request.param}")


def test_only_the_new_passwords_open_and_open_sessions_end(here: World, database: Resource) -> None:
    before, generation = urls(here, database), database.generation
    held = DOORS[database.engine](before[1])
    assert rotate(here, database)["sessions_ended"] == 1
    with suppress(psycopg.Error, OSError), closing(held):
        held.execute("select 1")
        pytest.fail("a session of the old password goes on")
    after = urls(here, database)
    assert not set(before) & set(after)
    assert [opens(database.engine, url) for url in (*before, *after)] == [False] * 3 + [True] * 3
    now = here.database(database.id)
    assert (now.state, now.generation > generation) == ("ready", True)
    assert here.rows(database.id, "select 1" if database.engine == "postgresql" else "PING")
    with here.db.read() as conn:
        left = here.services.reach._secrets.all(conn, database.environment_id, database.id)
    assert sorted(left) == sorted(NAMES)


def test_a_restart_keeps_the_new_ones(here: World, database: Resource) -> None:
    """The file a server starts from follows, also when the keeper starts it and not we."""
    engine, at = here.services.reach.engine(database), here.services.reach.recorded(here.database(database.id))
    assert isinstance(engine, CanAdmit)
    engine.admit(at, Login("reporting", "its-own-word", "ro"))
    named = engine.url(replace(at, roles={"ro": Role("reporting", "own")}, secrets={"own": "its-own-word"}), "ro")
    rotate(here, database)
    hosts = here.services.reach.hosts
    pid = hosts.status(database.id).pid
    assert pid is not None
    os.kill(pid, signal.SIGKILL)
    eventually(lambda: hosts.status(database.id).pid not in (pid, None), 20)
    eventually(lambda: all(opens(database.engine, url) for url in (*urls(here, database), named)), 20)


@pytest.mark.parametrize("heal", ["rotate", "start"])
@pytest.mark.parametrize("reached", ["written down", "server changed"])
def test_whatever_was_cut_off_is_carried_to_its_end(here: World, database: Resource, heal: str, reached: str) -> None:
    reach = here.services.reach
    with here.db.write() as conn:
        passwords.begin(conn, reach._secrets, database, NAMES)
        coming = passwords.coming(reach._secrets.all(conn, database.environment_id, database.id))
    at = reach.recorded(database)
    if reached == "server changed":
        engine = reach.engine(database)
        assert isinstance(engine, CanRotate)
        engine.rotate(at, {access: coming[role.secret] for access, role in at.roles.items()})
    if heal == "rotate":
        rotate(here, database)
    else:
        here.succeeded(here.services.databases.stop(OWNER, database.id)[1])
        here.succeeded(here.services.databases.start(OWNER, database.id)[1])
    now = reach.recorded(here.database(database.id))
    assert dict(now.secrets) == coming
    assert all(opens(database.engine, url) for url in urls(here, database))
    assert not opens(database.engine, reach.engine(database).url(at, "rw"))


def test_a_statement_that_will_not_end_leaves_everything_as_it_was(here: World, database: Resource) -> None:
    before = urls(here, database)
    gate = here.services.queries._gate
    with gate.shared(database.id):
        _, run = here.services.changes.rotate(OWNER, database.id, database.name)
        eventually(lambda: here.database(database.id).state == "changing")
        here.services.runs.cancel(OWNER, run.id)
        assert here.ended(run, 30).state == "cancelled"
    assert here.database(database.id).state == "ready"
    assert urls(here, database) == before
    assert all(opens(database.engine, url) for url in before)


def test_what_a_role_changed_by_itself_is_found_out_and_mended(here: World) -> None:
    resource = here.create("postgresql", "drifts")
    reach, engine = here.services.reach, here.services.reach.engine(resource)
    assert isinstance(engine, CanRotate)
    assert engine.drifted(reach.recorded(resource)) == ()
    with closing(_psql(here.services.databases.reveal_url(OWNER, resource.id, "rw"))) as own:
        own.execute("alter role db_rw password 'of my own'")
    assert engine.drifted(reach.recorded(resource)) == ("rw",)
    assert engine.drifted(replace(reach.recorded(resource), secrets={**reach.secrets(resource), "ro": "x"})) == (
        "ro",
        "rw",
    )
    said = eventually(lambda: here.database(resource.id).state_reason, 40)  # the runner's own watch
    assert (said["code"], said["details"]) == ("passwords_drifted", {"logins": ["rw"]})
    with pytest.raises(NeedsOperator, match="drifts"):
        passwords_ping(here.db).check()
    rotate(here, resource)
    assert engine.drifted(reach.recorded(resource)) == ()
    assert opens("postgresql", urls(here, resource)[1])
    assert here.database(resource.id).state_reason is None
    assert passwords_ping(here.db).check()


def test_who_may_and_what_has_none(here: World, database: Resource) -> None:
    changes, name = here.services.changes, database.name
    before = urls(here, database)
    runs = here.count("runs")
    refused("confirm_mismatch", lambda: changes.rotate(OWNER, database.id, "x"))
    may_not = actor_with("database.read", "database.update", "database.url.reveal")
    with pytest.raises(HoldfastError) as caught:
        changes.rotate(may_not, database.id, name)
    assert caught.value.status == 403
    file = here.create("sqlite", f"file beside {database.engine}")
    refused("not_offered", lambda: changes.rotate(OWNER, file.id, file.name))
    assert here.count("runs") == runs + 1
    assert urls(here, database) == before
