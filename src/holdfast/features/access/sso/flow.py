"""The way to a provider and back: authorization code with PKCE (RFC 6749, RFC 7636, RFC 9700), state and nonce.

What binds the way to one browser is a random text in a cookie: PKCE's verifier and the nonce are derived from it, so
the database keeps neither.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from authlib.oauth2.auth import ClientAuth
from authlib.oauth2.rfc6749.parameters import prepare_grant_uri, prepare_token_request
from authlib.oauth2.rfc7636 import create_s256_code_challenge

from holdfast.features.access.actor import Actor
from holdfast.features.access.sso import id_token, store
from holdfast.features.access.sso.discovery import Described, Directory
from holdfast.features.access.sso.mapping import groups_of
from holdfast.features.access.sso.model import Provider, Purpose, State
from holdfast.kernel import crypto, log
from holdfast.kernel.clock import Clock
from holdfast.kernel.db import Database
from holdfast.kernel.errors import Retryable, Unauthenticated
from holdfast.kernel.secrets import SYSTEM, Secrets

STATE_LIFE = timedelta(minutes=10)
MOST_UNDER_WAY = 10_000
CLIENT_SECRET = "client_secret"  # noqa: S105 - its name in the secrets
# RFC 6749 section 4.1.2.1 and OpenID Connect Core section 3.1.2.6: words that may be repeated to people.
_ERRORS = frozenset(
    {"access_denied", "login_required", "interaction_required", "consent_required", "account_selection_required"}
    | {"invalid_request", "invalid_scope", "unauthorized_client", "unsupported_response_type", "server_error"}
    | {"temporarily_unavailable"}
)


@dataclass(frozen=True)
class Departure:
    """Where the browser goes, and what it keeps in a cookie until it is back."""

    url: str
    browser: str


@dataclass(frozen=True)
class Arrival:
    """Who came back, by the provider's signed word. `auth_time`: seconds, when the provider says."""

    provider: Provider
    state: State
    subject: str
    email: str | None
    email_verified: bool
    name: str
    groups: frozenset[str]
    auth_time: float | None


