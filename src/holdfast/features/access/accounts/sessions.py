"""Who is signed in where, and out again."""

from __future__ import annotations

from collections.abc import Sequence

from holdfast.features.access.accounts import store
from holdfast.features.access.accounts.hooks import UserHooks
from holdfast.features.access.accounts.store import LiveSession
from holdfast.features.access.accounts.users import NO_HOOKS, found
from holdfast.features.access.actor import Actor, hidden, no_such
from holdfast.kernel import audit
from holdfast.kernel.clock import Clock
from holdfast.kernel.db import Database
from holdfast.kernel.errors import Conflict


class SessionsService:
    """One's own sessions need no permission; someone else's are looked at and ended by permission only.

    Only sessions that still let someone in are shown: ended and expired ones are absent.
    """

    def __init__(self, db: Database, clock: Clock, hooks: UserHooks = NO_HOOKS) -> None:
        self._db = db
        self._clock = clock
        self._hooks = hooks

    def own(self, actor: Actor, *, after: str | None = None, limit: int = 50) -> Sequence[LiveSession]:
        """Empty for a key and for admin.sock: they have none."""
        with self._db.read() as conn:
            return store.live_sessions(conn, actor.id, self._clock.now(), after=after, limit=limit)

    def end(self, actor: Actor, session_id: str) -> None:
        """One of one's own, the present one included. Raises NotFound; someone else's looks absent."""
        with self._db.write() as conn:
            now = self._clock.now()
            owner = store.owner_of_session(conn, session_id, now)
            if owner is None:
                raise no_such("session")
            if owner != actor.id:
                raise hidden("session")
            store.end_session(conn, session_id, now)
            audit.record(conn, actor=actor.id, action="session.revoke", resource_id=session_id)

    def end_others(self, actor: Actor) -> int:
        """All of one's own but the present one; how many. Refresh tokens end too. Raises Conflict("no_session")."""
        if actor.kind != "user":
            raise Conflict(
                "keys and admin.sock have no sessions",
                code="no_session",
                hint="Name the person: holdfast session revoke --user E-MAIL",
            )
        with self._db.write() as conn:
            ended = store.end_sessions(conn, actor.id, self._clock.now(), but=actor.session_id)
            self._hooks.sessions_ended(conn, actor.id)
            audit.record(conn, actor=actor.id, action="session.revoke_others", details={"ended": ended})
            return ended

    def of(self, actor: Actor, user_id: str, *, after: str | None = None, limit: int = 50) -> Sequence[LiveSession]:
        """Someone's. Raises NotFound for a person who is not there."""
        actor.require_everywhere("user.read")
        with self._db.read() as conn:
            found(conn, user_id)
            return store.live_sessions(conn, user_id, self._clock.now(), after=after, limit=limit)

    def end_of(self, actor: Actor, user_id: str) -> int:
        """All of someone's; how many. Refresh tokens end too. The password stays: `reset` is for a stolen one."""
        actor.require_everywhere("user.reset")
        with self._db.write() as conn:
            found(conn, user_id)
            ended = store.end_sessions(conn, user_id, self._clock.now())
            self._hooks.sessions_ended(conn, user_id)
            audit.record(
                conn, actor=actor.id, action="user.sessions_end", resource_id=user_id, details={"ended": ended}
            )
            return ended
