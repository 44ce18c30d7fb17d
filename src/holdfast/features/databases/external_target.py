"""From what somebody typed to a record of a foreign server or file, its secrets apart."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from holdfast.contract.engine import Engine
from holdfast.contract.external import TLS_MODES, Address, CanRegister, TlsMode
from holdfast.contract.spec import Access, Endpoint, Role
from holdfast.features.databases.endpoints import endpoint_to_json
from holdfast.hosts.external import Ssh, Tls, Where
from holdfast.hosts.external.record import CA, CERTIFICATE, KEY, SSH_KEY, SSH_PASSWORD
from holdfast.kernel.errors import Conflict, Invalid

LOGIN, READER = "login", "reader"  # names of the secrets that hold their passwords
NAMES = (LOGIN, READER, CA, CERTIFICATE, KEY, SSH_KEY, SSH_PASSWORD)


@dataclass(frozen=True)
class SshTarget:
    """`key` and `password` are secrets, one of them is given."""

    host: str
    user: str
    port: int = 22
    host_key: str | None = None
    key: str | None = field(default=None, repr=False)
    password: str | None = field(default=None, repr=False)


@dataclass(frozen=True)
class Target:
    """A URL, or fields, or both: fields win. `ca`, `certificate`, `key` are PEM text."""

    url: str | None = field(default=None, repr=False)
    host: str | None = None
    port: int | None = None
    database: str | None = None
    user: str | None = None
    password: str | None = field(default=None, repr=False)
    reader_user: str | None = None
    reader_password: str | None = field(default=None, repr=False)
    path: str | None = None
    tls: TlsMode | None = None
    ca: str | None = None
    certificate: str | None = None
    key: str | None = field(default=None, repr=False)
    ssh: SshTarget | None = None


@dataclass(frozen=True)
class Placed:
    """`record` is what `resources.endpoint` keeps; `secrets` never leaves `kernel.secrets`."""

    record: Mapping[str, Any]
    secrets: Mapping[str, str] = field(repr=False)


def registering(engine: Engine) -> CanRegister:
    """Raises Invalid (code "engine_not_external")."""
    if not isinstance(engine, CanRegister):
        raise Invalid(
            f"a {engine.capabilities.title} server of somebody else's cannot be registered",
            code="engine_not_external",
            details={"fields": [{"field": "engine", "message": "cannot be registered"}]},
        )
    return engine


def place(engine: CanRegister, target: Target) -> Placed:
    """Pure. Raises Invalid naming the field, Conflict (code "ssh_host_key_unconfirmed")."""
    typed = engine.address(target.url) if target.url else Address()
    given = {key: getattr(target, key) for key in ("host", "port", "database", "user", "password", "tls")}
    address = replace(typed, **{key: value for key, value in given.items() if value is not None})
    if target.path is not None:
        address = replace(address, path=Path(target.path))
    if engine.external.files:
        return _file(address)
    return _server(engine, target, address)


def _file(address: Address) -> Placed:
    if address.path is None:
        raise _missing("path", "is required: a file's absolute path")
    at = Endpoint(path=address.path, database=address.path.stem, hosted=False)
    return Placed(endpoint_to_json(at), {})


def _server(engine: CanRegister, target: Target, address: Address) -> Placed:
    traits = engine.external
    port = address.port or traits.default_port
    if not address.host or port is None:
        raise _missing("host", "is required")
    if any(c.isspace() or c in "/\\@\0" for c in address.host) or not 0 < port < 65536:
        raise _missing("host", "is no host name or address")
    database = address.database or traits.default_database
    if traits.only_database is not None and database != traits.only_database:
        raise _missing("database", f"is {traits.only_database} or left out: such a server is registered whole")
    user = address.user or traits.default_user or ""
    secrets: dict[str, str] = {LOGIN: address.password or ""}
    roles: dict[Access, Role] = {"admin": Role(user, LOGIN), "ro": Role(user, LOGIN)}
    if target.reader_user:
        roles["ro"] = Role(target.reader_user, READER)
        secrets[READER] = target.reader_password or ""
    tls = _tls(target, address.tls or ("disable" if target.ssh else "verify-full"), secrets)
    where = Where(address.host, port, tls, _ssh(target.ssh, secrets))
    at = Endpoint(host=where.host, port=port, database=database, roles=roles, hosted=False, tls=tls.mode)
    return Placed({**endpoint_to_json(at), "where": where.as_json()}, {k: v for k, v in secrets.items() if v})


def _tls(target: Target, mode: TlsMode, secrets: dict[str, str]) -> Tls:
    if mode not in TLS_MODES:
        raise _missing("tls", f"is one of {', '.join(TLS_MODES)}")
    if bool(target.certificate) != bool(target.key):
        raise _missing("key", "and certificate come together")
    if mode == "disable" and (target.ca or target.certificate):
        raise _missing("tls", "is disabled: a CA or certificate would mean nothing")
    for name, text in ((CA, target.ca), (CERTIFICATE, target.certificate), (KEY, target.key)):
        if text is None:
            continue
        if "-----BEGIN" not in text or len(text) > 100_000:
            raise _missing(name.removeprefix("tls-"), "is not PEM text")
        secrets[name] = text
    return Tls(mode, ca=bool(target.ca), client=bool(target.certificate))


def _ssh(ssh: SshTarget | None, secrets: dict[str, str]) -> Ssh | None:
    if ssh is None:
        return None
    if bool(ssh.key) == bool(ssh.password):
        raise _missing("ssh", "needs a private key or a password, one of them")
    if not ssh.host or not ssh.user or not 0 < ssh.port < 65536:
        raise _missing("ssh", "needs a host, a port and a user")
    if not ssh.host_key:
        raise Conflict(
            f"the host key of {ssh.host} is not confirmed",
            code="ssh_host_key_unconfirmed",
            hint="POST /api/v1/databases/external/host-key shows it; compare it with the server's own and send it as "
            "ssh.host_key.",
        )
    from holdfast.kernel.ssh import parse_host_key, parse_private_key  # loads asyncssh

    parse_host_key(ssh.host_key)
    if ssh.key:
        parse_private_key(ssh.key)
        secrets[SSH_KEY] = ssh.key
    else:
        secrets[SSH_PASSWORD] = ssh.password or ""
    host_key = " ".join(ssh.host_key.split()[:2])  # the comment may hold anything
    return Ssh(ssh.host, ssh.port, ssh.user, host_key, "key" if ssh.key else "password")


def _missing(name: str, message: str) -> Invalid:
    return Invalid(
        f"{name} {message}", code="target_invalid", details={"fields": [{"field": name, "message": message}]}
    )
