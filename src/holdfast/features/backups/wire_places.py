"""Places in clouds, and credentials for them, on the wire."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import BaseModel, Field, SecretStr, model_validator

from holdfast.features.backups.kinds import (
    SECRETS,
)
from holdfast.features.backups.repository_service import CloudWish
from holdfast.web.wire import In

Secret = Annotated[SecretStr, Field(min_length=1, max_length=4096)]
Prefix = Annotated[
    str | None,
    Field(max_length=200, description="Its own part of the bucket; by default one of project and environment."),
]
AllowHttp = Annotated[bool, Field(description="Plain http: names and sizes go in the clear.")]
Authority = Annotated[str | None, Field(max_length=65_536, description="PEM of an authority of your own.")]


Lock = Annotated[
    Literal["governance", "compliance"] | None,
    Field(description="Of s3: the store keeps every piece but locks from being changed or deleted, see the how-to."),
]
LockDays = Annotated[
    int | None,
    Field(ge=14, le=36_500, description="For how long from when it is written; renewed while it is needed."),
]


class _Credential(In):
    """Sealed, used for this repository alone, and never shown again."""

    def values(self) -> dict[str, str]:
        """By the secrets' names; what was not given is not there."""
        given = {name: getattr(self, name, None) for name in SECRETS}
        return {name: value.get_secret_value() for name, value in given.items() if value is not None}

    def place(self, kind: str) -> CloudWish:
        values = self.values()
        fields = self.model_dump(exclude={*values, *SECRETS})
        return CloudWish(kind, {name: value for name, value in fields.items() if value is not None}, values)


class _S3Key(_Credential):
    access_key_id: Annotated[SecretStr, Field(min_length=1, max_length=256)]
    secret_access_key: Secret
    session_token: Secret | None = Field(default=None, description="Of a key that ends: the repository ends with it.")


class _GcsKey(_Credential):
    service_account_key: Annotated[
        SecretStr, Field(min_length=1, max_length=16_384, description="The JSON key file of a service account, whole.")
    ]


class _AzureKey(_Credential):
    account_key: Secret | None = Field(default=None, description="Base64. It opens the whole storage account.")
    sas_token: Secret | None = Field(default=None, description="A shared access signature of the container.")

    @model_validator(mode="after")
    def _one(self) -> _AzureKey:
        if (self.account_key is None) == (self.sas_token is None):
            raise ValueError("`account_key` or `sas_token`, one of the two")
        return self


class _SftpKey(_Credential):
    private_key: SecretStr | None = Field(
        default=None, min_length=1, max_length=16_384, description="PEM or OpenSSH, without a passphrase."
    )
    login_password: Secret | None = None

    @model_validator(mode="after")
    def _one(self) -> _SftpKey:
        if (self.private_key is None) == (self.login_password is None):
            raise ValueError("`private_key` or `login_password`, one of the two")
        return self


class CredentialIn(_Credential):
    """A credential of the repository's kind: an S3 access key (id and secret), a service account's key, an Azure
    account key or SAS, or an SFTP login's private key or password. It is sealed, used for this repository alone, and
    never shown again."""

    access_key_id: Annotated[SecretStr, Field(min_length=1, max_length=256)] | None = None
    secret_access_key: Secret | None = None
    session_token: Secret | None = None
    service_account_key: Annotated[SecretStr, Field(min_length=1, max_length=16_384)] | None = None
    account_key: Secret | None = None
    sas_token: Secret | None = None
    private_key: Annotated[SecretStr, Field(min_length=1, max_length=16_384)] | None = None
    login_password: Secret | None = None


class S3In(_S3Key):
    """A place in a bucket of anything that speaks S3: AWS, R2, MinIO, ..."""

    endpoint: str = Field(max_length=500, description="https://host or https://host:port")
    bucket: str = Field(max_length=63)
    prefix: Prefix = None
    region: str = Field(default="us-east-1", max_length=40)
    path_style: bool = Field(default=True, description="The bucket in the path, not in the host.")
    allow_http: AllowHttp = False
    ca: Authority = None
    object_lock: Lock = None
    object_lock_days: LockDays = None

    def wish(self) -> CloudWish:
        return self.place("s3")


class GcsIn(_GcsKey):
    """A place in a bucket of Google Cloud Storage."""

    bucket: str = Field(max_length=222)
    prefix: Prefix = None
    endpoint: str | None = Field(default=None, max_length=500, description="Google's public one when not said.")
    allow_http: AllowHttp = False
    ca: Authority = None
    object_lock: Lock = None
    object_lock_days: LockDays = None

    def wish(self) -> CloudWish:
        return self.place("gcs")


class AzureIn(_AzureKey):
    """A place in a container of Azure Blob Storage."""

    account: str = Field(max_length=24, description="The storage account.")
    container: str = Field(max_length=63)
    prefix: Prefix = None
    endpoint: str | None = Field(
        default=None, max_length=500, description="The account's, in another cloud than the public one."
    )
    allow_http: AllowHttp = False
    ca: Authority = None
    object_lock: Lock = None
    object_lock_days: LockDays = None

    def wish(self) -> CloudWish:
        return self.place("azure")


class SftpIn(_SftpKey):
    """A directory on an SFTP server."""

    host: str = Field(max_length=253)
    port: int = Field(default=22, ge=1, le=65_535)
    user: str = Field(max_length=64)
    path: str = Field(max_length=500, description="Absolute, as the login sees it; it must be there already.")
    prefix: Prefix = None
    host_key: str = Field(
        default="",
        max_length=10_000,
        description="The server's public key. Left out: the answer is 409 with the one it shows, to be compared.",
    )

    def wish(self) -> CloudWish:
        return self.place("sftp")


class S3Out(BaseModel):
    endpoint: str
    bucket: str
    prefix: str
    region: str
    path_style: bool
    allow_http: bool
    ca: str | None
    object_lock: str | None = None
    object_lock_days: int | None = None


class GcsOut(BaseModel):
    bucket: str
    prefix: str
    endpoint: str
    allow_http: bool
    ca: str | None


class AzureOut(BaseModel):
    account: str
    container: str
    prefix: str
    endpoint: str
    allow_http: bool
    ca: str | None


class SftpOut(BaseModel):
    host: str
    port: int
    user: str
    path: str
    prefix: str
    host_key: str


PLACES: Mapping[str, type[BaseModel]] = {"s3": S3Out, "gcs": GcsOut, "azure": AzureOut, "sftp": SftpOut}
