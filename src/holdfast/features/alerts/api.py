"""/api/v1/alerts, /api/v1/alert-rules and /api/v1/alert-event-types."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Any

from fastapi import Depends, Query, Response

from holdfast.features.access.http import CurrentActor, IdempotencyKey
from holdfast.features.alerts.alert_service import AlertService
from holdfast.features.alerts.model import Rule
from holdfast.features.alerts.rule_service import RuleService, WantedRule
from holdfast.features.alerts.wire import AlertOut, EventTypeOut, EventTypesOut, MuteIn, RuleIn, RuleOut, RulePatch
from holdfast.features.alerts.words import EVENT_TYPES
from holdfast.web.errors import answers
from holdfast.web.etag import IfMatch, set_etag
from holdfast.web.paging import Cursor, Limit, Page, after_id, page
from holdfast.web.parts import part
from holdfast.web.routes import Routes
from holdfast.web.wire import Confirm

router = Routes(tags=["alerts"])
Alerts = Annotated[AlertService, Depends(part(AlertService))]
Rules = Annotated[RuleService, Depends(part(RuleService))]
State = Annotated[list[str] | None, Query(description="open, acknowledged, resolved; repeatable.")]


@router.get("/alerts", operation_id="alert_list", responses=answers(403, 404))
def list_(
    actor: CurrentActor,
    service: Alerts,
    project_id: str | None = None,
    environment_id: str | None = None,
    resource_id: str | None = None,
    state: State = None,
    severity: Annotated[list[str] | None, Query(description="info, warning, critical; repeatable.")] = None,
    type_: Annotated[list[str] | None, Query(alias="type", description="Such as backup_failed; repeatable.")] = None,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> Page[AlertOut]:
    """Alerts, newest first."""
    places = {"environment_id": environment_id, "resource_id": resource_id}
    lists = {"state": state, "severity": severity, "type": type_}
    rows = service.list(actor, project_id=project_id, after=after_id(cursor), limit=limit + 1, **places, **lists)
    return page(rows, limit, AlertOut.of, lambda alert: alert.id)


@router.get("/alerts/{alert_id}", operation_id="alert_read", responses=answers(403, 404))
def read(alert_id: str, actor: CurrentActor, service: Alerts) -> AlertOut:
    """One alert, with the error and the hint of its last time."""
    return AlertOut.of(service.get(actor, alert_id))


@router.post("/alerts/{alert_id}/acknowledge", operation_id="alert_acknowledge", responses=answers(403, 404, 409))
def acknowledge(alert_id: str, actor: CurrentActor, service: Alerts) -> AlertOut:
    """Say that someone is at it: it is told again only when it gets worse, or is over."""
    return AlertOut.of(service.acknowledge(actor, alert_id))


@router.post("/alerts/{alert_id}/mute", operation_id="alert_mute", responses=answers(403, 404, 409))
def mute(alert_id: str, body: MuteIn, actor: CurrentActor, service: Alerts) -> AlertOut:
    """Hear nothing of it for a while."""
    return AlertOut.of(service.mute(actor, alert_id, timedelta(seconds=body.seconds)))


@router.post("/alerts/{alert_id}/resolve", operation_id="alert_resolve", responses=answers(403, 404, 409))
def resolve(alert_id: str, actor: CurrentActor, service: Alerts) -> AlertOut:
    """Say that it is over. Should it happen again, that is a new alert."""
    return AlertOut.of(service.resolve(actor, alert_id))


@router.get("/alert-event-types", operation_id="alert_event_types", responses=answers())
def event_types(_actor: CurrentActor) -> EventTypesOut:
    """What may happen, and how it is told as shipped."""
    return EventTypesOut(items=[EventTypeOut.of(pair) for pair in EVENT_TYPES.items()])


def _wire(rule: Rule) -> dict[str, Any]:
    return RuleOut.of(rule).model_dump(mode="json")


@router.post("/alert-rules", operation_id="alert_rule_create", status_code=201, responses=answers(403, 404, 409))
def create_rule(body: RuleIn, actor: CurrentActor, service: Rules, once: IdempotencyKey, response: Response) -> RuleOut:
    """Tell some events otherwise than as shipped: at once, in the digest, or not at all."""
    made = service.create(actor, WantedRule(**body.model_dump()), once.answering(_wire))
    set_etag(response, made.version)
    return RuleOut.of(made)


@router.get("/alert-rules", operation_id="alert_rule_list", responses=answers(403, 404))
def list_rules(
    actor: CurrentActor, service: Rules, project_id: str | None = None, limit: Limit = 50, cursor: Cursor = None
) -> Page[RuleOut]:
    """Rules, oldest first."""
    rows = service.list(actor, project_id=project_id, after=after_id(cursor), limit=limit + 1)
    return page(rows, limit, RuleOut.of, lambda rule: rule.id)


@router.get("/alert-rules/{rule_id}", operation_id="alert_rule_read", responses=answers(403, 404))
def read_rule(rule_id: str, actor: CurrentActor, service: Rules, response: Response) -> RuleOut:
    """One rule."""
    found = service.get(actor, rule_id)
    set_etag(response, found.version)
    return RuleOut.of(found)


@router.patch("/alert-rules/{rule_id}", operation_id="alert_rule_update", responses=answers(403, 404, 409, 412, 428))
def update_rule(
    rule_id: str, body: RulePatch, version: IfMatch, actor: CurrentActor, service: Rules, response: Response
) -> RuleOut:
    """Change a rule; never the place where it counts."""
    changed = service.update(actor, rule_id, version, body.model_dump(exclude_unset=True))
    set_etag(response, changed.version)
    return RuleOut.of(changed)


@router.delete("/alert-rules/{rule_id}", operation_id="alert_rule_delete", status_code=204, responses=answers(403, 404))
def delete_rule(rule_id: str, body: Confirm, actor: CurrentActor, service: Rules) -> None:
    """Delete a rule: what it was about is told as shipped again."""
    service.delete(actor, rule_id, body.confirm)
