"""Who that is here: signing in, linking, and typing the password again at the provider."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

import sqlalchemy as sa

from holdfast.features.access import store as access_store
from holdfast.features.access.actor import Actor, hidden, no_such
from holdfast.features.access.model import User, sessions
from holdfast.features.access.service import TRUSTED, AccessService, SignedIn, checked_email
from holdfast.features.access.sso import mapping, store
from holdfast.features.access.sso.flow import Arrival, Departure, Ways
from holdfast.features.access.sso.model import Identity, Purpose, State
from holdfast.kernel import audit, crypto, log
from holdfast.kernel.clock import Clock
from holdfast.kernel.db import Database
from holdfast.kernel.errors import Conflict, Denied, HoldfastError, Invalid
from holdfast.kernel.ids import new_id

FRESH = timedelta(minutes=10)
_ACTIONS = {"sign_in": "session.create", "link": "sso.link", "step_up": "session.step_up"}


@dataclass(frozen=True)
class Done:
    """What came of it; `session` unless it was a link: its token goes into the cookie."""

    purpose: Purpose
    session: SignedIn | None = None


class SsoService:
    """Thread-safe. An account that is there already is never taken by its e-mail: its owner links it, signed in."""

    def __init__(self, db: Database, clock: Clock, access: AccessService, ways: Ways) -> None:
        self._db = db
        self._clock = clock
        self._access = access
        self._ways = ways

    def start(self, provider_id: str, origin: str) -> Departure:
        """For a stranger who wants to sign in."""
        return self._ways.depart(provider_id, origin)

    def start_link(self, actor: Actor, provider_id: str, origin: str) -> Departure:
        """For someone signed in who wants to sign in there from now on. Raises Conflict without a browser session."""
        _require_session(actor)
        actor.require_step_up()
        return self._ways.depart(provider_id, origin, "link", actor)

    def start_step_up(self, actor: Actor, provider_id: str, origin: str) -> Departure:
        """To type the password again there instead of here: for those who have none here."""
        _require_session(actor)
        return self._ways.depart(provider_id, origin, "step_up", actor)

    def finish(self, provider_id: str, query: dict[str, str], browser: str | None, agent: str | None) -> Done:
        """The provider sent the browser back. Raises Unauthenticated, Denied, Conflict, ProviderUnusable; each is
        recorded."""
        arrival: Arrival | None = None
        try:
            arrival = self._ways.arrive(provider_id, query, browser)
            return self._finished(arrival, agent)
        except sa.exc.IntegrityError:
            raise Conflict("someone came in by this identity at the same moment", hint="Try again.") from None
        except HoldfastError as error:
            self._failed(provider_id, arrival, error)
            raise

    def identities(self, actor: Actor) -> list[Identity]:
        """Where the actor may sign in from."""
        with self._db.read() as conn:
            return store.identities_of(conn, user_id=actor.id)

    def unlink(self, actor: Actor, identity_id: str) -> None:
        """One's own: it signs nobody in any more, and takes what its groups gave along."""
        with self._db.write() as conn:
            found = store.identity_by_id(conn, identity_id)
            if found is None:
                raise no_such("identity")
            if found.user_id != actor.id:
                raise hidden("identity")
            actor.require_step_up()
            provider = store.provider(conn, found.provider_id)
            if provider is not None:
                mapping.take_all(conn, provider, found.id)
            store.delete_identity(conn, found.id)
            details = {"provider_id": found.provider_id}
            audit.record(conn, actor=actor.id, action="sso.unlink", resource_id=found.id, details=details)

    def gone(self, conn: sa.Connection, user_id: str) -> None:
        """With an account go its identities: a hook for whoever deletes accounts."""
        for found in store.identities_of(conn, user_id=user_id):
            if provider := store.provider(conn, found.provider_id):
                mapping.take_all(conn, provider, found.id)
            store.delete_identity(conn, found.id)

    def _finished(self, arrival: Arrival, agent: str | None) -> Done:
        email = _allowed_email(arrival)
        now = self._clock.now()
        with self._db.write() as conn:
            known = store.identity(conn, arrival.provider.issuer, arrival.subject)
            if arrival.state.purpose == "link":
                self._link(conn, arrival, known, email, now)
                return Done("link")
            if arrival.state.purpose == "step_up":
                return Done("step_up", self._step_up(conn, arrival, known, now))
            identity = known or self._first_time(conn, arrival, email, now)
            user = access_store.user(conn, identity.user_id)
            if user is None or user.disabled_at is not None:
                raise _no_access("this account is disabled")
            mapping.apply(conn, arrival.provider, identity, arrival.groups, now)
            store.signed_in(conn, identity.id, email, now)
            self._require_no_factor(conn, arrival, user.id)
            opened = self._access.open(conn, user, agent, TRUSTED if arrival.provider.trust_factors else None)
            if arrival.auth_time is None or arrival.auth_time < (now - FRESH).timestamp():
                mine = sessions.c.token_hash == crypto.token_hash(opened.token)
                conn.execute(sessions.update().where(mine).values(stepped_up_at=None))
            return Done("sign_in", opened)

    def _first_time(self, conn: sa.Connection, arrival: Arrival, email: str, now: datetime) -> Identity:
        """An account of one's own, where the provider may make them; never one that is there already."""
        provider = arrival.provider
        if access_store.user_by_email(conn, email) is not None:
            raise Conflict(
                "there is an account with this e-mail address already",
                code="sso_link_needed",
                hint="Sign in to it with its password, then link it to this provider.",
            )
        if store.invited(conn, email, now):
            raise Conflict(
                "this e-mail address has been invited",
                code="sso_invite_open",
                hint="Accept the invitation first, then link the account to this provider.",
            )
        if not provider.create_accounts:
            raise _no_access("nobody has let you in here yet")
        user = User(new_id("usr"), email, "", "member", now, None, arrival.name)
        access_store.insert_user(conn, user)
        details = {"role": "member", "provider": provider.name}
        audit.record(conn, actor=f"sso:{provider.id}", action="user.create", resource_id=user.id, details=details)
        return _identify(conn, arrival, user.id, email, now)

    def _link(self, conn: sa.Connection, arrival: Arrival, known: Identity | None, email: str, now: datetime) -> None:
        """The session that began it must still be there: whoever signed out meanwhile links nothing."""
        user_id = _alive(conn, arrival.state).id
        if known is not None:
            if known.user_id != user_id:
                raise Conflict("this identity belongs to another account", code="sso_identity_taken")
            return
        made = _identify(conn, arrival, user_id, email, now)
        mapping.apply(conn, arrival.provider, made, arrival.groups, now)

    def _step_up(self, conn: sa.Connection, arrival: Arrival, known: Identity | None, now: datetime) -> SignedIn:
        """The same session under a new token, as stepping up here does; the old token is dead."""
        user = _alive(conn, arrival.state)
        if known is None or known.user_id != user.id:
            raise _no_access("this identity is not linked to the account that is signed in")
        self._require_no_factor(conn, arrival, user.id)
        token = crypto.random_token()
        access_store.step_up(conn, arrival.state.session_id or "", now, crypto.token_hash(token))
        details = {"provider": arrival.provider.name}
        audit.record(conn, actor=user.id, action="session.step_up", details=details)
        return SignedIn(token, user)

    def _require_no_factor(self, conn: sa.Connection, arrival: Arrival, user_id: str) -> None:
        """A provider that is not trusted to ask for a second factor is no way around the account's own."""
        if not arrival.provider.trust_factors and self._access.has_factor(conn, user_id):
            raise Denied(
                "this account has a second factor here, which this provider does not ask for",
                code="second_factor_required",
                hint="Sign in with the password or a passkey, or have the provider trusted: trust_factors.",
            )

    def _failed(self, provider_id: str, arrival: Arrival | None, error: HoldfastError) -> None:
        """A refused sign-in is a fact; of an unknown provider or a state of nobody's, none is kept: anyone could make
        them by the thousand."""
        if error.code in ("state_invalid", "provider_unavailable"):
            return
        who = arrival.state.user_id if arrival else None
        action = _ACTIONS[arrival.state.purpose if arrival else "sign_in"]
        with self._db.write() as conn:
            audit.record(
                conn,
                actor=who or "anonymous",
                action=action,
                outcome="failed",
                details={"provider_id": provider_id, "code": error.code},
            )


