"""Who is connected, who waits for whom, and ending it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from holdfast.contract.activity import CanActivity, Present, Wait
from holdfast.features.access.actor import Actor, no_such
from holdfast.features.connections.reached import Reached, Ways, cannot, record
from holdfast.features.databases.fingerprint import fingerprint

_HINT = "An embedded database has no server: what runs on it is in holdfast db list and holdfast run list."


class ActivityService:
    """Verbs block; they belong on a thread."""

    def __init__(self, ways: Ways) -> None:
        self._ways = ways

    def sessions(self, actor: Actor, database_id: str) -> Sequence[Present]:
        """Their statements without literals. Raises Conflict (code "not_offered") for engines without sessions."""
        with self._ways.to(actor, database_id, "database.session.read") as there:
            able = there.engine.capabilities
            found = _able(there).sessions(there.at)
        return [
            replace(each, statement=fingerprint(each.statement, able.dialect, able.vocabulary))
            if each.statement
            else each
            for each in found
        ]

    def waits(self, actor: Actor, database_id: str) -> Sequence[Wait]:
        with self._ways.to(actor, database_id, "database.session.read") as there:
            return _able(there).waits(there.at)

    def cancel(self, actor: Actor, database_id: str, session: str) -> None:
        """NotFound for a session of another database, of ours, or none."""
        with self._ways.to(actor, database_id, "database.session.kill") as there:
            self._act(actor, there, session, "cancel", done=_able(there).cancel(there.at, session))

    def end(self, actor: Actor, database_id: str, session: str) -> None:
        with self._ways.to(actor, database_id, "database.session.kill") as there:
            self._act(actor, there, session, "end", done=_able(there).end(there.at, session))

    def _act(self, actor: Actor, there: Reached, session: str, verb: str, *, done: bool) -> None:
        if not done:
            raise no_such("session")
        with self._ways.db.write() as conn:
            record(conn, actor.id, f"database.session.{verb}", there.resource, {"session": session})


def _able(there: Reached) -> CanActivity:
    if not isinstance(there.engine, CanActivity):
        raise cannot(there.engine, "sessions to look at", _HINT)
    return there.engine
