"""Checking an ID token (OpenID Connect Core 1.0 section 3.1.3.7)."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from authlib.oidc.core.claims import CodeIDToken
from joserfc import jws, jwt
from joserfc.errors import JoseError, SecurityWarning
from joserfc.jwk import ECKey, KeySet, RSAKey
from joserfc.jws import JWSRegistry

from holdfast.kernel import crypto
from holdfast.kernel.errors import Unauthenticated

LEEWAY = timedelta(seconds=30)
MAX_LENGTH = 64 * 1024
MIN_RSA_BITS = 2048


class _Registry(JWSRegistry):
    """Providers put certificates into the header: more room, and names that we do not know."""

    max_header_length = 16 * 1024


@dataclass(frozen=True)
class Expected:
    """What this sign-in asked for. `since`: no ID token for it was made before. `fresh`: the person typed a password
    at the provider after `since`."""

    issuer: str
    client_id: str
    nonce: str
    algorithms: tuple[str, ...]
    access_token: str | None
    since: datetime
    fresh: bool = False


def read(text: object, keys_for: Callable[[str | None], KeySet], wanted: Expected, now: datetime) -> Mapping[str, Any]:
    """The claims. Raises Unauthenticated("sso_token_invalid") naming the claim that was wrong, never its value."""
    if not isinstance(text, str) or not text.isascii() or len(text) > MAX_LENGTH:
        raise _invalid("it is missing or too long")
    try:
        header = jws.extract_compact(text.encode(), registry=_Registry(strict_check_header=False)).headers()
        algorithm, kid = header.get("alg"), header.get("kid")
        if algorithm not in wanted.algorithms or not isinstance(kid, str | None):
            raise _invalid("its algorithm is not allowed")
        key = _key(keys_for(kid), str(algorithm), kid)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", SecurityWarning)
            token = jwt.decode(
                text, key, [str(algorithm)], _Registry(algorithms=[str(algorithm)], strict_check_header=False)
            )
        _check(CodeIDToken(token.claims, token.header, _options(wanted), _params(wanted)), wanted, now)
    except (JoseError, ValueError, TypeError, RecursionError, OverflowError) as error:
        claim = getattr(error, "claim", None)
        raise _invalid(
            f"its {claim} is wrong" if isinstance(claim, str) else "its signature or form is wrong"
        ) from None
    return token.claims


def _key(keys: KeySet, algorithm: str, kid: str | None) -> RSAKey | ECKey:
    """The one key that may have signed it: of the algorithm's kind, and by its name when the token gives one."""
    kind = ECKey if algorithm.startswith("ES") else RSAKey
    found = [key for key in keys.keys if isinstance(key, kind) and kid in (None, key.kid)]
    found = [key for key in found if key.alg in (None, algorithm)]
    if len(found) != 1:
        raise _invalid("none of the provider's keys is its key")
    if isinstance(found[0], RSAKey) and found[0].public_key.key_size < MIN_RSA_BITS:
        raise _invalid("its key is too short")
    return found[0]


def _options(wanted: Expected) -> dict[str, Any]:
    return {
        "iss": {"essential": True, "value": wanted.issuer},
        "aud": {"essential": True, "value": wanted.client_id},
        "sub": {"essential": True},
        "exp": {"essential": True},
        "iat": {"essential": True},
        "nonce": {"essential": True},
    }


def _params(wanted: Expected) -> dict[str, Any]:
    given = {"nonce": wanted.nonce, "client_id": wanted.client_id, "access_token": wanted.access_token}
    return {**given, "max_age": 1} if wanted.fresh else given


def _check(claims: CodeIDToken, wanted: Expected, now: datetime) -> None:
    claims.validate(int(now.timestamp()), int(LEEWAY.total_seconds()))
    if not isinstance(claims["nonce"], str) or not crypto.equal(claims["nonce"], wanted.nonce):
        raise _invalid("its nonce is wrong")
    if not 0 < len(claims["sub"]) <= 255 or not claims["sub"].isprintable():
        raise _invalid("its sub is wrong")
    if claims.get("at_hash") and not wanted.access_token:
        raise _invalid("its at_hash is wrong")
    earliest = (wanted.since - LEEWAY).timestamp()
    if claims["iat"] < earliest:
        raise _invalid("it was made before this sign-in began")
    if wanted.fresh and not claims.get("auth_time", 0) >= earliest:
        raise _invalid("its auth_time is wrong: the password was not typed again")


def _invalid(why: str) -> Unauthenticated:
    return Unauthenticated(
        f"the identity provider's ID token does not count: {why}",
        code="sso_token_invalid",
        hint="Try again; if it stays so, ask whoever runs this Holdfast to look at `holdfast sso test`.",
    )
