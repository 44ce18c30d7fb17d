"""Nobody comes to more than they were given: not by making roles, keys and grants, in any order, nor two together."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from grants_world import PLACES, ROOT, World, world
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from holdfast.features.access.actor import Actor
from holdfast.features.access.granting.model import WantedGrant, WantedRole
from holdfast.features.access.grants import Place
from holdfast.features.access.keys import WantedKey
from holdfast.kernel.errors import HoldfastError, Unauthenticated

PERMISSIONS = (
    *("project.read", "environment.read", "run.read", "snapshot.restore"),
    *("key.create", "key.read", "key.rotate", "key.revoke", "role.read", "role.grant", "role.manage"),
)
some = st.frozensets(st.sampled_from(PERMISSIONS), max_size=6)
many = st.frozensets(st.sampled_from(PERMISSIONS), max_size=5).map(lambda lacking: frozenset(PERMISSIONS) - lacking)
where = st.sampled_from(["everywhere", "everywhere", "everywhere", "p", "q", "p1", "p2"])
anywhere = st.sampled_from([*PLACES])
pick = st.integers(0, 1000)
ROLES = ("r0", "r1", "r2", "viewer", "operator")


def _limits(names: list[str]) -> dict[str, list[str]]:
    kinds = {1: "projects", 2: "environments", 3: "resources"}
    found: dict[str, list[str]] = {}
    for name in names:
        found.setdefault(kinds[len(name)], []).append(name)
    return found


class TwoColleagues(RuleBasedStateMachine):
    """Two people with what they were given, everything they make, and a third who is nobody yet. They work together:
    the bound is what both could do at the start."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory(prefix="hf-colleagues-")
        self.w: World = world(Path(self.folder.name))
        self.people = [self.w.user(f"{name}@example.org") for name in ("ann", "ben", "cem")]
        self.texts: list[str] = []
        self.key_ids: list[str] = []
        self.role_ids: list[str] = []
        self.grant_ids: list[str] = []

    @initialize(
        roles=st.tuples(many, many, some),
        given=st.tuples(
            st.tuples(st.just(0), st.just("r0"), where),
            st.tuples(st.just(1), st.just("r1"), where),
            st.tuples(st.integers(0, 1), st.sampled_from(ROLES), where),
        ),
        server_keys=st.lists(st.tuples(some | many, st.none() | st.lists(anywhere, max_size=2)), max_size=3),
        carried=st.booleans(),
    )
    def begin(
        self,
        roles: tuple[frozenset[str], ...],
        given: tuple[tuple[int, str, str], ...],
        server_keys: list[tuple[frozenset[str], list[str] | None]],
        carried: bool,
    ) -> None:
        """What the machine's owner hands out. `carried`: the first of the server's keys is theirs to use."""
        self.role_ids += [self.w.role(f"r{number}", held) for number, held in enumerate(roles)]
        for who, role, at in given:
            with allowed():
                self.grant_ids.append(self.w.give(self.people[who], role, at))
        for number, (permissions, places) in enumerate(server_keys):
            wanted = WantedKey("server", permissions=permissions, **({} if places is None else _limits(places)))
            key, text = self.w.keys.create(ROOT, wanted)
            self.key_ids.append(key.id)
            if carried and number == 0:
                self.texts.append(text)
        self.could = self.rights()

    def actors(self) -> list[Actor]:
        found = [self.w.person(user_id) for user_id in self.people]
        for text in self.texts:
            try:
                found.append(self.w.keys.actor_of(text))
            except Unauthenticated:
                continue
        return found

    def rights(self) -> set[tuple[str, str, str]]:
        actors = self.actors()
        may = {
            ("may", permission, name)
            for permission in PERMISSIONS
            for name, at in PLACES.items()
            if any(actor.may(permission, at) for actor in actors)
        }
        spots: dict[str, Place | None] = {"": None, **PLACES}
        return may | {
            ("holds", permission, name)
            for permission in PERMISSIONS
            for name, at in spots.items()
            if any(actor.holds(permission, at) for actor in actors)
        }

    def one(self, number: int) -> Actor:
        """Whoever can do anything at all."""
        actors = [actor for actor in self.actors() if actor.permissions] or self.actors()
        return actors[number % len(actors)]

    def likely(self, actor: Actor, wanted: frozenset[str], own: bool) -> frozenset[str]:
        """Mostly what they hold: otherwise nearly everything would be refused at the door."""
        return wanted & actor.permissions if own else wanted

    @rule(
        who=pick,
        kind=st.sampled_from(["all", "role", "own", "any"]),
        permissions=some | many,
        role=st.sampled_from(ROLES),
        places=st.none() | st.lists(anywhere, max_size=2),
    )
    def make_a_key(self, who: int, kind: str, permissions: frozenset[str], role: str, places: list[str] | None) -> None:
        actor = self.one(who)
        limits = {} if places is None else _limits(places)
        asked = None if kind in ("all", "role") else self.likely(actor, permissions, kind == "own")
        with allowed():
            key, text = self.w.keys.create(actor, WantedKey("k", role if kind == "role" else None, asked, **limits))
            self.key_ids.append(key.id)
            self.texts.append(text)

    @rule(who=pick, which=pick, hours=st.integers(0, 48))
    def rotate_a_key(self, who: int, which: int, hours: int) -> None:
        if self.key_ids:
            with allowed():
                key_id = self.key_ids[which % len(self.key_ids)]
                self.texts.append(self.w.keys.rotate(self.one(who), key_id, timedelta(hours=hours))[1])

    @rule(who=pick, name=st.sampled_from(["rx", "ry", "r0"]), permissions=some | many, own=st.booleans())
    def make_a_role(self, who: int, name: str, permissions: frozenset[str], own: bool) -> None:
        actor = self.one(who)
        with allowed():
            made = self.w.roles.create(actor, WantedRole(name, self.likely(actor, permissions, own)))
            self.role_ids.append(made.id)

    @rule(who=pick, which=pick, permissions=some | many, own=st.booleans())
    def change_a_role(self, who: int, which: int, permissions: frozenset[str], own: bool) -> None:
        actor = self.one(who)
        with allowed():
            role = self.w.roles.get(ROOT, self.role_ids[which % len(self.role_ids)])
            wanted = {"permissions": self.likely(actor, permissions, own)}
            self.w.roles.update(actor, role.id, role.version, wanted)

    @rule(who=pick, whom=st.integers(0, 2), role=st.sampled_from([*ROLES, "rx", "ry"]), at=where)
    def give_a_role(self, who: int, whom: int, role: str, at: str) -> None:
        wanted: dict[str, Any] = {"user_id": self.people[whom], "role": role}
        if at != "everywhere":
            wanted["project_id" if len(at) == 1 else "environment_id"] = at
        with allowed():
            self.grant_ids.append(self.w.grants.create(self.one(who), WantedGrant(**wanted)).id)

    @rule(who=pick, which=pick)
    def take_a_role(self, who: int, which: int) -> None:
        if self.grant_ids:
            with allowed():
                self.w.grants.delete(self.one(who), self.grant_ids[which % len(self.grant_ids)])

    @rule(who=pick, which=pick, force=st.booleans())
    def delete_a_role(self, who: int, which: int, force: bool) -> None:
        """A role of that name may be made anew."""
        with allowed():
            self.w.roles.delete(self.one(who), self.role_ids[which % len(self.role_ids)], force=force)

    @rule(who=pick, which=pick)
    def revoke_a_key(self, who: int, which: int) -> None:
        if self.key_ids:
            with allowed():
                self.w.keys.revoke(self.one(who), self.key_ids[which % len(self.key_ids)])

    @invariant()
    def they_can_do_no_more(self) -> None:
        if hasattr(self, "could"):
            assert self.rights() - self.could == set()

    def teardown(self) -> None:
        self.w.db.close()
        self.folder.cleanup()


@contextmanager
def allowed() -> Iterator[None]:
    """What is refused is refused; anything else that goes wrong is our fault."""
    try:
        yield
    except HoldfastError as error:
        assert error.status < 500, error  # noqa: PT017 - not the error under test


TwoColleagues.TestCase.settings = settings(
    max_examples=40, stateful_step_count=25, deadline=None, suppress_health_check=list(HealthCheck)
)
test_two_colleagues_together = pytest.mark.slow(TwoColleagues.TestCase)
