"""Where an S3-compatible store is, and a store there."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, MutableMapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from obstore.store import S3Store

from holdfast.kernel.errors import Invalid
from holdfast.kernel.outbound_relay import Relay
from holdfast.kernel.outbound_url import Refused, Target, target_of
from holdfast.vault.stores.cloud import CloudStore

REQUEST_SECONDS = 300
CONNECT_SECONDS = 10
READ_SECONDS = 60
_AMBIENT = ("AWS_", "AZURE_", "GOOGLE_")
_BUCKET = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{1,61}[A-Za-z0-9]")
_HOST_BUCKET = re.compile(r"[a-z0-9][a-z0-9-]{1,61}[a-z0-9]")
_PREFIX = re.compile(r"([A-Za-z0-9_-][A-Za-z0-9._-]*(/[A-Za-z0-9_-][A-Za-z0-9._-]*)*)?")
_REGION = re.compile(r"[a-z0-9-]{1,40}")
_PATH = re.compile(r"(/[A-Za-z0-9._~-]+)*/?")


@dataclass(frozen=True)
class S3Place:
    """Any S3-compatible endpoint. `path_style`: the bucket is in the path (MinIO and most others), else in the host.

    `allow_http` must be said for an http:// endpoint. `ca`: PEM of authorities trusted beside the system's.
    Raises Invalid naming the field that is wrong.
    """

    endpoint: str
    bucket: str
    prefix: str = ""
    region: str = "us-east-1"
    path_style: bool = True
    allow_http: bool = False
    ca: str | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        self._check_endpoint()
        bucket = _BUCKET if self.path_style else _HOST_BUCKET
        if not bucket.fullmatch(self.bucket) or ".." in self.bucket:
            raise _wrong("bucket", "not a bucket's name: 3 to 63 letters, digits, dots and dashes")
        if len(self.prefix) > 200 or not _PREFIX.fullmatch(self.prefix):
            raise _wrong("prefix", "letters, digits, '.', '_' and '-' between slashes, none at the ends, at most 200")
        if not _REGION.fullmatch(self.region):
            raise _wrong("region", "not a region: us-east-1, eu-central-1, auto, ...")
        if self.ca is not None and "-----BEGIN CERTIFICATE-----" not in self.ca:
            raise _wrong("ca", "not a certificate in PEM form")

    def _check_endpoint(self) -> None:
        try:
            target = target_of(self.endpoint)
        except Refused as error:
            raise _wrong("endpoint", error.message) from None
        _, slash, path = self.endpoint.partition("://")[2].partition("/")
        if not _PATH.fullmatch(slash + path):
            raise _wrong("endpoint", "an endpoint is https://host or https://host:port")
        if target.scheme == "http" and not self.allow_http:
            raise _wrong(
                "allow_http", "this endpoint is plain http: requests are signed, but names and sizes go in the clear"
            )

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


def forget_ambient(environ: MutableMapping[str, str] = os.environ) -> None:
    """Take cloud settings out of this process's environment: obstore would mix them into every store (no signing,
    another endpoint, another encryption). Call it before threads begin."""
    for name in [name for name in environ if name.upper().startswith(_AMBIENT)]:
        del environ[name]


def s3_store(place: S3Place, key: AccessKey, relay: Relay) -> CloudStore:
    """A store there. Connects at its first use, through the relay and to nowhere else.

    Credentials of the environment, of files or of the machine's metadata service never count: the key is handed over by
    a callable, and signing is asked for, otherwise AWS_SKIP_SIGNATURE would send every request unsigned."""
    target = place.target
    way = relay.admit(target.host, target.port)
    options: dict[str, Any] = {
        "allow_http": place.allow_http,
        "allow_invalid_certificates": False,
        "timeout": timedelta(seconds=REQUEST_SECONDS),
        "read_timeout": timedelta(seconds=READ_SECONDS),
        "connect_timeout": timedelta(seconds=CONNECT_SECONDS),
        "proxy_url": way.url,
        "proxy_excludes": "",
        "user_agent": "holdfast",
    }
    if place.ca is not None:
        options["root_certificate"] = place.ca
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
        client_options=options,  # type: ignore[arg-type] # a TypedDict that is built up
        retry_config={"max_retries": 0, "retry_timeout": timedelta(seconds=REQUEST_SECONDS)},
        credential_provider=provider,
    )
    return CloudStore(objects, way.refusal)


def _wrong(name: str, message: str) -> Invalid:
    return Invalid(f"{name}: {message}", details={"fields": [{"field": name, "message": message}]})
