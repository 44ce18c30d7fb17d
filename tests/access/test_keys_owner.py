"""A key never does more than whoever made it, neither then nor later."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from grants_world import PLACES, ROOT, World, world
from statements import statements

from holdfast.features.access.actor import Actor
from holdfast.features.access.granting.ending import end_environment, end_project
from holdfast.features.access.grants import Grant, Place
from holdfast.features.access.keys import WantedKey
from holdfast.features.access.permissions import ALL, ROLES
from holdfast.kernel.errors import Denied, HoldfastError, Invalid, NotFound, Unauthenticated


@pytest.fixture
def w(tmp_path: Path) -> Iterator[World]:
    made = world(tmp_path)
    yield made
    made.db.close()


def make(w: World, actor: Actor, name: str = "k", **wanted: Any) -> Actor:
    """The new key, as whoever uses it."""
    return w.keys.actor_of(w.keys.create(actor, WantedKey(name, **wanted))[1])


def reach(actor: Actor, permission: str) -> set[str]:
    return {name for name, at in PLACES.items() if actor.holds(permission, at)}


def test_a_persons_key_loses_at_once_what_the_person_loses(w) -> None:
    user_id = w.user("ann@example.org")
    grant = w.give(user_id, "admin", "p")
    w.give(user_id, "viewer", "q1")
    key, text = w.keys.create(w.person(user_id), WantedKey("mine"))
    assert key.owner_id == user_id
    before = w.keys.actor_of(text)
    assert reach(before, "snapshot.delete") == {"p", "p1", "p2", "p1a", "p1b", "p2a", "p2b"}
    assert reach(before, "snapshot.read") == {*reach(before, "snapshot.delete"), "q1", "q1a", "q1b"}
    w.grants.delete(ROOT, grant)
    after = w.keys.actor_of(text)
    assert reach(after, "snapshot.delete") == set()
    assert reach(after, "snapshot.read") == {"q1", "q1a", "q1b"}
    w.give(user_id, "owner")
    assert not w.keys.actor_of(text).may("snapshot.delete", Place("q")), "places were decided when it was made"


def test_the_keys_of_someone_disabled_are_dead_until_they_are_back(w) -> None:
    user_id = w.user("ann@example.org", "admin")
    _, text = w.keys.create(w.person(user_id), WantedKey("mine"))
    child_id, child = w.keys.create(w.keys.actor_of(text), WantedKey("child"))
    _, server = w.keys.create(ROOT, WantedKey("server"))
    w.disable(user_id)
    for dead in (text, child):
        with pytest.raises(Unauthenticated) as refused:
            w.keys.actor_of(dead)
        assert refused.value.message == "this key is not valid"
    with pytest.raises(Unauthenticated):
        w.keys.actor_of_id(child_id.id)
    assert w.keys.actor_of(server).permissions == ALL
    w.disable(user_id, back=True)
    assert w.keys.actor_of(child).permissions == ROLES["admin"]


def test_a_key_of_a_key_belongs_to_the_same_person_and_ends_no_later(w) -> None:
    actor = w.someone("ann@example.org", p="admin")
    end = w.clock.now() + timedelta(days=2)
    key, text = w.keys.create(actor, WantedKey("mine", expires_at=end))
    inner = w.keys.actor_of(text)
    child, _ = w.keys.create(inner, WantedKey("child"))
    assert (child.owner_id, child.created_by, child.expires_at) == (actor.id, key.id, end)
    with pytest.raises(Invalid) as refused:
        w.keys.create(inner, WantedKey("later", expires_at=end + timedelta(seconds=1)))
    assert refused.value.code == "expiry_invalid"
    sooner = end - timedelta(days=1)
    assert w.keys.create(inner, WantedKey("sooner", expires_at=sooner))[0].expires_at == sooner


@pytest.mark.parametrize(
    ("limits", "wider"),
    [
        ({"projects": ["p"]}, [{"projects": ["q"]}, {"environments": ["q1"]}]),
        ({"environments": ["p1"]}, [{"projects": ["p"]}, {"environments": ["p2"]}, {"resources": ["p2a"]}]),
        ({"resources": ["p1a"]}, [{"projects": ["p"]}, {"environments": ["p1"]}, {"resources": ["p1b"]}]),
    ],
)
def test_a_limited_key_makes_no_wider_one(w, limits: dict[str, list[str]], wider: list[dict[str, list[str]]]) -> None:
    inner = make(w, ROOT, **limits)
    (own,) = {name for ids in limits.values() for name in ids}
    assert reach(make(w, inner), "snapshot.read") == {name for name in PLACES if name.startswith(own)}
    for places in wider:
        with pytest.raises((Denied, NotFound)):
            make(w, inner, **places)
    for noun in ("environments", "resources"):
        assert said(w, inner, **{noun: ["q1"]}) == said(w, inner, **{noun: ["zz"]})


def said(w: World, actor: Actor, **wanted: Any) -> dict[str, Any]:
    try:
        make(w, actor, **wanted)
    except HoldfastError as error:
        return error.as_dict()
    raise AssertionError("it was allowed")


def test_what_an_environment_shares_is_not_given_on(w) -> None:
    """Someone in one environment sees that the project has others; their key must not list them as its own."""
    for permission in ("environment.read", "project.read", "repository.read"):
        inner = make(w, ROOT, environments=["p1"], permissions=["key.create", permission])
        assert inner.may(permission, Place("p"))
        with pytest.raises((Denied, NotFound)):
            make(w, inner, projects=["p"], permissions=[permission])
        assert not make(w, inner).holds(permission, Place("p"))


def test_a_permission_held_elsewhere_is_not_given_here(w) -> None:
    actor = w.someone("ann@example.org", p="admin", q="viewer")
    with pytest.raises((Denied, NotFound)):
        make(w, actor, projects=["q"], permissions=["snapshot.delete"])
    mixed = make(w, actor, permissions=["snapshot.delete", "snapshot.read"])
    assert reach(mixed, "snapshot.delete") == {name for name in PLACES if name[0] == "p"}
    assert reach(mixed, "snapshot.read") == set(PLACES)


def test_a_limited_key_gives_no_role_that_may_come_to_mean_more(w) -> None:
    role_id = w.role("helper", {"run.read", "key.create"})
    inner = make(w, ROOT, permissions=["run.read", "key.create"], projects=["p"])
    with pytest.raises(Denied) as refused:
        make(w, inner, role="helper")
    assert refused.value.code == "role_not_own"
    own = make(w, ROOT, role="helper", projects=["p"])
    child, text = w.keys.create(own, WantedKey("child", role="helper"))
    assert child.role == "helper"
    w.roles.update(ROOT, role_id, 1, {"permissions": ["run.read"]})
    assert w.keys.actor_of(text).permissions == {"run.read"}
    with pytest.raises(Invalid) as unknown:
        make(w, ROOT, role="nothing")
    assert unknown.value.code == "role_unknown"


def test_a_token_with_less_than_its_person_makes_no_key_with_more(w) -> None:
    user_id = w.user("ann@example.org", "admin")
    person = w.person(user_id)
    scope = (Grant(frozenset({"key.create", "run.read"}), "p"),)
    token = Actor(person.id, "user", person.display, person.grants, scope)
    for more in ({"permissions": ["snapshot.read"]}, {"projects": ["q"]}, {"role": "viewer"}):
        with pytest.raises((Denied, NotFound)):
            make(w, token, **more)
    made = make(w, token)
    assert made.permissions == {"key.create", "run.read"}
    assert reach(made, "run.read") == {name for name in PLACES if name[0] == "p"}


def test_a_token_with_different_rights_in_two_projects_does_not_mix_them(w) -> None:
    """A key has one set of permissions for all its places: it must not carry one project's into the other."""
    person = w.person(w.user("ann@example.org", "owner"))
    create = frozenset({"key.create"})
    scope = (Grant(create | {"snapshot.delete"}, "p"), Grant(create | {"run.read"}, "q"))
    token = Actor(person.id, "user", person.display, person.grants, scope)
    for wanted in ({}, {"permissions": ["snapshot.delete", "run.read"]}, {"projects": ["p", "q"]}):
        with pytest.raises(Denied):
            make(w, token, **wanted)
    assert reach(make(w, token, permissions=["run.read"]), "run.read") == {name for name in PLACES if name[0] == "q"}


