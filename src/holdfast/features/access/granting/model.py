"""Roles, grants and members as records. Their tables are in `access/model.py`."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from holdfast.features.access.grants import Place


@dataclass(frozen=True)
class Role:
    """A named set of permissions. A built-in one has its name as its id, and neither author nor moments."""

    id: str
    name: str
    description: str
    permissions: frozenset[str]
    built_in: bool = False
    version: int = 1
    created_by: str | None = None
    created_at: datetime | None = None
    updated_at: datetime | None = None


@dataclass(frozen=True)
class Given:
    """A role someone holds: in the installation (no project), a project, or one of its environments."""

    id: str
    user_id: str
    role: str
    project_id: str | None
    environment_id: str | None
    created_by: str
    created_at: datetime

    @property
    def place(self) -> Place | None:
        """None = the installation."""
        return None if self.project_id is None else Place(self.project_id, self.environment_id)


@dataclass(frozen=True)
class ShownGrant(Given):
    """A grant with the names a list shows; a place that is gone has none."""

    email: str
    name: str
    project: str | None
    environment: str | None


@dataclass(frozen=True)
class Member:
    """Someone who may do something in a project, and by what: a grant, or (without one) their installation role."""

    user_id: str
    email: str
    name: str
    role: str
    project_id: str | None
    environment_id: str | None
    grant_id: str | None


@dataclass(frozen=True)
class WantedGrant:
    """`role` to the person of that id or e-mail, where: in the environment, else the project, else everywhere."""

    role: str
    user_id: str | None = None
    email: str | None = None
    project_id: str | None = None
    environment_id: str | None = None


@dataclass(frozen=True)
class WantedRole:
    """A custom role to make."""

    name: str
    permissions: frozenset[str]
    description: str = ""
