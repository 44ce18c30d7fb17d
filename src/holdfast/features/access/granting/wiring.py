"""This part as the composition root takes it: its services by type, and its routers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from holdfast.features.access.granting import api_grants, api_roles
from holdfast.features.access.granting.grants import GrantsService
from holdfast.features.access.granting.roles import RolesService
from holdfast.features.access.places import Whereabouts
from holdfast.kernel.clock import Clock
from holdfast.kernel.db import Database

ROUTERS = (api_roles.router, api_grants.router)


def granting(db: Database, clock: Clock, where: Whereabouts) -> Mapping[type[Any], Any]:
    return {RolesService: RolesService(db, clock), GrantsService: GrantsService(db, clock, where)}
