"""What a recovery brings back, database by database."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any


@dataclass(frozen=True)
class Coming:
    """One database. `snapshot_id` None: it cannot be brought back now, and `why` says why. `age` in seconds: how much
    was lost at most, were the server lost just now; what was written after `taken_at` is gone in any case."""

    resource_id: str
    name: str
    engine: str
    project: str
    environment: str
    snapshot_id: str | None = None
    taken_at: datetime | None = None
    age: float | None = None
    bytes: int | None = None
    repository: str | None = None
    run_id: str | None = None
    why: str | None = None


@dataclass(frozen=True)
class Reached:
    """A repository and whether it is there. `adopted`: snapshots in it that the metadata did not know yet."""

    id: str
    name: str
    where: str
    ok: bool
    why: str | None = None
    adopted: int = 0


@dataclass
class Outlook:
    """Everything a recovery would do, or has prepared. Nothing in it is a secret."""

    installation: str
    epoch: int
    snapshot: str
    taken_at: datetime
    node: str
    people: int = 0
    projects: int = 0
    workers: int = 0
    repositories: Sequence[Reached] = ()
    databases: list[Coming] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    settings: Mapping[str, Any] = field(default_factory=dict)

    def as_dict(self) -> dict[str, Any]:
        plain: dict[str, Any] = _plain(asdict(self))
        return plain


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, dict):
        return {key: _plain(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(each) for each in value]
    return value
