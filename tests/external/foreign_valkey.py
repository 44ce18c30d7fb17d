"""Real Valkey and Redis servers that are not ours: configured by a stranger, with users of his own and no DEBUG."""

from __future__ import annotations

import contextlib
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from valkey_places import Servers

from holdfast.contract.conformance import Place
from holdfast.contract.engine import Engine
from holdfast.contract.spec import Access, Endpoint, Role
from holdfast.engines.valkey import engine
from holdfast.engines.valkey.plan import SOCKET
from holdfast.engines.valkey.resp import Link
from holdfast.engines.valkey.spec import ValkeySpec
from holdfast.engines.valkey.trial import DIALECT

LOGIN, READER = 'app:"admin"\';--ö', "app-reader"
PASSWORDS = {"login": "p@ss:/?#[]w'ö\"rd%20", "reader": "r'e\\a>d;--er-1", "root": "the stranger's own"}
LOGIN_RULES = (
    "~* &* +@all -@admin -@dangerous +info +config|get +dump +psync +replconf +acl|dryrun +swapdb +flushdb +client|kill"
)
READER_RULES = "%R~* %R~ resetchannels -@all +@read +@connection -@write -@dangerous +info"


def binary(software: str) -> Path:
    """Raises when the server is not installed: `make system-parts` installs Debian's."""
    if software == "valkey":
        return next(path for path in Path(sys.prefix).rglob("valkey-server") if path.is_file())
    found = shutil.which(f"{software}-server")
    assert found, f"{software}-server is not installed: make system-parts"
    return Path(found)


@dataclass
class Stranger:
    """One running server of somebody else's."""

    directory: Path
    port: int
    tls_port: int = 0
    process: subprocess.Popen[bytes] | None = field(default=None, repr=False)

    @contextmanager
    def admin(self) -> Iterator[Link]:
        """Its administrator's own line."""
        with socket.socket(socket.AF_UNIX) as sock:
            sock.settimeout(5)
            sock.connect(str(self.directory / SOCKET))
            link = Link(sock)
            link.command("HELLO", 3, "AUTH", "default", PASSWORDS["root"])
            yield link

    def do(self, *words: Any, db: int = 0) -> Any:
        with self.admin() as link:
            link.command("SELECT", db)
            return link.command(*words)

    def user(self, name: str, password: str, rules: str) -> None:
        self.do("ACL", "SETUSER", name, "reset", "on", f">{password}", *rules.split())

    def clean(self) -> None:
        """Empty, with its two usual users."""
        with self.admin() as link:
            link.command("FLUSHALL")
            link.command("CONFIG", "SET", "maxmemory", 0)
        self.user(LOGIN, PASSWORDS["login"], LOGIN_RULES)
        self.user(READER, PASSWORDS["reader"], READER_RULES)

    def endpoint(self) -> Endpoint:
        login, reader = Role(LOGIN, "login"), Role(READER, "reader")
        roles: dict[Access, Role] = {"admin": login, "owner": login, "rw": login, "ro": reader}
        return Endpoint(sockets=self.directory, database="0", roles=roles, secrets=PASSWORDS, hosted=False)


@contextmanager
def stranger(software: str = "valkey", *settings: str) -> Iterator[Stranger]:
    """A server started by hand, in a directory of its own, ended by its process id."""
    with tempfile.TemporaryDirectory(prefix="kv") as text, socket.socket() as kept:
        kept.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        kept.bind(("127.0.0.1", 0))
        port = int(kept.getsockname()[1])
        kept.close()
        place = Path(text)
        place.chmod(0o711)
        argv = [str(binary(software)), "--port", str(port), "--bind", "127.0.0.1", "--dir", text, "--save", "",
                "--unixsocket", str(place / SOCKET), "--unixsocketperm", "777", "--requirepass", PASSWORDS["root"],
                "--repl-diskless-sync-delay", "0", "--loglevel", "warning", *settings]  # fmt: skip
        process = subprocess.Popen(argv, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd=place)
        made = Stranger(place, port, process=process)
        try:
            _ready(made, process)
            made.clean()
            yield made
        finally:
            process.terminate()
            process.wait(10)


def _ready(made: Stranger, process: subprocess.Popen[bytes]) -> None:
    until = time.monotonic() + 60
    while True:
        assert process.poll() is None, "the server ended at its start"
        try:
            made.do("PING")
        except OSError:
            assert time.monotonic() < until, "the server does not answer"
            time.sleep(0.02)
        else:
            return


@dataclass
class StrangerSubject:
    """Implements Subject: a fresh database is a whole server, emptied by its administrator."""

    free: list[Stranger]
    servers: Servers  # for tools
    engine: Engine = engine
    spec: ValkeySpec = field(default_factory=ValkeySpec)
    dialect: Any = DIALECT

    @contextlib.contextmanager
    def fresh(self, name: str = "app") -> Iterator[Place]:
        one = self.free.pop()
        try:
            one.clean()
            tools = self.servers.hosts.tools(None, engine.software(self.spec), self.servers.directory)
            yield Place(name, one.endpoint(), tools)
        finally:
            self.free.append(one)
