"""Tags and rules on the wire."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated

from pydantic import BaseModel, Field

from holdfast.features.backups.model import Snapshot
from holdfast.features.backups.tagging.model import Conditions, Rule, Tag
from holdfast.features.backups.tagging.service import Look
from holdfast.web.paging import encode_cursor
from holdfast.web.wire import In

TagName = Annotated[str, Field(min_length=1, max_length=100)]
_Some = Annotated[list[Annotated[str, Field(min_length=1, max_length=64)]], Field(max_length=50)]


class TagIn(In):
    """How a tag looks wherever snapshots are shown."""

    name: TagName
    colour: str | None = Field(
        default=None, pattern=r"^([a-z]{3,20}|#[0-9a-f]{6})$", description="A colour's name, or #rrggbb."
    )
    description: str = Field(default="", max_length=500)


class TagOut(BaseModel):
    name: str
    colour: str | None
    description: str
    changed_by: str
    changed_at: datetime

    @classmethod
    def of(cls, tag: Tag) -> TagOut:
        return cls(**{name: getattr(tag, name) for name in cls.model_fields})


class ConditionsIn(In):
    """Those that are said must all hold; none said: every snapshot. A list holds by any of its items."""

    engines: _Some = Field(default_factory=list)
    labels: dict[str, str] = Field(
        default_factory=dict, max_length=50, description="The database has all of these labels."
    )
    plan_ids: _Some = Field(default_factory=list, description="Taken by one of these plans.")
    triggers: _Some = Field(default_factory=list, description="manual, schedule, safety, import, adopted...")
    pattern: str | None = Field(
        default=None, min_length=1, max_length=200, description="The database's name as a glob: shop-*."
    )
    least_bytes: int | None = Field(default=None, ge=0, le=1 << 60, description="What it holds: at least this much.")
    most_bytes: int | None = Field(default=None, ge=0, le=1 << 60, description="What it holds: at most this much.")

    def conditions(self) -> Conditions:
        return Conditions(**self.model_dump())


class RuleIn(In):
    """Which tags to add to what. A retention policy that keeps by one of them keeps what the rule tags."""

    tags: Annotated[list[TagName], Field(min_length=1, max_length=10)]
    conditions: ConditionsIn = Field(default_factory=ConditionsIn)
    enabled: bool = Field(default=True, description="Whether it tags snapshots by itself as they become ready.")


class RuleOut(BaseModel):
    name: str
    tags: list[str]
    conditions: ConditionsIn
    enabled: bool
    changed_by: str
    changed_at: datetime

    @classmethod
    def of(cls, rule: Rule) -> RuleOut:
        values = {name: getattr(rule, name) for name in cls.model_fields if name != "conditions"}
        return cls(**values, conditions=ConditionsIn(**rule.conditions.as_json()))


class TaggedOut(BaseModel):
    """A snapshot and what the rule adds to it. `tags`: those it has."""

    snapshot_id: str
    resource_id: str
    resource_name: str
    taken_at: datetime | None
    tags: list[str]
    added: list[str]

    @classmethod
    def of(cls, snapshot: Snapshot, added: Sequence[str]) -> TaggedOut:
        same = {name: getattr(snapshot, name) for name in ("resource_id", "resource_name", "taken_at", "tags")}
        return cls(snapshot_id=snapshot.id, added=list(added), **same)


class LookOut(BaseModel):
    """Some of the project's ready snapshots were looked at, newest first: a page may be empty and not the last."""

    items: list[TaggedOut]
    looked_at: int
    next_cursor: str | None = Field(description="Ask again with it: there are more snapshots.")

    @classmethod
    def of(cls, look: Look) -> LookOut:
        return cls(
            items=[TaggedOut.of(*each) for each in look.found],
            looked_at=look.looked_at,
            next_cursor=encode_cursor(look.after) if look.after else None,
        )
