"""Launch records: what each server is and whether it should run, one 0600 file per resource."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

from holdfast.contract.spec import Limits
from holdfast.hosts.allocation import write_atomic
from holdfast.hosts.launching import Launch
from holdfast.kernel.errors import Corrupt


@dataclass(frozen=True)
class ServerRecord:
    """`launch` without control groups and pid file: the keeper adds those of the day."""

    resource_id: str
    launch: Launch
    stop_signal: int
    stop_timeout: float
    limits: Limits = field(default_factory=Limits)
    desired: Literal["running", "stopped"] = "running"
    cgroups: tuple[str, ...] = ()

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_dict(cls, raw: Mapping[str, Any]) -> ServerRecord:
        return cls(
            resource_id=str(raw["resource_id"]),
            launch=Launch.from_dict(raw["launch"]),
            stop_signal=int(raw["stop_signal"]),
            stop_timeout=float(raw["stop_timeout"]),
            limits=Limits(**raw["limits"]),
            desired=raw["desired"],
            cgroups=tuple(raw["cgroups"]),
        )

    def same_server(self, other: ServerRecord) -> bool:
        """Whether a running server of `other` is already what this record asks for, but for its limits: those are
        changed while it runs."""
        return self._plain() == other._plain()

    def _plain(self) -> ServerRecord:
        return replace(self, desired="running", cgroups=(), limits=Limits())


class Records:
    """The directory of records. Written by the keeper alone."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    def load(self, resource_id: str) -> ServerRecord | None:
        """Raises Corrupt when the file cannot be understood."""
        path = self._directory / f"{resource_id}.json"
        try:
            return ServerRecord.from_dict(json.loads(path.read_text()))
        except FileNotFoundError:
            return None
        except (ValueError, KeyError, TypeError) as error:
            raise Corrupt(f"the launch record {path} cannot be read: {error}", code="record_corrupt") from error

    def names(self) -> list[str]:
        return sorted(path.stem for path in self._directory.glob("[!.]*.json"))

    def save(self, record: ServerRecord) -> None:
        write_atomic(self._directory / f"{record.resource_id}.json", json.dumps(record.as_dict()).encode())

    def delete(self, resource_id: str) -> None:
        """Absent is success."""
        (self._directory / f"{resource_id}.json").unlink(missing_ok=True)
        self.pidfile(resource_id).unlink(missing_ok=True)

    def pidfile(self, resource_id: str) -> Path:
        return self._directory / f"{resource_id}.pid"
