"""What became of one attempt."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta


@dataclass(frozen=True)
class Outcome:
    """`code` and `response` are the receiver's, cut short; `again`: whether another attempt may do better;
    `after`: how long the receiver asked to wait."""

    ok: bool
    code: int | None = None
    response: str = ""
    error: str | None = None
    hint: str | None = None
    again: bool = True
    after: timedelta | None = None

    @classmethod
    def failed(cls, error: str, *, hint: str | None = None, again: bool = True) -> Outcome:
        return cls(False, error=error, hint=hint, again=again)
