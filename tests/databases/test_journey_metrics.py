"""Metrics of real databases: what Prometheus reads, what programs read, and who may."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

import pytest
from dialects import DIALECTS
from journey import NAMES, Served, eventually
from prometheus_client.openmetrics.parser import text_string_to_metric_families as openmetrics
from prometheus_client.parser import text_string_to_metric_families
from statements import statements
from world import World, actor_with

from holdfast.features.access.actor import Actor
from holdfast.features.databases.model import Statement
from holdfast.features.metrics.statements import BUCKETS, StatementMeter
from holdfast.kernel.clock import SystemClock
from holdfast.kernel.errors import Denied, NotFound


def scraped(served: Served, accept: str = "text/plain") -> str:
    answer = served.http.get("http://localhost/metrics", headers={"Accept": accept})
    assert answer.status_code == 200, answer.text
    return answer.text


def of(text: str, database: str) -> dict[str, float]:
    """{sample name: value} of one database; the last of several."""
    found = (sample for family in text_string_to_metric_families(text) for sample in family.samples)
    return {sample.name: sample.value for sample in found if sample.labels.get("id") == database}


@pytest.fixture(scope="module", params=NAMES)
def measured(request: pytest.FixtureRequest, served: Served) -> tuple[Served, str, str]:
    return served, request.param, served.create(request.param)["id"]


def test_a_database_tells_size_statements_and_snapshot(measured: tuple[Served, str, str]) -> None:
    served, engine, made = measured
    before = of(scraped(served), made)
    assert before["holdfast_database_up"] == 1
    assert before["holdfast_database_size_bytes"] > 0
    assert "holdfast_database_snapshot_timestamp_seconds" not in before
    served.ask(made, DIALECTS[engine].many_rows % 30)
    served.call("POST", f"/databases/{made}/query", {"statement": "no such words at all"}, 422)
    taken = served.snapshot(made)
    text = scraped(served)
    now = of(text, made)
    counted = "holdfast_statement_duration_seconds_count"
    assert now[counted] == before.get(counted, 0) + 2
    assert now["holdfast_statement_rows_total"] == before.get("holdfast_statement_rows_total", 0) + 30
    assert f'id="{made}",kind="read",name=' in text
    assert 'status="statement_invalid"' in text
    assert now["holdfast_database_snapshot_source_bytes"] == taken["source_bytes"]
    assert now["holdfast_snapshots"] == 1
    one = served.get(f"/databases/{made}/metrics")
    assert one["statements"]["count"] == now[counted]
    assert one["statements"]["failed"] >= 1
    assert one["last_snapshot"]["verified_level"] == taken["verified_level"]
    assert one["size_bytes"] > 0


def test_servers_tell_processor_memory_and_connections(measured: tuple[Served, str, str]) -> None:
    """An embedded database has no server: nothing is made up for it."""
    served, _, made = measured
    one = served.get(f"/databases/{made}/metrics")
    hosted = served.database(made)["host"] != "embedded"
    for name in ("cpu_seconds", "memory_bytes", "connections", "connections_max"):
        assert (one[name] is not None) == hosted, (name, one)
    if hosted:
        assert one["cpu_seconds"] > 0
        assert one["memory_bytes"] > 1_000_000
        assert one["connections"] < one["connections_max"]


def test_a_stopped_database_is_down_and_old_values_are_gone(measured: tuple[Served, str, str]) -> None:
    served, engine, _ = measured
    made = served.create(engine)["id"]
    assert of(scraped(served), made)["holdfast_database_up"] == 1
    served.act(made, "stop")
    text = scraped(served)
    now = of(text, made)
    assert now["holdfast_database_up"] == 0
    assert "holdfast_database_size_bytes" not in now
    assert [line for line in text.splitlines() if made in line and 'state="stopped"' in line]
    served.delete(made)
    assert of(scraped(served), made) == {}
    served.refused(404, "database_not_found", "GET", f"/databases/{made}/metrics")


def test_both_text_formats_and_json_say_the_same(served: Served) -> None:
    """The formats name counters and their creation differently; the rest is the same."""

    def bare(names: Iterable[str]) -> set[str]:
        return {name.removesuffix("_total") for name in names if not name.endswith("_created")}

    plain = bare(family.name for family in text_string_to_metric_families(scraped(served)))
    modern = scraped(served, "application/openmetrics-text; version=1.0.0")
    listed = bare(metric["name"] for metric in served.get("/metrics")["metrics"])
    assert {"holdfast_database_info", "holdfast_runs", "holdfast_build_info", "process_open_fds"} <= plain
    assert plain == listed == bare(family.name for family in openmetrics(modern))


def test_http_is_counted_by_route_never_by_path(served: Served) -> None:
    for word in ("one", "two"):
        served.raw("GET", f"/databases/{word}-no-such-id")
        served.raw("GET", f"/no/such/route/{word}")

    def found() -> Counter[str]:
        counted: Counter[str] = Counter()
        for family in text_string_to_metric_families(scraped(served)):
            for sample in family.samples:
                if sample.name == "holdfast_http_requests_total" and sample.labels["status"] == "404":
                    counted[sample.labels["route"]] += int(sample.value)
        return counted

    counted = eventually(lambda: (now := found())["/api/v1/databases/{database_id}"] >= 2 and now)
    assert counted["none"] >= 2
    assert not [route for route in counted if "no-such-id" in route or "such/route" in route]


def test_only_what_one_may_see(here: World) -> None:
    mine = here.create(name="mine").id
    service = here.services.metrics
    elsewhere = actor_with("metric.read", projects=frozenset({"prj_other"}))
    assert not service.everything(elsewhere).databases
    assert not service.everything(elsewhere).whole
    with pytest.raises(NotFound):
        service.one(elsewhere, mine)
    with pytest.raises(Denied):
        service.everything(actor_with("database.read"))
    inside = actor_with("metric.read", projects=frozenset({here.project.id}))
    seen = service.everything(inside)
    assert [each.named.resource.id for each in seen.databases if each.named.resource.id == mine] == [mine]
    assert not seen.whole  # the process's own numbers are of every tenant together


def test_the_number_of_statements_does_not_grow(here: World) -> None:
    """Neither for a scrape nor for a page, once the databases were met."""
    actor: Actor = actor_with("metric.read")

    def asked() -> int:
        with statements(here.services.db) as said:
            here.services.metrics.everything(actor)
            here.services.metrics.page(actor, limit=50)
        return len([each for each in said if any(word in each.text for word in ("resources", "snapshots", "secrets"))])

    here.services.metrics.everything(actor)
    before = asked()
    for number in range(4):
        here.create(name=f"more{number}")
    here.services.metrics.everything(actor)  # meets the new ones
    assert asked() == before


def test_quantiles_come_from_buckets() -> None:
    meter = StatementMeter()
    for milliseconds in [0.5] * 98 + [30.0, 400_000.0]:
        meter.see(Statement("qry_1", "db_1", "usr", SystemClock().now(), "select", False, "ok", milliseconds, 2, None))
    tally = meter.tallies()["db_1"]
    assert (tally.count, tally.failed, tally.rows) == (100, 0, 200)
    assert (tally.quantile(0.5), tally.quantile(0.99)) == (0.001, 0.05)
    assert tally.quantile(1.0) == BUCKETS[-1]
    assert StatementMeter().tallies() == {}
