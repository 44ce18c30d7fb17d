"""A file's own key wrapped by AWS KMS. API: Encrypt and Decrypt, version 2014-11-01, JSON 1.1, signature version 4."""

from __future__ import annotations

import hashlib
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
from holdfast.formats import sigv4
from holdfast.kernel.clock import Clock
from holdfast.kernel.errors import HoldfastError, Permanent, Retryable
from holdfast.kernel.outbound import OutboundPolicy

ACCESS_KEY, SECRET, SESSION = "access_key_id", "secret_access_key", "session_token"  # names of secrets
_KEY_ID = re.compile(r"(arn:[a-z0-9-]+:kms:[a-z0-9-]+:[0-9]{12}:)?(key/|alias/)?[A-Za-z0-9/_-]{1,256}")
_REGION = re.compile(r"[a-z]{2}(-[a-z]+)+-[0-9]")
_DENIED = {
    "AccessDeniedException",
    "UnrecognizedClientException",
    "InvalidSignatureException",
    "IncompleteSignature",
    "MissingAuthenticationToken",
    "ExpiredTokenException",
    "InvalidClientTokenId",
    "SignatureDoesNotMatch",
    "InvalidGrantTokenException",
}
_LATER = {"ThrottlingException", "DependencyTimeoutException", "KMSInternalException", "KeyUnavailableException"}
_STATE = {"DisabledException", "KMSInvalidStateException"}


@dataclass(frozen=True)
class KmsPlace:
    """`key_id`: an id, an ARN or an alias (alias/NAME). `endpoint`: AWS's own of the region unless said."""

    region: str
    key_id: str
    endpoint: str | None = None
    ca: str | None = None

    def __post_init__(self) -> None:
        if not _REGION.fullmatch(self.region):
            raise wrong("region", "is a region of AWS: eu-central-1")
        if not _KEY_ID.fullmatch(self.key_id):
            raise wrong("key_id", "is a key's id or ARN, or alias/NAME")
        url = urlsplit(self.url)
        if url.scheme not in ("https", "http") or not url.hostname or url.query or url.path.strip("/"):
            raise wrong("endpoint", "is an address: https://kms.eu-central-1.amazonaws.com")
        if url.scheme == "http" and url.hostname not in ("127.0.0.1", "::1", "localhost"):
            raise wrong("endpoint", "would send the key unencrypted: use https")

    @property
    def url(self) -> str:
        return (self.endpoint or f"https://kms.{self.region}.amazonaws.com").rstrip("/")


class AwsKms:
    """See `KeyWrapper`. The encryption context binds what was wrapped to the key's name, and is seen in CloudTrail."""

    def __init__(
        self, place: KmsPlace, name: str, credential: Credential, policy: OutboundPolicy, clock: Clock
    ) -> None:
        self._place, self._credential, self._clock = place, credential, clock
        self._context = {"holdfast-file-key": name}
        self._used = place.key_id  # an alias may lead elsewhere later: the key that answered is what is noted
        self._line = Line(policy, place.ca, f"AWS KMS at {place.url}", "kms")

    def close(self) -> None:
        self._line.close()

    def wrap(self, secret: bytes) -> str:
        asked = {"KeyId": self._place.key_id, "Plaintext": text_of(secret), "EncryptionContext": self._context}
        found = self._ask("Encrypt", asked)
        if _KEY_ID.fullmatch(said := str(found.get("KeyId", ""))):
            self._used = said
        return text_of(bytes_of(self._line, found, "CiphertextBlob"))

    def unwrap(self, wrapped: str, where: Mapping[str, JSON]) -> bytes:
        context = where.get("context") or {}
        asked = {"KeyId": where.get("key_id") or self._place.key_id, "CiphertextBlob": wrapped}
        return bytes_of(self._line, self._ask("Decrypt", {**asked, "EncryptionContext": context}), "Plaintext")

    def describe(self, wrapped: str) -> Described:
        place = self._place
        context = ",".join(f"{name}={value}" for name, value in self._context.items())
        endpoint = f" --endpoint-url {shlex.quote(place.endpoint)}" if place.endpoint else ""
        commands = (
            "WRAPPED=$(mktemp)",
            f'printf %s {shlex.quote(wrapped)} | base64 -d > "$WRAPPED"',
            f"KEY=$(aws kms decrypt --region {shlex.quote(place.region)}{endpoint} \\\n"
            f"    --key-id {shlex.quote(self._used)} \\\n"
            f'    --encryption-context {shlex.quote(context)} --ciphertext-blob "fileb://$WRAPPED" \\\n'
            "    --output text --query Plaintext | base64 -d)",
            'rm "$WRAPPED"; test -n "$KEY"',
        )
        where: dict[str, JSON] = {"region": place.region, "key_id": self._used, "context": dict(self._context)}
        return Described(where | ({"endpoint": place.endpoint} if place.endpoint else {}), commands)

    def _ask(self, verb: str, body: Mapping[str, Any]) -> Mapping[str, Any]:
        """Raises Retryable ("kms_unreachable", "kms_busy"), Permanent ("kms_denied", "kms_not_found", "kms_state",
        "kms_refused")."""
        content = json.dumps(body).encode()
        url = urlsplit(self._place.url)
        headers = sigv4.signed(
            "POST",
            url.netloc,
            "/",
            (),
            {"Content-Type": "application/x-amz-json-1.1", "X-Amz-Target": f"TrentService.{verb}"},
            key_id=self._credential.get(ACCESS_KEY, ""),
            secret=self._credential.get(SECRET, ""),
            token=self._credential.get(SESSION) or None,
            region=self._place.region,
            now=self._clock.now(),
            payload=hashlib.sha256(content).hexdigest(),
            service="kms",
        )
        reply = self._line.ask("POST", self._place.url + "/", headers, content)
        if reply.status != 200:
            raise self._error(reply)
        return reply.body

    def _error(self, reply: Reply) -> HoldfastError:
        """By the service's own word, which comes behind a name space."""
        who, word = self._line.who, str(reply.body.get("__type", "")).rpartition("#")[2]
        if word == "NotFoundException":
            hint = "Check the region and the key: aws kms describe-key. It may have been deleted there."
            return Permanent(f"{who} has no key {self._place.key_id}", code="kms_not_found", hint=hint)
        if word in _STATE:
            hint = "aws kms enable-key; or aws kms cancel-key-deletion, while it waits to be deleted."
            return Permanent(f"the key {self._place.key_id} in {who} is switched off", code="kms_state", hint=hint)
        if word in _LATER or reply.status == 429 or reply.status >= 500:
            return Retryable(f"{who} is busy or in trouble ({reply.status})", code="kms_busy")
        if word in _DENIED or reply.status in (401, 403):
            return Permanent(
                f"{who} refuses us",
                code="kms_denied",
                hint="The access key needs kms:Encrypt and kms:Decrypt on the key, and may have expired: "
                "holdfast file-key credential NAME.",
            )
        return Permanent(
            f"{who} does not take what was sent ({word or reply.status})",
            code="kms_refused",
            hint="What was wrapped opens only under the same key, with the same encryption context.",
        )
