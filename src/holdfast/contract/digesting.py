"""Digests of rows by the method of an earlier time, so that old snapshots stay comparable."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol, runtime_checkable

from holdfast.kernel.stop import Stop


@runtime_checkable
class CanRepeatDigests(Protocol):
    """Sessions that know more than one `TableFacts.method`. See `CanDigest`."""

    def digests_by(self, select: Sequence[str], methods: Mapping[str, str], stop: Stop) -> dict[str, tuple[int, str]]:
        """As `digests`, for each "schema.table" by the method named for it; by the present one where none is named, or
        one that is not known."""
        ...
