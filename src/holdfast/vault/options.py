"""What may be chosen for one snapshot: how hard to compress, how fast to store, how much of the machine to take."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Literal, get_args

from holdfast.contract.catalog import JSON
from holdfast.kernel.errors import Invalid

Level = Literal["off", "fast", "default", "max"]
LEVELS: tuple[Level, ...] = get_args(Level)
_ZSTD: Mapping[Level, int | None] = {"off": None, "fast": 1, "default": 1, "max": 15}
LEAST_BANDWIDTH = 64 << 10  # below it a lock's refresh and a pack would keep each other waiting for minutes
MOST_WORKERS = 64
MOST_NICE = 19
MOST_DAYS = 3650


def _cores() -> int:
    return os.cpu_count() or 2


@dataclass(frozen=True)
class SnapshotOptions:
    """`level`: of compression. `bandwidth`: bytes per second that may go to the store; None = as fast as it takes them.
    `workers`: threads that hash, compress and seal. `nice`: how much those yield to the machine's other work, 0-19.
    `readers` and `uploads` are threads too. `verify_within`: days that a proof of it counts."""

    level: Level = "default"
    bandwidth: int | None = None
    workers: int = field(default_factory=_cores)
    nice: int = 0
    readers: int = 2
    uploads: int = 2
    verify_within: int | None = None

    def __post_init__(self) -> None:
        _require(self.level in LEVELS, "level", f"is one of {', '.join(LEVELS)}")
        _require(
            self.bandwidth is None or self.bandwidth >= LEAST_BANDWIDTH,
            "bandwidth",
            f"is at least {LEAST_BANDWIDTH} bytes per second",
        )
        _require(1 <= self.workers <= MOST_WORKERS, "workers", f"is from 1 to {MOST_WORKERS}")
        _require(0 <= self.nice <= MOST_NICE, "nice", f"is from 0 to {MOST_NICE}")
        within = self.verify_within
        _require(within is None or 1 <= within <= MOST_DAYS, "verify_within", f"is from 1 to {MOST_DAYS} days")

    @property
    def zstd(self) -> int | None:
        """zstd's own level; None = stored as it is."""
        return _ZSTD[self.level]

    @property
    def probes(self) -> bool:
        """Whether a chunk is tried with a sample first: what hardly shrinks is stored as it is."""
        return self.level == "fast"

    @classmethod
    def of(cls, chosen: Mapping[str, JSON] | None) -> SnapshotOptions:
        """From what a snapshot's row or a plan keeps; what is absent or null is the default, what is not known to this
        version is left alone. Raises Invalid."""
        known = {"level": str, "bandwidth": int, "workers": int, "nice": int, "verify_within": int}
        values = {name: (chosen or {}).get(name) for name in known}
        for name, value in values.items():
            right = value is None or (isinstance(value, known[name]) and not isinstance(value, bool))
            _require(right, name, "is of another kind")
        return cls(**{name: value for name, value in values.items() if value is not None})  # type: ignore[arg-type]

    def as_json(self) -> dict[str, JSON]:
        """What is kept with the snapshot."""
        kept = asdict(self)
        names = ("level", "bandwidth", "workers", "nice")
        return {name: kept[name] for name in (*names, *(["verify_within"] if self.verify_within else []))}


def _require(right: bool, name: str, message: str) -> None:
    if not right:
        raise Invalid(
            f"{name} {message}",
            code="snapshot_options",
            details={"fields": [{"field": f"options.{name}", "message": message}]},
        )
