"""Tables of runs. `runs` is the only status anyone reads."""

from __future__ import annotations

import sqlalchemy as sa

from holdfast.kernel.db import Json, Timestamp, metadata

runs = sa.Table(
    "runs",
    metadata,
    sa.Column("id", sa.String(64), primary_key=True),
    sa.Column("kind", sa.String(100), nullable=False),
    sa.Column("state", sa.String(16), nullable=False),
    sa.Column("project_id", sa.String(64), nullable=False),
    sa.Column("environment_id", sa.String(64)),
    sa.Column("resource_id", sa.String(64)),
    sa.Column("actor", sa.Text, nullable=False),
    sa.Column("trigger", sa.String(32), nullable=False),
    sa.Column("input", Json, nullable=False),
    sa.Column("result", Json),
    sa.Column("error", Json),
    sa.Column("progress", Json),
    sa.Column("epoch", sa.Integer, nullable=False, server_default="0"),
    sa.Column("claimed_by", sa.String(128)),
    sa.Column("correlation_id", sa.String(128)),
    sa.Column("requested_at", Timestamp, nullable=False),
    sa.Column("not_before", Timestamp),
    sa.Column("node", sa.String(63)),
    sa.Column("deaths", sa.Integer, nullable=False, server_default="0"),
    sa.Column("exclusive", sa.Boolean, nullable=False, server_default=sa.false()),
    sa.Column("lane", sa.String(64)),
    sa.Column("lane_limit", sa.Integer),
    sa.Column("lane_node_limit", sa.Integer),
    sa.Column("deadline_seconds", sa.Integer),
    sa.Column("carrier", sa.String(64)),
    sa.Column("started_at", Timestamp),
    sa.Column("finished_at", Timestamp),
    sa.Column("cancel_requested_at", Timestamp),
    sa.CheckConstraint("state IN ('queued','running','succeeded','failed','cancelled')", name="state"),
    sa.Index("ix_runs_state", "state", "id"),
    sa.Index("ix_runs_project", "project_id", "id"),
    sa.Index("ix_runs_resource", "resource_id", "id"),
    sa.Index("ix_runs_carrier", "carrier", "state"),
)

# Whatever the code does: two exclusive runs of one resource are never in state running at once.
sa.Index(
    "uq_runs_exclusive",
    runs.c.resource_id,
    unique=True,
    sqlite_where=sa.and_(runs.c.state == "running", runs.c.exclusive),
    postgresql_where=sa.and_(runs.c.state == "running", runs.c.exclusive),
)

run_steps = sa.Table(
    "run_steps",
    metadata,
    sa.Column("run_id", sa.String(64), sa.ForeignKey("runs.id", ondelete="CASCADE"), primary_key=True),
    sa.Column("name", sa.String(200), primary_key=True),
    sa.Column("result", Json),
    sa.Column("epoch", sa.Integer, nullable=False),
    sa.Column("finished_at", Timestamp, nullable=False),
)

run_logs = sa.Table(
    "run_logs",
    metadata,
    sa.Column("run_id", sa.String(64), sa.ForeignKey("runs.id", ondelete="CASCADE"), primary_key=True),
    sa.Column("seq", sa.Integer, primary_key=True),
    sa.Column("at", Timestamp, nullable=False),
    sa.Column("level", sa.String(16), nullable=False),
    sa.Column("message", sa.Text, nullable=False),
    sa.Column("fields", Json, nullable=False),
)

# One row per runner process ever started. `beat` only rises: whether a runner is alive is judged by watching it rise
# on the watcher's monotonic clock, so a wall clock set backwards or forwards ends no lease.
runners = sa.Table(
    "runners",
    metadata,
    sa.Column("id", sa.String(128), primary_key=True),
    sa.Column("name", sa.String(64), nullable=False),
    sa.Column("node", sa.String(63)),
    sa.Column("machine", sa.String(128), nullable=False),
    sa.Column("pid", sa.Integer, nullable=False),
    sa.Column("pid_started", sa.String(64), nullable=False),
    sa.Column("beat", sa.BigInteger, nullable=False),
    sa.Column("beat_at", Timestamp, nullable=False),
)

# One row per installation that ever joined this metadata database; see `jobs.nodes`. What lives on a node carries its
# name, so a row is removed only by a person.
nodes = sa.Table(
    "nodes",
    metadata,
    sa.Column("name", sa.String(63), primary_key=True),
    sa.Column("data_id", sa.String(64), nullable=False, unique=True),
    sa.Column("machine", sa.String(128), nullable=False),
    sa.Column("version", sa.String(40), nullable=False),
    sa.Column("addresses", Json),
    sa.Column("joined_at", Timestamp, nullable=False),
    sa.Column("beat_at", Timestamp, nullable=False),
)

schedules = sa.Table(
    "schedules",
    metadata,
    sa.Column("name", sa.String(100), primary_key=True),
    sa.Column("kind", sa.String(100), nullable=False),
    sa.Column("project_id", sa.String(64), nullable=False),
    sa.Column("input", Json, nullable=False),
    sa.Column("every_seconds", sa.Integer),
    sa.Column("cron", sa.String(100)),
    sa.Column("tz", sa.String(64), nullable=False),
    sa.Column("next_at", Timestamp, nullable=False),
    sa.Column("last_run_id", sa.String(64)),
    sa.Column("last_due", Timestamp),
    sa.Column("enabled", sa.Boolean, nullable=False, server_default=sa.true()),
)
sa.Index("ix_schedules_next_at", schedules.c.next_at)
