"""Where this installation lives and listens. Read once, at the composition root, and handed down."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path


def _runtime_root(data: Path, environ: Mapping[str, str]) -> Path:
    """A short directory for sockets: a unix socket path may hold 107 bytes, and data directories are often longer."""
    if given := environ.get("HOLDFAST_RUNTIME"):
        return Path(given)
    digest = hashlib.sha256(str(data).encode()).hexdigest()[:10]
    if os.geteuid() == 0:
        return Path("/run") / f"holdfast-{digest}"
    base = Path(environ.get("XDG_RUNTIME_DIR", f"/tmp/holdfast-{os.geteuid()}"))  # noqa: S108 - made 0700 and owner-checked
    return base / f"holdfast-{digest}"


def _master_key_file(data: Path, environ: Mapping[str, str]) -> Path:
    """Outside the data directory by default: a copied disk or repository must not carry its own key."""
    if given := environ.get("HOLDFAST_MASTER_KEY_FILE"):
        return Path(given)
    digest = hashlib.sha256(str(data).encode()).hexdigest()[:10]
    base = Path(environ.get("XDG_CONFIG_HOME", str(Path.home() / ".config")))
    return base / "holdfast" / f"master-{digest}.key"


@dataclass(frozen=True)
class Settings:
    """Paths, ports and limits of one installation.

    `control_port` 0 and `apps_port` 0 ask the kernel for a free port (tests, `holdfast demo`).
    """

    data: Path
    runtime: Path
    master_key_file: Path
    host: str = "127.0.0.1"
    control_port: int = 7700
    apps_port: int = 7701
    database_url: str | None = None
    node: str = ""  # "" = the name kept in the data directory, made once
    log_level: str = "info"
    delete_grace_seconds: int = 7 * 24 * 3600
    disk_reserve_bytes: int = 256 * 1024 * 1024
    download_seconds: int = 3600  # how long a signed link lives when its maker does not say
    download_most_seconds: int = 7 * 24 * 3600
    ui: Path | None = None  # a build of the dashboard to serve in place of the one in the package
    allowed_hosts: tuple[str, ...] = field(default=())
    outbound_allow: tuple[str, ...] = field(default=())
    caddy: str = ""  # edge or direct: keep a configuration for a Caddy in front of the workers
    workers_outbound_allow: tuple[str, ...] = field(default=())
    workers_standby: int = 8  # processes that stand by for sleeping workers
    workers_sandbox: str = ""  # in-process or bubblewrap; "" = the best that works on this machine
    sqlite_roots: tuple[Path, ...] = field(default=())
    master_key_source: str = (
        ""  # file, environment or vault; "" = environment when HOLDFAST_MASTER_KEY is set, else file
    )
    vault_addr: str = ""
    vault_mount: str = "secret"
    vault_path: str = "holdfast/master-key"
    vault_field: str = "key"
    vault_token_file: Path | None = None
    vault_role_id: str | None = None
    vault_secret_id_file: Path | None = None
    vault_approle_mount: str = "approle"
    vault_namespace: str | None = None
    vault_cacert: Path | None = None
    apps_domains: tuple[str, ...] = ("localhost",)  # a worker's host is its slug below each
    name_servers: tuple[str, ...] = ()  # asked for the proof of a worker's own host; () = those of resolv.conf

    @property
    def metadata_url(self) -> str:
        """SQLAlchemy URL of the metadata database."""
        return self.database_url or f"sqlite+apsw:///{self.data / 'meta' / 'holdfast.db'}"

    @property
    def admin_socket(self) -> Path:
        return self.runtime / "admin.sock"

    @property
    def front_socket(self) -> Path:
        """Where a server of the operator's (Caddy) reaches the edge, and says who its clients are."""
        return self.runtime / "front.sock"

    @property
    def keeper_socket(self) -> Path:
        return self.runtime / "keeper.sock"

    @classmethod
    def load(cls, environ: Mapping[str, str] | None = None, *, data: Path | None = None) -> Settings:
        """From HOLDFAST_* variables. Raises ValueError naming the variable that cannot be understood."""
        env = os.environ if environ is None else environ
        where = (data or Path(env.get("HOLDFAST_DATA", "data"))).expanduser().resolve()
        return cls(
            data=where,
            runtime=_runtime_root(where, env),
            master_key_file=_master_key_file(where, env),
            control_port=_number(env, "HOLDFAST_CONTROL_PORT", 7700),
            apps_port=_number(env, "HOLDFAST_APPS_PORT", 7701),
            database_url=env.get("HOLDFAST_DATABASE_URL"),
            node=env.get("HOLDFAST_NODE", ""),
            log_level=env.get("HOLDFAST_LOG_LEVEL", "info"),
            delete_grace_seconds=_number(env, "HOLDFAST_DELETE_GRACE_SECONDS", 7 * 24 * 3600),
            disk_reserve_bytes=_number(env, "HOLDFAST_DISK_RESERVE_BYTES", 256 * 1024 * 1024),
            download_seconds=_number(env, "HOLDFAST_DOWNLOAD_SECONDS", 3600),
            download_most_seconds=_number(env, "HOLDFAST_DOWNLOAD_MOST_SECONDS", 7 * 24 * 3600),
            ui=_path(env, "HOLDFAST_UI"),
            allowed_hosts=tuple(filter(None, env.get("HOLDFAST_ALLOWED_HOSTS", "").split(","))),
            outbound_allow=tuple(filter(None, env.get("HOLDFAST_OUTBOUND_ALLOW", "").split(","))),
            caddy=_one_of(env, "HOLDFAST_CADDY", ("", "edge", "direct")),
            workers_standby=_number(env, "HOLDFAST_WORKERS_STANDBY", 8),
            workers_sandbox=_one_of(env, "HOLDFAST_WORKERS_SANDBOX", ("", "in-process", "bubblewrap")),
            workers_outbound_allow=tuple(filter(None, env.get("HOLDFAST_WORKERS_OUTBOUND_ALLOW", "").split(","))),
            sqlite_roots=tuple(map(Path, filter(None, env.get("HOLDFAST_SQLITE_ROOTS", "").split(":")))),
            master_key_source=_one_of(env, "HOLDFAST_MASTER_KEY_SOURCE", ("", "file", "environment", "vault")),
            vault_addr=env.get("HOLDFAST_VAULT_ADDR", ""),
            vault_mount=env.get("HOLDFAST_VAULT_MOUNT") or "secret",
            vault_path=env.get("HOLDFAST_VAULT_PATH") or "holdfast/master-key",
            vault_field=env.get("HOLDFAST_VAULT_FIELD") or "key",
            vault_token_file=_path(env, "HOLDFAST_VAULT_TOKEN_FILE"),
            vault_role_id=env.get("HOLDFAST_VAULT_ROLE_ID") or None,
            vault_secret_id_file=_path(env, "HOLDFAST_VAULT_SECRET_ID_FILE"),
            vault_approle_mount=env.get("HOLDFAST_VAULT_APPROLE_MOUNT") or "approle",
            vault_namespace=env.get("HOLDFAST_VAULT_NAMESPACE") or None,
            vault_cacert=_path(env, "HOLDFAST_VAULT_CACERT"),
            apps_domains=tuple(filter(None, env.get("HOLDFAST_APPS_DOMAINS", "").split(","))) or ("localhost",),
            name_servers=tuple(filter(None, env.get("HOLDFAST_NAME_SERVERS", "").replace(" ", "").split(","))),
        )


def _path(environ: Mapping[str, str], name: str) -> Path | None:
    given = environ.get(name)
    return Path(given) if given else None


def _one_of(environ: Mapping[str, str], name: str, known: tuple[str, ...]) -> str:
    given = environ.get(name, "")
    if given not in known:
        raise ValueError(f"{name} must be one of {', '.join(filter(None, known))}, not {given!r}")
    return given


def _number(environ: Mapping[str, str], name: str, default: int) -> int:
    text = environ.get(name)
    if text is None or text == "":
        return default
    try:
        return int(text)
    except ValueError:
        raise ValueError(f"{name} must be a whole number, not {text!r}") from None
