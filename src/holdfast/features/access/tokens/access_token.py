"""The access token's form: a JWT (RFC 7519) as RFC 9068 profiles it, signed with ES256 (RFC 7518) and nothing else.

It says who asks and never what they may do: rights are read at each use.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from joserfc import jws, jwt
from joserfc.errors import JoseError
from joserfc.jwk import ECKey
from joserfc.jwt import JWTClaimsRegistry

from holdfast.kernel.errors import Unauthenticated
from holdfast.kernel.ids import is_id, new_id

ALGORITHM = "ES256"
TYPE = "at+jwt"
LIFE = timedelta(minutes=10)
LEEWAY = timedelta(seconds=30)
MAX_LENGTH = 2048
_CLAIMS = ("iss", "aud", "sub", "iat", "nbf", "exp", "jti", "sid")


@dataclass(frozen=True)
class AccessToken:
    """What a token says once its signature and times were right. `kid` names the key that signed it."""

    kid: str
    subject: str
    family_id: str


class Form:
    """`issuer` is this installation's address; tokens of another one do not count here."""

    def __init__(self, issuer: str) -> None:
        self.issuer = issuer
        self.audience = f"{issuer}/api/v1"

    def sign(self, private: ECKey, kid: str, subject: str, family_id: str, now: datetime) -> str:
        """A token that counts for `LIFE`."""
        moment = int(now.timestamp())
        claims = {
            "iss": self.issuer,
            "aud": self.audience,
            "sub": subject,
            "iat": moment,
            "nbf": moment,
            "exp": moment + int(LIFE.total_seconds()),
            "jti": new_id("jti"),
            "sid": family_id,
        }
        return jwt.encode({"alg": ALGORITHM, "typ": TYPE, "kid": kid}, claims, private, [ALGORITHM])

    def read(self, text: str, key_of: Callable[[str], ECKey | None], now: datetime) -> AccessToken:
        """Raises Unauthenticated, always in the same words. `key_of` is asked only for ids of the right shape.

        The header's `alg` chooses nothing: it must say what our key does. A header with anything beside alg, typ and
        kid is refused (RFC 8725 section 3: embedded and linked keys are never looked at).
        """
        try:
            kid = _kid(text)
            key = key_of(kid)
            if key is None:
                raise invalid()
            token = jwt.decode(text, key, [ALGORITHM])
            self._claims(now).validate(token.claims)
        except (JoseError, ValueError, TypeError, RecursionError, OverflowError):
            raise invalid() from None
        return AccessToken(kid, str(token.claims["sub"]), str(token.claims["sid"]))

    def _claims(self, now: datetime) -> JWTClaimsRegistry:
        options = {name: {"essential": True} for name in _CLAIMS}
        options["iss"] |= {"value": self.issuer}  # type: ignore[dict-item]
        options["aud"] |= {"value": self.audience}  # type: ignore[dict-item]
        return JWTClaimsRegistry(int(now.timestamp()), int(LEEWAY.total_seconds()), **options)  # type: ignore[arg-type]


def looks_like_one(text: str) -> bool:
    """Three parts with dots: API keys have none."""
    return text.count(".") == 2


def _kid(text: str) -> str:
    if len(text) > MAX_LENGTH or not text.isascii() or not looks_like_one(text):
        raise invalid()
    header = jws.extract_compact(text.encode()).headers()
    if set(header) != {"alg", "typ", "kid"} or header["alg"] != ALGORITHM or header["typ"] != TYPE:
        raise invalid()
    kid = header["kid"]
    if not isinstance(kid, str) or not is_id(kid, "jwk"):
        raise invalid()
    return kid


def invalid() -> Unauthenticated:
    return Unauthenticated(
        "this token is not valid", hint="Refresh it with POST /api/v1/tokens/refresh, or make another."
    )
