"""How a server that is not ours is reached: plain facts for the record, secrets apart."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal

from holdfast.contract.external import TlsMode

# Names under which `kernel.secrets` keeps what the record leaves out.
CA, CERTIFICATE, KEY = "tls-ca", "tls-certificate", "tls-key"
SSH_KEY, SSH_PASSWORD = "ssh-key", "ssh-password"


@dataclass(frozen=True)
class Tls:
    """`ca`, `client`: whether an own CA and a client certificate with its key are stored."""

    mode: TlsMode = "verify-full"
    ca: bool = False
    client: bool = False


@dataclass(frozen=True)
class Ssh:
    """A tunnel. `host_key` is the one public key the server may show ("ssh-ed25519 AAAA...")."""

    host: str
    port: int
    user: str
    host_key: str
    method: Literal["key", "password"]


@dataclass(frozen=True)
class Where:
    """One server: its name as registered, and the way to it."""

    host: str
    port: int
    tls: Tls = Tls()
    ssh: Ssh | None = None

    def as_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def of(cls, stored: Mapping[str, Any]) -> Where:
        ssh = stored.get("ssh")
        return cls(stored["host"], stored["port"], Tls(**stored["tls"]), Ssh(**ssh) if ssh else None)

    def mark(self, secrets: Mapping[str, str]) -> str:
        """Equal for equal ways with equal secrets: what may share one relay."""
        used = {name: secrets.get(name, "") for name in (CA, CERTIFICATE, KEY, SSH_KEY, SSH_PASSWORD)}
        return hashlib.sha256(json.dumps([self.as_json(), used], sort_keys=True).encode()).hexdigest()
