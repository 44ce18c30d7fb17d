"""The slice's services in an api process, wired."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from holdfast.features.connections import api, api_exposures, api_logins, api_sessions, api_upkeep
from holdfast.features.connections.activity import ActivityService
from holdfast.features.connections.doorman import Doorman
from holdfast.features.connections.exposures import ExposureService
from holdfast.features.connections.logins import LoginService
from holdfast.features.connections.reached import Ways
from holdfast.features.connections.tunnels import TunnelService
from holdfast.features.connections.upkeep import UpkeepService
from holdfast.features.connections.watchman import Watchman
from holdfast.features.databases.gate import Gate
from holdfast.features.databases.reach import Reach
from holdfast.hosts.keeper import KeeperClient
from holdfast.jobs import Jobs
from holdfast.kernel.clock import Clock
from holdfast.kernel.db import Database
from holdfast.kernel.secrets import Secrets

ROUTERS = (api.router, api_sessions.router, api_upkeep.router, api_logins.router, api_exposures.router)


@dataclass(frozen=True)
class Connections:
    """`watchman.run` and `doorman.run` belong on the event loop."""

    parts: Mapping[type[Any], Any]
    watchman: Watchman
    doorman: Doorman


def build(
    db: Database,
    reach: Reach,
    gate: Gate,
    jobs: Jobs,
    clock: Clock,
    secrets: Secrets,
    keeper: KeeperClient,
    notify: Callable[[str], None],
) -> Connections:
    ways = Ways(db, reach, gate)
    tunnels = TunnelService(db, reach, gate, clock)
    doorman = Doorman(ways, keeper)
    exposures = ExposureService(ways, secrets, keeper, clock, notify)
    found = (doorman, exposures, tunnels, ActivityService(ways), UpkeepService(ways, jobs), LoginService(ways, clock))
    return Connections({type(each): each for each in found}, Watchman(db, tunnels, clock), doorman)
