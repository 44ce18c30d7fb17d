"""This part as the composition root takes it: its services by type, and its routers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from holdfast.features.access.places import Whereabouts
from holdfast.features.access.service import AccessService
from holdfast.features.access.sso import api_flow, api_providers
from holdfast.features.access.sso.discovery import Directory
from holdfast.features.access.sso.flow import Ways
from holdfast.features.access.sso.providers import ProvidersService
from holdfast.features.access.sso.sign_in import SsoService
from holdfast.kernel.clock import Clock
from holdfast.kernel.db import Database
from holdfast.kernel.outbound import OutboundPolicy
from holdfast.kernel.secrets import Secrets

ROUTERS = (api_providers.router, api_flow.router)


def single_sign_on(
    db: Database, clock: Clock, secrets: Secrets, access: AccessService, where: Whereabouts, policy: OutboundPolicy
) -> tuple[SsoService, Mapping[type[Any], Any]]:
    """`SsoService.gone` is a hook for whoever deletes accounts."""
    directory = Directory(policy, clock)
    sso = SsoService(db, clock, access, Ways(db, clock, secrets, directory))
    providers = ProvidersService(db, clock, secrets, directory, where)
    return sso, {SsoService: sso, ProvidersService: providers}
