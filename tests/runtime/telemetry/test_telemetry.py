"""What workers did is written without anyone waiting, found again, and goes when it is old."""

from __future__ import annotations

import random
import resource
import signal
import threading
import time
from bisect import bisect_left
from collections.abc import Iterator
from pathlib import Path

import apsw
import pytest
from prometheus_client import CollectorRegistry
from prometheus_client.exposition import generate_latest

from holdfast.kernel.errors import NeedsOperator
from holdfast.pool import retention_of
from holdfast.runtime.telemetry import (
    BOUNDS_MS,
    CronRun,
    Invocation,
    LogLine,
    Point,
    Retention,
    Summary,
    Tally,
    TelemetryReader,
    TelemetryWriter,
    Use,
    VersionState,
    families,
    path_of,
)

NOW = 1_790_000_000_000
HOUR = 3_600_000
TABLES = ("minutes", "totals", "durations")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return path_of(tmp_path)


@pytest.fixture
def writer(path: Path) -> Iterator[TelemetryWriter]:
    made = TelemetryWriter(path, clock=lambda: NOW / 1000)
    yield made
    made.close()


@pytest.fixture
def reader(path: Path) -> TelemetryReader:
    return TelemetryReader(path)


def call(number: int, *, worker: str = "w", version: str = "v1", outcome: str = "ok", **more: object) -> Invocation:
    fields: dict[str, object] = {"wall_ms": float(number), "cpu_ms": 0.5, "status": 200, "memory_bytes": number * 1000}
    fields |= {"method": "GET", "path": "/", "ray": f"r{number}", **more}
    return Invocation(f"i{number}", worker, version, NOW + number, "http", outcome, **fields)  # type: ignore[arg-type]


def line(text: str, *, worker: str = "w", at: int = NOW, level: str = "info", invocation: str | None = None) -> LogLine:
    return LogLine(worker, "v1", at, level, text, invocation)


def test_what_is_written_is_read(writer: TelemetryWriter, reader: TelemetryReader, path: Path) -> None:
    error = {"type": "ValueError", "message": "no", "stack": "Traceback"}
    writer.invocation(call(1))
    writer.invocation(call(2, outcome="exception", status=500, error=error))
    writer.invocation(call(3, worker="other"))
    writer.log(line("hello", invocation="i1"))
    assert writer.flush()
    assert [(each.id, each.wall_ms, each.error, each.ray) for each in reader.invocations("w")] == [
        ("i2", 2.0, error, "r2"),
        ("i1", 1.0, None, "r1"),
    ]
    assert [each.id for each in reader.invocations("w", errors=True)] == ["i2"]
    assert [each.id for each in reader.invocations("w", outcome="ok", version_id="v1")] == ["i1"]
    assert [each.id for each in reader.invocations("w", since=NOW + 2, until=NOW + 3)] == ["i2"]
    assert reader.invocation("w", "i3") is None  # another worker's
    found = reader.invocation("other", "i3")
    assert found is not None
    assert (found.method, found.path, found.memory_bytes) == ("GET", "/", 3000)
    assert [each.text for each in reader.logs("w", invocation="i1")] == ["hello"]
    assert path.stat().st_mode & 0o777 == 0o600


def test_nothing_written_reads_as_nothing(reader: TelemetryReader) -> None:
    assert reader.invocations("w") == []
    assert reader.summaries("w", 0, NOW) == []
    assert reader.states() == []
    assert reader.last_seq() == (0, 0)


def test_logs_are_searched_and_tailed(writer: TelemetryWriter, reader: TelemetryReader) -> None:
    for number, text in enumerate(["100% done", "100 done", "under_score", "UnderXscore", "back\\slash", "it's"]):
        writer.log(line(text, at=NOW + number, level="error" if number % 2 else "info"))
    writer.flush()
    assert [each.text for each in reader.logs("w", text="100%")] == ["100% done"]
    assert [each.text for each in reader.logs("w", text="under_")] == ["under_score"]
    assert [each.text for each in reader.logs("w", text="\\s")] == ["back\\slash"]
    assert [each.text for each in reader.logs("w", text="'")] == ["it's"]
    assert [each.text for each in reader.logs("w", level="error", text="DONE")] == ["100 done"]
    newest = reader.logs("w", limit=2)
    assert [each.text for each in reader.logs("w", before=newest[-1].seq, limit=1)] == ["UnderXscore"]
    _, seq = reader.last_seq()
    writer.log(line("later"))
    writer.flush()
    assert [each.text for each in reader.logs("w", after=seq)] == ["later"]


