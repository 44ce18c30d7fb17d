"""Where an S3-compatible store is, and a store there."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

from obstore.store import S3Store

from holdfast.kernel.outbound_relay import Relay
from holdfast.kernel.outbound_url import Target, target_of
from holdfast.vault.stores.ambient import client_options, no_retries
from holdfast.vault.stores.cloud import CloudStore
from holdfast.vault.stores.cloud_errors import Words
from holdfast.vault.stores.locking import LEAST_DAYS, MODES, MOST_DAYS, ObjectLock
from holdfast.vault.stores.place import check_authority, check_prefix, checked_endpoint, wrong

_BUCKET = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{1,61}[A-Za-z0-9]")
_HOST_BUCKET = re.compile(r"[a-z0-9][a-z0-9-]{1,61}[a-z0-9]")
S3_WORDS = Words({"put": "s3:PutObject", "get": "s3:GetObject", "list": "s3:ListBucket", "delete": "s3:DeleteObject"})
_REGION = re.compile(r"[a-z0-9-]{1,40}")


@dataclass(frozen=True)
class S3Place:
    """Any S3-compatible endpoint. `path_style`: the bucket is in the path (MinIO and most others), else in the host.

    `allow_http` must be said for an http:// endpoint. `ca`: PEM of authorities trusted beside the system's.
    `object_lock` (governance, compliance) and its days: what is written there is locked for so long, see `locking`.
    Raises Invalid naming the field that is wrong.
    """

    endpoint: str
    bucket: str
    prefix: str = ""
    region: str = "us-east-1"
    path_style: bool = True
    allow_http: bool = False
    ca: str | None = field(default=None, repr=False)
    object_lock: str | None = None
    object_lock_days: int | None = None

    def __post_init__(self) -> None:
        self._check_lock()
        checked_endpoint(self.endpoint, allow_http=self.allow_http)
        bucket = _BUCKET if self.path_style else _HOST_BUCKET
        if not bucket.fullmatch(self.bucket) or ".." in self.bucket:
            raise wrong("bucket", "not a bucket's name: 3 to 63 letters, digits, dots and dashes")
        check_prefix(self.prefix)
        if not _REGION.fullmatch(self.region):
            raise wrong("region", "not a region: us-east-1, eu-central-1, auto, ...")
        check_authority(self.ca)

    def _check_lock(self) -> None:
        if (self.object_lock is None) != (self.object_lock_days is None):
            raise wrong("object_lock_days", "a lock has a mode and a number of days")
        if self.object_lock is None or self.object_lock_days is None:
            return
        if self.object_lock not in MODES:
            raise wrong("object_lock", "governance or compliance")
        if not LEAST_DAYS <= self.object_lock_days <= MOST_DAYS:
            raise wrong("object_lock_days", f"from {LEAST_DAYS} to {MOST_DAYS}: locks are renewed week by week")

    @property
    def lock(self) -> ObjectLock | None:
        if self.object_lock is None or self.object_lock_days is None:
            return None
        return ObjectLock(self.object_lock, self.object_lock_days)

    @property
    def url(self) -> str:
        """What requests go to: for virtual hosts the bucket is part of the host."""
        base = self.endpoint.rstrip("/")
        if self.path_style:
            return base
        scheme, _, rest = base.partition("://")
        return f"{scheme}://{self.bucket}.{rest}"

    @property
    def target(self) -> Target:
        """The host and port that requests go to."""
        return target_of(self.url)

    @property
    def location(self) -> str:
        return f"s3://{self.target.host}:{self.target.port}/{self.bucket}/{self.prefix}"

    def restic(self) -> str:
        """What stock restic takes as -r. It needs AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY beside it."""
        below = f"/{self.prefix}" if self.prefix else ""
        return f"s3:{self.endpoint.rstrip('/')}/{self.bucket}{below}"


@dataclass(frozen=True)
class AccessKey:
    id: str
    secret: str = field(repr=False)
    token: str | None = field(default=None, repr=False)

    def given(self) -> dict[str, Any]:
        return {"access_key_id": self.id, "secret_access_key": self.secret, "token": self.token, "expires_at": None}


def s3_store(place: S3Place, key: AccessKey, relay: Relay) -> CloudStore:
    """A store there. Connects at its first use, through the relay and to nowhere else.

    Credentials of the environment, of files or of the machine's metadata service never count: the key is handed over by
    a callable, and signing is asked for, otherwise AWS_SKIP_SIGNATURE would send every request unsigned."""
    target = place.target
    way = relay.admit(target.host, target.port)
    provider: Callable[[], Any] = key.given
    objects = S3Store(
        place.bucket,
        prefix=place.prefix or None,
        endpoint=place.url,
        aws_endpoint_url_s3=place.url,
        region=place.region,
        virtual_hosted_style_request=not place.path_style,
        skip_signature=False,
        unsigned_payload=False,
        s3_express=False,
        request_payer=False,
        disable_bulk_delete=True,
        conditional_put="etag",
        client_options=client_options(way, allow_http=place.allow_http, ca=place.ca),
        retry_config=no_retries(),
        credential_provider=provider,
    )
    return CloudStore(objects, way, replace(S3_WORDS, name=place.bucket))
