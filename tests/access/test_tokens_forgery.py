"""Tokens that we did not sign, or not so, or not now (RFC 8725: JSON Web Token Best Current Practices)."""

from __future__ import annotations

import base64
import hmac
import json
import random
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from joserfc import jws
from joserfc.jwk import ECKey, OKPKey, RSAKey
from joserfc.jws import JWSRegistry
from statements import statements
from token_desk import ISSUER, Desk, desk

from holdfast.features.access.tokens.access_token import looks_like_one
from holdfast.features.access.tokens.service import Pair
from holdfast.kernel import crypto


class Counter:
    """A desk with one pair of tokens, and the means of a forger who knows everything but the private key."""

    def __init__(self, at: Desk) -> None:
        self.at = at
        self.user = at.user()
        self.pair: Pair = at.tokens.create_for(self.user)
        token = jws.extract_compact(self.pair.access_token.encode())
        self.header: dict[str, Any] = dict(token.headers())
        self.claims: dict[str, Any] = json.loads(token.payload)
        with at.db.write() as conn:
            self.kid, self.private = at.tokens._ring.current(conn)

    def signed(self, header: dict[str, Any] | None = None, key: Any = None, **claims: Any) -> str:
        """With our own key unless another is given; a claim that is None is left out."""
        said = {name: value for name, value in {**self.claims, **claims}.items() if value is not None}
        head = {**self.header, **(header or {})}
        payload = json.dumps(said).encode()
        alg = [head["alg"]]
        return jws.serialize_compact(head, payload, key or self.private, registry=_loose(alg))

    def raw(self, header: Any, payload: Any, signature: bytes = b"") -> str:
        parts = [json.dumps(each).encode() if not isinstance(each, bytes) else each for each in (header, payload)]
        return ".".join(_b64(part) for part in (*parts, signature))


def _loose(algorithms: list[str]) -> JWSRegistry:
    return JWSRegistry(algorithms=algorithms, strict_check_header=False)


def _b64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


@pytest.fixture(scope="module")
def here(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Counter]:
    with desk(tmp_path_factory.mktemp("forgery")) as at:
        yield Counter(at)


def test_the_forger_s_own_tools_make_a_token_that_counts(here) -> None:
    """Otherwise the refusals below would prove nothing."""
    assert not here.at.refused(here.signed())
    assert set(here.header) == {"alg", "typ", "kid"}
    assert here.header["alg"] == "ES256"
    assert set(here.claims) == {"iss", "aud", "sub", "iat", "nbf", "exp", "jti", "sid"}


def test_algorithm_none(here) -> None:
    for alg in ("none", "None", "NONE", "nOnE", "", None, 0, ["ES256"], {"alg": "ES256"}):
        for signature in (b"", b"x" * 64):
            assert here.at.refused(here.raw({**here.header, "alg": alg}, here.claims, signature))
    assert here.at.refused(here.raw({"typ": "at+jwt", "kid": here.kid}, here.claims))


def test_hmac_with_the_public_key_as_its_secret(here) -> None:
    """As PEM, DER, JWK and the point itself: whatever a verifier could take for an octet key."""
    public = here.private.as_dict(private=False)
    secrets = [
        here.private.as_pem(private=False),
        here.private.as_der(private=False),
        json.dumps(public).encode(),
        json.dumps(public, separators=(",", ":"), sort_keys=True).encode(),
        public["x"].encode(),
    ]
    for alg, digest in (("HS256", "sha256"), ("HS384", "sha384"), ("HS512", "sha512")):
        for secret in secrets:
            head, said = (_b64(json.dumps(part).encode()) for part in ({**here.header, "alg": alg}, here.claims))
            forged = f"{head}.{said}." + _b64(hmac.digest(secret, f"{head}.{said}".encode(), digest))
            assert here.at.refused(forged)
            assert here.at.refused(_relabelled(forged, here.header))


@pytest.mark.filterwarnings("ignore:EdDSA is deprecated")
def test_other_algorithms_and_other_keys_under_our_key_s_name(here) -> None:
    others = [
        ("RS256", RSAKey.generate_key(2048)),
        ("ES256", ECKey.generate_key("P-256")),
        ("ES384", ECKey.generate_key("P-384")),
        ("ES256K", ECKey.generate_key("secp256k1")),
        ("Ed25519", OKPKey.generate_key("Ed25519")),
        ("EdDSA", OKPKey.generate_key("Ed25519")),
    ]
    for alg, key in others:
        token = jws.serialize_compact(
            {**here.header, "alg": alg}, json.dumps(here.claims).encode(), key, registry=_loose([alg])
        )
        assert here.at.refused(token), alg
        assert here.at.refused(_relabelled(token, here.header)), alg


