"""Workers that take more than their share: of processes, memory, disk, log, connections."""

from __future__ import annotations

import json
import os
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hostile_cast import LIMITS
from hostile_house import House


def on_disk(root: Path) -> int:
    """Bytes of files, without what Holdfast itself writes of its work, and what the innocent one keeps."""
    found = 0
    for folder, _, names in os.walk(root):
        kept = [name for name in names if not name.endswith(".log") and not name.startswith("innocent.kv")]
        found += 0 if "telemetry" in folder else sum(os.lstat(os.path.join(folder, name)).st_size for name in kept)
    return found


def test_a_fork_bomb_ends_at_its_tasks(house: House) -> None:
    script = """
    import os, time
    print("here it goes")
    forked, failed = 0, None
    while failed is None:
        try:
            if os.fork() == 0:
                while True:
                    try:
                        os.fork()
                    except OSError:
                        time.sleep(0.05)
            forked += 1
        except OSError as error:
            failed = error
    told = [forked, failed.errno, failed.strerror]
    raise failed
    """
    most = 0
    with ThreadPoolExecutor(1) as aside:
        running, looks = aside.submit(house.run, "bomb", script), 10
        while looks > 0:
            most = max(most, house.tasks("bomb"))
            looks -= running.done()  # it may go on when it has answered, or be ended by then
            time.sleep(0.05)
    assert running.result().status in (500, 502, 504)
    assert 1 <= most <= LIMITS["bomb"].tasks
    house.explained("bomb", "Resource temporarily unavailable")
    house.end("bomb")
    house.lives("bomb")


def test_a_fork_without_the_switch_is_refused(house: House) -> None:
    reply = house.run("prober", "import os\ntry: os.fork()\nexcept OSError as error: told = error.errno")
    assert reply.told == 1


def test_threads_end_at_its_tasks(house: House) -> None:
    script = """
    import threading
    hold, made = threading.Event(), 0
    try:
        for made in range(10_000):
            threading.Thread(target=hold.wait, daemon=True).start()
    except RuntimeError as error:
        print("no more:", error)
    told = made
    hold.set()
    """
    assert house.run("threads", script).told < LIMITS["threads"].tasks
    house.explained("threads", "can't start new thread")
    house.lives("threads")


def test_a_flood_of_memory_ends_the_process_and_is_told(house: House) -> None:
    script = """
    kept = []
    while True:
        kept.append(bytearray(4 << 20))
    """
    if not house.grouped:
        assert house.run("memory", script).status == 500
        house.explained("memory", "MemoryError")
        assert house.memory("memory") <= LIMITS["memory"].memory_bytes
        return
    assert house.run("memory", script).status == 502
    house.explained("memory", "it used more memory than its limit of 96 MiB")
    house.until(lambda: (state := house.state("memory")) is not None and state.oom_kills == 1)
    house.lives("memory")


HOARDS = {
    "memory files": """
    import os
    kept = []
    while True:
        kept.append(os.memfd_create("x"))
        os.write(kept[-1], bytes(4 << 20))
    """,
    "its tmp": """
    for number in range(100):
        with open(f"/tmp/{number}", "wb") as file:
            file.write(bytes(8 << 20))
    """,
    "shared memory": """
    import ctypes
    libc = ctypes.CDLL(None, use_errno=True)
    libc.shmat.restype = ctypes.c_void_p
    for _ in range(100):
        found = libc.shmget(0, 8 << 20, 0o1600)
        at = libc.shmat(found, None, 0)
        ctypes.memset(at, 1, 8 << 20)
        libc.shmdt(ctypes.c_void_p(at))
    """,
}


# What ends them where no control group does: a refusal, the size of /tmp, and here what the refusal leads to.
ENDS = {
    "memory files": (500, "Operation not permitted"),
    "its tmp": (500, "No space left on device"),
    "shared memory": (502, "SIGSEGV"),
}


@pytest.mark.parametrize("where", HOARDS)
def test_memory_that_is_no_heap_counts_too(house: House, where: str) -> None:
    house.lives("hoard")
    before = house.state("hoard")
    kills = 0 if before is None else before.oom_kills
    if not house.grouped:
        status, words = ENDS[where]
        assert house.run("hoard", HOARDS[where]).status == status
        house.explained("hoard", words)
        house.lives("hoard")
        assert house.memory("hoard") <= LIMITS["hoard"].memory_bytes
        return
    assert house.run("hoard", HOARDS[where]).status == 502
    house.until(lambda: (state := house.state("hoard")) is not None and state.oom_kills == kills + 1)
    house.explained("hoard", "it used more memory than its limit of 96 MiB")


