"""Workers that reach for what is not theirs: files, sockets, processes, addresses, bindings, other people's answers."""

from __future__ import annotations

import errno
import http.client
import json
import os
import socket
from textwrap import dedent
from typing import Any

import pytest
from hostile_cast import PUBLIC_NAME, SECRET, TAKE_OVER
from hostile_house import House

NONE = (errno.ENOENT, errno.EACCES, errno.EPERM, errno.ENOTDIR, errno.ENXIO, errno.ELOOP, errno.EINVAL)


def reads(house: House, worker: str, paths: list[str]) -> dict[str, Any]:
    script = """
    told = {}
    for path in given:
        try:
            with open(path, "rb") as file:
                told[path] = repr(file.read(60))
        except OSError as error:
            told[path] = error.errno
            print(path, error)
    """
    found: dict[str, Any] = house.run(worker, script, paths).told
    return found


def test_files_of_the_machine_of_holdfast_and_of_others_are_not_there(house: House) -> None:
    innocent = next(iter(house.running("innocent")))
    places = [house.data, house.runtime, house.root / "code", house.root / "innocent.kv", house.root / "key"]
    paths = [
        "/etc/shadow",
        "/etc/ssh",
        "/root/.ssh/id_rsa",
        "/proc/kcore",
        "/proc/sysrq-trigger",
        "/dev/mem",
        "/dev/sda",
    ]
    paths += [str(one) for one in places] + [str(house.data / "workers" / "users.json")]
    paths += [str(house.root / "code" / "innocent" / name) for name in ("innocent.py", "private.txt")]
    paths += [
        f"/proc/{pid}/{name}" for pid in (innocent, os.getpid()) for name in ("environ", "mem", "root", "cmdline")
    ]
    paths += ["/proc/1/mem", "/proc/self/root/etc/shadow", "/proc/1/root/etc/shadow", "/proc/self/cwd/../../etc/shadow"]
    found = reads(house, "prober", paths)
    assert {path: said for path, said in found.items() if said not in (*NONE, errno.EISDIR)} == {}
    house.explained("prober", "/etc/shadow")


def test_links_lead_nowhere_outside(house: House) -> None:
    found = reads(house, "prober", [f"/app/{name}" for name in ("shadow", "neighbour", "far", "outside", "door")])
    assert set(found.values()) <= set(NONE), found
    script = """
    import os
    told = []
    for place in ("/tmp/link", "/run/link", "/app/link"):
        try:
            os.symlink(given, place)
            told.append(open(place).read())
        except OSError as error:
            told.append(error.errno)
    for old, new in (("/run/bind", "/run/bind2"), ("/app", "/tmp/app"), ("/run/http", "/tmp/http")):
        try:
            os.rename(old, new)
            told.append("moved")
        except OSError as error:
            told.append(error.errno)
    """
    told = house.run("prober", script, str(house.root / "code" / "innocent" / "private.txt")).told
    assert all(isinstance(each, int) for each in told), told
    assert (house.root / "code" / "innocent" / "private.txt").read_text() == "the innocent one's file"


def test_a_main_file_that_is_a_link_to_anothers_code_does_not_start(house: House) -> None:
    reply = house.ask("linked")
    assert reply.status in (502, 503)
    house.explained("linked", "main.py")
    assert b"visits" not in reply.body


def test_nothing_of_ours_is_in_its_environment_or_memory_of_others(house: House) -> None:
    script = """
    import os, resource
    told = [sorted(os.environ), os.getresuid(), resource.getrlimit(resource.RLIMIT_CORE)]
    """
    names, uids, core = house.run("prober", script).told
    assert not [name for name in names if "HOLDFAST" in name]
    assert 0 not in uids
    assert core == [0, 0]
    assert uids == [house.uid("prober")] * 3
    assert SECRET not in str(reads(house, "prober", ["/proc/self/environ", "/proc/1/environ"]))


SOCKETS = """
import socket
told = {}
for path in given:
    for kind in (socket.SOCK_STREAM, socket.SOCK_SEQPACKET):
        try:
            with socket.socket(socket.AF_UNIX, kind) as one:
                one.settimeout(2)
                one.connect(path)
                told[path] = "reached"
        except OSError as error:
            told.setdefault(path, type(error).__name__)
"""


