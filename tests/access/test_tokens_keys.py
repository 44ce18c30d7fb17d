"""The keys that sign: made, published, rotated under use, and never shown."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import sqlalchemy as sa
from joserfc import jwt
from joserfc.jwk import KeySet
from token_desk import ROOT, Desk, desk

from holdfast.features.access.actor import Actor
from holdfast.features.access.grants import Grant, everything
from holdfast.features.access.permissions import ALL
from holdfast.features.access.tokens.model import token_keys
from holdfast.kernel.db import metadata
from holdfast.kernel.errors import Denied, NotFound, Unauthenticated
from holdfast.kernel.secrets import SYSTEM

MINUTE = 60


@pytest.fixture
def at(tmp_path: Path) -> Iterator[Desk]:
    with desk(tmp_path) as made:
        yield made


def slots(at: Desk) -> list[str | None]:
    return [key.slot for key in at.tokens.published()]


def test_anyone_checks_a_token_with_the_published_keys_alone(at) -> None:
    assert at.tokens.published() == []
    pair = at.tokens.create_for(at.user())
    published = KeySet.import_key_set({"keys": [key.public_jwk for key in at.tokens.published()]})
    token = jwt.decode(pair.access_token, published, ["ES256"])
    assert token.claims["sid"] == pair.family.id
    assert sorted(slots(at), key=str) == ["current", "next"]


def test_the_private_half_is_in_the_sealed_secrets_and_nowhere_else(at) -> None:
    at.tokens.create_for(at.user())
    with at.db.write() as conn:
        kid, private = at.tokens._ring.current(conn)
        everywhere = "".join(repr(list(conn.execute(sa.select(table)))) for table in metadata.sorted_tables)
    assert {"kty", "crv", "x", "y", "kid", "use", "alg"} == set(at.tokens.published()[0].public_jwk)
    assert private.as_dict(private=True)["d"] not in everywhere
    assert kid in everywhere


def test_a_rotation_ends_no_token_and_the_old_key_leaves_when_its_last_token_has(at) -> None:
    old = at.tokens.create_for(at.user())
    (first, second) = sorted(at.tokens.published(), key=lambda key: str(key.slot))
    at.tokens.rotate_keys(ROOT)
    by_slot = {key.slot: key.id for key in at.tokens.published()}
    assert by_slot[None] == first.id
    assert by_slot["current"] == second.id  # it was published before it signed anything
    assert by_slot["next"] not in (first.id, second.id)
    assert not at.refused(old.access_token)
    new = at.tokens.refresh(old.refresh_token)
    at.clock.advance(10 * MINUTE + 29)
    assert not at.refused(new.access_token)
    assert not at.refused(old.access_token)
    at.clock.advance(1)
    assert at.refused(old.access_token)
    assert first.id not in {key.id for key in at.tokens.published()}
    with at.db.read() as conn, pytest.raises(NotFound):
        at.secrets.get(conn, SYSTEM, first.id, "private_jwk")
    assert [row["details"]["at_once"] for row in at.audit("token.rotate_keys")] == [False]


def test_a_rotation_at_once_ends_every_access_token_in_every_process(at) -> None:
    other = at.another_process()
    pair = at.tokens.create_for(at.user())
    other.actor_of(pair.access_token)
    at.tokens.rotate_keys(ROOT)
    later = at.tokens.refresh(pair.refresh_token)
    other.actor_of(later.access_token)
    at.tokens.rotate_keys(ROOT, at_once=True)
    for token in (pair.access_token, later.access_token):
        assert at.refused(token)
        with pytest.raises(Unauthenticated):
            other.actor_of(token)
    fresh = other.refresh(later.refresh_token)
    assert not at.refused(fresh.access_token)
    assert sorted(slots(at), key=str) == ["current", "next"]


def test_another_process_signs_with_the_new_key_as_soon_as_there_is_one(at) -> None:
    other = at.another_process()
    pair = other.create_for(at.user())
    at.tokens.rotate_keys(ROOT)
    again = other.refresh(pair.refresh_token)
    at.clock.advance(60)
    current = next(key.id for key in at.tokens.published() if key.slot == "current")
    published = KeySet.import_key_set({"keys": [key.public_jwk for key in at.tokens.published()]})
    assert jwt.decode(again.access_token, published, ["ES256"]).header["kid"] == current


def test_rotating_under_use_refuses_no_good_token(at) -> None:
    user = at.user()
    stop = threading.Event()
    wrong: list[str] = []
    made = [0]

    def use() -> None:
        pair = at.tokens.create_for(user)
        while not stop.is_set():
            try:
                at.tokens.actor_of(pair.access_token)
                pair = at.tokens.refresh(pair.refresh_token)
                made[0] += 1
            except Exception as error:  # noqa: BLE001 - whatever it is, it is what the test looks for
                wrong.append(repr(error))
                return

    threads = [threading.Thread(target=use) for _ in range(3)]
    for thread in threads:
        thread.start()
    for _ in range(20):
        at.tokens.rotate_keys(ROOT)
        at.clock.advance(10)
    stop.set()
    for thread in threads:
        thread.join()
    assert wrong == []
    assert made[0] > 3


def test_two_processes_that_begin_at_once_make_one_pair_of_keys(at) -> None:
    user = at.user()
    desks = [at.another_process() for _ in range(4)]
    tokens: list[str] = []
    threads = [
        threading.Thread(target=lambda one=one: tokens.append(one.create_for(user).access_token)) for one in desks
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(tokens) == 4
    assert not any(at.refused(token) for token in tokens)
    with at.db.read() as conn:
        assert conn.execute(sa.select(sa.func.count()).select_from(token_keys)).scalar() == 2


def test_rotations_at_once_leave_one_key_that_signs_and_one_that_is_next(at) -> None:
    pair = at.tokens.create_for(at.user())
    desks = [at.another_process() for _ in range(4)]
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda one: one.rotate_keys(ROOT), desks))
    assert sorted(filter(None, slots(at))) == ["current", "next"]
    assert not at.refused(pair.access_token)
    assert not at.refused(at.tokens.refresh(pair.refresh_token).access_token)


def test_who_may_rotate(at) -> None:
    at.tokens.create_for(at.user())
    before = at.tokens.published()
    actors = [
        Actor("usr_a", "user", "a", everything(ALL - {"system.key.rotate"})),
        Actor("usr_a", "user", "a", (Grant(ALL, "prj_a"),)),
        Actor("usr_a", "user", "a", everything(ALL), stepped_up=False),
    ]
    for actor in actors:
        with pytest.raises(Denied):
            at.tokens.rotate_keys(actor)
    assert at.tokens.published() == before
    assert at.audit("token.rotate_keys") == []
