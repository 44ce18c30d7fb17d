"""How long a browser stays signed in, what its cookie is worth, and who is slowed down."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import metadata_home
import pytest
import sqlalchemy as sa

from holdfast.features.access.keys import KeyService, WantedKey
from holdfast.features.access.model import sessions, users
from holdfast.features.access.service import AccessService
from holdfast.kernel import log
from holdfast.kernel.clock import ManualClock
from holdfast.kernel.db import Database
from holdfast.kernel.errors import Conflict, Denied, HoldfastError, Invalid, NotFound, Unauthenticated
from holdfast.web.errors import TooManyAttempts

EMAIL, PASSWORD = "owner@example.org", "correct horse battery staple"
MINUTE, HOUR, DAY = 60, 3600, 86400


@dataclass
class Door:
    db: Database
    clock: ManualClock
    access: AccessService
    keys: KeyService

    def token(self) -> str:
        """What a first-run link carries."""
        link = self.access.first_run_link()
        assert link is not None
        return link.partition("#token=")[2]

    def sign_in(self, password: str = PASSWORD, **more: str) -> str:
        return self.access.sign_in(EMAIL, password, **more).token

    def audit(self, action: str) -> list[str]:
        table = sa.table("audit_events", sa.column("id"), sa.column("action"), sa.column("outcome"))
        with self.db.read() as conn:
            found = conn.execute(sa.select(table.c.outcome).where(table.c.action == action).order_by(table.c.id))
            return list(found.scalars())


@pytest.fixture
def door(tmp_path: Path) -> Iterator[Door]:
    db = Database(metadata_home.url(tmp_path / "meta.db"))
    db.create_all()
    clock = ManualClock()
    yield Door(db, clock, AccessService(db, clock), KeyService(db, clock))
    db.close()


@pytest.fixture
def owned(door: Door) -> Door:
    door.access.exchange(door.token(), EMAIL, PASSWORD)
    return door


def out(door: Door, token: str) -> bool:
    try:
        door.access.actor_of(token)
    except Unauthenticated:
        return True
    return False


def test_the_link_dies_after_fifteen_minutes_and_with_the_next_one(door) -> None:
    old = door.token()
    new = door.token()
    for token, wait in ((old, 0), (new, 15 * MINUTE + 1)):
        door.clock.advance(wait)
        with pytest.raises(Unauthenticated) as refused:
            door.access.exchange(token, EMAIL, PASSWORD)
        assert refused.value.code == "link_invalid"
    door.access.exchange(door.token(), EMAIL, PASSWORD)
    assert door.access.first_run_link() is None
    with pytest.raises(Conflict):
        door.access.exchange(new, "second@example.org", PASSWORD)


def test_of_two_who_hold_the_link_one_becomes_the_owner(door) -> None:
    token = door.token()

    def claim(name: str) -> str:
        try:
            return door.access.exchange(token, f"{name}@example.org", PASSWORD).user.email
        except (Unauthenticated, Conflict) as error:
            return error.code

    with ThreadPoolExecutor(4) as pool:
        said = list(pool.map(claim, ["one", "two", "three", "four"]))
    assert sum("@" in one for one in said) == 1
    assert {one for one in said if "@" not in one} <= {"owner_exists", "link_invalid"}
    with door.db.read() as conn:
        assert len(list(conn.execute(sa.select(users)))) == 1


@pytest.mark.parametrize(
    ("email", "password"),
    [("no address", PASSWORD), ("a@b\n", "short"), (EMAIL, "x" * 11), (EMAIL, "x" * 1025), ("a b@c", PASSWORD)],
)
def test_a_bad_account_spends_no_link(door, email, password) -> None:
    token = door.token()
    with pytest.raises(Invalid):
        door.access.exchange(token, email, password)
    assert door.access.exchange(token, EMAIL, PASSWORD).user.role == "owner"


def test_a_session_ends_when_idle_and_after_a_week_however_busy(owned) -> None:
    idle = owned.sign_in()
    owned.clock.advance(12 * HOUR - 1)
    assert not out(owned, idle)
    owned.clock.advance(12 * HOUR + 1)
    assert out(owned, idle)
    busy = owned.sign_in()
    for _ in range(14):
        owned.clock.advance(12 * HOUR - 10)
        assert not out(owned, busy)
    owned.clock.advance(HOUR)
    assert out(owned, busy)


def test_signing_in_changes_the_id_and_ends_the_one_before(owned) -> None:
    """A cookie planted before is worth nothing afterwards."""
    first = owned.sign_in()
    second = owned.sign_in(old_token=first)
    assert first != second
    assert out(owned, first)
    assert not out(owned, second)
    assert owned.access.actor_of(second).session_id != ""
    owned.access.sign_out(owned.access.actor_of(second))
    assert out(owned, second)
    planted = owned.sign_in(old_token="planted-by-someone-else")
    assert planted != "planted-by-someone-else"


def test_only_a_hash_of_the_token_is_stored(owned) -> None:
    token = owned.sign_in()
    with owned.db.read() as conn:
        stored = [repr(row) for row in conn.execute(sa.select(sessions))]
        stored += [repr(row) for row in conn.execute(sa.select(users))]
    assert not any(token in row or PASSWORD in row for row in stored)
    assert log.redact({"cookie_value": "x"}) == {"cookie_value": "x"}


def test_stepping_up_lasts_ten_minutes_and_takes_the_password(owned) -> None:
    token = owned.sign_in()
    owned.clock.advance(10 * MINUTE + 1)
    actor = owned.access.actor_of(token)
    assert not actor.stepped_up
    with pytest.raises(Denied) as refused:
        owned.keys.create(actor, WantedKey("ci"))
    assert refused.value.code == "step_up_required"
    with pytest.raises(Unauthenticated):
        owned.access.step_up(actor, "wrong")
    assert not owned.access.actor_of(token).stepped_up
    fresh = owned.access.step_up(actor, PASSWORD).token
    assert out(owned, token)
    assert owned.access.actor_of(fresh).stepped_up
    assert owned.keys.create(owned.access.actor_of(fresh), WantedKey("ci"))[1].startswith("hf_")
    assert owned.audit("session.step_up") == ["failed", "ok"]


def test_a_disabled_account_is_out_at_once(owned) -> None:
    token = owned.sign_in()
    with owned.db.write() as conn:
        conn.execute(users.update().values(disabled_at=owned.clock.now()))
    assert out(owned, token)
    with pytest.raises(Unauthenticated):
        owned.sign_in()


def test_guessing_slows_down_and_the_right_password_waits_too(owned) -> None:
    for _ in range(5):
        with pytest.raises(Unauthenticated):
            owned.sign_in("wrong")
    with pytest.raises(TooManyAttempts) as refused:
        owned.sign_in()
    assert refused.value.details["retry_after_seconds"] == 2
    owned.clock.advance(3)
    owned.sign_in()
    for _ in range(5):
        with pytest.raises(Unauthenticated):
            owned.sign_in("wrong")
    assert owned.audit("session.create")[1:] == ["failed"] * 5 + ["ok"] + ["failed"] * 5


def test_unknown_accounts_answer_like_known_ones(owned) -> None:
    """In words, in code and in what is counted."""
    said = []
    for email in (EMAIL, "nobody@example.org"):
        answers: list[HoldfastError] = []
        for _ in range(6):
            try:
                with log.bound(address=f"192.0.2.{len(said)}"):
                    owned.access.sign_in(email, "wrong password")
            except HoldfastError as error:
                answers.append(error)
        said.append([error.as_dict() for error in answers])
    assert said[0] == said[1]


def test_keys_expire_are_revoked_and_lose_what_their_role_loses(owned) -> None:
    actor = owned.access.actor_of(owned.sign_in())
    soon = owned.clock.now().replace(hour=1)
    key, text = owned.keys.create(actor, WantedKey("soon", expires_at=soon))
    assert owned.keys.actor_of(text).id == key.id
    owned.clock.advance(HOUR)
    for wrong in (text, text[:-1] + ("A" if text[-1] != "A" else "B"), "hf_", "", text + "\n", text.upper()):
        with pytest.raises(Unauthenticated) as refused:
            owned.keys.actor_of(wrong)
        assert refused.value.message == "this key is not valid"
    with pytest.raises(Invalid):
        owned.keys.create(actor, WantedKey("past", expires_at=soon))
    made, other = owned.keys.create(actor, WantedKey("other", role="viewer"))
    owned.keys.revoke(actor, made.id)
    assert owned.keys.revoke(actor, made.id).revoked_at is not None
    with pytest.raises(Unauthenticated):
        owned.keys.actor_of(other)
    assert owned.audit("key.revoke") == ["ok"]


def test_a_limited_key_sees_the_keys_of_its_projects_only(owned) -> None:
    """However they lie between others, and whatever the page's size."""
    actor = owned.access.actor_of(owned.sign_in())
    limited = owned.keys.actor_of(owned.keys.create(actor, WantedKey("limited", projects=["prj_a", "prj_b"]))[1])
    mine = [owned.keys.list(actor)[0].id]
    for number, projects in enumerate(
        [["prj_a"], None, ["prj_b"], ["prj_a", "prj_c"], [], ["prj_a", "prj_b"], None] * 3
    ):
        key, _ = owned.keys.create(actor, WantedKey(f"key {number}", projects=projects))
        if projects and set(projects) <= {"prj_a", "prj_b"}:
            mine.append(key.id)
    walked: list[str] = []
    while page := owned.keys.list(limited, after=walked[-1] if walked else None, limit=2):
        walked += [key.id for key in page]
    assert walked == mine
    hidden = next(key for key in owned.keys.list(actor, limit=100) if key.id not in mine)
    with pytest.raises(NotFound):
        owned.keys.get(limited, hidden.id)
    with pytest.raises(NotFound):
        owned.keys.create(limited, WantedKey("more", projects=["prj_c"]))
    assert owned.keys.create(limited, WantedKey("same"))[0].projects == {"prj_a", "prj_b"}
