"""How sandboxes start, are bounded, and end: seen from the pool's side."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from needs import need
from sandbox_pen import HERE, Pen, allowed

from holdfast.contract.spec import Limits
from holdfast.hosts.limits import Groups, members, remove
from holdfast.kernel.errors import HoldfastError, NeedsOperator, Permanent
from holdfast.runtime.sandbox.forked import Zygote
from holdfast.runtime.sandbox.view import View
from holdfast.runtime.sandbox.zygotes import Zygotes

MEMORY = 64 << 20
ENDLESS = "tell('going')\nwhile True: pass"


@pytest.fixture
def groups() -> Iterator[tuple[str, ...]]:
    made = Groups(f"holdfast-sandbox-{os.getpid()}")
    need({"memory", "pids"} <= set(made.controllers), f"control groups ({made.reason})")
    directories = made.create("cell", Limits(memory_bytes=MEMORY, cpus=1.0, tasks=24))
    yield directories
    remove(directories)
    made.sweep()
    assert not [one for one in directories if Path(one).exists()], "a control group stayed"


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def children() -> set[str]:
    """Every descendant of this process, zombies too."""
    parents: dict[str, list[str]] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                parents.setdefault((entry / "stat").read_text().rpartition(")")[2].split()[1], []).append(entry.name)
            except (FileNotFoundError, ProcessLookupError):
                continue
    found: set[str] = set()
    todo = [str(os.getpid())]
    while todo:
        below = parents.get(todo.pop(), [])
        found.update(below)
        todo += below
    return found


def settled(true: Callable[[], bool]) -> bool:
    until = time.monotonic() + 10
    while not true() and time.monotonic() < until:
        time.sleep(0.02)
    return true()


def mounts(pen: Pen) -> set[str]:
    """A sandbox's own, seen from here; tests beside this one mount theirs."""
    lines = Path("/proc/self/mountinfo").read_text().splitlines()
    return {
        line for line in lines if str(pen.home) in line or line.split(" - ")[1].split()[1] in ("holdfast", "private")
    }


def writable_memory(pid: int) -> bytes:
    found = b""
    with open(f"/proc/{pid}/mem", "rb", buffering=0) as memory:
        for line in Path(f"/proc/{pid}/maps").read_text().splitlines():
            place, rights = line.split()[:2]
            if rights.startswith("rw"):
                start, end = (int(part, 16) for part in place.split("-"))
                memory.seek(start)
                found += memory.read(end - start)
    return found


def first_child(pid: int) -> int:
    return int(Path(f"/proc/{pid}/task/{pid}/children").read_text().split()[0])


def test_an_endless_loop_is_ended_at_once(pen: Pen) -> None:
    async def work() -> tuple[Any, float]:
        talk = await pen.start(ENDLESS)
        assert await talk.hear() == "going"
        assert alive(talk.running.pid)
        asked = time.monotonic()
        talk.running.kill()
        talk.running.kill()
        ended = await talk.end()
        talk.running.kill()
        return ended, time.monotonic() - asked

    ended, seconds = pen.do(work())
    assert ended.status == -signal.SIGKILL
    assert not ended.out_of_memory
    assert "SIGKILL" in ended.words
    assert seconds < 3


def test_a_signal_reaches_the_process(pen: Pen) -> None:
    script = """
    import signal, time
    got = []
    signal.signal(signal.SIGTERM, lambda *_: got.append("term"))
    tell(1)
    while not got:
        time.sleep(0.01)
    tell(got)
    """

    async def work() -> list[Any]:
        talk = await pen.start(script)
        told = [await talk.hear()]
        talk.running.signal(signal.SIGTERM)
        told.append(await talk.hear())
        ended = await talk.end()
        return [*told, ended.status]

    assert pen.do(work()) == [1, ["term"], 0]


def test_a_fork_bomb_stops_at_its_tasks(pen: Pen, groups: tuple[str, ...]) -> None:
    async def work() -> tuple[Any, int, int]:
        script = """
        import os
        refused = 0
        while True:
            try:
                os.fork()
            except BlockingIOError:
                refused += 1
                if refused == 1:
                    try:
                        pipe.send(b'"full"')
                    except OSError:
                        pass
        """
        talk = await pen.start(script, groups=groups, permits=allowed(subprocess=True))
        told = await talk.hear()
        most = len(members(groups))
        assert await (await asyncio.create_subprocess_exec(sys.executable, "-c", "")).wait() == 0  # we still may
        talk.running.kill()
        await talk.end()
        return told, most, len(members(groups))

    told, most, left = pen.do(work())
    assert told == "full"
    assert 2 <= most <= 24
    assert left == 0 or settled(lambda: not members(groups))


