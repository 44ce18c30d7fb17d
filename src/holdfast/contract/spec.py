"""What a user asks for, where it will run, and the pure plan between the two."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict

HostKind = Literal["embedded", "process", "container", "external"]


class Spec(BaseModel):
    """Base of every engine's spec. Its JSON Schema is the create form in CLI, API and dashboard.

    Unknown fields are refused: a misspelt setting must not become a default.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)


@dataclass(frozen=True)
class Limits:
    """What a hosted server may use. None = not limited. Applied by cgroup v1 or v2 where there is one."""

    memory_bytes: int | None = None
    cpus: float | None = None
    tasks: int | None = None


@dataclass(frozen=True)
class Site:
    """Where one resource lives, *as the engine's own processes will see the paths*.

    `data` is the resource's directory (exists, owned by its user), `sockets` a short directory for unix
    sockets, `software` the root of the installed tools named by `Engine.software` (None when embedded),
    `port` a loopback TCP port reserved for this resource (None when the engine asked for none).
    `name` is the database name the user chose, `secrets` the passwords the plan needs by role.
    """

    resource_id: str
    name: str
    data: Path
    sockets: Path
    software: Path | None = None
    port: int | None = None
    secrets: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Software:
    """A set of native tools an engine needs, in one version.

    `package` + `subdir` name a directory inside an installed Python package that holds `bin/`, `siblings` the
    other top-level directories its libraries need at the same relative place; `system` lists directories to use
    instead when they exist (first wins). `hosts/` finds, copies and pins it; engines never look at the disk. `pin`
    names one copy of earlier, which wins while it is there; engines leave it alone.
    """

    name: str
    version: str
    package: str | None = None
    subdir: str = ""
    siblings: tuple[str, ...] = ()
    system: tuple[Path, ...] = ()
    probe: str = ""  # a file under bin/ that must be there
    pin: str = ""
    flat: bool = False  # the package keeps its tools beside each other, without bin/; the copy has them in bin/


@dataclass(frozen=True)
class File:
    """A file the host writes before the server starts; `secret` ones are 0600 and never shown."""

    path: Path
    content: str
    mode: int = 0o600
    secret: bool = False


@dataclass(frozen=True)
class Command:
    """One child process: argv[0] is a tool's bare name (found in `software`) or an absolute path. Never a shell."""

    argv: tuple[str, ...]
    env: Mapping[str, str] = field(default_factory=dict)
    unless: Path | None = None  # skip when this exists: makes initialisation idempotent
    stdin: bytes | None = None
    timeout: float = 120.0


@dataclass(frozen=True)
class Talk:
    """A question over a unix socket, for servers that ship no client: ready when `expect` is what comes back first."""

    socket: Path
    send: bytes
    expect: bytes
    timeout: float = 5.0


@dataclass(frozen=True)
class Server:
    """A long-running process under the keeper. Ready when `ready` exits 0 or answers; stopped with `stop_signal`."""

    command: Command
    ready: Command | Talk
    stop_signal: int
    stop_timeout: float = 30.0
    ready_timeout: float = 30.0


@dataclass(frozen=True)
class Role:
    """A login of a resource: its user name at the server and the name of the secret that holds its password."""

    user: str
    secret: str


Access = Literal["admin", "owner", "rw", "ro"]


@dataclass(frozen=True)
class Endpoint:
    """How to reach one database. Pure data; passwords stay in `secrets` and never in `repr`.

    Embedded engines use `path`. Servers use `sockets` (unix, for us) and `host`/`port` (loopback TCP, for users).
    `database` is the database's name at the server. `beside` marks a candidate built next to the live one.
    `hosted` False: the server or file is somebody else's; its roles, settings and other databases are not touched, and
    `maintenance` names the database from which others are made. `tls` is shown in URLs.
    """

    path: Path | None = None
    sockets: Path | None = None
    host: str | None = None
    port: int | None = None
    database: str | None = None
    roles: Mapping[Access, Role] = field(default_factory=dict)
    secrets: Mapping[str, str] = field(default_factory=dict, repr=False)
    software: Path | None = None
    beside: str | None = None
    hosted: bool = True
    maintenance: str | None = None
    tls: str | None = None


@dataclass(frozen=True)
class Plan:
    """What must exist for a resource to run; pure data that `hosts/` carries out in this order.

    directories (made, owned) -> files -> init commands -> server started and ready. An embedded engine plans no server.
    """

    host: HostKind
    endpoint: Endpoint
    directories: tuple[Path, ...] = ()
    files: tuple[File, ...] = ()
    init: tuple[Command, ...] = ()
    server: Server | None = None
    limits: Limits = Limits()
    software: Software | None = None