def test_what_many_processes_have_together_counts_as_one(house: House) -> None:
    """Each could have the limit to itself; the pool looks at all of them where no control group does."""
    if house.grouped:
        pytest.skip("never: the kernel counts them as one, and ends the one that comes too much")
    script = """
    import os, time
    for _ in range(6):
        if os.fork() == 0:
            kept = bytearray(60 << 20)
            for at in range(0, len(kept), 4096):
                kept[at] = 1
            time.sleep(60)
            os._exit(0)
    time.sleep(60)
    """
    assert house.run("spy", script).status == 502
    house.explained("spy", "it used more memory than its limit of 128 MiB and was ended by the pool")
    house.until(lambda: not house.running("spy"))
    house.until(lambda: (state := house.state("spy")) is not None and state.oom_kills == 1)
    house.lives("spy")


def test_a_flood_of_files_takes_nothing_of_the_disk(house: House) -> None:
    before = on_disk(house.root)
    script = """
    import os
    told = {}
    for place in ("/tmp", "/app", "/run", "/packages", "/", "/dev", "/var/tmp", "/dev/shm", "/proc/self/cwd"):
        written = 0
        try:
            for number in range(20):
                with open(f"{place}/flood-{number}", "wb") as file:
                    written += file.write(bytes(1 << 20))
        except OSError as error:
            print(place, error)
            told[place] = [written, error.errno]
        else:
            told[place] = [written, None]
    """
    told = house.run("disk", script).told
    written, errno = told.pop("/tmp")
    assert errno == 28
    assert written <= LIMITS["disk"].temporary_bytes
    assert {place: found for place, found in told.items() if found[0] or found[1] is None} == {}
    house.explained("disk", "No space left on device")
    assert on_disk(house.root) - before < 64 * 1024


def test_a_flood_of_the_log_is_cut_and_told(house: House) -> None:
    size = lambda: sum(each.stat().st_size for each in (house.data / "telemetry").iterdir())  # noqa: E731
    before = size()
    script = """
    for number in range(60_000):
        print("x" * 1000)
    told = 1
    """
    assert house.run("chatter", script).told == 1
    house.explained("chatter", "log lines or invocations were not kept")
    assert size() - before < 16 << 20


def test_a_flood_on_the_line_to_the_pool_is_held_back_and_told(house: House) -> None:
    """Round the host: its descriptor is the worker's own, and whatever it says there is only about itself."""
    size = lambda: sum(each.stat().st_size for each in (house.data / "telemetry").iterdir())  # noqa: E731
    before = size()
    script = """
    import json, os, socket, time
    line = socket.socket(fileno=os.dup(5))
    line.setblocking(True)
    end, sent = time.monotonic() + 2, 0
    log = json.dumps({"t": "log", "invocation": None, "at": 0, "level": "info", "text": "flood " + "y" * 500}).encode()
    packets = [log, b"[" * 60000, b"\\xff" * 100, b'{"t": "invocation", "worker_id": "innocent", "at": 1e300}',
               b'{"t": "ready"}', json.dumps({"t": "log", "text": {}, "worker_id": "innocent"}).encode()]
    while time.monotonic() < end:
        for packet in packets:
            line.send(packet)
            sent += 1
    line.setblocking(False)
    told = sent
    """
    assert house.run("liar", script).told >= 6
    house.until(lambda: any("flood" in text for text in house.lines("liar")))
    house.explained("liar", "were not kept", seconds=15)
    assert size() - before < 32 << 20
    assert not [text for text in house.lines("innocent") if "flood" in text or "{" in text]
    assert all(each.path == "/" for each in house.invocations("innocent"))
    house.lives("liar")


def test_ten_thousand_sockets_end_at_its_files(house: House) -> None:
    script = """
    import socket
    kept = []
    try:
        for _ in range(10_000):
            kept.append(socket.socket(socket.AF_UNIX))
    except OSError as error:
        print("no more:", error)
        told = [len(kept), error.errno]
    kept.clear()
    """
    count, errno = house.run("prober", script).told
    assert errno == 24
    assert count <= LIMITS["prober"].files
    house.explained("prober", "Too many open files")


def test_thousands_of_connections_to_the_bindings_and_the_way_out_take_nobodys_place(house: House) -> None:
    script = """
    import socket
    kept, told = [], {}
    for path in ("/run/bind", "/run/egress"):
        there = 0
        for _ in range(1500):
            one = socket.socket(socket.AF_UNIX)
            one.settimeout(2)
            try:
                one.connect(path)
            except OSError as error:
                print(path, error)
                break
            kept.append(one)
            there += 1
        told[path] = there
    import time
    time.sleep(1)
    try:
        await env.KV.put("k", "v")
        told["own"] = "served"
    except Exception as error:
        told["own"] = str(error)
    """
    told = house.run("crowd", script, seconds=60).told
    assert set(told) == {"/run/bind", "/run/egress", "own"}
    visits = json.loads(house.ask("innocent").body)["visits"]
    assert json.loads(house.ask("innocent").body)["visits"] > visits
    for part in ("state", "egress"):
        pid = house.processes[part].pid
        assert len(os.listdir(f"/proc/{pid}/fd")) < 900, part
