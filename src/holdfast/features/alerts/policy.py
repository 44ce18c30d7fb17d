"""Pure decisions: which rule counts, when a message leaves, when it is tried again, when a digest is due."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from holdfast.features.alerts.model import Channel, Happened, Rule
from holdfast.features.alerts.words import EVENT_TYPES, Mode, Severity

QUIET = timedelta(seconds=5)
TRIES = 12  # about a day and a half
_WAITS = (10, 30, 120, 600, 1800, 3600, 7200, 14400, 28800, 28800, 28800)
LONGEST_ASKED_WAIT = timedelta(hours=2)


@dataclass(frozen=True)
class Told:
    """How one event is told on one channel."""

    mode: Mode
    severity: Severity


def told(event: Happened, labels: Mapping[str, str], channel: Channel, rules: Sequence[Rule], now: datetime) -> Told:
    """By the most particular rule that matches, the newest of equals; without one as shipped."""
    if channel.project_id not in (None, event.project_id) or not channel.enabled or event.not_to == channel.id:
        return Told("off", "info")
    shipped = EVENT_TYPES[event.type]
    severity = event.severity or shipped.severity
    matching = [rule for rule in rules if _matches(rule, event, labels, channel, now)]
    if not matching:
        return Told(shipped.mode, severity)
    best = max(matching, key=_particular)
    return Told(best.mode, best.severity or severity)


def _matches(rule: Rule, event: Happened, labels: Mapping[str, str], channel: Channel, now: datetime) -> bool:
    return (
        rule.enabled
        and (rule.until is None or now < rule.until)
        and (rule.project_id is None or rule.project_id == channel.project_id == event.project_id)
        and (not rule.events or event.type in rule.events)
        and (not rule.channel_ids or channel.id in rule.channel_ids)
        and rule.environment_id in (None, event.environment_id)
        and rule.resource_id in (None, event.resource_id)
        and all(labels.get(name) == value for name, value in rule.labels.items())
    )


def _particular(rule: Rule) -> tuple[bool, int, bool, bool, bool, bool, str]:
    return (
        rule.resource_id is not None,
        len(rule.labels),
        rule.environment_id is not None,
        bool(rule.channel_ids),
        bool(rule.events),
        rule.project_id is not None,
        rule.id,
    )


def threshold(kind: str, project_id: str | None, rules: Sequence[Rule], now: datetime) -> int:
    """What counts as too old or too full there: the project's rule, else the server's, else as shipped."""
    found = [
        rule
        for rule in rules
        if rule.enabled
        and rule.threshold is not None
        and kind in rule.events
        and rule.project_id in (None, project_id)
        and (rule.until is None or now < rule.until)
    ]
    best = max(found, key=lambda rule: (rule.project_id is not None, rule.id), default=None)
    value = best.threshold if best else EVENT_TYPES[kind].threshold
    return value or 0


def leaves_at(begun: datetime, now: datetime, gather: timedelta, last_sent: datetime | None) -> datetime:
    """When a message that is being gathered leaves, after something was added to it at `now`.

    Once nothing more came for five seconds, at the latest `gather` after it was begun, and not within `gather` of the
    message before it: so a minute with a thousand failures is one message, and a single failure waits five seconds.
    """
    due = min(begun + gather, now + min(QUIET, gather))
    if last_sent is not None and last_sent <= now:
        due = max(due, last_sent + gather)
    return due


def waits(delivery_id: str, attempts: int, asked: timedelta | None = None) -> timedelta:
    """How long after the failed attempt number `attempts` (from 1) the next one comes; up to a fifth more or less, so
    that what failed together is not tried together. `asked`: what the receiver asked for counts when it is longer."""
    base = _WAITS[min(attempts, len(_WAITS)) - 1]
    spread = int.from_bytes(hashlib.sha256(f"{delivery_id}:{attempts}".encode()).digest()[:4], "big") / 2**32
    wait = timedelta(seconds=base * (0.8 + 0.4 * spread))
    return max(wait, min(asked, LONGEST_ASKED_WAIT)) if asked is not None else wait


def next_digest(digest_at: str, tz: str, after: datetime) -> datetime:
    """The first moment later than `after` when the clock there shows `digest_at` ("" = never asked for).

    A time that the clock jumps over in spring comes as much later; one that comes twice in autumn counts once.
    """
    zone = ZoneInfo(tz)
    hour, minute = (int(part) for part in digest_at.split(":"))
    day = after.astimezone(zone).date() - timedelta(days=1)
    while True:
        local = datetime(day.year, day.month, day.day, hour, minute, tzinfo=zone)
        moment = local.astimezone(after.tzinfo)
        if moment > after:
            return moment
        day += timedelta(days=1)
