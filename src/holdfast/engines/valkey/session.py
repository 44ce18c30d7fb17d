"""An open line to one Valkey server. No I/O until the first verb; each verb opens what it needs."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from fnmatch import fnmatchcase
from typing import Literal

from holdfast.contract.catalog import Catalog
from holdfast.contract.keyspace import Edit, KeyFacts, KeyPage, Value
from holdfast.contract.measure import Measures
from holdfast.contract.query import Batch, Params, QueryLimits
from holdfast.contract.snapshot import (
    Capture,
    CaptureRequest,
    Level,
    Manifest,
    Receipt,
    RestoreRequest,
    Source,
    Verdict,
)
from holdfast.contract.spec import Access, Endpoint
from holdfast.contract.tools import Tools
from holdfast.engines.valkey import browse, keys, measure, query, restore, verify
from holdfast.engines.valkey.capture import ValkeyCapture
from holdfast.engines.valkey.edit import change
from holdfast.engines.valkey.link import connect
from holdfast.kernel.stop import Stop


class ValkeySession:
    def __init__(self, at: Endpoint, tools: Tools, access: Access) -> None:
        self._at, self._tools, self._access = at, tools, access

    async def inspect(self, depth: Literal["shallow", "full"] = "shallow") -> Catalog:
        return await asyncio.to_thread(self._inspect, depth)

    def _inspect(self, depth: Literal["shallow", "full"]) -> Catalog:
        with connect(self._at) as link:
            return keys.look(link, self._at.database or "valkey", exact=depth == "full", stop=Stop())

    def query(self, statement: str, params: Params, limits: QueryLimits) -> AsyncIterator[Batch]:
        """A user's command never runs as our admin: "admin" writes with the owner's rights."""
        writer: Access = "owner" if self._access == "admin" else self._access
        return query.run(self._at, writer if limits.write else "ro", statement, params, limits)

    def capture(self, since: Manifest | None, want: CaptureRequest, stop: Stop) -> Capture:  # noqa: ARG002
        return ValkeyCapture(self._at, self._tools, want, stop)

    def restore(self, source: Source, want: RestoreRequest, stop: Stop) -> Receipt:
        return restore.restore(self._at, self._tools, source, want, stop)

    def verify(self, expected: Manifest, depth: Level, stop: Stop) -> Verdict:
        return verify.verify(self._at, self._tools, expected, depth, stop)

    def digests(self, select: Sequence[str], stop: Stop) -> dict[str, tuple[int, str]]:
        """Of the keys that stay; expiring ones are not part of an equality."""
        with verify.digesting(self._at, self._tools, stop) as link:
            found = {f"{number}.{kind}": one for (number, kind), one in keys.sums(link, stop).items()}
        return {
            name: (one.rows, f"{one.total:064x}")
            for name, one in found.items()
            if not select or any(fnmatchcase(name, pattern) for pattern in select)
        }

    def measure(self, stop: Stop) -> Measures:
        with connect(self._at, stop=stop) as link:
            return measure.measure(link)

    def keys(self, database: int, pattern: str, kind: str | None, cursor: str | None, limit: int) -> KeyPage:
        return browse.page(self._at, database, pattern, kind, cursor, limit)

    def value(self, database: int, key: bytes, cursor: str | None, limit: int) -> Value:
        return browse.read(self._at, "ro", database, key, cursor, limit)

    def change(self, database: int, key: bytes, edit: Edit, digest: str | None) -> KeyFacts | None:
        writer: Access = "owner" if self._access == "admin" else self._access
        return change(self._at, writer, database, key, edit, digest)

    async def close(self) -> None:
        """Nothing is kept open between verbs."""
