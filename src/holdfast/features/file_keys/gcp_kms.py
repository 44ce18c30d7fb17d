"""A file's own key wrapped by Google Cloud KMS (REST v1: cryptoKeys.encrypt and cryptoKeys.decrypt).

The service account signs its own token (AIP-4111), so nobody else is asked for one.
"""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from holdfast.contract.catalog import JSON
from holdfast.features.file_keys.line import Line, Reply, bytes_of, text_of
from holdfast.features.file_keys.vault import wrong
from holdfast.features.file_keys.wrapping import Credential, Described
from holdfast.formats import service_jwt
from holdfast.kernel.clock import Clock
from holdfast.kernel.errors import HoldfastError, Permanent, Retryable
from holdfast.kernel.outbound import OutboundPolicy
from holdfast.vault.stores.gcs import ServiceAccount

ACCOUNT = "service_account_key"
PUBLIC = "https://cloudkms.googleapis.com"
_SCOPE = "https://www.googleapis.com/auth/cloudkms"
_KEY = re.compile(
    r"projects/([a-z0-9:.-]+)/locations/([a-z0-9-]+)/keyRings/([\w-]{1,63})/cryptoKeys/([\w-]{1,63})", re.A
)


@dataclass(frozen=True)
class GcpPlace:
    """`key`: projects/P/locations/L/keyRings/R/cryptoKeys/K."""

    key: str
    endpoint: str = PUBLIC
    ca: str | None = None

    def __post_init__(self) -> None:
        if not _KEY.fullmatch(self.key):
            raise wrong("key", "is projects/P/locations/L/keyRings/R/cryptoKeys/K")
        url = urlsplit(self.endpoint)
        if url.scheme not in ("https", "http") or not url.hostname or url.query or url.path.strip("/"):
            raise wrong("endpoint", f"is an address: {PUBLIC}")
        if url.scheme == "http" and url.hostname not in ("127.0.0.1", "::1", "localhost"):
            raise wrong("endpoint", "would send the key unencrypted: use https")


class GcpKms:
    """See `KeyWrapper`. What was wrapped is bound to the key's name (additionalAuthenticatedData)."""

    def __init__(
        self, place: GcpPlace, name: str, credential: Credential, policy: OutboundPolicy, clock: Clock
    ) -> None:
        self._place, self._name, self._clock = place, name, clock
        self._account = ServiceAccount.of(credential.get(ACCOUNT, ""))
        self._line = Line(policy, place.ca, f"Google Cloud KMS at {place.endpoint.rstrip('/')}", "kms")

    def close(self) -> None:
        self._line.close()

    def wrap(self, secret: bytes) -> str:
        asked = {"plaintext": text_of(secret), "additionalAuthenticatedData": text_of(self._name.encode())}
        return text_of(bytes_of(self._line, self._ask("encrypt", asked), "ciphertext"))

    def unwrap(self, wrapped: str, where: Mapping[str, JSON]) -> bytes:
        bound = str(where.get("bound") or self._name).encode()
        asked = {"ciphertext": wrapped, "additionalAuthenticatedData": text_of(bound)}
        return bytes_of(self._line, self._ask("decrypt", asked), "plaintext")

    def describe(self, wrapped: str) -> Described:
        found = _KEY.fullmatch(self._place.key)
        assert found is not None  # noqa: S101 - `GcpPlace` has seen to it
        project, location, ring, key = (shlex.quote(part) for part in found.groups())
        commands = (
            "BOUND=$(mktemp)",
            f'printf %s {shlex.quote(self._name)} > "$BOUND"',
            f"KEY=$(printf %s {shlex.quote(wrapped)} | base64 -d | gcloud kms decrypt --project {project} \\\n"
            f"    --location {location} --keyring {ring} --key {key} \\\n"
            '    --additional-authenticated-data-file "$BOUND" --ciphertext-file - --plaintext-file -)',
            'rm "$BOUND"; test -n "$KEY"',
        )
        return Described({"key": self._place.key, "bound": self._name}, commands)

    def _ask(self, verb: str, body: Mapping[str, Any]) -> Mapping[str, Any]:
        """Raises as `AwsKms` does."""
        account = self._account
        token = service_jwt.signed(account.private_key, account.key_id, account.email, _SCOPE, self._clock.now())
        headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
        url = f"{self._place.endpoint.rstrip('/')}/v1/{self._place.key}:{verb}"
        reply = self._line.ask("POST", url, headers, json.dumps(body).encode())
        if reply.status != 200:
            raise self._error(reply)
        return reply.body

    def _error(self, reply: Reply) -> HoldfastError:
        who = self._line.who
        if reply.status == 404:
            hint = "Check the key's name: gcloud kms keys list. Its version may have been destroyed."
            return Permanent(f"{who} has no key {self._place.key}", code="kms_not_found", hint=hint)
        if reply.status in (401, 403):
            hint = "The service account needs roles/cloudkms.cryptoKeyEncrypterDecrypter on the key."
            return Permanent(f"{who} refuses us", code="kms_denied", hint=hint)
        if reply.status == 429 or reply.status >= 500:
            return Retryable(f"{who} is busy or in trouble ({reply.status})", code="kms_busy")
        hint = "What was wrapped opens only under the same key; or its version is disabled."
        return Permanent(f"{who} does not take what was sent ({reply.status})", code="kms_refused", hint=hint)
