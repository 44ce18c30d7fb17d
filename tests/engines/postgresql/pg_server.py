"""A PostgreSQL server for tests, run from the engine's own plan as an unprivileged user."""

from __future__ import annotations

import asyncio
import atexit
import contextlib
import functools
import importlib.util
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO, Any

import psycopg

from holdfast.contract.conformance import MemorySource, Place
from holdfast.contract.snapshot import CaptureRequest, RestoreRequest
from holdfast.contract.spec import Command, Endpoint, Plan, Site
from holdfast.engines.postgresql import engine, link
from holdfast.engines.postgresql.names import elsewhere
from holdfast.engines.postgresql.prepare import drop_database
from holdfast.engines.postgresql.spec import PostgresqlSpec
from holdfast.kernel.errors import HoldfastError, LimitExceeded, Permanent
from holdfast.kernel.stop import Stop

NOBODY = 65534
SECRETS = {"admin": "adm:/?#[]@'\"%", "owner": "own ü & = \\ pw", "rw": "rw$(id)`x`", "ro": "r'o\";--"}


class SubprocessChild:
    def __init__(self, process: subprocess.Popen[bytes], stop: Stop | None) -> None:
        self._process = process
        self.stdin: IO[bytes] | None = process.stdin
        self.stdout: IO[bytes] | None = process.stdout
        self._errors = b""
        self._reader = threading.Thread(target=self._drain, daemon=True)
        self._reader.start()
        if stop is not None:
            stop.on_stop(self.kill)

    def _drain(self) -> None:
        assert self._process.stderr is not None
        while chunk := self._process.stderr.read1(65536):  # type: ignore[attr-defined]
            self._errors = (self._errors + chunk)[-8192:]

    def wait(self, timeout: float | None = None) -> None:
        try:
            code = self._process.wait(timeout)
        except subprocess.TimeoutExpired:
            self.kill()
            raise LimitExceeded("the tool took too long", code="tool_timeout") from None
        self._reader.join(5)
        if code != 0:
            raise Permanent(f"{self._process.args[0]} failed ({code}): {self._errors.decode(errors='replace')}")  # type: ignore[index]

    def kill(self) -> None:
        if self._process.poll() is None:
            with contextlib.suppress(ProcessLookupError):
                self._process.send_signal(signal.SIGKILL)

    def __enter__(self) -> SubprocessChild:
        return self

    def __exit__(self, *exc: object) -> None:
        self.kill()
        self._process.wait()
        self._reader.join(5)
        for pipe in (self.stdin, self.stdout, self._process.stderr):
            if pipe is not None:
                with contextlib.suppress(OSError):
                    pipe.close()


class SubprocessTools:
    """The tools port by plain subprocesses."""

    def __init__(self, software: Path, scratch: Path) -> None:
        self.bin = software / "bin"
        self.scratch = scratch

    def run(
        self,
        argv: Sequence[str],
        *,
        env: Mapping[str, str] | None = None,
        stdin: bool = False,
        stdout: bool = True,
        stop: Stop | None = None,
    ) -> SubprocessChild:
        if stop is not None:
            stop.check()
        process = popen(
            self.bin,
            argv,
            env or {},
            stdin=subprocess.PIPE if stdin else subprocess.DEVNULL,
            stdout=subprocess.PIPE if stdout else subprocess.DEVNULL,
            stderr=subprocess.PIPE,
        )
        return SubprocessChild(process, stop)

    def output(
        self,
        argv: Sequence[str],
        *,
        env: Mapping[str, str] | None = None,
        stdin: bytes | None = None,
        timeout: float = 120.0,
        stop: Stop | None = None,
    ) -> bytes:
        with self.run(argv, env=env, stdin=stdin is not None, stop=stop) as child:
            if stdin is not None and child.stdin is not None:
                pipe = child.stdin
                threading.Thread(target=_feed, args=(pipe, stdin), daemon=True).start()
            assert child.stdout is not None
            out = child.stdout.read()
            child.wait(timeout)
        return out


def _feed(pipe: IO[bytes], content: bytes) -> None:
    with contextlib.suppress(BrokenPipeError, ValueError):
        pipe.write(content)
        pipe.close()


def popen(binaries: Path, argv: Sequence[str], env: Mapping[str, str], **pipes: Any) -> subprocess.Popen[bytes]:
    program = argv[0] if argv[0].startswith("/") else str(binaries / argv[0])
    user = {"user": NOBODY, "group": NOBODY, "extra_groups": []} if os.getuid() == 0 else {}
    return subprocess.Popen([program, *argv[1:]], env=dict(env), cwd="/", **user, **pipes)


