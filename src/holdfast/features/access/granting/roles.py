"""Custom roles: made, changed and deleted; the built-in ones stay what they are."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

import sqlalchemy as sa

from holdfast.features.access.actor import Actor, no_such
from holdfast.features.access.granting import store
from holdfast.features.access.granting.model import Role, WantedRole
from holdfast.features.access.permissions import DESCRIPTIONS, ROLES, checked
from holdfast.kernel import audit
from holdfast.kernel.clock import Clock
from holdfast.kernel.db import Database
from holdfast.kernel.errors import Conflict, Invalid
from holdfast.kernel.ids import new_id
from holdfast.web.changed import changed_meanwhile
from holdfast.web.idempotency import NEVER, Once

BUILT_IN = tuple(Role(name, name, DESCRIPTIONS[name], held, built_in=True) for name, held in ROLES.items())
_NAME = re.compile(r"^[a-z][a-z0-9-]{0,38}[a-z0-9]$")
_NO_MORE = "Nobody makes a role that may do more than they may everywhere."


class RolesService:
    """A role counts wherever it is given, so making one needs `role.manage`, and what it holds, everywhere."""

    def __init__(self, db: Database, clock: Clock) -> None:
        self._db = db
        self._clock = clock

    def list(self, actor: Actor, *, after: str | None = None, limit: int = 50) -> Sequence[Role]:
        """The built-in ones first, then the custom ones in order of creation. `after` is a role's id."""
        actor.require("role.read")
        names = [role.id for role in BUILT_IN]
        begin = 0 if after is None else names.index(after) + 1 if after in names else len(names)
        first = BUILT_IN[begin : begin + limit]
        with self._db.read() as conn:
            custom = store.roles_after(conn, None if after in names else after, limit - len(first))
        return [*first, *custom]

    def get(self, actor: Actor, role_id: str) -> Role:
        """By id; the id of a built-in role is its name."""
        actor.require("role.read")
        with self._db.read() as conn:
            return _found(conn, role_id)

    def create(self, actor: Actor, wanted: WantedRole, once: Once = NEVER) -> Role:
        """Raises Denied naming a permission the maker lacks, Conflict("name_taken"), Invalid."""
        actor.require_everywhere("role.manage")
        actor.require_step_up()
        permissions = checked(wanted.permissions)
        actor.require_holding(permissions, None, _NO_MORE)
        with self._db.write() as conn:
            once.check(conn)
            now = self._clock.now()
            name = _checked_name(wanted.name)
            made = Role(new_id("rol"), name, wanted.description, permissions, False, 1, actor.id, now, now)
            if store.role_named(conn, name) is not None:
                raise _taken(name)
            try:
                store.insert_role(conn, made)
            except sa.exc.IntegrityError:
                raise _taken(name) from None
            _record(conn, actor, "role.create", made, {"permissions": sorted(permissions)})
            once.keep(conn, made)
            return made

    def update(self, actor: Actor, role_id: str, version: int, changes: Mapping[str, Any]) -> Role:
        """`description`, `permissions`; at once for everyone who holds the role. The name stays: grants name it.

        What is added must be the actor's own; what is in it already may stay. Raises Conflict("role_built_in").
        """
        actor.require_everywhere("role.manage")
        with self._db.write() as conn:
            before = _custom(conn, role_id)
            actor.require_step_up()
            values = {name: changes[name] for name in ("description", "permissions") if changes.get(name) is not None}
            details: dict[str, Any] = {"fields": sorted(values)}
            if "permissions" in values:
                after = checked(values["permissions"])
                actor.require_holding(after - before.permissions, None, _NO_MORE)
                details |= {"added": sorted(after - before.permissions), "removed": sorted(before.permissions - after)}
                values["permissions"] = sorted(after)
            changed = store.change_role(conn, role_id, version, self._clock.now(), values)
            if changed is None:
                raise changed_meanwhile("role")
            _record(conn, actor, "role.update", changed, details)
            return changed

    def delete(self, actor: Actor, role_id: str, *, force: bool = False) -> None:
        """Raises Conflict("role_held") while anyone holds it. `force` takes it from them: grants go, people whose
        installation role it was become members, keys that have it may do nothing, open invites to it end."""
        actor.require_everywhere("role.manage")
        with self._db.write() as conn:
            role = _custom(conn, role_id)
            actor.require_step_up()
            now = self._clock.now()
            held = {what: count for what, count in store.holders(conn, role.name, now).items() if count}
            if held and not force:
                raise Conflict(
                    f"the role {role.name!r} is held: " + ", ".join(f"{count} {what}" for what, count in held.items()),
                    code="role_held",
                    hint="Take it from them first, or delete it with force.",
                    details={"held": held},
                )
            if held:
                actor.require_holding(role.permissions, None, "Nobody takes a role that may do more than they may.")
            store.take_from_all(conn, role.name, now)
            store.delete_role(conn, role_id)
            _record(conn, actor, "role.delete", role, {"permissions": sorted(role.permissions), "taken": held})


def _found(conn: sa.Connection, role_id: str) -> Role:
    found = next((role for role in BUILT_IN if role.id == role_id), None) or store.role(conn, role_id)
    if found is None:
        raise no_such("role")
    return found


def _custom(conn: sa.Connection, role_id: str) -> Role:
    role = _found(conn, role_id)
    if role.built_in:
        raise Conflict(
            f"{role.name} is built in and stays as it is",
            code="role_built_in",
            hint=f"Make one like it: holdfast role create NAME --from {role.name}",
        )
    return role


def _checked_name(name: str) -> str:
    if name in ROLES:
        raise _taken(name)
    if not _NAME.match(name):
        message = "2 to 40 lower-case letters, digits and hyphens, a letter first"
        fields = {"fields": [{"field": "name", "message": message}]}
        raise Invalid(f"a role's name has {message}", code="name_invalid", details=fields)
    return name


def _taken(name: str) -> Conflict:
    return Conflict(f"there is a role {name!r} already", code="name_taken", hint="Choose another name.")


def _record(conn: sa.Connection, actor: Actor, action: str, role: Role, details: Mapping[str, Any]) -> None:
    audit.record(conn, actor=actor.id, action=action, resource_id=role.id, details={"name": role.name, **details})
