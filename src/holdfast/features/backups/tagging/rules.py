"""Whether a rule holds of a snapshot, and which tags that adds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fnmatch import fnmatchcase

import sqlalchemy as sa

from holdfast.features.backups.model import Snapshot, snapshots
from holdfast.features.backups.preparing import MAX_TAGS
from holdfast.features.backups.tagging.model import Conditions, Rule


def holds(conditions: Conditions, snapshot: Snapshot, labels: Mapping[str, str]) -> bool:
    """`labels`: of its database now; none where that is gone."""
    size = snapshot.source_bytes
    sized = conditions.least_bytes is not None or conditions.most_bytes is not None
    if sized and (size is None or not (conditions.least_bytes or 0) <= size <= _most(conditions, size)):
        return False
    wanted = conditions.labels or {}
    return (
        (not conditions.engines or snapshot.engine in conditions.engines)
        and (not conditions.plan_ids or snapshot.plan_id in conditions.plan_ids)
        and (not conditions.triggers or snapshot.trigger in conditions.triggers)
        and (conditions.pattern is None or fnmatchcase(snapshot.resource_name, conditions.pattern))
        and all(labels.get(key) == value for key, value in wanted.items())
    )


def _most(conditions: Conditions, size: int) -> int:
    return size if conditions.most_bytes is None else conditions.most_bytes


def narrowed(conditions: Conditions) -> list[sa.ColumnElement[bool]]:
    """What the database can say of them; `holds` decides."""
    c = snapshots.c
    found: list[sa.ColumnElement[bool]] = []
    for column, values in (
        (c.engine, conditions.engines),
        (c.plan_id, conditions.plan_ids),
        (c.trigger, conditions.triggers),
    ):
        if values:
            found.append(column.in_(values))
    if conditions.least_bytes is not None:
        found.append(c.source_bytes >= conditions.least_bytes)
    if conditions.most_bytes is not None:
        found.append(c.source_bytes <= conditions.most_bytes)
    return found


def added(rules: Sequence[Rule], snapshot: Snapshot, labels: Mapping[str, str]) -> list[str]:
    """The tags it does not have yet, as far as there is room for them."""
    wanted = [tag for rule in rules if holds(rule.conditions, snapshot, labels) for tag in rule.tags]
    new = [tag for tag in dict.fromkeys(wanted) if tag not in snapshot.tags]
    return new[: max(0, MAX_TAGS - len(snapshot.tags))]
