"""Signing in at a provider: who gets in, as whom, and with which rights."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from oidc_world import ROOT, World, world

from holdfast.features.access.accounts.model import invites
from holdfast.features.access.model import users
from holdfast.features.access.permissions import ROLES
from holdfast.kernel.errors import Conflict, Denied, HoldfastError, NotFound, Unauthenticated


@pytest.fixture
def here(tmp_path: Path) -> Iterator[World]:
    with world(tmp_path) as made:
        yield made


def test_someone_new_gets_an_account_that_may_do_nothing(here) -> None:
    provider = here.configured()
    done = here.sign_in(provider)
    actor = here.actor(done)
    assert (actor.display, actor.kind, actor.permissions) == ("jane@example.org", "user", frozenset())
    assert not actor.stepped_up  # nobody typed a password a moment ago, as far as we know
    (user,) = here.people()
    assert (user.email, user.name, user.role, user.password_hash) == ("jane@example.org", "Jane Doe", "member", "")
    with pytest.raises(Unauthenticated):
        here.access.sign_in(user.email, "")
    assert [row["outcome"] for row in here.at.audit("session.create")] == ["ok", "failed"]
    again = here.actor(here.sign_in(provider))
    assert again.id == actor.id
    assert len(here.people()) == 1


def test_without_create_accounts_nobody_new_comes_in(here) -> None:
    """Whatever groups they are in."""
    here.idp.person.groups = ["admins"]
    provider = here.configured(create_accounts=False, mapping=[("admins", "admin")])
    with pytest.raises(Denied) as refused:
        here.sign_in(provider)
    assert refused.value.code == "sso_refused"
    assert here.people() == []
    (fact,) = here.at.audit("session.create")
    assert (fact["outcome"], fact["details"]["code"]) == ("failed", "sso_refused")


def test_an_account_that_is_there_is_never_taken_by_its_address(here) -> None:
    """Whether it has a password, was never verified, or is disabled: its owner links it while signed in."""
    provider = here.configured()
    ann = here.at.user("jane@example.org", "owner")
    for _ in range(2):
        with pytest.raises(Conflict) as refused:
            here.sign_in(provider)
        assert refused.value.code == "sso_link_needed"
        with here.at.db.write() as conn:
            conn.execute(users.update().values(disabled_at=here.at.clock.now()))
    assert [user.id for user in here.people()] == [ann.id]
    assert here.at.audit("sso.link") == []


def test_the_address_s_case_makes_no_second_account(here) -> None:
    here.at.user("jane@example.org", "owner")
    here.idp.person.email = "Jane@Example.ORG"
    with pytest.raises(Conflict):
        here.sign_in(here.configured())
    assert len(here.people()) == 1


def test_an_open_invitation_is_not_taken_either(here) -> None:
    provider = here.configured()
    now = here.at.clock.now()
    values = {"id": "inv_x", "email": "jane@example.org", "role": "admin", "grants": [], "token_hash": "x"}
    values |= {"created_by": ROOT.id, "created_at": now, "expires_at": now.replace(year=2030)}
    with here.at.db.write() as conn:
        conn.execute(invites.insert().values(**values))
    with pytest.raises(Conflict) as refused:
        here.sign_in(provider)
    assert refused.value.code == "sso_invite_open"
    with here.at.db.write() as conn:
        conn.execute(invites.update().values(revoked_at=now))
    assert here.actor(here.sign_in(provider)).permissions == frozenset()


def test_linking_while_signed_in_and_signing_in_afterwards(here) -> None:
    provider = here.configured(create_accounts=False)
    ann = here.at.user("ann@example.org", "developer")
    actor = here.session(ann)
    departure = here.sso.start_link(actor, provider.id, "http://127.0.0.1:7700")
    done = here.sso.finish(provider.id, here.visit(departure.url), departure.browser, None)
    assert (done.purpose, done.session) == ("link", None)
    (identity,) = here.sso.identities(actor)
    assert (identity.subject, identity.email) == (here.idp.person.sub, "jane@example.org")
    assert here.actor(here.sign_in(provider)).id == ann.id
    bob = here.session(here.at.user("bob@example.org"))
    departure = here.sso.start_link(bob, provider.id, "http://127.0.0.1:7700")
    with pytest.raises(Conflict) as refused:
        here.sso.finish(provider.id, here.visit(departure.url), departure.browser, None)
    assert refused.value.code == "sso_identity_taken"
    with pytest.raises(NotFound):
        here.sso.unlink(bob, identity.id)
    here.sso.unlink(actor, identity.id)
    with pytest.raises(Denied):
        here.sign_in(provider)
    assert len(here.at.audit("sso.unlink")) == 1


def test_linking_needs_the_password_again_and_the_session_that_began_it(here) -> None:
    provider = here.configured()
    ann = here.at.user("ann@example.org")
    with pytest.raises(Denied) as refused:
        here.sso.start_link(here.session(ann, stepped_up=False), provider.id, "http://127.0.0.1:7700")
    assert refused.value.code == "step_up_required"
    with pytest.raises(Conflict):
        here.sso.start_link(ROOT, provider.id, "http://127.0.0.1:7700")
    actor = here.session(ann)
    departure = here.sso.start_link(actor, provider.id, "http://127.0.0.1:7700")
    query = here.visit(departure.url)
    here.access.sign_out(actor)
    with pytest.raises(Denied):
        here.sso.finish(provider.id, query, departure.browser, None)
    assert here.sso.identities(actor) == []


def test_people_are_known_by_their_subject_not_by_their_address(here) -> None:
    """The address moves with the person; another person with that address is another."""
    provider = here.configured()
    first = here.actor(here.sign_in(provider))
    here.idp.person = replace(here.idp.person, email="jane.doe@example.org")
    assert here.actor(here.sign_in(provider)).id == first.id
    here.idp.person = replace(here.idp.person, sub="another", email="jane.doe@example.org")
    second = here.actor(here.sign_in(provider))
    assert second.id != first.id
    here.idp.person = replace(here.idp.person, sub="a third", email="jane@example.org")
    with pytest.raises(Conflict):
        here.sign_in(provider)


@pytest.mark.parametrize("wrong", ["unverified", "no_email", "verified_as_text"])
def test_only_verified_addresses(here, wrong) -> None:
    """Also for those who were let in before."""
    provider = here.configured()
    here.idp.wrong = {wrong}
    with pytest.raises(Denied):
        here.sign_in(provider)
    assert here.people() == []
    here.idp.wrong = set()
    here.sign_in(provider)
    here.idp.wrong = {wrong, "claims_in_userinfo"} if wrong == "unverified" else {wrong}
    with pytest.raises(Denied):
        here.sign_in(provider)


@pytest.mark.parametrize(
    ("email", "welcome"),
    [
        ("jane@example.org", True),
        ("jane@EXAMPLE.org", True),
        ("jane@sub.example.org", False),
        ("jane@example.org.evil.net", False),
        ("jane@evilexample.org", False),
        ("jane@evil.net@example.org", False),
        ("jane", False),
        ("", False),
    ],
)
def test_only_allowed_domains(here, email, welcome) -> None:
    here.idp.person.email = email
    provider = here.configured(allowed_domains=("example.org",))
    if welcome:
        here.sign_in(provider)
    else:
        with pytest.raises(Denied):
            here.sign_in(provider)
    assert len(here.people()) == welcome


def test_a_disabled_account_does_not_come_in(here) -> None:
    provider = here.configured()
    here.sign_in(provider)
    with here.at.db.write() as conn:
        conn.execute(users.update().values(disabled_at=here.at.clock.now()))
    with pytest.raises(Denied):
        here.sign_in(provider)


def test_groups_become_roles_at_each_sign_in_and_leave_with_them(here) -> None:
    rules = [("devs", "developer", "prj_a"), ("ops", "operator", "prj_a"), ("ops", "viewer", None), ("Devs", "owner")]
    provider = here.configured(mapping=rules)
    here.idp.person.groups = ["devs", "ops", "others"]
    actor = here.actor(here.sign_in(provider))
    expected = {("developer", "prj_a", "sso"), ("operator", "prj_a", "sso"), ("viewer", None, "sso")}
    assert here.given(actor.id) == expected
    assert actor.permissions == ROLES["developer"] | ROLES["operator"]
    here.idp.person.groups = ["devs"]
    assert here.given(here.actor(here.sign_in(provider)).id) == {("developer", "prj_a", "sso")}
    here.idp.person.groups = []
    assert here.actor(here.sign_in(provider)).permissions == frozenset()
    assert len(here.at.audit("role.grant")) == len(here.at.audit("role.take")) == 3


def test_what_people_gave_is_not_taken_with_a_group(here) -> None:
    provider = here.configured(mapping=[("devs", "developer", "prj_a")])
    actor = here.actor(here.sign_in(provider))
    give(here, actor.id, "developer", "prj_a")
    give(here, actor.id, "viewer", None)
    here.idp.person.groups = ["devs"]
    here.sign_in(provider)
    here.idp.person.groups = []
    here.sign_in(provider)
    assert here.given(actor.id) == {("developer", "prj_a", "local"), ("viewer", None, "local")}


def give(here: World, user_id: str, role: str, project_id: str | None) -> None:
    from holdfast.features.access.granting import store
    from holdfast.features.access.granting.model import Given
    from holdfast.kernel.ids import new_id

    with here.at.db.write() as conn:
        store.insert_grant(conn, Given(new_id("grt"), user_id, role, project_id, None, ROOT.id, here.at.clock.now()))


def test_a_mapping_that_is_narrowed_takes_at_once(here) -> None:
    """Not only when the person comes again."""
    provider = here.configured(mapping=[("devs", "developer", "prj_a"), ("devs", "viewer", "prj_b")])
    here.idp.person.groups = ["devs"]
    actor = here.actor(here.sign_in(provider))
    from holdfast.features.access.sso.model import Rule

    here.providers.update(ROOT, provider.id, 1, {"mapping": (Rule("devs", "viewer", "prj_b"),)})
    assert here.given(actor.id) == {("viewer", "prj_b", "sso")}
    here.providers.delete(ROOT, provider.id)
    assert here.given(actor.id) == set()
    assert here.sso.identities(actor) == []
    with pytest.raises(Unauthenticated) as refused:
        here.sso.start(provider.id, "http://127.0.0.1:7700")
    assert refused.value.code == "provider_unavailable"


def test_a_deleted_account_leaves_no_identity_behind(here) -> None:
    provider = here.configured(mapping=[("devs", "developer", "prj_a")])
    here.idp.person.groups = ["devs"]
    actor = here.actor(here.sign_in(provider))
    with here.at.db.write() as conn:
        here.sso.gone(conn, actor.id)
    assert here.given(actor.id) == set()
    assert here.sso.identities(actor) == []


def test_the_groups_may_come_from_userinfo(here) -> None:
    provider = here.configured(mapping=[("devs", "developer", "prj_a")])
    here.idp.person.groups = ["devs"]
    here.idp.wrong = {"claims_in_userinfo"}
    assert here.given(here.actor(here.sign_in(provider)).id) == {("developer", "prj_a", "sso")}
    here.idp.wrong = {"claims_in_userinfo", "userinfo_other"}
    with pytest.raises(Unauthenticated) as refused:
        here.sign_in(provider)
    assert "somebody else" in refused.value.message


def test_typing_the_password_again_at_the_provider_steps_up(here) -> None:
    provider = here.configured()
    done = here.sign_in(provider)
    actor = here.actor(done)
    assert not actor.stepped_up
    departure = here.sso.start_step_up(actor, provider.id, "http://127.0.0.1:7700")
    query = here.visit(departure.url)
    assert here.idp.authorizations[-1]["prompt"] == "login"
    old, done = done, here.sso.finish(provider.id, query, departure.browser, None)
    assert here.actor(done).stepped_up
    assert here.actor(done).session_id == actor.session_id
    with pytest.raises(Unauthenticated):  # the token changed: one that was stolen before does not step up along
        here.actor(old)
    here.at.clock.advance(601)
    assert not here.actor(done).stepped_up
    here.idp.wrong = {"auth_time"}  # it did not ask for the password: the sign-in is an hour old, or unknown
    for typed in (None, here.at.clock.now().timestamp() - 3600):
        here.idp.person.password_typed_at = typed
        departure = here.sso.start_step_up(actor, provider.id, "http://127.0.0.1:7700")
        with pytest.raises(Unauthenticated):
            here.sso.finish(provider.id, here.visit(departure.url), departure.browser, None)
    here.idp.wrong, here.idp.person.sub = set(), "somebody-else"
    departure = here.sso.start_step_up(actor, provider.id, "http://127.0.0.1:7700")
    with pytest.raises(HoldfastError):
        here.sso.finish(provider.id, here.visit(departure.url), departure.browser, None)
    assert not here.actor(done).stepped_up


def test_a_fresh_sign_in_there_counts_as_stepped_up_here(here) -> None:
    provider = here.configured()
    here.idp.person.password_typed_at = here.at.clock.now().timestamp()
    assert here.actor(here.sign_in(provider)).stepped_up
    here.at.clock.advance(601)
    assert not here.actor(here.sign_in(provider)).stepped_up
