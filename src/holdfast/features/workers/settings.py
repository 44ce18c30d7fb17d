"""A worker's settings as people give them: checked once, kept as JSON, read back by whoever runs it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AfterValidator, Field, ValidationError

from holdfast.kernel.errors import Invalid
from holdfast.runtime.live import Permits, WorkerLimits
from holdfast.web.wire import In

_HOST = re.compile(r"(\*|(\*\.)?[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?(\.[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)*)(:\d{1,5})?")
_ORIGIN = re.compile(r"\*|https?://[a-z0-9.\[\]:-]{1,253}")
_METHOD = re.compile(r"[A-Z]{1,20}")
_HEADER = re.compile(r"\*|[A-Za-z0-9!#$%&'*+.^_`|~-]{1,100}")


def _matching(pattern: re.Pattern[str], what: str) -> AfterValidator:
    def check(text: str) -> str:
        if not pattern.fullmatch(text):
            raise ValueError(what)
        return text

    return AfterValidator(check)


def _zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ValueError("is no time zone; it reads such as Europe/Berlin") from None
    return name


Host = Annotated[str, Field(max_length=260), _matching(_HOST, "reads api.example.org, *.example.org or *")]
Origin = Annotated[str, Field(max_length=260), _matching(_ORIGIN, "reads https://app.example.org, or *")]
Method = Annotated[str, _matching(_METHOD, "reads GET")]
Header = Annotated[str, _matching(_HEADER, "reads content-type, or *")]
MIB = 1024 * 1024


class LimitsIn(In):
    """What one process of the worker may use."""

    timeout_seconds: float = Field(default=30.0, ge=0.1, le=900)
    cpu_ms: int | None = Field(default=None, ge=1, le=900_000, description="Of one invocation.")
    memory_bytes: int = Field(default=256 * MIB, ge=32 * MIB, le=64 * 1024 * MIB)
    cpus: float = Field(default=1.0, ge=0.05, le=64)
    tasks: int = Field(default=64, ge=4, le=4096)
    files: int = Field(default=512, ge=64, le=65536)
    temporary_bytes: int = Field(default=64 * MIB, ge=0, le=16 * 1024 * MIB)
    concurrency: int = Field(default=256, ge=1, le=10_000)
    body_bytes: int = Field(default=100 * MIB, ge=0, le=10 * 1024 * MIB)
    log_lines: int = Field(default=1000, ge=0, le=100_000, description="Of one invocation.")


class PermitsIn(In):
    """Switches of their own: each is off unless it is said here, but for what every worker may."""

    network: list[Host] = Field(default_factory=list, max_length=100, description='Hosts it may reach; "*": any.')
    read: bool = Field(default=False, description="Files beyond its code and packages.")
    write: bool = Field(default=True, description="Its own /tmp.")
    environment: bool = Field(default=True, description="Variables and secrets in os.environ too.")
    subprocess: bool = False


class CorsIn(In):
    """Which pages of other origins may call it; answered by the edge."""

    origins: list[Origin] = Field(min_length=1, max_length=100)
    methods: list[Method] = Field(default_factory=lambda: ["GET", "HEAD", "POST"], max_length=20)
    headers: list[Header] = Field(default_factory=list, max_length=100)
    credentials: bool = False
    max_age: int = Field(default=600, ge=0, le=86400)
    expose: list[Header] = Field(default_factory=list, max_length=100, description="Fields of answers a page may read.")


class RateIn(In):
    """How often it may be asked; more is answered 429 by the edge. All of them may come at once."""

    requests: int = Field(ge=1, le=1_000_000)
    seconds: float = Field(default=60.0, ge=1, le=86400)
    by: Literal["client", "key", "worker"] = Field(
        default="client", description="Counted for each address (/64 of IPv6), each key, or all together."
    )


class SettingsIn(In):
    """How a worker runs. What is not said has its default."""

    limits: LimitsIn = Field(default_factory=LimitsIn)
    permits: PermitsIn = Field(default_factory=PermitsIn)
    cors: CorsIn | None = None
    protected: bool = Field(default=False, description="Only callers with one of its keys are let in.")
    rate: RateIn | None = None
    tz: Annotated[str, Field(max_length=64), AfterValidator(_zone)] = Field(default="UTC", description="Of its crons.")
    missed: Literal["skip", "once", "all"] = Field(
        default="once",
        description="Turns of crons that fell due while Holdfast was down: none, the last of each, the last ten.",
    )
    answers: Literal["off", "log", "refuse"] = Field(
        default="log",
        description="What becomes of an answer that is not what its declared schema says: nothing, a line of the log, "
        "502 in its place.",
    )
    warm: int = Field(default=0, ge=0, le=16, description="Processes kept although nothing asks.")
    idle_seconds: float = Field(default=300.0, ge=1, le=86400)

    def limits_for(self, config: Mapping[str, Any]) -> WorkerLimits:
        """The worker's, and what the code's own file says (`limits.cpu_ms`, the `holdfast` table) where that is less:
        whoever deploys must not get more than whoever set the worker's limits gave."""
        own = config.get("own") or {}
        given = self.limits.model_dump()
        memory = own.get("memory_mb")
        less = {"cpu_ms": config.get("cpu_ms"), "memory_bytes": memory and memory * MIB}
        less |= {"timeout_seconds": own.get("timeout_seconds"), "concurrency": own.get("concurrency")}
        for name, value in less.items():
            if value is not None:
                given[name] = value if given[name] is None else min(value, given[name])
        return WorkerLimits(**given)

    def permitted(self) -> Permits:
        """The worker's alone: what the code's file wishes for beyond that is told by `wishes`, and given by people."""
        given = self.permits.model_dump()
        return Permits(**{**given, "network": tuple(given["network"])})

    def wishes(self, config: Mapping[str, Any]) -> list[str]:
        """What the code's file asks for and the worker's settings do not give, in words."""
        own = config.get("own") or {}
        lacking = [f"network {host}" for host in own.get("network") or () if not self._reaches(host)]
        if own.get("subprocess") and not self.permits.subprocess:
            lacking.append("subprocess")
        return lacking

    def _reaches(self, host: str) -> bool:
        given = self.permits.network
        return "*" in given or host in given or any(each.startswith("*.") and host.endswith(each[1:]) for each in given)

    def warm_for(self, config: Mapping[str, Any]) -> int:
        return self.warm or min(int((config.get("own") or {}).get("warm") or 0), 1)

    def idle_for(self, config: Mapping[str, Any]) -> float:
        own = (config.get("own") or {}).get("idle_seconds")
        return self.idle_seconds if own is None else min(float(own), self.idle_seconds)


def checked_settings(given: Mapping[str, Any]) -> dict[str, Any]:
    """All of them, the defaults written out. Raises Invalid naming the fields."""
    try:
        made = SettingsIn.model_validate(dict(given))
    except ValidationError as error:
        fields = [
            {"field": ".".join(("settings", *map(str, each["loc"]))), "message": each["msg"]} for each in error.errors()
        ]
        raise Invalid("the settings are malformed", code="settings_invalid", details={"fields": fields}) from None
    if made.cors is not None and made.cors.credentials and "*" in made.cors.origins:
        told = {"field": "settings.cors.credentials", "message": 'needs origins by name: no browser takes it with "*"'}
        raise Invalid("the settings are malformed", code="settings_invalid", details={"fields": [told]})
    return made.model_dump(mode="json")


def settings_of(kept: Mapping[str, Any]) -> SettingsIn:
    return SettingsIn.model_validate(dict(kept))
