"""The daily digest: what it says, when it leaves, and when it does not."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from alert_house import GB, OWNER, House
from alert_receivers import Hooks, MailServer
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from holdfast.features.alerts import policy
from holdfast.features.alerts.rule_service import WantedRule


def digests(hooks: Hooks) -> list[dict]:
    return [body for each in hooks.seen if (body := json.loads(each.body))["type"] == "digest"]


def test_it_says_what_was_done_what_failed_and_what_is_bare(here: House, mail: MailServer, hooks: Hooks) -> None:
    here.post(mail.port, digest_at="08:00", tz="Europe/Zurich")
    here.hook(hooks.url, digest_at="08:00", tz="Europe/Zurich")
    good, bad, bare, repository = here.database("good"), here.database("b&d"), here.database("bare"), here.repository()
    here.turn()
    here.done(good, repository, stored_bytes=3 * GB)
    here.snapshot(good, repository, verification="yellow", stored_bytes=GB)
    here.failed(bad, repository, "the store said <no>")
    here.turn()
    here.turn(86400)
    (told,) = digests(hooks)
    assert told["subject"] == "[Holdfast] Daily digest: 1 backups done, 1 failures, 2 unprotected"
    assert told["backups"] == [{"name": "good", "proven": 1, "source_bytes": 2 * GB, "stored_bytes": 3 * GB}]
    assert (told["stored_bytes"], told["stored_bytes_before"], told["databases"]) == (3 * GB, 0, 3)
    assert [each["name"] for each in told["unprotected"]] == ["b&d", "bare"]
    assert told["oldest_verification"] == {"name": "good", "at": None}
    assert told["failures"][0]["error"] == "the store said <no>"
    (letter,) = [each for each in mail.letters if "digest" in each.mail["subject"]]
    assert "b&amp;d" in letter.text("html")
    assert "1 stored and proven" in letter.text()
    assert bare.name in letter.text()


def test_quiet_where_there_is_nothing(here: House, hooks: Hooks) -> None:
    """No database, nothing happened: no mail. With a database a day without news is news."""
    here.hook(hooks.url, digest_at="08:00")
    for _ in range(3):
        here.turn(86400)
    assert hooks.seen == []
    here.snapshot(here.database(), here.repository())
    here.turn(86400)
    assert [each["counts"] for each in digests(hooks)] == [[]]


def test_one_for_each_day_however_often_it_is_looked(here: House, hooks: Hooks) -> None:
    here.hook(hooks.url, digest_at="08:00")
    here.database()
    here.turn()
    for _ in range(8):
        here.turn(6 * 3600)
    assert len(digests(hooks)) == 2
    here.clock.set_wall(here.clock.now() - timedelta(hours=30))
    for _ in range(3):
        here.turn(3600)
    assert len(digests(hooks)) == 2
    covered = [(each["since"], each["until"]) for each in digests(hooks)]
    assert covered[0][1] == covered[1][0]


def test_a_rule_moves_an_event_between_at_once_and_the_digest(here: House, hooks: Hooks) -> None:
    channel, _ = here.hook(hooks.url, digest_at="08:00")
    shop, lab, repository = here.database("shop"), here.database("lab", labels={"team": "lab"}), here.repository()
    wanted = WantedRule(None, "lab", "digest", ["backup_failed"], labels={"team": "lab"})
    here.rules.create(OWNER, wanted)
    here.rules.create(OWNER, WantedRule(None, "loud", "immediate", ["backup_done"], [channel.id], severity="critical"))
    here.turn()
    here.failed(lab, repository)
    here.failed(shop, repository)
    here.done(shop, here.repository("other"))
    here.turn()
    here.turn(6)
    told = [json.loads(each.body) for each in hooks.seen]
    assert sorted((part["type"], part["name"]) for body in told for part in body["alerts"]) == [
        ("backup_done", "shop"),
        ("backup_failed", "shop"),
    ]
    assert told[0]["severity"] == "critical"
    here.turn(86400)
    assert {each["name"] for each in digests(hooks)[0]["failures"]} == {"lab", "shop"}


# A busy machine is slow to draw: that says nothing about what is drawn.
CALM = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
ZONES = st.sampled_from(["UTC", "Europe/Zurich", "America/New_York", "Australia/Lord_Howe", "Asia/Kathmandu"])
MOMENTS = st.datetimes(datetime(2024, 1, 1), datetime(2030, 1, 1), timezones=st.just(UTC))


@CALM
@given(MOMENTS, st.integers(0, 23), st.integers(0, 59), ZONES)
def test_the_next_digest_is_later_and_within_a_day(after: datetime, hour: int, minute: int, tz: str) -> None:
    """And the clock there shows the time asked for, unless it jumped over it."""
    due = policy.next_digest(f"{hour:02}:{minute:02}", tz, after)
    assert timedelta(0) < due - after <= timedelta(hours=26)
    there = due.astimezone(ZoneInfo(tz))
    exact = datetime(there.year, there.month, there.day, hour, minute, tzinfo=ZoneInfo(tz))
    assert exact.astimezone(UTC) == due.astimezone(UTC) or abs(exact - there) <= timedelta(hours=1)
    assert policy.next_digest(f"{hour:02}:{minute:02}", tz, due) - due >= timedelta(hours=22)


@CALM
@given(st.integers(1, 40), st.integers(0, 10**6) | st.none())
def test_each_wait_is_bounded_and_none_is_shorter_than_asked(attempt: int, asked: int | None) -> None:
    wanted = None if asked is None else timedelta(seconds=asked)
    wait = policy.waits("adl_1", attempt, wanted)
    assert timedelta(seconds=8) <= wait <= timedelta(hours=10)
    if wanted is not None:
        assert wait >= min(wanted, policy.LONGEST_ASKED_WAIT)
    assert policy.waits("adl_1", attempt, wanted) == wait
    assert len({policy.waits(f"adl_{each}", attempt) for each in range(20)}) > 10


@CALM
@given(st.lists(st.floats(0, 300), max_size=60), st.integers(0, 600), st.floats(-600, 0) | st.none())
def test_a_gathering_message_leaves_in_bounds(steps: list[float], gather: int, sent: float | None) -> None:
    begun = datetime(2026, 1, 1, tzinfo=UTC)
    longest = timedelta(seconds=gather)
    last = None if sent is None else begun + timedelta(seconds=sent)
    now = begun
    due = policy.leaves_at(begun, now, longest, last)
    for step in steps:
        now += timedelta(seconds=step)
        if now >= due:
            break  # it has left
        due = policy.leaves_at(begun, now, longest, last)
    assert due <= begun + longest
    if last is not None:
        assert due >= last + longest
