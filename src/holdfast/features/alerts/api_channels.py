"""/api/v1/alert-channels and /api/v1/alert-deliveries."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated

from fastapi import Depends, Query, Response

from holdfast.features.access.http import CurrentActor, IdempotencyKey
from holdfast.features.alerts import wire_channels as wire
from holdfast.features.alerts.channel_service import ChannelService
from holdfast.features.alerts.delivery_service import DeliveryService
from holdfast.features.alerts.wire import DeliveryOut, FullDeliveryOut
from holdfast.features.alerts.wire_channels import ChannelIn, ChannelOut, ChannelPatch, NewChannelOut, RotateSecretIn
from holdfast.web.errors import answers
from holdfast.web.etag import IfMatch, set_etag
from holdfast.web.paging import Cursor, Limit, Page, after_id, page
from holdfast.web.parts import part
from holdfast.web.routes import Routes
from holdfast.web.wire import Confirm

router = Routes(tags=["alerts"])
Service = Annotated[ChannelService, Depends(part(ChannelService))]
Sent = Annotated[DeliveryService, Depends(part(DeliveryService))]
State = Annotated[list[str] | None, Query(description="queued, sending, sent, dead; repeatable.")]


@router.post(
    "/alert-channels", operation_id="alert_channel_create", status_code=201, responses=answers(403, 404, 409, 422)
)
def create(
    body: ChannelIn, actor: CurrentActor, service: Service, once: IdempotencyKey, response: Response
) -> NewChannelOut:
    """Say where alerts go. A webhook's signing secret is in this answer only."""
    made, secret = service.create(actor, body.wanted(), once.answering(wire.kept))
    set_etag(response, made.version)
    return wire.with_secret(made, secret)


@router.get("/alert-channels", operation_id="alert_channel_list", responses=answers(403, 404))
def list_(
    actor: CurrentActor, service: Service, project_id: str | None = None, limit: Limit = 50, cursor: Cursor = None
) -> Page[ChannelOut]:
    """Channels, oldest first."""
    rows = service.list(actor, project_id=project_id, after=after_id(cursor), limit=limit + 1)
    return page(rows, limit, ChannelOut.of, lambda channel: channel.id)


@router.get("/alert-channels/{channel_id}", operation_id="alert_channel_read", responses=answers(403, 404))
def read(channel_id: str, actor: CurrentActor, service: Service, response: Response) -> ChannelOut:
    """One channel, and whether it works."""
    found = service.get(actor, channel_id)
    set_etag(response, found.version)
    return ChannelOut.of(found)


@router.patch(
    "/alert-channels/{channel_id}", operation_id="alert_channel_update", responses=answers(403, 404, 409, 412, 428)
)
def update(
    channel_id: str, body: ChannelPatch, version: IfMatch, actor: CurrentActor, service: Service, response: Response
) -> ChannelOut:
    """Change or switch a channel. Another mail server needs the password again."""
    changed = service.update(actor, channel_id, version, body.changes())
    set_etag(response, changed.version)
    return ChannelOut.of(changed)


@router.delete(
    "/alert-channels/{channel_id}",
    operation_id="alert_channel_delete",
    status_code=204,
    responses=answers(403, 404, 409),
)
def delete(channel_id: str, body: Confirm, actor: CurrentActor, service: Service) -> None:
    """Delete a channel with its delivery log; what was queued is not sent."""
    service.delete(actor, channel_id, body.confirm)


@router.post("/alert-channels/{channel_id}/test", operation_id="alert_channel_test", responses=answers(403, 404))
def test(channel_id: str, actor: CurrentActor, service: Sent) -> DeliveryOut:
    """Send a test message now, and say what became of it."""
    return DeliveryOut.of(service.test(actor, channel_id))


@router.post(
    "/alert-channels/{channel_id}/secret", operation_id="alert_channel_rotate", responses=answers(403, 404, 409)
)
def rotate(channel_id: str, body: RotateSecretIn, actor: CurrentActor, service: Service) -> NewChannelOut:
    """A new signing secret, in this answer only; for a while messages carry both signatures."""
    given = body.secret.get_secret_value() if body.secret else None
    changed, secret = service.rotate(actor, channel_id, timedelta(seconds=body.overlap_seconds), given)
    return wire.with_secret(changed, secret)


@router.get("/alert-deliveries", operation_id="alert_delivery_list", responses=answers(403, 404))
def deliveries(
    actor: CurrentActor,
    service: Sent,
    project_id: str | None = None,
    channel_id: str | None = None,
    state: State = None,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> Page[DeliveryOut]:
    """What was sent, is tried, or was given up; newest first."""
    rows = service.deliveries(
        actor, project_id=project_id, channel_id=channel_id, state=state, after=after_id(cursor), limit=limit + 1
    )
    return page(rows, limit, DeliveryOut.of, lambda delivery: delivery.id)


@router.get("/alert-deliveries/{delivery_id}", operation_id="alert_delivery_read", responses=answers(403, 404))
def delivery(delivery_id: str, actor: CurrentActor, service: Sent) -> FullDeliveryOut:
    """One message with its attempts and what it says."""
    found = service.delivery(actor, delivery_id)
    return FullDeliveryOut(**DeliveryOut.of(found).model_dump(), payload=dict(found.payload) if found.payload else None)


@router.post(
    "/alert-deliveries/{delivery_id}/replay",
    operation_id="alert_delivery_replay",
    status_code=202,
    responses=answers(403, 404, 409),
)
def replay(delivery_id: str, actor: CurrentActor, service: Sent) -> DeliveryOut:
    """Send a dead letter again, under the same id."""
    return DeliveryOut.of(service.replay(actor, delivery_id))
