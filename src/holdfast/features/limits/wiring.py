"""The slice's parts, made once for the api process."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from holdfast.features.limits.admission import Admission
from holdfast.features.limits.book import LimitBook
from holdfast.features.limits.meter import MEMORY
from holdfast.features.limits.quota import Count, Quotas
from holdfast.features.limits.refusals import Refusals
from holdfast.features.limits.service import LimitsService
from holdfast.features.limits.words import What
from holdfast.kernel.clock import Clock
from holdfast.kernel.db import Database


@dataclass(frozen=True)
class Limits:
    """`admission` and `refusals` are for the guards, `quotas` for the slices above."""

    book: LimitBook
    admission: Admission
    refusals: Refusals
    quotas: Quotas
    service: LimitsService

    @property
    def parts(self) -> Mapping[type[Any], Any]:
        return {LimitBook: self.book, Admission: self.admission, Refusals: self.refusals, LimitsService: self.service}


def limits(db: Database, clock: Clock, counts: Mapping[What, Count], url: str = MEMORY) -> Limits:
    """`counts` are the questions of the slices above; `url` names where calls are counted."""
    book = LimitBook(db, clock)
    admission, quotas = Admission(book, clock, url), Quotas(book, clock, counts)
    return Limits(book, admission, Refusals(db, clock), quotas, LimitsService(db, clock, book, admission, quotas))
