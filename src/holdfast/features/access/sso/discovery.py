"""What a provider publishes about itself (OpenID Connect Discovery 1.0) and its keys, by way of the guarded client.

Both are kept for ten minutes. Redirects are not followed: an issuer that moved is another issuer.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import urlsplit

import httpx
from authlib.oidc.discovery import get_well_known_url
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, KeySet, RSAKey

from holdfast.features.access.sso.model import Provider
from holdfast.kernel import log
from holdfast.kernel.clock import Clock
from holdfast.kernel.errors import Retryable
from holdfast.kernel.outbound import GuardedClient, OutboundPolicy, Refused, guarded_client

# RFC 7518. No "none", and no HMAC: its key would be the client secret.
ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512")
KEPT_SECONDS = 600.0
AGAIN_SECONDS = 30.0  # how soon keys are fetched anew for a key id that is not among them
MAX_BYTES = 512 * 1024
_ENDPOINTS = ("authorization_endpoint", "token_endpoint", "jwks_uri")
_AT_ONCE = 8
_log = log.get("holdfast.sso")


class ProviderUnusable(Retryable):
    """The provider cannot be asked, or answers what cannot be used. The message says what, for whoever runs it."""

    default_code = "sso_provider_unusable"
    status = 503


@dataclass(frozen=True)
class Described:
    """A provider's own words, checked."""

    issuer: str
    authorization_endpoint: str
    token_endpoint: str
    jwks_uri: str
    userinfo_endpoint: str | None
    algorithms: tuple[str, ...]
    token_auth: str
    names_itself: bool  # RFC 9207: every answer carries `iss`
    fetched: float = field(default=0.0, compare=False)


class Directory:
    """Thread-safe. At most eight calls at once are out: slow providers must not hold every request thread."""

    def __init__(self, policy: OutboundPolicy, clock: Clock) -> None:
        self._policy = policy
        self._clock = clock
        self._room = threading.BoundedSemaphore(_AT_ONCE)
        self._described: dict[str, Described] = {}
        self._keys: dict[str, tuple[float, KeySet]] = {}

    def described(self, provider: Provider, *, fresh: bool = False) -> Described:
        """Raises ProviderUnusable."""
        known = self._described.get(provider.id)
        if known and not fresh and self._clock.monotonic() - known.fetched < KEPT_SECONDS:
            return known
        found = self.get_json(provider, get_well_known_url(provider.issuer, external=True))
        made = replace(_checked(provider, found), fetched=self._clock.monotonic())
        self._described[provider.id] = made
        return made

    def keys(self, provider: Provider, described: Described, kid: str | None = None) -> KeySet:
        """The keys the provider signs with. For a `kid` that is not among the kept ones they are fetched once more."""
        now = self._clock.monotonic()
        at, kept = self._keys.get(provider.id, (0.0, None))
        known = kept is not None and (kid is None or any(key.kid == kid for key in kept.keys))
        if kept is not None and now - at < (KEPT_SECONDS if known else AGAIN_SECONDS):
            return kept
        made = _keys_of(self.get_json(provider, described.jwks_uri))
        self._keys[provider.id] = (now, made)
        return made

    def forget(self, provider_id: str) -> None:
        """After its settings were changed."""
        self._described.pop(provider_id, None)
        self._keys.pop(provider_id, None)

    def get_json(self, provider: Provider, url: str, headers: Mapping[str, str] | None = None) -> dict[str, Any]:
        return self._json(provider, "GET", url, headers=dict(headers or {}))

    def post_form(self, provider: Provider, url: str, body: str, headers: Mapping[str, str]) -> dict[str, Any]:
        """Raises ProviderUnusable, also for an error answer: it names the `error` word and nothing else of it."""
        form = {"content-type": "application/x-www-form-urlencoded", **headers}
        return self._json(provider, "POST", url, headers=form, content=body.encode())

    def _json(self, provider: Provider, method: str, url: str, **more: Any) -> dict[str, Any]:
        where = f"{urlsplit(url).netloc}{urlsplit(url).path}"
        more["headers"] = {"accept": "application/json", **more["headers"]}
        if not self._room.acquire(timeout=1.0):
            raise ProviderUnusable("too many sign-ins wait for their provider", hint="Try again in a moment.")
        try:
            with self._client(provider) as client:
                answer = client.request(method, url, **more)
        except Refused as error:
            raise ProviderUnusable(f"{where}: {error.message}", hint=error.hint) from error
        except httpx.HTTPError as error:
            _log.warning("an identity provider did not answer", provider=provider.id, error=type(error).__name__)
            raise _unusable(f"{where} did not answer", type(error).__name__) from error
        finally:
            self._room.release()
        return _body(answer, where)

    def _client(self, provider: Provider) -> GuardedClient:
        policy = self._policy
        if provider.allow_private:
            at = urlsplit(provider.issuer)
            port = at.port or (443 if at.scheme == "https" else 80)
            policy = replace(policy, allow_private=policy.allow_private | {(at.hostname or "", port)})
        return guarded_client(policy, deadline=10.0, timeout=5.0, max_bytes=MAX_BYTES, max_redirects=0)


