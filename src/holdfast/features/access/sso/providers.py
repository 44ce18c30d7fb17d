"""Which identity providers there are, and what their groups become."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import sqlalchemy as sa

from holdfast.features.access.actor import Actor, no_such
from holdfast.features.access.granting import store as granting
from holdfast.features.access.grants import Place
from holdfast.features.access.permissions import ROLES
from holdfast.features.access.places import PROJECTS_ONLY, Whereabouts
from holdfast.features.access.roles import permissions_of
from holdfast.features.access.sso import mapping, store
from holdfast.features.access.sso.discovery import Directory
from holdfast.features.access.sso.flow import CLIENT_SECRET
from holdfast.features.access.sso.model import Provider, Rule
from holdfast.kernel import audit
from holdfast.kernel.clock import Clock
from holdfast.kernel.db import Database
from holdfast.kernel.errors import Conflict, HoldfastError, Invalid
from holdfast.kernel.ids import new_id
from holdfast.kernel.secrets import SYSTEM, Secrets
from holdfast.web.changed import changed_meanwhile
from holdfast.web.idempotency import NEVER, Once

_NO_MORE = "No group becomes a role that may do more than you may there."
_SHOWN = ("name", "client_id", "scopes", "allowed_domains", "group_claim", "create_accounts", "enabled")


@dataclass(frozen=True)
class WantedProvider:
    """A provider to add. `client_secret` None: a public client, which PKCE alone protects."""

    name: str
    issuer: str
    client_id: str
    client_secret: str | None = None
    scopes: tuple[str, ...] = ("openid", "email", "profile")
    allowed_domains: tuple[str, ...] = ()
    group_claim: str = "groups"
    mapping: tuple[Rule, ...] = ()
    create_accounts: bool = False
    enabled: bool = True
    trust_factors: bool = False
    allow_private: bool = False


@dataclass(frozen=True)
class Finding:
    """One thing a test looked at. `ok` False: `said` is what is wrong."""

    what: str
    ok: bool
    said: str


class ProvidersService:
    """An issuer is never changed: people are known by it. Another issuer is another provider."""

    def __init__(
        self, db: Database, clock: Clock, secrets: Secrets, directory: Directory, where: Whereabouts = PROJECTS_ONLY
    ) -> None:
        self._db = db
        self._clock = clock
        self._secrets = secrets
        self._directory = directory
        self._where = where

    def list(self, actor: Actor, *, after: str | None = None, limit: int = 50) -> Sequence[Provider]:
        """In order of creation."""
        actor.require_everywhere("sso.read")
        with self._db.read() as conn:
            return store.providers_after(conn, after, limit)

    def offered(self) -> Sequence[Provider]:
        """Those a stranger may choose from, by name."""
        with self._db.read() as conn:
            return store.enabled_providers(conn)

    def get(self, actor: Actor, provider_id: str) -> Provider:
        actor.require_everywhere("sso.read")
        with self._db.read() as conn:
            return _found(conn, provider_id)

    def create(self, actor: Actor, wanted: WantedProvider, once: Once = NEVER) -> Provider:
        """Raises Denied, Conflict("name_taken", "issuer_taken"), Invalid."""
        self._may(actor, private=wanted.allow_private)
        now = self._clock.now()
        with self._db.write() as conn:
            once.check(conn)
            _check_taken(conn, wanted.name, wanted.issuer)
            rules = self._rules(conn, actor, wanted.mapping, ())
            values = {name: value for name, value in vars(wanted).items() if name != "client_secret"}
            made = Provider(
                **{**values, "mapping": rules},
                id=new_id("idp"),
                has_secret=bool(wanted.client_secret),
                version=1,
                created_by=actor.id,
                created_at=now,
                updated_at=now,
            )
            store.insert_provider(conn, made)
            if wanted.client_secret:
                self._secrets.put(conn, SYSTEM, made.id, CLIENT_SECRET, wanted.client_secret)
            _record(conn, actor, "sso.create", made, {"issuer": made.issuer, "mapping": _told(made.mapping)})
            once.keep(conn, made)
            return made

    def update(self, actor: Actor, provider_id: str, version: int, changes: Mapping[str, Any]) -> Provider:
        """`client_secret` "" takes the secret away. What the new mapping gives to nobody is taken from all at once."""
        self._may(actor, private=bool(changes.get("allow_private")))
        values = {name: value for name, value in changes.items() if name != "client_secret"}
        secret = changes.get("client_secret")
        if secret is not None:
            values["has_secret"] = bool(secret)
        with self._db.write() as conn:
            before = _found(conn, provider_id)
            if "name" in values:
                _check_taken(conn, values["name"], None, but=provider_id)
            if "mapping" in values:
                values["mapping"] = self._rules(conn, actor, values["mapping"], before.mapping)
            changed = store.change_provider(conn, provider_id, version, self._clock.now(), values)
            if changed is None:
                raise changed_meanwhile("provider")
            if secret is not None:
                self._secrets.delete_resource(conn, SYSTEM, provider_id)
            if secret:
                self._secrets.put(conn, SYSTEM, provider_id, CLIENT_SECRET, secret)
            if "mapping" in values:
                mapping.take_unmapped(conn, changed)
            _record(conn, actor, "sso.update", changed, _difference(before, changed) | {"secret": secret is not None})
        self._directory.forget(provider_id)
        return changed

    def delete(self, actor: Actor, provider_id: str) -> None:
        """With it go its identities and every role its groups gave. The accounts stay."""
        self._may(actor)
        with self._db.write() as conn:
            found = _found(conn, provider_id)
            mapping.take_all(conn, found)
            self._secrets.delete_resource(conn, SYSTEM, provider_id)
            store.delete_provider(conn, provider_id)
            _record(conn, actor, "sso.delete", found, {"issuer": found.issuer})
        self._directory.forget(provider_id)

    def test(self, actor: Actor, provider_id: str) -> Sequence[Finding]:
        """Ask the provider now, and say what was found. Nothing is changed."""
        actor.require_everywhere("sso.manage")
        with self._db.read() as conn:
            provider = _found(conn, provider_id)
        self._directory.forget(provider_id)
        try:
            described = self._directory.described(provider, fresh=True)
        except HoldfastError as error:
            return [Finding("discovery", False, error.message)]
        found = [Finding("discovery", True, f"signs with {', '.join(described.algorithms)}")]
        try:
            keys = self._directory.keys(provider, described)
            found.append(Finding("keys", True, f"{len(keys.keys)} that can check a signature"))
        except HoldfastError as error:
            found.append(Finding("keys", False, error.message))
        said = "every answer names its issuer" if described.names_itself else "answers do not name their issuer"
        found.append(Finding("answers", True, said))
        how = described.token_auth if provider.has_secret else "no secret: PKCE alone"
        found.append(Finding("client", True, how))
        return found

    @staticmethod
    def _may(actor: Actor, *, private: bool = False) -> None:
        actor.require_everywhere("sso.manage")
        if private:
            actor.require_everywhere("system.admin")
        actor.require_step_up()

    def _rules(
        self, conn: sa.Connection, actor: Actor, wanted: Sequence[Rule], before: Sequence[Rule]
    ) -> tuple[Rule, ...]:
        """Checked; those that were there before need no permission again. A rule names places that are there."""
        had = {replace(rule, role_id=None) for rule in before}
        made = []
        for rule in wanted:
            own = None if rule.role in ROLES else granting.role_named(conn, rule.role)
            if rule.role not in ROLES and own is None:
                raise Invalid(f"there is no role {rule.role!r}", code="role_unknown", hint="GET /api/v1/roles.")
            place = self._place(conn, rule)
            if replace(rule, role_id=None) not in had:
                held = permissions_of(conn, [rule.role])[rule.role]
                actor.require_holding(held, place, _NO_MORE)
            project_id = place.project_id if place else None
            made.append(replace(rule, role_id=own.id if own else None, project_id=project_id))
        return tuple(made)

    def _place(self, conn: sa.Connection, rule: Rule) -> Place | None:
        if rule.environment_id is not None:
            found = self._where.environment(conn, rule.environment_id)
            if found is None or rule.project_id not in (None, found.project_id):
                raise no_such("environment")
            return found
        if rule.project_id is not None and self._where.project(conn, rule.project_id) is None:
            raise no_such("project")
        return rule.place


def _found(conn: sa.Connection, provider_id: str) -> Provider:
    found = store.provider(conn, provider_id)
    if found is None:
        raise no_such("provider")
    return found


def _check_taken(conn: sa.Connection, name: str, issuer: str | None, but: str = "") -> None:
    if what := store.taken(conn, name, issuer, but):
        raise Conflict(f"another provider has that {what}", code=f"{what}_taken")


def _told(rules: Sequence[Rule]) -> list[dict[str, Any]]:
    return [{name: value for name, value in vars(rule).items() if value and name != "role_id"} for rule in rules]


def _difference(before: Provider, after: Provider) -> dict[str, Any]:
    names = (*_SHOWN, "trust_factors", "allow_private")
    changed = {name: getattr(after, name) for name in names if getattr(after, name) != getattr(before, name)}
    return changed | ({"mapping": _told(after.mapping)} if after.mapping != before.mapping else {})


def _record(conn: sa.Connection, actor: Actor, action: str, provider: Provider, details: Mapping[str, Any]) -> None:
    told = {"name": provider.name, **details}
    audit.record(conn, actor=actor.id, action=action, resource_id=provider.id, details=told)
