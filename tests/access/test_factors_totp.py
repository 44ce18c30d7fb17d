"""Authenticator apps and recovery codes: what counts, how often, and who learns what."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pyotp
import pytest
import sqlalchemy as sa
from factors_desk import PASSWORD, WRONG, Desk, code_of, desk
from hypothesis import given, settings
from hypothesis import strategies as st

from holdfast.features.access.factors import recovery, totp
from holdfast.features.access.factors.model import Second, recovery_codes, totp_factors
from holdfast.kernel import crypto
from holdfast.kernel.audit import audit_events
from holdfast.kernel.db import metadata
from holdfast.kernel.errors import Unauthenticated


@pytest.fixture
def here(tmp_path: Path) -> Iterator[Desk]:
    with desk(tmp_path) as made:
        yield made


def test_a_secret_is_no_factor_until_a_code_proves_it(here) -> None:
    ann = here.person()
    actor = here.actor(ann)
    begun = here.factors.begin_totp(actor, "Holdfast")
    assert begun.uri.startswith("otpauth://totp/Holdfast:ann%40example.org?secret=" + begun.secret)
    with here.db.read() as conn:
        assert not here.access.has_factor(conn, ann.id)
    assert code_of(lambda: here.factors.confirm_totp(actor, WRONG)) == "code_wrong"
    app = pyotp.TOTP(begun.secret)
    codes = here.factors.confirm_totp(actor, here.code(app))
    assert len(codes) == 10
    assert here.factors.own(actor).totp
    assert code_of(lambda: here.factors.begin_totp(actor, "Holdfast")) == "totp_exists"
    assert code_of(lambda: here.sign_in(ann, here.code(app))) == "second_factor_wrong"  # the proof spent it
    here.clock.advance(30)
    assert here.sign_in(ann, here.code(app)).user.id == ann.id


def test_a_pending_secret_is_forgotten_after_fifteen_minutes(here) -> None:
    actor = here.actor(here.person())
    app = pyotp.TOTP(here.factors.begin_totp(actor, "Holdfast").secret)
    here.clock.advance(15 * 60)
    assert code_of(lambda: here.factors.confirm_totp(actor, here.code(app))) == "totp_not_pending"


def test_what_is_missing_is_said_after_the_right_password_only(here) -> None:
    ann = here.person()
    here.totp(ann)
    with pytest.raises(Unauthenticated) as missing:
        here.sign_in(ann)
    assert missing.value.code == "second_factor_required"
    assert missing.value.details == {"methods": ["totp", "recovery"]}
    assert code_of(lambda: here.sign_in(ann, password="wrong")) == "unauthenticated"
    assert code_of(lambda: here.sign_in(ann, WRONG, password="wrong")) == "unauthenticated"


def test_a_code_is_taken_once_and_one_step_early_or_late(here) -> None:
    ann = here.person()
    app, _ = here.totp(ann)
    here.clock.advance(300)
    for steps, said in (
        (-2, False),
        (2, False),
        (-1, True),
        (-1, False),
        (0, True),
        (-1, False),
        (1, True),
        (0, False),
    ):
        with here.db.write() as conn:
            used = here.proof.accept(conn, ann.id, Second(here.code(app, steps)), here.clock.now())
        assert (used == "totp") is said, steps


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 95), st.integers(-3, 3)), max_size=25))
def test_no_step_is_ever_used_twice(moves) -> None:
    """Against a model: a code counts when its step is within one of now and newer than every one before."""
    with tempfile.TemporaryDirectory() as folder, desk(Path(folder)) as here:
        ann = here.person()
        app, _ = here.totp(ann)
        newest = totp.step_at(here.clock.now()) - 1
        for wait, steps in moves:
            here.clock.advance(wait)
            step = totp.step_at(here.clock.now()) + steps
            wanted = abs(steps) <= 1 and step > newest
            with here.db.write() as conn:
                used = here.proof.accept(conn, ann.id, Second(here.code(app, steps)), here.clock.now())
            assert (used == "totp") is wanted
            newest = step if wanted else newest


def test_of_two_with_one_code_one_gets_in(here) -> None:
    """TOTP and recovery codes alike."""
    ann = here.person()
    app, codes = here.totp(ann)

    def accept(code: str) -> bool:
        with here.db.write() as conn:
            return here.proof.accept(conn, ann.id, Second(code), here.clock.now()) is not None

    with ThreadPoolExecutor(8) as pool:
        for code in (here.code(app), codes[0]):
            assert sorted(pool.map(accept, [code] * 8)) == [False] * 7 + [True]


def test_recovery_codes_work_once_each_and_are_counted(here) -> None:
    ann = here.person()
    _, codes = here.totp(ann)
    assert len(set(codes)) == 10
    assert all(re.fullmatch(r"([a-z2-7]{4}-){5}[a-z2-7]{4}", code) for code in codes)  # 120 bits
    assert here.sign_in(ann, " " + codes[0].upper().replace("-", " ")).user.id == ann.id
    assert code_of(lambda: here.sign_in(ann, codes[0])) == "second_factor_wrong"
    actor = here.actor(ann)
    assert here.factors.own(actor).recovery_codes_left == 9
    assert [row["details"] for row in here.audit("recovery_code.use")] == [{"left": 9}]
    new = here.factors.new_codes(actor)
    assert here.factors.own(actor).recovery_codes_left == 10
    with here.db.write() as conn:
        assert not recovery.spend(conn, ann.id, codes[1], here.clock.now())
        assert not recovery.spend(conn, "usr_other", new[0], here.clock.now())
        assert recovery.spend(conn, ann.id, new[0], here.clock.now())


def test_codes_and_secrets_are_stored_nowhere_in_clear(here) -> None:
    ann = here.person()
    app, codes = here.totp(ann)
    here.sign_in(ann, codes[0])
    kept = []
    with here.db.read() as conn:
        for table in metadata.sorted_tables:
            kept += [repr(tuple(row)) for row in conn.execute(sa.select(table))]
        stored = set(conn.execute(sa.select(recovery_codes.c.code_hash)).scalars())
    for secret in (app.secret, *codes, *(code.replace("-", "") for code in codes)):
        assert not any(secret in row for row in kept)
    assert crypto.token_hash(codes[1].replace("-", "")) in stored
    with here.db.read() as conn:
        assert not any(app.secret in repr(tuple(row)) for row in conn.execute(sa.select(audit_events)))


def test_the_last_factor_takes_the_recovery_codes_along(here) -> None:
    ann = here.person()
    here.totp(ann)
    actor = here.actor(ann)
    here.factors.remove_totp(actor)
    assert here.factors.own(actor).recovery_codes_left == 0
    assert code_of(lambda: here.factors.new_codes(actor)) == "no_factor"
    assert here.sign_in(ann).user.id == ann.id


def test_a_reset_clears_every_factor(here) -> None:
    ann = here.person()
    here.totp(ann)
    here.passkey(ann)
    with here.db.write() as conn:
        here.proof.removed(conn, ann.id)
        assert not here.access.has_factor(conn, ann.id)
        for table in (totp_factors, recovery_codes):
            assert conn.execute(sa.select(table)).all() == []
    assert here.sign_in(ann).user.id == ann.id


def test_changes_need_the_password_again_and_a_person(here) -> None:
    ann = here.person()
    actor = here.actor(ann)
    here.clock.advance(601)
    stale = here.access.actor_of(here.sign_in(ann).token)
    here.clock.advance(601)
    stale = type(stale)(stale.id, "user", stale.display, stale.grants, None, False, stale.session_id)
    calls = (here.factors.remove_totp, here.factors.new_codes, lambda who: here.factors.begin_totp(who, "x"))
    for call in calls:
        assert code_of(lambda call=call: call(stale)) == "step_up_required"
        for kind in ("key", "local"):
            nobody = type(actor)("key_1", kind, "a key", ())
            assert code_of(lambda call=call, nobody=nobody: call(nobody)) == "not_a_person"


def test_stepping_up_asks_for_the_factor_too_and_changes_the_token(here) -> None:
    ann = here.person()
    app, _ = here.totp(ann)
    token = here.sign_in(ann, here.code(app)).token
    here.clock.advance(601)
    actor = here.access.actor_of(token)
    assert code_of(lambda: here.access.step_up(actor, PASSWORD)) == "second_factor_required"
    assert code_of(lambda: here.access.step_up(actor, PASSWORD, Second(WRONG))) == "second_factor_wrong"
    fresh = here.access.step_up(actor, PASSWORD, Second(here.code(app))).token
    assert here.access.actor_of(fresh).stepped_up
    assert here.access.actor_of(fresh).session_id == actor.session_id
    with pytest.raises(Unauthenticated):
        here.access.actor_of(token)
