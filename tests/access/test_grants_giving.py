"""Giving and taking roles at a place, and who is told about it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from grants_world import ROOT, World, wanted, world

from holdfast.features.access.actor import Actor
from holdfast.features.access.granting.model import WantedGrant
from holdfast.features.access.grants import Grant, Place
from holdfast.features.access.permissions import ALL, ROLES
from holdfast.kernel.errors import Conflict, Denied, Invalid, NotFound


@pytest.fixture
def w(tmp_path: Path) -> Iterator[World]:
    made = world(tmp_path)
    yield made
    made.db.close()


def test_a_projects_admin_lets_people_into_that_project_only(w) -> None:
    admin, ben = w.someone("ann@example.org", p="admin"), w.user("ben@example.org")
    for at in ("p", "p1", "p2"):
        w.give(ben, "operator", at, by=admin)
    assert w.person(ben).may("snapshot.create", Place("p", "p2"))
    assert not w.person(ben).may("snapshot.create", Place("q"))
    for at, error in (("q", NotFound), ("q1", NotFound), ("everywhere", Denied)):
        with pytest.raises(error):
            w.give(ben, "operator", at, by=admin)
    (first, *_) = w.audit("role.grant")[1:]
    assert (first["actor"], first["project_id"], first["details"]) == (
        admin.id,
        "p",
        {"user_id": ben, "role": "operator"},
    )


def test_a_foreign_place_is_an_absent_one(w) -> None:
    admin, ben = w.someone("ann@example.org", p="admin"), w.user("ben@example.org")
    said = []
    for at in ("q", "z", "q1", "z1"):
        with pytest.raises(NotFound) as refused:
            w.give(ben, "viewer", at, by=admin)
        said.append(refused.value.as_dict())
    assert said[0] == said[1]
    assert said[2] == said[3]
    with pytest.raises(NotFound):
        w.grants.create(ROOT, WantedGrant("viewer", user_id=ben, project_id="p", environment_id="q1"))


def test_nobody_gives_or_takes_more_than_they_hold_there(w) -> None:
    w.role("host", {"role.grant", "role.read", "run.read"})
    w.role("reader", {"run.read"})
    host, ben = w.someone("ann@example.org", p="host", q="admin"), w.user("ben@example.org")
    w.give(ben, "reader", "p1", by=host)
    with pytest.raises(Denied) as refused:
        w.give(ben, "viewer", "p", by=host)
    assert refused.value.details["permission"] in ROLES["viewer"] - {"run.read"}
    above = w.give(ben, "admin", "p")
    with pytest.raises(Denied):
        w.grants.delete(host, above)
    mine = w.give(ben, "host", "p", by=host)
    w.grants.delete(host, mine)
    with pytest.raises(NotFound):
        w.grants.delete(host, mine)


def test_what_an_environment_shares_is_not_given(w) -> None:
    """One may read the project's name from inside an environment; that is no right in the project."""
    w.role("inner", {"role.grant", "project.read"})
    w.role("names", {"project.read"})
    inner, ben = w.someone("ann@example.org", p1="inner"), w.user("ben@example.org")
    assert inner.may("project.read", Place("p"))
    w.give(ben, "names", "p1", by=inner)
    with pytest.raises(Denied):
        w.give(ben, "names", "p", by=inner)


def test_someone_absent_disabled_or_deleted_is_not_there(w) -> None:
    ben = w.user("ben@example.org")
    w.disable(ben)
    said = []
    for who in ({"user_id": ben}, {"user_id": "usr_nobody"}, {"email": "ben@example.org"}, {"email": "no@example.org"}):
        with pytest.raises(NotFound) as refused:
            w.grants.create(ROOT, WantedGrant("viewer", project_id="p", **who))
        said.append(refused.value.as_dict())
    assert said == [said[0]] * 4
    assert said[0]["code"] == "user_not_found"
    w.disable(ben, back=True)
    assert w.grants.create(ROOT, WantedGrant("viewer", email=" BEN@example.org ", project_id="p")).user_id == ben


