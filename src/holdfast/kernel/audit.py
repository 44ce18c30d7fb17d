"""The record of who did what: written in the same transaction as the change, so neither is ever there alone.

A row is written without a place in the log. One sequencer gives rows their places afterwards and chains them
(`kernel/audit_chain`), so that no writer waits for another; readers see only rows that have a place.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Literal

import sqlalchemy as sa

from holdfast.kernel import log
from holdfast.kernel.audit_seal import SEAL, Seal, payload_digest, plain
from holdfast.kernel.crypto import random_token
from holdfast.kernel.db import Json, Timestamp, metadata
from holdfast.kernel.db.database import after_commit
from holdfast.kernel.ids import new_id

Outcome = Literal["ok", "denied", "failed"]

_WAITING, _PLACED = sa.text("seq IS NULL"), sa.text("seq IS NOT NULL")


def _index(name: str, *columns: str, of: sa.TextClause, unique: bool = False) -> sa.Index:
    return sa.Index(name, *columns, unique=unique, sqlite_where=of, postgresql_where=of)


# A writer pays for the row, its id and the short list of rows that wait; the sequencer for what readers look things up
# by, many rows at a time.
audit_events = sa.Table(
    "audit_events",
    metadata,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("at", Timestamp, nullable=False),
    sa.Column("actor", sa.Text, nullable=False),
    sa.Column("action", sa.Text, nullable=False),
    sa.Column("project_id", sa.Text),
    sa.Column("environment_id", sa.Text),
    sa.Column("resource_id", sa.Text),
    sa.Column("request_id", sa.Text),
    sa.Column("address", sa.Text),
    sa.Column("outcome", sa.Text, nullable=False),
    sa.Column("details", Json, nullable=False),
    sa.Column("seq", sa.BigInteger),
    sa.Column("chain", sa.Text),
    sa.Column("salt", sa.Text),
    sa.Column("digest", sa.Text),
    sa.Column("mac", sa.Text),
    sa.Column("key_version", sa.Integer),
    sa.Column("erased_at", Timestamp),
    _index("ix_audit_events_waiting", "id", of=_WAITING),
    _index("uq_audit_events_seq", "seq", of=_PLACED, unique=True),
    _index("ix_audit_events_at", "at", of=_PLACED),
    _index("ix_audit_events_resource_id", "resource_id", "seq", of=_PLACED),
    _index("ix_audit_events_actor", "actor", "seq", of=_PLACED),
)

_INSERT = audit_events.insert()  # once: its form never changes, and every write waits for it


def difference(before: object, values: Mapping[str, Any]) -> dict[str, Any]:
    """For `details`: what these fields were on a record, and are now."""
    return {"before": {name: getattr(before, name) for name in sorted(values)}, "after": dict(sorted(values.items()))}


def record(
    conn: sa.Connection,
    *,
    actor: str,
    action: str,
    project_id: str | None = None,
    environment_id: str | None = None,
    resource_id: str | None = None,
    request_id: str | None = None,
    address: str | None = None,
    outcome: Outcome = "ok",
    details: Mapping[str, Any] | None = None,
) -> None:
    """Add one row to the caller's transaction. `action` reads `noun.verb`; secrets in `details` are hidden here too.

    `request_id` and `address` default to those of the request being served. On a database with a `Seal` (every
    process of an installation sets it) the row carries a mac, without which it never gets a place in the log.
    """
    row: dict[str, Any] = {
        "id": new_id("aud"),
        "at": datetime.now(UTC),
        "actor": actor,
        "action": action,
        "project_id": project_id,
        "environment_id": environment_id,
        "resource_id": resource_id,
        "request_id": request_id or log.current("request_id"),
        "address": address or log.current("address"),
        "outcome": outcome,
        "details": plain(log.redact(dict(details or {}))),
        "salt": random_token(16),
    }
    row["digest"] = payload_digest(row["salt"], row["address"], row["details"])
    seal: Seal | None = conn.get_execution_options().get(SEAL)
    if seal is not None:
        row["key_version"], row["mac"] = seal.mac(row)
        if seal.written is not None:
            after_commit(conn, seal.written, once=True)
    conn.execute(_INSERT, row)
