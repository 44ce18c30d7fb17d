"""Metrics as Prometheus names them (https://prometheus.io/docs/practices/naming/): base units, counters that rise."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric

from holdfast.features.metrics.service import DatabaseMetrics, Everything
from holdfast.features.metrics.statements import BUCKETS

_ID = ("id", "name")
_Read = Callable[[DatabaseMetrics], float | None]


def _measure(name: str) -> _Read:
    return lambda each: None if each.sample is None else getattr(each.sample.measures, name)


def _server(name: str) -> _Read:
    return lambda each: None if each.server is None else getattr(each.server, name)


def _snapshot(name: str) -> _Read:
    return lambda each: None if each.last_snapshot is None else getattr(each.last_snapshot, name)


def _taken(each: DatabaseMetrics) -> float | None:
    last = each.last_snapshot
    return last.taken_at.timestamp() if last is not None and last.taken_at is not None else None


# name, help, whether it only rises, how it is read. A database without the value has no sample.
_PER_DATABASE: tuple[tuple[str, str, bool, _Read], ...] = (
    (
        "up",
        "1 when the database is ready and answered when it was last asked.",
        False,
        lambda each: float(each.named.resource.state == "ready" and each.sample is not None and each.sample.up),
    ),
    ("sample_age_seconds", "How old the values below are.", False, lambda each: each.age),
    ("size_bytes", "What the data takes, as the engine counts it.", False, _measure("size_bytes")),
    ("connections", "Connections, without Holdfast's own for measuring.", False, _measure("connections")),
    ("connections_max", "Connections it allows.", False, _measure("connections_max")),
    ("transactions", "Transactions (commands, where there are none) since its server started.", True,
     _measure("transactions")),
    ("cpu_seconds", "Processor time of its server since it started.", True, _server("cpu_seconds")),
    ("memory_bytes", "Memory of its server.", False, _server("memory_bytes")),
    ("memory_peak_bytes", "Most memory its server had.", False, _server("peak_bytes")),
    ("restarts", "Restarts of its server by the keeper.", True, _server("restarts")),
    ("oom_kills", "Times the kernel killed in it for want of memory.", True, _server("oom_kills")),
    ("snapshot_timestamp_seconds", "When its newest good snapshot was taken.", False, _taken),
    ("snapshot_duration_seconds", "How long that snapshot took.", False, _snapshot("seconds")),
    ("snapshot_source_bytes", "What that snapshot read.", False, _snapshot("source_bytes")),
    ("snapshot_stored_bytes", "What it added to the repository.", False, _snapshot("stored_bytes")),
    ("snapshot_verified_level", "The level it was proven to, 0 to 3.", False, _snapshot("verified_level")),
)  # fmt: skip


def families(of: Everything) -> Iterator[Metric]:
    """Everything but the process's own."""
    yield _info(of)
    yield _states(of)
    for name, text, rises, read in _PER_DATABASE:
        family: Any = (CounterMetricFamily if rises else GaugeMetricFamily)(
            f"holdfast_database_{name}", text, labels=_ID
        )
        for each in of.databases:
            value = read(each)
            if value is not None:
                family.add_metric((each.named.resource.id, each.named.resource.name), value)
        yield family
    yield from _statements(of)
    names = {each.named.resource.id: each.named.resource.name for each in of.databases}
    kept = GaugeMetricFamily("holdfast_snapshots", "Snapshots by state.", labels=(*_ID, "state"))
    for resource_id, state, count in of.snapshots:
        kept.add_metric((resource_id, names.get(resource_id, ""), state), count)
    yield kept
    ran = GaugeMetricFamily("holdfast_runs", "Runs that are remembered, by kind and state.", labels=("kind", "state"))
    for kind, state, count in of.runs:
        ran.add_metric((kind, state), count)
    yield ran
    yield from _stores(of)


def _stores(of: Everything) -> Iterator[Metric]:
    """Of the circuit breaker around each repository's store: see `vault.stores.breaker`."""
    labels = (*_ID, "kind", "project")
    text = "1 while its store is left alone because it did not answer."
    rest = GaugeMetricFamily("holdfast_repository_store_open", text, labels=labels)
    failed = GaugeMetricFamily("holdfast_repository_store_failures", "Failures of its store in a row.", labels=labels)
    text = "Since when its store is in trouble; absent while it answers."
    since = GaugeMetricFamily("holdfast_repository_trouble_timestamp_seconds", text, labels=labels)
    for each in of.stores:
        values = (each.id, each.name, each.kind, each.project)
        rest.add_metric(values, float(each.open))
        failed.add_metric(values, each.failures)
        if each.since is not None:
            since.add_metric(values, each.since.timestamp())
    yield from (rest, failed, since)


def _info(of: Everything) -> Metric:
    labels = (*_ID, "engine", "project", "environment")
    family = GaugeMetricFamily("holdfast_database_info", "Always 1: what a database is and where.", labels=labels)
    for each in of.databases:
        row = each.named.resource
        family.add_metric((row.id, row.name, row.engine, each.named.project, each.named.environment), 1)
    return family


def _states(of: Everything) -> Metric:
    family = GaugeMetricFamily("holdfast_database_state", "1 for the state it is in.", labels=(*_ID, "state"))
    for each in of.databases:
        family.add_metric((each.named.resource.id, each.named.resource.name, each.named.resource.state), 1)
    return family


def _statements(of: Everything) -> Iterator[Metric]:
    """Through Holdfast, of this process: what clients send to a server by themselves is in `transactions`."""
    ended = CounterMetricFamily("holdfast_statements", "Statements by how they ended.", labels=(*_ID, "kind", "status"))
    rows = CounterMetricFamily("holdfast_statement_rows", "Rows that statements answered.", labels=_ID)
    took = HistogramMetricFamily("holdfast_statement_duration_seconds", "How long statements took.", labels=_ID)
    for each in of.databases:
        if not each.tally.count:
            continue
        labels = (each.named.resource.id, each.named.resource.name)
        for (write, status), count in sorted(each.tally.ended.items()):
            ended.add_metric((*labels, "write" if write else "read", status), count)
        rows.add_metric(labels, each.tally.rows)
        below, buckets = 0, []
        for bound, count in zip((*map(str, BUCKETS), "+Inf"), each.tally.buckets, strict=True):
            below += count
            buckets.append((bound, below))
        took.add_metric(labels, buckets, each.tally.seconds)
    yield from (ended, rows, took)
