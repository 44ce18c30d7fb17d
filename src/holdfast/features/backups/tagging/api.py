"""/api/v1/projects/{id}/tags and /tag-rules."""

from __future__ import annotations

from typing import Annotated

from fastapi import Depends, Path, Query

from holdfast.features.access.http import CurrentActor
from holdfast.features.backups.tagging.service import TagsService
from holdfast.features.backups.tagging.wire import LookOut, RuleIn, RuleOut, TagIn, TagOut
from holdfast.web.errors import answers
from holdfast.web.paging import Cursor, Limit, Page, after_id, page
from holdfast.web.parts import part
from holdfast.web.routes import Routes

router = Routes(tags=["tags"])
Service = Annotated[TagsService, Depends(part(TagsService))]
RuleName = Annotated[str, Path(pattern=r"^[a-z0-9][a-z0-9-]{0,62}$", description="Small letters, digits and -.")]


@router.get("/projects/{project_id}/tags", operation_id="tag_list", responses=answers(403, 404))
def list_tags(
    actor: CurrentActor, service: Service, project_id: str, limit: Limit = 50, cursor: Cursor = None
) -> Page[TagOut]:
    """Tags that have a colour or a description, by name."""
    rows = service.tags(actor, project_id, after=after_id(cursor), limit=limit + 1)
    return page(rows, limit, TagOut.of, lambda tag: tag.name)


@router.put("/projects/{project_id}/tags", operation_id="tag_set", responses=answers(403, 404))
def set_tag(body: TagIn, actor: CurrentActor, service: Service, project_id: str) -> TagOut:
    """Give a tag a colour and a description. Snapshots that have it are not touched."""
    return TagOut.of(service.put_tag(actor, project_id, body.name, body.colour, body.description))


@router.delete("/projects/{project_id}/tags", operation_id="tag_remove", status_code=204, responses=answers(403, 404))
def remove_tag(
    actor: CurrentActor,
    service: Service,
    project_id: str,
    name: Annotated[str, Query(max_length=100, description="The tag.")],
) -> None:
    """Forget a tag's colour and description. Snapshots keep the tag."""
    service.remove_tag(actor, project_id, name)


@router.get("/projects/{project_id}/tag-rules", operation_id="tag_rule_list", responses=answers(403, 404))
def list_rules(actor: CurrentActor, service: Service, project_id: str) -> Page[RuleOut]:
    """All rules of a project, by name."""
    return Page[RuleOut](items=[RuleOut.of(rule) for rule in service.rules(actor, project_id)])


@router.put("/projects/{project_id}/tag-rules/{rule}", operation_id="tag_rule_set", responses=answers(403, 404))
def set_rule(body: RuleIn, actor: CurrentActor, service: Service, project_id: str, rule: RuleName) -> RuleOut:
    """Tag what becomes ready from now on. A retention policy that keeps by such a tag keeps it then."""
    made = service.put_rule(actor, project_id, rule, body.tags, body.conditions.conditions(), enabled=body.enabled)
    return RuleOut.of(made)


@router.delete(
    "/projects/{project_id}/tag-rules/{rule}",
    operation_id="tag_rule_remove",
    status_code=204,
    responses=answers(403, 404),
)
def remove_rule(actor: CurrentActor, service: Service, project_id: str, rule: RuleName) -> None:
    """Remove a rule. The tags it added stay."""
    service.remove_rule(actor, project_id, rule)


@router.post("/projects/{project_id}/tag-rules/preview", operation_id="tag_rule_preview", responses=answers(403, 404))
def preview(body: RuleIn, actor: CurrentActor, service: Service, project_id: str, cursor: Cursor = None) -> LookOut:
    """What a rule would have tagged among the snapshots there are. Changes nothing."""
    conditions = body.conditions.conditions()
    return LookOut.of(service.preview(actor, project_id, body.tags, conditions, after_id(cursor)))


@router.post(
    "/projects/{project_id}/tag-rules/{rule}/apply", operation_id="tag_rule_apply", responses=answers(403, 404)
)
def apply(actor: CurrentActor, service: Service, project_id: str, rule: RuleName, cursor: Cursor = None) -> LookOut:
    """Add a rule's tags to the snapshots there are, some hundred a call: ask again with `next_cursor`. Asked twice, it
    adds nothing more."""
    return LookOut.of(service.apply(actor, project_id, rule, after_id(cursor)))
