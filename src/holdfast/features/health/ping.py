"""What each part registers so that health is complete."""

from __future__ import annotations

import shutil
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, wait
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import sqlalchemy as sa

from holdfast.kernel import log
from holdfast.kernel.db import Database
from holdfast.kernel.errors import HoldfastError, Retryable

Status = Literal["ok", "degraded", "down"]
PATIENCE_SECONDS = 2.0
_log = log.get("holdfast.health")


@dataclass(frozen=True)
class Ping:
    """`check` raises when the part is down, its message being the reason; what it returns is shown beside "ok".

    `needed` parts decide readiness; the others only degrade.
    """

    name: str
    check: Callable[[], str | None]
    needed: bool = True


@dataclass(frozen=True)
class Answer:
    status: Status
    latency_ms: float
    message: str | None = None
    hint: str | None = None


class Health:
    """Asks all parts at once, each for at most two seconds: a part that hangs must not hide the others."""

    def __init__(self, pings: tuple[Ping, ...]) -> None:
        self.pings = pings
        self._pool = ThreadPoolExecutor(max_workers=max(1, 2 * len(pings)), thread_name_prefix="health")
        self._busy: set[str] = set()
        self._lock = threading.Lock()

    def ask(self) -> dict[str, Answer]:
        futures = {ping.name: self._pool.submit(self._one, ping) for ping in self.pings}
        wait(futures.values(), timeout=PATIENCE_SECONDS)
        late = Answer("down", PATIENCE_SECONDS * 1000, "did not answer in time")
        return {name: future.result() if future.done() else late for name, future in futures.items()}

    def overall(self, answers: dict[str, Answer]) -> Status:
        bad = {name for name, answer in answers.items() if answer.status != "ok"}
        if any(ping.name in bad for ping in self.pings if ping.needed):
            return "down"
        return "degraded" if bad else "ok"

    def close(self) -> None:
        self._pool.shutdown(wait=False, cancel_futures=True)

    def _one(self, ping: Ping) -> Answer:
        with self._lock:
            if ping.name in self._busy:  # still hanging from before: do not hang one more thread on it
                return Answer("down", 0.0, "has not answered for a while")
            self._busy.add(ping.name)
        started = time.monotonic()
        try:
            message = ping.check()
            return Answer("ok", _ms(started), message)
        except HoldfastError as error:
            return Answer("down", _ms(started), error.message, error.hint)
        except Exception as error:  # noqa: BLE001 - any failure of a part is its answer; the log has the rest
            _log.warning("a part is down", part=ping.name, error=str(error))
            return Answer("down", _ms(started), type(error).__name__)
        finally:
            with self._lock:
                self._busy.discard(ping.name)


def _ms(started: float) -> float:
    return round((time.monotonic() - started) * 1000, 2)


def database_ping(db: Database) -> Ping:
    def check() -> None:
        with db.read() as conn:
            conn.execute(sa.select(1))

    return Ping("db", check)


def disk_ping(path: Path, reserve_bytes: int, name: str = "disk") -> Ping:
    """Down when free space has reached the reserve, where writes stop."""

    def check() -> str:
        free = shutil.disk_usage(path).free
        if free < reserve_bytes:
            raise Retryable(f"{free} bytes free, less than the reserve of {reserve_bytes}")
        return f"{free} bytes free"

    return Ping(name, check, needed=False)
