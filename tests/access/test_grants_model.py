"""What may be done where, against a model that knows nothing but paths: in Python, and in SQL on a real table."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import metadata_home
import pytest
import sqlalchemy as sa
from grants_world import PLACES
from hypothesis import given, settings
from hypothesis import strategies as st

from holdfast.features.access.actor import Actor, Hidden
from holdfast.features.access.grants import SHARED_READS, Columns, Grant, Place
from holdfast.features.access.permissions import ALL
from holdfast.kernel.db import Database
from holdfast.kernel.errors import Denied

PERMISSIONS = (*sorted(SHARED_READS), "run.read", "snapshot.restore", "role.grant")


@dataclass(frozen=True)
class Rule:
    """A grant as the model knows it: names, and the path they hold in; "" is the installation."""

    permissions: frozenset[str]
    path: str

    def grant(self) -> Grant:
        at = PLACES.get(self.path)
        return Grant(self.permissions) if at is None else Grant(self.permissions, **vars(at))


Rules = list[Rule]
rules = st.lists(
    st.builds(Rule, st.frozensets(st.sampled_from(PERMISSIONS)), st.sampled_from(["", *PLACES])), max_size=4
)


def allowed(held: Rules, permission: str, path: str) -> bool:
    """Below the rule's path everything it names; above it only what people inside share."""
    return any(
        permission in rule.permissions
        and (path.startswith(rule.path) or (permission in SHARED_READS and rule.path.startswith(path)))
        for rule in held
    )


def whole(held: Rules, permission: str, path: str) -> bool:
    return any(permission in rule.permissions and path.startswith(rule.path) for rule in held)


def near(held: Rules, path: str) -> bool:
    return any(rule.permissions and (path.startswith(rule.path) or rule.path.startswith(path)) for rule in held)


def somewhere(held: Rules, permission: str) -> bool:
    return any(permission in rule.permissions for rule in held)


def in_project(held: Rules, permission: str, project: str) -> bool:
    return any(permission in rule.permissions and rule.path[:1] in ("", project) for rule in held)


def outcome(actor: Actor, permission: str, place: Place | None) -> str:
    try:
        actor.require(permission, place)
    except Denied as error:
        return "denied" if error.details == {"permission": permission} else f"denied without a name: {error.details}"
    except Hidden as error:
        return "hidden" if error.code == permission.partition(".")[0] + "_not_found" else error.code
    return "yes"


def outcome_within(actor: Actor, permission: str, project: str | None) -> str:
    try:
        actor.require_within(permission, project)
    except Denied:
        return "denied"
    except Hidden as error:
        return "hidden" if error.code == "project_not_found" else error.code
    return "yes"


@pytest.fixture(scope="module")
def table() -> Iterator[tuple[Database, sa.Table]]:
    """A row per place: what is not in an environment or of a resource has NULL there."""
    things = sa.Table(
        "things",
        sa.MetaData(),
        *(sa.Column(name, sa.String(40)) for name in ("id", "project_id", "environment_id", "resource_id")),
    )
    with tempfile.TemporaryDirectory() as folder:
        db = Database(metadata_home.url(Path(folder) / "meta.db"))
        with db.write() as conn:
            things.create(conn)
            for path, place in PLACES.items():
                conn.execute(things.insert().values(id=path, **vars(place)))
        yield db, things
        db.close()


