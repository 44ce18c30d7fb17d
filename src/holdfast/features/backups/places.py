"""Where repositories lie, and the stores there: built here with everything that is around a driver."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path

from holdfast.features.backups.kinds import KINDS, Credential, Fields
from holdfast.features.backups.model import RepositoryRow
from holdfast.kernel.clock import Clock
from holdfast.kernel.outbound_dial import unresolved
from holdfast.kernel.outbound_relay import Relay
from holdfast.kernel.stop import Stop
from holdfast.vault.stores.base import Store
from holdfast.vault.stores.breaker import Breaker, BreakerView, BreakingStore
from holdfast.vault.stores.classes import Shelves
from holdfast.vault.stores.findings import Report
from holdfast.vault.stores.local import LocalStore
from holdfast.vault.stores.retrying import RetryingStore
from holdfast.vault.stores.stopping import StoppableStore

RUNNER_PATIENCE = 120.0  # seconds a run waits for a store that does not answer
API_PATIENCE = 3.0  # someone waits for the answer
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

    def directory(self, row: RepositoryRow) -> Path:
        """Of a local one: in the data directory, or where it was when it was adopted."""
        return Path(str(row.lies["path"])) if row.lies else self.path(row.id)

    def where(self, row: RepositoryRow) -> str:
        """What stock restic takes as -r."""
        return str(self.directory(row)) if row.on_disk else KINDS[row.kind].place(row.lies or {}).restic()

    def store(
        self,
        row: RepositoryRow,
        credential: Credential,
        changed: Changed,
        *,
        patience: float | None = None,
        stop: Stop | None = None,
    ) -> Store:
        """`changed` hears of a cloud store's opening and closing breaker. After `stop` no wait for a cloud store goes
        on for more than some seconds."""
        if row.on_disk:
            self.root.mkdir(mode=0o700, parents=True, exist_ok=True)
            return LocalStore(self.directory(row))
        driver = KINDS[row.kind].driver(row.lies or {}, credential, self._relay, self._clock)
        guarded = BreakingStore(driver, self._breaker(row.id, changed))
        patient = self._patience if patience is None else patience
        if stop is None:
            return RetryingStore(guarded, self._clock, patient)
        return StoppableStore(RetryingStore(guarded, self._clock, patient, stop=stop), stop)

    def shelves(self, row: RepositoryRow, credential: Credential) -> Shelves | None:
        """Its storage classes; None where Holdfast does not move between them. Close it."""
        if row.on_disk:
            return None
        return KINDS[row.kind].shelves(row.lies or {}, credential, self._relay, self._clock)

    def breaker(self, repository_id: str) -> BreakerView | None:
        """This process's view; None when it never called there."""
        found = self._breakers.get(repository_id)
        return found.view() if found else None

    def test(self, kind: str, fields: Fields, credential: Credential) -> Report:
        """See the probes of `vault.stores`. Without retries: someone waits for the answer."""
        self.admit(kind, fields)
        return KINDS[kind].test(fields, credential, self._relay, self._clock)

    def admit(self, kind: str, fields: Fields) -> None:
        """Whether a store elsewhere is called from here at all. Raises Refused, and Retryable (code "host_unresolved").
        Its own calls are judged again, each."""
        target = KINDS[kind].place(fields).target
        self._relay.policy.check(target)
        try:
            self._relay.policy.addresses(target.host, target.port)
        except (OSError, UnicodeError) as error:
            raise unresolved(target.host) from error

    def close(self) -> None:
        self._relay.close()

    def _breaker(self, repository_id: str, changed: Changed) -> Breaker:
        with self._lock:
            if repository_id not in self._breakers:
                self._breakers[repository_id] = Breaker(self._clock, lambda view: changed(repository_id, view))
            return self._breakers[repository_id]
