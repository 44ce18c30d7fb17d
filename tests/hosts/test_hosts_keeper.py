"""The keeper: servers that outlive it, restarts, refusals, the control plane behind its sockets."""

from __future__ import annotations

import http.client
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from hosts_support import eventually, processes_naming
from needs import need

from holdfast.contract.spec import Limits
from holdfast.features.health.pings import keeper_ping
from holdfast.features.workers.versions import new_token
from holdfast.hosts import wire
from holdfast.hosts.control_plane import ControlPlane, Program, listen_tcp
from holdfast.hosts.keeper import Keeper, KeeperClient, background
from holdfast.hosts.launching import Launch
from holdfast.hosts.layout import LONGEST_OF_A_WORKER, Layout
from holdfast.hosts.limits import Groups
from holdfast.hosts.process import started_at
from holdfast.hosts.records import ServerRecord
from holdfast.hosts.supervisor import Policy
from holdfast.kernel.clock import SystemClock
from holdfast.kernel.errors import Conflict, NeedsOperator, Retryable
from holdfast.kernel.settings import Settings
from holdfast.runtime.live import Sockets

PYTHON = "/usr/bin/python3" if os.path.exists("/usr/bin/python3") else sys.executable
SERVE = """
import signal, socket, sys
if "stubborn" in sys.argv: signal.signal(signal.SIGTERM, signal.SIG_IGN)
made = socket.socket(socket.AF_UNIX); made.bind(sys.argv[1] + ".%d" % __import__("os").getpid()); made.listen()
print("serving", flush=True)
while True: made.accept()[0].close()
"""
API = """
import http.server, os, socket, sys
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200 if self.path == "/health/live" else 404); self.end_headers()
        self.wfile.write(str(os.getpid()).encode())
    def log_message(self, *a): pass
os.fstat(4)
server = http.server.HTTPServer(("127.0.0.1", 0), Handler, bind_and_activate=False)
server.socket = socket.socket(fileno=3)
server.socket.setblocking(True)
server.serve_forever()
"""
# Says its pid in a file; "last words" says why it cannot start, as a program does.
LATE = """
import os, sys, time
name, data = sys.argv[1:3]
with open(f"{data}/{name}.pids", "a") as file: file.write(f"{os.getpid()}\\n")
if os.path.exists(f"{data}/{name}.refuse"):
    print("it has no luck today", file=sys.stderr)
    sys.exit(os.EX_CONFIG)
time.sleep(1000)
"""
# A keeper in a process of its own; argv: data, runtime, port.
KEEPER = f"""
import os, sys
from pathlib import Path
from holdfast.hosts.keeper import Keeper, Program
from holdfast.hosts.supervisor import Policy
from holdfast.kernel.clock import SystemClock
from holdfast.kernel.settings import Settings
from holdfast.runtime.live import Sockets
data, runtime, port = sys.argv[1:4]
apps = int(os.environ.get("APPS", "0"))
settings = Settings(Path(data), Path(runtime), Path(runtime) / "key", control_port=int(port), apps_port=apps)
api = Program("api", (sys.executable, "-c", {API!r}, data), {{3: "control", 4: "admin"}})
runner = Program("runner", (sys.executable, "-c", "import time; time.sleep(1000)", data), {{}})
late = [
    Program(name, (sys.executable, "-c", {LATE!r}, name, data), sockets, after="workers")
    for name, sockets in (("pool", {{}}), ("edge", {{3: "apps", 4: "front"}}))
]
Keeper(settings, (api, runner, *late), on_ready=lambda info: print(info.control_port, flush=True)).run()
"""


def record(settings: Settings, *extra: str, **more: object) -> ServerRecord:
    marker = str(settings.runtime / "s" / "test")
    launch = Launch((PYTHON, "-c", SERVE, marker, *extra))
    return replace(ServerRecord("db_test", launch, signal.SIGTERM, 5.0), **more)  # type: ignore[arg-type]


@contextmanager
def keeper_process(settings: Settings, port: int = 0, **more: str) -> Iterator[tuple[subprocess.Popen[str], int]]:
    argv = [sys.executable, "-c", KEEPER, str(settings.data), str(settings.runtime), str(port)]
    process = subprocess.Popen(argv, stdout=subprocess.PIPE, text=True, env=os.environ | more)
    try:
        assert process.stdout is not None
        yield process, int(process.stdout.readline())
    finally:
        process.terminate()
        process.wait(20)
        assert process.stdout is not None
        process.stdout.close()


