"""What a new key may do: never more than whoever makes it, neither now nor later."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from holdfast.features.access.actor import Actor, denied
from holdfast.features.access.grants import Grant, Place
from holdfast.features.access.key_store import is_person
from holdfast.features.access.model import ApiKey, api_keys, roles
from holdfast.features.access.permissions import ROLES, checked
from holdfast.features.access.places import Whereabouts
from holdfast.features.access.roles import permissions_of
from holdfast.kernel.errors import Denied, Invalid

NO_MORE = "A key may do no more than whoever makes it."
_HELD_BY_OTHERS = "A key that others hold too is replaced only by someone who may do all that it may."


@dataclass(frozen=True)
class WantedKey:
    """`role` or `permissions`, or neither: all the maker may do. No place at all = wherever the maker may."""

    name: str
    role: str | None = None
    permissions: Collection[str] | None = None
    projects: Collection[str] | None = None
    environments: Collection[str] | None = None
    resources: Collection[str] | None = None
    expires_at: datetime | None = None


@dataclass(frozen=True)
class Maker:
    """What a new key inherits: the person it stands for, the end and the role of the key that makes it."""

    owner_id: str | None
    expires_at: datetime | None = None
    role: str | None = None


@dataclass(frozen=True)
class Reach:
    """What a key may do, and where; None = everywhere."""

    permissions: frozenset[str]
    places: tuple[Place, ...] | None


def maker_of(conn: sa.Connection, actor: Actor) -> Maker:
    """Raises Denied for anyone who is neither a person, nor a key, nor the machine's owner."""
    if actor.kind == "user":
        return Maker(actor.id)
    if actor.kind == "local":
        return Maker(None)
    row = conn.execute(sa.select(api_keys).where(api_keys.c.id == actor.id)).first()
    if actor.kind != "key" or row is None:
        raise Denied("only people and keys make keys", code="no_key_maker")
    return Maker(row.owner_id, row.expires_at, row.role)


def reach_of(conn: sa.Connection, where: Whereabouts, actor: Actor, maker: Maker, wanted: WantedKey) -> Reach:
    """What is wanted, when it is no more than the actor's. Raises Denied naming what they lack, NotFound, Invalid.

    A person's key is held to what the person may do at each use. A key's or a limited token's must lie wholly inside
    what made it, as nothing looks at that again.
    """
    asked = _asked(conn, actor, maker, wanted)
    places = _chosen(conn, where, actor, wanted)
    for permission in sorted((asked or frozenset()) - actor.permissions):
        raise denied(permission, hint=NO_MORE)
    limits = _limits(actor)
    if places is not None and asked is not None:
        for place in places:
            actor.require_holding(asked, place, NO_MORE)
    permissions = asked
    if permissions is None:
        permissions = actor.permissions if places is None else _held(actor, places)
    if places is None:
        places = _everywhere(actor.grants if limits is None else limits, asked)
    if limits is not None:
        _require_inside(limits, permissions, places)
    return Reach(permissions, places)


def require_no_more(actor: Actor, key: ApiKey) -> None:
    """Who replaces a key's secret holds the key from then on. Raises Denied when that would be more than they may.

    A person's key is for that person (and whoever owns the machine): others would act in their name.
    """
    if actor.id == key.id or (is_person(actor) and key.owner_id == actor.id):
        return
    if key.owner_id is not None and actor.kind != "local" and not _same_person(actor, key):
        raise Denied(
            "this key belongs to someone else",
            code="key_not_yours",
            hint="Revoke it and let them make another; or make one of your own.",
        )
    for place in (None,) if key.places is None else key.places:
        actor.require_holding(key.permissions, place, _HELD_BY_OTHERS)


def _same_person(actor: Actor, key: ApiKey) -> bool:
    """A token that may do less than its person."""
    return actor.kind == "user" and actor.id == key.owner_id


def _asked(conn: sa.Connection, actor: Actor, maker: Maker, wanted: WantedKey) -> frozenset[str] | None:
    if wanted.role is not None and wanted.permissions is not None:
        raise Invalid("give a role or permissions, not both", code="role_and_permissions")
    if wanted.permissions is not None:
        return checked(wanted.permissions)
    if wanted.role is None:
        return None
    made = sa.select(roles.c.id).where(roles.c.name == wanted.role)
    if wanted.role not in ROLES and conn.execute(made).first() is None:
        raise Invalid(f"there is no role {wanted.role!r}", code="role_unknown", hint="GET /api/v1/roles lists them.")
    if _limits(actor) is not None and actor.kind != "local" and wanted.role != maker.role:
        raise Denied(
            "a key gives no role but its own: the role may come to mean more",
            code="role_not_own",
            hint="Name the permissions instead.",
        )
    return permissions_of(conn, [wanted.role])[wanted.role]


def _chosen(conn: sa.Connection, where: Whereabouts, actor: Actor, wanted: WantedKey) -> tuple[Place, ...] | None:
    """The places named; None when none were."""
    named = {"project": wanted.projects, "environment": wanted.environments, "resource": wanted.resources}
    if all(ids is None for ids in named.values()):
        return None
    return tuple(
        where.place(conn, actor, "key.create", noun, thing_id)
        for noun, ids in named.items()
        for thing_id in dict.fromkeys(ids or ())
    )


def _limits(actor: Actor) -> tuple[Grant, ...] | None:
    """What nobody checks at each use of the new key, so that it must be inside; None = its owner is checked."""
    if is_person(actor):
        return None
    return actor.bounds or () if actor.kind == "user" else actor.grants


def _held(actor: Actor, places: Sequence[Place]) -> frozenset[str]:
    return frozenset(each for each in actor.permissions if any(actor.holds(each, place) for place in places))


def _everywhere(grants: Sequence[Grant], asked: frozenset[str] | None) -> tuple[Place, ...] | None:
    """Wherever any of it may be done; None = in the whole installation."""
    useful = [grant for grant in grants if not asked or grant.permissions & asked]
    if any(grant.project_id is None for grant in useful):
        return None
    found = (Place(g.project_id, g.environment_id, g.resource_id) for g in useful if g.project_id is not None)
    return tuple(dict.fromkeys(found))


def _require_inside(limits: Sequence[Grant], permissions: frozenset[str], places: Sequence[Place] | None) -> None:
    for place in (None,) if places is None else places:
        for permission in sorted(permissions):
            if not any(grant.covers(permission, place) for grant in limits):
                raise denied(permission, hint=NO_MORE)