def test_keys_are_managed_where_all_their_places_are(w) -> None:
    """Somebody's right in one project reaches no key of another, nor one for both; their own they always manage."""
    admin = w.someone("ann@example.org", p="admin", q="viewer")
    here, there, both = (w.keys.create(ROOT, WantedKey("k", projects=list(at)))[0] for at in ("p", "q", "pq"))
    nowhere = w.keys.create(ROOT, WantedKey("k", projects=[]))[0]
    part = w.keys.create(ROOT, WantedKey("k", environments=["p1"], resources=["p2a"]))[0]
    assert [key.id for key in w.keys.list(admin)] == [here.id, part.id]
    for key in (there, both, nowhere, w.keys.create(ROOT, WantedKey("k"))[0]):
        for act in (w.keys.get, w.keys.revoke, w.keys.rotate):
            with pytest.raises(NotFound):
                act(admin, key.id)
    w.keys.revoke(admin, part.id)
    developer = w.someone("ben@example.org", p1="developer")
    own = w.keys.create(developer, WantedKey("own"))[0]
    assert [key.id for key in w.keys.list(developer)] == [own.id]
    with pytest.raises(Denied):
        w.keys.revoke(developer, here.id)
    assert w.keys.revoke(developer, own.id).revoked_at is not None
    with pytest.raises(Denied):
        w.keys.revoke(make(w, developer), own.id)


