"""Passkeys against a software authenticator that speaks the real protocol."""

from __future__ import annotations

import base64
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from authenticator import PRESENT, Authenticator
from factors_desk import PASSWORD, SITE, Desk, code_of, desk
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from holdfast.features.access.factors.model import Assertion, Second, Site
from holdfast.kernel.errors import Conflict, Unauthenticated

ELSEWHERE = Site("evil.example", "https://evil.example")


@pytest.fixture
def here(tmp_path: Path) -> Iterator[Desk]:
    with desk(tmp_path) as made:
        yield made


def test_a_passkey_signs_in_alone(here) -> None:
    """Options ask for user verification and no attestation; a discoverable key needs no e-mail."""
    ann = here.person()
    actor = here.actor(ann)
    _, options = here.factors.passkey_options(actor, SITE)
    assert options["authenticatorSelection"] == {
        "residentKey": "preferred",
        "requireResidentKey": False,
        "userVerification": "required",
    }
    assert options["attestation"] == "none"
    assert ann.email not in str(base64.urlsafe_b64decode(options["user"]["id"] + "=="))
    device = here.passkey(ann)
    made, options = here.access.passkey_options(SITE)
    assert options["userVerification"] == "required"
    assert options["allowCredentials"] == []
    signed = here.access.sign_in_by_passkey(Assertion(made.flow, device.get(options), SITE))
    assert signed.user.id == ann.id
    assert here.access.actor_of(signed.token).stepped_up
    assert here.factors.own(actor).recovery_codes_left == 10
    assert here.audit("session.create")[-1]["details"] == {"factor": "passkey"}


@pytest.mark.parametrize(
    "bent",
    [
        {"origin": "https://evil.example"},
        {"origin": "http://localhost:7701"},
        {"rp_id": "evil.example"},
        {"challenge": "AAAA"},
        {"type": "webauthn.create"},
        {"user": base64.urlsafe_b64encode(b"usr_another").decode().rstrip("=")},
    ],
    ids=str,
)
def test_an_answer_for_something_else_is_refused(here, bent) -> None:
    device = here.passkey(here.person())
    assert code_of(lambda: here.by_passkey(device, **bent)) == "unauthenticated"
    assert here.by_passkey(device).user.email == "ann@example.org"


def test_without_user_verification_it_is_no_passkey(here) -> None:
    ann = here.person()
    device = here.passkey(ann)
    device.flags = PRESENT
    assert code_of(lambda: here.by_passkey(device)) == "unauthenticated"
    assert code_of(lambda: here.passkey(ann, flags=PRESENT)) == "passkey_invalid"


def test_a_counter_that_does_not_rise_is_refused_and_recorded(here) -> None:
    """Two authenticators with one key: someone copied it."""
    device = here.passkey(here.person())
    here.by_passkey(device, step=5)
    for step in (0, -3):
        assert code_of(lambda step=step: here.by_passkey(device, step=step)) == "unauthenticated"
    assert [row["outcome"] for row in here.audit("passkey.cloned")] == ["denied"] * 2
    here.by_passkey(device, step=10)


def test_devices_that_do_not_count_work(here) -> None:
    """Synced passkeys always say 0."""
    device = here.passkey(here.person())
    for _ in range(2):
        here.by_passkey(device, step=0)


def test_a_challenge_works_once_for_five_minutes_and_for_its_purpose(here) -> None:
    ann = here.person()
    device = here.passkey(ann)
    made, options = here.access.passkey_options(SITE)
    answer = Assertion(made.flow, device.get(options), SITE)
    assert here.access.sign_in_by_passkey(answer).user.id == ann.id
    assert code_of(lambda: here.access.sign_in_by_passkey(answer)) == "unauthenticated"
    made, options = here.access.passkey_options(SITE)
    here.clock.advance(301)
    assert code_of(lambda: here.access.sign_in_by_passkey(Assertion(made.flow, device.get(options), SITE))) != "done"
    actor = here.actor(ann)
    made, options = here.access.step_up_options(actor, SITE)
    assert [each["id"] for each in options["allowCredentials"]] == [device.get(options)["id"]]
    stolen = Assertion(made.flow, device.get(options), SITE)
    assert code_of(lambda: here.access.sign_in_by_passkey(stolen)) == "unauthenticated"
    another = here.actor(ann)
    made, options = here.access.step_up_options(actor, SITE)
    second = Second(passkey=Assertion(made.flow, device.get(options), SITE))
    assert code_of(lambda: here.access.step_up(another, None, second)) == "second_factor_wrong"


