"""The one list of permissions and the shipped roles. Services, API, CLI and docs read it; nothing else names a role."""

from __future__ import annotations

from collections.abc import Iterable

from holdfast.kernel.errors import Invalid

PERMISSIONS: dict[str, str] = {
    "database.create": "Create a database.",
    "database.register": "Register, test and reconnect databases that are not ours.",
    "database.read": "See databases, their schema and sizes.",
    "database.update": "Change a database's labels, notes and protection.",
    "database.delete": "Delete a database; its data stays for the grace period.",
    "database.undelete": "Bring a deleted database back.",
    "database.purge": "Destroy a deleted database's data before its grace period ends.",
    "database.query.read": "Run reading statements.",
    "database.query.write": "Run any statement.",
    "database.schema.write": "Create, change and drop tables.",
    "database.statements.read": "See which statements were run.",
    "database.saved.write": "Save queries, change and delete those that are shared.",
    "database.move": "Copy a database into another engine.",
    "database.url.reveal": "See connection URLs with their passwords.",
    "database.password.rotate": "Give a database new passwords; the old ones stop working.",
    "database.resize": "Change a database's limits and settings, with a restart where one is needed.",
    "database.connect": "Open a tunnel to a database with a temporary login.",
    "database.session.read": "See who is connected to a database, and what waits for what.",
    "database.session.kill": "Cancel statements and end sessions and tunnels of a database.",
    "database.upgrade": "Move a database to another major version, and take that back.",
    "database.expose": "Open a database's port to a network, and close it.",
    "database.login.manage": "Make, rotate, revoke and drop named logins of a database.",
    "database.maintain": "Vacuum, analyse, reindex and check a database.",
    "database.settings.write": "Change a database's settings.",
    "database.extension.write": "Enable and disable extensions of a database.",
    "database.clone": "Clone a database into a new one.",
    "database.start": "Start a database's server.",
    "database.stop": "Stop a database's server.",
    "database.export": "Take tables and databases out as files.",
    "database.import": "Bring files into tables; SQL dumps also need database.query.write.",
    "snapshot.create": "Take a snapshot.",
    "snapshot.read": "See snapshots, their entries and rows.",
    "snapshot.verify": "Verify a snapshot.",
    "snapshot.restore": "Restore a snapshot.",
    "snapshot.download": "Download a snapshot's content.",
    "snapshot.delete": "Delete a snapshot.",
    "migration.read": "See migrations, their texts and what is pending.",
    "migration.apply": "Store, apply, rehearse and roll back migrations.",
    "repository.create": "Create a repository.",
    "repository.read": "See repositories and their sizes.",
    "repository.check": "Check a repository, and test its credential.",
    "repository.update": "Change a repository's credential, and which one is the default.",
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
    "key.rotate": "Replace an API key by a new one, the old one working for a while.",
    "user.read": "See who has an account, and their sessions.",
    "user.invite": "Invite someone.",
    "user.update": "Change someone's name or installation role, or disable them.",
    "user.delete": "Delete someone's account.",
    "user.reset": "End someone's sessions and second factors, so that they start anew.",
    "role.read": "See roles and who holds them where.",
    "role.manage": "Make, change and delete custom roles.",
    "role.grant": "Give and take roles, with no more than one's own permissions.",
    "sso.read": "See the identity providers.",
    "sso.manage": "Change the identity providers and what their groups become.",
    "token.revoke": "End someone's refresh tokens.",
    "audit.read": "Read the audit log and follow events.",
    "audit.export": "Export the audit log.",
    "audit.verify": "Verify the audit log's chain.",
    "audit.erase": "Erase personal data from audit rows; the chain still verifies.",
    "secret.read": "See which secrets there are, never their values.",
    "secret.write": "Store, replace and delete secrets.",
    "secret.reveal": "See a secret's value.",
    "secret.rotate": "Rotate data keys.",
    "system.key.rotate": "Rotate the master key and make recovery kits.",
    "limit.read": "See limits and what is left of them.",
    "limit.write": "Change limits.",
    "snapshot.copy.lower": "Copy production data into a lower environment.",
    "masking.read": "See masking profiles.",
    "masking.write": "Change masking profiles and whether copies must be masked.",
    "metric.read": "See metrics of databases, runs and snapshots.",
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
        "limit.read",
        "metric.read",
    }
)
_OPERATOR = _VIEWER | {
    "snapshot.create",
    "snapshot.verify",
    "repository.check",
    "run.cancel",
    "database.start",
    "database.stop",
    "database.session.read",
    "database.session.kill",
    "database.maintain",
    "migration.read",
    "system.read",
}
_DEVELOPER = _VIEWER | {
    "database.move",
    "database.create",
    "database.clone",
    "database.update",
    "database.query.read",
    "database.query.write",
    "database.schema.write",
    "database.saved.write",
    "database.statements.read",
    "database.export",
    "database.import",
    "database.connect",
    "database.session.read",
    "database.session.kill",
    "database.maintain",
    "database.settings.write",
    "database.extension.write",
    "database.start",
    "database.stop",
    "database.resize",
    "database.url.reveal",
    "migration.read",
    "migration.apply",
    "snapshot.create",
    "snapshot.verify",
    "run.cancel",
    "key.create",
    "key.read",
    "masking.read",
    "secret.read",
    "secret.write",
}
_OWNER_ONLY = frozenset(
    {
        "project.delete",
        "repository.key.reveal",
        "system.admin",
        "system.key.rotate",
        "audit.erase",
        "user.delete",
        "user.reset",
        "sso.manage",
    }
)

ROLES: dict[str, frozenset[str]] = {
    "owner": ALL,
    "admin": ALL - _OWNER_ONLY,
    "developer": _DEVELOPER,
    "operator": _OPERATOR,
    "viewer": _VIEWER,
    "member": frozenset(),  # nothing by itself: only what is granted in projects
}
DESCRIPTIONS: dict[str, str] = {
    "owner": "Everything, the installation itself included.",
    "admin": "All of databases, backups, people and settings; not the installation's own keys, nor anyone's account.",
    "developer": "Creates and queries databases, backs them up, makes keys; deletes and restores nothing.",
    "operator": "Takes and verifies snapshots, starts and stops databases; deletes and restores nothing.",
    "viewer": "Sees everything but rows and secrets, and downloads snapshots.",
    "member": "Nothing by itself: only what is granted in projects.",
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
