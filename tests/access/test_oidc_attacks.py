"""A provider that misbehaves, and someone between the browser and it (RFC 9700, OpenID Connect Core 1.0 section 16)."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import sqlalchemy as sa
from oidc_provider import running
from oidc_world import ORIGIN, World, world
from oidc_world import ROOT as ROOT_ACTOR

from holdfast.features.access.sso import flow
from holdfast.features.access.sso.discovery import ProviderUnusable
from holdfast.features.access.sso.model import sso_identities, sso_states
from holdfast.kernel import log
from holdfast.kernel.crypto import token_hash
from holdfast.kernel.errors import HoldfastError, Retryable, Unauthenticated


@pytest.fixture(scope="module")
def module_world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with world(tmp_path_factory.mktemp("attacks")) as made:
        yield made


@pytest.fixture
def here(tmp_path: Path) -> Iterator[World]:
    with world(tmp_path) as made:
        yield made


def nobody_came_in(here: World) -> bool:
    with here.at.db.read() as conn:
        identities = conn.execute(sa.select(sa.func.count()).select_from(sso_identities)).scalar()
    return (
        identities == 0
        and here.people() == []
        and not any(r["outcome"] == "ok" for r in here.at.audit("session.create"))
    )


@pytest.mark.parametrize(
    "wrong",
    [
        "nonce",
        "no_nonce",
        "audience",
        "two_audiences",
        "azp",
        "issuer",
        "expired",
        "future",
        "old",
        "unsigned",
        "hmac",
        "another_key",
        "at_hash",
        "no_sub",
        "long_sub",
        "no_id_token",
    ],
)
def test_an_id_token_that_is_wrong_in_one_thing(here, wrong) -> None:
    provider = here.configured()
    here.idp.wrong = {wrong}
    with pytest.raises(Unauthenticated) as refused:
        here.sign_in(provider)
    assert refused.value.code == "sso_token_invalid"
    assert nobody_came_in(here)
    (fact,) = here.at.audit("session.create")
    assert fact["details"] == {"provider_id": provider.id, "code": "sso_token_invalid"}


def test_without_at_hash_it_counts_all_the_same(here) -> None:
    here.idp.wrong = {"no_at_hash"}
    here.sign_in(here.configured())


def test_the_way_there_carries_pkce_state_and_nonce_and_the_database_keeps_none_of_them(here) -> None:
    provider = here.configured()
    browser, query = here.there(provider)
    asked = here.idp.authorizations[-1]
    assert asked["code_challenge_method"] == "S256"
    assert asked["redirect_uri"] == f"{ORIGIN}/api/v1/sso/{provider.id}/callback"
    verifier = flow._derived(browser, "verifier")
    digest = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).decode().rstrip("=")
    assert asked["code_challenge"] == digest
    assert len({asked["nonce"], asked["state"], browser, verifier}) == 4
    with here.at.db.read() as conn:
        stored = repr(list(conn.execute(sa.select(sso_states))))
    for secret in (asked["nonce"], asked["state"], browser, verifier):
        assert secret not in stored
    assert token_hash(asked["state"]) in stored
    here.sso.finish(provider.id, query, browser, None)


def test_a_state_works_once(here) -> None:
    provider = here.configured()
    browser, query = here.there(provider)
    here.sso.finish(provider.id, query, browser, None)
    assert invalid(here, provider.id, query, browser)


def test_of_two_who_come_back_at_once_one_comes_in(here) -> None:
    provider = here.configured()
    browser, query = here.there(provider)
    with ThreadPoolExecutor(4) as pool:
        came = list(pool.map(lambda _: not invalid(here, provider.id, query, browser), range(4)))
    assert sum(came) == 1


def test_a_state_dies_after_ten_minutes(here) -> None:
    provider = here.configured()
    browser, query = here.there(provider)
    here.at.clock.advance(600)
    assert invalid(here, provider.id, query, browser)


def invalid(here: World, provider_id: str, query: dict[str, str], browser: str | None) -> bool:
    try:
        here.sso.finish(provider_id, query, browser, None)
    except Unauthenticated as error:
        if error.code != "state_invalid":
            raise
        return True
    return False


def test_another_browser_cannot_finish_what_this_one_began(here) -> None:
    """Otherwise an attacker signs a victim in to the attacker's account, and watches what they store there."""
    provider = here.configured()
    browser, query = here.there(provider)
    other, _ = here.there(provider)
    for wrong in (None, "", other, browser[:-1], browser + "x", query["state"]):
        assert invalid(here, provider.id, query, wrong)
    for changed in ({}, {**query, "state": ""}, {**query, "state": query["state"][:-1]}, {"code": query["code"]}):
        assert invalid(here, provider.id, changed, browser)
    assert nobody_came_in(here)
    here.sso.finish(provider.id, query, browser, None)  # wrong tries of others did not burn it


