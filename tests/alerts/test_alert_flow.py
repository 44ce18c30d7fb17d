"""From what happened to what arrives."""

from __future__ import annotations

import json
from datetime import timedelta
from types import SimpleNamespace

import pytest
import sqlalchemy as sa
from alert_house import GB, OWNER, House
from alert_receivers import Hooks, MailServer

from holdfast.features.alerts.deliveries.model import items
from holdfast.features.alerts.loop import CHANGED
from holdfast.features.alerts.model import events
from holdfast.features.alerts.rule_service import WantedRule
from holdfast.kernel import audit
from holdfast.kernel.audit import audit_events
from holdfast.kernel.errors import Conflict


def bodies(hooks: Hooks) -> list[dict]:
    return [json.loads(each.body) for each in hooks.seen]


def test_a_failure_is_told_at_once_with_its_error_and_hint(here: House, mail: MailServer) -> None:
    here.post(mail.port)
    shop, repository = here.database("a\"b'; -- <b>"), here.repository()
    here.failed(shop, repository, "disk </pre><script>alert(1)</script>")
    here.turn()
    assert mail.letters == []  # gathering
    here.turn(6)
    (letter,) = mail.letters
    assert letter.mail["subject"] == "[Holdfast] Backup failed: a\"b'; -- <b> (development)"
    assert "disk </pre><script>" in letter.text()
    assert "Look at the network." in letter.text()
    assert "<script>" not in letter.text("html")
    assert "&lt;script&gt;" in letter.text("html")
    assert [alert.state for alert in here.standing()] == ["open"]


def test_a_thousand_failures_are_one_message_with_counts(here: House, hooks: Hooks) -> None:
    here.hook(hooks.url)
    repository = here.repository()
    databases = [here.database(f"db{number}") for number in range(100)]
    for turn in range(10):
        here.many_failed(databases, repository)
        here.turn(4 if turn else 0)
    here.turn(60)
    (body,) = bodies(hooks)
    assert (body["count"], len(body["alerts"]), body["more"]) == (100, 20, 80)
    assert body["summary"] == [{"type": "backup_failed", "title": "Backup failed", "phase": "opened", "count": 100}]
    assert body["subject"].endswith("and 99 more")
    assert {alert.count for alert in here.standing()} == {10}
    with here.db.read() as conn:
        assert conn.execute(sa.select(sa.func.count()).select_from(events)).scalar() == 1000


def test_one_alert_while_it_lasts_and_a_notice_when_it_is_over(here: House, hooks: Hooks) -> None:
    here.hook(hooks.url)
    shop, repository, other = here.database(), here.repository(), here.repository("other")
    here.failed(shop, repository)
    here.turn(0)
    here.turn(6)
    here.done(shop, other)  # another repository proves nothing about this one
    here.failed(shop, repository)
    here.turn(120)
    assert [alert.count for alert in here.standing()] == [2]
    assert len(hooks.seen) == 1
    here.done(shop, repository)
    here.turn(120)
    here.turn(6)
    assert [body["alerts"][0]["phase"] for body in bodies(hooks)] == ["opened", "resolved"]
    assert [alert.state for alert in here.standing()] == ["resolved"]
    here.failed(shop, repository)
    here.turn(120)
    here.turn(6)
    assert [alert.state for alert in here.standing()] == ["resolved", "open"]
    assert len(hooks.seen) == 3


def test_what_goes_on_is_told_again_the_next_night(here: House, hooks: Hooks) -> None:
    here.hook(hooks.url)
    shop, repository = here.database(), here.repository()
    for hours in (0, 1, 22, 1):
        here.clock.advance(hours * 3600)
        here.failed(shop, repository)
        here.turn()
        here.turn(90)
    assert [body["alerts"][0]["phase"] for body in bodies(hooks)] == ["opened", "again"]


@pytest.mark.parametrize(
    ("state", "verification", "kind"),
    [
        ("ready", "green", "backup_done"),
        ("ready", "yellow", "backup_failed"),
        ("ready", "red", "verification_failed"),
        ("creating", "yellow", "backup_failed"),
        ("failed", "red", "backup_failed"),
        ("deleted", "green", "backup_failed"),
    ],
)
def test_success_is_what_the_row_proves(here: House, state: str, verification: str, kind: str) -> None:
    """A run that says it went well is not believed."""
    here.done(here.database(), here.repository(), state=state, verification=verification)
    here.turn()
    with here.db.read() as conn:
        assert list(conn.execute(sa.select(events.c.type)).scalars()) == [kind]


def test_a_snapshot_that_is_not_there_is_no_success(here: House) -> None:
    here.run("snapshot.create", "succeeded", here.database(), snapshot_id="snap_gone")
    here.turn()
    assert [alert.type for alert in here.standing()] == ["backup_failed"]


