"""Guessing, and what it does to others: who waits, how long, and that no request thread waits with them."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import sqlalchemy as sa
from factors_desk import PASSWORD, ROOT, WRONG, Desk, code_of, desk

from holdfast.features.access import lockout
from holdfast.features.access.factors.model import Policy
from holdfast.features.access.hashing import OF_ONE_ADDRESS, WAITING, Busy, HashQueue
from holdfast.features.access.model import users
from holdfast.kernel import log
from holdfast.kernel.errors import Unauthenticated
from holdfast.web.errors import TooManyAttempts

MINUTE, DAY = 60, 86400


@pytest.fixture
def here(tmp_path: Path) -> Iterator[Desk]:
    with desk(tmp_path) as made:
        yield made


def waits(here: Desk, email: str, address: str) -> float:
    """Seconds that this attempt would wait now."""
    try:
        with here.db.read() as conn:
            lockout.check(conn, lockout.subjects(email, address), here.clock.now())
    except TooManyAttempts as refused:
        return float(refused.details["retry_after_seconds"])
    return 0


def fail(here: Desk, email: str, address: str) -> None:
    with here.db.write() as conn:
        lockout.failed(conn, lockout.subjects(email, address), here.clock.now())


def test_one_address_never_locks_an_owner_out_elsewhere(here) -> None:
    """A day of guessing as fast as it is let, and the owner comes in from home at any moment."""
    longest = 0.0
    for _ in range(120):
        longest = max(longest, wait := waits(here, "ann@example.org", "192.0.2.1"))
        here.clock.advance(wait + 1)
        fail(here, "ann@example.org", "192.0.2.1")
        assert waits(here, "ann@example.org", "198.51.100.7") == 0
    assert longest == lockout.LONGEST.total_seconds() == 15 * MINUTE


def test_many_addresses_slow_the_account_and_an_operator_frees_it(here) -> None:
    for number in range(60):
        fail(here, "ann@example.org", f"192.0.2.{number}")
    assert waits(here, "ann@example.org", "198.51.100.7") > 0
    assert waits(here, "bob@example.org", "198.51.100.7") == 0
    with here.db.write() as conn:
        lockout.forget(conn, "ann@example.org")
    assert waits(here, "ann@example.org", "192.0.2.1") == 0


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("2001:db8:1:2::1", "2001:db8:1:2:ffff::9", True),
        ("2001:db8:1:2::1", "2001:db8:1:3::1", False),
        ("::ffff:192.0.2.1", "192.0.2.1", True),
        ("192.0.2.1", "192.0.2.2", False),
        ("fe80::1%eth0", "fe80::2%eth1", True),
    ],
)
def test_an_address_is_a_slash_64_of_ipv6(one, other, same) -> None:
    assert (lockout.network_of(one) == lockout.network_of(other)) is same


def test_ones_own_account_does_not_win_back_guesses_at_others(here) -> None:
    """Signing in clears the person's wait, never the address's."""
    for number in range(lockout.FREE_OF_ADDRESS):
        fail(here, f"victim{number}@example.org", "192.0.2.1")
        with here.db.write() as conn:
            lockout.cleared(conn, lockout.subjects("mallory@example.org", "192.0.2.1"))
    assert waits(here, "next@example.org", "192.0.2.1") > 0


def test_wrong_codes_count_as_wrong_passwords_do(here) -> None:
    """And the right password without a code, over and over, wins no guess back."""
    ann = here.person()
    app, _ = here.totp(ann)
    for _ in range(lockout.FREE_ATTEMPTS):
        assert code_of(lambda: here.sign_in(ann)) == "second_factor_required"
        assert code_of(lambda: here.sign_in(ann, WRONG)) == "second_factor_wrong"
    assert code_of(lambda: here.sign_in(ann, here.code(app))) == "too_many_attempts"
    here.clock.advance(30)
    assert here.sign_in(ann, here.code(app)).user.id == ann.id
    assert waits(here, ann.email, "") == 0


def test_guesses_sent_at_once_are_no_more_than_guesses_in_turn(here) -> None:
    ann = here.person()
    with ThreadPoolExecutor(7) as pool:
        said = list(pool.map(lambda _: code_of(lambda: here.sign_in(ann, password="wrong")), range(7)))
    assert said.count("unauthenticated") <= lockout.FREE_ATTEMPTS
    assert set(said) == {"unauthenticated", "too_many_attempts"}


def test_nobody_learns_which_accounts_there_are(here) -> None:
    """Unknown, wrong password, right password of a disabled account with a factor: one answer, one count."""
    ann, gone = here.person(), here.person("gone")
    here.totp(gone)
    with here.db.write() as conn:
        conn.execute(users.update().where(users.c.id == gone.id).values(disabled_at=here.clock.now()))
    said = []
    for number, (email, password) in enumerate(
        [("nobody@example.org", PASSWORD), (ann.email, "wrong"), (gone.email, PASSWORD)]
    ):
        with log.bound(address=f"192.0.2.{number}"), pytest.raises(Unauthenticated) as refused:
            here.access.sign_in(email, password)
        said.append(refused.value.as_dict())
        assert f"192.0.2.{number}" in repr(sorted(_counted(here)))
    assert said[0] == said[1] == said[2]
    assert [row["outcome"] for row in here.audit("session.create")][-3:] == ["failed"] * 3


def _counted(here: Desk) -> list[str]:
    with here.db.read() as conn:
        return list(conn.execute(sa.select(lockout.table.c.subject)).scalars())


def test_whoever_must_have_a_factor_may_only_get_one(here) -> None:
    """At once, for open sessions too; and no longer once there is one."""
    ann, bob = here.person(role="admin"), here.person("bob")
    before = here.sign_in(ann).token
    here.factors.change_policy(ROOT, Policy(roles=("admin",)))
    held = here.access.actor_of(before)
    assert held.must_enrol
    assert held.permissions == frozenset()
    assert not here.actor(bob).must_enrol
    here.totp(ann)
    assert "key.create" in here.access.actor_of(before).permissions
    here.factors.change_policy(ROOT, Policy(everyone=True))
    assert here.actor(bob).must_enrol
    assert code_of(lambda: here.factors.change_policy(here.actor(ann), Policy())) == "permission_denied"
    assert [row["details"]["everyone"] for row in here.audit("second_factor.require")] == [
        [False, False],
        [False, True],
    ]


def test_a_thousand_sign_ins_wait_in_a_bounded_queue() -> None:
    """Two at a time on threads of their own; what is over the bound is told so at once."""
    queue, gate, seen = HashQueue(), threading.Event(), set[str]()

    def work() -> str:
        seen.add(threading.current_thread().name)
        gate.wait(20)
        return "in"

    async def crowd() -> list[object]:
        tasks = [asyncio.create_task(queue.run(work, f"192.0.2.{number % 8}")) for number in range(1000)]
        await asyncio.sleep(0.05)
        assert sum(task.done() for task in tasks) == 1000 - WAITING
        gate.set()
        return list(await asyncio.gather(*tasks, return_exceptions=True))

    said = asyncio.run(crowd())
    assert said.count("in") == WAITING
    refused = [each for each in said if isinstance(each, Busy)]
    assert len(refused) == 1000 - WAITING
    assert refused[0].details["retry_after_seconds"] > 0
    assert len(seen) == 2


def test_one_flood_leaves_places_for_others() -> None:
    queue, gate = HashQueue(), threading.Event()

    async def crowd() -> tuple[int, str]:
        flood = [asyncio.create_task(queue.run(lambda: gate.wait(20), "192.0.2.1")) for _ in range(200)]
        await asyncio.sleep(0.05)
        other = asyncio.create_task(queue.run(lambda: "in", "198.51.100.7"))
        await asyncio.sleep(0)
        gate.set()
        said = await asyncio.gather(*flood, return_exceptions=True)
        return sum(not isinstance(each, Busy) for each in said), await other

    assert asyncio.run(crowd()) == (OF_ONE_ADDRESS, "in")


def test_request_threads_that_hash_are_few() -> None:
    queue, gate = HashQueue(), threading.Event()

    def hash_slowly(_: int) -> str:
        try:
            with queue.turn():
                gate.wait(20)
        except Busy:
            gate.set()
            return "busy"
        return "in"

    with ThreadPoolExecutor(12) as pool:
        said = list(pool.map(hash_slowly, range(12)))
    assert "busy" in said
    assert said.count("in") >= 8
