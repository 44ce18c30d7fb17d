"""Keys of plain files on the wire."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import BaseModel, Field, SecretStr, model_validator

from holdfast.features.file_keys.kinds import HOLDS, KINDS, choice_of
from holdfast.features.file_keys.model import FileKey
from holdfast.features.file_keys.service import Use, WantedKey
from holdfast.formats.plain.openpgp_keys import MOST
from holdfast.vault.plain.wish import MOST_RECIPIENTS
from holdfast.web.wire import Confirm, In

Secret = Annotated[SecretStr, Field(min_length=1, max_length=4096)]
Word = Annotated[str, Field(min_length=1, max_length=200)]
Authority = Annotated[str | None, Field(max_length=65_536, description="PEM of an authority of your own.")]
KindName = Literal["age", "age-identity", "passphrase", "gpg", "vault-kv", "vault-transit", "aws-kms", "gcp-kms"]
SERVICES = {"vault-kv": "vault", "vault-transit": "vault", "aws-kms": "aws", "gcp-kms": "gcp"}


class VaultLogin(In):
    """A token; or, with `role_id` in the place, the AppRole's secret id."""

    token: Secret | None = None
    secret_id: Secret | None = None


class AwsLogin(In):
    access_key_id: Annotated[SecretStr, Field(min_length=1, max_length=256)] | None = None
    secret_access_key: Secret | None = None
    session_token: Secret | None = Field(default=None, description="Of a key that ends by itself.")


class GcpLogin(In):
    service_account_key: Annotated[SecretStr, Field(min_length=1, max_length=16_384)] | None = Field(
        default=None, description="The JSON key file of a service account, whole."
    )


class VaultIn(VaultLogin):
    """vault-kv: `path` and `field` of a KV version 2 engine; vault-transit: `key`. `mount`: of either engine."""

    address: str = Field(max_length=500, examples=["https://vault.example.org:8200"])
    namespace: Word | None = None
    mount: Word | None = Field(default=None, description="By default secret, or transit.")
    path: Word | None = None
    field: Word | None = Field(default=None, description="By default key.")
    key: Word | None = Field(default=None, description="The name of the transit key.")
    role_id: Word | None = Field(default=None, description="Of an AppRole.")
    approle_mount: Word | None = None
    ca: Authority = None


class AwsIn(AwsLogin):
    region: str = Field(max_length=40, examples=["eu-central-1"])
    key_id: str = Field(max_length=400, description="An id, an ARN, or alias/NAME.")
    endpoint: str | None = Field(default=None, max_length=500, description="By default AWS's own of the region.")
    ca: Authority = None


class GcpIn(GcpLogin):
    key: str = Field(max_length=400, description="projects/P/locations/L/keyRings/R/cryptoKeys/K")
    endpoint: str | None = Field(default=None, max_length=500, description="By default Google's own.")
    ca: Authority = None


class FileKeyIn(In):
    """A key for plain files. age: `recipients`; gpg: `public_key`; of both Holdfast has the public half only, seals and
    cannot open. age-identity and passphrase: `material`, or one is made. vault-kv, vault-transit, aws-kms and gcp-kms:
    in the field of the service's name; it is tried before anything is kept."""

    name: str = Field(max_length=63, examples=["offsite"])
    kind: KindName
    description: str = Field(default="", max_length=2000)
    environment_id: str | None = Field(default=None, max_length=64, description="Only for this one's snapshots.")
    recipients: list[Annotated[str, Field(min_length=1, max_length=20_000)]] = Field(
        default_factory=list, max_length=MOST_RECIPIENTS, description="age1... or age1pq1..."
    )
    public_key: str | None = Field(default=None, max_length=MOST, description="Armored: gpg --armor --export KEY.")
    material: Secret | None = Field(default=None, description="AGE-SECRET-KEY-1..., or a passphrase.")
    vault: VaultIn | None = None
    aws: AwsIn | None = None
    gcp: GcpIn | None = None

    @model_validator(mode="after")
    def _matches(self) -> FileKeyIn:
        for name in ("vault", "aws", "gcp"):
            if (SERVICES.get(self.kind) == name) != (getattr(self, name) is not None):
                raise ValueError(f"`{name}` goes with {name}'s kinds, and only with them")
        return self

    def wanted(self) -> WantedKey:
        service = self.vault or self.aws or self.gcp
        names = KINDS[self.kind].credential
        place = {} if service is None else service.model_dump(exclude=set(names), exclude_none=True)
        return WantedKey(
            name=self.name,
            kind=self.kind,
            description=self.description,
            environment_id=self.environment_id,
            recipients=self.recipients,
            public_key=self.public_key,
            material=self.material.get_secret_value() if self.material else None,
            place=place,
            credential={} if service is None else values_of(service, names),
        )


class CredentialIn(In):
    """For the service of the key: one of these."""

    vault: VaultLogin | None = None
    aws: AwsLogin | None = None
    gcp: GcpLogin | None = None

    def values(self) -> dict[str, str]:
        given = [each for each in (self.vault, self.aws, self.gcp) if each is not None]
        return {
            name: value for each in given for name, value in values_of(each, tuple(type(each).model_fields)).items()
        }


class DeleteIn(Confirm):
    lose: bool = Field(default=False, description="Also when snapshots would not open here any more.")


class UseOut(BaseModel):
    """`blocks`: has to be given another key first; else what would not open any more. `names`: the first of them."""

    noun: str
    total: int
    names: list[str]
    blocks: bool


class FileKeyOut(BaseModel):
    """A key, never its secret. `takes`: the encryptions it seals. `opens`: whether Holdfast can open with it too."""

    id: str
    project_id: str
    environment_id: str | None
    name: str
    kind: str
    description: str
    fingerprint: str | None = Field(description="Of its public half.")
    recipients: list[str] = Field(description="age's.")
    takes: list[str]
    opens: bool
    place: dict[str, Any] = Field(description="Where a service has it; of gpg the names in the key.")
    uses: list[UseOut] | None = Field(default=None, description="Of one key, not in lists.")
    created_by: str
    created_at: datetime
    credential_at: datetime | None

    @classmethod
    def of(cls, key: FileKey, uses: Sequence[Use] | None = None) -> FileKeyOut:
        choice = choice_of(key)
        values = {name: value for name, value in vars(key).items() if name in cls.model_fields}
        values["recipients"] = [] if key.kind == "gpg" else list(key.recipients)
        values["place"] = {name: value for name, value in key.place.items() if name != HOLDS}
        told = [UseOut(**vars(use)) for use in uses] if uses is not None else None
        return cls(**values, takes=list(choice.takes), opens=choice.opens, uses=told)


class FileKeyMaterialOut(BaseModel):
    name: str
    material: str


def values_of(given: BaseModel, names: Sequence[str]) -> dict[str, str]:
    found = {name: getattr(given, name) for name in names}
    return {name: value.get_secret_value() for name, value in found.items() if value is not None}
