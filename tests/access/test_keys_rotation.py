"""A key gets a new secret while the old one still works, and everyone sees which was used."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from grants_world import ROOT, World, world

from holdfast.features.access.actor import Actor
from holdfast.features.access.keys import MAX_SECRETS, WantedKey
from holdfast.kernel.errors import Conflict, Denied, Invalid, Unauthenticated

DAY = 86400


@pytest.fixture
def w(tmp_path: Path) -> Iterator[World]:
    made = world(tmp_path)
    yield made
    made.db.close()


def works(w: World, text: str) -> bool:
    try:
        w.keys.actor_of(text)
    except Unauthenticated:
        return False
    return True


def test_both_secrets_work_until_the_overlap_is_over(w) -> None:
    key, old = w.keys.create(ROOT, WantedKey("ci", role="viewer", projects=["p"]))
    again, new = w.keys.rotate(ROOT, key.id)
    assert again.id == key.id
    assert again.prefix != key.prefix
    assert old != new
    assert w.keys.actor_of(old) == w.keys.actor_of(new)
    w.clock.advance(DAY - 1)
    assert works(w, old)
    w.clock.advance(1)
    assert not works(w, old)
    assert works(w, new)
    assert old[16:] not in repr(w.audit("key.rotate"))
    assert [row["details"] for row in w.audit("key.rotate")] == [{"name": "ci", "overlap_seconds": DAY}]


def test_no_overlap_ends_the_old_secret_at_once(w) -> None:
    key, old = w.keys.create(ROOT, WantedKey("ci"))
    _, new = w.keys.rotate(ROOT, key.id, timedelta(0))
    assert (works(w, old), works(w, new)) == (False, True)
    for wrong in (timedelta(seconds=-1), timedelta(days=30, seconds=1)):
        with pytest.raises(Invalid):
            w.keys.rotate(ROOT, key.id, wrong)


def test_which_secret_was_used_last_is_seen(w) -> None:
    key, old = w.keys.create(ROOT, WantedKey("ci"))
    w.keys.rotate(ROOT, key.id)
    w.clock.advance(3600)
    used = w.clock.now()
    w.keys.actor_of(old)
    found = w.keys.get(ROOT, key.id)
    assert [(each.prefix, each.last_used_at) for each in found.secrets] == [(found.prefix, None), (key.prefix, used)]
    assert found.last_used_at == used
    assert w.keys.list(ROOT)[0] == found


def test_revoking_ends_every_secret(w) -> None:
    key, first = w.keys.create(ROOT, WantedKey("ci"))
    texts = [first, *(w.keys.rotate(ROOT, key.id)[1] for _ in range(2))]
    assert [works(w, text) for text in texts] == [True] * 3
    w.keys.revoke(ROOT, key.id)
    assert [works(w, text) for text in texts] == [False] * 3
    with pytest.raises(Conflict) as refused:
        w.keys.rotate(ROOT, key.id)
    assert refused.value.code == "key_ended"


def test_a_leaked_key_takes_with_it_what_was_made_with_it(w) -> None:
    """Through every generation, also past one that was revoked before; without asking they stay."""
    key, text = w.keys.create(ROOT, WantedKey("leaked"))
    child, child_text = w.keys.create(w.keys.actor_of(text), WantedKey("child"))
    grandchild, last_text = w.keys.create(w.keys.actor_of(child_text), WantedKey("grandchild"))
    _, other = w.keys.create(ROOT, WantedKey("other"))
    w.keys.revoke(ROOT, child.id)
    w.keys.revoke(ROOT, key.id)
    assert (works(w, text), works(w, child_text), works(w, last_text)) == (False, False, True)
    w.keys.revoke(ROOT, key.id, made=True)
    assert (works(w, last_text), works(w, other)) == (False, True)
    assert [row["resource_id"] for row in w.audit("key.revoke")] == [child.id, key.id, grandchild.id]


def test_an_expired_key_stays_expired(w) -> None:
    key, text = w.keys.create(ROOT, WantedKey("ci", expires_at=w.clock.now() + timedelta(hours=1)))
    _, new = w.keys.rotate(ROOT, key.id, timedelta(days=30))
    w.clock.advance(3600)
    assert (works(w, text), works(w, new)) == (False, False)
    with pytest.raises(Conflict):
        w.keys.rotate(ROOT, key.id)


def test_so_many_secrets_and_no_more(w) -> None:
    key, _ = w.keys.create(ROOT, WantedKey("ci"))
    for _ in range(MAX_SECRETS):
        w.keys.rotate(ROOT, key.id)
    with pytest.raises(Conflict) as refused:
        w.keys.rotate(ROOT, key.id)
    assert refused.value.code == "too_many_secrets"
    w.clock.advance(DAY)
    w.keys.rotate(ROOT, key.id)
    assert len(w.keys.get(ROOT, key.id).secrets) == 2


def test_nobody_takes_a_key_that_may_do_more_than_they(w) -> None:
    """Whoever sees the new secret holds the key: rotating is as much as making it."""
    role_id = w.role("keeper", {"key.rotate", "key.read", "run.read"})
    assert role_id
    keeper = w.someone("ann@example.org", p="keeper")
    strong = w.keys.create(ROOT, WantedKey("k", permissions=["run.read", "snapshot.delete"], projects=["p"]))[0]
    weak = w.keys.create(ROOT, WantedKey("k", permissions=["run.read"], environments=["p1"]))[0]
    with pytest.raises(Denied) as refused:
        w.keys.rotate(keeper, strong.id)
    assert refused.value.details == {"permission": "snapshot.delete"}
    w.keys.rotate(keeper, weak.id)


def test_a_persons_key_is_for_that_person(w) -> None:
    owner = w.someone("ann@example.org", p="developer")
    admin = w.someone("ben@example.org", everywhere="owner")
    key, text = w.keys.create(owner, WantedKey("mine"))
    with pytest.raises(Denied) as refused:
        w.keys.rotate(admin, key.id)
    assert refused.value.code == "key_not_yours"
    w.keys.rotate(owner, key.id)
    with pytest.raises(Denied):
        w.keys.rotate(w.keys.actor_of(text), key.id)  # a developer's key has no key.rotate
    w.keys.rotate(ROOT, key.id)
    stale = Actor(owner.id, "user", "ann", owner.grants, stepped_up=False, session_id="ses_1")
    with pytest.raises(Denied) as again:
        w.keys.rotate(stale, key.id)
    assert again.value.code == "step_up_required"
