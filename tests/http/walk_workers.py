"""Routes of workers and of key-value namespaces."""

from __future__ import annotations

from walk_ask import Ask, one

_W = "/api/v1/workers/{worker_id}"
_K = "/api/v1/kv-namespaces/{kv_namespace_id}"
_VAR = {"name": "WALK"}
_FILES = {"wrangler.json": {"text": '{"name": "walk", "main": "entry"}'}, "entry": {"text": ""}}

WORKERS: dict[str, Ask] = {
    "POST /api/v1/workers": one("worker.create", body={"environment_id": "$environment", "name": "walk"}),
    "GET /api/v1/workers": one("worker.read", query={"project_id": "$project"}),
    f"GET {_W}": one("worker.read"),
    f"PATCH {_W}": one("worker.update", body={"name": "walk"}),
    f"DELETE {_W}": one("worker.delete", body={"confirm": "worker0"}),
    f"POST {_W}/undelete": one("worker.delete"),
    f"POST {_W}/versions": one("worker.deploy", body={}),
    f"POST {_W}/versions/files": one("worker.deploy", body={"files": _FILES}),
    f"GET {_W}/versions": one("worker.read"),
    "GET /api/v1/worker-versions/{worker_version_id}": one("worker.read"),
    "PATCH /api/v1/worker-versions/{worker_version_id}": one("worker.deploy", body={"tag": "walk"}),
    "GET /api/v1/worker-versions/{worker_version_id}/files/{path:path}": one("worker.read", fill={"path": "a.py"}),
    "GET /api/v1/worker-versions/{worker_version_id}/diff": one("worker.read"),
    "GET /api/v1/worker-versions/{worker_version_id}/diff #against": one(
        "worker.read", query={"against": "$worker_version"}
    ),
    f"POST {_W}/deployments": one("worker.deploy", body={"version_id": "$worker_version"}),
    f"GET {_W}/deployments": one("worker.read"),
    f"POST {_W}/rollback": one("worker.deploy", body={"version_id": "$worker_version"}),
    f"POST {_W}/hosts": one("worker.host.manage", body={"host": "walk.example.org"}),
    f"GET {_W}/hosts": one("worker.read"),
    "POST /api/v1/worker-hosts/{worker_host_id}/verify": one("worker.host.manage"),
    "DELETE /api/v1/worker-hosts/{worker_host_id}": one("worker.host.manage"),
    f"POST {_W}/keys": one("worker.key.manage", body={"name": "walk"}),
    f"GET {_W}/keys": one("worker.read"),
    "DELETE /api/v1/worker-keys/{worker_key_id}": one("worker.key.manage"),
    f"GET {_W}/env": one("worker.read"),
    f"GET {_W}/vars": one("worker.read"),
    f"PUT {_W}/vars/{{name}}": one("worker.update", body={"value": 1}, fill=_VAR),
    f"DELETE {_W}/vars/{{name}}": one("worker.update", fill=_VAR),
    "GET /api/v1/environments/{environment_id}/worker-vars": one("worker.read"),
    "PUT /api/v1/environments/{environment_id}/worker-vars/{name}": one("worker.update", body={"value": 1}, fill=_VAR),
    "DELETE /api/v1/environments/{environment_id}/worker-vars/{name}": one("worker.update", fill=_VAR),
    "GET /api/v1/projects/{project_id}/worker-vars": one("worker.read"),
    "PUT /api/v1/projects/{project_id}/worker-vars/{name}": one("worker.update", body={"value": 1}, fill=_VAR),
    "DELETE /api/v1/projects/{project_id}/worker-vars/{name}": one("worker.update", fill=_VAR),
    f"GET {_W}/secrets": Ask(("worker.read", "secret.read")),
    f"PUT {_W}/secrets/{{name}}": Ask(("worker.update", "secret.write"), body={"value": "w"}, fill=_VAR),
    f"DELETE {_W}/secrets/{{name}}": Ask(("worker.update", "secret.write"), fill=_VAR),
    f"GET {_W}/crons": one("worker.read"),
    f"POST {_W}/crons/run": one("worker.invoke", body={"cron": "* * * * *"}),
    f"GET {_W}/cron-turns": one("worker.logs.read"),
    f"POST {_W}/invoke": one("worker.invoke", body={}),
    f"GET {_W}/invocations": one("worker.logs.read"),
    f"GET {_W}/invocations/{{id}}": one("worker.logs.read", fill={"id": "walk"}),
    f"GET {_W}/logs": one("worker.logs.read"),
    f"GET {_W}/tail": one("worker.logs.read"),
    f"GET {_W}/summary": one("worker.read"),
    "POST /api/v1/kv-namespaces": one("kv.create", body={"environment_id": "$environment", "name": "walk"}),
    "GET /api/v1/kv-namespaces": one("kv.read", query={"project_id": "$project"}),
    f"GET {_K}": one("kv.read"),
    f"DELETE {_K}": one("kv.delete", body={"confirm": "kv0"}),
    f"GET {_K}/keys": one("kv.read"),
    f"POST {_K}/values/read": one("kv.read", body={"key": "walk"}),
    f"PUT {_K}/values": one("kv.write", body={"key": "walk", "value": "w"}),
    f"PUT {_K}/values/bulk": one("kv.write", body={"entries": [{"key": "walk", "value": "w"}]}),
    f"POST {_K}/values/delete": one("kv.write", body={"keys": ["walk"]}),
}