def test_sockets_of_ours_and_of_others_are_not_there(house: House) -> None:
    ours = [house.runtime / name for name in ("admin.sock", "keeper.sock", "front.sock", "pool.sock", "losses.sock")]
    innocent = house.door("innocent")
    theirs = [innocent.http, innocent.inner, innocent.bind, innocent.egress, house.door("prober").inner]
    paths = [*map(str, (*ours, *theirs)), "/run/http", "/run/inner", "/run/../innocent-token/bind", "/run/docker.sock"]
    told = house.run("prober", SOCKETS, paths).told
    assert {path for path, said in told.items() if said == "reached"} == set()
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as one:
        one.connect(str(house.runtime / "losses.sock"))  # it is there, and we reach it
    with pytest.raises(BlockingIOError):
        house.admin.accept()


def test_addresses_are_out_of_reach_without_the_way_out(house: House) -> None:
    port = house.api.getsockname()[1]
    script = """
    import socket
    told = {}
    for host, port in given:
        try:
            socket.create_connection((host, port), timeout=2)
            told[host] = "reached"
        except OSError as error:
            told[host] = f"{type(error).__name__} {error}"
    """
    hosts = [("127.0.0.1", port), ("169.254.169.254", 80), ("::1", port), ("127.0.0.1", house.port)]
    told = house.run("caller", script, hosts).told
    assert "reached" not in told.values()
    with pytest.raises(BlockingIOError):
        house.api.accept()


def test_the_way_out_does_not_lead_back_in(house: House) -> None:
    """With every public host permitted: not to loopback in any spelling, metadata, our own API or its public name."""
    port = house.api.getsockname()[1]
    own = socket.gethostbyname(socket.gethostname())
    hosts = [
        f"127.0.0.1:{port}", f"localhost:{port}", f"x.localhost:{port}", f"[::1]:{port}", f"[::ffff:127.0.0.1]:{port}",
        f"127.1:{port}", f"2130706433:{port}", f"0x7f.0.0.1:{port}", f"0.0.0.0:{port}", f"127.0.0.1:{house.port}",
        f"{own}:{port}", f"{socket.gethostname()}:{port}", f"{PUBLIC_NAME}:{port}", PUBLIC_NAME,
        "169.254.169.254", "[fd00:ec2::254]", "[::ffff:169.254.169.254]", "metadata.google.internal", "10.0.0.1",
    ]  # fmt: skip
    script = """
    from workers import fetch
    told = {}
    for host in given:
        for scheme in ("http", "https"):
            try:
                found = await fetch(f"{scheme}://{host}/latest/meta-data/")
                told[f"{scheme}://{host}"] = [found.status, await found.text()]
            except Exception as error:
                told[f"{scheme}://{host}"] = f"{type(error).__name__}: {error}"
                print(host, error)
    """
    told = house.run("caller", script, hosts, seconds=60).told
    passed = {host: said for host, said in told.items() if isinstance(said, list) and said[0] < 400}
    assert passed == {}
    with pytest.raises(BlockingIOError):
        house.api.accept()
    house.explained("caller", "169.254.169.254")


def test_a_proxy_spoken_to_by_hand_does_not_either(house: House) -> None:
    port = house.api.getsockname()[1]
    script = """
    import socket
    told = []
    for text in given:
        with socket.socket(socket.AF_UNIX) as line:
            line.settimeout(5)
            line.connect("/run/egress")
            line.sendall(text.encode("latin-1"))
            told.append(line.recv(1000).decode("latin-1").split("\\r\\n")[0])
    """
    asked = [
        f"CONNECT 127.0.0.1:{port} HTTP/1.1\r\nHost: example.org\r\n\r\n",
        "CONNECT 169.254.169.254:80 HTTP/1.1\r\nHost: example.org\r\n\r\n",
        f"GET http://127.0.0.1:{port}/ HTTP/1.1\r\nHost: example.org\r\n\r\n",
        f"GET http://127.0.0.1:{port}/ HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n\r\n",
        f"GET / HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n\r\n",
        f"GET http://example.org@127.0.0.1:{port}/ HTTP/1.1\r\nHost: example.org@127.0.0.1:{port}\r\n\r\n",
        f"CONNECT {house.runtime}/admin.sock HTTP/1.1\r\nHost: x\r\n\r\n",
    ]
    told = house.run("caller", script, asked).told
    assert all(said.split()[1] in ("400", "403") for said in told), told
    with pytest.raises(BlockingIOError):
        house.api.accept()


