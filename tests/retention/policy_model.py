"""What a policy keeps, asked in the slowest way: each rule by its definition over all snapshots."""

from __future__ import annotations

from datetime import datetime, timedelta, tzinfo

from holdfast.features.retention.policy import SKEW, Item, Policy


def _period(rule: str, item: Item, tz: tzinfo) -> str:
    local = item.at.astimezone(tz)
    if rule == "last":
        return item.id
    form = {"hourly": "%Y-%m-%dT%H%z", "daily": "%Y-%m-%d", "weekly": "%G-%V", "monthly": "%Y-%m", "yearly": "%Y"}
    return local.strftime(form[rule])


def model(items: list[Item], policy: Policy, tz: tzinfo, now: datetime) -> set[str]:
    """What is kept, each rule by its definition over all snapshots."""
    counted = [i for i in items if i.good and i.at <= now + SKEW]
    kept = {i.id for i in items if i.hold or set(i.tags) & set(policy.tags) or i.at > now + SKEW}
    order = {i.id: (i.at, i.id) for i in items}
    if not policy.has_rules:
        kept |= {i.id for i in counted}
    for rule in ("last", "hourly", "daily", "weekly", "monthly", "yearly"):
        newest: dict[str, Item] = {}
        for item in counted:
            period = _period(rule, item, tz)
            if period not in newest or order[newest[period].id] < order[item.id]:
                newest[period] = item
        best = sorted(newest.values(), key=lambda i: order[i.id])
        most = getattr(policy, rule) or 0
        kept |= {i.id for i in best[-most:]} if most else set()
    if policy.within and counted:
        newest_at = max(i.at for i in counted).astimezone(tz)
        kept |= {i.id for i in counted if i.at > newest_at - timedelta(days=policy.within)}
    for group in (counted, [i for i in counted if i.proven]):
        kept |= {max(group, key=lambda i: order[i.id]).id} if group else set()
    rest = sorted((i for i in counted if i.id not in kept), key=lambda i: order[i.id])
    while rest and sum(i.id in kept for i in counted) < policy.minimum:
        kept.add(rest.pop().id)
    best_at = max((i.at for i in counted), default=None)
    return kept | {i.id for i in items if not i.good and (best_at is None or i.at >= best_at)}