def get(port: int) -> str:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request("GET", "/health/live")
        return connection.getresponse().read().decode()
    finally:
        connection.close()


def test_start_is_idempotent_and_stop_is_remembered(settings: Settings, keeper: KeeperClient) -> None:
    first = keeper.start(record(settings))
    assert first.pid is not None
    assert first.state == "running"
    assert keeper.start(record(settings)).pid == first.pid
    assert (settings.data / "servers" / "db_test.json").stat().st_mode & 0o777 == 0o600
    assert keeper.stop("db_test").state == "stopped"
    assert started_at(first.pid) is None
    assert keeper.stop("db_test").state == "stopped"
    assert keeper.status("nobody").state == "none"


def test_a_changed_record_makes_a_new_process(settings: Settings, keeper: KeeperClient) -> None:
    first = keeper.start(record(settings))
    second = keeper.start(record(settings, "changed"))
    assert first.pid is not None
    assert second.pid != first.pid
    assert started_at(first.pid) is None


def test_a_dead_server_is_started_again(settings: Settings, keeper: KeeperClient) -> None:
    first = keeper.start(record(settings)).pid
    assert first is not None
    os.kill(first, signal.SIGKILL)
    eventually(lambda: keeper.status("db_test").pid not in (None, first))
    status = keeper.status("db_test")
    assert status.restarts == 1
    assert "killed by signal 9" in str(status.error)


def test_a_server_that_keeps_dying_is_failed_with_its_last_words(settings: Settings, keeper: KeeperClient) -> None:
    dying = replace(record(settings), launch=Launch((PYTHON, "-c", "import sys; sys.exit('no such cluster')")))
    keeper.start(dying)
    eventually(lambda: keeper.status("db_test").state == "failed")
    status = keeper.status("db_test")
    assert "no such cluster" in str(status.error)
    assert status.pid is None
    assert keeper.start(record(settings)).state == "running"


def test_stop_kills_after_the_timeout(settings: Settings, keeper: KeeperClient) -> None:
    stubborn = record(settings, "stubborn", stop_timeout=0.3)
    pid = keeper.start(stubborn).pid
    assert pid is not None
    log = settings.data / "logs" / "db_test.log"
    eventually(lambda: "serving" in log.read_text())
    began = time.monotonic()
    assert keeper.stop("db_test").state == "stopped"
    assert 0.3 <= time.monotonic() - began < 5
    assert started_at(pid) is None


def test_a_missing_program_names_the_step_and_starts_nothing(settings: Settings, keeper: KeeperClient) -> None:
    with pytest.raises(NeedsOperator) as caught:
        keeper.start(replace(record(settings), launch=Launch(("/does/not/exist",))))
    assert caught.value.details["step"] == "exec"
    assert caught.value.hint


def test_a_second_keeper_is_refused(settings: Settings, keeper: KeeperClient) -> None:
    with pytest.raises(Conflict) as caught:
        Keeper(settings).run()
    assert caught.value.code == "keeper_running"
    assert caught.value.details["pid"] == os.getpid()
    assert keeper.info().pid == os.getpid()


def test_no_keeper_is_retryable(settings: Settings) -> None:
    with pytest.raises(Retryable) as caught:
        KeeperClient.of(settings).status("db_test")
    assert caught.value.code == "keeper_away"


def test_only_we_and_root_may_speak(settings: Settings, keeper: KeeperClient) -> None:
    assert settings.keeper_socket.stat().st_mode & 0o777 == 0o600
    left, right = socket.socketpair(socket.AF_UNIX)
    with left, right:
        assert wire.peer_user(left) == os.geteuid()
    assert wire.peer_allowed(0)
    assert not wire.peer_allowed(os.geteuid() + 12345)
    if os.geteuid() != 0:
        return
    settings.keeper_socket.chmod(0o666)
    settings.data.parents[1].chmod(0o711)
    script = (
        f"import socket,os;os.setuid(65534);c=socket.socket(socket.AF_UNIX);c.connect({str(settings.keeper_socket)!r});"
    )
    script += 'c.sendall(b\'{"verb": "list"}\\n\');print(len(c.recv(100)))'
    said = subprocess.run([PYTHON, "-c", script], capture_output=True, text=True, check=False)
    assert said.stdout.strip() == "0" or "BrokenPipe" in said.stderr or "ConnectionReset" in said.stderr


