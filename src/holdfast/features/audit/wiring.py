"""The audit plane of an api process, wired."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from holdfast.features.audit.sequencer import WRITTEN, Sequencer
from holdfast.features.audit.service import AnchorOf, Anchors, AuditService
from holdfast.kernel.audit_keys import seal_rows
from holdfast.kernel.clock import Clock
from holdfast.kernel.db import Database
from holdfast.kernel.secrets import Secrets
from holdfast.kernel.stop import Stop
from holdfast.kernel.wake import Wake

HEAD_FILE = "audit-head"


@dataclass(frozen=True)
class Audit:
    """`background` runs the sequencer on a thread until it is cancelled, and then once more."""

    service: AuditService
    sequencer: Sequencer
    stop: Stop = field(default_factory=Stop)

    @property
    def parts(self) -> Mapping[type[Any], Any]:
        return {AuditService: self.service, Sequencer: self.sequencer}

    async def background(self) -> None:
        try:
            await asyncio.to_thread(self.sequencer.run, self.stop)
        finally:
            self.stop.stop("the api ends")


def build(
    db: Database,
    clock: Clock,
    secrets: Secrets,
    wake: Wake,
    data: Path,
    anchors: Anchors,
    anchor_of: AnchorOf,
) -> Audit:
    """From here on every row written through `db` is signed."""
    seal = seal_rows(db, secrets, lambda: wake.notify(WRITTEN))
    sequencer = Sequencer(db, seal, wake, data / HEAD_FILE)
    service = AuditService(db, clock, seal, sequencer, data / HEAD_FILE, anchors, anchor_of)
    return Audit(service, sequencer)
