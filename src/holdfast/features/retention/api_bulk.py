"""/api/v1/snapshots/bulk: tag, hold, release and forget many at once."""

from __future__ import annotations

from typing import Annotated

from fastapi import Depends
from pydantic import BaseModel, Field

from holdfast.features.access.http import CurrentActor
from holdfast.features.backups.searching import Search
from holdfast.features.retention.bulk import MOST, Act, BulkService, BulkWish, Item
from holdfast.web.errors import answers
from holdfast.web.parts import part
from holdfast.web.routes import Routes
from holdfast.web.wire import In, Moment

router = Routes(tags=["snapshots"])
Service = Annotated[BulkService, Depends(part(BulkService))]
Id = Annotated[str, Field(max_length=64)]
Tag = Annotated[str, Field(max_length=100)]


class BulkIn(In):
    """Which: `ids`, or (without them) what the other fields find. A preview unless `dry_run` is false, and then
    `confirm` is the number that the preview named."""

    act: Act
    ids: list[Id] = Field(default_factory=list, max_length=MOST)
    project_id: Id | None = None
    environment_id: Id | None = None
    resource_id: Id | None = None
    q: str | None = Field(default=None, max_length=200)
    tag: list[Tag] = Field(default_factory=list, max_length=20, description="Has these tags.")
    trigger: list[Id] = Field(default_factory=list, max_length=20)
    hold: bool | None = None
    since: Moment | None = None
    until: Moment | None = None
    tags: list[Tag] = Field(default_factory=list, max_length=50, description="To add, or to take away.")
    dry_run: bool = True
    confirm: int | None = Field(default=None, ge=0)

    def wish(self) -> BulkWish:
        search = Search(self.q, self.tag, self.trigger, self.hold, self.since, self.until)
        place = {name: getattr(self, name) for name in ("project_id", "environment_id", "resource_id")}
        return BulkWish(self.act, self.ids, search, **place, tags=self.tags, dry_run=self.dry_run, confirm=self.confirm)


class BulkItemOut(BaseModel):
    """`done` false: nothing became of it, and `reason` says why."""

    snapshot_id: str
    resource_name: str | None
    done: bool
    reason: str | None

    @classmethod
    def of(cls, item: Item) -> BulkItemOut:
        name = item.snapshot.resource_name if item.snapshot else None
        return cls(snapshot_id=item.snapshot_id, resource_name=name, done=item.why is None, reason=item.why)


class BulkOut(BaseModel):
    """`done` of `found` were changed, or would be by the same request with `confirm`."""

    dry_run: bool
    found: int
    done: int
    items: list[BulkItemOut]


@router.post("/snapshots/bulk", operation_id="snapshot_bulk", responses=answers(403, 404, 409))
def bulk(body: BulkIn, actor: CurrentActor, service: Service) -> BulkOut:
    """Tag, untag, hold, release or forget many snapshots at once; forgotten ones can come back for a while."""
    report = service.carry_out(actor, body.wish())
    items = [BulkItemOut.of(item) for item in report.items]
    return BulkOut(dry_run=report.dry_run, found=len(items), done=report.done, items=items)
