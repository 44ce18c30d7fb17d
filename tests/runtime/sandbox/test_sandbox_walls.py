"""Hostile scripts in both modes: each is told no by its own call, and outside nothing has changed."""

from __future__ import annotations

import errno
import os
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from sandbox_pen import Pen, allowed, limits

REFUSED = ("FileNotFoundError", "PermissionError")
CTYPES = """
import ctypes, os
libc = ctypes.CDLL(None, use_errno=True)
def call(number, *arguments):
    result = libc.syscall(ctypes.c_long(number), *[ctypes.c_long(a) if isinstance(a, int) else a for a in arguments])
    return [result, ctypes.get_errno()]
"""


def raised(pen: Pen, script: str, given: dict[str, Any] | None = None, **cell: Any) -> dict[str, Any]:
    told, ended = pen.run(script, given, **cell)
    assert ended.status == 0, ended
    assert len(told) == 1, told
    assert "raised" in told[0], f"nothing stopped it: {told}"
    found: dict[str, Any] = told[0]
    return found


def errors(pen: Pen, lines: dict[str, str], **cell: Any) -> dict[str, Any]:
    """What each line raised: its class, or the errno for OSError; None when nothing stopped it."""
    script = """
    found = {}
    for name, line in given["lines"].items():
        try:
            exec(line)
            found[name] = None
        except OSError as error:
            found[name] = error.errno
        except Exception as error:
            found[name] = repr(error)
    tell(found)
    """
    told, ended = pen.run(script, {"lines": lines}, **cell)
    assert ended.status == 0, ended
    assert set(told[0]) == set(lines)
    answer: dict[str, Any] = told[0]
    return answer


def test_files_of_the_machine_are_not_there(pen: Pen, tmp_path: Path) -> None:
    """Nor those of the data directory, of the code directory's own place, of other versions, of the tests."""
    secret = tmp_path / "data" / "secret"
    secret.parent.mkdir()
    secret.write_text("s")
    paths = ["/etc/shadow", "/etc/hostname", "/proc/1/environ", "/proc/kcore", "/sys/kernel", "/dev/vda", "/root/.ssh"]
    paths += [str(one) for one in (secret, pen.home / "code" / "main.py", Path(__file__), Path.cwd() / "Makefile")]
    found = errors(pen, {path: f"open({path!r}, 'rb').read(10)" for path in paths})
    assert {path: code for path, code in found.items() if code not in (errno.ENOENT, errno.EACCES, errno.EPERM)} == {}
    found = errors(
        pen, {path: f"import os; os.listdir({path!r})" for path in map(str, (secret.parent, pen.home / "w"))}
    )
    assert set(found.values()) == {errno.ENOENT}


