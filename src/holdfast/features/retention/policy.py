"""Which snapshots a policy keeps. Pure: nothing is read, nothing is deleted here.

The rules mean what restic's keep-* mean (restic `internal/restic/snapshot_policy.go`): each keeps the newest snapshot
of its last n periods that have one, a snapshot that any rule keeps is kept, and `within` counts back from the newest
snapshot, not from now. Periods are calendar ones of a time zone.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from datetime import datetime, timedelta, tzinfo
from itertools import pairwise
from typing import Any

from holdfast.kernel.errors import Conflict, Invalid

MOST = 100_000
SKEW = timedelta(minutes=10)  # what honest clocks of two machines differ by
JUMP = timedelta(days=30)  # a silence this long, and JUMP_TIMES the usual one, may be a clock that jumped
JUMP_TIMES = 10


@dataclass(frozen=True)
class Policy:
    """`last` to `yearly`: how many periods; None or 0 = the rule is off. `within`: days. `minimum`: good snapshots that
    are kept whatever the rules say. `tags`: a snapshot with one of them is kept. Without any rule all are kept.

    Raises Invalid.
    """

    last: int | None = None
    hourly: int | None = None
    daily: int | None = 7
    weekly: int | None = 4
    monthly: int | None = 12
    yearly: int | None = None
    within: int | None = None
    minimum: int = 3
    tags: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for name in (*_COUNTED, "within"):
            value = getattr(self, name)
            if value is not None and (type(value) is not int or not 0 <= value <= MOST):
                raise _invalid(name, f"is a number from 0 to {MOST}, or absent")
        if type(self.minimum) is not int or not 1 <= self.minimum <= MOST:
            raise _invalid("minimum", f"is a number from 1 to {MOST}")
        if not all(type(tag) is str and tag for tag in self.tags):
            raise _invalid("tags", "are texts, none empty")

    @property
    def has_rules(self) -> bool:
        return any(getattr(self, name) for name in (*_COUNTED, "within"))

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Policy:
        """Inverse of `as_json`; what is absent has its default. Raises Invalid, also for names there are not."""
        known = {field.name for field in fields(cls)}
        if odd := sorted(set(data) - known):
            raise _invalid(odd[0], "is no part of a retention policy")
        tags = data.get("tags", ())
        if isinstance(tags, str) or not isinstance(tags, Sequence):
            raise _invalid("tags", "are a list of texts")
        return cls(**{**data, "tags": tuple(tags)})

    def as_json(self) -> dict[str, Any]:
        return {**asdict(self), "tags": list(self.tags)}


@dataclass(frozen=True)
class Item:
    """A snapshot as a policy sees it. `good`: stored, and no verification found it wrong. `proven`: verified to the
    level it was made for."""

    id: str
    at: datetime
    good: bool = True
    proven: bool = True
    hold: bool = False
    tags: Sequence[str] = ()


@dataclass(frozen=True)
class Decision:
    """`reasons`: the rules that keep it, or why it goes."""

    id: str
    keep: bool
    reasons: tuple[str, ...]


def decide(
    items: Iterable[Item], policy: Policy, now: datetime, tz: tzinfo, *, trust_clock: bool = False
) -> list[Decision]:
    """One decision for each snapshot of one database in one repository, newest first.

    Always kept, whatever the policy: what is held or has a tag to keep, the newest good and the newest proven snapshot,
    those from the future (counted by no rule: a clock was wrong), and everything while there is no good one. What is
    not good takes no period's place, and goes once a newer good one is there.

    Raises Conflict (code "clock_implausible") when something would go although the clock seems to have jumped; with
    `trust_clock` a person has looked at it.
    """
    ordered = sorted(items, key=lambda item: (item.at, item.id), reverse=True)
    reasons: dict[str, list[str]] = {item.id: _always(item, policy, now) for item in ordered}
    counted = [item for item in ordered if item.good and item.at <= now + SKEW]
    for reason, ids in _kept(counted, policy, tz):
        for kept in ids:
            reasons[kept].append(reason)
    _keep_minimum(counted, policy, reasons)
    newest_good = counted[0].at if counted else None
    decisions = []
    for item in ordered:
        found = reasons[item.id]
        if not found and not item.good and (newest_good is None or item.at >= newest_good):
            found.append("nothing newer is good")
        why = tuple(found) or (("not good, and a newer one is",) if not item.good else ("no rule keeps it",))
        decisions.append(Decision(item.id, bool(found), why))
    if not trust_clock and any(not decision.keep for decision in decisions):
        _require_plausible(counted, policy, now)
    return decisions


def _always(item: Item, policy: Policy, now: datetime) -> list[str]:
    reasons = ["hold"] if item.hold else []
    reasons += [f"tag {tag}" for tag in item.tags if tag in policy.tags]
    if item.at > now + SKEW:
        reasons.append("from the future")
    return reasons


def _kept(counted: Sequence[Item], policy: Policy, tz: tzinfo) -> Iterable[tuple[str, list[str]]]:
    """(rule, ids of what it keeps) for good snapshots, newest first."""
    if not counted:
        return
    if not policy.has_rules:
        yield "no rules", [item.id for item in counted]
        return
    for name, period in _COUNTED.items():
        yield name, _newest_of_periods(counted, getattr(policy, name) or 0, period, tz)
    if policy.within:
        since = counted[0].at.astimezone(tz) - timedelta(days=policy.within)  # wall time: a day is a calendar day
        yield "within", [item.id for item in counted if item.at > since]
    yield "newest good", [counted[0].id]
    yield "newest verified", [item.id for item in counted if item.proven][:1]


def _newest_of_periods(
    counted: Sequence[Item], most: int, period: Callable[[Item, tzinfo], object], tz: tzinfo
) -> list[str]:
    seen: dict[object, str] = {}
    for item in counted:
        if len(seen) >= most:
            break
        seen.setdefault(period(item, tz), item.id)
    return list(seen.values())


def _keep_minimum(counted: Sequence[Item], policy: Policy, reasons: Mapping[str, list[str]]) -> None:
    """The newest of those no rule keeps, until enough are kept."""
    lacking = policy.minimum - sum(bool(reasons[item.id]) for item in counted)
    for item in counted:
        if lacking <= 0:
            return
        if not reasons[item.id]:
            reasons[item.id].append("minimum")
            lacking -= 1


def _require_plausible(counted: Sequence[Item], policy: Policy, now: datetime) -> None:
    """Refuse while the newest moments lie further apart than anything before: a clock that jumped makes everything
    look old. Believed again once `minimum` snapshots were taken after the gap."""
    moments = [now, *(item.at for item in counted)]
    gaps = [newer - older for newer, older in pairwise(moments)]
    recent, usual = gaps[: policy.minimum], sorted(gaps[policy.minimum :] or gaps[1:])
    if not usual:
        return
    bound = max(JUMP, JUMP_TIMES * usual[len(usual) // 2])
    widest = max(recent)
    if widest > bound:
        raise Conflict(
            f"it is {now.isoformat(timespec='minutes')}, and before that there was nothing for {widest.days} days: "
            "the clock may have jumped, so nothing is deleted",
            code="clock_implausible",
            hint="Look at the machine's clock. If it is right, take a few snapshots, or say --trust-clock.",
        )


def _hour(item: Item, tz: tzinfo) -> object:
    """With its offset: the hour that a change of the clocks repeats is two hours."""
    local = item.at.astimezone(tz)
    return local.date(), local.hour, local.utcoffset()


_COUNTED: Mapping[str, Callable[[Item, tzinfo], object]] = {
    "last": lambda item, tz: item.id,  # noqa: ARG005  one face for all periods
    "hourly": _hour,
    "daily": lambda item, tz: item.at.astimezone(tz).date(),
    "weekly": lambda item, tz: item.at.astimezone(tz).isocalendar()[:2],
    "monthly": lambda item, tz: item.at.astimezone(tz).strftime("%Y-%m"),
    "yearly": lambda item, tz: item.at.astimezone(tz).year,
}


def _invalid(name: str, text: str) -> Invalid:
    message = f"{name} {text}"
    return Invalid(message, code="retention_invalid", details={"fields": [{"field": name, "message": text}]})
