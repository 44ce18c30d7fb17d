"""Routes of snapshots, repositories and secrets."""

from __future__ import annotations

from walk_ask import Ask, one, whole

BUCKET = {  # refused: loopback is not opened here
    "endpoint": "http://127.0.0.1:9",
    "bucket": "walk",
    "access_key_id": "AKIAWALK",
    "secret_access_key": "a secret of the walk",
}
GOOGLE = {"endpoint": "http://127.0.0.1:9", "bucket": "walk", "service_account_key": "{}"}
AZURE = {"account": "walk", "container": "walk", "endpoint": "http://127.0.0.1:9", "sas_token": "sig=walk"}
SERVER = {"host": "127.0.0.1", "port": 9, "user": "walk", "path": "/walk", "login_password": "walk"}
AMAZON = {
    "access_key_id": "AKIAWALK",
    "secret_access_key": "a secret of the walk",
    "session_token": "a session of the walk",
}
REGION = {"region": "eu-central-1", "endpoint": "http://127.0.0.1:9"}
VAULT_LOGIN = {"address": "http://127.0.0.1:9", "token": "a token of the walk"}
SECRET = {"name": "SECRET_0"}  # what `inside.settle` stores first
ADOPTED = {
    "project_id": "$project",
    "environment_id": "$environment",
    "name": "walk in",
    "password": "of the walk",
}
VAULT: dict[str, Ask] = {
    "POST /api/v1/databases/{database_id}/snapshots": one("snapshot.create", body={"repository_id": "$repository"}),
    "POST /api/v1/databases/{database_id}/snapshot-imports": Ask(
        ("snapshot.import", "database.import"),
        {"upload_id": "$upload", "passphrase": "a passphrase of the walk", "identities": "an identity of the walk"},
    ),
    "POST /api/v1/snapshots": one("snapshot.create", body={"databases": ["$database"], "repository_id": "$repository"}),
    "GET /api/v1/snapshots": one("snapshot.read", query={"project_id": "$project"}),
    "POST /api/v1/snapshots/bulk": one(
        "snapshot.create", body={"act": "tag", "tags": ["walked"], "project_id": "$project", "dry_run": True}
    ),
    "GET /api/v1/snapshots/{snapshot_id}": one("snapshot.read"),
    "PATCH /api/v1/snapshots/{snapshot_id}": one("snapshot.create", body={"tags": ["walk"]}),
    "DELETE /api/v1/snapshots/{snapshot_id}": one("snapshot.delete", body={"confirm": "$snapshot"}),
    "GET /api/v1/snapshots/{snapshot_id}/verifications": one("snapshot.read"),
    "POST /api/v1/snapshots/{snapshot_id}/verify": one("snapshot.verify", body={}),
    "POST /api/v1/snapshots/{snapshot_id}/preview": Ask(
        ("snapshot.restore", "database.create"), {"mode": "new", "name": "walk", "environment_id": "$environment"}
    ),
    "POST /api/v1/snapshots/{snapshot_id}/restore": Ask(
        ("snapshot.restore", "database.create"),
        {"mode": "new", "name": "walk", "environment_id": "$environment", "override_unverified": True},
    ),
    "POST /api/v1/snapshots/{snapshot_id}/restore #there": Ask(
        ("snapshot.restore", "database.create", "database.register"),
        {
            "mode": "new",
            "name": "walk there",
            "environment_id": "$environment",
            "server": "$database",
            "override_unverified": True,
        },
    ),
    "POST /api/v1/snapshots/{snapshot_id}/restore #in-place": one(
        "snapshot.restore", body={"mode": "in_place", "confirm": "db0", "override_unverified": True}
    ),
    "GET /api/v1/restores": one("snapshot.read", query={"project_id": "$project"}),
    "GET /api/v1/databases/{database_id}/drill-aims": one("drill.read"),
    "PUT /api/v1/databases/{database_id}/drill-aims": Ask(
        ("drill.write", "database.query.read"),
        {"checks": [{"name": "walk", "statement": "select 1", "equals": "1"}], "rto_seconds": 60},
    ),
    "POST /api/v1/databases/{database_id}/drills": one("drill.run", body={}),
    "GET /api/v1/drills": one("drill.read", query={"project_id": "$project"}),
    "GET /api/v1/drills/{drill_id}": one("drill.read"),
    "GET /api/v1/snapshots/{snapshot_id}/entries": one("snapshot.read"),
    "GET /api/v1/snapshots/{snapshot_id}/entries/{path:path}/content": one(
        "snapshot.download", fill={"path": "manifest.json"}
    ),
    "GET /api/v1/snapshots/{snapshot_id}/tables": one("snapshot.read"),
    "GET /api/v1/snapshots/{snapshot_id}/tables/{table:path}/rows": one("snapshot.download", fill={"table": "t"}),
    "POST /api/v1/snapshots/{snapshot_id}/undelete": one("retention.apply"),
    "GET /api/v1/projects/{project_id}/retention": one("snapshot.read"),
    "PUT /api/v1/projects/{project_id}/retention": one("retention.write", body={"policy": {"daily": 3}}),
    "GET /api/v1/environments/{environment_id}/retention": one("snapshot.read"),
    "PUT /api/v1/environments/{environment_id}/retention": one("retention.write", body={"policy": {"daily": 3}}),
    "GET /api/v1/databases/{database_id}/retention": one("snapshot.read"),
    "PUT /api/v1/databases/{database_id}/retention": one("retention.write", body={"policy": None}),
    "POST /api/v1/databases/{database_id}/retention/preview": one("snapshot.read", body={}),
    "POST /api/v1/databases/{database_id}/retention/apply": one("retention.apply", body={"confirm": "db0"}),
    "POST /api/v1/repositories/{repository_id}/gc": one("repository.gc", body={}),
    "POST /api/v1/repositories/{repository_id}/gc #dry": one("repository.check", body={"dry_run": True}),
    "GET /api/v1/repositories/{repository_id}/colder": one("repository.read"),
    "PUT /api/v1/repositories/{repository_id}/colder": one("repository.update", body={"rule": None}),
    "PUT /api/v1/repositories/{repository_id}/prices": one(
        "repository.update", body={"prices": {"currency": "CHF", "per_gb_month": {"disk": 0.01}}}
    ),
    "POST /api/v1/repositories/{repository_id}/colder/moves": one(
        "repository.gc", body={"dry_run": False, "back": True}
    ),
    "POST /api/v1/repositories/{repository_id}/colder/moves #dry": one("repository.check", body={}),
    "POST /api/v1/snapshots/{snapshot_id}/thaw": one("snapshot.restore", body={}),
    "GET /api/v1/repositories/{repository_id}/savings": one("repository.read"),
    "GET /api/v1/savings": one("repository.read", query={"project_id": "$project"}),
    "POST /api/v1/snapshots/{snapshot_id}/downloads": one("snapshot.download", body={"compression": "none"}),
    "POST /api/v1/snapshots/{snapshot_id}/downloads #sealed": one(
        "snapshot.download", body={"encryption": "age", "passphrase": "a passphrase of the walk"}
    ),
    "POST /api/v1/downloads": one(
        "snapshot.download",
        body={"snapshot_ids": ["$snapshot"], "encryption": "age", "passphrase": "a passphrase of the walk"},
    ),
    "GET /api/v1/download-life": one("snapshot.download"),
    "PUT /api/v1/download-life": whole("system.admin", body={"default_seconds": 3600, "most_seconds": 604800}),
    "GET /api/v1/downloads": one("snapshot.download", query={"project_id": "$project"}),
    "GET /api/v1/downloads/{download_id}": one("snapshot.download"),
    "DELETE /api/v1/downloads/{download_id}": one("snapshot.download"),
    "GET /api/v1/projects/{project_id}/file-policy": one("project.read"),
    "PUT /api/v1/projects/{project_id}/file-policy": one("project.update", body={"encryption": "asked"}),
    "GET /api/v1/projects/{project_id}/tags": one("snapshot.read"),
    "PUT /api/v1/projects/{project_id}/tags": one("snapshot.create", body={"name": 'walk " tag', "colour": "red"}),
    "DELETE /api/v1/projects/{project_id}/tags": one("snapshot.create", query={"name": "tag0"}),
    "GET /api/v1/projects/{project_id}/tag-rules": one("snapshot.read"),
    "PUT /api/v1/projects/{project_id}/tag-rules/{rule}": one(
        "snapshot.create", body={"tags": ["walk"]}, fill={"rule": "walk"}
    ),
    "DELETE /api/v1/projects/{project_id}/tag-rules/{rule}": one("snapshot.create", fill={"rule": "rule0"}),
    "POST /api/v1/projects/{project_id}/tag-rules/preview": one("snapshot.read", body={"tags": ["walk"]}),
    "POST /api/v1/projects/{project_id}/tag-rules/{rule}/apply": one("snapshot.create", fill={"rule": "rule0"}),
    "GET /api/v1/repositories": one("repository.read", query={"project_id": "$project"}),
    "POST /api/v1/repositories": one("repository.create", body={"project_id": "$project", "name": "walk"}),
    "POST /api/v1/repositories #only": one(
        "repository.create", body={"project_id": "$project", "name": "walk", "environment_id": "$environment"}
    ),
    "POST /api/v1/repositories #s3": one(
        "repository.create", body={"project_id": "$project", "name": "walk", "kind": "s3", "s3": BUCKET}
    ),
    "POST /api/v1/repositories #gcs": one(
        "repository.create", body={"project_id": "$project", "name": "walk", "kind": "gcs", "gcs": GOOGLE}
    ),
    "POST /api/v1/repositories #azure": one(
        "repository.create", body={"project_id": "$project", "name": "walk", "kind": "azure", "azure": AZURE}
    ),
    "POST /api/v1/repositories #sftp": one(
        "repository.create", body={"project_id": "$project", "name": "walk", "kind": "sftp", "sftp": SERVER}
    ),
    "GET /api/v1/repositories/{repository_id}": one("repository.read"),
    "POST /api/v1/repositories/{repository_id}/check": one("repository.check", body={}),
    "GET /api/v1/repositories/{repository_id}/checks": one("repository.read"),
    "POST /api/v1/repositories/{repository_id}/usage": one("repository.check"),
    "POST /api/v1/repositories/{repository_id}/repair": one("repository.check", body={}),
    "POST /api/v1/repositories/{repository_id}/repair #index": one("repository.repair", body={"act": "index"}),
    "POST /api/v1/repositories/{repository_id}/test": one("repository.check"),
    "POST /api/v1/repositories/{repository_id}/credential": one(
        "repository.update",
        body={"access_key_id": "AKIAWALK", "secret_access_key": "a secret of the walk", "session_token": "walking"},
    ),
    "POST /api/v1/repositories/{repository_id}/credential #others": one(
        "repository.update",
        body={
            "service_account_key": "{}",
            "account_key": "walk",
            "sas_token": "sig=walk",
            "private_key": "walk",
            "login_password": "walk",
        },
    ),
    "POST /api/v1/repositories/{repository_id}/default": one("repository.update"),
    "POST /api/v1/repositories/{repository_id}/file-key": one("repository.update", body={"key": "own"}),
    "POST /api/v1/projects/{project_id}/file-keys": one(
        "file.key.write", body={"name": "walk", "kind": "passphrase", "material": "a passphrase of the walk"}
    ),
    "POST /api/v1/projects/{project_id}/file-keys #transit": one(
        "file.key.write", body={"name": "walk", "kind": "vault-transit", "vault": {"key": "walk", **VAULT_LOGIN}}
    ),
    "POST /api/v1/projects/{project_id}/file-keys #role": one(
        "file.key.write",
        body={
            "name": "walk",
            "kind": "vault-kv",
            "vault": {
                "path": "walk",
                "role_id": "walk",
                "secret_id": "a secret id of the walk",
                "address": "http://127.0.0.1:9",
            },
        },
    ),
    "POST /api/v1/projects/{project_id}/file-keys #aws": one(
        "file.key.write",
        body={"name": "walk", "kind": "aws-kms", "aws": {"key_id": "alias/walk", **REGION, **AMAZON}},
    ),
    "POST /api/v1/projects/{project_id}/file-keys #gcp": one(
        "file.key.write",
        body={"name": "walk", "kind": "gcp-kms", "gcp": {"key": "walk", "service_account_key": "{}"}},
    ),
    "GET /api/v1/projects/{project_id}/file-keys": one("file.key.read"),
    "GET /api/v1/file-keys/{file_key_id}": one("file.key.read"),
    "POST /api/v1/file-keys/{file_key_id}/test": one("file.key.write"),
    "POST /api/v1/file-keys/{file_key_id}/credential": one(
        "file.key.write", body={"vault": {"token": "a token of the walk"}}
    ),
    "POST /api/v1/file-keys/{file_key_id}/credential #role": one(
        "file.key.write", body={"vault": {"secret_id": "a secret id of the walk"}}
    ),
    "POST /api/v1/file-keys/{file_key_id}/credential #aws": one("file.key.write", body={"aws": AMAZON}),
    "POST /api/v1/file-keys/{file_key_id}/credential #gcp": one(
        "file.key.write", body={"gcp": {"service_account_key": "{}"}}
    ),
    "POST /api/v1/file-keys/{file_key_id}/reveal": one("file.key.reveal"),
    "DELETE /api/v1/file-keys/{file_key_id}": one("file.key.write", body={"confirm": "filekey0"}),
    "POST /api/v1/repositories/{repository_id}/key": one("repository.key.reveal"),
    "POST /api/v1/projects/{project_id}/plans": Ask(
        ("plan.write", "snapshot.create"),
        {"name": "walk", "selection": {"all": True}, "environment_ids": ["$environment"]},
    ),
    "POST /api/v1/projects/{project_id}/plans #retention": Ask(
        ("plan.write", "snapshot.create", "retention.apply", "repository.read"),
        {"name": "walk", "selection": {"all": True}, "repository_ids": ["$repository"], "retention": {"daily": 3}},
    ),
    "GET /api/v1/plans": one("plan.read", query={"project_id": "$project"}),
    "GET /api/v1/plans/{plan_id}": one("plan.read"),
    "PATCH /api/v1/plans/{plan_id}": one("plan.write", body={"description": "walk", "confirm": "plan0"}),
    "PATCH /api/v1/plans/{plan_id} #repositories": Ask(
        ("plan.write", "snapshot.create"), {"repository_ids": ["$repository"], "confirm": "plan0"}
    ),
    "DELETE /api/v1/plans/{plan_id}": one("plan.write", body={"confirm": "plan0"}),
    "POST /api/v1/plans/{plan_id}/run": one("plan.run", body={"in_seconds": 600}),
    "GET /api/v1/plans/{plan_id}/next": one("plan.read"),
    "GET /api/v1/plans/{plan_id}/coverage": one("plan.read"),
    "GET /api/v1/projects/{project_id}/plans/late": one("plan.read"),
    "GET /api/v1/projects/{project_id}/unprotected": one("plan.read"),
    "GET /api/v1/projects/{project_id}/plans/gaps": one("plan.read"),
    "GET /api/v1/plan-schedules": one("plan.read", query={"project_id": "$project"}),
    "GET /api/v1/plan-turns": one("plan.read", query={"project_id": "$project", "plan_id": "$plan"}),
    "GET /api/v1/plan-turns/export": one("plan.read", query={"project_id": "$project"}),
    "GET /api/v1/plan-turns/{turn_id}": one("plan.read"),
    "GET /api/v1/plan-turns/{turn_id}/members": one("plan.read"),
    "POST /api/v1/plan-turns/{turn_id}/cancel": one("plan.run"),
    "POST /api/v1/repositories/adopt": Ask(
        ("repository.create", "system.admin"), {**ADOPTED, "path": "/nonexistent/repository"}
    ),
    "POST /api/v1/repositories/adopt #s3": one("repository.create", body={**ADOPTED, "kind": "s3", "s3": BUCKET}),
    "POST /api/v1/repositories/adopt #gcs": one("repository.create", body={**ADOPTED, "kind": "gcs", "gcs": GOOGLE}),
    "POST /api/v1/repositories/adopt #azure": one(
        "repository.create", body={**ADOPTED, "kind": "azure", "azure": AZURE}
    ),
    "POST /api/v1/repositories/adopt #sftp": one("repository.create", body={**ADOPTED, "kind": "sftp", "sftp": SERVER}),
    "POST /api/v1/repositories/{repository_id}/adopt": one(
        "repository.create", body={"environment_id": "$environment"}
    ),
    "GET /api/v1/repositories/{repository_id}/contents": one("repository.read"),
    "GET /api/v1/repositories/{repository_id}/contents/{restic_id}/files": one(
        "snapshot.read", fill={"restic_id": "0" * 64}
    ),
    "GET /api/v1/repositories/{repository_id}/contents/{restic_id}/files/{path:path}": one(
        "snapshot.download", fill={"restic_id": "0" * 64, "path": "f"}
    ),
    "POST /api/v1/repositories/{repository_id}/password": one("repository.key.rotate"),
    "POST /api/v1/repositories/{repository_id}/copy": one("repository.key.rotate", body={"into": "$repository"}),
    "POST /api/v1/repositories/{repository_id}/deletes": one("repository.update", body={"apart": True}),
    "POST /api/v1/repositories/{repository_id}/deletes #with": one(
        "repository.update",
        body={"apart": True, "credential": {"access_key_id": "AKIAWALK", "secret_access_key": "a secret of the walk"}},
    ),
    "DELETE /api/v1/repositories/{repository_id}": one("repository.delete", body={"confirm": "repo0"}),
    "GET /api/v1/system/recovery": whole("system.read"),
    "GET /api/v1/system/recovery/snapshots": whole("system.read"),
    "POST /api/v1/system/recovery/snapshots": whole("system.admin"),
    "PUT /api/v1/system/recovery/homes/{repository_id}": whole("system.admin"),
    "DELETE /api/v1/system/recovery/homes/{repository_id}": whole("system.admin"),
    "GET /api/v1/environments/{environment_id}/secrets": one("secret.read"),
    "POST /api/v1/environments/{environment_id}/secrets/rotate": one("secret.rotate"),
    "GET /api/v1/environments/{environment_id}/secrets/{name}": one("secret.read", fill=SECRET),
    "PUT /api/v1/environments/{environment_id}/secrets/{name}": one("secret.write", fill=SECRET, body={"value": "x"}),
    "DELETE /api/v1/environments/{environment_id}/secrets/{name}": one(
        "secret.write", fill=SECRET, body={"confirm": SECRET["name"]}
    ),
    "GET /api/v1/environments/{environment_id}/secrets/{name}/versions": one("secret.read", fill=SECRET),
    "POST /api/v1/environments/{environment_id}/secrets/{name}/reveal": one("secret.reveal", fill=SECRET),
    "POST /api/v1/environments/{environment_id}/secrets/{name}/restore": one(
        "secret.write", fill=SECRET, body={"version": 1}
    ),
    "GET /api/v1/system/master-key": whole("system.read"),
    "POST /api/v1/system/master-key/rotate": whole("system.key.rotate"),
    "GET /api/v1/system/recovery-kit": whole("system.read"),
    "POST /api/v1/system/recovery-kit": whole("system.key.rotate", body={"passphrase": "x" * 20}),
}
