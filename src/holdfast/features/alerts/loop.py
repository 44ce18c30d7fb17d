"""The thread that makes alerts of what happens, judges what did not, and sends. It never blocks a run."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta

import sqlalchemy as sa

from holdfast.features.alerts import digest, policy, reading, store
from holdfast.features.alerts.collecting import FACT_LASTS, Collector
from holdfast.features.alerts.courier import Courier
from holdfast.features.alerts.deliveries import store as delivery_store
from holdfast.features.alerts.judging import Judge
from holdfast.features.alerts.model import Alert, Channel, Happened, Rule, alerts, channels
from holdfast.features.alerts.words import EVENT_TYPES
from holdfast.kernel import log
from holdfast.kernel.clock import Clock, timestamp
from holdfast.kernel.crashpoints import crash_point
from holdfast.kernel.db import Database
from holdfast.kernel.errors import HoldfastError
from holdfast.kernel.ids import new_id
from holdfast.kernel.stop import Stop
from holdfast.kernel.wake import Wake

IDLE_SECONDS = 5.0
JUDGED_EVERY = timedelta(seconds=60)
KEPT = timedelta(days=40)
CHANGED = "alert:changed"  # what the dashboard's line hears
_log = log.get("holdfast.alerts")
_Look = Callable[[sa.Connection, datetime, "list[Rule]"], list[Happened]]


class AlertLoop:
    """Every node may have one: the position row is held while a batch is worked out, so each thing is told once."""

    def __init__(self, db: Database, courier: Courier, judge: Judge, clock: Clock, wake: Wake) -> None:
        self._db = db
        self._courier = courier
        self._judge = judge
        self._clock = clock
        self._wake = wake

    def run(self, stop: Stop) -> None:
        """Until `stop`. A turn that fails is tried again: nothing was written by it."""
        stop.on_stop(lambda: self._wake.notify("alerts"))
        with self._wake.listen("alerts") as listener:
            while not stop.stopped:
                try:
                    self.turn()
                except (HoldfastError, sa.exc.SQLAlchemyError, OSError):
                    _log.exception("alerts could not be worked out; trying again")
                stop.wait(0.2)  # what ends together is told together
                listener.drain()
                listener.wait(IDLE_SECONDS)

    def turn(self) -> None:
        self.begin()
        while self.collect():
            crash_point("alerts.queued")
        if self._judging_is_due():
            self.judge()
        self.digests()
        self._courier.turn()

    def begin(self) -> None:
        """The first start looks forward only: nobody wants to hear of last year."""
        with self._db.read() as conn:
            if store.look(conn, store.JUDGED) is not None:
                return
        now = self._clock.now()
        with self._db.write() as conn:
            if store.look(conn, store.JUDGED) is not None:
                return
            store.begin(conn, store.AUDIT, str(reading.last_place(conn)), now)
            store.begin(conn, store.RUNS, reading.floor_id("run", now), now)
            store.begin(conn, store.JUDGED, "", now - JUDGED_EVERY)

    def collect(self) -> int:
        """One batch of what happened: alerts, queued messages and the position in one transaction. How many."""
        now = self._clock.now()
        with self._db.read() as conn:
            if not self._anything(conn, now):
                return 0
        with self._db.write() as conn:
            place, _ = store.position(conn, store.AUDIT) or ("0", now)
            floor, _ = store.position(conn, store.RUNS) or ("", now)
            heard, last = reading.audited(conn, int(place))
            ended = reading.ended_runs(conn, floor, now)
            collector = Collector(conn, now)
            taken = collector.take([*ended, *heard])
            if last != int(place):
                store.go_on(conn, store.AUDIT, str(last), now)
            if len(ended) < reading.AT_ONCE and (new := reading.new_floor(conn, now)) != floor:
                store.go_on(conn, store.RUNS, new, now)
            self._say(conn, collector.touched)
            return taken + last - int(place)

    def _say(self, conn: sa.Connection, touched: bool) -> None:
        """Whoever looks at alerts reads them again once this is committed."""
        if touched:
            self._db.after_commit(conn, lambda: self._wake.notify(CHANGED))

    def _anything(self, conn: sa.Connection, now: datetime) -> bool:
        place = store.look(conn, store.AUDIT)
        if reading.last_place(conn) > int(place or 0):
            return True
        return reading.any_ended(conn, store.look(conn, store.RUNS) or "", now)

    def _judging_is_due(self) -> bool:
        """Also when the clock went back: then the last time lies ahead."""
        with self._db.read() as conn:
            last = store.last(conn, store.JUDGED)
        return last is None or abs(self._clock.now() - last) >= JUDGED_EVERY

    def judge(self) -> None:
        """Open what is amiss, end what no longer is. A look that fails changes nothing of its own."""
        now = self._clock.now()
        with self._db.write() as conn:
            store.hold(conn)
            position = store.position(conn, store.JUDGED)
            if position is not None and abs(now - position[1]) < JUDGED_EVERY:
                return
            collector = Collector(conn, now)
            for kind, look in self._looks():
                self._judged(conn, collector, kind, look, now)
            facts = [alert for alert in store.open_alerts(conn) if _is_past(alert, now)]
            store.update_alerts(conn, [_closed(alert, now) for alert in facts])
            self._say(conn, collector.touched or bool(facts))
            store.go_on(conn, store.JUDGED, "", now)
            store.forget_events(conn, now - KEPT, store.look(conn, store.RUNS) or "")
            delivery_store.forget(conn, now - KEPT)

    def _looks(self) -> tuple[tuple[str, _Look], ...]:
        judge = self._judge
        return (
            ("schedule_missed", judge.schedule_missed),
            ("repository_unreachable", judge.repository_unreachable),
            ("verification_overdue", judge.verification_overdue),
            ("repository_filling", judge.repository_filling),
            ("quota_near", judge.quota_near),
        )

    def _judged(self, conn: sa.Connection, collector: Collector, kind: str, look: _Look, now: datetime) -> None:
        try:
            found = {each.key: each for each in look(conn, now, list(collector.rules))}
        except (HoldfastError, OSError) as error:
            _log.warning("alerts could not look", what=kind, reason=str(error))
            return
        mine = f"{kind}:{self._judge.node}" if kind == "repository_filling" else f"{kind}:"
        open_ = {each.key: each for each in store.open_alerts(conn, alerts.c.type == kind)}
        new = [event for key, event in found.items() if key not in open_ or _is_worse(event, open_[key])]
        collector.take([replace(event, source=f"judge:{new_id('aev')}") for event in new])
        collector.end([each for key, each in open_.items() if key not in found and key.startswith(mine)])

    def digests(self) -> int:
        """Queue what is due, one per channel and moment. How many."""
        now = self._clock.now()
        c = channels.c
        with self._db.read() as conn:
            wanted = sa.select(c.id).where(c.enabled, c.digest_at != "")
            due = sa.or_(c.next_digest_at.is_(None), c.next_digest_at <= now)
            if conn.execute(wanted.where(due).limit(1)).first() is None:
                return 0
        queued = 0
        with self._db.write() as conn:
            store.hold(conn)
            rules = list(store.all_rules(conn))
            for channel in store.all_channels(conn):
                is_due = channel.next_digest_at is None or channel.next_digest_at <= now
                if channel.enabled and channel.digest_at and is_due:
                    queued += self._digest(conn, channel, rules, now)
        return queued

    def _digest(self, conn: sa.Connection, channel: Channel, rules: list[Rule], now: datetime) -> int:
        due = policy.next_digest(channel.digest_at, channel.tz, now)
        if channel.next_digest_at is None:
            store.change_channel(conn, channel.id, next_digest_at=due)
            return 0
        source = f"digest:{timestamp(channel.next_digest_at)}"
        store.change_channel(conn, channel.id, next_digest_at=due, digest_from=now)
        if delivery_store.exists(conn, channel.id, source):
            return 0
        made = delivery_store.queued(channel, source, "digest", now)
        payload = digest.payload(conn, made.id, channel, rules, now)
        if payload is None:
            return 0
        delivery_store.insert(conn, replace(made, payload=payload, subject=payload["subject"]))
        return 1

    def close(self) -> None:
        self._courier.close()


def _is_worse(event: Happened, alert: Alert) -> bool:
    return event.severity == "critical" and alert.severity != "critical"


def _is_past(alert: Alert, now: datetime) -> bool:
    return not EVENT_TYPES[alert.type].condition and now - alert.last_at >= FACT_LASTS


def _closed(alert: Alert, now: datetime) -> Alert:
    return replace(alert, state="resolved", resolved_by="holdfast", resolved_at=now, version=alert.version + 1)
