"""/metrics for Prometheus; /api/v1/metrics and /api/v1/databases/{resource_id}/metrics for programs."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Annotated

from fastapi import Depends, Header, Query
from fastapi.responses import Response
from prometheus_client import exposition
from prometheus_client.core import Metric
from pydantic import BaseModel, Field

import holdfast
from holdfast.features.access.actor import Actor
from holdfast.features.access.http import CurrentActor
from holdfast.features.metrics.families import families
from holdfast.features.metrics.process import ProcessMeter
from holdfast.features.metrics.service import DatabaseMetrics, MetricsService
from holdfast.runtime.telemetry.families import families as worker_families
from holdfast.web.errors import answers
from holdfast.web.measured import HttpMeter
from holdfast.web.paging import Cursor, Limit, Page, after_id, page
from holdfast.web.parts import part
from holdfast.web.routes import Routes

router = Routes(tags=["metrics"])
scraped = Routes(tags=["metrics"])
Service = Annotated[MetricsService, Depends(part(MetricsService))]
Http = Annotated[HttpMeter, Depends(part(HttpMeter))]
Id = Annotated[str | None, Query(max_length=40)]


class SampleOut(BaseModel):
    name: str
    labels: dict[str, str]
    value: float


class MetricOut(BaseModel):
    """One metric as Prometheus has it."""

    name: str
    type: str
    help: str
    samples: list[SampleOut]


class MetricsOut(BaseModel):
    metrics: list[MetricOut]


class StatementsOut(BaseModel):
    """Statements that came through this Holdfast process since it started."""

    count: int
    failed: int
    rows: int
    mean_ms: float | None
    p50_ms: float | None = Field(description="Half took no longer; the upper bound of a bucket.")
    p99_ms: float | None


class LastSnapshotOut(BaseModel):
    taken_at: datetime | None
    seconds: float | None
    source_bytes: int | None
    stored_bytes: int | None
    verified_level: int | None


class DatabaseMetricsOut(BaseModel):
    """A database now. null = its engine or host does not say."""

    id: str
    name: str
    engine: str
    project: str
    environment: str
    state: str
    up: bool
    sampled_seconds_ago: float | None
    size_bytes: int | None
    connections: int | None
    connections_max: int | None
    transactions: int | None
    cpu_seconds: float | None
    memory_bytes: int | None
    restarts: int | None
    statements: StatementsOut
    last_snapshot: LastSnapshotOut | None

    @classmethod
    def of(cls, each: DatabaseMetrics) -> DatabaseMetricsOut:
        row, server, last = each.named.resource, each.server, each.last_snapshot
        measures = each.sample.measures if each.sample else None
        return cls(
            id=row.id,
            name=row.name,
            engine=row.engine,
            project=each.named.project,
            environment=each.named.environment,
            state=row.state,
            up=row.state == "ready" and each.sample is not None and each.sample.up,
            sampled_seconds_ago=None if each.age is None else round(each.age, 1),
            size_bytes=measures.size_bytes if measures else None,
            connections=measures.connections if measures else None,
            connections_max=measures.connections_max if measures else None,
            transactions=measures.transactions if measures else None,
            cpu_seconds=server.cpu_seconds if server else None,
            memory_bytes=server.memory_bytes if server else None,
            restarts=server.restarts if server else None,
            statements=_statements(each),
            last_snapshot=None if last is None else LastSnapshotOut(**{k: getattr(last, k) for k in _SNAPSHOT}),
        )


_SNAPSHOT = tuple(LastSnapshotOut.model_fields)


def _statements(each: DatabaseMetrics) -> StatementsOut:
    tally = each.tally

    def ms(seconds: float | None) -> float | None:
        return None if seconds is None else round(seconds * 1000, 3)

    return StatementsOut(
        count=tally.count,
        failed=tally.failed,
        rows=tally.rows,
        mean_ms=ms(tally.seconds / tally.count) if tally.count else None,
        p50_ms=ms(tally.quantile(0.5)),
        p99_ms=ms(tally.quantile(0.99)),
    )


class _Scrape:
    """What prometheus_client writes: anything with `collect`."""

    def __init__(self, actor: Actor, service: MetricsService, http: HttpMeter) -> None:
        self._found = service.everything(actor)
        self._telemetry = service.telemetry
        self._http = http

    def collect(self) -> Iterator[Metric]:
        yield from families(self._found)
        if self._found.workers:
            yield from worker_families(self._telemetry, self._found.workers)
        if self._found.whole:
            yield from self._http.registry.collect()
            yield from ProcessMeter(holdfast.__version__).collect()


@scraped.get("/metrics", operation_id="metric_scrape", responses=answers(403), response_class=Response)
def scrape(
    actor: CurrentActor,
    service: Service,
    http: Http,
    accept: Annotated[str, Header(max_length=1000)] = "",
) -> Response:
    """For Prometheus, in its text format or OpenMetrics: what the key may see. The process's own numbers are only for
    whoever sees the whole installation."""
    encode, media = exposition.choose_encoder(accept)
    return Response(encode(_Scrape(actor, service, http)), media_type=media)


@router.get("/metrics", operation_id="metric_read", responses=answers(403))
def read(actor: CurrentActor, service: Service, http: Http) -> MetricsOut:
    """The same as /metrics, as JSON."""
    found = []
    for metric in _Scrape(actor, service, http).collect():
        samples = [SampleOut(name=each.name, labels=each.labels, value=each.value) for each in metric.samples]
        found.append(MetricOut(name=metric.name, type=metric.type, help=metric.documentation, samples=samples))
    return MetricsOut(metrics=found)


@router.get("/metrics/databases", operation_id="metric_list", responses=answers(403, 404))
def list_(
    actor: CurrentActor,
    service: Service,
    project_id: Id = None,
    environment_id: Id = None,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> Page[DatabaseMetricsOut]:
    """How each database fares, newest first."""
    rows = service.page(
        actor, project_id=project_id, environment_id=environment_id, after=after_id(cursor), limit=limit + 1
    )
    return page(rows, limit, DatabaseMetricsOut.of, lambda each: each.named.resource.id)


@router.get("/databases/{database_id}/metrics", operation_id="database_metrics", responses=answers(403, 404))
def one(database_id: str, actor: CurrentActor, service: Service) -> DatabaseMetricsOut:
    """How one database fares: connections, statements, size, CPU, memory, its newest snapshot."""
    return DatabaseMetricsOut.of(service.one(actor, database_id))