def test_a_memory_bomb_ends_itself_and_is_told_as_such(pen: Pen, groups: tuple[str, ...]) -> None:
    async def work() -> tuple[Any, Any, Any]:
        neighbour = await pen.start("tell(pipe.recv(10).decode())")
        bomb = await pen.start("tell('going')\nkept = []\nwhile True: kept.append(bytearray(1 << 20))", groups=groups)
        assert await bomb.hear() == "going"
        ended = await bomb.end()
        neighbour.pipe.send(b"well")
        told = await neighbour.hear()
        quiet = await neighbour.end()
        return ended, told, quiet

    ended, told, quiet = pen.do(work())
    assert ended.out_of_memory
    assert "more memory than its limit" in ended.words
    assert (told, quiet.status, quiet.out_of_memory) == ("well", 0, False)


def test_it_is_in_its_groups_before_its_code_runs(pen: Pen, groups: tuple[str, ...]) -> None:
    async def work() -> tuple[bool, Any]:
        talk = await pen.start("tell(open('/proc/self/cgroup').read()); pipe.recv(1)", groups=groups)
        joined = members(groups) == {talk.running.pid}
        told = await talk.hear()
        talk.running.kill()
        await talk.end()
        return joined, told

    joined, told = pen.do(work())
    assert joined
    if pen.mode != "bubblewrap":  # it makes the namespace before the groups are joined
        assert f"holdfast-sandbox-{os.getpid()}" not in told


def test_nothing_is_left_behind(pen: Pen) -> None:
    """No process, zombie or mount, and no descriptor of ours."""

    async def work() -> None:
        before = children()
        mounted = mounts(pen)
        await asyncio.gather(*(once() for _ in range(3)))
        held = len(os.listdir("/proc/self/fd"))
        await asyncio.gather(*(once() for _ in range(3)))
        until = time.monotonic() + 10
        while len(os.listdir("/proc/self/fd")) > held or children() - before:
            assert time.monotonic() < until, (len(os.listdir("/proc/self/fd")), held, children() - before)
            await asyncio.sleep(0.05)
        assert mounts(pen) == mounted

    async def once() -> None:
        talk = await pen.start("pass")
        await talk.end()
        assert not alive(talk.running.pid)

    pen.do(pen.zygotes.warm("tests"))
    pen.do(work())


def test_many_live_side_by_side(pen: Pen) -> None:
    """More than the event loop has threads to lend."""

    async def work() -> list[Any]:
        talks = await asyncio.gather(*(pen.start("tell(1); tell(pipe.recv(9).decode())") for _ in range(8)))
        firsts = [await talk.hear() for talk in talks]
        for number, talk in enumerate(talks):
            talk.pipe.send(str(number).encode())
        seconds = [await talk.hear() for talk in talks]
        return [firsts, seconds, [(await talk.end()).status for talk in talks]]

    assert pen.do(work()) == [[1] * 8, [str(number) for number in range(8)], [0] * 8]


def test_what_it_used_is_told(pen: Pen) -> None:
    _, ended = pen.run("import time\nwhile time.process_time() < 0.2: pass")
    if pen.mode == "bubblewrap":
        assert (ended.cpu_seconds, ended.peak_bytes) == (None, None)
        return
    assert 0.15 < (ended.cpu_seconds or 0) < 3
    assert (ended.peak_bytes or 0) > 1 << 20


def test_an_exit_code_and_an_escaped_error_are_told_apart(pen: Pen) -> None:
    assert pen.run("import os; os._exit(70)")[1].status == 70
    _, ended = pen.run("raise SystemExit(3)")
    assert ended.status == 3
    assert ended.words == "it ended with status 3"


def test_a_wall_that_cannot_be_built_is_said_and_nothing_runs(pen: Pen) -> None:
    async def work() -> str:
        with pytest.raises(HoldfastError) as caught:
            await pen.start("tell('ran')", code=pen.home / "missing")
        return str(caught.value)

    assert "missing" in pen.do(work())


def test_root_is_never_the_worker(pen: Pen) -> None:
    if pen.mode == "root":
        with pytest.raises(Permanent, match="never runs as root"):
            pen.do(pen.start("tell('ran')", uid=0))


def test_a_cancelled_start_leaves_nothing(pen: Pen) -> None:
    async def work() -> None:
        await pen.zygotes.warm("tests")
        before = children()
        for delay in (0, 0.001, 0.005, 0.02):
            task = asyncio.create_task(pen.start(ENDLESS))
            await asyncio.sleep(delay)
            task.cancel()
            done = (await asyncio.gather(task, return_exceptions=True))[0]
            if not isinstance(done, BaseException):
                done.running.kill()
                await done.end()
        for _ in range(200):  # on this loop: it buries them
            if not children() - before:
                break
            await asyncio.sleep(0.05)
        assert children() - before == set()

    pen.do(work())


