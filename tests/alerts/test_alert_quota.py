"""A project's storage quota: told before it is used up, critical when it is, over when there is room again."""

from __future__ import annotations

import json

import pytest
from alert_house import GB, OWNER, House
from alert_receivers import Hooks

from holdfast.features.alerts.rule_service import WantedRule
from holdfast.features.backups.counts import COUNTS
from holdfast.features.limits.service import LimitsService
from holdfast.features.limits.wiring import limits
from holdfast.features.limits.words import Subject
from holdfast.features.projects.service import ProjectsService


@pytest.fixture
def quota(here: House) -> LimitsService:
    return limits(here.db, here.clock, COUNTS).service


def standing(here: House) -> list[tuple[str, str, str]]:
    return [(each.type, each.severity, each.state) for each in here.standing()]


def test_a_quota_that_fills_is_told_and_ends(here: House, quota: LimitsService, hooks: Hooks) -> None:
    """At four fifths a warning, at all of it critical, told again as such; with more room it is over."""
    here.hook(hooks.url)
    database, repository = here.database("a\"b'; --"), here.repository()
    here.turn(61)
    quota.put(OWNER, Subject("project", here.project), "storage", 10 * GB, None)
    for _ in range(7):
        here.snapshot(database, repository)
    here.turn(61)
    assert standing(here) == [], "seven tenths"
    here.snapshot(database, repository)
    here.turn(61)
    assert standing(here) == [("quota_near", "warning", "open")]
    here.turn(90)
    for _ in range(2):
        here.snapshot(database, repository)
    here.turn(61)
    assert standing(here) == [("quota_near", "critical", "open")]
    here.turn(90)
    quota.put(OWNER, Subject("project", here.project), "storage", 100 * GB, None)
    here.turn(61)
    here.turn(90)
    assert standing(here) == [("quota_near", "critical", "resolved")]
    told = [part for each in hooks.seen for part in json.loads(each.body)["alerts"]]
    assert {part["name"] for part in told} == {"a\"b'; -- ü"}
    assert [part["phase"] for part in told] == ["opened", "worse", "resolved"]
    assert "80 % of the storage quota" in told[0]["error"]


def test_only_the_projects_own_and_only_with_a_quota(here: House, quota: LimitsService) -> None:
    other = ProjectsService(here.db, here.clock, here.secrets, ()).create(OWNER, "other")
    database, repository = here.database(), here.repository()
    for _ in range(20):
        here.snapshot(database, repository)
    here.turn(61)
    assert standing(here) == [], "without a quota nothing is near it"
    quota.put(OWNER, Subject("project", other.id), "storage", GB, None)
    here.turn(61)
    assert standing(here) == [], "what another project keeps does not count"
    quota.put(OWNER, Subject("project", ""), "storage", 20 * GB, None)
    here.turn(61)
    assert standing(here) == [("quota_near", "critical", "open")], "the default of all projects counts too"


def test_a_rule_tells_sooner(here: House, quota: LimitsService) -> None:
    quota.put(OWNER, Subject("project", here.project), "storage", 10 * GB, None)
    for _ in range(5):
        here.snapshot(here.database(f"db{_}"), here.repository(f"r{_}"))
    here.turn(61)
    assert standing(here) == []
    here.rules.create(OWNER, WantedRule(here.project, "half", "immediate", ["quota_near"], threshold=50))
    here.turn(61)
    assert standing(here) == [("quota_near", "warning", "open")]
