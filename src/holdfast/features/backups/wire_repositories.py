"""Repositories on the wire."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import BaseModel, Field, SecretStr, model_validator

from holdfast.features.backups.model import RepositoryRow
from holdfast.features.backups.places import ACCESS_KEY, SECRET, TOKEN
from holdfast.features.backups.repository_service import RepositoryWish, S3Wish
from holdfast.features.runs.wire import RunOut
from holdfast.vault.stores.breaker import BreakerView
from holdfast.web.wire import In

Secret = Annotated[SecretStr, Field(min_length=1, max_length=4096)]


class CredentialIn(In):
    """An access key. It is sealed, used for this repository alone, and never shown again."""

    access_key_id: Annotated[SecretStr, Field(min_length=1, max_length=256)]
    secret_access_key: Secret
    session_token: Secret | None = Field(default=None, description="Of a key that ends: the repository ends with it.")

    def values(self) -> dict[str, str]:
        given = {ACCESS_KEY: self.access_key_id, SECRET: self.secret_access_key, TOKEN: self.session_token}
        return {name: value.get_secret_value() for name, value in given.items() if value is not None}


class S3In(CredentialIn):
    """A place in a bucket of anything that speaks S3: AWS, R2, MinIO, ..."""

    endpoint: str = Field(max_length=500, description="https://host or https://host:port")
    bucket: str = Field(max_length=63)
    prefix: str | None = Field(
        default=None,
        max_length=200,
        description="Its own part of the bucket; by default one of project and environment.",
    )
    region: str = Field(default="us-east-1", max_length=40)
    path_style: bool = Field(default=True, description="The bucket in the path, not in the host.")
    allow_http: bool = Field(default=False, description="Plain http: names and sizes go in the clear.")
    ca: str | None = Field(default=None, max_length=65_536, description="PEM of an authority of your own.")

    def wish(self) -> S3Wish:
        fields = self.model_dump(exclude={ACCESS_KEY, SECRET, TOKEN}, exclude_none=True)
        return S3Wish(fields, self.values())


class RepositoryIn(In):
    """Kind "local": on this machine's disk. Kind "s3": with `s3`, which is tried before anything is kept."""

    project_id: str = Field(max_length=64)
    name: str = Field(max_length=63)
    kind: Literal["local", "s3"] = "local"
    environment_id: str | None = Field(default=None, max_length=64, description="Only this environment's snapshots.")
    is_default: bool = Field(default=False, description="Where snapshots go that name no repository.")
    s3: S3In | None = None

    @model_validator(mode="after")
    def _matches(self) -> RepositoryIn:
        if (self.kind == "s3") != (self.s3 is not None):
            raise ValueError("`s3` goes with kind s3, and only with it")
        return self

    def wish(self) -> RepositoryWish:
        s3 = self.s3.wish() if self.s3 else None
        return RepositoryWish(self.project_id, self.name, self.environment_id, self.is_default, s3)


class CheckIn(In):
    read_data: bool = Field(default=False, description="Read every byte, not only the structure.")


class S3Out(BaseModel):
    endpoint: str
    bucket: str
    prefix: str
    region: str
    path_style: bool
    allow_http: bool
    ca: str | None


class BreakerOut(BaseModel):
    """Whether the api calls the store: open = it is left alone for a while."""

    state: Literal["closed", "open", "half_open"]
    failures: int
    since: datetime


class RepositoryOut(BaseModel):
    """Where a project's snapshots live. `path` is what stock restic takes as -r."""

    id: str
    project_id: str
    name: str
    kind: str
    environment_id: str | None = Field(description="The one environment it is for; null = all.")
    state: str
    is_default: bool
    restic_id: str | None
    last_check: dict[str, Any] | None
    path: str
    s3: S3Out | None = None
    last_test: dict[str, Any] | None = Field(description="What its credential may do, and what it could do without.")
    trouble: dict[str, Any] | None = Field(description="Since when and why it does not answer; null = it does.")
    breaker: BreakerOut | None = None
    bytes: int | None = None
    created_by: str
    created_at: datetime
    node: str | None = Field(description="The node whose disk it is on; null = reached from every node.")

    @classmethod
    def of(
        cls, row: RepositoryRow, path: str, size: int | None = None, breaker: BreakerView | None = None
    ) -> RepositoryOut:
        values = {name: value for name, value in vars(row).items() if name in cls.model_fields}
        return cls(
            **values,
            path=path,
            bytes=size,
            environment_id=row.serves,
            s3=S3Out(**row.lies) if row.lies else None,
            breaker=BreakerOut(state=breaker.state, failures=breaker.failures, since=breaker.since)
            if breaker
            else None,
        )


class RepositoryRunOut(BaseModel):
    repository: RepositoryOut
    run: RunOut


class RepositoryKeyOut(BaseModel):
    """All a stock restic needs; `variables` are set by whoever runs it, from a key to the bucket of their own."""

    password: str
    path: str
    variables: list[str] = Field(default_factory=list)