@dataclass
class Cluster:
    """A running server and how to get databases in it."""

    endpoint: Endpoint
    plan: Plan
    tools: SubprocessTools
    spec: PostgresqlSpec
    data: Path
    process: subprocess.Popen[bytes] | None = None
    count: int = 0

    def start(self) -> None:
        server = self.plan.server
        assert server is not None
        with (self.data / "server.log").open("ab") as log:
            self.process = popen(
                self.tools.bin,
                server.command.argv,
                server.command.env,
                stdout=log,
                stderr=log,
                stdin=subprocess.DEVNULL,
            )
        deadline = time.monotonic() + server.ready_timeout
        while time.monotonic() < deadline:
            if run_quietly(self.tools.bin, server.ready) == 0:
                return
            time.sleep(0.03)
        raise AssertionError((self.data / "server.log").read_text())

    def stop(self, number: int = signal.SIGINT) -> None:
        if self.process is not None:
            self.process.send_signal(number)
            self.process.wait(30)
            self.process = None

    @contextlib.contextmanager
    def fresh(self, name: str = "app") -> Iterator[Place]:
        self.count += 1
        at = replace(self.endpoint, database=f"{name}_{os.getpid()}_{self.count}"[-63:])
        try:
            asyncio.run(engine.prepare(at, self.spec, self.tools))
            yield Place(at.database or "", at, self.tools)
        finally:
            with contextlib.suppress(HoldfastError), link.connect(elsewhere(at, "postgres")) as admin:
                drop_database(admin, at.database or "")


def run_quietly(binaries: Path, command: Command) -> int:
    return popen(binaries, command.argv, command.env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL).wait(60)


@functools.cache
def installed(version: str) -> Path:
    """The engine's software where an unprivileged user can read it; one copy for all servers of this process."""
    into = Path(tempfile.mkdtemp(prefix="hfpgbin"))
    atexit.register(shutil.rmtree, into, ignore_errors=True)
    software = engine.software(PostgresqlSpec(version=version))  # type: ignore[arg-type]
    assert software is not None
    assert software.package is not None
    spec = importlib.util.find_spec(software.package)
    assert spec is not None
    assert spec.origin is not None
    package = Path(spec.origin).parent
    for sibling in software.siblings:
        shutil.copytree(package.parent / sibling, into / sibling, symlinks=True)
    target = into / software.package / software.subdir
    shutil.copytree(package / software.subdir, target, symlinks=True)
    subprocess.run(["/bin/chmod", "-R", "a+rX", str(into)], check=True)
    return target


@contextlib.contextmanager
def running(version: str, *, tcp: bool = False, **spec_values: Any) -> Iterator[Cluster]:
    """A server of this major from its plan; gone afterwards with everything it wrote."""
    root = Path(tempfile.mkdtemp(prefix="hfpg"))
    root.chmod(0o755)
    try:
        software = installed(version)
        data, sockets, scratch = root / "data", root / "s", root / "scratch"
        for directory in (data, sockets, scratch):
            directory.mkdir()
            _give(directory)
        spec = PostgresqlSpec(version=version, **spec_values)  # type: ignore[arg-type]
        site = Site("db_test", "app", data, sockets, software, free_port() if tcp else None, SECRETS)
        plan = engine.plan(spec, site)
        cluster = Cluster(plan.endpoint, plan, SubprocessTools(software, scratch), spec, data)
        for directory in plan.directories:
            directory.mkdir()
            _give(directory)
        for file in plan.files:
            file.path.write_text(file.content)
            file.path.chmod(file.mode)
            _give(file.path)
        for command in plan.init:
            if command.unless is None or not command.unless.exists():
                assert run_quietly(software / "bin", command) == 0, command.argv
        cluster.start()
        try:
            yield cluster
        finally:
            cluster.stop()
    finally:
        shutil.rmtree(root)


def _give(path: Path) -> None:
    if os.getuid() == 0:
        os.chown(path, NOBODY, NOBODY)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def execute(place: Place, *statements: str, access: str = "owner") -> None:
    """Statements as one transaction, with ordinary session settings."""
    with user_session(place.endpoint, access) as connection:
        for statement in statements:
            connection.execute(statement)  # type: ignore[call-overload]


def user_session(at: Endpoint, access: str = "owner", *, autocommit: bool = False) -> psycopg.Connection[Any]:
    keywords = link.parameters(at, access, {})  # type: ignore[arg-type]
    return psycopg.connect(**keywords | {"application_name": "user"}, autocommit=autocommit)


def rows(place: Place, statement: str, access: str = "admin") -> list[tuple[Any, ...]]:
    with user_session(place.endpoint, access) as connection:
        return connection.execute(statement).fetchall()  # type: ignore[call-overload]


def capture(place: Place, want: CaptureRequest | None = None, stop: Stop | None = None) -> MemorySource:
    session = engine.connect(place.endpoint, place.tools)
    with session.capture(None, want or CaptureRequest(digests="always"), stop or Stop()) as captured:
        return MemorySource.read(captured)


def restore(place: Place, source: Any, want: RestoreRequest | None = None, stop: Stop | None = None) -> Any:
    return engine.connect(place.endpoint, place.tools).restore(source, want or RestoreRequest(), stop or Stop())