def test_summaries_percentiles_and_series(writer: TelemetryWriter, reader: TelemetryReader) -> None:
    for number in range(1, 101):
        writer.invocation(
            call(number, version="v2" if number > 90 else "v1", outcome="ok" if number % 10 else "timeout")
        )
    writer.invocation(call(5 * 60_000))
    writer.flush()
    whole = reader.summaries("w", NOW - HOUR, NOW + 200, by_version=False)
    assert [(each.version_id, each.count, each.errors, each.outcomes) for each in whole] == [
        (None, 100, 10, {"ok": 90, "timeout": 10})
    ]
    assert (whole[0].p50_ms, whole[0].p95_ms, whole[0].p99_ms) == (50.0, 95.0, 99.0)
    assert (whole[0].cpu_ms, whole[0].memory_peak_bytes) == (50.0, 100_000)
    parts = reader.summaries("w", NOW - HOUR, NOW + 200)
    assert [(each.version_id, each.count, each.p50_ms) for each in parts] == [("v1", 90, 45.0), ("v2", 10, 95.0)]
    series = reader.series("w", NOW - HOUR, NOW + HOUR)
    assert [(each.count, each.errors) for each in series] == [(100, 10), (1, 0)]
    assert series[1].at - series[0].at == 5 * 60_000


def test_a_busy_version_is_counted_whole_and_kept_in_part(path: Path, reader: TelemetryReader) -> None:
    writer = TelemetryWriter(path, kept_per_second=20, clock=lambda: NOW / 1000)
    for number in range(500):
        at = call(number, outcome="exception" if number >= 490 else "ok")
        writer.invocation(Invocation(**{**at.__dict__, "at": NOW}))
    writer.close()
    assert len(reader.invocations("w", limit=1000)) == 30  # 20, and every failure
    found = reader.summaries("w", NOW, NOW)
    assert (found[0].count, found[0].errors) == (500, 10)


def test_answers_are_counted_by_the_class_of_their_status(writer: TelemetryWriter, reader: TelemetryReader) -> None:
    """What answered 500 and above counts as an error, whether or not the code raised; a 404 does not."""
    for number, (status, outcome) in enumerate(
        [(200, "ok"), (204, "ok"), (301, "ok"), (404, "ok"), (503, "ok"), (500, "exception"), (504, "timeout")]
    ):
        writer.invocation(call(number, status=status, outcome=outcome))
    writer.invocation(call(7, status=None))
    writer.tally(Tally("w", "v1", NOW, "http", 3, 3.0, 1.0, None, (0, 3, *[0] * (len(BOUNDS_MS) - 1)), 429))
    writer.flush()
    statuses = {"2xx": 2, "3xx": 1, "4xx": 4, "5xx": 3}
    outcomes = {"ok": 9, "exception": 1, "timeout": 1}
    found: tuple[Summary | Point | Use, ...] = (
        *reader.summaries("w", NOW - HOUR, NOW),
        *reader.series("w", NOW - HOUR, NOW),
        reader.uses(["w", "never"], NOW - HOUR)["w"],
    )
    assert [(each.count, each.errors, each.statuses, each.outcomes) for each in found] == [
        (11, 3, statuses, outcomes)
    ] * 3
    assert reader.uses(["w"], NOW + HOUR)["w"].statuses == {}


def test_answers_unlike_their_schemas_are_counted(writer: TelemetryWriter, reader: TelemetryReader) -> None:
    writer.invocation(call(1))
    writer.invocation(call(2, version="v2"))
    for count in (2, 3):
        writer.unfit("w", "v1", NOW, count)
    writer.unfit("w", "v1", NOW - 2 * HOUR, 7)
    writer.flush()
    assert {each.version_id: each.unfit for each in reader.summaries("w", NOW - HOUR, NOW)} == {"v1": 5, "v2": 0}
    assert [each.unfit for each in reader.summaries("w", NOW - 3 * HOUR, NOW, by_version=False)] == [12]
    assert reader.totals().unfit == [("w", "v1", 12)]


