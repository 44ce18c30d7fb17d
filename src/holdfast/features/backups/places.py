"""Where repositories lie, and the stores there: built here with everything that is around a driver."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from holdfast.features.backups.model import RepositoryRow
from holdfast.kernel.clock import Clock
from holdfast.kernel.outbound_relay import Relay
from holdfast.vault.stores.base import Store
from holdfast.vault.stores.breaker import Breaker, BreakerView, BreakingStore
from holdfast.vault.stores.local import LocalStore
from holdfast.vault.stores.probe import Report, probe
from holdfast.vault.stores.retrying import RetryingStore
from holdfast.vault.stores.s3 import AccessKey, S3Place, s3_store
from holdfast.vault.stores.s3_signed import SignedQuestions

RUNNER_PATIENCE = 120.0  # seconds a run waits for a store that does not answer
API_PATIENCE = 3.0  # someone waits for the answer
ACCESS_KEY, SECRET, TOKEN = "access_key_id", "secret_access_key", "session_token"
# What stock restic reads them from.
VARIABLES = {ACCESS_KEY: "AWS_ACCESS_KEY_ID", SECRET: "AWS_SECRET_ACCESS_KEY", TOKEN: "AWS_SESSION_TOKEN"}
Changed = Callable[[str, BreakerView], None]


class Places:
    """Of one process. `patience`: seconds that a call to a cloud store may be tried again."""

    def __init__(self, root: Path, relay: Relay, clock: Clock, patience: float = API_PATIENCE) -> None:
        self.root = root
        self._relay = relay
        self._clock = clock
        self._patience = patience
        self._breakers: dict[str, Breaker] = {}
        self._lock = threading.Lock()

    def path(self, repository_id: str) -> Path:
        """Of a local one."""
        return self.root / repository_id

    def where(self, row: RepositoryRow) -> str:
        """What stock restic takes as -r."""
        return str(self.path(row.id)) if row.lies is None else s3_place(row.lies).restic()

    def store(
        self, row: RepositoryRow, credential: Mapping[str, str], changed: Changed, *, patience: float | None = None
    ) -> Store:
        """`changed` hears of a cloud store's opening and closing breaker."""
        if row.lies is None:
            self.root.mkdir(mode=0o700, parents=True, exist_ok=True)
            return LocalStore(self.path(row.id))
        driver = s3_store(s3_place(row.lies), access_key(credential), self._relay)
        guarded = BreakingStore(driver, self._breaker(row.id, changed))
        return RetryingStore(guarded, self._clock, self._patience if patience is None else patience)

    def breaker(self, repository_id: str) -> BreakerView | None:
        """This process's view; None when it never called there."""
        found = self._breakers.get(repository_id)
        return found.view() if found else None

    def test(self, place: S3Place, credential: Mapping[str, str]) -> Report:
        """See `probe`. Without retries: someone waits for the answer."""
        target = place.target
        self._relay.policy.check(target)
        self._relay.policy.addresses(target.host, target.port)
        key = access_key(credential)
        questions = SignedQuestions(place, key, self._relay.policy, self._clock)
        try:
            return probe(place, s3_store(place, key, self._relay), questions)
        finally:
            questions.close()

    def close(self) -> None:
        self._relay.close()

    def _breaker(self, repository_id: str, changed: Changed) -> Breaker:
        with self._lock:
            if repository_id not in self._breakers:
                self._breakers[repository_id] = Breaker(self._clock, lambda view: changed(repository_id, view))
            return self._breakers[repository_id]


def s3_place(lies: Mapping[str, Any]) -> S3Place:
    return S3Place(**lies)


def described(place: S3Place) -> tuple[dict[str, Any], str]:
    """(`lies`, `location`) of a row."""
    target = place.target
    return asdict(place), f"s3://{target.host}:{target.port}/{place.bucket}/{place.prefix}"


def overlaps(one: str, other: str) -> bool:
    """Whether one location is the other, or inside it."""
    first, second = one.rstrip("/") + "/", other.rstrip("/") + "/"
    return first.startswith(second) or second.startswith(first)


def access_key(credential: Mapping[str, str]) -> AccessKey:
    return AccessKey(credential[ACCESS_KEY], credential[SECRET], credential.get(TOKEN) or None)