def _body(answer: httpx.Response, where: str) -> dict[str, Any]:
    try:
        found = answer.json()
    except (ValueError, RecursionError):
        found = None
    if answer.status_code != 200:
        word = found.get("error") if isinstance(found, dict) else None
        said = f": {word}" if isinstance(word, str) and word.isascii() and word.isidentifier() else ""
        raise _unusable(f"{where} answered {answer.status_code}{said}")
    if not isinstance(found, dict):
        raise _unusable(f"{where} did not answer with a JSON object")
    return found


def _checked(provider: Provider, found: Mapping[str, Any]) -> Described:
    """OpenID Connect Discovery 1.0 section 4.3: the issuer must be, to the character, the one that was configured."""
    if found.get("issuer") != provider.issuer:
        raise _unusable(f"it calls itself {str(found.get('issuer'))[:200]!r}, and is configured as {provider.issuer!r}")
    for name in (*_ENDPOINTS, "userinfo_endpoint"):
        if name == "userinfo_endpoint" and found.get(name) is None:
            continue
        _check_url(provider, name, found.get(name))
    offered = found.get("id_token_signing_alg_values_supported", ["RS256"])
    algorithms = tuple(each for each in ALGORITHMS if isinstance(offered, list) and each in offered)
    if not algorithms:
        raise _unusable(f"it signs with none of {', '.join(ALGORITHMS)}")
    methods = found.get("code_challenge_methods_supported")
    if isinstance(methods, list) and "S256" not in methods:
        raise _unusable("it does not support PKCE with S256")
    auth = found.get("token_endpoint_auth_methods_supported")
    post = isinstance(auth, list) and "client_secret_post" in auth
    return Described(
        issuer=provider.issuer,
        authorization_endpoint=str(found["authorization_endpoint"]),
        token_endpoint=str(found["token_endpoint"]),
        jwks_uri=str(found["jwks_uri"]),
        userinfo_endpoint=found.get("userinfo_endpoint"),
        algorithms=algorithms,
        token_auth="client_secret_post" if post else "client_secret_basic",
        names_itself=found.get("authorization_response_iss_parameter_supported") is True,
    )


def _check_url(provider: Provider, name: str, url: object) -> None:
    at = urlsplit(url) if isinstance(url, str) and len(url) <= 2000 and url.isprintable() else None
    if at is None or not at.hostname or at.username or at.fragment:
        raise _unusable(f"its {name} is missing or is no address")
    if at.scheme != "https" and not (at.scheme == "http" and provider.issuer.startswith("http:")):
        raise _unusable(f"its {name} is not an https address")


def _keys_of(found: Mapping[str, Any]) -> KeySet:
    """Only keys that can check a signature; one that cannot be read does not spoil the rest."""
    made: list[Any] = []
    listed = found.get("keys")
    for each in listed[:100] if isinstance(listed, list) else ():
        if not isinstance(each, dict) or each.get("use", "sig") != "sig":
            continue
        public = {
            name: value for name, value in each.items() if name not in ("d", "p", "q", "dp", "dq", "qi", "key_ops")
        }
        try:
            if each.get("kty") == "RSA":
                made.append(RSAKey.import_key(public))
            elif each.get("kty") == "EC":
                made.append(ECKey.import_key(public))
        except (JoseError, ValueError, TypeError):
            continue
    if not made:
        raise _unusable("its key list holds no key that can check a signature")
    return KeySet(made)


def _unusable(what: str, why: str | None = None) -> ProviderUnusable:
    hint = "Check the issuer with `holdfast sso test`, and whether this machine reaches it."
    return ProviderUnusable(
        f"the identity provider cannot be used: {what}", hint=hint, details={"why": why} if why else {}
    )
