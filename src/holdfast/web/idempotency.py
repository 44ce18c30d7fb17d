"""Creating once however often it is asked: the answer is kept in the same transaction as the thing.

`Idempotency-Key` follows draft-ietf-httpapi-idempotency-key-header. Keys live per actor and route for 24 hours.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import sqlalchemy as sa

from holdfast.kernel.db import Json, Timestamp, metadata
from holdfast.kernel.errors import Conflict

KEPT = timedelta(hours=24)

idempotency_keys = sa.Table(
    "idempotency_keys",
    metadata,
    sa.Column("actor", sa.String(80), primary_key=True),
    sa.Column("route", sa.String(200), primary_key=True),
    sa.Column("key", sa.String(200), primary_key=True),
    sa.Column("request_hash", sa.String(64), nullable=False),
    sa.Column("status", sa.Integer, nullable=False),
    sa.Column("response", Json, nullable=False),
    sa.Column("created_at", Timestamp, nullable=False),
    sa.Index("ix_idempotency_keys_created_at", "created_at"),
)


class Replayed(Exception):
    """Not a failure: this very request was answered before, and the HTTP layer gives the same answer again."""

    def __init__(self, status: int, response: Mapping[str, Any]) -> None:
        super().__init__("answered before")
        self.status = status
        self.response = response


@dataclass(frozen=True)
class Once:
    """One request's key, handed to the service verb that creates. Without a key both verbs do nothing."""

    actor: str = ""
    route: str = ""
    key: str | None = None
    request_hash: str = ""
    status: int = 201
    render: Callable[[Any], Mapping[str, Any]] | None = None

    def answering(self, render: Callable[[Any], Mapping[str, Any]], status: int = 201) -> Once:
        """How the service's result will look on the wire; leave secrets out of it: it is stored."""
        return replace(self, render=render, status=status)

    def check(self, conn: sa.Connection) -> None:
        """First in the transaction. Raises `Replayed`, or `Conflict("idempotency_key_reused")` for another request."""
        if self.key is None:
            return
        table = idempotency_keys
        mine = sa.and_(table.c.actor == self.actor, table.c.route == self.route, table.c.key == self.key)
        row = conn.execute(sa.select(table).where(mine)).first()
        if row is None:
            return
        if row.created_at < datetime.now(UTC) - KEPT:
            conn.execute(table.delete().where(mine))
            return
        if row.request_hash != self.request_hash:
            raise Conflict(
                "this Idempotency-Key was used for another request",
                code="idempotency_key_reused",
                hint="Take a new key for a new request.",
            )
        raise Replayed(row.status, row.response)

    def keep(self, conn: sa.Connection, result: Any) -> None:
        """Last in the transaction."""
        if self.key is None or self.render is None:
            return
        now = datetime.now(UTC)
        conn.execute(idempotency_keys.delete().where(idempotency_keys.c.created_at < now - KEPT))
        conn.execute(
            idempotency_keys.insert().values(
                actor=self.actor,
                route=self.route,
                key=self.key,
                request_hash=self.request_hash,
                status=self.status,
                response=dict(self.render(result)),
                created_at=now,
            )
        )


NEVER = Once()


def request_hash(method: str, path: str, query: str, body: bytes) -> str:
    """What makes two requests the same."""
    return hashlib.sha256(b"\0".join([method.encode(), path.encode(), query.encode(), body])).hexdigest()
