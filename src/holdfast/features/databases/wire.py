"""Databases, statements and catalogs on the wire."""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime
from typing import Any

from pydantic import BaseModel, Field

from holdfast.contract.activity import CanActivity
from holdfast.contract.engine import Engine
from holdfast.contract.external import CanRegister
from holdfast.contract.front import CanFront
from holdfast.contract.logins import CanAdmit
from holdfast.contract.resizing import CanResize
from holdfast.contract.rotation import CanRotate
from holdfast.contract.upgrades import CanUpgrade
from holdfast.contract.upkeep import CanExtend, CanMaintain, CanTune
from holdfast.features.databases.model import Resource, Statement
from holdfast.features.databases.query import MAX_BYTES, MAX_ROWS, MAX_SECONDS, Question
from holdfast.features.databases.service import Wanted
from holdfast.features.runs.wire import RunOut
from holdfast.web.wire import In


class DatabaseIn(In):
    """What a creation asks for; `spec` is the engine's own form (see GET /engines)."""

    environment_id: str = Field(max_length=64)
    engine: str = Field(max_length=40, examples=["sqlite"])
    name: str = Field(max_length=63, examples=["shop"])
    spec: dict[str, Any] = Field(default_factory=dict)
    labels: dict[str, str] = Field(default_factory=dict)
    colour: str | None = Field(default=None, pattern=r"^([a-z]{3,20}|#[0-9a-f]{6})$")
    notes: str = Field(default="", max_length=10_000)
    deletion_protection: bool = False
    node: str | None = Field(default=None, max_length=63, description="Where it shall live; null = the node asked.")

    def wanted(self) -> Wanted:
        return Wanted(**self.model_dump())


class DatabasePatch(In):
    """Only what is given changes."""

    labels: dict[str, str] | None = None
    colour: str | None = Field(default=None, pattern=r"^([a-z]{3,20}|#[0-9a-f]{6})$")
    notes: str | None = Field(default=None, max_length=10_000)
    deletion_protection: bool | None = None


class ConfirmIn(In):
    confirm: str = Field(max_length=200, description="The name, typed.")


class UrlIn(In):
    access: str = Field(default="owner", description="owner, rw or ro.")


class LimitsIn(In):
    """Lowered to the server's maxima."""

    rows: int = Field(default=1000, ge=1, description=f"At most {MAX_ROWS}.")
    bytes: int = Field(default=16 << 20, ge=1, description=f"At most {MAX_BYTES}.")
    seconds: float = Field(default=30.0, gt=0, allow_inf_nan=False, description=f"At most {MAX_SECONDS:.0f}.")


class QueryIn(In):
    """One statement with bound parameters: a list, or an object for named ones."""

    statement: str
    params: list[Any] | dict[str, Any] | None = None
    write: bool = Field(default=False, description="Without it the engine itself refuses changes.")
    limits: LimitsIn = Field(default_factory=LimitsIn)

    def question(self, params: Any) -> Question:
        limits = self.limits
        return Question(self.statement, params, self.write, limits.rows, limits.bytes, limits.seconds)


class DatabaseOut(BaseModel):
    """A database. `endpoint` never holds a password; `state_reason` says why it failed."""

    id: str
    project_id: str
    environment_id: str
    kind: str
    engine: str
    name: str
    spec: dict[str, Any]
    labels: dict[str, str]
    colour: str | None
    notes: str
    state: str
    state_reason: dict[str, Any] | None
    host: str | None
    endpoint: dict[str, Any] | None
    deletion_protection: bool
    run_id: str | None
    version: int
    created_by: str
    created_at: datetime
    updated_at: datetime
    deleted_at: datetime | None
    purge_after: datetime | None
    node: str | None = Field(description="The node that hosts it; null = reached from every node.")

    @classmethod
    def of(cls, resource: Resource) -> DatabaseOut:
        values = vars(resource)
        return cls(**{name: values[name] for name in cls.model_fields})


class DatabaseRunOut(BaseModel):
    """A database and the run that works on it."""

    resource: DatabaseOut
    run: RunOut


class UrlOut(BaseModel):
    url: str


class ColumnOut(BaseModel):
    name: str
    type: str | None


class QueryOut(BaseModel):
    """The rows of one statement. Values as in docs/reference/api.md: exact, or text."""

    columns: list[ColumnOut]
    rows: list[list[Any]]
    row_count: int
    truncated: str | None = Field(description='Which limit ended it: "rows" or "bytes".')
    affected: int | None
    duration_ms: float


class StatementOut(BaseModel):
    """One statement that ran: never its literals or parameters."""

    id: str
    resource_id: str
    actor: str
    at: datetime
    fingerprint: str
    write: bool
    status: str
    duration_ms: float
    rows: int
    affected: int | None

    @classmethod
    def of(cls, statement: Statement) -> StatementOut:
        return cls(**asdict(statement))


_ABILITIES: dict[str, Any] = {
    "activity": CanActivity,
    "expose": CanFront,
    "extend": CanExtend,
    "login": CanAdmit,
    "maintain": CanMaintain,
    "register": CanRegister,
    "resize": CanResize,
    "rotate": CanRotate,
    "tune": CanTune,
    "upgrade": CanUpgrade,
}


class EngineOut(BaseModel):
    """An engine: what it can do, and the JSON Schema of its spec."""

    name: str
    title: str
    capabilities: dict[str, Any]
    spec: dict[str, Any]
    abilities: list[str] = Field(description="What can be done to a database of it beyond keeping and querying it.")
    external: dict[str, Any] | None = Field(description="What registering somebody else's asks for; null = it cannot.")

    @classmethod
    def of(cls, engine: Engine) -> EngineOut:
        able = asdict(engine.capabilities)
        return cls(
            name=engine.name,
            title=able["title"],
            capabilities=able,
            spec=engine.spec.model_json_schema(),
            abilities=[name for name, ability in _ABILITIES.items() if isinstance(engine, ability)],
            external=asdict(engine.external) if isinstance(engine, CanRegister) else None,
        )
