"""Storage classes and savings on the wire."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from pydantic import BaseModel, Field

from holdfast.features.backups.wire import SnapshotOut
from holdfast.features.colder.model import MOST_DAYS, By, ColderRule, Prices
from holdfast.features.colder.savings import ClassLine, Savings
from holdfast.features.colder.service import Shown
from holdfast.features.runs.wire import RunOut
from holdfast.vault.stores.classes import COLDER, HOT, Tier
from holdfast.vault.stores.s3_lifecycle import ASKS_FIRST
from holdfast.web.wire import In


class ColderRuleIn(In):
    """What only snapshots older than `after_days` need goes to `storage_class`. `by` holdfast: a run each day copies in
    place; store: a lifecycle rule of the bucket that we write (format plain only)."""

    after_days: int = Field(ge=1, le=MOST_DAYS)
    storage_class: str = Field(max_length=40)
    by: By = "holdfast"
    old_versions_days: int | None = Field(
        default=None, ge=1, le=MOST_DAYS, description="By store: when deleted or replaced versions end."
    )
    parts_days: int | None = Field(
        default=None, ge=1, le=MOST_DAYS, description="By store: when uploads that never ended are removed."
    )

    def rule(self) -> ColderRule:
        return ColderRule(**self.model_dump())


class ColderIn(In):
    """`rule` null: nothing goes to a colder class any more; what is there stays until it is moved back."""

    rule: ColderRuleIn | None


class MoveIn(In):
    dry_run: bool = Field(default=True, description="Say what would move; nothing does.")
    back: bool = Field(default=False, description="Everything to the first class again.")


class ThawIn(In):
    days: int = Field(default=7, ge=1, le=365, description="For how long it can be read.")
    tier: Tier = Field(default="Standard", description="How fast, and how dear: the store's own words.")


class PricesIn(In):
    """By class, for a GB (10^9 bytes) and month. Null forgets them."""

    currency: str = Field(min_length=1, max_length=8)
    per_gb_month: dict[str, float] = Field(max_length=20)


class PricesWishIn(In):
    prices: PricesIn | None

    def wish(self) -> Prices | None:
        return Prices(self.prices.currency, self.prices.per_gb_month) if self.prices else None


class ColderRuleOut(BaseModel):
    after_days: int
    storage_class: str
    by: str
    old_versions_days: int | None
    parts_days: int | None


class PricesOut(BaseModel):
    currency: str
    per_gb_month: dict[str, float]


class ColderOut(BaseModel):
    """`classes`: those that this repository may use."""

    repository_id: str
    rule: ColderRuleOut | None
    prices: PricesOut | None
    classes: list[str]

    @classmethod
    def of(cls, shown: Shown) -> ColderOut:
        kept = shown.classes
        usable = [name for name in COLDER if shown.archives or name not in ASKS_FIRST]
        return cls(
            repository_id=shown.repository.id,
            rule=ColderRuleOut(**kept.rule) if kept and kept.rule else None,
            prices=PricesOut(**kept.prices) if kept and kept.prices else None,
            classes=[HOT, *usable] if shown.repository.kind == "s3" else [],
        )


class ColderRunOut(BaseModel):
    repository_id: str
    run: RunOut


class ThawRunOut(BaseModel):
    snapshot: SnapshotOut
    run: RunOut


class ClassOut(BaseModel):
    """`pieces` null: not counted by a run yet. `cost` a month; null without a price."""

    name: str
    pieces: int | None
    bytes: int
    cost: float | None

    @classmethod
    def of(cls, line: ClassLine) -> ClassOut:
        return cls(name=line.name, pieces=line.pieces, bytes=line.bytes, cost=line.cost)


class SavingsOut(BaseModel):
    """`logical_bytes`: the databases as they were, snapshot by snapshot; `saved_bytes`: what sharing and packing spare
    of that. Money is for a month, and null without prices."""

    repository_id: str
    name: str
    kind: str
    format: str
    snapshots: int
    logical_bytes: int
    stored_bytes: int
    saved_bytes: int
    deleted_30d: int
    deleted_30d_bytes: int = Field(description="What the snapshots that went had added when they were taken.")
    collected_30d_bytes: int = Field(description="What collections of garbage freed.")
    classes: list[ClassOut]
    counted_at: datetime | None
    colder_bytes: int
    currency: str | None
    cost: float | None
    colder_saves: float | None
    packing_saves: float | None

    @classmethod
    def of(cls, found: Savings) -> SavingsOut:
        return cls(
            repository_id=found.row.id,
            name=found.row.name,
            kind=found.row.kind,
            format=found.row.format,
            snapshots=found.sums.snapshots,
            logical_bytes=found.sums.logical,
            stored_bytes=found.stored,
            saved_bytes=found.saved,
            deleted_30d=found.sums.gone,
            deleted_30d_bytes=found.sums.gone_bytes,
            collected_30d_bytes=found.collected,
            classes=[ClassOut.of(line) for line in found.classes],
            counted_at=found.counted_at,
            colder_bytes=found.colder_bytes,
            currency=found.currency,
            cost=found.cost,
            colder_saves=found.colder_saves,
            packing_saves=found.packing_saves,
        )


class MoneyOut(BaseModel):
    """Of the repositories with prices in this currency."""

    currency: str
    cost: float
    colder_saves: float
    packing_saves: float


class TotalOut(BaseModel):
    repositories: int
    snapshots: int
    logical_bytes: int
    stored_bytes: int
    saved_bytes: int
    deleted_30d: int
    deleted_30d_bytes: int
    collected_30d_bytes: int
    colder_bytes: int
    money: list[MoneyOut]

    @classmethod
    def of(cls, found: Sequence[Savings]) -> TotalOut:
        return cls(
            repositories=len(found),
            snapshots=sum(each.sums.snapshots for each in found),
            logical_bytes=sum(each.sums.logical for each in found),
            stored_bytes=sum(each.stored for each in found),
            saved_bytes=sum(each.saved for each in found),
            deleted_30d=sum(each.sums.gone for each in found),
            deleted_30d_bytes=sum(each.sums.gone_bytes for each in found),
            collected_30d_bytes=sum(each.collected for each in found),
            colder_bytes=sum(each.colder_bytes for each in found),
            money=[_money(name, found) for name in sorted({each.currency for each in found if each.currency})],
        )


class SavingsPage(BaseModel):
    """`total` is of all, whatever the page."""

    items: list[SavingsOut]
    next_cursor: str | None
    total: TotalOut


def _money(currency: str, found: Sequence[Savings]) -> MoneyOut:
    mine = [each for each in found if each.currency == currency]
    return MoneyOut(
        currency=currency,
        cost=round(sum(each.cost or 0 for each in mine), 6),
        colder_saves=round(sum(each.colder_saves or 0 for each in mine), 6),
        packing_saves=round(sum(each.packing_saves or 0 for each in mine), 6),
    )
