"""Where a permission holds: places, grants, and the same question asked in Python and in SQL."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

# Someone let into one environment must see what the project shares: its name, its environments, where snapshots go.
SHARED_READS = frozenset({"project.read", "environment.read", "repository.read", "file.key.read"})


@dataclass(frozen=True)
class Place:
    """Where a thing lives. Without an environment it is the whole project's; without a resource, the environment's."""

    project_id: str
    environment_id: str | None = None
    resource_id: str | None = None


@dataclass(frozen=True)
class Grant:
    """Permissions in the whole installation, in a project, in one of its environments, or on one resource."""

    permissions: frozenset[str]
    project_id: str | None = None
    environment_id: str | None = None
    resource_id: str | None = None

    def __post_init__(self) -> None:
        if (self.environment_id or self.resource_id) and not self.project_id:
            raise ValueError("an environment or a resource is in a project")
        if self.resource_id and not self.environment_id:
            raise ValueError("a resource is in an environment")

    def touches(self, place: Place) -> bool:
        """Whether the place is inside this grant's, or around it: then it is no secret that it exists."""
        pairs = (
            (self.project_id, place.project_id),
            (self.environment_id, place.environment_id),
            (self.resource_id, place.resource_id),
        )
        return all(mine is None or its is None or mine == its for mine, its in pairs)

    def allows(self, permission: str, place: Place) -> bool:
        """Inside the grant's place every permission it holds; around it only what is shared."""
        if permission not in self.permissions or not self.touches(place):
            return False
        around = (self.environment_id is not None and place.environment_id is None) or (
            self.resource_id is not None and place.resource_id is None
        )
        return not around or permission in SHARED_READS

    def covers(self, permission: str, place: Place | None) -> bool:
        """Whether it holds in the whole of `place` (None = the installation): only then is it one's own to give away.

        What those inside share of the places around them is not: `allows` says yes to it there, this says no.
        """
        if permission not in self.permissions:
            return False
        wanted = (None,) * 3 if place is None else (place.project_id, place.environment_id, place.resource_id)
        mine = (self.project_id, self.environment_id, self.resource_id)
        return all(own is None or own == its for own, its in zip(mine, wanted, strict=True))

    def within(self, permission: str, at: Columns) -> sa.ColumnElement[bool]:
        """`allows` for each row of a table whose columns say where it lives."""
        if permission not in self.permissions:
            return sa.false()
        told = [
            _matches(mine, column, permission in SHARED_READS)
            for mine, column in (
                (self.project_id, at.project_id),
                (self.environment_id, at.environment_id),
                (self.resource_id, at.resource_id),
            )
            if mine is not None
        ]
        return sa.and_(sa.true(), *told)


@dataclass(frozen=True)
class Columns:
    """The columns of a table that say where its rows live; None when every row is the project's, or environment's."""

    project_id: sa.ColumnElement[Any]
    environment_id: sa.ColumnElement[Any] | None = None
    resource_id: sa.ColumnElement[Any] | None = None

    @classmethod
    def of(cls, table: sa.Table) -> Columns:
        return cls(table.c.project_id, table.c.get("environment_id"), table.c.get("resource_id"))


def _matches(mine: str, column: sa.ColumnElement[Any] | None, shared: bool) -> sa.ColumnElement[bool]:
    if column is None:
        return sa.true() if shared else sa.false()
    same = column == mine
    return sa.or_(same, column.is_(None)) if shared else sa.and_(column.is_not(None), same)


def everything(permissions: Iterable[str]) -> tuple[Grant, ...]:
    """One grant for the whole installation."""
    return (Grant(frozenset(permissions)),)
