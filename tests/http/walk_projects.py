"""Routes of projects and of what watches over them: limits, moves, metrics, the audit log, runs, nodes."""

from __future__ import annotations

from walk_ask import Ask, one, whole

PROJECTS: dict[str, Ask] = {
    "POST /api/v1/projects": whole("project.create", body={"name": "walk"}),
    "GET /api/v1/projects": one("project.read"),
    "GET /api/v1/projects/{project_id}": one("project.read"),
    "PATCH /api/v1/projects/{project_id}": one("project.update", body={"name": "walk"}),
    "DELETE /api/v1/projects/{project_id}": one("project.delete", body={"confirm": "mine"}),
    "POST /api/v1/projects/{project_id}/environments": one(
        "environment.create", body={"name": "walk", "kind": "staging"}
    ),
    "GET /api/v1/projects/{project_id}/environments": one("environment.read"),
    "GET /api/v1/environments/{environment_id}": one("environment.read"),
    "PATCH /api/v1/environments/{environment_id}": one("environment.update", body={"name": "walk"}),
    "PATCH /api/v1/environments/{environment_id} #restore": one("environment.update", body={"restore_allowed": True}),
    "DELETE /api/v1/environments/{environment_id}": one("environment.delete", body={"confirm": "development"}),
    "PATCH /api/v1/environments/{environment_id} #masking": Ask(
        ("environment.update", "masking.write"), {"masking_required": True}
    ),
    "PATCH /api/v1/environments/{environment_id} #unmasked": Ask(
        ("environment.update", "masking.write"), {"masking_required": False}
    ),
    "POST /api/v1/projects/{project_id}/masking-profiles": one(
        "masking.write", body={"name": "walk", "engine": "sqlite", "statements": ["SELECT 1"]}
    ),
    "GET /api/v1/projects/{project_id}/masking-profiles": one("masking.read"),
    "GET /api/v1/masking-profiles/{masking_profile_id}": one("masking.read"),
    "PATCH /api/v1/masking-profiles/{masking_profile_id}": one("masking.write", body={"name": "walk"}),
    "DELETE /api/v1/masking-profiles/{masking_profile_id}": one("masking.write", body={"confirm": "mask0"}),
    "GET /api/v1/limits": one("limit.read"),
    "GET /api/v1/limits/shipped": Ask(),
    "PUT /api/v1/limits": whole(
        "limit.write", body={"subject": "project", "subject_id": "$project", "what": "calls", "amount": 5}
    ),
    "PUT /api/v1/limits #default": whole("limit.write", body={"subject": "key", "what": "calls", "amount": 5}),
    "DELETE /api/v1/limits/{limit_id}": whole("limit.write"),
    "GET /api/v1/usage": Ask(),
    "GET /api/v1/usage #project": one("limit.read", query={"subject": "project", "subject_id": "$project"}),
    "POST /api/v1/databases/{database_id}/moves": Ask(
        ("database.move", "database.create"), body={"engine": "postgresql", "name": "walk-moved"}
    ),
    "GET /api/v1/moves": one("database.read", query={"project_id": "$project"}),
    "GET /api/v1/moves/{move_id}": one("database.read"),
    "POST /api/v1/moves/{move_id}/start": Ask(("database.move", "database.create"), body={"accept": "0" * 64}),
    "DELETE /api/v1/moves/{move_id}": one("database.move"),
    "GET /metrics": one("metric.read"),
    "GET /api/v1/metrics": one("metric.read"),
    "GET /api/v1/metrics/databases": one("metric.read", query={"project_id": "$project"}),
    "GET /api/v1/databases/{database_id}/metrics": one("metric.read"),
    "GET /api/v1/projects/{project_id}/protection": one("metric.read"),
    "GET /api/v1/projects/{project_id}/growth": one("metric.read"),
    "GET /api/v1/audit": one("audit.read", query={"project_id": "$project"}),
    "GET /api/v1/audit/export": one("audit.export", query={"project_id": "$project"}),
    "GET /api/v1/audit/{event_id}": one("audit.read"),
    "POST /api/v1/audit/verify": whole("audit.verify", body={}),
    "POST /api/v1/audit/erase": whole("audit.erase", body={"actor": "usr_nobody", "reason": "w", "confirm": "erase"}),
    "GET /api/v1/activity": one("audit.read", query={"project_id": "$project"}),
    "GET /api/v1/events": one("audit.read", query={"project_id": "$project"}),
    "GET /api/v1/runs": one("run.read", query={"project_id": "$project"}),
    "GET /api/v1/runs/export": one("run.read", query={"project_id": "$project"}),
    "GET /api/v1/runs/{run_id}": one("run.read"),
    "GET /api/v1/runs/{run_id}/logs": one("run.read"),
    "GET /api/v1/runs/{run_id}/events": one("run.read"),
    "POST /api/v1/runs/{run_id}/cancel": one("run.cancel"),
    "POST /api/v1/runs/{run_id}/retry": Ask(("run.read", "snapshot.create")),
    "GET /api/v1/nodes": whole("system.read"),
    "GET /api/v1/nodes/{node_id}": whole("system.read"),
    "DELETE /api/v1/nodes/{node_id}": whole("system.admin", body={"confirm": "walk"}),
}