@settings(max_examples=300, deadline=None)
@given(held=rules, bounds=st.none() | rules)
def test_python_and_sql_say_what_the_model_says(table, held: Rules, bounds: Rules | None) -> None:
    both = [held] if bounds is None else [held, bounds]
    grants = tuple(rule.grant() for rule in held)
    actor = Actor("key_x", "key", "x", grants, None if bounds is None else tuple(rule.grant() for rule in bounds))
    assert actor.permissions == {p for p in PERMISSIONS if all(somewhere(each, p) for each in both)}
    for path, place in PLACES.items():
        seen = all(near(each, path) for each in both)
        assert actor.sees(place) is seen
        for permission in PERMISSIONS:
            may = all(allowed(each, permission, path) for each in both)
            assert actor.may(permission, place) is may, (permission, path)
            assert actor.holds(permission, place) is all(whole(each, permission, path) for each in both)
            told = "denied" if permission not in actor.permissions or seen else "hidden"
            assert outcome(actor, permission, place) == ("yes" if may else told), (permission, path)
    for permission in PERMISSIONS:
        there = all(somewhere(each, permission) for each in both)
        assert outcome(actor, permission, None) == outcome_within(actor, permission, None)
        assert (outcome(actor, permission, None) == "yes") is there
        assert actor.holds(permission, None) is all(whole(each, permission, "") for each in both)
        for project in ("p", "q"):
            seen = all(near(each, project) for each in both)
            inside = all(in_project(each, permission, project) for each in both)
            told = "denied" if not there or seen else "hidden"
            assert outcome_within(actor, permission, project) == ("yes" if there and inside else told)
    rows_are_the_models(table, actor, both)


def rows_are_the_models(table: tuple[Database, sa.Table], actor: Actor, both: list[Rules]) -> None:
    """Also for tables that know no resources, and those that know projects only: their rows live further up."""
    db, things = table
    c = things.c
    shapes = {
        3: Columns.of(things),
        2: Columns(c.project_id, c.environment_id),
        1: Columns(c.project_id),
    }
    with db.read() as conn:
        for depth, at in shapes.items():
            for permission in PERMISSIONS:
                seen = set(conn.execute(sa.select(c.id).where(actor.visible(permission, at))).scalars())
                wanted = {path for path in PLACES if all(allowed(each, permission, path[:depth]) for each in both)}
                assert seen == wanted, (permission, depth)


def test_the_model_could_say_no(table) -> None:
    """The comparison notices a grant that is taken for another: of a neighbour, or one level up."""
    actor = Actor("key_x", "key", "x", (Grant(frozenset({"run.read"}), "p", "p1"),))
    rows_are_the_models(table, actor, [[Rule(frozenset({"run.read"}), "p1")]])
    for wrong in ("p2", "p", "p1a", ""):
        with pytest.raises(AssertionError):
            rows_are_the_models(table, actor, [[Rule(frozenset({"run.read"}), wrong)]])


@pytest.mark.parametrize("shared", sorted(SHARED_READS))
def test_what_an_environment_shares_with_its_project(table, shared: str) -> None:
    """Someone let into one environment, or to one database, reads these around it; nothing is written there, and
    nothing of the neighbours is read."""
    for path in ("p1", "p1a"):
        at = PLACES[path]
        actor = Actor("usr_x", "user", "x", (Grant(ALL, **vars(at)),))
        assert actor.may(shared, Place("p"))
        assert not actor.holds(shared, Place("p"))
        assert not actor.may(shared, Place("p", "p2"))
        assert not actor.may(shared, Place("q"))
        assert [p for p in sorted(ALL) if actor.may(p, Place("p"))] == sorted(SHARED_READS)
        rows_are_the_models(table, actor, [[Rule(ALL, path)]])


def test_a_misspelt_permission_is_a_fault_of_ours() -> None:
    actor = Actor("usr_x", "user", "x", (Grant(ALL),))
    for ask in (
        lambda: actor.may("snapshot.craete", Place("p")),
        lambda: actor.require("snapshot.craete"),
        lambda: actor.holds("snapshot.craete", None),
        lambda: actor.visible("snapshot.craete", Columns(sa.column("project_id"))),
    ):
        with pytest.raises(ValueError, match="registry"):
            ask()


def test_a_grant_is_in_a_tree() -> None:
    for wrong in ({"environment_id": "p1"}, {"project_id": "p", "resource_id": "p1a"}, {"resource_id": "p1a"}):
        with pytest.raises(ValueError, match="is in a"):
            Grant(ALL, **wrong)