CALLS = """
import ctypes, os
libc = ctypes.CDLL(None, use_errno=True)
def call(number, *arguments):
    result = libc.syscall(ctypes.c_long(number), *[ctypes.c_long(a) for a in arguments])
    return [result, ctypes.get_errno()]
"""


@pytest.mark.skipif(os.uname().machine != "x86_64", reason="never: the numbers are x86-64's")
def test_no_process_is_traced_or_read(house: House) -> None:
    """Not its neighbour's, not the pool's, not even its own child."""
    innocent = next(iter(house.running("innocent")))
    script = (
        CALLS
        + """
import time
child = os.fork()
if child == 0:
    time.sleep(20)
    os._exit(0)
told = {}
for pid in (*given, child, 1):
    told[str(pid)] = [call(101, 16, pid, 0, 0), call(310, pid, 0, 0, 0, 0, 0), call(311, pid, 0, 0, 0, 0, 0),
                      call(312, pid, pid, 0, 0, 0)]
descriptor = os.pidfd_open(child)
told["pidfd_getfd"] = [call(438, descriptor, 3, 0)]
os.kill(child, 9)
os.waitpid(child, 0)
print("tracing is refused here")
"""
    )
    told = house.run("spy", script, [innocent, house.processes["pool"].pid]).told
    assert {pid: found for pid, found in told.items() if any(one != [-1, errno.EPERM] for one in found)} == {}
    house.explained("spy", "tracing is refused here")


def test_signals_reach_nobody_else(house: House) -> None:
    victims = [*house.running("innocent"), os.getpid(), *(each.pid for each in house.processes.values())]
    script = """
    import os, signal
    told = {}
    for pid in {*given, os.getppid(), *range(3, 3000)} - {0, *map(int, os.listdir("/proc/self/task"))}:
        for number in (signal.SIGTERM, signal.SIGSTOP, signal.SIGKILL):
            try:
                os.kill(pid, number)
                told[str(pid)] = "sent"
            except OSError as error:
                told.setdefault(str(pid), error.errno)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    try:
        os.kill(-1, signal.SIGTERM)
    except OSError as error:
        print("nobody else:", error)
    os.killpg(0, signal.SIGTERM)
    """
    told = house.run("killer", script + "\n", victims).told
    sent = {int(pid) for pid, said in told.items() if said == "sent"}
    assert sent <= {1, 2}, sent
    for pid in victims:
        with open(f"/proc/{pid}/stat") as file:
            assert file.read().rpartition(")")[2].split()[0] not in "TZ"
    house.end("killer")


