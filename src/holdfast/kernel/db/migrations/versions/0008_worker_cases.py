"""Saved cases of workers."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from holdfast.kernel.db.types import Json, Timestamp

revision = "0008_worker_cases"
down_revision = "0007"


def upgrade() -> None:
    op.create_table(
        "worker_cases",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("project_id", sa.String(length=40), nullable=False),
        sa.Column("environment_id", sa.String(length=40), nullable=False),
        sa.Column("worker_id", sa.String(length=40), nullable=False),
        sa.Column("name", sa.String(length=63), nullable=False),
        sa.Column("request", Json(), nullable=False),
        sa.Column("expected", Json(), nullable=False),
        sa.Column("updated_by", sa.String(length=80), nullable=False),
        sa.Column("updated_at", Timestamp(), nullable=False),
        sa.ForeignKeyConstraint(
            ["worker_id"], ["workers.id"], name=op.f("fk_worker_cases_worker_id_workers"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_worker_cases")),
        sa.UniqueConstraint("worker_id", "name", name=op.f("uq_worker_cases_worker_id")),
    )