def test_rubbish_is_answered_and_survived(settings: Settings, keeper: KeeperClient) -> None:
    for line in (b"rubbish\n", b"[]\n", b'{"verb": "start"}\n', b'{"verb": "status", "resource_id": "../x"}\n', b"\n"):
        with socket.socket(socket.AF_UNIX) as connection:
            connection.connect(str(settings.keeper_socket))
            connection.sendall(line)
            assert b'"ok": false' in connection.recv(65536)
    assert keeper.list() == {}


def test_a_memory_limit_holds_and_says_so(settings: Settings, keeper: KeeperClient) -> None:
    limited = "memory" in Groups(Layout.of(settings).label).controllers
    if not limited:
        Groups(Layout.of(settings).label).sweep()
    need(limited, "a memory controller that may be used")
    hungry = Launch((PYTHON, "-c", "import time; x = bytearray(200 << 20); time.sleep(100)"))
    keeper.start(replace(record(settings), launch=hungry, limits=Limits(memory_bytes=40 << 20)))
    eventually(lambda: keeper.status("db_test").state == "failed")
    status = keeper.status("db_test")
    assert status.oom_kills >= 1
    assert "out of memory" in str(status.error)
    assert status.limited is True
    small = replace(record(settings), limits=Limits(memory_bytes=40 << 20))
    keeper.start(small)
    assert 0 < (keeper.status("db_test").memory_bytes or 0) < 40 << 20


@pytest.mark.faults
def test_a_killed_keeper_leaves_servers_and_the_next_adopts_them(settings: Settings) -> None:
    with keeper_process(settings) as (process, port):
        client = KeeperClient.of(settings)
        before = client.start(record(settings))
        assert before.pid is not None
        parts = client.info().parts
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
        eventually(lambda: not any(started_at(part["pid"]) for part in parts.values()), 3)
        assert started_at(before.pid) is not None
        with keeper_process(settings, port) as (_, again):
            assert again == port
            assert client.status("db_test").pid == before.pid
            assert client.stop("db_test").state == "stopped"
            assert started_at(before.pid) is None


@pytest.mark.faults
def test_shutdown_can_keep_databases(settings: Settings) -> None:
    with background(settings) as client:
        pid = client.start(record(settings)).pid
        assert pid is not None
        client.shutdown(keep_databases=True)
        eventually(lambda: not settings.keeper_socket.exists())
    assert started_at(pid) is not None
    with background(settings) as client:
        assert client.status("db_test").pid == pid
    assert started_at(pid) is None


def test_the_control_plane_is_ready_soon_and_comes_back(settings: Settings) -> None:
    began = time.monotonic()
    with keeper_process(settings) as (process, port):
        assert time.monotonic() - began < 20
        first = get(port)
        os.kill(int(first), signal.SIGKILL)
        eventually(lambda: KeeperClient.of(settings).info().parts["api"]["pid"] not in (None, int(first)))
        second = get(port)
        assert second != first
        KeeperClient.of(settings).restart_control_plane()
        assert get(port) != second
        assert settings.admin_socket.stat().st_mode & 0o777 == 0o600
    assert process.returncode == 0
    assert not settings.admin_socket.exists()
    assert not settings.keeper_socket.exists()
    assert not processes_naming(str(settings.data))


def began(settings: Settings, name: str) -> list[int]:
    """The pids of every process of a late part there was."""
    path = settings.data / f"{name}.pids"
    return [int(each) for each in path.read_text().split()] if path.exists() else []


