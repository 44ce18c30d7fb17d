"""HashiCorp Vault and OpenBao over HTTP: signing in and asking, for a key in KV version 2 and for transit.

HTTP API: developer.hashicorp.com/vault/api-docs (system, auth/token, auth/approle, secret/kv/kv-v2, secret/transit).
"""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlsplit

from holdfast.features.file_keys.line import Line, Reply
from holdfast.features.file_keys.wrapping import Credential
from holdfast.kernel import log
from holdfast.kernel.errors import HoldfastError, Invalid, Permanent, Retryable
from holdfast.kernel.outbound import OutboundPolicy

TOKEN, SECRET_ID = "token", "secret_id"  # names of secrets, not values
_LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})
_WORD = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@ -]*(/[A-Za-z0-9._@ -]+)*")


@dataclass(frozen=True)
class VaultPlace:
    """`role_id`: of an AppRole, when that is how to sign in; else a token is. Raises Invalid."""

    address: str
    namespace: str | None = None
    role_id: str | None = None
    approle_mount: str = "approle"
    ca: str | None = None

    def __post_init__(self) -> None:
        url = urlsplit(self.address)
        if url.scheme not in ("http", "https") or not url.hostname or url.username or url.query or url.fragment:
            raise wrong("address", "is no address: https://vault.example.org:8200")
        if url.scheme == "http" and url.hostname not in _LOOPBACK:
            raise wrong("address", "would send the key unencrypted: use https")
        if not self.address.isascii() or not self.address.isprintable():
            raise wrong("address", "is no address: https://vault.example.org:8200")
        checked_words(approle_mount=self.approle_mount, namespace=self.namespace)

    def exports(self) -> tuple[str, ...]:
        """For Vault's own tool."""
        lines = [f"export VAULT_ADDR={shlex.quote(self.address.rstrip('/'))}"]
        if self.namespace:
            lines.append(f"export VAULT_NAMESPACE={shlex.quote(self.namespace)}")
        return tuple(lines)


def wrong(field: str, message: str) -> Invalid:
    return Invalid(
        f"{field} {message}",
        code="file_key_place",
        details={"fields": [{"field": field, "message": message}]},
    )


def checked_words(**words: str | None) -> None:
    """Names in paths: what else could stand there would be asked of another path. Raises Invalid."""
    for name, value in words.items():
        odd = value is not None and (len(value) > 200 or not _WORD.fullmatch(value.strip("/")))
        if odd or (value and any(part in (".", "..") for part in value.split("/"))):
            raise wrong(name, "is letters, digits, . _ - @ and / between")


class VaultLine:
    """Signs in at its first question, and forgets that with `close`."""

    def __init__(self, place: VaultPlace, credential: Credential, policy: OutboundPolicy) -> None:
        self._place, self._credential = place, credential
        self.who = f"Vault at {place.address.rstrip('/')}"
        self._line = Line(policy, place.ca, self.who, "vault")
        self._token: str | None = None

    def close(self) -> None:
        self._token = None
        self._line.close()

    def ask(self, method: str, path: str, body: Mapping[str, Any] | None = None, query: str = "") -> Mapping[str, Any]:
        """The answer's `data`. Raises Retryable (codes "vault_unreachable", "vault_sealed", "vault_busy"), Permanent
        ("vault_denied", "vault_not_found", "vault_refused")."""
        if self._token is None:
            self._token = self._signed_in()
        reply = self._send(method, path, body, query, {"X-Vault-Token": self._token})
        if reply.status not in (200, 204):
            raise self._error(reply, path)
        data = reply.body.get("data")
        if not isinstance(data, dict):
            raise Permanent(
                f"what answers is not {self.who}", code="vault_refused", hint="Check its address and the mount."
            )
        return data

    def _signed_in(self) -> str:
        if self._place.role_id is None:
            token = self._credential.get(TOKEN, "")
        else:
            body = {"role_id": self._place.role_id, "secret_id": self._credential.get(SECRET_ID, "")}
            path = f"auth/{self._place.approle_mount.strip('/')}/login"
            reply = self._send("POST", path, body, "", {})
            auth = reply.body.get("auth")
            if reply.status in (400, 403) or (reply.status == 500 and "secret id" in " ".join(_errors(reply))):
                raise self._denied("does not take this role id and secret id", path)
            if reply.status != 200 or not isinstance(auth, dict):
                raise self._error(reply, path)
            token = str(auth.get("client_token", ""))
        if not token:
            raise self._denied("is asked without a token", "auth/token")
        log.register_secret(token)
        return token

    def _send(
        self, method: str, path: str, body: Mapping[str, Any] | None, query: str, headers: Mapping[str, str]
    ) -> Reply:
        sent = {"X-Vault-Request": "true", "Content-Type": "application/json", **headers}
        if self._place.namespace:
            sent["X-Vault-Namespace"] = self._place.namespace
        url = f"{self._place.address.rstrip('/')}/v1/{quote(path, safe='/')}{query}"
        return self._line.ask(method, url, sent, json.dumps(body).encode() if body is not None else None)

    def _error(self, reply: Reply, path: str) -> HoldfastError:
        """By its status; of its words only those that are known are told apart, and none is shown."""
        said = " ".join(_errors(reply))
        if reply.status in (501, 503):
            return Retryable(f"{self.who} is sealed", code="vault_sealed", hint="Unseal it: vault operator unseal")
        if reply.status == 429:
            return Retryable(f"{self.who} is busy", code="vault_busy")
        if reply.status in (401, 403):
            return self._denied("refuses us", path)
        if reply.status == 404 or "key not found" in said:
            return Permanent(
                f"{self.who} has nothing at {path}",
                code="vault_not_found",
                hint="Check the mount, the path and the namespace: vault secrets list. It may have been deleted there.",
            )
        if reply.status >= 500:
            return Retryable(f"{self.who} has trouble of its own ({reply.status})", code="vault_unreachable")
        return Permanent(
            f"{self.who} does not take what was sent to {path}",
            code="vault_refused",
            hint="A file's key opens only under the transit key that wrapped it, in a version that may still decrypt.",
        )

    def _denied(self, what: str, path: str) -> Permanent:
        return Permanent(
            f"{self.who} {what}: {path}",
            code="vault_denied",
            hint="The token may have expired, or its policy does not name this path. Give another: "
            "holdfast file-key credential NAME.",
        )


def _errors(reply: Reply) -> Sequence[str]:
    found = reply.body.get("errors")
    return [str(each) for each in found] if isinstance(found, list) else []