def test_a_stolen_code_is_worth_nothing_in_another_browser(here) -> None:
    """PKCE: the code was asked for with another verifier."""
    provider = here.configured()
    _, stolen = here.there(provider)
    browser, query = here.there(provider)
    with pytest.raises(ProviderUnusable) as refused:
        here.sso.finish(provider.id, {**query, "code": stolen["code"]}, browser, None)
    assert "invalid_grant" in refused.value.message
    assert nobody_came_in(here)


def test_answers_of_one_provider_do_not_count_at_another(here) -> None:
    """Mix-up: by the path, by `iss`, and by the state, each alone."""
    first = here.configured()
    with running(here.at.clock.now) as idp:
        second = here.configured(name="Second", issuer=idp.issuer)
        browser, query = here.there(first)
        assert invalid(here, second.id, query, browser)
        with pytest.raises(Unauthenticated) as refused:
            here.sso.finish(first.id, {**query, "iss": idp.issuer}, browser, None)
        assert refused.value.code == "issuer_mismatch"
        browser, query = here.there(first)
        del query["iss"]
        with pytest.raises(Unauthenticated) as refused:
            here.sso.finish(first.id, query, browser, None)
        assert refused.value.code == "issuer_mismatch"
    assert nobody_came_in(here)


def test_a_provider_that_never_names_itself_may_still_not_name_another(here) -> None:
    here.idp.names_itself = False
    provider = here.configured()
    browser, query = here.there(provider)
    with pytest.raises(Unauthenticated):
        here.sso.finish(provider.id, {**query, "iss": "https://evil.example"}, browser, None)
    here.sign_in(provider)


@pytest.mark.parametrize(("wrong", "said"), [("error", "access_denied"), ("error_text", "did not say a known reason")])
def test_the_provider_s_refusal_is_told_in_known_words_only(here, wrong, said) -> None:
    """Its own text could say anything: call this number."""
    provider = here.configured()
    here.idp.wrong = {wrong}
    with pytest.raises(Unauthenticated) as refused:
        here.sign_in(provider)
    assert refused.value.code == "provider_refused"
    assert said in refused.value.message
    assert "<" not in refused.value.message


@pytest.mark.parametrize("kind", ["EC", "RSA"])
def test_a_provider_that_changes_its_keys(here, kind) -> None:
    """The new key is fetched when a token names it; not for every token that names one nobody has."""
    provider = here.configured()
    here.sign_in(provider)
    here.at.clock.advance(31)
    here.idp.rotate(kind)
    if kind == "EC":
        here.sso._ways.directory.forget(provider.id)  # the algorithms it offers are described anew
    here.sign_in(provider)
    fetched = here.idp.asked.count("/keys")
    here.idp.keys[0] = here.idp.keys[0].__class__.import_key(
        {**here.idp.keys[0].as_dict(private=True), "kid": "nobody"}
    )
    shown = here.idp.jwks
    here.idp.jwks = lambda: {"keys": [{**key, "kid": "other"} for key in shown()["keys"]]}  # type: ignore[method-assign]
    for _ in range(3):
        with pytest.raises(Unauthenticated):
            here.sign_in(provider)
    assert here.idp.asked.count("/keys") <= fetched + 1


