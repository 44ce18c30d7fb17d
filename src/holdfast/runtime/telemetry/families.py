"""Workers' metrics as Prometheus names them: base units, counters that rise."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric

from holdfast.runtime.python.tally import BOUNDS_MS
from holdfast.runtime.telemetry.reader import TelemetryReader, Totals
from holdfast.runtime.telemetry.records import VersionState

# Of the bounds that are kept, those that a scrape gives: as many series of each version.
_SCRAPED = frozenset((1, 2, 5, 10, 25, 50, 100, 250, 500, 1000, 2500, 5000, 10_000, 30_000))
_LABELS = ("worker_id", "worker", "version_id")
_GAUGES: tuple[tuple[str, str, Callable[[VersionState], float | None]], ...] = (
    ("processes", "Processes it has.", lambda each: each.processes),
    ("memory_bytes", "Memory of its processes.", lambda each: each.memory_bytes),
)
_COUNTERS: tuple[tuple[str, str, Callable[[VersionState], float | None]], ...] = (
    ("process_cpu_seconds", "Processor time of its processes.", lambda each: each.cpu_seconds),
    ("starts", "Processes that were started.", lambda each: each.starts),
    ("crashes", "Processes that ended by themselves.", lambda each: each.crashes),
    ("oom_kills", "Times the kernel killed in it for want of memory.", lambda each: each.oom_kills),
)


def families(reader: TelemetryReader, names: Mapping[str, str]) -> Iterator[Metric]:
    """Of the workers in `names` ({id: name}) alone: what the reader of the page may see."""
    found = reader.totals()
    yield from _invocations(found, names)
    for metric, help_text, counts in (
        ("telemetry_dropped", "Lines that were not kept.", found.dropped),
        ("answers_unfit", "Answers that are not what their schemas say.", found.unfit),
    ):
        counted = CounterMetricFamily(f"holdfast_worker_{metric}", help_text, labels=_LABELS)
        for worker_id, version_id, count in counts:
            if worker_id in names:
                counted.add_metric((worker_id, names[worker_id], version_id), count)
        yield counted
    for kind, rows in ((GaugeMetricFamily, _GAUGES), (CounterMetricFamily, _COUNTERS)):
        for name, text, read in rows:
            family = kind(f"holdfast_worker_{name}", text, labels=_LABELS)
            for each in found.states:
                value = read(each)
                if each.worker_id in names and value is not None:
                    family.add_metric((each.worker_id, names[each.worker_id], each.version_id), value)
            yield family


def _invocations(found: Totals, names: Mapping[str, str]) -> Iterator[Metric]:
    labels = (*_LABELS, "trigger", "outcome", "status")
    ended = CounterMetricFamily(
        "holdfast_worker_invocations", "Invocations by how they ended and what they answered.", labels=labels
    )
    cpu = CounterMetricFamily("holdfast_worker_cpu_seconds", "Processor time of invocations.", labels=_LABELS)
    took = HistogramMetricFamily("holdfast_worker_duration_seconds", "How long invocations took.", labels=_LABELS)
    sums: dict[tuple[str, str], tuple[float, float]] = {}
    for worker_id, version_id, trigger, outcome, kind, count, wall_ms, cpu_ms in found.ended:
        if worker_id not in names:
            continue
        ended.add_metric(
            (worker_id, names[worker_id], version_id, trigger, outcome, f"{kind}xx" if kind else ""), count
        )
        wall, used = sums.get((worker_id, version_id), (0.0, 0.0))
        sums[worker_id, version_id] = (wall + wall_ms / 1000, used + cpu_ms / 1000)
    counts: dict[str, dict[int, int]] = {}
    for _, version_id, bound, count in found.durations:
        counts.setdefault(version_id, {})[bound] = count
    for (worker_id, version_id), (wall, used) in sorted(sums.items()):
        values, below, buckets = (worker_id, names[worker_id], version_id), 0, []
        for index, bound in enumerate((*BOUNDS_MS, None)):
            below += counts.get(version_id, {}).get(index, 0)
            if bound is None or bound in _SCRAPED:
                buckets.append(("+Inf" if bound is None else str(bound / 1000), below))
        took.add_metric(values, buckets, wall)
        cpu.add_metric(values, used)
    yield from (ended, cpu, took)
