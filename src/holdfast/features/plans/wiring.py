"""The slice put together, for the api process and for the runner."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from holdfast.features.plans import api, api_turns
from holdfast.features.plans.gaps import GapsService
from holdfast.features.plans.service import PlansService
from holdfast.features.plans.status import PlanStatus
from holdfast.features.plans.turns_service import TurnsService
from holdfast.jobs import Jobs
from holdfast.kernel.clock import Clock
from holdfast.kernel.db import Database

ROUTERS = (api_turns.router, api.router)


@dataclass(frozen=True)
class Plans:
    """What the api serves."""

    service: PlansService
    turns: TurnsService
    status: PlanStatus
    gaps: GapsService

    @property
    def parts(self) -> Mapping[type[Any], Any]:
        return {type(each): each for each in (self.service, self.turns, self.status, self.gaps)}


def build(db: Database, jobs: Jobs, clock: Clock) -> Plans:
    return Plans(
        PlansService(db, jobs, clock), TurnsService(db, jobs, clock), PlanStatus(db, clock), GapsService(db, clock)
    )
