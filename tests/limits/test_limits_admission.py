"""Who is let in: each is counted for itself, and a flood of one is nobody else's matter."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from limits_house import ROOT, House, house, key, person
from statements import statements

from holdfast.features.access.actor import Actor
from holdfast.features.access.grants import Grant
from holdfast.features.access.permissions import ALL
from holdfast.features.limits.admission import Admission, neighbourhood, subjects_of
from holdfast.features.limits.errors import Limited
from holdfast.features.limits.refusals import QUIET, STRANGERS_AN_HOUR, Refusals
from holdfast.features.limits.words import SHIPPED, Subject


@pytest.fixture
def here(tmp_path: Path) -> Iterator[House]:
    with house(tmp_path) as made:
        yield made


def flood(here: House, actor: Actor, most: int = 5_000) -> int:
    """Calls that were let in before the first refusal."""
    for count in range(most):
        try:
            here.limits.admission.actor(actor)
        except Limited:
            return count
    return most


def test_the_shipped_limits_of_a_key(here: House) -> None:
    """200 at once, 1,000 in an hour; then what is left comes back."""
    actor, admitted = key(), 0
    while admitted < 1_000:
        admitted += flood(here, actor)
        here.clock.advance(11)
    with pytest.raises(Limited) as refused:
        here.limits.admission.actor(actor)
    details = refused.value.details
    assert (admitted, details["what"], details["limit"], details["remaining"]) == (1_000, "calls", 1_000, 0)
    assert details["retry_after_seconds"] <= 3_660
    here.clock.advance(details["retry_after_seconds"])
    assert flood(here, actor) == 200


def test_a_flood_blocks_itself_alone(here: House) -> None:
    """Two keys of one project: the refused calls of one take nothing from the project's share."""
    loud, quiet = key(here.project), key(here.project)
    here.put("project", "calls", 400, here.project)
    assert flood(here, loud) == 200
    for _ in range(2_000):
        with pytest.raises(Limited):
            here.limits.admission.actor(loud)
    assert flood(here, quiet) == 200
    assert flood(here, key(here.other)) == 200


def test_a_projects_limit_is_for_all_its_keys_together(here: House) -> None:
    here.put("project", "calls", 300, here.project)
    first, second = key(here.project), key(here.project)
    assert flood(here, first) + flood(here, second) == 300
    with pytest.raises(Limited) as refused:
        here.limits.admission.actor(second)
    assert refused.value.subject == Subject("project", here.project)
    assert flood(here, key(here.other)) == 200


def test_who_is_charged(here: House) -> None:
    wide, narrow = key(), key(here.project)
    two = Actor("key_2", "key", "k", (Grant(ALL, here.project), Grant(ALL, here.other)))
    bounded = Actor("key_3", "key", "k", (Grant(ALL),), bounds=(Grant(ALL, here.project, "env_1"),))
    someone = person()
    assert subjects_of(wide) == (Subject("key", wide.id),)
    assert subjects_of(narrow) == (Subject("key", narrow.id), Subject("project", here.project))
    assert subjects_of(two) == (Subject("key", "key_2"),)
    assert subjects_of(bounded) == (Subject("key", "key_3"), Subject("project", here.project))
    assert subjects_of(someone) == (Subject("user", someone.id),)
    assert subjects_of(ROOT) == ()
    assert here.limits.admission.actor(ROOT) == []


def test_a_change_holds_from_the_next_call_and_keeps_what_was_spent(here: House) -> None:
    actor = here.stored_key()
    assert flood(here, actor) == 200
    here.put("key", "burst", 250, actor.id)
    assert flood(here, actor) == 50
    here.put("key", "burst", None)
    assert flood(here, actor) == 0  # its own limit goes before the default
    other = here.stored_key()
    assert flood(here, other) == 1_000
    here.put("key", "calls", 0, other.id)
    assert flood(here, other) == 0


def test_addresses_are_counted_apart_and_ipv6_by_network(here: House) -> None:
    here.put("address", "burst", 3)
    for _ in range(3):
        here.limits.admission.stranger("2001:db8:0:1::1")
    with pytest.raises(Limited):
        here.limits.admission.stranger("2001:db8:0:1:ffff::9")
    here.limits.admission.stranger("2001:db8:0:2::1")
    here.limits.admission.stranger("198.51.100.7")
    assert neighbourhood("::ffff:198.51.100.7") == neighbourhood("198.51.100.7") == "198.51.100.7"
    assert neighbourhood("2001:db8:0:1::1") == "2001:db8:0:1::/64"
    assert neighbourhood("no address") == "no address"


def test_another_node_hears_of_a_change_within_a_second(here: House) -> None:
    """What two api processes on PostgreSQL do; an embedded database has one, which need not ask."""
    node = here.again()
    node.book.poll_seconds = 1.0
    actor = here.stored_key()
    here.clock.advance(5)
    node.admission.actor(actor)
    here.put("key", "calls", 1, actor.id)
    here.clock.advance(1.5)
    for _ in range(200):
        try:
            node.admission.actor(actor)
        except Limited:
            break
        time.sleep(0.01)
    else:
        pytest.fail("the change was never seen")
    node.book.close()


def test_a_flood_is_one_row_in_ten_minutes(here: House) -> None:
    refusals = Refusals(here.db, here.clock)
    actor = key()
    flood(here, actor)
    written = 0
    for _ in range(500):
        try:
            here.limits.admission.actor(actor)
        except Limited as limited:
            written += refusals.record(actor, limited)
    assert written == 1
    here.clock.advance(20)
    flood(here, actor)
    with pytest.raises(Limited) as refused:
        here.limits.admission.actor(actor)
    assert not refusals.record(actor, refused.value)
    here.clock.advance(QUIET)
    flood(here, actor)
    with pytest.raises(Limited) as refused:
        here.limits.admission.actor(actor)
    assert refusals.record(actor, refused.value)


def test_ten_thousand_addresses_do_not_fill_the_log(here: House) -> None:
    refusals = Refusals(here.db, here.clock)
    here.put("address", "burst", 0)
    written = 0
    for number in range(10_000):
        try:
            here.limits.admission.stranger(f"198.51.{number // 256}.{number % 256}")
        except Limited as limited:
            written += refusals.record(None, limited)
    assert written == STRANGERS_AN_HOUR


def test_threads_together_get_no_more_than_one_alone(here: House) -> None:
    actor, admitted = key(here.project), []

    def ask() -> None:
        for _ in range(100):
            try:
                here.limits.admission.actor(actor)
                admitted.append(1)
            except Limited:
                pass

    threads = [threading.Thread(target=ask) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(admitted) == SHIPPED["key"]["burst"].amount


def test_a_call_that_is_let_in_asks_the_database_nothing(here: House) -> None:
    """With all four limits of a key in a project, once they were read."""
    here.put("key", "calls", 10**9)
    here.put("key", "burst", 10**9)
    here.put("project", "calls", 10**9)
    here.put("project", "burst", 10**9)
    admission: Admission = here.limits.admission
    admission.actor(key(here.project))
    with statements(here.db) as said:
        for actor in [key(here.project) for _ in range(50)]:
            for _ in range(20):
                admission.actor(actor)
    assert said == []