def test_verification_failed_is_critical(here: House, hooks: Hooks) -> None:
    here.hook(hooks.url)
    shop, repository = here.database(), here.repository()
    bad = here.snapshot(shop, repository, verification="red")
    here.run("snapshot.verify", "failed", shop, {"code": "verification_failed", "message": "blob"}, snapshot_id=bad.id)
    here.turn()
    here.turn(6)
    (body,) = bodies(hooks)
    assert body["severity"] == "critical"
    assert body["subject"].startswith("[Holdfast] CRITICAL Verification failed: shop")


def test_what_happened_is_told_once_however_often_it_is_looked_at(here: House, hooks: Hooks) -> None:
    channel, _ = here.hook(hooks.url)
    here.failed(here.database(), here.repository())
    for _ in range(3):
        here.turn(7)
    assert len(hooks.seen) == 1
    with here.db.read() as conn:
        rows = conn.execute(sa.select(items.c.channel_id, items.c.phase)).all()
    assert rows == [(channel.id, "opened")]


def test_a_clock_that_jumps_loses_nothing(here: House) -> None:
    shop, repository = here.database(), here.repository()
    here.turn()
    here.clock.advance(5 * 86400)
    here.failed(shop, repository)
    here.turn()
    here.clock.set_wall(here.clock.now() - timedelta(days=5))
    here.failed(here.database("other"), repository)
    here.turn()
    assert sorted(alert.name for alert in here.standing()) == ["other", "shop"]


def test_a_run_that_waited_for_days_is_told_when_it_ends(here: House) -> None:
    shop, repository = here.database(), here.repository()
    snapshot = here.snapshot(shop, repository, state="failed", verification="red")
    run_id = here.run("snapshot.create", "queued", shop, snapshot_id=snapshot.id)
    for _ in range(5):
        here.failed(here.database(f"d{_}"), repository)
        here.turn(86400)
    runs = sa.table("runs", sa.column("id"), sa.column("state"))
    with here.db.write() as conn:
        conn.execute(runs.update().where(runs.c.id == run_id).values(state="failed"))
    here.turn()
    assert [alert.name for alert in here.standing()].count("shop") == 1


def test_acknowledged_and_muted_alerts_are_quiet_until_it_gets_worse_or_is_over(here: House, hooks: Hooks) -> None:
    here.hook(hooks.url)
    shop, repository = here.database(), here.repository()
    here.failed(shop, repository)
    here.turn()
    here.turn(6)
    alert = here.alerts.acknowledge(OWNER, here.standing()[0].id)
    assert here.alerts.acknowledge(OWNER, alert.id) == alert
    here.alerts.mute(OWNER, alert.id, timedelta(days=3))
    here.failed(shop, repository)
    here.turn(86400)
    here.turn(90)
    assert len(hooks.seen) == 1
    here.done(shop, repository)
    here.turn(90)
    here.turn(90)
    assert [body["alerts"][0]["phase"] for body in bodies(hooks)] == ["opened", "resolved"]
    with pytest.raises(Conflict, match="resolved already"):
        here.alerts.resolve(OWNER, alert.id)


def test_resolved_by_a_person(here: House, hooks: Hooks) -> None:
    here.hook(hooks.url)
    shop, repository = here.database(), here.repository()
    here.failed(shop, repository)
    here.turn()
    here.turn(6)
    assert here.alerts.resolve(OWNER, here.standing()[0].id).resolved_by == OWNER.id
    here.failed(shop, repository)
    here.turn(90)
    here.turn(90)
    phases = sorted(part["phase"] for body in bodies(hooks) for part in body["alerts"])
    assert phases == ["opened", "opened", "resolved"]


def late(here: House) -> SimpleNamespace:
    """What `features.plans` answers about a turn that passed without a snapshot."""
    place = {"project_id": here.project, "environment_id": here.environment, "resource_id": "db_1"}
    plan = {"plan_id": "pln_1", "plan_name": "nightly", "repository_id": None}
    times = {"due_at": here.clock.now(), "last_success_at": None}
    return SimpleNamespace(**place, **plan, **times, resource_name="shop")


def test_a_schedule_that_did_not_run_is_told_though_nothing_happens(here: House, hooks: Hooks) -> None:
    here.hook(hooks.url)
    here.turn(61)
    here.late.append(late(here))
    for _ in range(5):
        here.turn(61)
    here.late.clear()
    here.turn(61)
    here.turn(61)
    told = [(part["type"], part["phase"], part["name"]) for body in bodies(hooks) for part in body["alerts"]]
    assert told == [("schedule_missed", "opened", "shop"), ("schedule_missed", "resolved", "shop")]
    assert bodies(hooks)[0]["severity"] == "critical"