def test_nobody_but_people_and_keys_makes_keys(w) -> None:
    with pytest.raises(Denied) as refused:
        w.keys.create(Actor("sch_1", "schedule", "nightly", (Grant(ALL),)), WantedKey("k"))
    assert refused.value.code == "no_key_maker"


def test_keys_are_narrowed_when_a_place_ends(w) -> None:
    """Never widened: a key whose last place went does nothing anywhere."""
    user_id = w.user("ann@example.org")
    for role, at in (("viewer", "p"), ("operator", "p1"), ("admin", "q")):
        w.give(user_id, role, at)
    both, text = w.keys.create(ROOT, WantedKey("k", projects=["p", "q"], environments=["p1"], resources=["p1a", "p2a"]))
    only, lone = w.keys.create(ROOT, WantedKey("k", projects=["p"]))
    with w.db.write() as conn:
        assert end_environment(conn, "p1") == {"grants": 1, "keys": 1}
    assert w.keys.get(ROOT, both.id).places == (Place("p"), Place("q"), Place("p", "p2", "p2a"))
    with w.db.write() as conn:
        assert end_project(conn, "p") == {"grants": 1, "keys": 2}
        assert conn.execute(sa.text("SELECT count(*) FROM role_grants")).scalar() == 1
    assert w.keys.get(ROOT, both.id).places == (Place("q"),)
    assert reach(w.keys.actor_of(text), "run.read") == {name for name in PLACES if name[0] == "q"}
    assert w.keys.get(ROOT, only.id).places == ()
    dead = w.keys.actor_of(lone)
    assert (dead.permissions, dead.projects) == (frozenset(), frozenset())


def test_a_key_is_known_by_two_statements(w) -> None:
    """Whoever owns it, however many places and grants there are."""
    user_id = w.user("ann@example.org")
    for at in ("everywhere", "p", "q", "p1", "q2"):
        w.give(user_id, "admin", at)
    texts = [w.keys.create(w.person(user_id), WantedKey("k"))[1], w.keys.create(ROOT, WantedKey("k"))[1]]
    for text in texts:
        w.keys.actor_of(text)  # its first use is written down
        with statements(w.db) as seen:
            w.keys.actor_of(text)
        assert len(seen) <= 2, seen
