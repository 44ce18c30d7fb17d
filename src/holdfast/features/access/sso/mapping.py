"""What someone's groups give them: evaluated at each sign-in, given and taken in that transaction."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from holdfast.features.access.granting import store as granting
from holdfast.features.access.granting.model import Given
from holdfast.features.access.model import role_grants
from holdfast.features.access.permissions import ROLES
from holdfast.features.access.sso.model import Identity, Provider, Rule, sso_grants, sso_identities
from holdfast.kernel import audit
from holdfast.kernel.ids import new_id

MOST_GROUPS = 1000
Held = tuple[str, str | None, str | None]  # role, project, environment


def groups_of(claims: Mapping[str, Any], name: str) -> frozenset[str]:
    """The groups a claim lists: a list of texts, or one text. `a.b` is looked for as such, then as `b` in `a`.

    Anything else is no group at all: a claim that we do not understand must not let anyone in.
    """
    found: Any = claims.get(name)
    if found is None and "." in name:
        found = claims
        for part in name.split("."):
            found = found.get(part) if isinstance(found, Mapping) else None
    if isinstance(found, str):
        return frozenset({found})
    if not isinstance(found, list) or len(found) > MOST_GROUPS:
        return frozenset()
    return frozenset(each for each in found if isinstance(each, str))


def held_by(rules: Iterable[Rule], groups: Iterable[str]) -> frozenset[Held]:
    """What the rules give to who is in `groups`. Names are compared exactly, case and all."""
    those = frozenset(groups)
    return frozenset((rule.role, rule.project_id, rule.environment_id) for rule in rules if rule.group in those)


def standing(conn: sa.Connection, rules: Sequence[Rule]) -> list[Rule]:
    """The rules whose role is still the one that was meant."""
    own = {rule.role for rule in rules if rule.role not in ROLES}
    made = {name: found.id for name in sorted(own) if (found := granting.role_named(conn, name))}
    return [rule for rule in rules if rule.role in ROLES or (rule.role_id and made.get(rule.role) == rule.role_id)]


def apply(conn: sa.Connection, provider: Provider, identity: Identity, groups: Iterable[str], now: datetime) -> None:
    """Afterwards the identity's grants from groups are exactly what the rules say. What people gave stays."""
    wanted = held_by(standing(conn, provider.mapping), groups)
    had = _grants_of(conn, sso_grants.c.identity_id == identity.id)
    for given in had:
        if (given.role, given.project_id, given.environment_id) not in wanted:
            _take(conn, provider, given)
    there = {(given.role, given.project_id, given.environment_id) for given in had}
    for role, project_id, environment_id in sorted(wanted - there, key=repr):
        made = Given(new_id("grt"), identity.user_id, role, project_id, environment_id, f"sso:{provider.id}", now)
        if granting.same_grant(conn, made) is not None:
            continue  # someone gave it by hand: it is not ours to take away later
        granting.insert_grant(conn, made)
        conn.execute(sso_grants.insert().values(grant_id=made.id, identity_id=identity.id))
        _record(conn, "role.grant", provider, made)


def take_unmapped(conn: sa.Connection, provider: Provider) -> None:
    """After the rules were changed: what no rule gives any more goes at once, not only at the next sign-in."""
    still = {(rule.role, rule.project_id, rule.environment_id) for rule in provider.mapping}
    for given in _grants_of(conn, _from(provider)):
        if (given.role, given.project_id, given.environment_id) not in still:
            _take(conn, provider, given)


def take_all(conn: sa.Connection, provider: Provider, identity_id: str | None = None) -> None:
    """With a provider, or with one of its identities, goes everything that came from its groups."""
    mine = _from(provider) if identity_id is None else sso_grants.c.identity_id == identity_id
    for given in _grants_of(conn, mine):
        _take(conn, provider, given)
    conn.execute(sso_grants.delete().where(mine))


def _from(provider: Provider) -> sa.ColumnElement[bool]:
    own = sa.select(sso_identities.c.id).where(sso_identities.c.provider_id == provider.id)
    return sso_grants.c.identity_id.in_(own)


def _grants_of(conn: sa.Connection, mine: sa.ColumnElement[bool]) -> list[Given]:
    joined = sa.select(role_grants).join(sso_grants, sso_grants.c.grant_id == role_grants.c.id).where(mine)
    return [Given(**row._mapping) for row in conn.execute(joined.order_by(role_grants.c.id))]


def _take(conn: sa.Connection, provider: Provider, given: Given) -> None:
    granting.delete_grant(conn, given.id)
    conn.execute(sso_grants.delete().where(sso_grants.c.grant_id == given.id))
    _record(conn, "role.take", provider, given)


def _record(conn: sa.Connection, action: str, provider: Provider, given: Given) -> None:
    audit.record(
        conn,
        actor=f"sso:{provider.id}",
        action=action,
        project_id=given.project_id,
        environment_id=given.environment_id,
        resource_id=given.id,
        details={"user_id": given.user_id, "role": given.role, "provider": provider.name},
    )
