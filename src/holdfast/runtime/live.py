"""What is to run, as every process of the runtime reads it: frozen values, without secrets.

The workers' slice makes them from its rows; the pool, the state process, the edge and the egress process act on them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

Json = None | bool | int | float | str | list["Json"] | dict[str, "Json"]
BindingKind = Literal["kv", "d1", "service", "ratelimit", "version"]


@dataclass(frozen=True)
class Binding:
    """One name in a worker's `env`. `target`, by kind:

    kv {"namespace_id", "resource_id", "path"}; d1 {"resource_id", "path"} (absolute paths of SQLite files);
    service {"worker_id", "entrypoint": str | None}; ratelimit {"namespace", "limit", "period"} (seconds); version {}.
    """

    name: str
    kind: BindingKind
    target: Mapping[str, Json] = field(default_factory=dict)


@dataclass(frozen=True)
class WorkerLimits:
    """What one process of a version may use. Seconds and bytes."""

    timeout_seconds: float = 30.0
    cpu_ms: int | None = None  # of one invocation
    memory_bytes: int = 256 * 1024 * 1024
    cpus: float = 1.0
    tasks: int = 64
    files: int = 512
    temporary_bytes: int = 64 * 1024 * 1024
    concurrency: int = 256
    body_bytes: int = 100 * 1024 * 1024
    log_lines: int = 1000  # of one invocation


@dataclass(frozen=True)
class Permits:
    """Switches of their own. `network`: hosts it may reach, "*.example.org" or "*" for any public one."""

    network: tuple[str, ...] = ()
    read: bool = False  # files beyond its code and packages
    write: bool = True  # its private /tmp
    environment: bool = True  # vars and secrets in os.environ too
    subprocess: bool = False


@dataclass(frozen=True)
class LiveVersion:
    """A version that takes requests or calls. `code` is a directory nobody changes; `main` is relative to it."""

    id: str
    number: int
    tag: str | None
    worker_id: str
    worker: str
    project_id: str
    environment_id: str
    code: Path
    main: str
    packages: Path | None  # site-packages of its locked environment
    token: str  # names its sockets: short, unguessable, safe in a path
    weight: int  # per cent of what has no version of its own asked for
    created_at: str
    runtime: Literal["python"] = "python"
    compatibility_date: str = "2026-01-01"
    flags: tuple[str, ...] = ()
    vars: Mapping[str, Json] = field(default_factory=dict)
    secrets: tuple[str, ...] = ()  # names; the values come by descriptor when it starts
    secrets_revision: str = ""  # another one when a value changed: what runs has the old one and is started anew
    bindings: tuple[Binding, ...] = ()
    crons: tuple[str, ...] = ()
    missed: Literal["skip", "once", "all"] = "once"  # turns of crons that fell due while nobody looked: see `cron.due`
    routes: tuple[Mapping[str, Json], ...] = ()  # declared ones with the schemas of their requests and answers
    answers: Literal["off", "log", "refuse"] = "log"  # what becomes of an answer that is not what its schema says
    schemas: Mapping[str, Json] = field(default_factory=dict)  # that they share
    limits: WorkerLimits = WorkerLimits()
    permits: Permits = Permits()
    warm: int = 0  # processes kept although nothing asks
    idle_seconds: float = 300.0
    leaving: bool = False  # another has its place: it ends what runs in it, and takes nothing new


TRIAL = "try"  # how the token of a version that is only tried begins


@dataclass(frozen=True)
class Sockets:
    """Where a version is reached and reaches out, all below `<runtime>/w/<token>/`.

    `http`: requests from the edge. `inner`: calls from our own processes (schedules, other workers); never mounted
    into a sandbox. `bind` and `egress`: the two sockets a sandbox sees, at /run/bind and /run/egress.
    """

    directory: Path

    @classmethod
    def of(cls, runtime: Path, token: str) -> Sockets:
        return cls(runtime / "w" / token)

    @property
    def http(self) -> Path:
        return self.directory / "http"

    @property
    def inner(self) -> Path:
        return self.directory / "inner"

    @property
    def bind(self) -> Path:
        return self.directory / "bind"

    @property
    def egress(self) -> Path:
        return self.directory / "egress"

    @property
    def trial(self) -> Path:
        """Of a version that is only tried: which it is and what it is bound to, for those who serve its two sockets."""
        return self.directory / "trial"


def still_here(versions: Sequence[LiveVersion], runtime: Path) -> list[LiveVersion]:
    """Without those that leave and have gone: the pool removes `http` once their last process has ended. It looks at
    the disk."""
    return [each for each in versions if not each.leaving or Sockets.of(runtime, each.token).http.exists()]
