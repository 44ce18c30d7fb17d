"""Storage classes: what a store keeps pieces in, cheaper the longer it may take (or cost) to read them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

from holdfast.vault.stores.s3_lifecycle import ASKS_FIRST, Rule

HOT = "STANDARD"
# From the warmest to the coldest: a move goes down only, as the rules of stores do.
COLDER = (
    "INTELLIGENT_TIERING",
    "REDUCED_REDUNDANCY",
    "STANDARD_IA",
    "ONEZONE_IA",
    "GLACIER_IR",
    "GLACIER",
    "DEEP_ARCHIVE",
)
_RANK = {name: rank for rank, name in enumerate((HOT, *COLDER))}
LEAST_BYTES = 131_072  # smaller ones are billed as this much in the colder classes
Tier = Literal["Standard", "Bulk", "Expedited"]
# Hours until a piece can be read (AWS: "Understanding archive retrieval options").
HOURS = {
    ("GLACIER", "Expedited"): "5 minutes",
    ("GLACIER", "Standard"): "3 to 5 hours",
    ("GLACIER", "Bulk"): "5 to 12 hours",
    ("DEEP_ARCHIVE", "Standard"): "12 hours",
    ("DEEP_ARCHIVE", "Bulk"): "48 hours",
}


@dataclass(frozen=True)
class Shelved:
    """A piece and its class. `asked`: it was asked for and is on its way; `here_until`: it can be read until then."""

    name: str
    size: int
    storage_class: str
    asked: bool = False
    here_until: str | None = None

    @property
    def readable(self) -> bool:
        return self.storage_class not in ASKS_FIRST or self.here_until is not None


class Shelves(Protocol):
    """What a store can tell and do about classes. Errors as of `Store`; NeedsOperator (code "piece_archived") for a
    piece that has to be asked for first."""

    def listing(self, below: str = "") -> Iterator[Shelved]:
        """Every piece below, in no order."""
        ...

    def look(self, name: str) -> Shelved: ...

    def move(self, name: str, size: int, storage_class: str) -> None:
        """In place: the same bytes under the same name. Again is harmless."""
        ...

    def ask_for(self, name: str, days: int, tier: Tier) -> None:
        """Have an archived piece readable for so many days, some hours from now. Again is harmless."""
        ...

    def rules(self) -> tuple[Rule, ...] | None:
        """The bucket's lifecycle rules; None when they are not shown."""
        ...

    def put_rules(self, ours: Sequence[Rule], stem: str) -> None:
        """Instead of those whose names begin with `stem`; all others stay byte for byte. Read back: NeedsOperator (code
        "lifecycle_lost") when the store did not keep what was written, and then the old ones are put back."""
        ...

    def close(self) -> None: ...


def colder(one: str, than: str) -> bool:
    """Whether class `one` is colder. An unknown one is never, so that nothing is moved out of it."""
    return one in _RANK and than in _RANK and _RANK[one] > _RANK[than]
