"""One statement each: providers, identities, states."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from holdfast.features.access.accounts.model import invites
from holdfast.features.access.sso.model import (
    Identity,
    Provider,
    State,
    rules_of,
    sso_identities,
    sso_providers,
    sso_states,
)

_LISTS = ("scopes", "allowed_domains")


def provider(conn: sa.Connection, provider_id: str) -> Provider | None:
    row = conn.execute(sa.select(sso_providers).where(sso_providers.c.id == provider_id)).first()
    return None if row is None else _provider(row)


def providers_after(conn: sa.Connection, after: str | None, limit: int) -> Sequence[Provider]:
    """In order of creation."""
    statement = sa.select(sso_providers).order_by(sso_providers.c.id).limit(limit)
    if after is not None:
        statement = statement.where(sso_providers.c.id > after)
    return [_provider(row) for row in conn.execute(statement)]


def enabled_providers(conn: sa.Connection) -> Sequence[Provider]:
    rows = conn.execute(sa.select(sso_providers).where(sso_providers.c.enabled).order_by(sso_providers.c.name))
    return [_provider(row) for row in rows]


def taken(conn: sa.Connection, name: str, issuer: str | None = None, but: str = "") -> str | None:
    """ "name" or "issuer", when another provider has it."""
    c = sso_providers.c
    same = sa.or_(c.name == name, c.issuer == (issuer or ""))
    row = conn.execute(sa.select(c.name).where(same, c.id != but).limit(1)).first()
    return None if row is None else "name" if row.name == name else "issuer"


def insert_provider(conn: sa.Connection, made: Provider) -> None:
    conn.execute(sso_providers.insert().values(**_row(vars(made))))


def change_provider(
    conn: sa.Connection, provider_id: str, version: int, now: datetime, values: Mapping[str, Any]
) -> Provider | None:
    """None when `version` is no longer current."""
    row = conn.execute(
        sso_providers.update()
        .where(sso_providers.c.id == provider_id, sso_providers.c.version == version)
        .values(**_row(values), version=version + 1, updated_at=now)
        .returning(*sso_providers.c)
    ).first()
    return None if row is None else _provider(row)


def delete_provider(conn: sa.Connection, provider_id: str) -> None:
    conn.execute(sso_states.delete().where(sso_states.c.provider_id == provider_id))
    conn.execute(sso_identities.delete().where(sso_identities.c.provider_id == provider_id))
    conn.execute(sso_providers.delete().where(sso_providers.c.id == provider_id))


def identity(conn: sa.Connection, issuer: str, subject: str) -> Identity | None:
    c = sso_identities.c
    row = conn.execute(sa.select(sso_identities).where(c.issuer == issuer, c.subject == subject)).first()
    return None if row is None else Identity(**row._mapping)


def identity_by_id(conn: sa.Connection, identity_id: str) -> Identity | None:
    row = conn.execute(sa.select(sso_identities).where(sso_identities.c.id == identity_id)).first()
    return None if row is None else Identity(**row._mapping)


def identities_of(conn: sa.Connection, *, user_id: str | None = None, provider_id: str | None = None) -> list[Identity]:
    statement = sa.select(sso_identities).order_by(sso_identities.c.id)
    if user_id is not None:
        statement = statement.where(sso_identities.c.user_id == user_id)
    if provider_id is not None:
        statement = statement.where(sso_identities.c.provider_id == provider_id)
    return [Identity(**row._mapping) for row in conn.execute(statement)]


def insert_identity(conn: sa.Connection, made: Identity) -> None:
    conn.execute(sso_identities.insert().values(**vars(made)))


def signed_in(conn: sa.Connection, identity_id: str, email: str, now: datetime) -> None:
    changed = sso_identities.update().where(sso_identities.c.id == identity_id)
    conn.execute(changed.values(email=email, signed_in_at=now))


def delete_identity(conn: sa.Connection, identity_id: str) -> None:
    conn.execute(sso_identities.delete().where(sso_identities.c.id == identity_id))


def insert_state(conn: sa.Connection, made: State, now: datetime) -> None:
    """Those that nobody came back for are dropped."""
    conn.execute(sso_states.delete().where(sso_states.c.expires_at <= now))
    conn.execute(sso_states.insert().values(**vars(made)))


def states_under_way(conn: sa.Connection, now: datetime) -> int:
    return conn.execute(
        sa.select(sa.func.count()).select_from(sso_states).where(sso_states.c.expires_at > now)
    ).scalar_one()


def spend_state(
    conn: sa.Connection, state_hash: str, browser_hash: str, provider_id: str, now: datetime
) -> State | None:
    """One guarded statement: it works once, for the browser and the provider it was made for."""
    c = sso_states.c
    mine = sa.and_(c.state_hash == state_hash, c.browser_hash == browser_hash, c.provider_id == provider_id)
    row = conn.execute(sso_states.delete().where(mine, c.expires_at > now).returning(*sso_states.c)).first()
    return None if row is None else State(**row._mapping)


def invited(conn: sa.Connection, email: str, now: datetime) -> bool:
    """Whether someone was asked to join by that e-mail and has not answered yet."""
    c = invites.c
    still = sa.and_(c.email == email, c.accepted_at.is_(None), c.revoked_at.is_(None), c.expires_at > now)
    return conn.execute(sa.select(c.id).where(still).limit(1)).first() is not None


def _row(values: Mapping[str, Any]) -> dict[str, Any]:
    made = dict(values)
    for name in _LISTS:
        if name in made:
            made[name] = list(made[name])
    if "mapping" in made:
        made["mapping"] = [dict(vars(rule)) for rule in made["mapping"]]
    return made


def _provider(row: sa.Row[Any]) -> Provider:
    lists = {name: tuple(row._mapping[name]) for name in _LISTS}
    return Provider(**{**row._mapping, **lists, "mapping": rules_of(row.mapping)})