@pytest.mark.parametrize("at", ["everywhere", "p", "p1"])
def test_the_same_twice_is_refused(w, at: str) -> None:
    """Also where the place has NULLs, which a unique constraint takes for different."""
    ben = w.user("ben@example.org")
    given = w.give(ben, "viewer", at)
    with pytest.raises(Conflict) as refused:
        w.give(ben, "viewer", at)
    assert refused.value.code == "grant_exists"
    w.give(ben, "operator", at)
    w.grants.delete(ROOT, given)
    w.give(ben, "viewer", at)


def test_a_role_has_to_be_there_and_to_mean_something(w) -> None:
    ben = w.user("ben@example.org")
    w.role("empty", ())
    for role, code in (("nothing", "role_unknown"), ("member", "role_empty"), ("empty", "role_empty")):
        with pytest.raises(Invalid) as refused:
            w.give(ben, role, "p")
        assert refused.value.code == code


def test_the_password_is_typed_again_first(w) -> None:
    ben, given = w.user("ben@example.org"), w.give(w.user("cem@example.org"), "viewer", "p")
    stale = Actor("usr_x", "user", "x", (Grant(ALL),), stepped_up=False, session_id="ses_1")
    for act in (
        lambda: w.grants.create(stale, wanted(ben, "viewer", "p")),
        lambda: w.grants.delete(stale, given),
        lambda: w.role("more", {"run.read"}, by=stale),
    ):
        with pytest.raises(Denied) as refused:
            act()
        assert refused.value.code == "step_up_required"
    assert len(w.audit("role.grant")) == 1


def test_who_is_told_about_which_grants(w) -> None:
    people = {name: w.user(f"{name}@example.org") for name in ("ann", "ben")}
    ids = {at: w.give(people["ann"], "viewer", at) for at in ("everywhere", "p", "p1", "p2", "q")}
    w.role("watcher", {"role.read"})
    ids["owner"] = w.give(people["ben"], "owner")
    for at, seen in (
        ("p", {"p", "p1", "p2"}),
        ("p1", {"p1"}),
        ("q1", set()),
    ):
        actor = w.someone(f"{at}@example.org", **{at: "watcher"})
        assert {given.id for given in w.grants.list(actor, user_id=people["ann"])} == {ids[each] for each in seen}
    assert {given.id for given in w.grants.list(ROOT)} >= set(ids.values())
    assert [given.id for given in w.grants.list(ROOT, project_id="p", user_id=people["ann"])] == [
        ids[each] for each in ("p", "p1", "p2")
    ]
    watcher = w.someone("w@example.org", p="watcher")
    with pytest.raises(NotFound):
        w.grants.list(watcher, project_id="q")
    with pytest.raises(NotFound):
        w.grants.delete(w.someone("x@example.org", q="admin"), ids["everywhere"])


def test_the_members_of_a_project(w) -> None:
    """Everyone who may do something in it, whatever lets them; someone in one environment hears of that one only."""
    boss = w.user("boss@example.org", "admin")
    ann, ben, gone = (w.user(f"{name}@example.org") for name in ("ann", "ben", "gone"))
    in_p, in_p1, in_q = w.give(ann, "viewer", "p"), w.give(ann, "operator", "p1"), w.give(ben, "viewer", "q")
    all_over = w.give(ben, "viewer")
    w.give(gone, "viewer", "p")
    w.disable(gone)
    found = [(m.user_id, m.role, m.grant_id) for m in w.grants.members(ROOT, "p")]
    assert found == sorted(
        [(boss, "admin", None), (ann, "viewer", in_p), (ann, "operator", in_p1), (ben, "viewer", all_over)],
        key=lambda each: (each[0], each[2] or ""),
    )
    walked: list[tuple[str, str]] = []
    while page := w.grants.members(ROOT, "p", after=walked[-1] if walked else None, limit=1):
        walked += [(m.user_id, m.grant_id or "") for m in page]
    assert walked == [(user_id, grant_id or "") for user_id, _, grant_id in found]
    w.role("watcher", {"role.read"})
    inner = w.someone("in@example.org", p1="watcher")
    assert {m.grant_id for m in w.grants.members(inner, "p")} >= {in_p1}
    assert not {m.grant_id for m in w.grants.members(inner, "p")} & {None, in_p, in_q, all_over}
    for absent in ("q", "z"):
        with pytest.raises(NotFound):
            w.grants.members(inner, absent)
    with pytest.raises(NotFound):
        w.grants.members(ROOT, "z")
