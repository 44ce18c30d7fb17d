"""What people ask of deliveries: a test, the log, a dead letter once more."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from holdfast.features.access.actor import Actor, no_such
from holdfast.features.access.grants import Columns
from holdfast.features.alerts import places, store
from holdfast.features.alerts.channel_service import found_channel, recorded
from holdfast.features.alerts.composing import test_payload
from holdfast.features.alerts.courier import LEASE, owner_here, record
from holdfast.features.alerts.deliveries import store as delivery_store
from holdfast.features.alerts.deliveries.model import Delivery, deliveries
from holdfast.features.alerts.model import Channel
from holdfast.features.alerts.sending import Sender
from holdfast.kernel.clock import Clock
from holdfast.kernel.db import Database
from holdfast.kernel.errors import Conflict
from holdfast.kernel.ids import new_id

_HINT = "List them: holdfast alert deliveries --dead"


class DeliveryService:
    """Every verb takes the actor first and raises Denied or NotFound before it reads or writes anything else."""

    def __init__(self, db: Database, clock: Clock, sender: Sender) -> None:
        self._db = db
        self._clock = clock
        self._sender = sender

    def test(self, actor: Actor, channel_id: str) -> Delivery:
        """Send a test now and wait for what becomes of it; it is in the delivery log and not tried again."""
        now = self._clock.now()
        with self._db.write() as conn:
            channel = found_channel(conn, actor, channel_id, places.CHANNELS)
            made = delivery_store.queued(channel, f"test:{new_id('adl')}", "test", now)
            payload = test_payload(made.id, channel, actor.display, now)
            made = replace(
                made,
                state="sending",
                attempts=1,
                tries_left=1,
                owner=owner_here(),
                lease_until=now + LEASE,
                payload=payload,
                subject=payload["subject"],
            )
            delivery_store.insert(conn, made)
            recorded(conn, actor, channel, "alert_channel.test", {"delivery_id": made.id})
        began = time.monotonic()
        outcome = self._sender.send(channel, made)
        with self._db.write() as conn:
            record(conn, made, outcome, now, time.monotonic() - began, self._clock.now())
            return delivery_store.get(conn, made.id) or made

    def deliveries(
        self, actor: Actor, *, project_id: str | None = None, after: str | None = None, limit: int = 50, **equal: Any
    ) -> Sequence[Delivery]:
        """Newest first."""
        actor.require_within(places.READ, project_id)
        visible = actor.visible(places.READ, Columns(deliveries.c.project_id))
        with self._db.read() as conn:
            return delivery_store.page(conn, visible, after=after, limit=limit, project_id=project_id, **equal)

    def delivery(self, actor: Actor, delivery_id: str) -> Delivery:
        with self._db.read() as conn:
            found = delivery_store.get(conn, delivery_id)
            places.require(actor, places.READ, found, "delivery")
            if found is None:
                raise no_such("delivery")
            return found

    def replay(self, actor: Actor, delivery_id: str) -> Delivery:
        """A dead letter once more, the same message under the same id. Raises Conflict("not_dead")."""
        with self._db.write() as conn:
            found = delivery_store.get(conn, delivery_id)
            places.require(actor, places.CHANNELS, found, "delivery")
            again = delivery_store.replay(conn, delivery_id, self._clock.now())
            if again is None:
                raise Conflict("only dead letters are sent again", code="not_dead", hint=_HINT)
            channel = store.get(conn, Channel, again.channel_id)
            if channel is not None:
                recorded(conn, actor, channel, "alert_delivery.replay", {"delivery_id": delivery_id})
            return again
