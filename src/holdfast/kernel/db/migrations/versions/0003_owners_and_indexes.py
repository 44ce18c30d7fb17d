"""Old keys get their owners; what audit rows are looked up by is written when they get their places."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    # Otherwise a key that a person made before keys had owners would outlive what the person may do.
    op.execute("UPDATE api_keys SET owner_id = created_by WHERE owner_id IS NULL AND substr(created_by, 1, 4) = 'usr_'")
    for name in ("ix_audit_events_actor", "ix_audit_events_at", "ix_audit_events_resource_id"):
        op.drop_index(name, "audit_events")
    with op.batch_alter_table("audit_events") as batch:
        batch.drop_constraint("uq_audit_events_seq", type_="unique")
    _index("ix_audit_events_waiting", ["id"], "seq IS NULL")
    _index("uq_audit_events_seq", ["seq"], "seq IS NOT NULL", unique=True)
    _index("ix_audit_events_at", ["at"], "seq IS NOT NULL")
    _index("ix_audit_events_resource_id", ["resource_id", "seq"], "seq IS NOT NULL")
    _index("ix_audit_events_actor", ["actor", "seq"], "seq IS NOT NULL")


def _index(name: str, columns: list[str], where: str, *, unique: bool = False) -> None:
    of = sa.text(where)
    op.create_index(name, "audit_events", columns, unique=unique, sqlite_where=of, postgresql_where=of)
