"""Sends what is queued: channels beside each other, each channel one message at a time, none waiting for another.

A claim is a guarded statement, so of two nodes one sends. Whoever dies between claim and record leaves a message that
is sent again under the same id: at least once, and told apart by its id.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from holdfast.features.alerts import policy, store
from holdfast.features.alerts.collecting import Collector
from holdfast.features.alerts.composing import composed
from holdfast.features.alerts.deliveries import store as delivery_store
from holdfast.features.alerts.deliveries.model import Delivery
from holdfast.features.alerts.model import Channel, Happened
from holdfast.features.alerts.outcome import Outcome
from holdfast.features.alerts.sending import Sender
from holdfast.features.audit.sequencer import gone
from holdfast.jobs.lease import machine_id, process_start
from holdfast.kernel import log
from holdfast.kernel.clock import Clock, timestamp
from holdfast.kernel.crashpoints import crash_point
from holdfast.kernel.db import Database

AT_ONCE = 16
LEASE = timedelta(minutes=5)
LOGGED = 20
_log = log.get("holdfast.alerts")


def owner_here() -> str:
    return f"{machine_id()}|{os.getpid()}|{process_start(os.getpid())}"


class Courier:
    """`turn` never waits for a receiver; `settled` is for whoever wants to. `told` is called after every attempt."""

    def __init__(self, db: Database, sender: Sender, clock: Clock, told: Callable[[], None] = lambda: None) -> None:
        self._told = told
        self._db = db
        self._sender = sender
        self._clock = clock
        self._owner = owner_here()
        self._pool = ThreadPoolExecutor(AT_ONCE, thread_name_prefix="alerts")
        self._sending: dict[str, Future[None]] = {}

    def turn(self) -> int:
        """How many attempts were begun."""
        for channel_id in [each for each, future in self._sending.items() if future.done()]:
            if (error := self._sending.pop(channel_id).exception()) is not None:
                _log.error("an alert could not be sent", exc_info=error)
        self._take_back()
        begun = 0
        for channel, delivery in self._claim():
            crash_point("alerts.claimed")
            self._sending[channel.id] = self._pool.submit(self._attempt, channel, delivery)
            begun += 1
        return begun

    def settled(self, timeout: float = 60.0) -> None:
        """Wait until nothing that was begun here is under way."""
        for future in list(self._sending.values()):
            future.result(timeout)

    def close(self) -> None:
        self._pool.shutdown(wait=False, cancel_futures=True)

    def _take_back(self) -> None:
        """Claims whose process ended, or that nobody settled in time by any clock."""
        now = self._clock.now()
        with self._db.read() as conn:
            lost = [each for each in delivery_store.sending(conn) if self._is_lost(each, now)]
        for delivery in lost:
            outcome = Outcome.failed("the process that sent it ended; it may have arrived")
            self._record(delivery, outcome, now, 0.0, at_once=True)

    def _is_lost(self, delivery: Delivery, now: datetime) -> bool:
        if delivery.channel_id in self._sending:
            return False
        until, owner = delivery.lease_until, delivery.owner or ""
        return until is None or now >= until or until > now + 2 * LEASE or owner == self._owner or gone(owner)

    def _claim(self) -> list[tuple[Channel, Delivery]]:
        now = self._clock.now()
        with self._db.read() as conn:
            if not delivery_store.anything_due(conn, now):
                return []
        claimed = []
        with self._db.write() as conn:
            busy = delivery_store.busy_channels(conn) | set(self._sending)
            room = AT_ONCE - len(self._sending)
            there = {channel.id: channel for channel in store.all_channels(conn)}
            for delivery in delivery_store.due(conn, now, busy, max(room, 0)):
                channel = there[delivery.channel_id]
                values: dict[str, Any] = {}
                if delivery.payload is None:
                    payload = composed(conn, delivery, channel, now)
                    values = {"payload": payload, "subject": payload["subject"]}
                taken = delivery_store.claim(conn, delivery, self._owner, now + LEASE, **values)
                if taken is not None:
                    claimed.append((channel, taken))
        return claimed

    def _attempt(self, channel: Channel, delivery: Delivery) -> None:
        began, at = time.monotonic(), self._clock.now()
        outcome = self._sender.send(channel, delivery)
        crash_point("alerts.sent")
        self._record(delivery, outcome, at, time.monotonic() - began)

    def _record(
        self, delivery: Delivery, outcome: Outcome, at: datetime, seconds: float, *, at_once: bool = False
    ) -> None:
        with self._db.write() as conn:
            record(conn, delivery, outcome, at, seconds, self._clock.now(), at_once=at_once)
        self._told()


def record(
    conn: sa.Connection,
    delivery: Delivery,
    outcome: Outcome,
    at: datetime,
    seconds: float,
    now: datetime,
    *,
    at_once: bool = False,
) -> bool:
    """What became of an attempt: the delivery, the channel's trouble, and an alert of its own for a dead letter.

    False when the claim was lost: then nothing is written.
    """
    store.hold(conn)
    state, due = _next(delivery, outcome, now, at_once)
    entry = {
        "attempt": delivery.attempts,
        "at": timestamp(at),
        "seconds": round(seconds, 3),
        "ok": outcome.ok,
        "code": outcome.code,
        "response": outcome.response,
        "error": outcome.error,
        "hint": outcome.hint,
    }
    values: dict[str, Any] = {
        "state": state,
        "next_at": due,
        "tries_left": delivery.tries_left - 1,
        "log": [*delivery.log, entry][-LOGGED:],
        "sent_at": now if state == "sent" else None,
    }
    if not delivery_store.settle(conn, delivery, **values):
        return False
    channel = store.get(conn, Channel, delivery.channel_id)
    if channel is None:
        return True
    trouble = None if outcome.ok else _trouble(channel, outcome, now)
    noted: dict[str, Any] = {} if channel.trouble == trouble else {"trouble": trouble}
    if outcome.ok and delivery.kind == "alert":
        noted["last_sent_at"] = now
    if noted:
        store.change_channel(conn, channel.id, **noted)
    if delivery.kind != "test":
        _tell(conn, channel, delivery, outcome, state, now)
    return True


def _next(delivery: Delivery, outcome: Outcome, now: datetime, at_once: bool) -> tuple[str, datetime]:
    if outcome.ok:
        return "sent", now
    if not outcome.again or delivery.tries_left <= 1:
        return "dead", now
    tried = policy.TRIES - delivery.tries_left + 1
    return "queued", now if at_once else now + policy.waits(delivery.id, tried, outcome.after)


def _trouble(channel: Channel, outcome: Outcome, now: datetime) -> dict[str, Any]:
    since = (channel.trouble or {}).get("since") or timestamp(now)
    return {"since": since, "error": outcome.error, "hint": outcome.hint}


def _tell(
    conn: sa.Connection, channel: Channel, delivery: Delivery, outcome: Outcome, state: str, now: datetime
) -> None:
    """The other channels hear of a message that could not be delivered, and of the channel working again."""
    key = f"channel_failing:{channel.id}"
    collector = Collector(conn, now)
    if state == "sent":
        if channel.trouble is not None:
            collector.end(store.open_by_keys(conn, [key]))
    elif state == "dead":
        facts = {"delivery_id": delivery.id, "channel_id": channel.id}
        error = {"message": outcome.error or "", "hint": outcome.hint or "holdfast alert deliveries --dead"}
        collector.take(
            [
                Happened(
                    source=f"delivery:{delivery.id}:{delivery.replays}",
                    type="channel_failing",
                    at=now,
                    name=channel.name,
                    key=key,
                    project_id=channel.project_id,
                    details={**facts, "error": error},
                    not_to=channel.id,
                )
            ]
        )
