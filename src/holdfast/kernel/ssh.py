"""How we log in to an SSH server: the host key is pinned, and nothing of the user this process runs as takes part (no
known_hosts, agent, configuration or keys of a home). Importing this loads asyncssh, which a start does not need."""

from __future__ import annotations

import asyncio
import socket
from dataclasses import dataclass, field
from typing import Any

import asyncssh

from holdfast.kernel.errors import HoldfastError, Invalid, NeedsOperator, Retryable
from holdfast.kernel.outbound_dial import connect, words
from holdfast.kernel.outbound_policy import OutboundPolicy

LOGIN_SECONDS = 15.0
KEEPALIVE_SECONDS = 15.0


@dataclass(frozen=True)
class SshLogin:
    """`host_key`: the server's public key, "ssh-ed25519 AAAA...". `key`: our private key in PEM, else `password`."""

    host: str
    port: int
    user: str
    host_key: str
    key: str | None = field(default=None, repr=False)
    password: str | None = field(default=None, repr=False)


class _Pinned(asyncssh.SSHClient):
    """Accepts one key and remembers what was shown instead."""

    def __init__(self, expected: asyncssh.SSHKey) -> None:
        self._expected = expected.public_data
        self.shown: str | None = None

    def validate_host_public_key(self, host: str, addr: str, port: int, key: asyncssh.SSHKey) -> bool:  # noqa: ARG002
        self.shown = fingerprint(key)
        return bool(key.public_data == self._expected)


async def log_in(sock: socket.socket, login: SshLogin) -> asyncssh.SSHClientConnection:
    """Over a socket that is connected already, which is the caller's again when this raises: NeedsOperator for another
    host key or a refused login, Retryable for anything else."""
    pinned = _Pinned(parse_host_key(login.host_key))
    way: dict[str, Any] = {"password": login.password, "client_keys": None}
    if login.key is not None:
        way = {"client_keys": [parse_private_key(login.key)], "password": None}
    try:
        async with asyncio.timeout(LOGIN_SECONDS):
            return await asyncssh.connect(
                sock=sock,
                host=login.host,
                port=login.port,
                username=login.user,
                client_factory=lambda: pinned,
                known_hosts=([], [], []),  # none is trusted: every key goes through `validate_host_public_key`
                server_host_key_algs=_algorithms(login.host_key),
                keepalive_interval=KEEPALIVE_SECONDS,
                keepalive_count_max=3,
                **_quiet(),
                **way,
            )
    except (asyncssh.HostKeyNotVerifiable, asyncssh.KeyExchangeFailed) as error:
        raise host_key_changed(login.host, pinned.shown or "none of the kind registered") from error
    except asyncssh.PermissionDenied as error:
        raise login_refused(login.host) from error
    except (OSError, TimeoutError, asyncssh.Error) as error:
        raise ssh_failed(error, login.host) from error


async def shown_host_key(policy: OutboundPolicy, host: str, port: int) -> tuple[str, str]:
    """(the host's public key, its fingerprint) as it shows it now, for somebody to confirm. No login takes place."""
    sock, _ = await connect(policy, host, port)
    try:
        async with asyncio.timeout(LOGIN_SECONDS):
            key = await asyncssh.get_server_host_key(host, port, sock=sock, config=None)
    except (OSError, TimeoutError, asyncssh.Error) as error:
        sock.close()
        raise ssh_failed(error, host) from error
    if key is None:
        raise NeedsOperator(
            f"{host} showed no host key", code="ssh_host_key_absent", hint="See that it is an SSH server."
        )
    return key.export_public_key().decode().strip(), fingerprint(key)


def parse_host_key(text: str, name: str = "ssh.host_key") -> asyncssh.SSHKey:
    """`name`: the field it came in. Raises Invalid (code "ssh_host_key_invalid")."""
    try:
        return asyncssh.import_public_key(text.strip())
    except (asyncssh.KeyImportError, ValueError) as error:
        raise _bad(name, "is no public key such as 'ssh-ed25519 AAAA...'", "ssh_host_key_invalid") from error


def parse_private_key(text: str, name: str = "ssh.key") -> asyncssh.SSHKey:
    """`name`: the field it came in. Raises Invalid (code "ssh_key_invalid")."""
    try:
        return asyncssh.import_private_key(text.strip() + "\n")
    except (asyncssh.KeyImportError, asyncssh.KeyEncryptionError, ValueError) as error:
        raise _bad(name, "is no private key without a passphrase", "ssh_key_invalid") from error


def fingerprint(key: asyncssh.SSHKey) -> str:
    """As `ssh-keygen -l` shows it."""
    return str(key.get_fingerprint())


def host_key_changed(host: str, shown: str) -> NeedsOperator:
    return NeedsOperator(
        f"the SSH server {host} shows another host key than the one registered",
        code="ssh_host_key_changed",
        hint="Somebody may stand in between. When the key was really replaced, register it anew with --ssh-host-key.",
        details={"shown": shown},
    )


def login_refused(host: str) -> NeedsOperator:
    return NeedsOperator(
        f"the SSH server {host} refused our login",
        code="ssh_login_refused",
        hint="See that the user exists and knows our public key, or the password is right.",
    )


def ssh_failed(error: BaseException, host: str) -> Retryable:
    return Retryable(f"the SSH connection to {host} failed: {words(error)}", code="ssh_failed")


def _bad(name: str, message: str, code: str) -> HoldfastError:
    return Invalid(f"{name} {message}", code=code, details={"fields": [{"field": name, "message": message}]})


def _algorithms(host_key: str) -> list[str]:
    kind = host_key.split(None, 1)[0]
    return ["rsa-sha2-512", "rsa-sha2-256"] if kind == "ssh-rsa" else [kind]


def _quiet() -> dict[str, Any]:
    return {
        "config": None,
        "agent_path": None,
        "agent_forwarding": False,
        "gss_host": None,
        "x11_forwarding": False,
        "public_key_auth": True,
        "kbdint_auth": False,
        "host_based_auth": False,
        "compression_algs": ["none"],
    }
