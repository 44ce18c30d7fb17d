"""/api/v1/nodes."""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime
from typing import Annotated, Any

from fastapi import Depends, Path
from pydantic import BaseModel, ConfigDict, Field

from holdfast.features.access.http import CurrentActor
from holdfast.features.nodes.service import NodeLook, NodesService
from holdfast.features.nodes.store import Living
from holdfast.web.errors import answers
from holdfast.web.paging import Cursor, Limit, Page, after_id, page
from holdfast.web.parts import part
from holdfast.web.routes import Routes

router = Routes(tags=["nodes"])
Service = Annotated[NodesService, Depends(part(NodesService))]
Name = Annotated[str, Path(max_length=64, description="The node's name.")]


class LivingOut(BaseModel):
    """What is bound to the node: databases not purged, repositories on its disk and the snapshots in them, runs that
    have not ended, runner processes."""

    databases: int
    repositories: int
    snapshots: int
    runs: int
    runners: int

    @classmethod
    def of(cls, living: Living) -> LivingOut:
        return cls(**asdict(living))


class NodeOut(BaseModel):
    """One Holdfast among those that share the metadata database."""

    name: str
    alive: bool
    here: bool = Field(description="Whether it is the one that answers.")
    age_seconds: float = Field(description="Since its last heartbeat.")
    version: str
    addresses: list[str]
    machine: str
    joined_at: datetime
    beat_at: datetime
    living: LivingOut

    @classmethod
    def of(cls, look: NodeLook) -> NodeOut:
        return cls(**_facts(look))


class NodeDatabaseOut(BaseModel):
    id: str
    name: str
    engine: str
    state: str


class NodeShownOut(NodeOut):
    """With the first hundred databases that live there."""

    databases: list[NodeDatabaseOut]

    @classmethod
    def of(cls, look: NodeLook) -> NodeShownOut:
        return cls(**_facts(look), databases=[NodeDatabaseOut(**row) for row in look.databases])


class NodeRemoveIn(BaseModel):
    model_config = ConfigDict(extra="forbid")
    confirm: str = Field(max_length=64, description="The node's name, typed.")
    lost: bool = Field(default=False, description="Its disk is gone: record what lived there as gone too.")


class NodeRemovedOut(BaseModel):
    """What was given up with the node."""

    name: str
    lost: bool
    living: LivingOut


def _facts(look: NodeLook) -> dict[str, Any]:
    row = look.node
    return {
        "name": row.name,
        "alive": row.alive,
        "here": look.here,
        "age_seconds": round(row.age, 1),
        "version": row.version,
        "addresses": list(row.addresses),
        "machine": row.machine,
        "joined_at": row.joined_at,
        "beat_at": row.beat_at,
        "living": LivingOut.of(look.living),
    }


@router.get("/nodes", operation_id="node_list", responses=answers(403))
def list_nodes(actor: CurrentActor, service: Service, limit: Limit = 50, cursor: Cursor = None) -> Page[NodeOut]:
    """Every node, by name, and how much lives on it."""
    rows = service.list(actor, after=after_id(cursor), limit=limit + 1)
    return page(rows, limit, NodeOut.of, lambda look: look.node.name)


@router.get("/nodes/{node_id}", operation_id="node_get", responses=answers(403, 404))
def get_node(node_id: Name, actor: CurrentActor, service: Service) -> NodeShownOut:
    """One node by its name, and the databases that live there."""
    return NodeShownOut.of(service.get(actor, node_id))


@router.delete("/nodes/{node_id}", operation_id="node_remove", responses=answers(403, 404, 409))
def remove_node(node_id: Name, body: NodeRemoveIn, actor: CurrentActor, service: Service) -> NodeRemovedOut:
    """Forget a node that will not come back; refused while it is alive or anything lives there."""
    gone = service.remove(actor, node_id, body.confirm, lost=body.lost)
    return NodeRemovedOut(name=node_id, lost=body.lost, living=LivingOut.of(gone))
