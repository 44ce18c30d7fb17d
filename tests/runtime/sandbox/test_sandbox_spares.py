"""A process that is kept ready belongs to nobody, and becomes a sandbox like any other."""

from __future__ import annotations

import asyncio
import os
import socket
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from needs import need
from sandbox_pen import UID, Pen, listening

from holdfast.hosts.limits import members
from holdfast.kernel.errors import HoldfastError
from holdfast.runtime.live import LiveVersion, Sockets, WorkerLimits
from holdfast.runtime.pool import Order
from holdfast.runtime.sandbox.forked import Spare
from holdfast.runtime.sandbox.zygotes import Zygotes
from holdfast.sandboxes import ControlGroups, ReadySandboxes, domain_of

STATUS = """
    import os
    lines = dict(line.split(":", 1) for line in open("/proc/self/status"))
    def there(number):
        try:
            return os.fstat(number).st_mode
        except OSError:
            return None
    tell({
        "uid": os.getuid(), "pid": os.getpid(), "open": [there(number) for number in range(100)],
        "seccomp": lines["Seccomp"].strip(), "capabilities": lines["CapEff"].strip() + lines["CapBnd"].strip(),
        "root": sorted(os.listdir("/")), "shadow": os.path.exists("/etc/shadow"), "given": given["mine"],
    })
"""


@pytest.fixture
def limited() -> Iterator[ControlGroups]:
    made = ControlGroups(f"hfspare{os.getpid()}")
    need(made.able, "control groups")
    yield made
    made.close()
    assert not [each for each in tops(made) if each.is_dir()], "a control group stayed"


def tops(limited: ControlGroups) -> set[Path]:
    """The directories in which its groups are made."""
    return {parent / f"hfspare{os.getpid()}-w" for parent in limited._groups._parents.values()}


async def settled(true: Callable[[], Any]) -> Any:
    until = time.monotonic() + 20
    while not (found := true()):
        assert time.monotonic() < until, "it did not come to that"
        await asyncio.sleep(0.02)
    return found


def gone(pid: int) -> bool:
    return not Path(f"/proc/{pid}").exists()


async def prepared(pen: Pen, groups: tuple[str, ...] = ()) -> Spare:
    found = await pen.zygotes.prepare("tests", groups)
    if pen.mode == "bubblewrap":
        assert found is None
        pytest.skip("never: bubblewrap keeps nothing ready")
    assert found is not None
    return found


def test_one_that_waited_has_every_wall(pen: Pen, tmp_path: Path) -> None:
    async def told(spare: Spare | None) -> tuple[Any, int]:
        talk = await pen.start(STATUS, {"mine": 7}, spare)
        try:
            return await talk.hear(), talk.running.pid
        finally:
            talk.running.kill()
            await talk.end()

    async def work() -> None:
        spare = await prepared(pen)
        fresh, _ = await told(None)
        waited, pid = await told(spare)
        assert pid == spare.process.pid
        assert waited == fresh
        assert (waited["uid"], waited["pid"], waited["seccomp"], waited["shadow"]) == (UID, 1, "2", False)
        assert set(waited["capabilities"]) == {"0"}

    pen.do(work())


def test_one_that_died_meanwhile_costs_a_fork(pen: Pen) -> None:
    async def work() -> None:
        spare = await prepared(pen)
        spare.process.kill()
        await settled(lambda: gone(spare.process.pid))
        talk = await pen.start(STATUS, {"mine": 7}, spare)
        try:
            assert (await talk.hear())["given"] == 7
            assert talk.running.pid != spare.process.pid
        finally:
            talk.running.kill()
            await talk.end()

    pen.do(work())


def test_one_that_nobody_needs_ends(pen: Pen) -> None:
    async def work() -> None:
        one, other = await prepared(pen), await prepared(pen)
        one.steer.close()
        await settled(lambda: gone(one.process.pid))
        await pen.zygotes.retire("tests")
        assert gone(other.process.pid)
        other.drop()

    pen.do(work())


def version(place: Path, name: str, domain: str = "e", **fields: Any) -> LiveVersion:
    base = LiveVersion(
        id=name, number=1, tag=None, worker_id=name, worker=name, project_id="p", environment_id=domain,
        code=place, main="main.py", packages=None, token=name, weight=100, created_at="now",
    )  # fmt: skip
    return replace(base, **fields)


