"""What a key-value namespace may hold."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "kv_quota"
down_revision = "0007"


def upgrade() -> None:
    with op.batch_alter_table("kv_namespaces") as table:
        table.add_column(sa.Column("max_keys", sa.BigInteger(), nullable=True))
        table.add_column(sa.Column("max_bytes", sa.BigInteger(), nullable=True))
