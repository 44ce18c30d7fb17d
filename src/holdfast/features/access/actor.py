"""Who asks, and what they may do. Every service verb takes one first."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from holdfast.features.access.permissions import ALL
from holdfast.kernel.errors import Denied, NotFound

ActorKind = Literal["user", "key", "local", "schedule"]


class Hidden(NotFound):
    """The thing is there, in a project the actor does not see. Looks exactly like absence; it is recorded."""


def no_such(noun: str) -> NotFound:
    """The one answer for an absent id. `Actor.require` gives the same body for a foreign one."""
    return NotFound(f"there is no such {noun}", code=f"{noun}_not_found")


def hidden(noun: str) -> Hidden:
    """The same answer for an id of another project."""
    like = no_such(noun)
    return Hidden(like.message, code=like.code)


@dataclass(frozen=True)
class Actor:
    """`id` is what records say ("usr_…", "key_…", "local:0"). `projects` None = every project.

    `stepped_up` is False for a browser session whose password was not typed again in the last ten minutes.
    """

    id: str
    kind: ActorKind
    display: str
    permissions: frozenset[str]
    projects: frozenset[str] | None = None
    stepped_up: bool = True
    session_id: str | None = None

    def require(self, permission: str, project_id: str | None = None, *, noun: str | None = None) -> None:
        """Raises `Denied` naming the permission, then `NotFound` when the project is not one the actor sees.

        The permission comes first: an actor who lacks it learns the same from an absent, a foreign and an own id.
        `noun` is what the caller looked for; by default the permission's own. ValueError for an unknown permission.
        """
        if permission not in ALL:
            raise ValueError(f"{permission!r} is not in the permission registry")
        if permission not in self.permissions:
            raise denied(permission)
        if not self.sees(project_id):
            raise hidden(noun or permission.split(".", 1)[0])

    def require_everywhere(self, permission: str) -> None:
        """For acts on the installation itself: a key limited to projects may not, whatever its permissions."""
        self.require(permission)
        if self.projects is not None:
            raise denied(permission, hint="This key is limited to projects; the act is not in one.")

    def require_step_up(self) -> None:
        """Raises `Denied("step_up_required")` for a session whose password was not typed again lately."""
        if not self.stepped_up:
            raise Denied(
                "type the password again first",
                code="step_up_required",
                hint="POST /api/v1/session/step-up with the password, then repeat the call within ten minutes.",
            )

    def sees(self, project_id: str | None) -> bool:
        return project_id is None or self.projects is None or project_id in self.projects


def denied(permission: str, hint: str | None = None) -> Denied:
    return Denied(
        f"this needs the permission {permission}",
        hint=hint or "Ask an owner for it, or use a key that has it.",
        details={"permission": permission},
    )


def local_actor(uid: int) -> Actor:
    """Whoever reached admin.sock and is the data's owner or root: may do everything, and is recorded doing it."""
    return Actor(f"local:{uid}", "local", f"local user {uid}", ALL)
