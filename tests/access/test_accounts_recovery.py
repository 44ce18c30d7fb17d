"""A new password, by the old one or by a link; and what ends with it."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from accounts_house import HOUR, MINUTE, OTHER, PASSWORD, ROOT, House, code_of, house, token_of

from holdfast.features.access.accounts.users import UserChanges
from holdfast.features.access.model import User, users
from holdfast.kernel import crypto
from holdfast.kernel.errors import Conflict, Invalid, Unauthenticated
from holdfast.web.errors import TooManyAttempts


@pytest.fixture
def here(tmp_path: Path) -> Iterator[House]:
    with house(tmp_path) as made:
        yield made


@pytest.fixture
def ada(here: House) -> User:
    return here.person("ada", "viewer")


def test_a_changed_password_signs_everyone_else_out(here, ada) -> None:
    other, mine = here.signed_in(ada), here.signed_in(ada)
    made = here.recovery.change(here.access.actor_of(mine), PASSWORD, OTHER, "Firefox")
    assert made.token not in (mine, other)
    assert here.out(other)
    assert here.out(mine), "the id rotates"
    assert here.access.actor_of(made.token).stepped_up
    assert here.called == [("ended", ada.id)]
    assert code_of(lambda: here.access.sign_in(ada.email, PASSWORD)) == "unauthenticated"
    assert here.access.sign_in(ada.email, OTHER).user.id == ada.id
    assert [row["outcome"] for row in here.audit("session.password")] == ["ok"]


def test_the_old_password_is_guessed_no_faster_here_than_at_sign_in(here, ada) -> None:
    """One count for both: a stolen cookie is no way around the delay."""
    actor = here.actor(ada)
    for number in range(5):
        with pytest.raises(Unauthenticated):
            (here.access.sign_in(ada.email, "wrong") if number % 2 else here.recovery.change(actor, "wrong", OTHER))
    with pytest.raises(TooManyAttempts):
        here.recovery.change(actor, PASSWORD, OTHER)
    assert here.rows(users)[0][2] == ada.password_hash
    here.clock.advance(3)
    here.recovery.change(actor, PASSWORD, OTHER)
    assert [row["outcome"] for row in here.audit("session.password")] == ["failed"] * 3 + ["ok"]


def test_a_weak_new_password_changes_nothing(here, ada) -> None:
    token = here.signed_in(ada)
    before = here.rows(users)
    for weak in ("short", "password123456", "ada-ada-ada-ada"):
        with pytest.raises(Invalid):
            here.recovery.change(here.access.actor_of(token), PASSWORD, weak)
    assert here.rows(users) == before
    assert not here.out(token)


def test_keys_and_admin_sock_change_no_password(here, ada) -> None:
    with pytest.raises(Conflict) as refused:
        here.recovery.change(ROOT, PASSWORD, OTHER)
    assert refused.value.code == "no_session"


def test_a_session_that_is_ended_meanwhile_gets_no_new_one(here, ada, monkeypatch) -> None:
    """An admin ends it in the very moment of hashing: the browser must not come back in by that."""
    actor = here.actor(ada)
    hash_ = here.access.hash

    def ended_meanwhile(password: str) -> str:
        here.sessions.end_of(ROOT, ada.id)
        return hash_(password)

    monkeypatch.setattr(here.access, "hash", ended_meanwhile)
    with pytest.raises(Unauthenticated):
        here.recovery.change(actor, PASSWORD, OTHER)
    assert here.sessions.of(ROOT, ada.id) == []
    assert here.access.sign_in(ada.email, PASSWORD).user.id == ada.id


def test_a_reset_ends_the_old_password_and_everything_it_opened(here, ada) -> None:
    """Whoever knows the old one may be the reason; without second factors it would let them in."""
    token = here.signed_in(ada)
    link = here.recovery.reset(ROOT, ada.id)
    assert link.startswith("https://holdfast.example.org/#reset=")
    assert here.out(token)
    assert here.called == [("ended", ada.id), ("reset", ada.id)]
    assert code_of(lambda: here.access.sign_in(ada.email, PASSWORD)) == "unauthenticated"
    assert code_of(lambda: here.access.sign_in(ada.email, "")) == "unauthenticated"
    here.recovery.redeem(token_of(link), OTHER)
    assert here.access.sign_in(ada.email, OTHER).user.id == ada.id
    assert [row["actor"] for row in here.audit("user.reset")] == [ROOT.id]
    assert [row["actor"] for row in here.audit("session.reset")] == [ada.id]


@pytest.mark.parametrize("how", ["reset", "disabled", "deleted"])
def test_a_sign_in_that_was_under_way_ends_with_the_rest(here, ada, monkeypatch, how) -> None:
    """Hashing takes a tenth of a second; the old password must not open a session after the reset."""
    verify = crypto.verify_password
    acts = {
        "reset": lambda: here.recovery.reset(ROOT, ada.id),
        "disabled": lambda: here.users.update(ROOT, ada.id, 1, UserChanges(disabled=True)),
        "deleted": lambda: here.users.delete(ROOT, ada.id, ada.email),
    }

    def meanwhile(stored: str | None, password: str) -> bool:
        right = verify(stored, password)
        acts[how]()
        return right

    monkeypatch.setattr(crypto, "verify_password", meanwhile)
    assert code_of(lambda: here.access.sign_in(ada.email, PASSWORD)) == "unauthenticated"
    assert here.sessions.of(ROOT, ada.id) == []


def test_a_reset_link_works_once_for_an_hour_and_only_the_newest(here, ada) -> None:
    first = token_of(here.recovery.reset(ROOT, ada.id))
    second = token_of(here.recovery.reset(ROOT, ada.id))
    assert code_of(lambda: here.recovery.redeem(first, OTHER)) == "link_invalid"
    with pytest.raises(Invalid):
        here.recovery.redeem(second, "ada-at-example")
    here.recovery.redeem(second, OTHER)
    assert code_of(lambda: here.recovery.redeem(second, PASSWORD)) == "link_invalid"
    late = token_of(here.recovery.reset(ROOT, ada.id))
    here.clock.advance(HOUR)
    assert code_of(lambda: here.recovery.redeem(late, PASSWORD)) == "link_invalid"


def test_of_two_who_hold_the_reset_link_one_sets_the_password(here, ada) -> None:
    token = token_of(here.recovery.reset(ROOT, ada.id))
    with ThreadPoolExecutor(4) as pool:
        tried = [f"{number} goats on a distant hill" for number in range(4)]
        said = list(pool.map(lambda text: code_of(lambda: here.recovery.redeem(token, text)), tried))
    assert sorted(said) == ["done", "link_invalid", "link_invalid", "link_invalid"]
    assert here.access.sign_in(ada.email, tried[said.index("done")]).user.id == ada.id


def test_a_reset_ends_the_lock_out_too(here, ada) -> None:
    for _ in range(8):
        code_of(lambda: here.access.sign_in(ada.email, "wrong"))
    assert code_of(lambda: here.access.sign_in(ada.email, PASSWORD)) == "too_many_attempts"
    here.clock.advance(MINUTE)  # the address waits as well, though not as long
    link = here.recovery.reset(ROOT, ada.id)
    here.recovery.redeem(token_of(link), OTHER)
    assert here.access.sign_in(ada.email, OTHER).user.id == ada.id


def test_a_disabled_account_stays_shut_whatever_link_it_has(here, ada) -> None:
    before = token_of(here.recovery.reset(ROOT, ada.id))
    here.users.update(ROOT, ada.id, 1, UserChanges(disabled=True))
    assert code_of(lambda: here.recovery.redeem(before, OTHER)) == "link_invalid"
    after = token_of(here.recovery.reset(ROOT, ada.id))
    assert code_of(lambda: here.recovery.redeem(after, OTHER)) == "link_invalid"
    here.users.update(ROOT, ada.id, 2, UserChanges(disabled=False))
    here.recovery.redeem(after, OTHER)


def test_a_reset_is_not_undone_by_the_session_it_ended(here, ada) -> None:
    """Whoever stole the session and knows the old password keeps neither."""
    token = here.signed_in(ada)
    actor = here.access.actor_of(token)
    link = token_of(here.recovery.reset(ROOT, ada.id))
    assert code_of(lambda: here.recovery.change(actor, PASSWORD, OTHER)) == "unauthenticated"
    here.recovery.redeem(link, OTHER)
