"""Real processes (edge, pool, state, egress), one innocent worker and many hostile ones.

Everything is judged from here, which is outside.
"""

from __future__ import annotations

import http.client
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from textwrap import dedent
from typing import Any

import apsw
import hostile_cast

from holdfast.hosts.layout import Layout
from holdfast.kernel.settings import Settings
from holdfast.runtime.bindings.kv_file import KvFile
from holdfast.runtime.live import LiveVersion, Sockets
from holdfast.runtime.pool import Policy, PoolClient
from holdfast.runtime.sandbox.modes import Mode
from holdfast.runtime.sandbox.zygote import INSIDE_UID
from holdfast.runtime.telemetry import Invocation, TelemetryReader, VersionState, path_of

HERE = Path(__file__).parent
AS_ANOTHER_USER = HERE.parent / "sandbox" / "as_another_user.py"
UID = 54_322  # whose Holdfast is where it is not root's


@dataclass(frozen=True)
class Reply:
    status: int
    fields: list[tuple[str, str]]
    body: bytes

    @property
    def told(self) -> Any:
        assert self.status == 200, (self.status, self.body)
        return json.loads(self.body)


@dataclass
class House:
    """`start`, then `ask` and `run`; `close` leaves nothing behind."""

    root: Path
    mode: Mode
    busy: float = Policy().busy
    versions: dict[str, LiveVersion] = field(init=False)
    processes: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.root.chmod(0o711)
        self.api = socket.create_server(("127.0.0.1", 0))  # stands for our own API: nobody may reach it
        self.api.setblocking(False)
        self.runtime, self.data = self.root / "r", self.root / "data"
        self.runtime.mkdir(mode=0o711)
        self.data.mkdir(mode=0o700)
        self.admin = socket.socket(socket.AF_UNIX)  # and this for its socket of the operator's
        self.admin.bind(str(self.runtime / "admin.sock"))
        self.admin.listen()
        self.admin.setblocking(False)
        self.versions = {each.worker: each for each in hostile_cast.living(self.root)}
        self.telemetry = TelemetryReader(path_of(self.data))
        self._code()
        for name in ("innocent", "own"):
            KvFile.open(self.root / f"{name}.kv", create=True).close()
        self.port = 0
        with closing(apsw.Connection(str(self.root / "own.db"))) as table:
            table.execute("pragma journal_mode = wal").fetchall()
        settings = Settings(data=self.data, runtime=self.runtime, master_key_file=self.root / "key")
        self.label = Layout.of(settings).label
        if not self.grouped:
            for each in (self.root, *self.root.rglob("*")):
                os.chown(each, UID, UID, follow_symlinks=False)

    @property
    def grouped(self) -> bool:
        """Whether Holdfast is root and has control groups; else it is an ordinary user who was given none."""
        return self.mode != "userns"

    def _code(self) -> None:
        (self.root / "code").mkdir(mode=0o755)
        for each in self.versions.values():
            each.code.mkdir(mode=0o755)
            shutil.copy(HERE / "code" / each.main, each.code / each.main)
            (each.code / each.main).chmod(0o644)
        (self.root / "code" / "innocent" / "private.txt").write_text("the innocent one's file")
        linked = self.root / "code" / "linked"
        (linked / "main.py").unlink()
        (linked / "main.py").symlink_to("../innocent/innocent.py")
        links = self.root / "code" / "prober"
        for name, target in {
            "shadow": "/etc/shadow",
            "neighbour": "../innocent/private.txt",
            "far": "../" * 12 + "etc/shadow",
            "outside": str(self.root / "code" / "innocent" / "private.txt"),
            "door": str(self.runtime / "admin.sock"),
        }.items():
            (links / name).symlink_to(target)

    def start(self) -> None:
        self._routes()
        environ = os.environ | {
            "HOLDFAST_DATA": str(self.data),
            "HOLDFAST_RUNTIME": str(self.runtime),
            "HOLDFAST_MASTER_KEY_FILE": str(self.root / "key"),
            "BUSY": str(self.busy),
            "CONTROL_PORT": str(self.api.getsockname()[1]),
        }
        for part in ("state", "egress", "pool"):
            argv = [sys.executable, str(HERE / "hostile_process.py"), part, str(self.root), self.mode]
            self._begin(part, argv, environ, ())
        with socket.create_server(("127.0.0.1", 0), backlog=512) as apps:
            self.port = apps.getsockname()[1]
            argv = [sys.executable, "-m", "holdfast.edge", "--fd", f"apps={apps.fileno()}"]
            self._begin("edge", argv, environ, (apps.fileno(),))
        self.until(lambda: self.ask("innocent").status == 200, 60)

    def _begin(self, name: str, argv: list[str], environ: dict[str, str], passed: tuple[int, ...]) -> None:
        if not self.grouped:
            argv = [sys.executable, str(AS_ANOTHER_USER), str(UID), *argv]
        with (self.root / f"{name}.log").open("ab") as log:
            self.processes[name] = subprocess.Popen(argv, env=environ, pass_fds=passed, stdout=log, stderr=log)

    def _routes(self) -> None:
        workers = [
            {
                "slug": each.worker,
                "worker_id": each.worker_id,
                "hosts": [],
                "versions": [
                    {"id": each.id, "token": each.token, "weight": 100, "tag": None},
                ],
                "cors": None,
                "keys": None,
                "timeout_seconds": each.limits.timeout_seconds,
                "body_bytes": 1 << 20,
                "enabled": True,
            }
            for each in self.versions.values()
        ]
        table = {"revision": 1, "suffixes": ["localhost"], "workers": workers}
        (self.runtime / "routes.json").write_text(json.dumps(table))

    def close(self) -> None:
        for process in reversed(self.processes.values()):
            process.send_signal(signal.SIGTERM)
        for process in self.processes.values():
            try:
                process.wait(30)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        self.api.close()
        self.admin.close()

    # what a stranger sees

    def ask(self, worker: str, body: bytes = b"", seconds: float = 30) -> Reply:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=seconds)
        try:
            connection.request(
                "POST" if body else "GET", "/", body=body or None, headers={"Host": f"{worker}.localhost"}
            )
            answer = connection.getresponse()
            return Reply(answer.status, answer.getheaders(), answer.read())
        finally:
            connection.close()

    def run(self, worker: str, script: str, given: object = None, seconds: float = 30) -> Reply:
        """The worker runs `script`, which may set `told`."""
        return self.ask(worker, f"given = {given!r}\n{dedent(script)}".encode(), seconds)

    def raw(self, worker: str, body: str, seconds: float) -> bytes:
        """All that comes back on a connection of its own, or that came within so long."""
        script = dedent(body).encode()
        with socket.create_connection(("127.0.0.1", self.port), timeout=seconds) as line:
            head = f"POST / HTTP/1.1\r\nhost: {worker}.localhost\r\ncontent-length: {len(script)}\r\n\r\n"
            line.sendall(head.encode() + script)
            heard, end = b"", time.monotonic() + seconds
            try:
                while time.monotonic() < end and (part := line.recv(65536)):
                    heard += part
            except (TimeoutError, ConnectionError):
                pass
            return heard

    # what the machine says

    def uid(self, worker: str) -> int:
        """As it sees itself."""
        if not self.grouped:
            return INSIDE_UID
        users = json.loads((self.data / "workers" / "users.json").read_text())["users"]
        found: int = users[self.versions[worker].token]
        return found

    def running(self, worker: str) -> set[int]:
        """Processes of the worker's user in control groups of workers, of the whole machine; without groups those that
        see its code."""
        mark, place, user = f"/{self.label}-w/", "cgroup", f"\nUid:\t{self.uid(worker)}\t"
        if not self.grouped:
            mark, place, user = f"{self.root.name}/code/{worker} /app ", "mountinfo", ""
        found = set()
        for each in Path("/proc").glob("[0-9]*"):
            try:
                status = (each / "status").read_text()
                if user in status and "\nState:\tZ" not in status and mark in (each / place).read_text():
                    found.add(int(each.name))
            except OSError:
                continue
        return found

    def memory(self, worker: str) -> int:
        """Bytes that its processes have and no file does."""
        found = 0
        for pid in self.running(worker):
            try:
                lines = Path(f"/proc/{pid}/status").read_text().splitlines()
            except OSError:
                continue
            found += sum(int(line.split()[1]) for line in lines if line.startswith(("RssAnon:", "RssShmem:")))
        return found * 1024

    def tasks(self, worker: str) -> int:
        found = 0
        for pid in self.running(worker):
            try:
                found += len(os.listdir(f"/proc/{pid}/task"))
            except OSError:
                continue
        return found

    # what the worker's owner reads

    def lines(self, worker: str) -> list[str]:
        return [each.text for each in self.telemetry.logs(worker, limit=1000)]

    def explained(self, worker: str, *words: str, seconds: float = 10) -> str:
        """The line of the worker's own log with some of these words."""
        found: list[str] = []

        def look() -> bool:
            found[:] = [line for line in self.lines(worker) if any(each in line for each in words)]
            return bool(found)

        self.until(look, seconds, lambda: f"{words!r} is not in {self.lines(worker)[:20]}")
        return found[0]

    def invocations(self, worker: str) -> list[Invocation]:
        return self.telemetry.invocations(worker, limit=1000)

    def outcome(self, worker: str, outcome: str, seconds: float = 10) -> Invocation:
        found: list[Invocation] = []

        def look() -> bool:
            found[:] = [each for each in self.invocations(worker) if each.outcome == outcome]
            return bool(found)

        self.until(look, seconds, lambda: f"no {outcome} in {[i.outcome for i in self.invocations(worker)]}")
        return found[0]

    def state(self, worker: str) -> VersionState | None:
        return next(iter(self.telemetry.states(worker)), None)

    def lives(self, worker: str) -> None:
        """It answers again, or for the first time."""
        self.until(lambda: self.ask(worker, seconds=5).status == 200, 20, lambda: str(self.ask(worker)))

    def end(self, worker: str) -> None:
        """As the operator would: kill its processes."""
        PoolClient(self.runtime).kill(version_id=self.versions[worker].id)
        self.until(lambda: not self.running(worker), 15, lambda: f"still there: {self.running(worker)}")

    def until(self, true: Callable[[], Any], seconds: float = 10, why: Callable[[], str] = lambda: "") -> None:
        end = time.monotonic() + seconds
        while True:
            try:
                if true():
                    return
            except (OSError, http.client.HTTPException):
                pass
            assert time.monotonic() < end, why() or "it did not come to that"
            time.sleep(0.05)

    def door(self, worker: str) -> Sockets:
        return Sockets.of(self.runtime, self.versions[worker].token)


class Visitor:
    """Somebody who visits the innocent worker all the time, and times it."""

    def __init__(self, house: House, pause: float = 0.05) -> None:
        self._house, self._pause = house, pause
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._visit, daemon=True)
        self.took: list[float] = []
        self.bad: list[object] = []

    def __enter__(self) -> Visitor:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def _visit(self) -> None:
        while not self._over.is_set():
            began = time.perf_counter()
            try:
                reply = self._house.ask("innocent", seconds=20)
                if reply.status != 200:
                    self.bad.append((reply.status, reply.body))
            except (OSError, http.client.HTTPException) as error:
                self.bad.append(repr(error))
            self.took.append(time.perf_counter() - began)
            self._over.wait(self._pause)
