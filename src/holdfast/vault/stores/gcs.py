"""Where a bucket of Google Cloud Storage is, and a store there."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from obstore.store import GCSStore

from holdfast.formats import service_jwt
from holdfast.kernel.clock import Clock
from holdfast.kernel.outbound_relay import Relay
from holdfast.kernel.outbound_url import Target, target_of
from holdfast.vault.stores.ambient import client_options, no_retries
from holdfast.vault.stores.cloud import CloudStore
from holdfast.vault.stores.cloud_errors import Words
from holdfast.vault.stores.place import check_authority, check_prefix, checked_endpoint, wrong

GCS_WORDS = Words(
    {
        "put": "storage.objects.create",
        "get": "storage.objects.get",
        "list": "storage.objects.list",
        "delete": "storage.objects.delete",
    },
    key="service account",
)
PUBLIC = "https://storage.googleapis.com"
SCOPE = "https://www.googleapis.com/auth/devstorage.full_control"
_BUCKET = re.compile(r"[a-z0-9][a-z0-9._-]{1,220}[a-z0-9]")
_LIVES = timedelta(minutes=50)  # of the hour that a token is good for


@dataclass(frozen=True)
class GcsPlace:
    """`endpoint`: Google's public one unless said. Raises Invalid naming the field that is wrong."""

    bucket: str
    prefix: str = ""
    endpoint: str = PUBLIC
    allow_http: bool = False
    ca: str | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        if not _BUCKET.fullmatch(self.bucket) or ".." in self.bucket:
            raise wrong("bucket", "not a bucket's name: 3 to 222 small letters, digits, dots, dashes and underscores")
        check_prefix(self.prefix)
        checked_endpoint(self.endpoint, allow_http=self.allow_http)
        check_authority(self.ca)

    @property
    def url(self) -> str:
        """What requests go to."""
        return self.endpoint.rstrip("/")

    @property
    def target(self) -> Target:
        return target_of(self.url)

    @property
    def location(self) -> str:
        return f"gcs://{self.target.host}:{self.target.port}/{self.bucket}/{self.prefix}"

    def restic(self) -> str:
        """What stock restic takes as -r. It needs GOOGLE_APPLICATION_CREDENTIALS beside it: the key's file."""
        return f"gs:{self.bucket}:/{self.prefix}"


@dataclass(frozen=True)
class ServiceAccount:
    """Of a service account's key file, only what signs: where tokens come from and what else it says never counts."""

    email: str
    key_id: str
    private_key: RSAPrivateKey = field(repr=False)
    project: str = ""

    @classmethod
    def of(cls, text: str) -> ServiceAccount:
        """Raises Invalid, without repeating what was given."""
        try:
            found = json.loads(text)
            if not isinstance(found, dict) or found.get("type") != "service_account":
                raise wrong("service_account_key", "not the JSON key file of a service account")
            key = load_pem_private_key(str(found["private_key"]).encode("ascii"), None)
            email, key_id = str(found["client_email"]), str(found["private_key_id"])
        except (ValueError, KeyError, TypeError):
            raise wrong("service_account_key", "not the JSON key file of a service account") from None
        if not isinstance(key, RSAPrivateKey):
            raise wrong("service_account_key", "its private key is not RSA")
        return cls(email, key_id, key, str(found.get("project_id") or ""))

    def token(self, now: datetime) -> str:
        """A bearer token that we sign ourselves, so nobody is asked for one (Google AIP-4111)."""
        return service_jwt.signed(self.private_key, self.key_id, self.email, SCOPE, now)


def gcs_store(place: GcsPlace, account: ServiceAccount, relay: Relay, clock: Clock) -> CloudStore:
    """A store there. Connects at its first use, through the relay and to nowhere else: neither the environment, nor a
    file of the machine, nor its metadata service is asked for a credential."""
    target = place.target
    way = relay.admit(target.host, target.port)

    def given() -> dict[str, Any]:
        now = clock.now()
        return {"token": account.token(now), "expires_at": now.astimezone(UTC) + _LIVES}

    provider: Callable[[], Any] = given
    objects = GCSStore(
        place.bucket,
        prefix=place.prefix or None,
        base_url=place.url,
        skip_signature=False,
        client_options=client_options(way, allow_http=place.allow_http, ca=place.ca),
        retry_config=no_retries(),
        credential_provider=provider,
    )
    return CloudStore(objects, way, replace(GCS_WORDS, name=place.bucket))
