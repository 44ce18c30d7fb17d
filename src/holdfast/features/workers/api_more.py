"""Hosts, keys, variables and secrets of workers."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import Depends, Path

from holdfast.features.access.http import CurrentActor, IdempotencyKey
from holdfast.features.workers.caller_keys import CallerKeysService
from holdfast.features.workers.hosts import HostsService
from holdfast.features.workers.model import OwnHost
from holdfast.features.workers.variables import Scope, VariablesService
from holdfast.features.workers.wire_more import (
    EffectiveOut,
    HostIn,
    HostOut,
    KeyIn,
    KeyMadeOut,
    KeyOut,
    KeyRotateIn,
    SecretIn,
    SecretOut,
    VariableIn,
    VariableOut,
)
from holdfast.web.errors import answers
from holdfast.web.paging import Cursor, Limit, Page, after_id, page
from holdfast.web.parts import part
from holdfast.web.routes import Routes

router = Routes(tags=["workers"])
Hosts = Annotated[HostsService, Depends(part(HostsService))]
Keys = Annotated[CallerKeysService, Depends(part(CallerKeysService))]
Variables = Annotated[VariablesService, Depends(part(VariablesService))]
Name = Annotated[str, Path(min_length=1, max_length=64)]


def _host(host: OwnHost) -> dict[str, Any]:
    return HostOut.of(host).model_dump(mode="json")


@router.post(
    "/workers/{worker_id}/hosts", operation_id="worker_host_add", status_code=201, responses=answers(403, 404, 409, 413)
)
def add_host(body: HostIn, actor: CurrentActor, hosts: Hosts, worker_id: str, once: IdempotencyKey) -> HostOut:
    """Claim a host; the answer says which TXT record proves it."""
    return HostOut.of(hosts.add(actor, worker_id, body.host, once.answering(_host)))


@router.get("/workers/{worker_id}/hosts", operation_id="worker_host_list", responses=answers(403, 404))
def list_hosts(
    actor: CurrentActor, hosts: Hosts, worker_id: str, limit: Limit = 50, cursor: Cursor = None
) -> Page[HostOut]:
    """Claimed and proven ones."""
    rows = hosts.list(actor, worker_id, after=after_id(cursor), limit=limit + 1)
    return page(rows, limit, HostOut.of, lambda each: each.id)


@router.post(
    "/worker-hosts/{worker_host_id}/verify", operation_id="worker_host_verify", responses=answers(403, 404, 409, 503)
)
def verify_host(actor: CurrentActor, hosts: Hosts, worker_host_id: str) -> HostOut:
    """Look for the TXT record; from then on requests for this host reach the worker."""
    return HostOut.of(hosts.verify(actor, worker_host_id))


@router.delete(
    "/worker-hosts/{worker_host_id}", operation_id="worker_host_remove", status_code=204, responses=answers(403, 404)
)
def remove_host(actor: CurrentActor, hosts: Hosts, worker_host_id: str) -> None:
    """Give a host up."""
    hosts.remove(actor, worker_host_id)


@router.post(
    "/workers/{worker_id}/keys",
    operation_id="worker_key_create",
    status_code=201,
    responses=answers(403, 404, 409, 413),
)
def create_key(body: KeyIn, actor: CurrentActor, keys: Keys, worker_id: str) -> KeyMadeOut:
    """Make a key that callers show; its text is in this answer and nowhere else."""
    made, text = keys.create(actor, worker_id, body.name, body.expires_at)
    return KeyMadeOut(**KeyOut.of(made).model_dump(), key=text)


@router.get("/workers/{worker_id}/keys", operation_id="worker_key_list", responses=answers(403, 404))
def list_keys(
    actor: CurrentActor, keys: Keys, worker_id: str, limit: Limit = 50, cursor: Cursor = None
) -> Page[KeyOut]:
    """Names and beginnings."""
    rows = keys.list(actor, worker_id, after=after_id(cursor), limit=limit + 1)
    return page(rows, limit, KeyOut.of, lambda each: each.id)


@router.post("/worker-keys/{worker_key_id}/rotate", operation_id="worker_key_rotate", responses=answers(403, 404))
def rotate_key(body: KeyRotateIn, actor: CurrentActor, keys: Keys, worker_key_id: str) -> KeyMadeOut:
    """Another text for the same key; the one before counts for the overlap."""
    made, text = keys.rotate(actor, worker_key_id, body.overlap_seconds, body.expires_at)
    return KeyMadeOut(**KeyOut.of(made).model_dump(), key=text)


@router.delete(
    "/worker-keys/{worker_key_id}", operation_id="worker_key_revoke", status_code=204, responses=answers(403, 404)
)
def revoke_key(actor: CurrentActor, keys: Keys, worker_key_id: str) -> None:
    """Refuse a key from now on."""
    keys.revoke(actor, worker_key_id)


@router.get("/workers/{worker_id}/env", operation_id="worker_env", responses=answers(403, 404))
def effective(actor: CurrentActor, variables: Variables, worker_id: str) -> list[EffectiveOut]:
    """Variables and names of secrets as the code finds them. The nearest wins: project, environment, code, worker."""
    return [EffectiveOut.of(each) for each in variables.effective(actor, worker_id)]


@router.get("/workers/{worker_id}/vars", operation_id="worker_var_list", responses=answers(403, 404))
def list_own(actor: CurrentActor, variables: Variables, worker_id: str) -> list[VariableOut]:
    """The worker's own variables."""
    return [VariableOut.of(each) for each in variables.list(actor, Scope("worker", worker_id))]


