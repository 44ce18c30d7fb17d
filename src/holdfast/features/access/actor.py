"""Who asks, and what they may do. Every service verb takes one first."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import sqlalchemy as sa

from holdfast.features.access.grants import Columns, Grant, Place, everything
from holdfast.features.access.permissions import ALL
from holdfast.kernel.errors import Denied, NotFound

ActorKind = Literal["user", "key", "local", "schedule"]


class Hidden(NotFound):
    """The thing is there, in a place the actor does not see. Looks exactly like absence; it is recorded."""


def no_such(noun: str) -> NotFound:
    """The one answer for an absent id. `Actor.require` gives the same body for a foreign one."""
    return NotFound(f"there is no such {noun}", code=f"{noun}_not_found")


def hidden(noun: str) -> Hidden:
    """The same answer for an id of another project."""
    like = no_such(noun)
    return Hidden(like.message, code=like.code)


@dataclass(frozen=True)
class Actor:
    """`id` is what records say ("usr_…", "key_…", "local:0").

    `grants` say what may be done where. `bounds`, when there are any, must allow it too: a person's key never does more
    than the person. `stepped_up` is False for a browser session whose password was not typed again in the last ten
    minutes.
    """

    id: str
    kind: ActorKind
    display: str
    grants: tuple[Grant, ...]
    bounds: tuple[Grant, ...] | None = None
    stepped_up: bool = True
    session_id: str | None = None
    family_id: str | None = None  # the refresh tokens behind an access token
    must_enrol: bool = False  # nothing is allowed but to get the second factor that the installation asks for

    @cached_property
    def permissions(self) -> frozenset[str]:
        """What may be done somewhere."""
        own = frozenset[str]().union(*(grant.permissions for grant in self.grants))
        if self.bounds is None:
            return own
        return own & frozenset[str]().union(*(grant.permissions for grant in self.bounds))

    @property
    def projects(self) -> frozenset[str] | None:
        """The projects that are seen, wholly or in part; None = every project."""
        own = _projects(self.grants)
        bound = None if self.bounds is None else _projects(self.bounds)
        if own is None or bound is None:
            return own if bound is None else bound
        return own & bound

    def may(self, permission: str, place: Place) -> bool:
        """Whether `permission` holds at `place`. ValueError for a permission that is not in the registry."""
        known(permission)
        return all(any(grant.allows(permission, place) for grant in each) for each in self._both())

    def holds(self, permission: str, place: Place | None) -> bool:
        """Whether it holds in the whole of `place`; None = in the installation. What may be given to others there."""
        known(permission)
        return all(any(grant.covers(permission, place) for grant in each) for each in self._both())

    def require_holding(self, permissions: Iterable[str], place: Place | None, hint: str) -> None:
        """Before giving: raises `Denied` naming the first permission that the actor does not hold in all of `place`."""
        for permission in sorted(permissions):
            if not self.holds(permission, place):
                raise denied(permission, hint=hint)

    def sees(self, place: Place) -> bool:
        """Whether anything at all was granted there: otherwise the place does not exist for this actor."""
        return all(any(grant.touches(place) and grant.permissions for grant in each) for each in self._both())

    def require(self, permission: str, place: Place | None = None, *, noun: str | None = None) -> None:
        """Raises `Denied` naming the permission, or `NotFound` for a place the actor does not see.

        Who holds the permission nowhere is told so whatever the id is, and learns nothing about it. `place` None: the
        thing was not found, or the act is a list that `visible` narrows. `noun` is what the caller looked for; by
        default the permission's own. ValueError for an unknown permission.
        """
        known(permission)
        if permission not in self.permissions:
            raise denied(permission)
        if place is None or self.may(permission, place):
            return
        if not self.sees(place):
            raise hidden(noun or permission.split(".", 1)[0])
        raise denied(permission, hint="You hold it elsewhere, not here. Ask an owner.")

    def require_within(self, permission: str, project_id: str | None) -> None:
        """For a list, of one project or of all: NotFound for a project not seen, Denied when it holds nowhere in it."""
        self.require(permission)
        if project_id is None:
            return
        place = Place(project_id)
        if not self.sees(place):
            raise hidden("project")
        if not all(any(g.touches(place) and permission in g.permissions for g in each) for each in self._both()):
            raise denied(permission, hint="You hold it elsewhere, not in this project. Ask an owner.")

    def require_everywhere(self, permission: str) -> None:
        """For acts on the installation itself: whoever is let into projects only may not."""
        self.require(permission)
        if not self.holds(permission, None):
            raise denied(permission, hint="It is held in some projects only; the act is not in one.")

    def require_step_up(self) -> None:
        """Raises `Denied("step_up_required")` for a session whose password was not typed again lately."""
        if not self.stepped_up:
            raise Denied(
                "type the password again first",
                code="step_up_required",
                hint="POST /api/v1/session/step-up with the password, then repeat the call within ten minutes.",
            )

    def visible(self, permission: str, at: Columns) -> sa.ColumnElement[bool]:
        """The rows of a list where `permission` holds: `may`, in SQL."""
        known(permission)
        return sa.and_(*(sa.or_(sa.false(), *(g.within(permission, at) for g in each)) for each in self._both()))

    def _both(self) -> tuple[tuple[Grant, ...], ...]:
        return (self.grants,) if self.bounds is None else (self.grants, self.bounds)


def known(permission: str) -> None:
    """Raises ValueError: a misspelt permission would otherwise be one that nobody can ever have."""
    if permission not in ALL:
        raise ValueError(f"{permission!r} is not in the permission registry")


def denied(permission: str, hint: str | None = None) -> Denied:
    return Denied(
        f"this needs the permission {permission}",
        hint=hint or "Ask an owner for it, or use a key that has it.",
        details={"permission": permission},
    )


def local_actor(uid: int) -> Actor:
    """Whoever reached admin.sock and is the data's owner or root: may do everything, and is recorded doing it."""
    return Actor(f"local:{uid}", "local", f"local user {uid}", everything(ALL))


def _projects(grants: tuple[Grant, ...]) -> frozenset[str] | None:
    if any(grant.project_id is None and grant.permissions for grant in grants):
        return None
    return frozenset(grant.project_id for grant in grants if grant.project_id is not None and grant.permissions)
