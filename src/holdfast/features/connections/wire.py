"""Tunnels on the wire."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from holdfast.features.connections.model import Tunnel
from holdfast.features.connections.tunnels import LONGEST_SECONDS, Opened, Visit


class TunnelIn(BaseModel):
    """A tunnel with a temporary login that has the rights of `access`."""

    model_config = ConfigDict(extra="forbid")
    access: Literal["ro", "rw", "owner"] = "ro"
    seconds: int = Field(default=3600, ge=60, le=LONGEST_SECONDS, description="How long it lives at most.")
    host: str = Field(default="127.0.0.1", max_length=100, description="Where you will listen: for the URL alone.")
    port: int = Field(default=1, ge=1, le=65535, description="The port you will listen on.")

    def visit(self) -> Visit:
        return Visit(**self.model_dump())


class TunnelOut(BaseModel):
    """A tunnel. Bytes are those of connections that have ended; `up` goes to the database."""

    id: str
    resource_id: str
    actor: str
    access: str
    login: str
    opened_at: datetime
    expires_at: datetime
    used_at: datetime
    closed_at: datetime | None
    reason: str | None
    connections: int
    bytes_up: int
    bytes_down: int

    @classmethod
    def of(cls, tunnel: Tunnel) -> TunnelOut:
        values = vars(tunnel)
        return cls(**{name: values[name] for name in cls.model_fields})


class ProgramOut(BaseModel):
    """A stock client and how to run it."""

    name: str
    argv: list[str]
    env: dict[str, str]


class TunnelOpenedOut(BaseModel):
    """A tunnel and, this once, its password."""

    tunnel: TunnelOut
    user: str
    password: str
    database: str
    url: str
    programs: list[ProgramOut]

    @classmethod
    def of(cls, opened: Opened) -> TunnelOpenedOut:
        return cls(
            tunnel=TunnelOut.of(opened.tunnel),
            user=opened.login.user,
            password=opened.login.password,
            database=opened.database,
            url=opened.url,
            programs=[ProgramOut(name=p.name, argv=list(p.argv), env=dict(p.env)) for p in opened.programs],
        )
