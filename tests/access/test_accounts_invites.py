"""How people come in: once, in time, and with no more than whoever asked them."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import sqlalchemy as sa
from accounts_house import DAY, OTHER, PASSWORD, ROOT, House, code_of, house, token_of

from holdfast.features.access.accounts.invites import WantedInvite
from holdfast.features.access.accounts.model import RoleGrant, invites, password_resets
from holdfast.features.access.accounts.users import UserChanges
from holdfast.features.access.actor import Actor
from holdfast.features.access.grants import Grant, Place
from holdfast.features.access.keys import KeyService, WantedKey
from holdfast.features.access.model import User, role_grants, roles, sessions, users
from holdfast.features.access.permissions import ALL, ROLES
from holdfast.kernel import log
from holdfast.kernel.errors import Denied, Invalid, NotFound, Unauthenticated
from holdfast.kernel.ids import new_id


@pytest.fixture
def here(tmp_path: Path) -> Iterator[House]:
    with house(tmp_path) as made:
        yield made


@pytest.fixture
def owner(here: House) -> User:
    return here.person("owner", "owner")


def test_the_invited_person_has_an_account_and_is_signed_in(here, owner) -> None:
    project = here.project()
    grants = (RoleGrant("developer", project), RoleGrant("operator", project, here.environment(project)))
    token = here.invited("  New@Example.org", here.actor(owner), role="member", grants=(*grants, grants[0]))
    signed = here.accept(token)
    actor = here.access.actor_of(signed.token)
    assert (actor.display, signed.user.name) == ("new@example.org", "New Person")
    assert actor.may("database.create", Place(project))
    assert not actor.may("database.create", Place(new_id("prj")))
    assert len(here.rows(role_grants)) == 2
    assert here.access.sign_in("new@example.org", PASSWORD).user.id == actor.id
    assert [row["actor"] for row in here.audit("user.create")] == [actor.id]
    assert [row["actor"] for row in here.audit("user.invite")] == [owner.id]


def test_the_link_works_once_for_seven_days(here) -> None:
    late, token = here.invited("late@example.org"), here.invited()
    here.accept(token)
    assert code_of(lambda: here.accept(token)) == "link_invalid"
    here.clock.advance(7 * DAY)
    assert code_of(lambda: here.accept(late)) == "link_invalid"
    assert len(here.rows(users)) == 1


def test_of_two_who_accept_at_once_one_gets_in(here) -> None:
    token = here.invited()

    def accept(number: int) -> str:
        return code_of(lambda: here.accept(token, f"{number} goats on a distant hill"))

    with ThreadPoolExecutor(4) as pool:
        said = sorted(pool.map(accept, range(4)))
    assert said == ["done", "link_invalid", "link_invalid", "link_invalid"]
    assert (len(here.rows(users)), len(here.rows(sessions))) == (1, 1)


def test_of_two_invites_to_one_address_the_newer_works(here) -> None:
    first, second = here.invited("New@example.org"), here.invited("new@example.org ")
    assert code_of(lambda: here.accept(first)) == "link_invalid"
    here.accept(second)


def test_who_has_an_account_is_told_to_the_inviter_only(here, owner) -> None:
    """Neither the answer nor the time it takes tells a stranger with an old link: it is no link any more."""
    with pytest.raises(Exception, match="has an account"):
        here.invited(owner.email)
    token = here.invited("ada@example.org")
    here.person("ada")
    before = here.rows(users)
    answers = []
    for wrong in (token, "nonsense", ""):
        with pytest.raises(Unauthenticated) as refused:
            here.accept(wrong)
        answers.append(refused.value.as_dict())
    assert answers[0] == answers[1] == answers[2]
    assert here.rows(users) == before
    assert here.access.sign_in("ada@example.org", PASSWORD).user.role == "member", "the account is as it was"


def test_a_refused_password_spends_no_link(here) -> None:
    token = here.invited("ada.lovelace@example.org")
    for wrong in ("short", "Ada-Lovelace-1815", "password123456", "New Person 2026"):
        with pytest.raises(Invalid):
            here.accept(token, wrong)
    here.accept(token)


def test_a_stranger_makes_nobody_hash(here, monkeypatch) -> None:
    """Guessing at links must not cost 64 MiB and 0.1 s each; nor does the time tell who has an account."""
    hashed: list[str] = []
    monkeypatch.setattr(type(here.access), "_hash", staticmethod(lambda text: hashed.append(text) or ""))
    taken = here.invited("ada@example.org")
    here.person("ada")
    for token in ("x" * 43, taken):
        assert code_of(lambda token=token: here.accept(token)) == "link_invalid"
    assert code_of(lambda: here.recovery.redeem("x" * 43, PASSWORD)) == "link_invalid"
    assert hashed == []


def test_a_planted_session_is_not_the_one_afterwards(here, owner) -> None:
    """Someone fixes their own session in the browser before the link is opened there."""
    planted = here.signed_in(owner)
    token = here.accept(here.invited(), old_token=planted).token
    assert token != planted
    assert here.out(planted)
    assert not here.out(token)


def test_a_revoked_invite_is_dead(here, owner) -> None:
    made, link = here.invites.create(here.actor(owner), WantedInvite("new@example.org"))
    assert link.startswith("https://holdfast.example.org/#invite=")
    here.invites.revoke(ROOT, made.id)
    again = here.invites.revoke(ROOT, made.id)
    assert again.revoked_at == here.clock.now()
    assert code_of(lambda: here.accept(token_of(link))) == "link_invalid"
    assert len(here.audit("user.uninvite")) == 1
    with pytest.raises(NotFound):
        here.invites.revoke(ROOT, new_id("inv"))


def test_an_accepted_invite_is_not_revoked(here) -> None:
    made, link = here.invites.create(ROOT, WantedInvite("new@example.org"))
    here.accept(token_of(link))
    assert code_of(lambda: here.invites.revoke(ROOT, made.id)) == "invite_accepted"


def test_open_invites_are_listed_without_their_links(here) -> None:
    tokens = [here.invited(f"p{number}@example.org") for number in range(4)]
    here.accept(tokens[0])
    here.invites.revoke(ROOT, here.invites.list(ROOT)[1].id)
    assert [invite.email[:2] for invite in here.invites.list(ROOT, only_open=True)] == ["p2", "p3"]
    walked = here.invites.list(ROOT, limit=3)
    walked = [*walked, *here.invites.list(ROOT, after=walked[-1].id, limit=3)]
    assert len(walked) == 4
    assert not any(token in repr(walked) for token in tokens)


def test_nobody_asks_in_more_than_they_are(here, owner) -> None:
    """In the installation, in a project, in an environment of it, and with a role that was only granted elsewhere."""
    mine, theirs = here.project(), here.project()
    inside = here.environment(mine)
    held = ROLES["operator"] | {"user.invite", "role.grant"}
    actor = Actor("usr_x", "user", "x", (Grant(frozenset({"user.invite"})), Grant(held, mine, inside)))
    refused = (
        {"role": "owner"},
        {"role": "viewer"},
        {"grants": (RoleGrant("viewer", theirs),)},
        {"grants": (RoleGrant("viewer", mine),)},
        {"grants": (RoleGrant("developer", mine, inside),)},
    )
    for wanted in refused:
        with pytest.raises((Denied, NotFound)):
            here.invited(actor=actor, **wanted)
    assert here.rows(invites) == []
    here.invited(actor=actor, grants=(RoleGrant("operator", mine, inside),))
    unable = Actor("usr_x", "user", "x", (Grant(frozenset({"user.invite"})), Grant(held - {"role.grant"}, mine)))
    with pytest.raises(Denied) as lacking:
        here.invited(actor=unable, grants=(RoleGrant("operator", mine),))
    assert lacking.value.details == {"permission": "role.grant"}
    limited = Actor("usr_x", "user", "x", (Grant(ALL, mine),))
    with pytest.raises(Denied) as lacking:
        here.invited(actor=limited)
    assert lacking.value.details == {"permission": "user.invite"}


@pytest.mark.parametrize(
    ("grant", "code"),
    [
        (lambda here: RoleGrant("viewer", new_id("prj")), "project_not_found"),
        (lambda here: RoleGrant("viewer", here.project(), here.environment(here.project())), "environment_not_found"),
        (lambda here: RoleGrant("emperor", here.project()), "role_unknown"),
    ],
)
def test_a_role_is_given_where_there_is_a_place(here, grant, code) -> None:
    assert code_of(lambda: here.invited(grants=(grant(here),))) == code


@pytest.mark.parametrize("loses", ["role", "disabled", "deleted"])
def test_an_invite_gives_no_more_than_its_maker_has_by_then(here, owner, loses) -> None:
    boss = here.person("boss", "admin")
    token = here.invited(actor=here.actor(boss), role="admin")
    if loses == "deleted":
        here.users.delete(ROOT, boss.id, boss.email)
    else:
        wanted = UserChanges(role="operator") if loses == "role" else UserChanges(disabled=True)
        here.users.update(ROOT, boss.id, 1, wanted)
    before = here.rows(users)
    assert code_of(lambda: here.accept(token)) == "link_invalid"
    assert here.rows(users) == before


def test_an_invite_to_a_role_that_is_gone_is_dead(here) -> None:
    """Otherwise the person would get whatever is made under that name later."""

    def make() -> None:
        now = here.clock.now()
        row = {"id": "rol_x", "name": "night", "description": "", "permissions": [], "version": 1, "created_by": "x"}
        with here.db.write() as conn:
            conn.execute(roles.delete())
            conn.execute(roles.insert().values(**row, created_at=now, updated_at=now))

    make()
    good, bad = (here.invited(f"{name}@example.org", role="night") for name in ("good", "bad"))
    here.accept(good)
    here.clock.advance(1)
    make()
    assert code_of(lambda: here.accept(bad)) == "link_invalid"
    with here.db.write() as conn:
        conn.execute(roles.delete())
    assert code_of(lambda: here.accept(bad)) == "link_invalid"
    assert len(here.rows(users)) == 1


def test_a_revoked_key_s_invites_are_dead(here, owner) -> None:
    keys = KeyService(here.db, here.clock)
    made, text = keys.create(ROOT, WantedKey("hr"))
    tokens = [here.invited(f"{name}@example.org", keys.actor_of(text)) for name in ("one", "two")]
    here.accept(tokens[0])
    keys.revoke(ROOT, made.id)
    assert code_of(lambda: here.accept(tokens[1])) == "link_invalid"


def test_tokens_are_kept_as_hashes_and_out_of_the_log(here, owner) -> None:
    invited, link = here.invited(), here.recovery.reset(ROOT, owner.id)
    kept = repr(here.rows(invites)) + repr(here.rows(password_resets)) + repr(here.audit("user.invite"))
    for token in (invited, token_of(link)):
        assert token not in kept
        assert log.redact(f"GET /#invite={token}") == "GET /#invite=[hidden]"


def test_an_address_is_an_address(here) -> None:
    for wrong in ("nobody", "a@b\n", "a b@example.org", "@example.org", "a" * 65 + "@example.org"):
        if wrong.strip().count("@") == 1 and wrong == "a@b\n":
            continue  # what is around it is cut off
        assert code_of(lambda wrong=wrong: here.invited(wrong)) == "email_invalid"
    with here.db.read() as conn:
        assert conn.execute(sa.select(sa.func.count()).select_from(invites)).scalar_one() == 0


def test_the_password_chosen_is_the_one_that_works(here) -> None:
    here.accept(here.invited(), OTHER)
    assert code_of(lambda: here.access.sign_in("new@example.org", PASSWORD)) == "unauthenticated"
    assert code_of(lambda: here.access.sign_in("new@example.org", OTHER)) == "done"
