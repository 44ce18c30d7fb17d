"""Databases that are not ours on the wire. What goes in as a password, key or certificate never comes out."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal

from pydantic import BaseModel, Field, SecretStr

from holdfast.contract.external import TlsMode
from holdfast.features.databases.external_service import Registration, Tried
from holdfast.features.databases.external_target import SshTarget, Target
from holdfast.features.databases.model import Look
from holdfast.web.wire import In

_Pem = Field(default=None, max_length=100_000)


def _plain(value: Any) -> Any:
    return value.get_secret_value() if isinstance(value, SecretStr) else value


class SshIn(In):
    """A tunnel through an SSH server: a private key without a passphrase, or a password."""

    host: str = Field(max_length=255)
    port: int = Field(default=22, ge=1, le=65535)
    user: str = Field(max_length=255)
    host_key: str | None = Field(
        default=None, max_length=10_000, description="Its public key, as POST /databases/external/host-key shows it."
    )
    key: SecretStr | None = Field(default=None, max_length=20_000)
    password: SecretStr | None = Field(default=None, max_length=1000)

    def target(self) -> SshTarget:
        return SshTarget(**{name: _plain(getattr(self, name)) for name in SshIn.model_fields})


class TargetIn(In):
    """Where it is: a URL, or fields; fields win."""

    url: SecretStr | None = Field(
        default=None, max_length=4000, examples=["postgresql://app:secret@db.example.org/shop"]
    )
    host: str | None = Field(default=None, max_length=255)
    port: int | None = Field(default=None, ge=1, le=65535)
    database: str | None = Field(default=None, max_length=255)
    user: str | None = Field(default=None, max_length=255)
    password: SecretStr | None = Field(default=None, max_length=1000)
    reader_user: str | None = Field(default=None, max_length=255, description="A login the server lets read only.")
    reader_password: SecretStr | None = Field(default=None, max_length=1000)
    path: str | None = Field(default=None, max_length=4000, description="A file's, below a listed root.")
    tls: TlsMode | None = Field(default=None, description="verify-full unless said, or unless there is a tunnel.")
    ca: str | None = _Pem
    certificate: str | None = _Pem
    key: SecretStr | None = _Pem
    ssh: SshIn | None = None

    def target(self) -> Target:
        values = {name: _plain(getattr(self, name)) for name in TargetIn.model_fields if name != "ssh"}
        return Target(**values, ssh=self.ssh.target() if self.ssh else None)


class RegistrationIn(In):
    """Register a database that is not ours."""

    environment_id: str = Field(max_length=64)
    engine: str = Field(max_length=40, examples=["postgresql"])
    name: str = Field(max_length=63, examples=["legacy-shop"])
    target: TargetIn
    labels: dict[str, str] = Field(default_factory=dict)
    colour: str | None = Field(default=None, pattern=r"^([a-z]{3,20}|#[0-9a-f]{6})$")
    notes: str = Field(default="", max_length=10_000)
    deletion_protection: bool = False

    def registration(self) -> Registration:
        values = {name: getattr(self, name) for name in RegistrationIn.model_fields if name != "target"}
        return Registration(**values, target=self.target.target())


class TestIn(In):
    """Try a target without keeping it."""

    environment_id: str = Field(max_length=64)
    engine: str = Field(max_length=40, examples=["postgresql"])
    target: TargetIn


class HostKeyIn(In):
    environment_id: str = Field(max_length=64)
    host: str = Field(max_length=255)
    port: int = Field(default=22, ge=1, le=65535)


class HostKeyOut(BaseModel):
    """Compare the fingerprint with the server's own (`ssh-keygen -lf`) before it is trusted."""

    host_key: str
    fingerprint: str


class PowerOut(BaseModel):
    name: Literal["look", "read", "write", "snapshot", "restore_new", "restore_in_place", "point_in_time"]
    ok: bool
    reason: str
    remedy: list[str] = Field(description="Statements for the server's own operator; Holdfast runs none of them.")


class ReportOut(BaseModel):
    """What the login may do at that server."""

    engine: str
    version: str
    user: str
    powers: list[PowerOut]
    warnings: list[str]
    facts: dict[str, Any]

    @classmethod
    def of(cls, report: Any) -> ReportOut:
        return cls(**{name: report[name] for name in cls.model_fields})


class TriedOut(BaseModel):
    """Either a report, or the reason why it could not be reached."""

    ok: bool
    report: ReportOut | None
    error: dict[str, Any] | None

    @classmethod
    def of(cls, tried: Tried) -> TriedOut:
        report = ReportOut.of(tried.report) if tried.report is not None else None
        return cls(ok=tried.error is None, report=report, error=dict(tried.error) if tried.error else None)


class LookOut(BaseModel):
    """The latest look at a database: `report` is the newest that succeeded, `error` why the newest look failed."""

    database_id: str
    at: datetime | None
    ok: bool | None
    report: ReportOut | None
    error: dict[str, Any] | None

    @classmethod
    def of(cls, database_id: str, look: Look | None) -> LookOut:
        if look is None:
            return cls(database_id=database_id, at=None, ok=None, report=None, error=None)
        report = ReportOut.of(look.report) if look.report is not None else None
        error = dict(look.error) if look.error else None
        return cls(database_id=database_id, at=look.at, ok=look.ok, report=report, error=error)