def test_parts_that_have_something_to_do_begin_once(settings: Settings) -> None:
    """Asked by many at once and again; what ran before is left alone, and each part is one process."""
    with keeper_process(settings) as (_, port):
        api, keeper = get(port), KeeperClient.of(settings)
        assert keeper.begin() is None, "nothing has anything to do"
        assert set(keeper.info().parts) == {"api", "runner"}
        (settings.data / "workers").mkdir()
        with ThreadPoolExecutor(6) as threads:
            ports = set(threads.map(lambda _: keeper.begin(), range(6)))
        assert len(ports) == 1
        assert ports != {None}
        eventually(lambda: [len(began(settings, name)) for name in ("pool", "edge")] == [1, 1])
        assert get(port) == api
        (first,) = began(settings, "pool")
        os.kill(first, signal.SIGKILL)
        eventually(lambda: len(began(settings, "pool")) == 2)
        keeper.restart_control_plane()
        eventually(lambda: [len(began(settings, name)) for name in ("pool", "edge")] == [3, 2])
        assert keeper.begin() in ports, "the same port, also after a restart"
        assert keeper.info().parts["pool"]["pid"] == began(settings, "pool")[-1]
    assert not processes_naming(str(settings.data))
    with keeper_process(settings):  # the directory says it to the next keeper
        eventually(lambda: len(began(settings, "pool")) == 4)


def test_a_part_that_cannot_begin_says_why_and_holds_up_no_other(settings: Settings) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        apps = taken.getsockname()[1]
        with keeper_process(settings, APPS=str(apps)):
            keeper = KeeperClient.of(settings)
            (settings.data / "workers").mkdir()
            (settings.data / "pool.refuse").touch()
            with pytest.raises(Conflict) as caught:
                keeper.begin()
            assert (caught.value.code, str(apps) in caught.value.message) == ("port_in_use", True)
            edge = keeper.info().parts["edge"]
            assert (edge["state"], edge["pid"]) == ("failed", None)
            assert str(apps) in edge["error"]
            eventually(lambda: "it has no luck today" in str(keeper.info().parts["pool"]["error"]))
            with pytest.raises(Retryable, match=f"edge.* does not stay up: port {apps}"):
                keeper_ping(keeper).check()
            taken.close()
            (settings.data / "pool.refuse").unlink()
            assert keeper.begin() == apps
            eventually(lambda: keeper.info().parts["edge"]["state"] == "running")
            eventually(lambda: keeper.info().parts["pool"]["state"] == "running")
    (settings.data / "pool.refuse").touch()
    with keeper_process(settings) as (_, port):
        assert get(port), "what only workers need does not keep databases from starting"


def test_a_part_whose_sockets_would_have_too_long_a_path_does_not_begin(settings: Settings) -> None:
    """Nothing could be bound or reached there, and who calls a worker would only hear that it is away."""
    longest = len(LONGEST_OF_A_WORKER)
    for each in ("http", "inner", "bind", "egress"):
        path = getattr(Sockets.of(Path("run"), new_token()), each)
        assert len(str(path.relative_to("run"))) <= longest
    deep = replace(settings, runtime=settings.runtime / ("x" * (107 - longest - len(str(settings.runtime)) - 1)))
    programs = (Program("pool", ("true",), {}, makes=LONGEST_OF_A_WORKER),)
    settings.data.mkdir(parents=True)
    plane = ControlPlane(deep, Layout.of(deep), programs, SystemClock(), Policy())
    with pytest.raises(NeedsOperator) as caught:
        plane.bind()
    assert caught.value.code == "runtime_too_long"
    assert "choose a shorter directory with HOLDFAST_RUNTIME" in plane.refused["pool"]
    assert plane.parts == {}


def test_a_taken_port_is_named(settings: Settings) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(Conflict) as caught:
            listen_tcp("127.0.0.1", port, "control", patience=0.1)
    assert caught.value.code == "port_in_use"
    assert str(port) in caught.value.message
    assert "HOLDFAST_CONTROL_PORT" in str(caught.value.hint)


def test_an_unusable_data_directory_has_a_hint(settings: Settings) -> None:
    settings.data.parent.write_text("a file")
    with pytest.raises(NeedsOperator) as caught:
        Keeper(settings).run()
    assert "HOLDFAST_DATA" in str(caught.value.hint)


@pytest.mark.faults
def test_a_second_interrupt_does_not_wait(settings: Settings) -> None:
    with keeper_process(settings) as (process, _):
        pid = KeeperClient.of(settings).start(record(settings, "stubborn", stop_timeout=60.0)).pid
        assert pid is not None
        eventually(lambda: "serving" in (settings.data / "logs" / "db_test.log").read_text())
        process.send_signal(signal.SIGINT)
        with pytest.raises(subprocess.TimeoutExpired):
            process.wait(0.7)
        process.send_signal(signal.SIGINT)
        assert process.wait(5) == 0
        assert started_at(pid) is None
