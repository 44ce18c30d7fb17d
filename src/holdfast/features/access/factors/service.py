"""Getting, seeing and losing one's own second factors, and the rule who must have one.

Every change needs the password (and the factor there is) again: whoever found a browser open must not add their own.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from holdfast.features.access import lockout, store
from holdfast.features.access.actor import Actor, hidden, no_such
from holdfast.features.access.factors import challenges, passkeys, policy, recovery, totp
from holdfast.features.access.factors.challenges import Challenge
from holdfast.features.access.factors.model import Held, Passkey, Policy, Site
from holdfast.features.access.model import User
from holdfast.features.access.permissions import ROLES
from holdfast.features.access.roles import permissions_of
from holdfast.kernel import audit, log
from holdfast.kernel.clock import Clock
from holdfast.kernel.db import Database
from holdfast.kernel.errors import Conflict, Invalid, LimitExceeded
from holdfast.kernel.secrets import Secrets


@dataclass(frozen=True)
class Begun:
    """A TOTP secret, shown this once. It is no factor until a code proves it."""

    secret: str
    uri: str
    expires_at: datetime


class FactorsService:
    """Factors are a person's: keys and admin.sock have none, and get Conflict("not_a_person")."""

    def __init__(self, db: Database, clock: Clock, secrets: Secrets) -> None:
        self._db = db
        self._clock = clock
        self._secrets = secrets

    def own(self, actor: Actor) -> Held:
        """What the actor has."""
        _require_person(actor)
        with self._db.read() as conn:
            return self._held(conn, _user(conn, actor.id))

    def of(self, actor: Actor, user_id: str) -> Held:
        """What someone has. Raises NotFound."""
        actor.require_everywhere("user.read")
        with self._db.read() as conn:
            return self._held(conn, _user(conn, user_id))

    def begin_totp(self, actor: Actor, issuer: str) -> Begun:
        """A new secret. Raises Conflict("totp_exists") while there is one that counts."""
        _require_session(actor)
        now = self._clock.now()
        with self._db.write() as conn:
            user = _user(conn, actor.id)
            if totp.confirmed(conn, user.id):
                raise Conflict("you have a TOTP factor", code="totp_exists", hint="Remove it first.")
            secret = totp.begin(conn, self._secrets, user.id, now)
            audit.record(conn, actor=actor.id, action="totp.begin")
        return Begun(secret, totp.uri(secret, user.email, issuer), now + totp.PENDING_LIFE)

    def confirm_totp(self, actor: Actor, code: str) -> list[str]:
        """The secret counts from now on. Answers recovery codes when there are none yet, else nothing.

        Raises Conflict("totp_not_pending"), Invalid("code_wrong"), TooManyAttempts.
        """
        _require_session(actor)
        now = self._clock.now()
        with self._db.write() as conn:
            user = _user(conn, actor.id)
            tried = lockout.subjects(user.email, log.current("address"))
            lockout.check(conn, tried, now, hold=True)
            if not totp.pending(conn, user.id, now):
                raise Conflict("there is no secret to confirm", code="totp_not_pending", hint="Begin again.")
            if totp.confirm(conn, self._secrets, user.id, "".join(code.split()), now):
                audit.record(conn, actor=actor.id, action="totp.add")
                return self._first_codes(conn, actor, now)
            lockout.failed(conn, tried, now)
            audit.record(conn, actor=actor.id, action="totp.add", outcome="failed")
        raise Invalid("this is not the code", code="code_wrong", hint="Check that the phone's clock is right.")

    def remove_totp(self, actor: Actor) -> None:
        """Nothing there is not an error. With the last factor go the recovery codes."""
        _require_session(actor)
        with self._db.write() as conn:
            if totp.remove(conn, self._secrets, actor.id):
                audit.record(conn, actor=actor.id, action="totp.remove")
            self._none_left(conn, actor.id)

    def new_codes(self, actor: Actor) -> list[str]:
        """Ten new recovery codes; the earlier ones are dead. Raises Conflict("no_factor")."""
        _require_session(actor)
        with self._db.write() as conn:
            if not self._any(conn, actor.id):
                raise Conflict("recovery codes stand in for a factor", code="no_factor", hint="Add TOTP or a passkey.")
            codes = recovery.replace(conn, actor.id, self._clock.now())
            audit.record(conn, actor=actor.id, action="recovery_code.create", details={"count": len(codes)})
            return codes

    def passkey_options(self, actor: Actor, site: Site | None) -> tuple[Challenge, Any]:
        """For `navigator.credentials.create`, in this session only. Raises Conflict("passkeys_need_name")."""
        session_id, site = _require_session(actor), passkeys.require_name(site)
        with self._db.write() as conn:
            user, known = _user(conn, actor.id), passkeys.of(conn, actor.id)
            made = challenges.open_one(conn, "register", session_id, self._clock.now())
        return made, passkeys.creation_options(site, user.id, user.email, known, made)

    def add_passkey(
        self, actor: Actor, name: str, flow: str, answer: Mapping[str, Any], site: Site | None
    ) -> tuple[Passkey, list[str]]:
        """The passkey, and recovery codes when there are none yet. A refused answer spends its challenge."""
        session_id, site = _require_session(actor), passkeys.require_name(site)
        now = self._clock.now()
        with self._db.write() as conn:
            challenge = challenges.spend(conn, flow, "register", session_id, now)
        if challenge is None:
            raise passkeys.invalid()
        with self._db.write() as conn:
            if len(passkeys.of(conn, actor.id)) >= passkeys.MOST:
                raise LimitExceeded(f"an account has at most {passkeys.MOST} passkeys", code="too_many_passkeys")
            made = passkeys.register(conn, actor.id, name, answer, challenge, site, now)
            audit.record(conn, actor=actor.id, action="passkey.add", resource_id=made.id, details={"name": name})
            return made, self._first_codes(conn, actor, now)

    def passkeys(self, actor: Actor) -> list[Passkey]:
        """One's own, oldest first: at most twenty."""
        _require_person(actor)
        with self._db.read() as conn:
            return passkeys.of(conn, actor.id)

    def rename_passkey(self, actor: Actor, passkey_id: str, name: str) -> Passkey:
        """Raises NotFound; someone else's looks absent."""
        with self._db.write() as conn:
            before = _own_passkey(conn, actor, passkey_id)
            _require_session(actor)
            passkeys.rename(conn, passkey_id, name)
            details = {"name": [before.name, name]}
            audit.record(conn, actor=actor.id, action="passkey.update", resource_id=passkey_id, details=details)
            return _own_passkey(conn, actor, passkey_id)

    def remove_passkey(self, actor: Actor, passkey_id: str) -> None:
        """Raises NotFound; someone else's looks absent. With the last factor go the recovery codes."""
        with self._db.write() as conn:
            found = _own_passkey(conn, actor, passkey_id)
            _require_session(actor)
            passkeys.remove(conn, passkey_id)
            details = {"name": found.name}
            audit.record(conn, actor=actor.id, action="passkey.remove", resource_id=passkey_id, details=details)
            self._none_left(conn, actor.id)

    def policy(self, actor: Actor) -> Policy:
        actor.require_everywhere("system.read")
        with self._db.read() as conn:
            return policy.read(conn)

    def change_policy(self, actor: Actor, wanted: Policy) -> Policy:
        """Counts at once, for sessions that are open too: who lacks a factor may only get one. Raises Invalid."""
        actor.require_everywhere("system.admin")
        actor.require_step_up()
        with self._db.write() as conn:
            known = permissions_of(conn, wanted.roles)
            if unknown := [role for role in wanted.roles if role not in ROLES and not known[role]]:
                raise Invalid(f"no such role: {', '.join(unknown)}", code="role_unknown")
            before = policy.read(conn)
            policy.write(conn, wanted, actor.id, self._clock.now())
            details = {
                "everyone": [before.everyone, wanted.everyone],
                "roles": [list(before.roles), list(wanted.roles)],
            }
            audit.record(conn, actor=actor.id, action="second_factor.require", details=details)
            return wanted

    def _held(self, conn: sa.Connection, user: User) -> Held:
        return Held(
            totp=totp.confirmed(conn, user.id),
            totp_pending=totp.pending(conn, user.id, self._clock.now()),
            recovery_codes_left=recovery.left(conn, user.id),
            passkeys=len(passkeys.of(conn, user.id)),
            required=policy.read(conn).covers(user.role),
        )

    @staticmethod
    def _any(conn: sa.Connection, user_id: str) -> bool:
        return totp.confirmed(conn, user_id) or bool(passkeys.of(conn, user_id))

    def _none_left(self, conn: sa.Connection, user_id: str) -> None:
        if not self._any(conn, user_id):
            recovery.remove(conn, user_id)

    @staticmethod
    def _first_codes(conn: sa.Connection, actor: Actor, now: datetime) -> list[str]:
        if recovery.left(conn, actor.id):
            return []
        codes = recovery.replace(conn, actor.id, now)
        audit.record(conn, actor=actor.id, action="recovery_code.create", details={"count": len(codes)})
        return codes


def _require_person(actor: Actor) -> None:
    if actor.kind != "user":
        raise Conflict(
            "keys and admin.sock have no second factors",
            code="not_a_person",
            hint="Sign in with a browser. For someone who lost theirs: holdfast user reset E-MAIL",
        )


def _require_session(actor: Actor) -> str:
    """A browser session whose password was typed again lately; its id."""
    _require_person(actor)
    actor.require_step_up()
    if actor.session_id is None:
        raise Conflict("only a browser session does this", code="no_session", hint="Sign in with a browser.")
    return actor.session_id


def _user(conn: sa.Connection, user_id: str) -> User:
    found = store.user(conn, user_id)
    if found is None:
        raise no_such("user")
    return found


def _own_passkey(conn: sa.Connection, actor: Actor, passkey_id: str) -> Passkey:
    found = passkeys.by_id(conn, passkey_id)
    if found is None:
        raise no_such("passkey")
    if found.user_id != actor.id:
        raise hidden("passkey")
    return found