@router.put("/workers/{worker_id}/vars/{name}", operation_id="worker_var_put", responses=answers(403, 404, 413))
def put_own(body: VariableIn, actor: CurrentActor, variables: Variables, worker_id: str, name: Name) -> VariableOut:
    """Set a variable of this worker."""
    return VariableOut.of(variables.put(actor, Scope("worker", worker_id), name, body.value))


@router.delete(
    "/workers/{worker_id}/vars/{name}", operation_id="worker_var_delete", status_code=204, responses=answers(403, 404)
)
def delete_own(actor: CurrentActor, variables: Variables, worker_id: str, name: Name) -> None:
    """Forget a variable of this worker."""
    variables.delete(actor, Scope("worker", worker_id), name)


@router.get(
    "/environments/{environment_id}/worker-vars",
    operation_id="environment_worker_var_list",
    responses=answers(403, 404),
)
def list_environment(actor: CurrentActor, variables: Variables, environment_id: str) -> list[VariableOut]:
    """Variables of every worker in an environment."""
    return [VariableOut.of(each) for each in variables.list(actor, Scope("environment", environment_id))]


@router.put(
    "/environments/{environment_id}/worker-vars/{name}",
    operation_id="environment_worker_var_put",
    responses=answers(403, 404, 413),
)
def put_environment(
    body: VariableIn, actor: CurrentActor, variables: Variables, environment_id: str, name: Name
) -> VariableOut:
    """Set a variable of every worker in an environment."""
    return VariableOut.of(variables.put(actor, Scope("environment", environment_id), name, body.value))


@router.delete(
    "/environments/{environment_id}/worker-vars/{name}",
    operation_id="environment_worker_var_delete",
    status_code=204,
    responses=answers(403, 404),
)
def delete_environment(actor: CurrentActor, variables: Variables, environment_id: str, name: Name) -> None:
    """Forget it."""
    variables.delete(actor, Scope("environment", environment_id), name)


@router.get("/projects/{project_id}/worker-vars", operation_id="project_worker_var_list", responses=answers(403, 404))
def list_project(actor: CurrentActor, variables: Variables, project_id: str) -> list[VariableOut]:
    """Variables of every worker in a project."""
    return [VariableOut.of(each) for each in variables.list(actor, Scope("project", project_id))]


@router.put(
    "/projects/{project_id}/worker-vars/{name}", operation_id="project_worker_var_put", responses=answers(403, 404, 413)
)
def put_project(
    body: VariableIn, actor: CurrentActor, variables: Variables, project_id: str, name: Name
) -> VariableOut:
    """Set a variable of every worker in a project."""
    return VariableOut.of(variables.put(actor, Scope("project", project_id), name, body.value))


@router.delete(
    "/projects/{project_id}/worker-vars/{name}",
    operation_id="project_worker_var_delete",
    status_code=204,
    responses=answers(403, 404),
)
def delete_project(actor: CurrentActor, variables: Variables, project_id: str, name: Name) -> None:
    """Forget it."""
    variables.delete(actor, Scope("project", project_id), name)


@router.get("/workers/{worker_id}/secrets", operation_id="worker_secret_list", responses=answers(403, 404))
def list_secrets(actor: CurrentActor, variables: Variables, worker_id: str) -> list[SecretOut]:
    """The worker's own secrets: names and versions. Those of its environment come to it too."""
    return [SecretOut.of(name, each) for name, each in variables.secrets(actor, worker_id)]


@router.put(
    "/workers/{worker_id}/secrets/{name}", operation_id="worker_secret_put", responses=answers(403, 404, 409, 412)
)
def put_secret(body: SecretIn, actor: CurrentActor, variables: Variables, worker_id: str, name: Name) -> SecretOut:
    """Store a secret of this worker; it is in no answer again."""
    return SecretOut.of(name, variables.put_secret(actor, worker_id, name, body.value.get_secret_value()))


@router.delete(
    "/workers/{worker_id}/secrets/{name}",
    operation_id="worker_secret_delete",
    status_code=204,
    responses=answers(403, 404),
)
def delete_secret(actor: CurrentActor, variables: Variables, worker_id: str, name: Name) -> None:
    """Destroy a secret of this worker."""
    variables.delete_secret(actor, worker_id, name)