def _relabelled(token: str, header: dict[str, Any]) -> str:
    _, payload, signature = token.split(".")
    return ".".join((_b64(json.dumps(header).encode()), payload, signature))


def test_keys_that_a_token_brings_along(here) -> None:
    """Embedded, linked, and under names that lead elsewhere: nothing is fetched, nothing is read."""
    own = ECKey.generate_key("P-256")
    brought: list[dict[str, Any]] = [
        {"jwk": own.as_dict(private=False)},
        {"jku": "http://127.0.0.1:9/jwks.json"},
        {"x5u": "http://127.0.0.1:9/cert.pem"},
        {"x5c": [_b64(own.as_der(private=False))]},
        {"x5t": "AAAA"},
        {"cty": "JWT"},
        {"crit": ["exp"], "exp": 1},
        {"crit": ["b64"], "b64": True},
        {"crit": []},
        {"b64": True},
        {"zip": "DEF"},
        {"unknown": 1},
    ]
    for extra in brought:
        assert here.at.refused(_relabelled(here.signed({}, own), {**here.header, **extra}))
        mine = jws.serialize_compact(
            {**here.header, **{name: value for name, value in extra.items() if name not in ("crit", "b64", "x5c")}},
            json.dumps(here.claims).encode(),
            here.private,
            registry=_loose(["ES256"]),
        )
        if "crit" not in extra and "b64" not in extra and "x5c" not in extra:
            assert here.at.refused(mine), extra


def test_key_names_that_lead_elsewhere(here) -> None:
    paths = [
        "../../../dev/null",
        "/etc/passwd",
        "jwk_' OR '1'='1",
        "",
        "jwk_" + "0" * 26,
        here.kid + "\0",
        here.kid.upper(),
    ]
    for kid in [*paths, None, 0, [here.kid], {"kid": here.kid}, here.kid + " ", "x" * 5000]:
        header = {**here.header, "kid": kid}
        assert here.at.refused(_relabelled(here.signed(), header))
    without = {name: value for name, value in here.header.items() if name != "kid"}
    assert here.at.refused(_relabelled(here.signed(), without))


def test_strange_names_ask_the_database_nothing(here) -> None:
    with statements(here.at.db) as seen:
        for kid in ("../x", "jwk_' OR '1'='1", "x" * 300):
            assert here.at.refused(_relabelled(here.signed(), {**here.header, "kid": kid}))
    assert seen == []


@pytest.mark.parametrize(
    "claims",
    [
        {"iss": "http://127.0.0.1:7701"},
        {"iss": ISSUER + "/"},
        {"iss": [ISSUER]},
        {"iss": None},
        {"aud": "someone-else"},
        {"aud": ISSUER},
        {"aud": []},
        {"aud": None},
        {"aud": {"a": 1}},
        {"exp": None},
        {"exp": "9999999999"},
        {"exp": True},
        {"exp": -1},
        {"nbf": None},
        {"nbf": "0"},
        {"iat": None},
        {"iat": {}},
        {"sub": None},
        {"sub": 7},
        {"sub": "usr_" + "0" * 26},
        {"sub": ""},
        {"sid": None},
        {"sid": "fam_" + "0" * 26},
        {"sid": ["x"]},
        {"jti": None},
        {"jti": 1},
    ],
    ids=repr,
)
def test_wrong_claims_under_our_own_signature(here, claims) -> None:
    assert here.at.refused(here.signed(**claims))


@pytest.mark.parametrize("name", ["exp", "nbf", "iat"])
def test_times_that_are_no_moments(here, name) -> None:
    for moment in (float("nan"), float("inf"), -float("inf"), 10**400):
        said = {**here.claims, name: moment}
        token = jws.serialize_compact(here.header, json.dumps(said).encode(), here.private, registry=_loose(["ES256"]))
        assert here.at.refused(token) is (name != "exp" or moment != 10**400)


def test_expired_and_from_the_future(here) -> None:
    now = int(here.at.clock.now().timestamp())
    assert here.at.refused(here.signed(exp=now - 30))
    assert not here.at.refused(here.signed(exp=now - 29))
    for early in ("nbf", "iat"):
        assert here.at.refused(here.signed(**{early: now + 31}))
        assert not here.at.refused(here.signed(**{early: now + 30}))


