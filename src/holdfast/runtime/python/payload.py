"""What a version is told when its process starts, as the pool writes it (JSON)."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any, Literal

CODE = "/app"
PACKAGES = "/packages"
BIND = "/run/bind"
EGRESS = "/run/egress"


@dataclass(frozen=True)
class Limits:
    """Of one process. Seconds, milliseconds, bytes."""

    timeout_seconds: float = 30.0
    cpu_ms: int | None = None
    concurrency: int = 256
    body_bytes: int = 100 * 1024 * 1024
    log_lines: int = 1000


@dataclass(frozen=True)
class Payload:
    """`paths` differ from a sandbox's only in tests."""

    version: dict[str, Any]
    main: str
    compatibility_date: str = "2026-01-01"
    flags: tuple[str, ...] = ()
    vars: dict[str, Any] = field(default_factory=dict)
    secrets: dict[str, str] = field(default_factory=dict)
    bindings: tuple[dict[str, Any], ...] = ()
    limits: Limits = Limits()
    environment: bool = True
    subprocess: bool = True
    crons: tuple[str, ...] = ()
    routes: tuple[dict[str, Any], ...] = ()  # with schemas: what a request must be like, and its answer
    answers: Literal["off", "log", "refuse"] = "log"  # what becomes of one that is not
    schemas: dict[str, Any] = field(default_factory=dict)  # that they share, by name
    standby: tuple[str, ...] | None = None  # modules to import; then wait until told to go on
    code: str = CODE
    packages: str = PACKAGES
    bind: str = BIND
    egress: str = EGRESS

    @classmethod
    def parse(cls, raw: bytes) -> Payload:
        """Raises ValueError when the text is no JSON or names no main module. Unknown fields are left alone."""
        told = json.loads(raw)
        if not isinstance(told, dict) or not isinstance(told.get("main"), str):
            raise ValueError("the payload names no main module")
        permits = told.get("permits") or {}
        limits = {
            name: value for name, value in (told.get("limits") or {}).items() if name in Limits.__dataclass_fields__
        }
        plain = {name: told[name] for name in _PLAIN if told.get(name) is not None}
        return cls(
            version=told.get("version") or {},
            flags=tuple(told.get("flags") or ()),
            bindings=tuple(told.get("bindings") or ()),
            crons=tuple(told.get("crons") or ()),
            routes=tuple(told.get("routes") or ()),
            standby=None if told.get("standby") is None else tuple(map(str, told["standby"])),
            limits=Limits(**limits),
            environment=bool(permits.get("environment", True)),
            subprocess=bool(permits.get("subprocess", True)),
            **plain,
        )


_PLAIN = ("main", "compatibility_date", "answers", "vars", "secrets", "schemas", "code", "packages", "bind", "egress")
