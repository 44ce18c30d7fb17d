"""The slice's parts, put together once per process."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from holdfast.features.databases.reach import Reach
from holdfast.features.metrics.growth import GrowthService
from holdfast.features.metrics.protection import ProtectionService
from holdfast.features.metrics.sampler import Sampler
from holdfast.features.metrics.service import MetricsService
from holdfast.features.metrics.statements import StatementMeter
from holdfast.kernel.clock import Clock
from holdfast.kernel.db import Database
from holdfast.runtime.telemetry import TelemetryReader, path_of


def build(db: Database, reach: Reach, scratch: Path, meter: StatementMeter, clock: Clock) -> dict[str, Any]:
    """The slice's services by the names they have among all."""
    telemetry = TelemetryReader(path_of(reach.settings.data))
    return {
        "metrics": MetricsService(db, reach.hosts, Sampler(reach, scratch, clock), meter, telemetry, clock),
        "protection": ProtectionService(db, clock),
        "growth": GrowthService(db, clock),
    }
