"""What a pair of tokens is worth, for how long, and what ends it."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest
import sqlalchemy as sa
from statements import statements
from token_desk import ROOT, Desk, desk

from holdfast.features.access.actor import Actor
from holdfast.features.access.grants import everything
from holdfast.features.access.keys import WantedKey
from holdfast.features.access.model import users
from holdfast.features.access.permissions import ALL, ROLES
from holdfast.features.access.tokens.model import refresh_tokens, token_families
from holdfast.kernel import log
from holdfast.kernel.errors import Conflict, Denied, NotFound, Unauthenticated

MINUTE, DAY = 60, 86400


@pytest.fixture
def at(tmp_path: Path) -> Iterator[Desk]:
    with desk(tmp_path) as made:
        yield made


def person(at: Desk, email: str = "ann@example.org", role: str = "developer") -> Actor:
    """As a browser that signed in a moment ago."""
    user = at.user(email, role)
    return Actor(user.id, "user", email, everything(ROLES[role]), session_id="ses_x")


def test_an_access_token_speaks_for_its_user_without_step_up(at) -> None:
    user = at.user()
    pair = at.tokens.create_for(user, "laptop")
    actor = at.tokens.actor_of(pair.access_token)
    assert (actor.id, actor.kind, actor.permissions) == (user.id, "user", ROLES["developer"])
    assert (actor.stepped_up, actor.session_id, actor.family_id) == (False, None, pair.family.id)
    with pytest.raises(Denied) as refused:
        at.keys.create(replace(actor, grants=everything(ALL)), WantedKey("ci"))
    assert refused.value.code == "step_up_required"
    assert [row["resource_id"] for row in at.audit("token.create")] == [pair.family.id]


def test_it_counts_for_ten_minutes_and_half_a_minute_of_doubt(at) -> None:
    pair = at.tokens.create_for(at.user())
    at.clock.advance(10 * MINUTE + 29)
    assert not at.refused(pair.access_token)
    at.clock.advance(1)
    assert at.refused(pair.access_token)


def test_rights_are_those_of_the_moment(at) -> None:
    """A role that is taken away is gone from tokens that are out already."""
    pair = at.tokens.create_for(at.user(role="admin"))
    assert "user.invite" in at.tokens.actor_of(pair.access_token).permissions
    with at.db.write() as conn:
        conn.execute(users.update().values(role="viewer"))
    assert at.tokens.actor_of(pair.access_token).permissions == ROLES["viewer"]


def test_a_disabled_user_is_out_at_once_and_refreshes_nothing(at) -> None:
    pair = at.tokens.create_for(at.user())
    with at.db.write() as conn:
        conn.execute(users.update().values(disabled_at=at.clock.now()))
    assert at.refused(pair.access_token)
    with pytest.raises(Unauthenticated):
        at.tokens.refresh(pair.refresh_token)


def test_a_key_s_tokens_are_bounded_by_the_key_and_die_with_it(at) -> None:
    key, text = at.keys.create(ROOT, WantedKey("ci", permissions=["run.read"], projects=["prj_a"]))
    pair = at.tokens.create(at.keys.actor_of(text), "ci")
    actor = at.tokens.actor_of(pair.access_token)
    assert (actor.id, actor.permissions, actor.projects) == (key.id, {"run.read"}, {"prj_a"})
    assert actor.stepped_up
    at.keys.revoke(ROOT, key.id)
    assert at.refused(pair.access_token)
    with pytest.raises(Unauthenticated):
        at.tokens.refresh(pair.refresh_token)


def test_a_session_steps_up_first_and_a_token_makes_no_tokens(at) -> None:
    """A stolen access token would otherwise live for 30 days instead of ten minutes."""
    ann = person(at)
    with pytest.raises(Denied) as refused:
        at.tokens.create(replace(ann, stepped_up=False))
    assert refused.value.code == "step_up_required"
    pair = at.tokens.create(ann)
    with pytest.raises(Denied):
        at.tokens.create(at.tokens.actor_of(pair.access_token))
    _, text = at.keys.create(ROOT, WantedKey("ci"))
    with pytest.raises(Denied) as refused:
        at.tokens.create(at.tokens.actor_of(at.tokens.create(at.keys.actor_of(text)).access_token))
    assert refused.value.code == "token_refused"
    with pytest.raises(Conflict) as none:
        at.tokens.create(ROOT)
    assert none.value.code == "no_account"


def test_refreshing_goes_on_until_the_family_is_thirty_days_old(at) -> None:
    pair = at.tokens.create_for(at.user())
    for _ in range(4):
        at.clock.advance(7 * DAY - 1)
        pair = at.tokens.refresh(pair.refresh_token)
        assert not at.refused(pair.access_token)
    at.clock.advance(2 * DAY + 4)
    with pytest.raises(Unauthenticated):
        at.tokens.refresh(pair.refresh_token)


def test_a_week_without_refreshing_ends_it(at) -> None:
    pair = at.tokens.create_for(at.user())
    at.clock.advance(7 * DAY)
    with pytest.raises(Unauthenticated):
        at.tokens.refresh(pair.refresh_token)


def test_a_spent_refresh_token_ends_the_whole_family(at) -> None:
    """Whoever comes second, thief or owner: both lose, and it is on record."""
    user = at.user()
    first = at.tokens.create_for(user)
    other = at.tokens.create_for(user)
    second = at.tokens.refresh(first.refresh_token)
    third = at.tokens.refresh(second.refresh_token)
    with pytest.raises(Unauthenticated):
        at.tokens.refresh(first.refresh_token)
    for pair in (first, second, third):
        assert at.refused(pair.access_token)
    with pytest.raises(Unauthenticated):
        at.tokens.refresh(third.refresh_token)
    (fact,) = at.audit("token.reuse")
    assert (fact["actor"], fact["outcome"], fact["resource_id"]) == (user.id, "denied", first.family.id)
    assert not at.refused(other.access_token)
    ended = at.tokens.list(Actor(user.id, "user", "", ()))
    assert [family.revoked_why for family in ended] == ["reuse", None]


def test_of_two_refreshes_at_once_one_wins_and_the_family_ends(at) -> None:
    """No grace: the server cannot tell a client that retries from a thief."""
    for _ in range(5):
        pair = at.tokens.create_for(at.user(f"{at.clock.now().timestamp()}@example.org"))

        def turn(_: int, token: str = pair.refresh_token) -> bool:
            try:
                at.tokens.refresh(token)
            except Unauthenticated:
                return False
            return True

        with ThreadPoolExecutor(4) as pool:
            assert sum(pool.map(turn, range(4))) == 1
        with at.db.read() as conn:
            why = sa.select(token_families.c.revoked_why).where(token_families.c.id == pair.family.id)
            assert conn.execute(why).scalar() == "reuse"
        at.clock.advance(1)
    assert len(at.audit("token.reuse")) == 5


@pytest.mark.parametrize("text", ["", "hr_", "hr_" + "x" * 43, "'; --", "\0", "hr_" + "ä" * 43])
def test_a_refresh_token_that_was_never_ours(at, text) -> None:
    pair = at.tokens.create_for(at.user())
    with pytest.raises(Unauthenticated):
        at.tokens.refresh(text)
    with pytest.raises(Unauthenticated):
        at.tokens.refresh(pair.access_token)
    assert at.audit("token.reuse") == []
    assert not at.refused(at.tokens.refresh(pair.refresh_token).access_token)


def test_revoking_ends_one_s_own_and_with_the_permission_anybody_s(at) -> None:
    ann, bob = person(at), person(at, "bob@example.org")
    pair, his = at.tokens.create(ann, "mine"), at.tokens.create(bob, "his")
    with pytest.raises(Denied) as refused:
        at.tokens.revoke(ann, his.family.id)
    assert refused.value.details == {"permission": "token.revoke"}
    with pytest.raises(Denied):
        at.tokens.revoke(ann, "fam_" + "0" * 26)
    with pytest.raises(NotFound):
        at.tokens.revoke(ROOT, "fam_" + "0" * 26)
    with pytest.raises(Denied):
        at.tokens.list(ann, bob.id)
    assert [family.name for family in at.tokens.list(ROOT, bob.id)] == ["his"]
    assert at.tokens.revoke(ann, pair.family.id).revoked_why == "revoked"
    assert at.tokens.revoke(ann, pair.family.id).revoked_why == "revoked"
    assert at.refused(pair.access_token)
    at.tokens.revoke(ROOT, his.family.id)
    assert at.refused(his.access_token)
    assert [(row["actor"], row["resource_id"]) for row in at.audit("token.revoke")] == [
        (ann.id, pair.family.id),
        (ROOT.id, his.family.id),
    ]


def test_ending_someone_s_sessions_ends_their_tokens(at) -> None:
    ann, bob = at.user(), at.user("bob@example.org")
    hers, his = at.tokens.create_for(ann), at.tokens.create_for(bob)
    with at.db.write() as conn:
        at.tokens.end_of(conn, ann.id)
    assert at.refused(hers.access_token)
    assert not at.refused(his.access_token)


def test_only_hashes_are_stored_and_old_families_are_forgotten(at) -> None:
    pair = at.tokens.create_for(at.user())
    with at.db.read() as conn:
        stored = repr(list(conn.execute(sa.select(refresh_tokens)))) + repr(at.audit("token.create"))
    assert pair.refresh_token not in stored
    assert pair.access_token not in stored
    assert pair.refresh_token not in log.redact(f"x {pair.refresh_token}")
    at.clock.advance(61 * DAY)
    at.tokens.create_for(at.user("bob@example.org"))
    with at.db.read() as conn:
        assert conn.execute(sa.select(sa.func.count()).select_from(token_families)).scalar() == 1
        assert conn.execute(sa.select(sa.func.count()).select_from(refresh_tokens)).scalar() == 1


def test_a_request_takes_at_most_three_statements(at) -> None:
    """And one more the first time that a process meets a signing key."""
    pair = at.tokens.create_for(at.user())
    _, text = at.keys.create(ROOT, WantedKey("ci"))
    keyed = at.tokens.create(at.keys.actor_of(text))
    fresh = at.another_process()
    for service, token, most in (
        (fresh, pair.access_token, 4),
        (fresh, pair.access_token, 3),
        (fresh, keyed.access_token, 3),
    ):
        with statements(at.db) as seen:
            service.actor_of(token)
        assert len(seen) <= most, seen
