"""Which databases belong to a plan."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from holdfast.features.databases.model import Resource
from holdfast.features.plans.model import Plan

DEFAULT = ""  # as a repository: the database's default one


def covered(plan: Plan, resources: Sequence[Resource]) -> Iterator[Resource]:
    """Those of `resources` that the plan takes snapshots of."""
    selects, environments = plan.selects, set(plan.environment_ids)
    for resource in resources:
        here = resource.project_id == plan.project_id and (not environments or resource.environment_id in environments)
        if here and selects.covers(resource.id, resource.name, resource.labels):
            yield resource