def test_a_look_that_fails_ends_nothing(here: House) -> None:
    here.late.append(late(here))
    here.turn(61)

    class Broken(list):
        def __iter__(self):
            raise OSError("away")

    here.late[:] = []
    judge = here.loop._judge
    object.__setattr__(judge, "overdue", lambda *_: Broken().__iter__())
    here.turn(61)
    assert [alert.state for alert in here.standing()] == ["open"]


def test_a_full_disk_and_one_that_will_be(here: House) -> None:
    here.turn(61)
    assert here.standing() == []
    here.disk[1] = 5 * GB
    here.turn(61)
    assert [(each.type, each.severity) for each in here.standing()] == [("repository_filling", "warning")]
    here.disk[1] = GB
    here.turn(61)
    assert [(each.count, each.severity) for each in here.standing()] == [(2, "critical")]
    here.disk[1] = 60 * GB
    here.turn(61)
    assert [each.state for each in here.standing()] == ["resolved"]
    here.snapshot(here.database(), here.repository(), stored_bytes=70 * GB)
    here.turn(61)
    (now,) = [each for each in here.standing() if each.state == "open"]
    assert "lasts 6 days" in now.details["error"]["message"]


def test_a_repository_that_does_not_answer(here: House) -> None:
    trouble = {"message": "no route", "hint": "Look.", "since": "x"}
    repository = here.repository(trouble=trouble)
    here.turn(61)
    (alert,) = here.standing()
    assert (alert.type, alert.details["repository_id"]) == ("repository_unreachable", repository.id)


def test_verification_overdue_counts_from_the_newest_proof_and_a_rule_says_how_long(here: House) -> None:
    here.snapshot(here.database(), here.repository())
    here.turn(61)
    here.turn(29 * 86400)
    assert here.standing() == []
    wanted = WantedRule(here.project, "sooner", "immediate", ["verification_overdue"], threshold=7)
    here.rules.create(OWNER, wanted)
    here.turn(61)
    assert [each.type for each in here.standing()] == ["verification_overdue"]


def test_security_facts_are_told_from_the_audit_log_and_close_by_themselves(here: House, hooks: Hooks) -> None:
    here.hook(hooks.url)
    place(here, "session.step_up", "failed")
    place(here, "session.step_up", "failed")
    place(here, "role.grant", "ok")
    place(here, "database.create", "ok")
    here.turn()
    here.turn(6)
    (body,) = bodies(hooks)
    assert sorted(part["type"] for part in body["alerts"]) == ["security_role_changed", "security_step_up_failed"]
    assert {each.type: each.count for each in here.standing()}["security_step_up_failed"] == 2
    here.turn(25 * 3600)
    assert {each.state for each in here.standing()} == {"resolved"}
    here.turn(90)
    assert len(hooks.seen) == 1


def place(here: House, action: str, outcome: str) -> None:
    """An audit row with its place, as the sequencer gives it."""
    with here.db.write() as conn:
        audit.record(conn, actor="usr_x", action=action, outcome=outcome)  # type: ignore[arg-type]
        waiting = sa.select(audit_events.c.id).where(audit_events.c.seq.is_(None)).order_by(audit_events.c.id)
        for row_id in list(conn.execute(waiting).scalars()):
            last = conn.execute(sa.select(sa.func.max(audit_events.c.seq))).scalar() or 0
            conn.execute(audit_events.update().where(audit_events.c.id == row_id).values(seq=last + 1))


def test_a_projects_channel_hears_of_its_project_alone(here: House, hooks: Hooks) -> None:
    here.hook(hooks.url + "&mine", "mine", project_id=here.project)
    place(here, "role.grant", "ok")
    here.failed(here.database(), here.repository())
    here.turn()
    here.turn(6)
    assert [[part["type"] for part in body["alerts"]] for body in bodies(hooks)] == [["backup_failed"]]


def test_costs_as_many_statements_for_a_thousand_as_for_two(here: House, hooks: Hooks) -> None:
    from statements import statements

    here.hook(hooks.url)
    repository = here.repository()
    counted = []
    here.failed(here.database("first"), repository)
    here.loop.collect()
    for number in (2, 60):
        here.many_failed([here.database(f"db{number}-{index}") for index in range(number)], repository)
        with statements(here.db) as said:
            here.loop.collect()
        counted.append(len(said))
    assert abs(counted[0] - counted[1]) <= 1  # that the reading place of runs goes on is one more, when it does


def test_whoever_looks_hears_of_what_opens_and_of_nothing_else(here: House) -> None:
    """The dashboard reads again when it hears this, and never by the clock."""
    shop, repository = here.database("looked-at"), here.repository("looked-into")
    here.turn()
    listener = here.loop._wake.listen("looker")
    try:
        here.turn(120)
        assert CHANGED not in listener.wait(0.2)
        here.failed(shop, repository)
        here.turn()
        assert CHANGED in listener.wait(0.2)
    finally:
        listener.close()
