"""Finding snapshots: by a text, tags, when they were taken, why."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from operator import eq
from typing import Any

import sqlalchemy as sa

from holdfast.features.backups.freshness import in_word
from holdfast.features.backups.model import ORIGIN, snapshots
from holdfast.kernel.db.types import json_elements


@dataclass(frozen=True)
class Search:
    """`text`: in the id, the database's name, a tag or an imported file's name, whatever the case. `tags`: all of them.
    `since`, `until`: when it was taken (or asked for, while it was not). `proof`: one of PROOF_WORDS."""

    text: str | None = None
    tags: Sequence[str] = ()
    triggers: Sequence[str] = ()
    hold: bool | None = None
    since: datetime | None = None
    until: datetime | None = None
    proof: str | None = None

    def conditions(self, conn: sa.Connection) -> list[sa.ColumnElement[bool]]:
        c = snapshots.c
        moment = sa.func.coalesce(c.taken_at, c.created_at)
        found: list[sa.ColumnElement[bool]] = [_tagged(conn, partial(eq, tag)) for tag in self.tags]
        if self.text:
            words = self.text
            file = c.summary[(ORIGIN, "file")].as_string()
            columns = [column.icontains(words, autoescape=True) for column in (c.id, c.resource_name, file)]
            found.append(sa.or_(*columns, _tagged(conn, lambda value: value.icontains(words, autoescape=True))))
        if self.triggers:
            found.append(c.trigger.in_(self.triggers))
        if self.hold is not None:
            found.append(c.hold.is_(self.hold))
        if self.proof is not None:
            found.append(in_word(self.proof))
        if self.since is not None:
            found.append(moment >= self.since)
        if self.until is not None:
            found.append(moment < self.until)
        return found


def _tagged(
    conn: sa.Connection, fits: Callable[[sa.ColumnElement[Any]], sa.ColumnElement[bool]]
) -> sa.ColumnElement[bool]:
    """Whether one of a snapshot's tags fits."""
    each = json_elements(conn, snapshots.c.tags)
    return sa.exists(sa.select(sa.literal(1)).select_from(each).where(fits(each.c.value)))
