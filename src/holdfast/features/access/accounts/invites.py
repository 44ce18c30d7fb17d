"""Asking someone in: a link that makes one account, with no more rights than its maker's."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

import sqlalchemy as sa

from holdfast.features.access import store as access_store
from holdfast.features.access.accounts import passwords, rights, store
from holdfast.features.access.accounts.model import Invite, RoleGrant, invites
from holdfast.features.access.accounts.recovery import link_invalid
from holdfast.features.access.actor import Actor, no_such
from holdfast.features.access.grants import Place
from holdfast.features.access.model import User, api_keys, role_grants
from holdfast.features.access.roles import grants_of
from holdfast.features.access.service import AccessService, SignedIn, checked_email
from holdfast.kernel import audit, crypto, log
from holdfast.kernel.clock import Clock
from holdfast.kernel.db import Database
from holdfast.kernel.errors import Conflict, Denied, Invalid
from holdfast.kernel.ids import is_id, new_id
from holdfast.web.idempotency import NEVER, Once

INVITE_LIFE = timedelta(days=7)
_NO_MORE = "Nobody asks someone in with more rights than their own."


@dataclass(frozen=True)
class WantedInvite:
    """`role` holds in the whole installation; `grants` are roles in projects and environments besides."""

    email: str
    role: str = "member"
    grants: tuple[RoleGrant, ...] = ()


@dataclass(frozen=True)
class Acceptance:
    """What the invited person sends. `old_token` is the session their browser came with: it ends."""

    token: str
    name: str
    password: str
    agent: str | None = None
    old_token: str | None = None


class InvitesService:
    """There is no mail yet: the link is shown once, to whoever makes it, who hands it on."""

    def __init__(
        self, db: Database, clock: Clock, access: AccessService, *, origin: str = "http://127.0.0.1:7700"
    ) -> None:
        self._db = db
        self._clock = clock
        self._access = access
        self._origin = origin

    def create(
        self, actor: Actor, wanted: WantedInvite, once: Once = NEVER, *, origin: str | None = None
    ) -> tuple[Invite, str]:
        """The invite and its link, which works once, for seven days. Ends any open invite to the same address.

        Raises Denied for a role beyond the actor's own rights, Conflict("user_exists"), NotFound for a project.
        """
        actor.require_everywhere("user.invite")
        actor.require_step_up()
        email, token, now = checked_email(wanted.email), crypto.random_token(), self._clock.now()
        grants = tuple(dict.fromkeys(wanted.grants))
        made = Invite(new_id("inv"), email, wanted.role, grants, actor.id, now, now + INVITE_LIFE, None, None, None)
        with self._db.write() as conn:
            once.check(conn)
            for role in dict.fromkeys((wanted.role, *(grant.role for grant in grants))):
                rights.require_role(conn, role)
            for grant in grants:
                rights.require_place(conn, grant)
                actor.require("role.grant", Place(grant.project_id, grant.environment_id), noun="project")
            rights.require_covering(actor, rights.meaning(conn, wanted.role, grants), _NO_MORE)
            if access_store.user_by_email(conn, email) is not None:
                raise Conflict("this person has an account", code="user_exists", hint="holdfast user list")
            store.revoke_invites(conn, invites.c.email == email, now)
            store.insert_invite(conn, made, crypto.token_hash(token))
            details = {"role": wanted.role, "grants": [vars(grant) for grant in grants]}
            audit.record(conn, actor=actor.id, action="user.invite", resource_id=made.id, details=details)
            once.keep(conn, made)
        log.register_secret(token)
        return made, f"{origin or self._origin}/#invite={token}"

    def list(
        self, actor: Actor, *, only_open: bool = False, after: str | None = None, limit: int = 50
    ) -> Sequence[Invite]:
        actor.require_everywhere("user.read")
        with self._db.read() as conn:
            return store.invites_after(conn, self._clock.now(), only_open=only_open, after=after, limit=limit)

    def revoke(self, actor: Actor, invite_id: str) -> Invite:
        """Its link is dead at once; a revoked one stays so. Raises NotFound, Conflict("invite_accepted")."""
        actor.require_everywhere("user.invite")
        with self._db.write() as conn:
            invite = _found(conn, invite_id)
            if invite.accepted_at is not None:
                raise Conflict(
                    "this invite was accepted", code="invite_accepted", hint="Disable or delete the account instead."
                )
            if store.revoke_invites(conn, invites.c.id == invite_id, self._clock.now()):
                audit.record(conn, actor=actor.id, action="user.uninvite", resource_id=invite_id)
            return _found(conn, invite_id)

    def accept(self, given: Acceptance) -> SignedIn:
        """The account, signed in. Raises Unauthenticated("link_invalid"), or Invalid for a password, which spends none.

        The same answer for a link that is spent, old, revoked or unknown, whose maker may no longer give as much, and
        whose address has an account by now.
        """
        token_hash = crypto.token_hash(given.token)
        with self._db.read() as conn:  # before hashing: a stranger must not make us work
            invite = store.open_invite(conn, token_hash, self._clock.now())
            if invite is None or not _still_good(conn, invite):
                raise link_invalid()
        passwords.check(given.password, email=invite.email, name=given.name)
        password_hash = self._access.hash(given.password)
        user_id = new_id("usr")
        try:
            with self._db.write() as conn:
                return self._make(conn, given, token_hash, user_id, password_hash)
        except sa.exc.IntegrityError:  # the address got an account by another way at this very moment
            raise link_invalid() from None

    def _make(
        self, conn: sa.Connection, given: Acceptance, token_hash: str, user_id: str, password_hash: str
    ) -> SignedIn:
        now = self._clock.now()
        invite = store.accept_invite(conn, token_hash, user_id, now)
        if invite is None or not _still_good(conn, invite):
            raise link_invalid()
        user = User(user_id, invite.email, password_hash, invite.role, now, None, given.name)
        access_store.insert_user(conn, user)
        for grant in invite.grants:
            give(conn, user_id, grant, invite.created_by, self._clock)
        details = {"role": invite.role, "invite": invite.id}
        audit.record(conn, actor=user_id, action="user.create", resource_id=user_id, details=details)
        if given.old_token and (before := access_store.session_by_hash(conn, crypto.token_hash(given.old_token))):
            access_store.revoke_session(conn, before[0].id, now)
        return self._access.open(conn, user, given.agent)


def give(conn: sa.Connection, user_id: str, grant: RoleGrant, created_by: str, clock: Clock) -> None:
    """A role in a project for someone who has just come; the caller has asked whether it may be given."""
    row = {"id": new_id("grt"), "user_id": user_id, "created_by": created_by, "created_at": clock.now()}
    conn.execute(role_grants.insert().values(**row, **vars(grant)))


def _still_good(conn: sa.Connection, invite: Invite) -> bool:
    """Seven days are long: the address may have an account by now, a role may be gone, and whoever lost rights
    meanwhile must not go on giving them away."""
    if access_store.user_by_email(conn, invite.email) is not None:
        return False
    try:
        for role in {invite.role, *(grant.role for grant in invite.grants)}:
            rights.require_role(conn, role, since=invite.created_at)
    except Invalid:
        return False
    return _maker_still_may(conn, invite)


def _maker_still_may(conn: sa.Connection, invite: Invite) -> bool:
    maker = invite.created_by
    if is_id(maker, "key"):
        statement = sa.select(api_keys.c.id).where(api_keys.c.id == maker, api_keys.c.revoked_at.is_(None))
        return conn.execute(statement).first() is not None
    if not is_id(maker, "usr"):
        return True
    user = access_store.user(conn, maker)
    if user is None or user.disabled_at is not None:
        return False
    actor = Actor(user.id, "user", user.email, grants_of(conn, user))
    try:
        actor.require_everywhere("user.invite")
        rights.require_covering(actor, rights.meaning(conn, invite.role, invite.grants), _NO_MORE)
    except Denied:
        return False
    return True


def _found(conn: sa.Connection, invite_id: str) -> Invite:
    invite = store.invite(conn, invite_id)
    if invite is None:
        raise no_such("invite")
    return invite