class Ways:
    """Thread-safe. Nothing here decides who that is in this installation."""

    def __init__(self, db: Database, clock: Clock, secrets: Secrets, directory: Directory) -> None:
        self._db = db
        self._clock = clock
        self._secrets = secrets
        self.directory = directory

    def depart(
        self, provider_id: str, origin: str, purpose: Purpose = "sign_in", actor: Actor | None = None
    ) -> Departure:
        """Raises Unauthenticated for a provider that is not there or not enabled, ProviderUnusable, Retryable."""
        with self._db.read() as conn:
            provider = _enabled(store.provider(conn, provider_id))
        described = self.directory.described(provider)
        state, browser, now = crypto.random_token(), crypto.random_token(), self._clock.now()
        made = State(
            state_hash=crypto.token_hash(state),
            browser_hash=crypto.token_hash(browser),
            provider_id=provider.id,
            purpose=purpose,
            user_id=actor.id if actor else None,
            session_id=actor.session_id if actor else None,
            redirect_uri=redirect_uri(origin, provider.id),
            created_at=now,
            expires_at=now + STATE_LIFE,
        )
        with self._db.write() as conn:
            if store.states_under_way(conn, now) >= MOST_UNDER_WAY:
                raise Retryable("too many sign-ins are under way", hint="Try again in a few minutes.")
            store.insert_state(conn, made, now)
        asked: dict[str, Any] = {"nonce": _derived(browser, "nonce"), "code_challenge_method": "S256"}
        asked["code_challenge"] = create_s256_code_challenge(_derived(browser, "verifier"))
        if purpose == "step_up":
            asked |= {"prompt": "login", "max_age": "0"}
        url = prepare_grant_uri(
            described.authorization_endpoint,
            provider.client_id,
            "code",
            redirect_uri=made.redirect_uri,
            scope=" ".join(provider.scopes),
            state=state,
            **asked,
        )
        return Departure(url, browser)

    def arrive(self, provider_id: str, query: Mapping[str, str], browser: str | None) -> Arrival:
        """Spend the state and read who it is. Raises Unauthenticated, ProviderUnusable.

        The state is spent whatever comes next: a second try begins anew. A state of another browser, another provider
        or another time is unknown, so that nobody signs a browser in to an account of their choice.
        """
        now = self._clock.now()
        state_hash, browser_hash = (crypto.token_hash(given) for given in (query.get("state", ""), browser or ""))
        with self._db.write() as conn:
            state = store.spend_state(conn, state_hash, browser_hash, provider_id, now)
            provider = store.provider(conn, provider_id)
            secret = None
            if state and provider and provider.has_secret:
                secret = self._secrets.get(conn, SYSTEM, provider.id, CLIENT_SECRET)
        if state is None:
            raise _refused("this sign-in was not begun in this browser, or more than ten minutes ago", "state_invalid")
        found = _enabled(provider)
        described = self.directory.described(found)
        code = _code(described, query)
        tokens = self._exchange(found, described, secret, code, state, browser or "")
        return self._who(found, described, state, tokens, browser or "")

    def _exchange(
        self, provider: Provider, described: Described, secret: str | None, code: str, state: State, browser: str
    ) -> dict[str, Any]:
        body = prepare_token_request(
            "authorization_code",
            code=code,
            redirect_uri=state.redirect_uri,
            code_verifier=_derived(browser, "verifier"),
        )
        method = described.token_auth if secret else "none"
        auth = ClientAuth(provider.client_id, secret, method)
        url, headers, body = auth.prepare("POST", described.token_endpoint, {}, body)
        tokens = self.directory.post_form(provider, url, body, headers)
        for name in ("access_token", "id_token", "refresh_token"):
            if isinstance(value := tokens.get(name), str):
                log.register_secret(value)
        return tokens

    def _who(
        self, provider: Provider, described: Described, state: State, tokens: Mapping[str, Any], browser: str
    ) -> Arrival:
        access_token = tokens.get("access_token")
        wanted = id_token.Expected(
            issuer=provider.issuer,
            client_id=provider.client_id,
            nonce=_derived(browser, "nonce"),
            algorithms=described.algorithms,
            access_token=access_token if isinstance(access_token, str) else None,
            since=state.created_at,
            fresh=state.purpose == "step_up",
        )
        claims: dict[str, Any] = dict(
            id_token.read(
                tokens.get("id_token"),
                lambda kid: self.directory.keys(provider, described, kid),
                wanted,
                self._clock.now(),
            )
        )
        said = {**self._more(provider, described, claims, wanted.access_token), **claims}
        email, auth_time = said.get("email"), claims.get("auth_time")
        name = said.get("name")
        return Arrival(
            provider=provider,
            state=state,
            subject=claims["sub"],
            email=email if isinstance(email, str) else None,
            email_verified=said.get("email_verified") is True,
            name=name[:120] if isinstance(name, str) and name.isprintable() else "",
            groups=groups_of(said, provider.group_claim),
            auth_time=auth_time if isinstance(auth_time, int | float) else None,
        )

    def _more(
        self, provider: Provider, described: Described, claims: Mapping[str, Any], access_token: str | None
    ) -> Mapping[str, Any]:
        """What the userinfo endpoint says, when the ID token lacks something and there is one.

        OpenID Connect Core 1.0 section 5.3.2: an answer about another `sub` is about somebody else.
        """
        wanted = ["email", "email_verified", *([provider.group_claim] if provider.mapping else [])]
        if described.userinfo_endpoint is None or access_token is None or all(name in claims for name in wanted):
            return {}
        bearer = {"authorization": f"Bearer {access_token}"}
        found = self.directory.get_json(provider, described.userinfo_endpoint, bearer)
        if found.get("sub") != claims["sub"]:
            raise _refused("the provider's userinfo is about somebody else", "sso_token_invalid")
        return found


def redirect_uri(origin: str, provider_id: str) -> str:
    """One per provider: an answer that was meant for another provider arrives at the wrong place (RFC 9700 4.4)."""
    return f"{origin}/api/v1/sso/{provider_id}/callback"


def _code(described: Described, query: Mapping[str, str]) -> str:
    """Raises Unauthenticated for the provider's refusal, and for an answer that another issuer gave (RFC 9207)."""
    issuer = query.get("iss")
    if (issuer is None and described.names_itself) or issuer not in (None, described.issuer):
        raise _refused("the answer came from another issuer", "issuer_mismatch")
    if error := query.get("error"):
        word = error if error in _ERRORS else "it did not say a known reason"
        raise _refused(f"the provider refused: {word}", "provider_refused")
    code = query.get("code", "")
    if not 0 < len(code) <= 4096:
        raise _refused("the provider sent no code", "state_invalid")
    return code


def _enabled(provider: Provider | None) -> Provider:
    """Absent and switched off are not told apart."""
    if provider is None or not provider.enabled:
        raise _refused("this way to sign in is not available", "provider_unavailable")
    return provider


def _derived(browser: str, purpose: str) -> str:
    raw = crypto.derive(browser.encode(), f"holdfast sso {purpose}")
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


def _refused(why: str, code: str) -> Unauthenticated:
    return Unauthenticated(why, code=code, hint="Go back to the sign-in page and try again.")
