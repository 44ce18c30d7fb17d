"""A real PostgreSQL cluster through plan, launcher, keeper and tools."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import psycopg
import pytest
from hosts_support import eventually

from holdfast.contract.spec import Endpoint, Plan
from holdfast.engines.postgresql import engine
from holdfast.hosts.service import Hosts
from holdfast.kernel.errors import Permanent
from holdfast.kernel.settings import Settings

pytestmark = pytest.mark.slow
SECRETS = {"admin": "a'd min", "owner": "o", "rw": "w", "ro": "r"}
RESOURCE = "db_postgres"


def make(hosts: Hosts) -> Plan:
    spec = engine.spec()
    return engine.plan(spec, hosts.site(RESOURCE, "shop", engine, spec, SECRETS))


def ask(endpoint: Endpoint, statement: str) -> object:
    with psycopg.connect(
        host=str(endpoint.sockets), port=endpoint.port or 5432, user=endpoint.roles["admin"].user,
        password=SECRETS["admin"], dbname="postgres",
    ) as connection:  # fmt: skip
        row = connection.execute(statement).fetchone()
        assert row is not None
        return row[0]


def test_a_cluster_comes_up_below_a_closed_directory_and_leaves_nothing(hosts: Hosts, settings: Settings) -> None:
    plan = make(hosts)
    hosts.up(RESOURCE, plan)
    status = hosts.status(RESOURCE)
    assert status.state == "running"
    assert status.pid is not None
    assert plan.endpoint.sockets is not None
    assert ask(plan.endpoint, "select 42") == 42
    if os.geteuid() == 0:
        facts = Path(f"/proc/{status.pid}/status").read_text()
        assert "Uid:\t7" in facts
        assert "NoNewPrivs:\t1" in facts
        assert "CapEff:\t0000000000000000" in facts
    hosts.up(RESOURCE, plan)
    assert hosts.status(RESOURCE).pid == status.pid
    hosts.down(RESOURCE)
    assert hosts.status(RESOURCE).state == "stopped"
    hosts.up(RESOURCE, plan)
    assert ask(plan.endpoint, "select 42") == 42
    hosts.remove(RESOURCE)
    assert hosts.status(RESOURCE).state == "none"
    assert not (settings.data / "databases" / RESOURCE).exists()
    assert not plan.endpoint.sockets.exists()
    hosts.remove(RESOURCE)


def test_tools_run_as_the_resource_and_say_why_they_failed(hosts: Hosts, tmp_path: Path) -> None:
    plan = make(hosts)
    hosts.up(RESOURCE, plan)
    tools = hosts.tools(RESOURCE, plan.software, tmp_path)
    where = [
        "-h",
        str(plan.endpoint.sockets),
        "-p",
        str(plan.endpoint.port or 5432),
        "-U",
        plan.endpoint.roles["admin"].user,
    ]
    env = {"PGPASSWORD": SECRETS["admin"]}
    assert tools.output(["psql", *where, "-Atc", "select 6 * 7", "postgres"], env=env) == b"42\n"
    target = tools.scratch / "schema.dump"
    tools.output(["pg_dump", *where, "-Fc", "-f", str(target), "postgres"], env=env)
    assert target.read_bytes().startswith(b"PGDMP")
    with pytest.raises(Permanent, match="division by zero") as caught:
        tools.output(["psql", *where, "-v", "ON_ERROR_STOP=1", "-Atc", "select 1/0", "postgres"], env=env)
    assert caught.value.code == "tool_failed"


def test_a_killed_server_is_back_with_its_data(hosts: Hosts) -> None:
    plan = make(hosts)
    hosts.up(RESOURCE, plan)
    before = hosts.status(RESOURCE).pid
    assert before is not None
    os.kill(before, signal.SIGKILL)
    eventually(lambda: hosts.status(RESOURCE).pid not in (None, before))
    hosts.up(RESOURCE, plan)
    assert hosts.status(RESOURCE).restarts >= 1
    assert ask(plan.endpoint, "select 42") == 42


def test_a_scratch_server_has_no_network_and_leaves_nothing(hosts: Hosts, settings: Settings, tmp_path: Path) -> None:
    before = {p.name for p in settings.data.rglob("*") if "software" not in p.parts}
    descriptors = len(os.listdir("/proc/self/fd"))
    with hosts.scratch(engine, engine.spec(), "shop", SECRETS, tmp_path) as endpoint:
        assert ask(endpoint, "select 42") == 42
        pid = int(Path(str(next(tmp_path.rglob("postmaster.pid")))).read_text().split()[0])
        if os.geteuid() == 0:
            assert os.readlink(f"/proc/{pid}/ns/net") != os.readlink("/proc/self/ns/net")
        tools = hosts.tools(None, engine.software(engine.spec()), tmp_path)
        argv = ["psql", "-h", str(endpoint.sockets), "-U", endpoint.roles["admin"].user, "-Atc", "select 1", "postgres"]
        assert tools.output(argv, env={"PGPASSWORD": SECRETS["admin"]}) == b"1\n"
    assert not Path(f"/proc/{pid}").exists()
    assert len(os.listdir("/proc/self/fd")) == descriptors
    after = {p.name for p in settings.data.rglob("*") if "software" not in p.parts}
    assert after - before <= {"allocation.json", "allocation.lock", "scratch"}
    assert not list(tmp_path.rglob("srv_*"))


def test_a_scratch_server_goes_when_the_block_raises(hosts: Hosts, tmp_path: Path) -> None:
    with pytest.raises(RuntimeError), hosts.scratch(engine, engine.spec(), "shop", SECRETS, tmp_path):
        raise RuntimeError("the rehearsal failed")
    assert not list(tmp_path.rglob("srv_*"))
