"""What a running database says of itself in a moment: for metrics, never for decisions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from holdfast.kernel.stop import Stop


@dataclass(frozen=True)
class Measures:
    """None = this engine does not count it. `transactions` only rises while the server runs."""

    size_bytes: int | None = None
    connections: int | None = None
    connections_max: int | None = None
    transactions: int | None = None


@runtime_checkable
class CanMeasure(Protocol):
    """Sessions that can be asked for `Measures`."""

    def measure(self, stop: Stop) -> Measures:
        """Synchronous; a handful of cheap reads, no user data, no lock that anyone waits for.

        Raises Retryable when the database cannot be reached.
        """
        ...
