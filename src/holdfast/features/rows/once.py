"""Inserting once however often it is asked, where the rows are in another database than the answer.

The key is claimed before the rows are written and answered after: a request that ends in between leaves a claim without
an answer, and whoever asks again is told so. Never twice; once or, after a crash, "look". The answer is kept without
rows: those belong to their own database.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa

from holdfast.kernel.db import Database
from holdfast.kernel.errors import Conflict
from holdfast.web.idempotency import Once, Replayed, idempotency_keys

_CLAIMED = 0  # the status of a claim: no answer yet


class OnceElsewhere:
    """One request's key. Without one, every verb does nothing."""

    def __init__(self, db: Database, once: Once) -> None:
        self._db, self._once = db, once
        c = idempotency_keys.c
        self._mine = sa.and_(c.actor == once.actor, c.route == once.route, c.key == once.key)

    def check(self) -> None:
        """Raises `Replayed`, Conflict("idempotency_key_reused"), or Conflict("request_unfinished") while the first
        request goes on, and for a day when nobody knows how it ended."""
        if self._once.key is None:
            return
        with self._db.write() as conn:  # an old key is forgotten here
            self._seen(conn)

    def claim(self) -> None:
        """Just before the rows are written. Raises as `check` does."""
        if self._once.key is None:
            return
        with self._db.write() as conn:
            self._seen(conn)
            try:
                self._once.answering(lambda _: {}, _CLAIMED).keep(conn, None)
            except sa.exc.IntegrityError as error:  # the same request came twice at once
                raise _unfinished() from error

    def answer(self, response: Mapping[str, Any], status: int = 201) -> None:
        """They are committed."""
        self._settle(idempotency_keys.update().values(status=status, response=dict(response)))

    def let_go(self) -> None:
        """They are certainly not there: the same key may try again."""
        self._settle(idempotency_keys.delete())

    def _seen(self, conn: sa.Connection) -> None:
        try:
            self._once.check(conn)
        except Replayed as again:
            if again.status != _CLAIMED:
                raise
            raise _unfinished() from None

    def _settle(self, statement: sa.Update | sa.Delete) -> None:
        if self._once.key is None:
            return
        with self._db.write() as conn:
            conn.execute(statement.where(self._mine, idempotency_keys.c.status == _CLAIMED))


def _unfinished() -> Conflict:
    return Conflict(
        "the first request of this Idempotency-Key goes on, or was cut off before it was known how it ended",
        code="request_unfinished",
        hint="Look into the table; when the rows are missing, ask with a new key.",
    )
