"""Keys and sessions that are known without asking the database: never for longer than they are good."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

from holdfast.features.access.actor import Actor, local_actor
from holdfast.features.access.keys import KeyService, WantedKey
from holdfast.features.access.model import users
from holdfast.features.access.service import AccessService
from holdfast.kernel.clock import ManualClock
from holdfast.kernel.db import Database
from holdfast.kernel.errors import Unauthenticated

ROOT = local_actor(0)
EMAIL, PASSWORD = "owner@example.org", "correct horse battery staple"


@dataclass
class House:
    """Two processes on one file, as far as the file can tell."""

    clock: ManualClock
    db: Database
    keys: KeyService
    access: AccessService
    elsewhere: KeyService

    def key(self, **wanted: object) -> tuple[str, str, Actor]:
        made, text = self.keys.create(ROOT, WantedKey("k", **wanted))
        self.keys.actor_of(text)  # the first use is noted, which is a commit
        return made.id, text, self.keys.actor_of(text)


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    url = f"sqlite+apsw:///{tmp_path / 'meta.db'}"  # only a file says that it has changed
    db, other, clock = Database(url), Database(url), ManualClock()
    db.create_all()
    yield House(clock, db, KeyService(db, clock), AccessService(db, clock), KeyService(other, clock))
    other.close()
    db.close()


def test_a_key_is_known_until_it_is_revoked_by_whatever_process(house: House) -> None:
    for service in (house.keys, house.elsewhere):
        key_id, text, actor = house.key()
        assert house.keys.known(text) == actor
        assert house.keys.known(text[:-1] + ("A" if text[-1] != "A" else "B")) is None, "another secret"
        service.revoke(ROOT, key_id)
        assert house.keys.known(text) is None
        with pytest.raises(Unauthenticated):
            house.keys.actor_of(text)


def test_a_key_is_known_until_it_expires_or_its_use_is_due(house: House) -> None:
    _, text, actor = house.key(expires_at=house.clock.now() + timedelta(seconds=50))
    assert house.keys.known(text) == actor
    house.clock.advance(50)
    assert house.keys.known(text) is None
    _, text, _ = house.key()
    house.clock.advance(61)
    assert house.keys.known(text) is None, "the use of a key is noted once a minute"
    house.keys.actor_of(text)
    house.keys.actor_of(text)
    assert house.keys.known(text) is not None


def test_an_earlier_secret_is_known_until_its_overlap_is_over(house: House) -> None:
    key_id, text, _ = house.key()
    house.keys.rotate(ROOT, key_id, timedelta(seconds=40))
    for _ in range(2):
        house.keys.actor_of(text)
    assert house.keys.known(text) is not None
    house.clock.advance(40)
    assert house.keys.known(text) is None


def test_a_session_is_known_until_it_ends_and_no_longer_stepped_up_than_it_is(house: House) -> None:
    link = house.access.first_run_link()
    assert link is not None
    token = house.access.exchange(link.partition("#token=")[2], EMAIL, PASSWORD).token
    actor = house.access.actor_of(token)
    assert house.access.known(token) == actor
    assert actor.stepped_up
    for _ in range(11):
        house.clock.advance(61)
        assert house.access.known(token) is None, "that it was seen is noted once a minute"
        house.access.actor_of(token)
        house.access.actor_of(token)
    known = house.access.known(token)
    assert known is not None
    assert not known.stepped_up
    house.access.sign_out(actor)
    assert house.access.known(token) is None


def test_nobody_is_known_once_their_account_is_shut(house: House) -> None:
    link = house.access.first_run_link()
    assert link is not None
    token = house.access.exchange(link.partition("#token=")[2], EMAIL, PASSWORD).token
    house.access.actor_of(token)
    with house.db.write() as conn:
        conn.execute(sa.update(users).values(disabled_at=house.clock.now()))
    assert house.access.known(token) is None
    with pytest.raises(Unauthenticated):
        house.access.actor_of(token)