def test_private_and_unreadable_keys_in_the_list_do_no_harm(here) -> None:
    here.idp.wrong = {"private_keys", "two_keys"}
    here.sign_in(here.configured())


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ("discovery_issuer", "calls itself"),
        ("discovery_http", "jwks_uri"),
        ("no_pkce", "PKCE"),
        ("weak_algorithms", "signs with none of"),
        ("garbage", "JSON object"),
        ("redirect", "answered 302"),
        ("status", "answered 500: server_error"),
        ("huge", "larger than"),
    ],
)
def test_a_provider_that_describes_itself_wrongly_is_not_used_and_the_test_says_why(here, wrong, said) -> None:
    provider = here.configured()
    here.idp.wrong = {wrong}
    with pytest.raises(ProviderUnusable) as refused:
        here.sso.start(provider.id, ORIGIN)
    assert said in refused.value.message
    assert "secret inside" not in refused.value.message
    found = here.providers.test(ROOT_ACTOR, provider.id)
    assert [(each.what, each.ok) for each in found] == [("discovery", False)]
    assert said in found[0].said


def test_no_keys_are_told_by_the_test_too(here) -> None:
    provider = here.configured()
    assert [each.ok for each in here.providers.test(ROOT_ACTOR, provider.id)] == [True] * 4
    here.idp.wrong = {"no_keys"}
    found = {each.what: each for each in here.providers.test(ROOT_ACTOR, provider.id)}
    assert not found["keys"].ok
    with pytest.raises(ProviderUnusable):
        here.sign_in(provider)


def test_a_description_does_not_lead_to_metadata_addresses_or_private_ones(here) -> None:
    """Also where the operator allowed the issuer itself to be private."""
    provider = here.configured()
    here.idp.wrong = {"discovery_endpoint"}
    with pytest.raises(ProviderUnusable):
        here.sign_in(provider)
    assert nobody_came_in(here)


def test_a_private_issuer_is_not_asked_unless_that_was_allowed(here) -> None:
    provider = here.configured(allow_private=False)
    asked = len(here.idp.asked)
    with pytest.raises(ProviderUnusable):
        here.sso.start(provider.id, ORIGIN)
    assert len(here.idp.asked) == asked


def test_a_provider_that_is_down(here) -> None:
    with running(here.at.clock.now) as gone:
        provider = here.configured(issuer=gone.issuer)
    with pytest.raises(ProviderUnusable) as refused:
        here.sso.start(provider.id, ORIGIN)
    assert refused.value.retryable
    assert "did not answer" in refused.value.message


def test_a_disabled_provider_lets_nobody_in_who_is_under_way(here) -> None:
    provider = here.configured()
    browser, query = here.there(provider)
    here.providers.update(ROOT_ACTOR, provider.id, 1, {"enabled": False})
    with pytest.raises(Unauthenticated) as refused:
        here.sso.finish(provider.id, query, browser, None)
    assert refused.value.code == "provider_unavailable"
    with pytest.raises(Unauthenticated) as absent:
        here.sso.start("idp_" + "0" * 26, ORIGIN)
    assert (absent.value.code, absent.value.message) == (refused.value.code, refused.value.message)


def test_beginnings_nobody_finishes_are_bounded_and_forgotten(here, monkeypatch) -> None:
    provider = here.configured()
    monkeypatch.setattr(flow, "MOST_UNDER_WAY", 3)
    for _ in range(3):
        here.sso.start(provider.id, ORIGIN)
    with pytest.raises(Retryable):
        here.sso.start(provider.id, ORIGIN)
    here.at.clock.advance(600)
    here.sso.start(provider.id, ORIGIN)
    with here.at.db.read() as conn:
        assert conn.execute(sa.select(sa.func.count()).select_from(sso_states)).scalar() == 1


def test_what_the_provider_sent_is_cut_out_of_the_log(here, capsys) -> None:
    provider = here.configured()
    browser, query = here.there(provider)
    here.sso.finish(provider.id, query, browser, None)
    (access,) = here.idp.tokens
    assert access not in log.redact(f"token {access}")
    everything = repr(here.at.audit("session.create")) + repr(here.at.audit("sso.link")) + capsys.readouterr().out
    for secret in (access, query["code"], query["state"], browser):
        assert secret not in everything


@pytest.mark.parametrize("name", ["code", "iss", "error", "state"])
def test_any_answer_is_refused_in_our_own_words(module_world, name) -> None:
    """Whatever arrives at the callback."""
    here = module_world
    for value in ("\0", "x" * 5000, "../..", "<script>", "ä", "access_denied<br>"):
        browser, query = here.there(here.configured_once())
        with pytest.raises(HoldfastError) as refused:
            here.sso.finish(here.configured_once().id, {**query, name: value}, browser, None)
        assert refused.value.status in (401, 503)
        assert value not in refused.value.message