def _identify(conn: sa.Connection, arrival: Arrival, user_id: str, email: str, now: datetime) -> Identity:
    provider = arrival.provider
    made = Identity(new_id("idn"), provider.id, user_id, provider.issuer, arrival.subject, email, now, None)
    store.insert_identity(conn, made)
    details = {"provider": provider.name, "user_id": user_id}
    audit.record(conn, actor=user_id, action="sso.link", resource_id=made.id, details=details)
    return made


def _alive(conn: sa.Connection, state: State) -> User:
    """Whose session began this way, if it has not ended since."""
    row = conn.execute(
        sa.select(sessions.c.user_id).where(sessions.c.id == (state.session_id or ""), sessions.c.revoked_at.is_(None))
    ).first()
    user = access_store.user(conn, row.user_id) if row else None
    if user is None or user.disabled_at is not None or user.id != state.user_id:
        raise _no_access("the session that began this has ended")
    return user


def _allowed_email(arrival: Arrival) -> str:
    """The verified address, of a domain that may come. Raises Denied."""
    if arrival.email is None or not arrival.email_verified:
        raise _no_access("the provider does not say that it has verified your e-mail address")
    try:
        email = checked_email(arrival.email)
    except Invalid:
        raise _no_access("the provider's e-mail address is not one") from None
    domains = arrival.provider.allowed_domains
    if domains and email.rpartition("@")[2] not in domains:
        raise _no_access("e-mail addresses of this domain are not let in")
    log.get("holdfast.sso").info("an identity arrived", provider=arrival.provider.id)
    return email


def _require_session(actor: Actor) -> None:
    if actor.session_id is None:
        raise Conflict("only a browser session does this", code="no_session", hint="Sign in with a browser.")


def _no_access(why: str) -> Denied:
    return Denied(why, code="sso_refused", hint="Ask whoever runs this Holdfast.")
