"""This part as the composition root takes it: what proves factors, its service by type, and its router."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from holdfast.features.access.factors import api
from holdfast.features.access.factors.proof import Factors
from holdfast.features.access.factors.service import FactorsService
from holdfast.kernel.clock import Clock
from holdfast.kernel.db import Database
from holdfast.kernel.secrets import Secrets

ROUTERS = (api.router,)


def factors(db: Database, clock: Clock, secrets: Secrets) -> tuple[Factors, Mapping[type[Any], Any]]:
    """`Factors.removed` is a hook for whoever resets or deletes accounts."""
    return Factors(secrets), {FactorsService: FactorsService(db, clock, secrets)}