def test_a_registration_is_bound_to_its_session(here) -> None:
    ann, bob = here.person(), here.person("bob")
    mine, theirs = here.actor(ann), here.actor(bob)
    made, options = here.factors.passkey_options(mine, SITE)
    answer = Authenticator().create(options)
    assert code_of(lambda: here.factors.add_passkey(theirs, "x", made.flow, answer, SITE)) == "passkey_invalid"
    here.factors.add_passkey(mine, "x", made.flow, answer, SITE)
    made, _ = here.factors.passkey_options(mine, SITE)
    assert code_of(lambda: here.factors.add_passkey(mine, "x", made.flow, answer, SITE)) == "passkey_invalid"
    device = Authenticator()
    for name, said in (("one", "done"), ("two", "passkey_known")):
        made, options = here.factors.passkey_options(mine, SITE)
        new = device.create(options)
        assert (
            code_of(lambda made=made, new=new, name=name: here.factors.add_passkey(mine, name, made.flow, new, SITE))
            == said
        )


def test_it_is_a_second_factor_and_steps_up_alone(here) -> None:
    ann, bob = here.person(), here.person("bob")
    device, other = here.passkey(ann), here.passkey(bob)
    answers = []
    for key in (other, device):
        with pytest.raises(Unauthenticated) as missing:
            here.sign_in(ann)
        asked = missing.value.details
        assert asked["methods"] == ["passkey", "recovery"]
        given = Assertion(asked["passkey"]["flow"], key.get(asked["passkey"]["options"]), SITE)
        answers.append(lambda given=given: here.access.sign_in(ann.email, PASSWORD, Second(passkey=given)))
    assert code_of(answers[0]) == "second_factor_wrong"
    actor = here.access.actor_of(answers[1]().token)
    made, options = here.access.step_up_options(actor, SITE)
    given = Second(passkey=Assertion(made.flow, device.get(options), SITE))
    assert here.access.actor_of(here.access.step_up(actor, None, given).token).stepped_up


@pytest.mark.parametrize("name", ["127.0.0.1", "[::1]", "::1", "192.0.2.7"])
def test_an_address_is_no_name(here, name) -> None:
    actor, site = here.actor(here.person()), Site(name, f"http://{name}:7700")
    for call in (lambda: here.factors.passkey_options(actor, site), lambda: here.access.passkey_options(site)):
        with pytest.raises(Conflict) as refused:
            call()
        assert refused.value.code == "passkeys_need_name"
        assert "localhost" in str(refused.value.hint)


def test_passkeys_are_their_owners(here) -> None:
    ann, bob = here.person(), here.person("bob")
    device = here.passkey(ann)
    mine, theirs = here.actor(ann), here.actor(bob)
    (key,) = here.factors.passkeys(mine)
    assert here.factors.passkeys(theirs) == []
    for refused in (here.factors.remove_passkey, lambda who, which: here.factors.rename_passkey(who, which, "x")):
        assert code_of(lambda refused=refused: refused(theirs, key.id)) == "passkey_not_found"
    assert here.factors.rename_passkey(mine, key.id, "desk").name == "desk"
    here.factors.remove_passkey(mine, key.id)
    assert code_of(lambda: here.by_passkey(device)) == "unauthenticated"
    assert here.sign_in(ann).user.id == ann.id


def test_a_passkey_of_another_site_is_not_offered(here) -> None:
    ann = here.person()
    here.passkey(ann)
    with pytest.raises(Unauthenticated) as missing:
        here.access.sign_in(ann.email, PASSWORD, Second(site=ELSEWHERE))
    assert "passkey" not in missing.value.details


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_broken_answers_are_refused_not_fatal(here, data) -> None:
    """Any bytes in any place of a registration."""
    user = here.person(os.urandom(6).hex())
    actor, device = here.actor(user), Authenticator()
    made, options = here.factors.passkey_options(actor, SITE)
    answer: dict[str, Any] = device.create(options)
    where = data.draw(st.sampled_from(["clientDataJSON", "attestationObject"]))
    raw = bytearray(base64.urlsafe_b64decode(answer["response"][where] + "=="))
    at = data.draw(st.integers(0, len(raw) - 1))
    raw[at:] = data.draw(st.binary(max_size=20)) + raw[at + data.draw(st.integers(1, 30)) :]
    answer["response"][where] = base64.urlsafe_b64encode(bytes(raw)).decode().rstrip("=")
    said = code_of(lambda: here.factors.add_passkey(actor, "x", made.flow, answer, SITE))
    assert said in ("passkey_invalid", "done", "passkey_known")
