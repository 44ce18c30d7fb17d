"""The slice's parts, put together once per process."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from holdfast.features.databases.gate import Gate
from holdfast.features.databases.reach import Reach
from holdfast.features.databases.service import DatabasesService
from holdfast.features.kv import api
from holdfast.features.kv.entries import EntriesService
from holdfast.features.kv.service import NamespacesService
from holdfast.kernel.clock import Clock
from holdfast.kernel.db import Database

ROUTERS = (api.router,)


@dataclass(frozen=True)
class KeyValue:
    namespaces: NamespacesService
    entries: EntriesService

    @property
    def parts(self) -> Mapping[type[Any], Any]:
        return {type(each): each for each in (self.namespaces, self.entries)}


def build(db: Database, databases: DatabasesService, reach: Reach, gate: Gate, clock: Clock) -> KeyValue:
    grace = reach.settings.delete_grace_seconds
    return KeyValue(NamespacesService(db, databases, clock, grace), EntriesService(db, reach, gate))
