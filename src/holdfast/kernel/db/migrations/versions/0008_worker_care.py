"""Turns of crons that were taken, for nodes that share them."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from holdfast.kernel.db.types import Timestamp

revision = "0008_worker_care"
down_revision = "0007"


def upgrade() -> None:
    op.create_table(
        "worker_turns",
        sa.Column("worker_id", sa.String(length=40), nullable=False),
        sa.Column("cron", sa.String(length=200), nullable=False),
        sa.Column("at", Timestamp(), nullable=False),
        sa.Column("node", sa.String(length=63), nullable=False),
        sa.ForeignKeyConstraint(
            ["worker_id"], ["workers.id"], name=op.f("fk_worker_turns_worker_id_workers"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("worker_id", "cron", name=op.f("pk_worker_turns")),
    )
