"""What other parts do with someone's account, in the same transaction as this part's change."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import sqlalchemy as sa

UserHook = Callable[[sa.Connection, str], None]


@dataclass(frozen=True)
class UserHooks:
    """Each is given the transaction and the user's id, and may change its own rows and record it; nothing else.

    `on_sessions_ended`: whatever stands for being signed in ends with the sessions (refresh tokens).
    `on_user_reset`: second factors are removed. `on_user_gone`: the account is deleted; both others were called before.
    """

    on_sessions_ended: Sequence[UserHook] = ()
    on_user_reset: Sequence[UserHook] = ()
    on_user_gone: Sequence[UserHook] = ()

    def sessions_ended(self, conn: sa.Connection, user_id: str) -> None:
        _call(self.on_sessions_ended, conn, user_id)

    def user_reset(self, conn: sa.Connection, user_id: str) -> None:
        _call(self.on_user_reset, conn, user_id)

    def user_gone(self, conn: sa.Connection, user_id: str) -> None:
        _call(self.on_user_gone, conn, user_id)


def _call(hooks: Sequence[UserHook], conn: sa.Connection, user_id: str) -> None:
    for hook in hooks:
        hook(conn, user_id)
