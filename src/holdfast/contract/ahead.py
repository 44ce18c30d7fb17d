"""Counting while others still read: for captures whose end would otherwise be waited for."""

from __future__ import annotations

from typing import Protocol, runtime_checkable


@runtime_checkable
class LooksAhead(Protocol):
    """A capture that can do a part of its `finish` before its entries were read."""

    def look_ahead(self) -> None:
        """Called once, from a thread of its own, while entries are read; `finish` comes after both have ended.

        Does nothing where it would hold up the reading. Raises what `finish` would raise."""
        ...