def test_the_admin_socket_is_not_there(pen: Pen, tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as admin:
        admin.bind(str(tmp_path / "admin.sock"))
        (tmp_path / "admin.sock").chmod(0o666)
        admin.listen()
        admin.setblocking(False)
        script = f"import socket; socket.socket(socket.AF_UNIX).connect({str(tmp_path / 'admin.sock')!r}); tell(1)"
        assert raised(pen, script)["raised"] in REFUSED
        with pytest.raises(BlockingIOError):
            admin.accept()


def test_sockets_of_its_version_are_seen_by_half(pen: Pen) -> None:
    """`inner` is for our own processes; a socket made anew (its process was started again) is reached."""

    async def work() -> list[Any]:
        talk = await pen.start(
            """
            import socket
            def reach(name):
                try:
                    socket.socket(socket.AF_UNIX).connect("/run/" + name)
                    return "reached"
                except OSError as error:
                    return type(error).__name__
            tell([reach("http"), reach("inner"), reach("bind")])
            pipe.recv(10)
            tell(reach("bind"))
            """
        )
        first = await talk.hear()
        made = socket.socket(socket.AF_UNIX)
        path = Path(talk.listeners[0].getsockname()).with_name("bind")
        made.bind(str(path))
        path.chmod(0o666)
        made.listen()
        talk.pipe.send(b"again")
        second = await talk.hear()
        await talk.end()
        made.close()
        return [*first, second]

    http, inner, before, after = pen.do(work())
    assert "reached" not in (http, inner)
    assert (before, after) == ("FileNotFoundError", "reached")


def test_only_unix_sockets(pen: Pen) -> None:
    families = ["AF_INET", "AF_INET6", "AF_NETLINK", "AF_PACKET", "AF_VSOCK", "AF_ALG", "AF_BLUETOOTH"]
    numbers = {name: int(getattr(socket, name, 31)) for name in families}
    lines = {name: f"import socket; socket.socket({number}, socket.SOCK_DGRAM)" for name, number in numbers.items()}
    lines["pair"] = "import socket; socket.socketpair(socket.AF_INET)"
    assert set(errors(pen, lines).values()) == {errno.EACCES}


def test_loopback_and_metadata_addresses_are_out_of_reach(pen: Pen) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.setblocking(False)
        addresses = (server.getsockname(), ("169.254.169.254", 80))
        lines = {str(one): f"import socket; socket.create_connection({one!r}, timeout=2)" for one in addresses}
        assert set(errors(pen, lines).values()) == {errno.EACCES}
        with pytest.raises(BlockingIOError):
            server.accept()


def test_abstract_sockets_of_the_host_are_out_of_reach(pen: Pen) -> None:
    name = f"\0holdfast-test-{os.getpid()}"
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(name)
        server.listen()
        server.setblocking(False)
        script = f"import socket; socket.socket(socket.AF_UNIX).connect({name!r}); tell('reached')"
        assert raised(pen, script)["raised"] in ("ConnectionRefusedError", "PermissionError")
        with pytest.raises(BlockingIOError):
            server.accept()


CALLS = {
    "ptrace": "call(101, 16, 1, 0, 0)",
    "process_vm_readv": "call(310, 1, 0, 0, 0, 0, 0)",
    "mount": "call(165, b'none', b'/tmp', b'tmpfs', 0, None)",
    "umount2": "call(166, b'/proc', 2)",
    "fsopen": "call(430, b'tmpfs', 0)",
    "open_tree": "call(428, -100, b'/', 1)",
    "unshare": "call(272, 0x10000000)",
    "setns": "call(308, 3, 0)",
    "clone with a namespace": "call(56, 0x10000000 | 17, 0, 0, 0, 0)",
    "chroot": "call(161, b'/tmp')",
    "pivot_root": "call(155, b'/tmp', b'/tmp')",
    "bpf": "call(321, 0, 0, 0)",
    "keyctl": "call(250, 0, -3, 1)",
    "add_key": "call(248, b'user', b'a', b'b', 1, -3)",
    "perf_event_open": "call(298, 0, 0, -1, -1, 0)",
    "userfaultfd": "call(323, 1)",
    "open_by_handle_at": "call(304, -100, 0, 0)",
    "kexec_load": "call(246, 0, 0, 0, 0)",
    "init_module": "call(175, 0, 0, b'')",
    "syslog": "call(103, 3, 0, 0)",
    "setuid": "call(105, 0)",
    "setresuid": "call(117, 0, 0, 0)",
    "reboot": "call(169, 0, 0, 0, 0)",
    "personality": "call(135, 0x0040000)",
    "sched_setaffinity": "call(203, 0, 8, b'\\1' + bytes(7))",
    "sched_setattr": "call(314, 0, bytes([48]) + bytes(47), 0)",
    "TIOCSTI": "call(16, 0, 0x5412, 0)",
}


@pytest.mark.skipif(os.uname().machine != "x86_64", reason="never: the numbers are x86-64's")
def test_calls_that_change_the_machine_are_refused(pen: Pen) -> None:
    told, _ = pen.run(CTYPES + "tell({name: eval(line) for name, line in given['calls'].items()})", {"calls": CALLS})
    assert told == [{name: [-1, errno.EPERM] for name in CALLS}]


@pytest.mark.skipif(os.uname().machine != "x86_64", reason="never: the numbers are x86-64's")
def test_calls_that_no_filter_can_read_do_not_exist(pen: Pen) -> None:
    told, _ = pen.run(CTYPES + "tell([call(435, 0, 0), call(425, 1, 0), call(999)])")
    assert told == [[[-1, errno.ENOSYS]] * 3]


@pytest.mark.skipif(os.uname().machine != "x86_64", reason="never: x32 is x86-64's")
def test_another_processors_calls_end_the_process(pen: Pen) -> None:
    told, ended = pen.run(CTYPES + "tell('going'); call(0x40000000 + 39); tell('still here')")
    assert told == ["going"]
    assert "SIGSYS" in ended.words


def test_it_has_no_rights_to_give_up(pen: Pen) -> None:
    told, _ = pen.run(
        """
        import os
        lines = dict(line.split(":", 1) for line in open("/proc/self/status").read().splitlines())
        names = ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb", "NoNewPrivs", "Seccomp")
        tell([lines[name].strip() for name in names])
        tell([os.getresuid(), os.getresgid(), os.umask(0)])
        """
    )
    assert told[0] == ["0" * 16] * 5 + ["1", "2"]
    uids, gids, umask = told[1]
    assert 0 not in (*uids, *gids)
    assert umask == 0o077
    if pen.mode == "root":
        assert uids == [200_321] * 3


def test_other_processes_cannot_be_seen_or_signalled(pen: Pen) -> None:
    victim = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    try:
        told, _ = pen.run(
            """
            import os, signal
            def strike(pid):
                try:
                    os.kill(pid, signal.SIGKILL)
                    return "sent"
                except OSError as error:
                    return type(error).__name__
            tell([strike(given["victim"]), strike(given["pool"])])
            tell([int(name) for name in os.listdir("/proc") if name.isdigit()])
            tell(os.getpid())
            strike(-1)
            """,
            {"victim": victim.pid, "pool": os.getpid()},
        )
        assert told[0] == ["ProcessLookupError"] * 2
        assert set(told[1]) <= {1, 2}
        assert told[2] in (1, 2)
        assert victim.poll() is None
    finally:
        victim.kill()
        victim.wait()


def test_nothing_is_inherited(pen: Pen, monkeypatch: pytest.MonkeyPatch) -> None:
    """Descriptors: the standard three (leading nowhere), http, inner, channel. No variable of ours."""
    monkeypatch.setenv("HOLDFAST_MASTER_KEY_FILE", "/somewhere")
    told, _ = pen.run(
        """
        import os
        def there(number):
            try:
                return bool(os.fstat(number))
            except OSError:
                return False
        tell([number for number in range(2000) if there(number)])
        tell([os.fstat(n).st_rdev for n in (0, 1, 2)] + [os.stat("/dev/null").st_rdev])
        tell(dict(os.environ))
        """
    )
    assert told[0] == [0, 1, 2, 3, 4, 5]
    assert len(set(told[1])) == 1
    assert not [name for name in told[2] if name.startswith("HOLDFAST")]
    assert set(told[2]) <= {"PATH", "HOME", "TMPDIR", "LANG", "USER", "PWD", "LC_CTYPE"}


def test_its_own_memory_and_the_tunables_are_closed(pen: Pen) -> None:
    before = Path("/proc/sys/kernel/core_pattern").read_text()
    paths = ("/proc/self/mem", "/proc/sys/kernel/core_pattern", "/proc/self/oom_score_adj", "/proc/sysrq-trigger")
    found = errors(pen, {path: f"open({path!r}, 'r+b', buffering=0).write(b'0')" for path in paths})
    assert None not in found.values(), found
    assert Path("/proc/sys/kernel/core_pattern").read_text() == before


def test_only_its_tmp_can_be_written(pen: Pen) -> None:
    paths = ["/app/new", "/app/main.py", "/new", "/etc/passwd", "/run/new", "/dev/new", "/usr/new", os.__file__]
    found = errors(pen, {path: f"open({path!r}, 'a').write('x')" for path in paths})
    assert set(found.values()) <= {errno.EROFS, errno.EACCES, errno.EPERM}, found
    assert (pen.home / "code" / "main.py").read_text() == "answer = 42\n"
    assert [one.name for one in (pen.home / "code").iterdir()] == ["main.py"]


def test_symlinks_in_the_code_lead_nowhere_outside(pen: Pen, tmp_path: Path) -> None:
    code = tmp_path / "code"
    code.mkdir()
    (tmp_path / "neighbour").write_text("secret")
    (code / "absolute").symlink_to("/etc/shadow")
    (code / "above").symlink_to("../neighbour")
    (code / "far").symlink_to("../" * 12 + "etc/shadow")
    (code / "old").symlink_to(str(tmp_path / "neighbour"))
    paths = [f"/app/{name}" for name in ("absolute", "above", "far", "old")] + ["/proc/self/root/../../etc/shadow"]
    found = errors(pen, {path: f"open({path!r}).read()" for path in paths}, code=code)
    assert set(found.values()) <= {errno.ENOENT, errno.EACCES}, found


def test_a_full_tmp_says_so_and_takes_nothing_of_the_disk(pen: Pen) -> None:
    room = 4 << 20
    told, _ = pen.run(
        """
        import os
        written = 0
        try:
            for number in range(100):
                with open(f"/tmp/{number}", "wb") as file:
                    written += file.write(bytes(1 << 20))
        except OSError as error:
            tell([written, error.errno])
        made = 0
        try:
            while made < 2000:
                open(f"/tmp/many-{made}", "x").close()
                made += 1
        except OSError as error:
            tell([made, error.errno])
        """,
        limits=limits(temporary_bytes=room),
    )
    written, code = told[0]
    assert code == errno.ENOSPC
    assert room // 2 <= written <= room
    if pen.mode != "bubblewrap":  # it has no option for the number of files: there memory is the bound
        assert told[1][0] <= room // 4096
        assert told[1][1] == errno.ENOSPC


def test_without_the_switch_nothing_can_be_written(pen: Pen) -> None:
    told, _ = pen.run(
        """
        import os
        places = []
        for folder, folders, files in os.walk("/", onerror=None):
            if folder.startswith("/proc"):
                continue
            try:
                os.close(os.open(folder + "/try", os.O_CREAT | os.O_WRONLY))
                places.append(folder)
            except OSError:
                pass
        tell(places)
        """,
        permits=allowed(write=False),
    )
    assert told == [[]]


def test_sockets_end_at_the_limit_of_files(pen: Pen) -> None:
    told, _ = pen.run(
        """
        import socket
        kept = []
        try:
            for _ in range(10_000):
                kept.append(socket.socket(socket.AF_UNIX))
        except OSError as error:
            found = [len(kept), error.errno]
        kept.clear()
        tell(found)
        """,
        limits=limits(files=100),
    )
    assert told[0][1] == errno.EMFILE
    assert 80 <= told[0][0] <= 100


def test_programs_only_with_the_switch(pen: Pen) -> None:
    lines = {"fork": "import os; os.fork()", "exec": "import os; os.execv('/proc/self/exe', ['x'])"}
    assert set(errors(pen, lines).values()) == {errno.EPERM}
    told, _ = pen.run("import threading; t = threading.Thread(target=tell, args=(1,)); t.start(); t.join()")
    assert told == [1]
    script = """
    import subprocess, sys
    done = subprocess.run([sys.executable, "-I", "-S", "-c", "print(6 * 7)"], capture_output=True, text=True)
    tell([done.stdout, done.returncode])
    try:
        subprocess.run(["/bin/sh", "-c", "true"])
    except OSError as error:
        tell(type(error).__name__)
    """
    told, _ = pen.run(script, permits=allowed(subprocess=True))
    assert told == [["42\n", 0], "FileNotFoundError"]


def test_a_crash_leaves_no_core(pen: Pen) -> None:
    script = """
    import ctypes, os, resource
    tell(resource.getrlimit(resource.RLIMIT_CORE))
    os.chdir("/tmp")
    ctypes.string_at(0)
    """
    told, ended = pen.run(script)
    assert told == [[0, 0]]
    assert "SIGSEGV" in ended.words
    assert ended.status == -11
    assert not list(pen.home.rglob("core*"))


def test_libraries_of_ours_are_there_and_nothing_else_of_our_installation(pen: Pen) -> None:
    told, _ = pen.run(
        """
        import importlib.util, httptools, uvloop, wsproto, ssl, zoneinfo, holdfast.runtime.live
        tell([importlib.util.find_spec(name) is None for name in ("fastapi", "apsw", "pytest", "holdfast.app", "pip")])
        tell([len(ssl.create_default_context().get_ca_certs()) >= 0, str(zoneinfo.ZoneInfo("Europe/Berlin"))])
        loop = uvloop.new_event_loop()
        tell(loop.run_until_complete(loop.run_in_executor(None, lambda: 7)))
        """
    )
    assert told == [[True] * 5, [True, "Europe/Berlin"], 7]


def test_packages_are_found_before_ours_and_read_only(pen: Pen, tmp_path: Path) -> None:
    (tmp_path / "site" / "greeting").mkdir(parents=True)
    (tmp_path / "site" / "greeting" / "__init__.py").write_text("words = 'hello'\n")
    script = "import greeting; tell([greeting.words, greeting.__file__]); open('/packages/x', 'w')"
    told, _ = pen.run(script, packages=tmp_path / "site")
    assert told[0] == ["hello", "/packages/greeting/__init__.py"]
    assert told[1]["errno"] in (errno.EROFS, errno.EACCES)