def test_bindings_are_those_of_its_table(house: House) -> None:
    """Frames by hand: places that are not in its table, methods that are none, a frame without end, and SQL that names
    another's file."""
    house.run("binder", "await env.KV.put('mine', 'yes')")
    script = """
    import socket, struct
    from holdfast.runtime.bindings import frames
    from holdfast.runtime.bindings.values import decode, encode
    def line():
        made = socket.socket(socket.AF_UNIX)
        made.settimeout(5)
        made.connect("/run/bind")
        hear(made)
        return made
    def exactly(made, size):
        data = b""
        while len(data) < size:
            part = made.recv(size - len(data))
            if not part:
                raise EOFError
            data += part
        return data
    def hear(made):
        length, call, kind, _ = frames.HEAD.unpack(exactly(made, frames.HEAD_BYTES))
        return kind, decode(exactly(made, length))
    told = []
    made = line()
    for index in range(2, 255):
        made.sendall(frames.frame(7, index, 0, encode("visits")))
        kind, said = hear(made)
        told.append([kind, said[0]])
    refused = told.copy()
    odd = []
    for junk in (b"\\xff" * 4096, struct.pack("<IIBB", 0xFFFFFFFF, 1, 0, 0), b"GET / HTTP/1.1\\r\\n\\r\\n"):
        made = line()
        made.sendall(junk)
        made.shutdown(socket.SHUT_WR)
        try:
            odd.append(hear(made)[0])
        except (EOFError, ConnectionError):
            odd.append("ended")
    wrong = []
    await env.DB.exec("CREATE TABLE IF NOT EXISTS own (x)")
    for statement in given:
        try:
            await env.DB.prepare(statement).all()
            wrong.append(statement)
        except Exception as error:
            print(statement, "->", error)
    told = [[list(each) for each in {tuple(one) for one in refused}], odd, wrong, await env.KV.get("visits")]
    """
    other = str(house.root / "innocent.kv")
    statements = [
        f"ATTACH DATABASE '{other}' AS other", f"VACUUM INTO '{house.root}/stolen.db'", "PRAGMA writable_schema = 1",
        "SELECT load_extension('/app/main.so')", "SELECT readfile('/etc/shadow')", "SELECT writefile('/tmp/x', 'x')",
        "SELECT fts3_tokenizer('x', x'00')", "PRAGMA temp_store_directory = '/'",
    ]  # fmt: skip
    refused, odd, wrong, visits = house.run("binder", script, statements).told
    assert refused == [[1, "NotBound"]]
    assert set(odd) <= {3, "ended"}, odd
    assert wrong == []
    assert visits is None
    assert not (house.root / "stolen.db").exists()
    house.explained("binder", "ATTACH DATABASE")


SPLITS = {
    "a header in a value": "HTTP/1.1 200 OK\r\nx-a: 1\rset-cookie: a=b\r\ncontent-length: 0\r\n\r\n",
    "a bare line feed": "HTTP/1.1 200 OK\nset-cookie: a=b\ncontent-length: 0\n\n",
    "two lengths": "HTTP/1.1 200 OK\r\ncontent-length: 2\r\ncontent-length: 50\r\n\r\nok",
    "length and chunks": "HTTP/1.1 200 OK\r\ncontent-length: 2\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
    "no status": "hello\r\n\r\n",
    "a head without end": "HTTP/1.1 200 OK\r\n" + "x-a: " + "y" * 200_000,
    "interim without end": "HTTP/1.1 100 Continue\r\n\r\n" * 50,
    "an upgrade nobody asked for": "HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\n\r\n",
}


def test_an_answer_cannot_be_split_or_carry_our_names(house: House) -> None:
    """Through the worker's own API, and round it: on the listener itself."""
    script = """
    from workers import Response
    try:
        answer = Response("x", headers={"x-a": "1\\r\\nset-cookie: holdfast_session=stolen\\r\\n\\r\\nHTTP/1.1 200 OK"})
    except Exception as error:
        told = type(error).__name__
        print(error)
    """
    reply = house.run("splitter", script)
    assert not [name for name, _ in reply.fields if name.lower() == "set-cookie"]
    talk = """
    def talk(line):
        head = b""
        while b"\\r\\n\\r\\n" not in head:
            head += line.recv(65536)
        line.sendall(given[int(head.split(b" ")[1][1:])].encode())
        line.close()
    serve(4)
    """
    told = house.ask("splitter", f"given = {list(SPLITS.values())!r}\n{TAKE_OVER}{dedent(talk)}".encode())
    assert told.status == 200
    found = {}
    for number, name in enumerate(SPLITS):
        connection = http.client.HTTPConnection("127.0.0.1", house.port, timeout=15)
        connection.request("GET", f"/{number}", headers={"Host": "splitter.localhost"})
        answer = connection.getresponse()
        found[name] = (answer.status, json.loads(answer.read())["error"]["code"])
        connection.close()
    codes = ("answer_malformed", "worker_failed")
    assert {name: each for name, each in found.items() if each[0] != 502 or each[1] not in codes} == {}
    house.end("splitter")
    house.lives("splitter")