def test_a_dead_zygote_takes_its_sandboxes_along_and_is_started_again(pen: Pen) -> None:
    async def work() -> tuple[Any, Any]:
        talk = await pen.start(ENDLESS, domain="mortal")
        zygote = pen.zygotes._zygotes["mortal"]
        if not isinstance(zygote, Zygote):
            pytest.skip("never: bubblewrap keeps no zygote")
        os.kill(zygote.pid, signal.SIGKILL)
        ended = await talk.end()
        assert not alive(talk.running.pid)
        again = await pen.start("tell('again')", domain="mortal")
        told = await again.hear()
        await again.end()
        await pen.zygotes.retire("mortal")
        assert not zygote.alive
        return ended.status, told

    try:
        status, told = pen.do(work())
    finally:
        pen.do(pen.zygotes.retire("mortal"))
    assert (status, told) == (-signal.SIGKILL, "again")


def test_an_entry_that_cannot_be_imported_is_said() -> None:
    async def work() -> None:
        zygotes = Zygotes(entry="holdfast.runtime.absent:main")
        try:
            with pytest.raises(NeedsOperator, match=r"holdfast\.runtime\.absent"):
                await zygotes.warm("tests")
        finally:
            await zygotes.close()

    need(os.geteuid() == 0, "root")
    asyncio.run(work())


def test_a_preload_that_starts_a_thread_is_refused(pen: Pen, tmp_path: Path) -> None:
    """A lock that such a thread holds at the fork would stay held in every child."""
    (tmp_path / "threaded.py").write_text(
        "import threading, time\nthreading.Thread(target=time.sleep, args=(9,)).start()\n"
    )

    async def work() -> None:
        view = View.here(extra=[(HERE, "sandbox_entry.py"), (tmp_path, "threaded.py")])
        zygotes = Zygotes(mode=pen.mode, entry="sandbox_entry:main", preload=["threaded"], view=view)
        try:
            with pytest.raises(NeedsOperator, match="started a thread"):
                await zygotes.warm("tests")
        finally:
            await zygotes.close()

    if pen.mode != "bubblewrap":
        pen.do(work())


def test_what_is_preloaded_is_seen_inside_with_its_parts(pen: Pen, tmp_path: Path) -> None:
    """Also a part of it that is imported only then."""
    (tmp_path / "site" / "early").mkdir(parents=True)
    (tmp_path / "site" / "early" / "__init__.py").write_text("import os\nmade_by = os.getpid()\n")
    (tmp_path / "site" / "early" / "late.py").write_text("word = 'late'\n")
    (tmp_path / "site" / "other.py").write_text("")

    async def work() -> Any:
        here = View.here(extra=[(HERE, "sandbox_entry.py")])
        view = replace(here, path=(*here.path, str(tmp_path / "site")))
        held, pen.zygotes = (
            pen.zygotes,
            Zygotes(mode=pen.mode, entry="sandbox_entry:main", preload=["early"], view=view),
        )
        try:
            talk = await pen.start(
                "import importlib.util, early, early.late\n"
                "tell([early.late.word, early.made_by, importlib.util.find_spec('other') is None])"
            )
            told = await talk.hear()
            await talk.end()
            return told
        finally:
            await pen.zygotes.close()
            pen.zygotes = held

    if pen.mode != "bubblewrap":
        word, _, hidden = pen.do(work())
        assert (word, hidden) == ("late", True)


def test_secrets_pass_the_zygote_by(pen: Pen) -> None:
    secret = os.urandom(24).hex()

    async def work() -> bytes:
        talk = await pen.start("tell(len(given['word'])); pipe.recv(1)", {"word": secret})
        assert await talk.hear() == 48
        zygote = pen.zygotes._zygotes["tests"]
        if not isinstance(zygote, Zygote):
            pytest.skip("never: bubblewrap keeps no zygote")
        found = writable_memory(first_child(zygote.pid))
        talk.running.kill()
        await talk.end()
        return found

    found = pen.do(work())
    assert b"sandbox_entry" in found
    assert secret.encode() not in found


POOL = """
import asyncio, os, sys
from pathlib import Path
sys.path[:0] = [{here!r}]
from sandbox_pen import Pen
pen = Pen({mode!r}, Path({home!r}))
talk = pen.do(pen.start({script!r}))
print(talk.running.pid, flush=True)
pen.do(asyncio.sleep(60))
"""


def test_sandboxes_die_with_the_pool(pen: Pen, tmp_path: Path) -> None:
    source = POOL.format(here=str(HERE), mode=pen.mode, home=str(tmp_path), script=ENDLESS)
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    pool = subprocess.Popen([sys.executable, "-c", source], stdout=subprocess.PIPE, text=True, env=environment)
    try:
        assert pool.stdout is not None
        pid = int(pool.stdout.readline())
        assert alive(pid)
        pool.kill()
        pool.wait()
        assert settled(lambda: not alive(pid))
    finally:
        pool.kill()
        pool.wait()
        if pool.stdout is not None:
            pool.stdout.close()
