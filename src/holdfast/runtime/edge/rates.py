"""How often a worker may be asked: counted at the edge, before the worker's process hears of it."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from typing import Literal

By = Literal["client", "key", "worker"]
_MOST = 50_000  # subjects that are remembered; the one longest silent is forgotten first


@dataclass(frozen=True)
class Rate:
    """`requests` within `seconds`, for each client address, each key, or all together."""

    requests: int
    seconds: float
    by: By


class Rates:
    """The generic cell rate algorithm: one moment for each subject, at which it will have used up nothing."""

    def __init__(self) -> None:
        self._full: dict[tuple[str, bytes], float] = {}

    def wait(self, worker_id: str, rate: Rate, subject: bytes, now: float) -> float:
        """Seconds until the next request may come; 0: this one is counted and may pass. `now`: a steady clock's."""
        key = (worker_id, subject)
        full = max(self._full.pop(key, now), now)
        step = rate.seconds / rate.requests
        late = full + step - now - rate.seconds
        if late <= 1e-9:
            full, late = full + step, 0.0
        self._full[key] = full  # at the end: it was heard of last
        if len(self._full) > _MOST:
            del self._full[next(iter(self._full))]
        return late


def network(client: bytes) -> bytes:
    """Who counts as one client: an IPv4 address, and of IPv6 the /64 that one household has."""
    if b":" not in client:
        return client
    try:
        address = ipaddress.IPv6Address(client.decode("ascii", "replace"))
    except ValueError:
        return client
    return str(address.ipv4_mapped).encode() if address.ipv4_mapped else address.packed[:8]
