"""The one list of permissions and the shipped roles. Services, API, CLI and docs read it; nothing else names a role."""

from __future__ import annotations

from collections.abc import Iterable

from holdfast.kernel.errors import Invalid

PERMISSIONS: dict[str, str] = {
    "database.create": "Create a database.",
    "database.read": "See databases, their schema and sizes.",
    "database.update": "Change a database's labels, notes and protection.",
    "database.delete": "Delete a database; its data stays for the grace period.",
    "database.undelete": "Bring a deleted database back.",
    "database.purge": "Destroy a deleted database's data before its grace period ends.",
    "database.query.read": "Run reading statements.",
    "database.query.write": "Run any statement.",
    "database.statements.read": "See which statements were run.",
    "database.url.reveal": "See connection URLs with their passwords.",
    "database.start": "Start a database's server.",
    "database.stop": "Stop a database's server.",
    "snapshot.create": "Take a snapshot.",
    "snapshot.read": "See snapshots, their entries and rows.",
    "snapshot.verify": "Verify a snapshot.",
    "snapshot.restore": "Restore a snapshot.",
    "snapshot.download": "Download a snapshot's content.",
    "snapshot.delete": "Delete a snapshot.",
    "repository.create": "Create a repository.",
    "repository.read": "See repositories and their sizes.",
    "repository.check": "Check a repository.",
    "repository.key.reveal": "See a repository's password.",
    "run.read": "See runs and their logs.",
    "run.cancel": "Cancel a run.",
    "project.create": "Create a project.",
    "project.read": "See projects.",
    "project.update": "Change a project.",
    "project.delete": "Delete an empty project.",
    "environment.create": "Create an environment.",
    "environment.read": "See environments.",
    "environment.update": "Change an environment.",
    "environment.delete": "Delete an empty environment.",
    "key.create": "Create an API key, with no more than one's own permissions.",
    "key.read": "See API keys, never the keys themselves.",
    "key.revoke": "Revoke an API key.",
    "audit.read": "Read the audit log.",
    "system.read": "See the state of this installation.",
    "system.admin": "Change this installation.",
}

ALL = frozenset(PERMISSIONS)
_VIEWER = frozenset(
    {
        "database.read",
        "snapshot.read",
        "snapshot.download",
        "repository.read",
        "run.read",
        "project.read",
        "environment.read",
    }
)
_OPERATOR = _VIEWER | {
    "snapshot.create",
    "snapshot.verify",
    "repository.check",
    "run.cancel",
    "database.start",
    "database.stop",
    "system.read",
}
_DEVELOPER = _VIEWER | {
    "database.create",
    "database.update",
    "database.query.read",
    "database.query.write",
    "database.statements.read",
    "database.start",
    "database.stop",
    "database.url.reveal",
    "snapshot.create",
    "snapshot.verify",
    "run.cancel",
}
_OWNER_ONLY = frozenset({"project.delete", "repository.key.reveal", "system.admin"})

ROLES: dict[str, frozenset[str]] = {
    "owner": ALL,
    "admin": ALL - _OWNER_ONLY,
    "developer": _DEVELOPER,
    "operator": _OPERATOR,
    "viewer": _VIEWER,
}


def checked(permissions: Iterable[str]) -> frozenset[str]:
    """The set, when every name is in the registry. Raises `Invalid` naming the unknown ones."""
    given = frozenset(permissions)
    if unknown := sorted(given - ALL):
        raise Invalid(
            f"no such permission: {', '.join(unknown)}",
            code="permission_unknown",
            hint="GET /api/v1/permissions lists them.",
            details={"fields": [{"field": "permissions", "message": f"{name} is unknown"} for name in unknown]},
        )
    return given
