"""Named logins of a database: each with an access and a password of its own, shown once, rotated and revoked alone."""

from __future__ import annotations

import re
import secrets as tokens
from collections.abc import Sequence
from dataclasses import replace

import sqlalchemy as sa

from holdfast.contract.logins import Login
from holdfast.contract.spec import Access, Role
from holdfast.features.access.actor import Actor, no_such
from holdfast.features.connections import login_store as store
from holdfast.features.connections.model import NamedLogin
from holdfast.features.connections.reached import Reached, Ways, record
from holdfast.features.connections.tunnels import AdmittingEngine, admitting
from holdfast.features.databases.guard import found
from holdfast.kernel import log
from holdfast.kernel.clock import Clock
from holdfast.kernel.errors import Conflict, HoldfastError, Invalid
from holdfast.kernel.ids import new_id

MOST = 100
_NAME = re.compile(r"[a-z][a-z0-9_]{0,47}")
_RESERVED = ("hf_", "db_", "holdfast", "pg_", "default")


class LoginService:
    """Verbs block; they belong on a thread. The row comes first: a login at the server that no row names cannot be."""

    def __init__(self, ways: Ways, clock: Clock) -> None:
        self._ways = ways
        self._clock = clock

    def list(self, actor: Actor, database_id: str, *, after: str | None, limit: int) -> Sequence[NamedLogin]:
        with self._ways.db.read() as conn:
            found(conn, actor, database_id, "database.read")
            return store.page(conn, database_id, after=after, limit=limit)

    def create(self, actor: Actor, database_id: str, name: str, access: Access) -> tuple[NamedLogin, str, str]:
        """(login, password, URL). Raises Invalid, Conflict (code "name_taken", "cannot_connect")."""
        _check_name(name)
        with self._ways.db.read() as conn:
            resource = found(conn, actor, database_id, "database.login.manage")
            _require_access(actor, resource.place, access)
            actor.require_step_up()
        now = self._clock.now()
        place = (resource.project_id, resource.environment_id, resource.id)
        made = NamedLogin(new_id("lgn"), *place, name, access, actor.id, now, now)
        with self._ways.inside(database_id) as there:
            engine = admitting(self._ways.reach, there.resource)
            with self._ways.db.write() as conn:
                if store.count(conn, database_id) >= MOST:
                    raise Conflict(f"a database has at most {MOST} logins", code="too_many_logins")
                try:
                    store.insert(conn, made)
                except sa.exc.IntegrityError:
                    raise Conflict(f"there is a login {name!r} already", code="name_taken") from None
                record(conn, actor.id, "database.login.create", there.resource, {"login": name, "access": access})
            try:
                return made, *self._admit(there, engine, made)
            except HoldfastError:
                with self._ways.db.write() as conn:
                    store.delete(conn, made.id)
                raise

    def rotate(self, actor: Actor, login_id: str) -> tuple[NamedLogin, str, str]:
        """A new password; the old one is no good from now on, open sessions stay. A revoked login works again."""
        login = self._found(actor, login_id)
        _require_access(actor, login.place, login.access)
        actor.require_step_up()
        with self._ways.inside(login.resource_id) as there:
            made = self._admit(there, admitting(self._ways.reach, there.resource), login)
            changed = self._change(actor, there, login, "rotate", rotated_at=self._clock.now(), revoked_at=None)
        return changed, *made

    def revoke(self, actor: Actor, login_id: str) -> NamedLogin:
        """Nobody signs in with it, its sessions end; what it owns stays."""
        login = self._found(actor, login_id)
        with self._ways.inside(login.resource_id) as there:
            admitting(self._ways.reach, there.resource).suspend(there.at, login.name)
            return self._change(actor, there, login, "revoke", revoked_at=self._clock.now())

    def drop(self, actor: Actor, login_id: str, confirm: str, *, hand_over: bool) -> None:
        """`confirm` is its name. Raises Conflict (code "login_owns") unless `hand_over` gives what it owns to the
        owner; it is revoked then."""
        login = self._found(actor, login_id)
        if confirm != login.name:
            raise Invalid("confirm must be the login's name, exactly", code="confirm_mismatch")
        with self._ways.inside(login.resource_id) as there:
            admitting(self._ways.reach, there.resource).dismiss(there.at, login.name, hand_over=hand_over)
            with self._ways.db.write() as conn:
                store.delete(conn, login.id)
                details = {"login": login.name, "hand_over": hand_over}
                record(conn, actor.id, "database.login.delete", there.resource, details)

    def _admit(self, there: Reached, engine: AdmittingEngine, login: NamedLogin) -> tuple[str, str]:
        password = tokens.token_urlsafe(24)
        log.register_secret(password)
        engine.admit(there.at, Login(login.name, password, login.access))
        own = replace(there.at, roles={login.access: Role(login.name, "own")}, secrets={"own": password})
        return password, engine.url(own, login.access)

    def _found(self, actor: Actor, login_id: str) -> NamedLogin:
        with self._ways.db.read() as conn:
            login = store.get(conn, login_id)
        actor.require("database.login.manage", login.place if login else None, noun="login")
        if login is None:
            raise no_such("login")
        return login

    def _change(self, actor: Actor, there: Reached, login: NamedLogin, verb: str, **values: object) -> NamedLogin:
        with self._ways.db.write() as conn:
            changed = store.change(conn, login.id, **values)
            if changed is None:
                raise no_such("login")
            record(conn, actor.id, f"database.login.{verb}", there.resource, {"login": login.name})
            return changed


def _require_access(actor: Actor, place: object, access: Access) -> None:
    """Nobody makes a login that may do more than they may themselves."""
    if access not in ("owner", "rw", "ro"):
        raise Invalid("access is owner, rw or ro", code="access_invalid")
    actor.require("database.query.read" if access == "ro" else "database.query.write", place)  # type: ignore[arg-type]


def _check_name(name: str) -> None:
    if not _NAME.fullmatch(name) or name.startswith(_RESERVED):
        message = "1 to 48 of a-z, 0-9 and _, beginning with a letter, and none of Holdfast's own"
        raise Invalid(message, code="name_invalid", details={"fields": [{"field": "name", "message": message}]})
