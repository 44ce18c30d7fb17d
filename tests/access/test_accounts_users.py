"""Who may change whom, and what is left of whoever goes."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest
import sqlalchemy as sa
from accounts_house import DAY, OWNER, PASSWORD, ROOT, House, code_of, house
from hypothesis import given, settings
from hypothesis import strategies as st

from holdfast.features.access import lockout
from holdfast.features.access.accounts import rights
from holdfast.features.access.accounts.model import invites
from holdfast.features.access.accounts.users import UserChanges
from holdfast.features.access.actor import Actor
from holdfast.features.access.grants import Grant
from holdfast.features.access.keys import KeyService, WantedKey
from holdfast.features.access.model import User, api_keys, role_grants, roles, sessions, users
from holdfast.features.access.permissions import ALL, ROLES
from holdfast.kernel import log
from holdfast.kernel.errors import Conflict, Denied, Invalid, NotFound, PreconditionFailed, Unauthenticated
from holdfast.kernel.ids import new_id


@pytest.fixture
def here(tmp_path: Path) -> Iterator[House]:
    with house(tmp_path) as made:
        yield made


@pytest.fixture
def owner(here: House) -> User:
    return here.person("owner", "owner")


def change(here: House, actor: Actor, user: User, **changes: object) -> None:
    version = here.users.get(ROOT, user.id).user.version
    here.users.update(actor, user.id, version, UserChanges(**changes))  # type: ignore[arg-type]


def test_a_person_is_named_given_a_role_disabled_and_enabled(here, owner) -> None:
    actor, ada = here.actor(owner), here.person("ada")
    change(here, actor, ada, name="Ada Lovelace")
    change(here, actor, ada, role="operator")
    change(here, actor, ada, disabled=True)
    found = here.users.get(actor, ada.id).user
    assert (found.name, found.role, found.version) == ("Ada Lovelace", "operator", 4)
    assert found.disabled_at == here.clock.now()
    with pytest.raises(Unauthenticated):
        here.access.sign_in(ada.email, PASSWORD)
    change(here, actor, ada, disabled=False)
    assert here.access.sign_in(ada.email, PASSWORD).user.id == ada.id
    said = [row["details"] for row in here.audit("user.update")]
    assert said == [
        {"name": ["", "Ada Lovelace"]},
        {"role": ["member", "operator"]},
        {"disabled": [False, True]},
        {"disabled": [True, False]},
    ]


def test_a_change_is_decided_on_the_version_that_was_read(here, owner) -> None:
    ada = here.person("ada")
    change(here, ROOT, ada, name="Ada")
    with pytest.raises(PreconditionFailed):
        here.users.update(ROOT, ada.id, 1, UserChanges(name="Eve"))
    assert here.users.update(ROOT, ada.id, 2, UserChanges(name="Ada")).user.version == 2, "nothing changed"
    assert len(here.audit("user.update")) == 1


def test_disabling_ends_sessions_at_once_and_enabling_brings_none_back(here, owner) -> None:
    ada = here.person("ada", "viewer")
    token = here.signed_in(ada)
    change(here, ROOT, ada, disabled=True)
    assert here.out(token)
    assert here.called == [("ended", ada.id)]
    change(here, ROOT, ada, disabled=False)
    assert here.out(token)


def test_a_disabled_person_s_keys_do_nothing_until_they_are_back(here, owner) -> None:
    ada = here.person("ada", "admin")
    keys = KeyService(here.db, here.clock)
    _, text = keys.create(here.actor(ada), WantedKey("ci", permissions=["run.read"]))
    change(here, ROOT, ada, disabled=True)
    assert code_of(lambda: keys.actor_of(text)) == "unauthenticated"
    change(here, ROOT, ada, disabled=False)
    assert keys.actor_of(text).permissions == {"run.read"}


@pytest.mark.parametrize("act", ["demote", "disable", "delete"])
def test_the_last_active_owner_stays(here, owner, act) -> None:
    """Also when there is another one who is disabled, and even for root."""
    here.person("member")
    second = here.person("second", "owner")
    change(here, ROOT, second, disabled=True)
    acts = {
        "demote": lambda: change(here, ROOT, owner, role="admin"),
        "disable": lambda: change(here, ROOT, owner, disabled=True),
        "delete": lambda: here.users.delete(ROOT, owner.id, OWNER),
    }
    before = here.rows(users)
    assert code_of(acts[act]) == "last_owner"
    assert here.rows(users) == before
    change(here, ROOT, second, disabled=False)
    assert code_of(acts[act]) == "done"


def test_of_two_owners_who_leave_at_once_one_stays(here, owner) -> None:
    owners = [owner, *(here.person(f"owner{number}", "owner") for number in range(5))]

    def leave(user: User) -> str:
        return code_of(lambda: here.users.delete(ROOT, user.id, user.email))

    with ThreadPoolExecutor(6) as pool:
        said = list(pool.map(leave, owners))
    assert sorted(said) == ["done"] * 5 + ["last_owner"]
    assert [row[3] for row in here.rows(users)].count("owner") == 1


def test_an_admin_raises_nobody_above_themselves(here, owner) -> None:
    """Not to owner, not to a role made with more, and not themselves."""
    boss, ada = here.person("boss", "admin"), here.person("ada")
    with here.db.write() as conn:
        row = {"name": "almost", "description": "", "version": 1, "created_by": "test"}
        moments = {"created_at": here.clock.now(), "updated_at": here.clock.now()}
        conn.execute(roles.insert().values(id="rol_x", permissions=["user.reset"], **row, **moments))
    actor, before = here.actor(boss), here.rows(users)
    for user in (ada, boss):
        for role in ("owner", "almost"):
            with pytest.raises(Denied) as refused:
                change(here, actor, user, role=role)
            assert refused.value.details["permission"] not in ROLES["admin"]
    with pytest.raises(Invalid) as unknown:
        change(here, actor, ada, role="emperor")
    assert unknown.value.code == "role_unknown"
    assert here.rows(users) == before
    change(here, actor, ada, role="admin")


def test_nobody_touches_whoever_may_do_more(here, owner) -> None:
    """An admin neither demotes nor disables an owner; whoever may reset accounts becomes none of them."""
    boss = here.person("boss", "admin")
    helper = Actor("usr_helper", "user", "helper", (Grant(ROLES["admin"] | {"user.reset", "user.delete"}),))
    for attempt in (
        lambda: change(here, here.actor(boss), owner, role="viewer"),
        lambda: change(here, here.actor(boss), owner, disabled=True),
        lambda: here.users.delete(helper, owner.id, OWNER),
        lambda: here.recovery.reset(helper, owner.id),
    ):
        with pytest.raises(Denied) as refused:
            attempt()
        assert refused.value.details["permission"] in ALL - ROLES["admin"]
    here.recovery.reset(helper, boss.id)


def test_rights_in_a_project_count_too(here, owner) -> None:
    """A member of the installation may own a project: resetting them would be taking it."""
    project = here.project()
    ada = here.person("ada")
    here.grant(ada, "owner", project)
    helper = Actor("usr_helper", "user", "helper", (Grant(frozenset({"user.reset", "user.read"})),))
    with pytest.raises(Denied):
        here.recovery.reset(helper, ada.id)
    here.recovery.reset(replace(helper, grants=(*helper.grants, Grant(ALL, project))), ada.id)


def test_step_up_is_asked_for_all_but_the_name(here, owner) -> None:
    ada = here.person("ada")
    actor = replace(here.actor(owner), stepped_up=False)
    change(here, actor, ada, name="Ada")
    for attempt in (
        lambda: change(here, actor, ada, role="viewer"),
        lambda: change(here, actor, ada, disabled=True),
        lambda: here.users.delete(actor, ada.id, ada.email),
        lambda: here.recovery.reset(actor, ada.id),
        lambda: here.invited(actor=actor),
    ):
        assert code_of(attempt) == "step_up_required"


def test_deleting_ends_everything_and_leaves_an_id(here, owner) -> None:
    ada = here.person("ada", "admin")
    with log.bound(address="192.0.2.77"):
        token, actor = here.signed_in(ada), here.actor(ada)
    keys = KeyService(here.db, here.clock)
    _, text = keys.create(actor, WantedKey("ci", permissions=["run.read"]))
    here.grant(ada, "viewer", here.project())
    here.invited("friend@example.org", actor)
    with here.db.write() as conn:
        lockout.failed(conn, [f"account:{ada.email}"], here.clock.now())
    here.users.delete(ROOT, ada.id, "  ADA@example.org ")
    assert here.out(token)
    assert code_of(lambda: keys.actor_of(text)) == "unauthenticated"
    assert here.rows(role_grants) == []
    assert [row.revoked_at for row in _all(here, invites)] == [here.clock.now()]
    assert set(here.called) == {("ended", ada.id), ("reset", ada.id), ("gone", ada.id)}
    for personal in ("ada@", "192.0.2.77", "firefox"):
        assert not [row for row in _tables(here) if personal in row.lower()], personal
    left = here.users.get(ROOT, ada.id).user
    assert (left.name, left.deleted_at, left.password_hash) == ("", here.clock.now(), "")
    assert [person.user.id for person in here.users.list(ROOT)] == [owner.id]
    assert [person.user.id for person in here.users.list(ROOT, deleted=True)] == [ada.id]
    for attempt in (
        lambda: change(here, ROOT, ada, disabled=False),
        lambda: here.recovery.reset(ROOT, ada.id),
        lambda: here.users.delete(ROOT, ada.id, left.email),
    ):
        assert code_of(attempt) == "user_deleted"
    assert code_of(lambda: here.access.sign_in(left.email, "")) == "unauthenticated"
    here.accept(here.invited(ada.email))
    assert [row["details"]["ended"] for row in here.audit("user.delete")] == [{"grants": 1, "keys": 1}]


def test_a_wrong_confirmation_deletes_nobody(here, owner) -> None:
    ada = here.person("ada")
    before = here.rows(users)
    assert code_of(lambda: here.users.delete(ROOT, ada.id, "eve@example.org")) == "confirm_mismatch"
    assert here.rows(users) == before
    with pytest.raises(NotFound):
        here.users.delete(ROOT, new_id("usr"), "eve@example.org")


def test_a_failing_hook_undoes_all_of_it(here, owner) -> None:
    """The parts beside this one are in the same transaction, or nobody is half deleted."""
    ada = here.person("ada")
    before = (here.rows(users), here.rows(sessions))

    def fails(_conn: sa.Connection, _user: str) -> None:
        raise Conflict("not now", code="not_now")

    hooks = replace(here.users._hooks, on_user_gone=(fails,))
    here.users._hooks = hooks
    assert code_of(lambda: here.users.delete(ROOT, ada.id, ada.email)) == "not_now"
    assert (here.rows(users), here.rows(sessions)) == before


def test_people_are_listed_in_pages_and_found_by_address(here, owner) -> None:
    made = [owner, *(here.person(f"p{number}") for number in range(5))]
    token = here.signed_in(made[2])
    walked: list[str] = []
    while page := here.users.list(ROOT, after=walked[-1] if walked else None, limit=2):
        walked += [person.user.id for person in page]
    assert walked == [user.id for user in made]
    assert not here.out(token)
    found = here.users.list(ROOT, email=" P1@Example.org ")
    assert [(person.user.id, person.last_seen_at) for person in found] == [(made[2].id, here.clock.now())]


def test_only_live_sessions_are_shown_and_ended(here, owner) -> None:
    ada = here.person("ada")
    old = here.signed_in(ada)
    here.clock.advance(DAY)
    first, second = here.signed_in(ada), here.signed_in(ada)
    actor = here.access.actor_of(first)
    mine = here.sessions.own(actor)
    assert len(mine) == 2
    assert [session.id for session in here.sessions.of(ROOT, ada.id)] == [session.id for session in mine]
    assert here.out(old)
    theirs = here.sessions.own(here.actor(owner))[0]
    for wrong, kind in ((theirs.id, "Hidden"), (new_id("ses"), "NotFound")):
        with pytest.raises(NotFound) as refused:
            here.sessions.end(actor, wrong)
        assert type(refused.value).__name__ == kind
        assert (refused.value.message, refused.value.code) == ("there is no such session", "session_not_found")
    assert here.sessions.end_others(actor) == 1
    assert here.out(second)
    assert not here.out(first)
    here.sessions.end(actor, str(actor.session_id))
    assert here.out(first)
    assert here.sessions.own(ROOT) == []
    assert code_of(lambda: here.sessions.end_others(ROOT)) == "no_session"


def test_someone_else_ends_all_of_them(here, owner) -> None:
    ada = here.person("ada")
    tokens = [here.signed_in(ada) for _ in range(3)]
    assert here.sessions.end_of(here.actor(owner), ada.id) == 3
    assert all(here.out(token) for token in tokens)
    assert here.called == [("ended", ada.id)]
    with pytest.raises(Denied):
        here.sessions.end_of(here.actor(here.person("boss", "admin")), owner.id)
    with pytest.raises(NotFound):
        here.sessions.of(ROOT, new_id("usr"))


PLACES = st.sampled_from([(None, None), ("p", None), ("q", None), ("p", "e"), ("p", "f")])
GRANTS = st.lists(
    st.builds(
        lambda held, place: Grant(frozenset(held), *place),
        st.sets(st.sampled_from(["run.read", "project.read", "user.reset"])),
        PLACES,
    ),
    max_size=3,
)


@settings(deadline=None)
@given(GRANTS, GRANTS, st.one_of(st.none(), GRANTS))
def test_covering_is_as_the_brute_force_says(own, wanted, bounds) -> None:
    """Everything the other may do in any of the places there are, the actor may do there wholly."""
    actor = Actor("usr_x", "user", "x", tuple(own), None if bounds is None else tuple(bounds))
    sides = [own] if bounds is None else [own, bounds]

    def inside(place: tuple[str | None, str | None], grant: Grant) -> bool:
        return grant.project_id in (None, place[0]) and grant.environment_id in (None, place[1])

    expected = all(
        any(permission in each.permissions and inside((grant.project_id, grant.environment_id), each) for each in side)
        for grant in wanted
        for permission in grant.permissions
        for side in sides
    )
    assert (code_of(lambda: rights.require_covering(actor, wanted, "no")) == "done") is expected


def _all(here: House, table: sa.Table) -> list[sa.Row[tuple[object, ...]]]:
    with here.db.read() as conn:
        return list(conn.execute(sa.select(table)))


def _tables(here: House) -> list[str]:
    return [repr(row) for table in (users, sessions, invites, api_keys, lockout.table) for row in here.rows(table)]
