"""What each route needs to be called: its permissions, and a request whose ids the walk replaces one by one."""

from __future__ import annotations

from walk_alerts import ALERTS, ALERTS_STEP_UP
from walk_ask import Ask, one
from walk_databases import DATABASES
from walk_people import ANONYMOUS, PEOPLE
from walk_projects import PROJECTS
from walk_vault import VAULT
from walk_workers import WORKERS

__all__ = ["ANONYMOUS", "ASKS", "SOCKETS", "STEP_UP", "Ask"]

ASKS: dict[str, Ask] = {**PEOPLE, **PROJECTS, **DATABASES, **VAULT, **WORKERS, **ALERTS}
SOCKETS: dict[str, Ask] = {
    "WS /api/v1/live": Ask(),
    "WS /api/v1/databases/{database_id}/connect": one("database.connect", query={"tunnel": "$tunnel"}),
}
STEP_UP = (
    *ALERTS_STEP_UP,
    "DELETE /api/v1/nodes/{node_id}",
    "DELETE /api/v1/repositories/{repository_id}",
    "POST /api/v1/repositories/{repository_id}/password",
    "POST /api/v1/repositories/{repository_id}/deletes",
    "POST /api/v1/repositories/adopt #s3",
    "PUT /api/v1/system/recovery/homes/{repository_id}",
    "PUT /api/v1/download-life",
    "POST /api/v1/databases/{database_id}/clone",
    "POST /api/v1/databases/{database_id}/migrations/rollback",
    "POST /api/v1/account/totp",
    "POST /api/v1/account/totp/confirm",
    "DELETE /api/v1/account/totp",
    "POST /api/v1/account/recovery-codes",
    "POST /api/v1/account/passkeys/options",
    "POST /api/v1/account/passkeys",
    "PUT /api/v1/system/second-factor",
    "POST /api/v1/sso/{provider_id}/link",
    "POST /api/v1/sso/providers",
    "PATCH /api/v1/sso/providers/{provider_id}",
    "DELETE /api/v1/sso/providers/{provider_id}",
    "POST /api/v1/roles",
    "PATCH /api/v1/roles/{role_id}",
    "DELETE /api/v1/roles/{role_id}",
    "POST /api/v1/grants",
    "POST /api/v1/grants #project",
    "POST /api/v1/grants #environment",
    "DELETE /api/v1/grants/{grant_id}",
    "PATCH /api/v1/users/{user_id} #role",
    "PATCH /api/v1/users/{user_id} #disabled",
    "DELETE /api/v1/users/{user_id}",
    "POST /api/v1/users/{user_id}/reset",
    "POST /api/v1/invites",
    "POST /api/v1/tokens/keys/rotate",
    "POST /api/v1/keys",
    "PATCH /api/v1/environments/{environment_id} #restore",
    "PATCH /api/v1/environments/{environment_id} #unmasked",
    "POST /api/v1/databases/{database_id}/url",
    "POST /api/v1/databases/{database_id}/passwords/rotate",
    "POST /api/v1/databases/{database_id}/tunnels",
    "POST /api/v1/databases/{database_id}/logins",
    "PUT /api/v1/databases/{database_id}/exposure",
    "POST /api/v1/databases/{database_id}/upgrades",
    "POST /api/v1/upgrades/{upgrade_id}/take-back",
    "POST /api/v1/logins/{login_id}/rotate",
    "POST /api/v1/snapshots/{snapshot_id}/restore #in-place",
    "POST /api/v1/projects/{project_id}/plans #retention",
    "PATCH /api/v1/plans/{plan_id}",
    "DELETE /api/v1/plans/{plan_id}",
    "POST /api/v1/repositories/{repository_id}/credential",
    "POST /api/v1/repositories/{repository_id}/credential #others",
    "POST /api/v1/repositories/{repository_id}/key",
    "POST /api/v1/repositories/{repository_id}/file-key",
    "POST /api/v1/file-keys/{file_key_id}/credential",
    "POST /api/v1/file-keys/{file_key_id}/reveal",
    "DELETE /api/v1/file-keys/{file_key_id}",
    "POST /api/v1/environments/{environment_id}/secrets/{name}/reveal",
    "POST /api/v1/system/master-key/rotate",
    "POST /api/v1/system/recovery-kit",
)
