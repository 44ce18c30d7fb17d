"""The live line of an api process, wired."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from holdfast.features.live.api import Lines
from holdfast.features.live.presence import Presence
from holdfast.features.live.signals import Signals
from holdfast.kernel.db import Database
from holdfast.web.hub import Hub


@dataclass(frozen=True)
class Live:
    signals: Signals
    presence: Presence = field(default_factory=Presence)
    lines: Lines = field(default_factory=Lines)

    @property
    def parts(self) -> Mapping[type[Any], Any]:
        return {Signals: self.signals, Presence: self.presence, Lines: self.lines}


def build(db: Database, hub: Hub) -> Live:
    return Live(Signals(db, hub))