@pytest.mark.parametrize("shape", ["lognormal", "uniform"])
def test_percentiles_of_what_is_not_kept_are_near(path: Path, reader: TelemetryReader, shape: str) -> None:
    """A busy version keeps every failure and few of the rest: its rows would say nothing of how long calls take."""
    chance = random.Random(7)
    walls = sorted(chance.lognormvariate(3, 1) if shape == "lognormal" else chance.uniform(1, 400) for _ in range(4000))
    writer = TelemetryWriter(path, kept_per_second=10, clock=lambda: NOW / 1000)
    for number, wall in enumerate(walls):
        writer.invocation(Invocation(f"i{number}", "w", "v1", NOW, "http", "ok", wall, status=200))
    for number in range(30):
        writer.invocation(Invocation(f"t{number}", "w", "v1", NOW, "http", "timeout", 29_000.0, status=504))
    writer.close()
    walls += [29_000.0] * 30
    (whole,) = reader.summaries("w", NOW, NOW)
    (step,) = reader.series("w", NOW, NOW)
    for part, told, drawn in zip(
        (50, 95, 99),
        (whole.p50_ms, whole.p95_ms, whole.p99_ms),
        (step.p50_ms, step.p95_ms, step.p99_ms),
        strict=True,
    ):
        exact = walls[-(-len(walls) * part // 100) - 1]
        bucket = bisect_left(BOUNDS_MS, exact)
        assert told == drawn
        assert BOUNDS_MS[bucket - 1] <= (drawn or 0) <= BOUNDS_MS[bucket]


def test_what_was_counted_together_counts_like_each_alone(tmp_path: Path) -> None:
    walls = [0.5, 1.0, 1.5, 70.0, 40_000.0]
    told: list[list[object]] = []
    for name in ("each", "together"):
        writer = TelemetryWriter(path_of(tmp_path / name), clock=lambda: NOW / 1000)
        if name == "each":
            for number, wall in enumerate(walls):
                writer.invocation(call(number, wall_ms=wall, memory_bytes=4000))
        else:
            durations = [0] * (len(BOUNDS_MS) + 1)
            for wall in walls:
                durations[bisect_left(BOUNDS_MS, wall)] += 1
            writer.tally(Tally("w", "v1", NOW, "http", 5, sum(walls), 2.5, 4000, tuple(durations), 200))
        writer.close()
        read = apsw.Connection(str(path_of(tmp_path / name)))
        told.append([read.execute(f"select * from {table} order by 1, 2, 3").fetchall() for table in TABLES])
        read.close()
    assert told[0] == told[1]


def test_nobody_waits_for_a_writer_that_does_not_come_along(path: Path, reader: TelemetryReader) -> None:
    writer = TelemetryWriter(path, room=100, clock=lambda: NOW / 1000)
    blocker = apsw.Connection(str(path))
    blocker.execute("begin immediate")
    began = time.monotonic()
    for number in range(5000):
        writer.log(line(f"line {number}"))
    assert time.monotonic() - began < 2
    blocker.execute("rollback")
    blocker.close()
    writer.close()
    kept = [each for each in reader.logs("w", limit=1000) if each.level != "system"]
    lost = sum(int(each.text.split()[0]) for each in reader.logs("w", level="system"))
    assert 25 <= len(kept) < 5000
    assert len(kept) + lost == 5000


def test_a_flood_leaves_room_for_the_lines_of_others_and_for_ours(path: Path, reader: TelemetryReader) -> None:
    writer = TelemetryWriter(path, room=100, clock=lambda: NOW / 1000)
    blocker = apsw.Connection(str(path))
    blocker.execute("begin immediate")
    time.sleep(0.6)  # the writer waits for the file, and takes nothing from the queue
    for number in range(5000):
        writer.log(line(f"line {number}"))
    writer.log(LogLine("w", "v1", NOW, "system", "it was ended"))
    for number in range(20):
        writer.log(LogLine("other", "v2", NOW, "info", f"heard {number}"))
    blocker.execute("rollback")
    blocker.close()
    writer.close()
    assert len(reader.logs("other")) == 20
    assert "it was ended" in [each.text for each in reader.logs("w", level="system")]


def test_crons_and_states_are_brought_up_to_date(writer: TelemetryWriter, reader: TelemetryReader) -> None:
    run = CronRun("c1", "w", "v1", "* * * * *", NOW, NOW + 5, 1)
    writer.cron(run)
    writer.flush()
    assert [(each.id, each.outcome) for each in reader.crons("w")] == [("c1", None)]
    writer.cron(CronRun(**{**run.__dict__, "outcome": "exception", "wall_ms": 4.5, "error": "boom"}))
    writer.cron(CronRun("c2", "w", "v1", "0 * * * *", NOW, NOW, 1, "ok", 1.0))
    writer.state(VersionState("v1", "w", "starting", NOW, starts=1))
    writer.state(VersionState("v1", "w", "running", NOW + 1, processes=1, starts=1, start_ms=12.5))
    writer.flush()
    assert [(each.id, each.outcome, each.error) for each in reader.crons("w")] == [
        ("c2", "ok", None),
        ("c1", "exception", "boom"),
    ]
    assert [each.id for each in reader.crons("w", cron="0 * * * *")] == ["c2"]
    assert reader.states("w") == [VersionState("v1", "w", "running", NOW + 1, processes=1, starts=1, start_ms=12.5)]


def test_old_rows_go(path: Path, reader: TelemetryReader) -> None:
    first = TelemetryWriter(path, clock=lambda: NOW / 1000)
    first.log(line("old", at=NOW - 3 * 24 * HOUR))
    first.log(line("new", at=NOW - HOUR))
    first.invocation(Invocation("i", "w", "v1", NOW - 3 * 24 * HOUR, "http", "ok", 1.0))
    for name, at in (("c-old", NOW - 3 * 24 * HOUR), ("c-new", NOW - HOUR)):
        first.cron(CronRun(name, "w", "v1", "0 * * * *", at, at, 1, "ok", 1.0))
    first.cron(CronRun("c-late", "w", "v1", "0 * * * *", NOW - 9 * 24 * HOUR, NOW - 1, 1, "ok", 1.0))
    first.close()
    second = TelemetryWriter(path, Retention(days=2), clock=lambda: NOW / 1000)
    second.close()
    assert [each.text for each in reader.logs("w")] == ["new"]
    assert reader.invocations("w") == []
    assert [each.id for each in reader.crons("w")] == ["c-late", "c-new"]
    assert reader.summaries("w", NOW - 5 * 24 * HOUR, NOW)[0].count == 1  # the sums stay


def test_sums_of_versions_that_were_long_idle_go(path: Path, reader: TelemetryReader) -> None:
    """Otherwise each version there ever was would be scraped for ever."""
    long_ago = NOW - 100 * 24 * HOUR
    with TelemetryWriterOnce(path) as first:
        first.invocation(Invocation("i", "w", "v-old", long_ago, "http", "ok", 1.0))
        first.invocation(Invocation("j", "w", "v-new", NOW - HOUR, "http", "ok", 1.0))
        first.dropped("w", "v-old", 3)
        first.unfit("w", "v-old", long_ago, 3)
        first.dropped("w", "v-starting", 4)
        first.state(VersionState("v-starting", "w", "backoff", NOW))
    with TelemetryWriterOnce(path):  # its first turn sweeps
        pass
    found = reader.totals()
    assert {row[1] for row in (*found.ended, *found.durations)} == {"v-new"}
    assert {(row[1], row[2]) for row in found.dropped} == {("v-starting", 4)}
    assert found.unfit == []


def test_how_long_it_is_kept_is_said_by_variables() -> None:
    assert retention_of({}) == Retention()
    given = {"HOLDFAST_TELEMETRY_DAYS": "3", "HOLDFAST_TELEMETRY_BYTES": "5000000"}
    assert retention_of(given) == Retention(days=3.0, bytes=5_000_000)
    for wrong in ("0", "-1", "a week", "1.5"):
        with pytest.raises(NeedsOperator, match="HOLDFAST_TELEMETRY_DAYS"):
            retention_of({"HOLDFAST_TELEMETRY_DAYS": wrong})


def test_the_file_stays_below_its_bytes(path: Path, reader: TelemetryReader) -> None:
    first = TelemetryWriter(path, clock=lambda: NOW / 1000)
    for number in range(8000):
        first.log(line("x" * 500 + str(number)))
    first.close()
    assert path.stat().st_size > 4_000_000
    TelemetryWriter(path, Retention(bytes=1_000_000), clock=lambda: NOW / 1000).close()
    kept = reader.logs("w", limit=1000)
    assert kept
    assert kept[0].text.endswith("7999")
    assert path.stat().st_size < 2_000_000


def test_whoever_writes_most_loses_first(path: Path, reader: TelemetryReader) -> None:
    first = TelemetryWriter(path, clock=lambda: NOW / 1000)
    for number in range(200):
        first.log(LogLine("quiet", "v2", NOW, "info", f"old but small {number}"))
    for number in range(8000):
        first.log(line("x" * 500 + str(number)))
    first.close()
    TelemetryWriter(path, Retention(bytes=1_000_000), clock=lambda: NOW / 1000).close()
    assert len(reader.logs("quiet", limit=1000)) == 200
    assert reader.logs("w", limit=1)[0].text.endswith("7999")
    assert path.stat().st_size < 2_000_000


@pytest.mark.parametrize("content", [b"this is not a database at all" * 100, b""])
def test_a_damaged_file_is_put_aside(path: Path, content: bytes, reader: TelemetryReader) -> None:
    path.parent.mkdir(parents=True)
    path.write_bytes(content)
    writer = TelemetryWriter(path, clock=lambda: NOW / 1000)
    writer.log(line("on"))
    writer.close()
    assert [each.text for each in reader.logs("w")] == ["on"]
    assert path.with_name("workers.db.old").exists() == bool(content)


def test_a_full_disk_loses_lines_and_not_the_pool(path: Path, tmp_path: Path) -> None:
    """With a limit on file sizes standing in for it: handing over goes on, closing ends."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    writer = TelemetryWriter(path, clock=lambda: NOW / 1000)
    writer.flush()
    old = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (path.stat().st_size + 300_000, before[1]))
        for _ in range(3000):
            writer.log(line("y" * 1000))
        assert writer.flush(10)
        ended = threading.Thread(target=writer.close)
        ended.start()
        ended.join(10)
        assert not ended.is_alive()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, old)
    with TelemetryWriterOnce(path) as again:
        again.log(line("after"))
    assert TelemetryReader(path).logs("w", limit=1)[0].text == "after"


class TelemetryWriterOnce:
    def __init__(self, path: Path) -> None:
        self._writer = TelemetryWriter(path, clock=lambda: NOW / 1000)

    def __enter__(self) -> TelemetryWriter:
        return self._writer

    def __exit__(self, *_: object) -> None:
        self._writer.close()


def test_prometheus_text(writer: TelemetryWriter, reader: TelemetryReader) -> None:
    writer.invocation(call(3))
    writer.invocation(call(700, outcome="exception", status=500))
    writer.invocation(call(4, status=None, wall_ms=1.0))
    writer.invocation(call(1, worker="hidden", version="v9"))
    writer.state(VersionState("v1", "w", "running", NOW, processes=2, memory_bytes=5, starts=3, crashes=1))
    writer.dropped("w", "v1", 7)
    writer.unfit("w", "v1", NOW, 9)
    writer.unfit("hidden", "v9", NOW, 9)
    writer.flush()

    class Page:
        def collect(self):  # type: ignore[no-untyped-def]
            yield from families(reader, {"w": "shop"})

    registry = CollectorRegistry()
    registry.register(Page())  # type: ignore[arg-type]
    text = generate_latest(registry).decode()
    of = 'version_id="v1",worker="shop",worker_id="w"'
    assert f'holdfast_worker_invocations_total{{outcome="exception",status="5xx",trigger="http",{of}}} 1.0' in text
    assert f'holdfast_worker_invocations_total{{outcome="ok",status="",trigger="http",{of}}} 1.0' in text
    assert f'holdfast_worker_duration_seconds_bucket{{le="0.005",{of}}} 2.0' in text
    assert f'holdfast_worker_duration_seconds_bucket{{le="+Inf",{of}}} 3.0' in text
    assert f"holdfast_worker_duration_seconds_sum{{{of}}} 0.704" in text
    assert 'le="0.0015"' not in text  # the finer bounds are for percentiles
    assert f"holdfast_worker_processes{{{of}}} 2.0" in text
    assert f"holdfast_worker_crashes_total{{{of}}} 1.0" in text
    assert f"holdfast_worker_telemetry_dropped_total{{{of}}} 7.0" in text
    assert f"holdfast_worker_answers_unfit_total{{{of}}} 9.0" in text
    assert "hidden" not in text
