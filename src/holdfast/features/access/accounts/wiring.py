"""This part as the composition root takes it: its services by type, and its routers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from holdfast.features.access.accounts import api_account, api_invites, api_sessions, api_users
from holdfast.features.access.accounts.account import AccountService
from holdfast.features.access.accounts.hooks import UserHooks
from holdfast.features.access.accounts.invites import InvitesService
from holdfast.features.access.accounts.recovery import RecoveryService
from holdfast.features.access.accounts.sessions import SessionsService
from holdfast.features.access.accounts.users import UsersService
from holdfast.features.access.service import AccessService
from holdfast.kernel.clock import Clock
from holdfast.kernel.db import Database

ROUTERS = (api_account.router, api_users.router, api_invites.router, api_sessions.router)


def accounts(
    db: Database, clock: Clock, access: AccessService, hooks: UserHooks, *, origin: str
) -> Mapping[type[Any], Any]:
    """`origin` is what links begin with when they are made on admin.sock."""
    return {
        AccountService: AccountService(db),
        UsersService: UsersService(db, clock, hooks),
        InvitesService: InvitesService(db, clock, access, origin=origin),
        SessionsService: SessionsService(db, clock, hooks),
        RecoveryService: RecoveryService(db, clock, access, hooks, origin=origin),
    }