class Ready:
    """`ReadySandboxes` with an entry that sleeps, and what a pool does around a start."""

    def __init__(self, pen: Pen, limited: ControlGroups) -> None:
        self.pen, self.limited = pen, limited
        self.sandboxes = ReadySandboxes(pen.home, pen.zygotes, limited)

    async def groups(self, one: LiveVersion) -> tuple[str, ...]:
        return await asyncio.to_thread(self.sandboxes.make, f"w-{one.id}", one)

    async def start(self, one: LiveVersion, groups: tuple[str, ...]) -> Any:
        sockets = Sockets.of(self.pen.home, f"{one.token}{time.monotonic_ns()}")
        sockets.directory.mkdir(parents=True)
        sockets.directory.chmod(0o711)
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        payload = b'{"script": "import time; time.sleep(600)"}'
        with ours, theirs, listening(sockets.http) as http, listening(sockets.inner) as inner:
            order = Order(one, sockets, (http.fileno(), inner.fileno()), theirs.fileno(), groups, payload)
            return await self.sandboxes.spawn(order)

    async def waiting(self, one: LiveVersion) -> int:
        """The process that waits in an environment, from now on for this version alone."""
        self.sandboxes.follow([one])
        await settled(lambda: domain_of(one) in self.sandboxes.ready)
        (pid,) = self.spares()
        return pid

    def spares(self) -> set[int]:
        """Processes in groups of those that were made to wait."""
        return members(tuple(str(each) for top in tops(self.limited) for each in top.glob("spare-*")))


@pytest.fixture
def ready(limited: ControlGroups, tmp_path: Path) -> Iterator[Ready]:
    need(os.geteuid() == 0, "root")
    tmp_path.chmod(0o755)
    pen = Pen("root", tmp_path)
    made = Ready(pen, limited)
    yield made
    pen.do(made.sandboxes.close())
    pen.close()


def test_a_start_takes_it_with_the_limits_of_its_version(ready: Ready) -> None:
    async def work() -> None:
        one = version(ready.pen.home / "code", "one", limits=WorkerLimits(memory_bytes=48 << 20, tasks=17))
        pid = await ready.waiting(one)
        groups = await ready.groups(one)
        running = await ready.start(one, groups)
        assert running.pid == pid
        assert pid in members(groups)
        assert written(groups) == {str(48 << 20), "17"}
        assert walled(pid)
        await settled(lambda: len(ready.spares()) == 2)  # the one that runs, and the next
        running.kill()
        await running.wait()
        ready.sandboxes.remove(groups)
        assert not there(groups)

    ready.pen.do(work())


def written(groups: tuple[str, ...]) -> set[str]:
    names = ("memory.max", "memory.limit_in_bytes", "pids.max")
    return {file.read_text().strip() for each in groups for file in Path(each).glob("*") if file.name in names}


def walled(pid: int) -> bool:
    status = Path(f"/proc/{pid}/status").read_text()
    return "\nSeccomp:\t2" in status and "\nUid:\t0\t" not in status


def there(groups: tuple[str, ...]) -> bool:
    return any(Path(each).exists() for each in groups)


def test_another_environment_never_gets_it(ready: Ready) -> None:
    async def work() -> None:
        mine, other = (version(ready.pen.home / "code", name, domain=name) for name in ("mine", "other"))
        pid = await ready.waiting(mine)
        groups = await ready.groups(other)
        running = await ready.start(other, groups)
        assert running.pid != pid
        assert pid in ready.spares()
        running.kill()
        await running.wait()
        ready.sandboxes.remove(groups)
        ready.sandboxes.follow([])
        await settled(lambda: gone(pid))

    ready.pen.do(work())


def test_a_start_that_is_given_up_leaves_nothing(ready: Ready) -> None:
    async def work() -> None:
        one = version(ready.pen.home / "code", "one")
        pid = await ready.waiting(one)
        groups = await ready.groups(one)
        ready.sandboxes.remove(groups)  # as the pool does, without a secret for example
        await settled(lambda: gone(pid))
        assert not there(groups)
        with pytest.raises(HoldfastError, match="sandbox of one"):
            await ready.start(replace(one, code=ready.pen.home / "nowhere"), await ready.groups(one))

    ready.pen.do(work())


def test_the_machine_refuses_a_limit(ready: Ready) -> None:
    async def work() -> None:
        one = version(ready.pen.home / "code", "one")
        pid = await ready.waiting(one)
        with pytest.raises(HoldfastError, match="limits"):
            await ready.groups(replace(one, limits=WorkerLimits(tasks=-5)))
        await settled(lambda: gone(pid))

    ready.pen.do(work())


def test_zygotes_that_are_closed_make_none(tmp_path: Path) -> None:
    async def work() -> None:
        zygotes = Zygotes()
        await zygotes.close()
        with pytest.raises(HoldfastError, match="stopping"):
            await zygotes.prepare("tests", ())

    asyncio.run(work())
