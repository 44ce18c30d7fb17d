"""The api process's own numbers, as prometheus_client reads them from /proc."""

from __future__ import annotations

from collections.abc import Iterator

from prometheus_client import ProcessCollector
from prometheus_client.core import GaugeMetricFamily, Metric


class ProcessMeter:
    def __init__(self, version: str) -> None:
        self._version = version

    def collect(self) -> Iterator[Metric]:
        build = GaugeMetricFamily("holdfast_build_info", "Always 1: the version that runs.", labels=("version",))
        build.add_metric((self._version,), 1)
        yield build
        yield from ProcessCollector(registry=None).collect()
