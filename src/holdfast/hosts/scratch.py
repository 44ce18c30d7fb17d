"""Scratch servers: for one rehearsal, with a user of their own and no network, never under the keeper."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, replace
from pathlib import Path

from holdfast.contract.engine import Engine
from holdfast.contract.spec import Endpoint, Plan, Server, Site, Spec
from holdfast.hosts import carry, limits, logs
from holdfast.hosts.allocation import write_atomic
from holdfast.hosts.launching import Launch, spawn, tool
from holdfast.hosts.process import identify, read_identity
from holdfast.hosts.quarters import TOOLS_OWNER, Quarters
from holdfast.hosts.tools import ProcessTools
from holdfast.kernel.ids import new_id

_MARK = "HOLDFAST_SCRATCH"  # in the environment of every process of a scratch server


@contextmanager
def scratch(
    quarters: Quarters, engine: Engine, spec: Spec, *, name: str, secrets: Mapping[str, str], scratch_dir: Path
) -> Iterator[Endpoint]:
    """See `Hosts.scratch`. A mark on disk comes before anything it names, so `sweep` removes what a kill left."""
    owner = new_id("srv")
    installed = quarters.install(engine.software(spec))
    place = scratch_dir / owner
    mark = quarters.layout.scratch / f"{owner}.json"
    groups = limits.Groups(quarters.layout.label) if installed is not None else None
    _write_mark(mark, place, ())
    joined: tuple[str, ...] = ()
    try:
        user = quarters.user(owner) if installed is not None else None
        quarters.directory(place, user)
        group = quarters.user(TOOLS_OWNER) if user is not None else None
        site = Site(
            resource_id=owner,
            name=name,
            data=quarters.directory(place / "data", user),
            sockets=quarters.sockets(owner, user, group=group),
            software=installed.root if installed is not None else None,
            secrets=dict(secrets),
        )
        plan = engine.plan(spec, site)
        paths = {place: False, site.sockets: False} | ({installed.top: True} if installed is not None else {})
        plain = quarters.maker(user, paths, death_signal=signal.SIGKILL, isolated=True)

        def make(argv: tuple[str, ...], env: Mapping[str, str]) -> Launch:
            return plain(argv, {**env, _MARK: owner})

        tools = ProcessTools(site.software, place, make)
        carry.lay_out(plan, site.data, user, tools, quarters.layout.scratch / f"{owner}.init")
        if plan.server is None or groups is None:
            yield plan.endpoint
            return
        log = quarters.layout.logs / f"{owner}.log"
        joined = groups.create(owner, plan.limits)
        _write_mark(mark, place, joined)
        with _server(plan, plan.server, tools, make=make, groups=joined, log=log):
            yield plan.endpoint
    finally:
        _remove(quarters, owner, place, joined)
        mark.unlink(missing_ok=True)


def sweep(quarters: Quarters) -> list[str]:
    """Remove what scratch servers of dead processes left. Those of living ones are not touched."""
    removed = []
    for mark in sorted(quarters.layout.scratch.glob("srv_*.json")):
        if read_identity(mark) is not None:
            continue
        facts = json.loads(mark.read_text())
        _remove(quarters, mark.stem, Path(facts["place"]), tuple(facts["cgroups"]))
        mark.unlink()
        removed.append(mark.stem)
    return removed


def drop_quarters(quarters: Quarters, owner: str) -> None:
    """Give back user, port, sockets and name. Absent is success."""
    shutil.rmtree(quarters.layout.sockets(owner), ignore_errors=True)
    user = quarters.allocation.known_user(owner)
    if user is not None:
        quarters.layout.passwd(user).unlink(missing_ok=True)
    quarters.allocation.release(owner)


@contextmanager
def _server(
    plan: Plan,
    server: Server,
    tools: ProcessTools,
    *,
    make: Callable[[tuple[str, ...], Mapping[str, str]], Launch],
    groups: tuple[str, ...],
    log: Path,
) -> Iterator[None]:
    command = server.command
    launch = replace(
        make((tool(plan.endpoint.software, command.argv[0]), *command.argv[1:]), command.env), cgroups=groups
    )
    descriptor = logs.open_log(log)
    try:
        process = spawn(launch, stdout=descriptor, stderr=descriptor)
    finally:
        os.close(descriptor)
    try:
        carry.wait_ready(server, tools, lambda: None if process.poll() is None else logs.tail(log) or "it ended", None)
        yield
    finally:
        _stop(process, server)
        log.unlink(missing_ok=True)


def _stop(process: subprocess.Popen[bytes], server: Server) -> None:
    """Nothing in a scratch server is worth a long goodbye, but its children must go with it."""
    if process.poll() is None:
        process.send_signal(server.stop_signal)
        try:
            process.wait(min(server.stop_timeout, 10.0))
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def _write_mark(mark: Path, place: Path, groups: tuple[str, ...]) -> None:
    ours = identify(os.getpid())
    facts = {} if ours is None else asdict(ours)
    write_atomic(mark, json.dumps(facts | {"place": str(place), "cgroups": groups}).encode())


def _remove(quarters: Quarters, owner: str, place: Path, groups: tuple[str, ...]) -> None:
    limits.remove(groups)
    _end_processes_of(owner)
    shutil.rmtree(place, ignore_errors=True)
    for suffix in (".log", ".init"):
        for directory in (quarters.layout.logs, quarters.layout.scratch):
            (directory / f"{owner}{suffix}").unlink(missing_ok=True)
    drop_quarters(quarters, owner)


def _end_processes_of(owner: str) -> None:
    """Whatever still runs with this scratch server's mark: its user may be given to another next."""
    mark = f"{_MARK}={owner}".encode()
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            try:
                if mark in Path(f"/proc/{entry}/environ").read_bytes().split(b"\0"):
                    os.kill(int(entry), signal.SIGKILL)
            except OSError:
                continue  # ended meanwhile, or somebody else's
