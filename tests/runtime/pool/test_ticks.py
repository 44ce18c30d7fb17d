"""Schedules: each moment once, by the version with the most weight, again when it failed, written down."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from pool_bench import QUICK, Bench, Open, version

from holdfast.kernel.errors import NotFound, Retryable
from holdfast.runtime.pool import Policy, PoolClient, control_socket
from holdfast.runtime.pool.control import serve
from holdfast.runtime.pool.ticks import Claim, Schedules
from holdfast.runtime.telemetry import CronRun, TelemetryReader, TelemetryWriter

START = datetime(2026, 3, 1, 12, 0, 30, tzinfo=UTC)


class Heard(TelemetryWriter):
    """No file: what is written is looked at."""

    def __init__(self) -> None:
        self.runs: list[CronRun] = []

    def cron(self, run: CronRun) -> None:
        self.runs.append(run)


class Hand:
    """A clock set by hand, and schedules on it whose calls reach nobody."""

    def __init__(self, directory: Path, policy: Policy = QUICK, claim: Claim | None = None) -> None:
        self.now = START
        self.path = directory / "schedules.json"
        self.telemetry = Heard()
        self.schedules = Schedules(self.path, self.telemetry, policy, directory, lambda: self.now, claim)

    def turn(self, **ahead: float) -> list[tuple[str, str]]:
        self.now += timedelta(**ahead)
        return [(each.version.id, each.at.strftime("%H:%M")) for each in self.schedules.turn()]


def run(work: Any) -> None:
    asyncio.run(asyncio.wait_for(work, 30))


def hourly(name: str = "v1", **fields: Any) -> Any:
    return version(name, crons=("0 * * * *",), **fields)


def test_a_moment_comes_once_also_after_a_restart(tmp_path: Path) -> None:
    async def work() -> None:
        hand = Hand(tmp_path)
        hand.schedules.set([hourly()])
        assert hand.turn() == []  # not the hour that was over when the line was new
        assert hand.turn(hours=1) == [("v1", "13:00")]
        assert hand.turn(seconds=1) == []
        again = Hand(tmp_path)  # killed, and started anew
        again.now = hand.now
        again.schedules.set([hourly()])
        assert again.turn() == []
        assert again.turn(hours=-2) == []  # the system's clock was set back
        assert again.turn(hours=3) == [("v1", "14:00")]
        await hand.schedules.close()
        await again.schedules.close()

    run(work())


@pytest.mark.parametrize(
    ("missed", "expected"), [("skip", ["17:00"]), ("once", ["17:00"]), ("all", ["15:00", "16:00", "17:00"])]
)
def test_turns_missed_while_it_was_down(tmp_path: Path, missed: Any, expected: list[str]) -> None:
    async def work() -> None:
        hand = Hand(tmp_path, replace(QUICK, cron_most=3))
        hand.schedules.set([hourly()])
        await hand.schedules.close()  # and for five hours nobody looks
        hand = Hand(tmp_path, replace(QUICK, cron_most=3))
        hand.schedules.set([hourly(missed=missed)])
        assert [at for _, at in hand.turn(hours=5)] == expected
        late = [at for _, at in hand.turn(hours=2, minutes=10)]
        assert late == {"skip": [], "once": ["19:00"], "all": ["18:00", "19:00"]}[missed]
        await hand.schedules.close()

    run(work())


def test_nodes_with_the_same_schedules_take_each_turn_once(tmp_path: Path) -> None:
    """Whoever has the code and says so first; who cannot ask takes none, and that is in the history."""
    taken: list[datetime] = []

    def claim(worker_id: str, line: str, at: datetime) -> bool:
        assert (worker_id, line) == ("w1", "0 * * * *")
        if at in taken:
            return False
        taken.append(at)
        return True

    def away(*_: Any) -> bool:
        raise OSError("no metadata")

    async def ended(hand: Hand) -> list[str | None]:
        while hand.schedules._calls:
            await asyncio.wait(hand.schedules._calls)
            await asyncio.sleep(0)
        return [each.outcome for each in hand.telemetry.runs]

    async def work() -> None:
        quick = replace(QUICK, cron_retries=0, cron_pause=0.001)
        nodes = {name: Hand(tmp_path / name, quick, who) for name, who in (("a", claim), ("b", claim), ("c", away))}
        nodes["without the code"] = Hand(tmp_path / "d", quick, claim)
        for name, hand in nodes.items():
            code = tmp_path / "nowhere" if name == "without the code" else tmp_path
            hand.schedules.set([hourly(code=code, missed="all")])
        assert nodes.pop("without the code").turn(hours=3)
        assert [len(hand.turn(hours=3)) for hand in nodes.values()] == [3, 3, 3]
        said = {name: await ended(hand) for name, hand in nodes.items()}
        assert said.pop("c") == ["missed"] * 3
        assert [each.strftime("%H") for each in taken] == ["13", "14", "15"]
        assert sum(len(each) for each in said.values()) == 6  # each call is written at its begin and at its end

    run(work())


def test_a_new_version_goes_on_where_the_old_one_was(tmp_path: Path) -> None:
    async def work() -> None:
        hand = Hand(tmp_path)
        hand.schedules.set([hourly("v1", weight=90), hourly("v2", weight=10)])
        assert hand.turn(hours=1) == [("v1", "13:00")]
        hand.schedules.set([hourly("v2", weight=100)])
        assert hand.turn() == []
        assert hand.turn(hours=1) == [("v2", "14:00")]
        hand.schedules.set([])
        assert hand.turn(hours=5) == []
        assert json.loads(hand.path.read_text()) == {}
        hand.schedules.set([version("v3", crons=("not a line", "30 * * * *"))])
        assert hand.turn(hours=1) == [("v3", "19:30")]
        await hand.schedules.close()

    run(work())


def test_what_cannot_be_written_down_is_not_run(tmp_path: Path) -> None:
    async def work() -> None:
        hand = Hand(tmp_path / "a")
        hand.schedules.set([hourly()])
        (tmp_path / "a" / "schedules.new").mkdir()
        with pytest.raises(OSError, match="directory"):
            hand.turn(hours=1)
        assert hand.telemetry.runs == []
        (tmp_path / "a" / "schedules.new").rmdir()
        assert hand.turn() == [("v1", "13:00")]
        await hand.schedules.close()

    run(work())


def test_a_damaged_file_begins_anew(tmp_path: Path) -> None:
    (tmp_path / "schedules.json").write_text('{"w1 0 * * * *": 5}')

    async def work() -> None:
        hand = Hand(tmp_path)
        hand.schedules.set([hourly()])
        assert hand.turn() == []
        assert hand.turn(hours=1) == [("v1", "13:00")]
        await hand.schedules.close()

    run(work())


async def history(b: Bench, true: Callable[[list[CronRun]], bool]) -> list[CronRun]:
    def found() -> list[CronRun]:
        b.writer.flush()
        runs = b.telemetry.crons("w1")
        return runs if true(runs) else []

    return await b.until(found)


def test_the_worker_is_called_and_its_answer_kept(bench: Open, tmp_path: Path) -> None:
    ticks = tmp_path / "ticks"

    async def work() -> None:
        async with bench() as b:
            one = version(crons=("0 0 1 1 *",), vars={"ticks": str(ticks)})
            await b.show(one)
            answer = await b.pool.ask("tick", {"worker_id": "w1", "cron": "0 0 1 1 *"})
            assert (answer["outcome"], answer["error"]) == ("ok", None)
            told = json.loads(ticks.read_text())
            assert told["cron"] == "0 0 1 1 *"
            runs = await history(b, lambda runs: bool(runs and runs[0].outcome))
            assert [(each.outcome, each.attempt, each.scheduled_at) for each in runs] == [
                ("ok", 1, told["scheduledTime"])
            ]
            with pytest.raises(NotFound):
                await b.pool.ask("tick", {"worker_id": "w1", "cron": "1 1 1 1 *"})

    run(work())


def test_a_failed_turn_is_tried_again_so_many_times(bench: Open, tmp_path: Path) -> None:
    async def work() -> None:
        async with bench(replace(QUICK, cron_retries=2)) as b:
            one = version(crons=("* * * * *",), vars={"ticks": str(tmp_path / "t"), "tick_error": "no luck"})
            await b.show(one)
            last = b.pool.schedules._last
            last[next(iter(last))] = datetime.now(UTC) - timedelta(minutes=1)
            b.pool.schedules.turn()
            runs = await history(b, lambda runs: len(runs) == 3 and bool(runs[0].outcome))
            assert [(each.attempt, each.outcome, each.error) for each in runs] == [
                (n, "exception", "ValueError: no luck") for n in (3, 2, 1)
            ]
            assert len({each.scheduled_at for each in runs}) == 1

    run(work())


def test_a_worker_that_cannot_start_is_unreachable(bench: Open) -> None:
    async def work() -> None:
        async with bench(replace(QUICK, first_pause=5)) as b:
            await b.show(version(crons=("0 0 1 1 *",), vars={"fatal": "broken"}))
            answer = await b.pool.ask("tick", {"worker_id": "w1", "cron": "0 0 1 1 *"})
            assert (answer["outcome"], answer["error"]) == ("unreachable", "it answered 503")

    run(work())


def test_the_pool_is_asked_over_its_socket(bench: Open, short: Path) -> None:
    async def work() -> None:
        async with bench() as b:
            one = version()
            await b.show(one)
            server = await serve(control_socket(short), b.pool.ask)
            assert control_socket(short).stat().st_mode & 0o777 == 0o600
            client = PoolClient(short, timeout=5)
            assert [each["state"] for each in await asyncio.to_thread(client.status)] == ["cold"]
            await asyncio.to_thread(client.start, worker_id="w1")
            await b.until(lambda: b.state(one) == "running")
            pid = (await asyncio.to_thread(client.status))[0]["pids"][0]
            await asyncio.to_thread(client.restart, version_id="v1")
            await b.until(lambda: b.pool.keeper("v1").pids not in ([pid], []) and pid not in b.pool.keeper("v1").pids)
            with pytest.raises(NotFound, match="no such version"):
                await asyncio.to_thread(client.kill, version_id="v9")
            b.living.append(version("v2"))
            await asyncio.to_thread(client.refresh)
            assert len(await asyncio.to_thread(client.status)) == 2
            server.close()
        with pytest.raises(Retryable) as away:
            PoolClient(short).status()
        assert away.value.code == "pool_away"

    run(work())


def test_the_reader_of_history_is_the_writers(tmp_path: Path) -> None:
    """What ticks write is what `TelemetryReader.crons` gives: the face others use."""
    writer = TelemetryWriter(tmp_path / "workers.db")
    run_ = CronRun("c", "w", "v", "* * * * *", 1_000, int(datetime.now(UTC).timestamp() * 1000), 1)
    writer.cron(replace(run_, scheduled_at=run_.started_at))
    writer.close()
    assert [each.id for each in TelemetryReader(tmp_path / "workers.db").crons("w")] == ["c"]


def test_a_turn_taken_by_hand_is_on_record_when_its_end_is_told(tmp_path: Path) -> None:
    async def work() -> None:
        telemetry = TelemetryWriter(tmp_path / "workers.db")
        schedules = Schedules(tmp_path / "schedules.json", telemetry, QUICK, tmp_path)
        schedules.set([one := hourly()])
        try:
            for number in range(1, 6):
                told = await schedules.now(one.worker_id, "0 * * * *")
                kept = TelemetryReader(tmp_path / "workers.db").crons(one.worker_id)
                assert (kept[0].id, kept[0].outcome, len(kept)) == (told["id"], "unreachable", number)
        finally:
            await schedules.close()
            telemetry.close()

    run(work())