@pytest.mark.parametrize("typ", ["JWT", "jwt", "at+JWT", "application/at+jwt", "id_token", "", None, "dpop+jwt"])
def test_only_access_tokens_are_access_tokens(here, typ) -> None:
    """Another kind of JWT that we may sign one day does not sign in."""
    header = {**here.header, "typ": typ}
    if typ is None:
        del header["typ"]
    token = jws.serialize_compact(header, json.dumps(here.claims).encode(), here.private, registry=_loose(["ES256"]))
    assert here.at.refused(token)


def test_another_installation_s_tokens(here, tmp_path) -> None:
    with desk(tmp_path) as other:
        assert here.at.refused(other.tokens.create_for(other.user()).access_token)


def test_encrypted_nested_and_detached_forms(here) -> None:
    token = here.pair.access_token
    header, payload, signature = token.split(".")
    for text in (
        f"{header}..{signature}",
        f"{header}.{payload}.",
        f"{header}.{payload}",
        f".{payload}.{signature}",
        f"{header}.{payload}.{signature}.",
        f"{header}.{payload}.{signature}.x.y",
        json.dumps({"protected": header, "payload": payload, "signature": signature}),
        f"{token} ",
        f"\n{token}",
        token.replace(".", "..", 1),
        token + "=",
        token.swapcase(),
        _b64(b"[]") + f".{payload}.{signature}",
        _b64(b"[" * 2000) + f".{payload}.{signature}",
        "." * 2,
        "e30.e30.e30",
    ):
        assert here.at.refused(text), text[:60]


def test_a_very_long_token_costs_nothing(here) -> None:
    with statements(here.at.db) as seen:
        assert here.at.refused("a" * 1_000_000 + "." + "b" * 100 + "." + "c")
    assert seen == []


@settings(max_examples=300, deadline=None)
@given(data=st.data())
def test_any_change_to_a_token_ends_it(here, data) -> None:
    """A character replaced, cut, added: only the same bytes count (the last character of a part has unused bits)."""
    token = here.pair.access_token
    where = data.draw(st.integers(0, len(token) - 1))
    how = data.draw(st.sampled_from(["replace", "cut", "insert", "truncate"]))
    char = data.draw(st.sampled_from("AZaz09-_.=+/ \0é"))
    changed = {
        "replace": token[:where] + char + token[where + 1 :],
        "cut": token[:where] + token[where + 1 :],
        "insert": token[:where] + char + token[where:],
        "truncate": token[:where],
    }[how]
    if _decoded(changed) != _decoded(token):
        assert here.at.refused(changed)


def _decoded(token: str) -> Any:
    try:
        return [
            base64.b64decode(part + "=" * (-len(part) % 4), altchars=b"-_", validate=True) for part in token.split(".")
        ]
    except ValueError:
        return None


@settings(max_examples=200, deadline=None)
@given(
    text=st.one_of(
        st.text(max_size=200), st.binary(max_size=90).map(lambda raw: f"{_b64(raw)}.{_b64(raw)}.{_b64(raw)}")
    )
)
def test_garbage_is_refused_in_the_same_words(here, text) -> None:
    assert here.at.refused(text)


def test_json_in_every_place(here) -> None:
    chance = random.Random(7)
    values: list[Any] = [None, True, 0, -1, 1e308, "", "x", [], {}, [[]], {"alg": "ES256"}]
    for _ in range(200):
        header, payload = ({chance.choice([*here.header, *here.claims]): chance.choice(values)} for _ in range(2))
        assert here.at.refused(here.raw({**here.header, **header}, {**here.claims, **payload}, b"x" * 64))
        assert here.at.refused(here.raw(chance.choice(values), chance.choice(values), b""))


def test_what_is_looked_up_is_a_hash(here) -> None:
    """No secret is compared byte by byte: the database sees the hash of a refresh token, and an access token never."""
    pair = here.at.tokens.create_for(here.at.user("hash@example.org"))
    with statements(here.at.db) as asked:
        here.at.tokens.actor_of(pair.access_token)
        again = here.at.tokens.refresh(pair.refresh_token)
    said = [repr(each.parameters) for each in asked]
    assert crypto.token_hash(pair.refresh_token) in "".join(said)
    for secret in (pair.access_token, pair.refresh_token, again.refresh_token, again.access_token):
        assert secret not in "".join(said)
        # Cut at the last dot, never at "_": a base64url signature contains that letter itself.
        assert secret.rpartition(".")[2][-32:] not in "".join(said)
    assert not looks_like_one("hf_0123456789ab_" + "x" * 43)
