"""Looking into a snapshot without restoring it: entries, their bytes, tables, the first rows of one."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from holdfast.contract.engine import CanPreview
from holdfast.contract.query import Batch
from holdfast.contract.snapshot import Manifest, Stream
from holdfast.features.access.actor import Actor
from holdfast.features.backups import store
from holdfast.features.backups.format_registry import format_of
from holdfast.features.backups.formats import Opened, OpenSource, StoredFile
from holdfast.features.backups.keys import Keys
from holdfast.features.backups.model import RepositoryRow, Snapshot
from holdfast.features.backups.service import found, record, require_ready
from holdfast.features.databases.reach import Reach
from holdfast.features.limits.quota import Quotas
from holdfast.kernel.db import Database
from holdfast.kernel.errors import Conflict, NotFound
from holdfast.kernel.stop import Stop
from holdfast.vault.repository import TreeEntry

MAX_ROWS = 1000
_KEEP_SECONDS = 300.0  # an open repository saves its key's half second; a password that was removed works on so long
_READ_BYTES = 256 * 1024


@dataclass(frozen=True)
class TableLook:
    """A table of a snapshot as its manifest has it."""

    schema: str
    name: str
    rows: int
    digest: str | None
    columns: Sequence[Mapping[str, object]]
    kind: str


class BrowseService:
    """Reads only. Everything that hands out contents is its own permission and leaves an audit row."""

    def __init__(self, db: Database, reach: Reach, keys: Keys, scratch: Path, quotas: Quotas) -> None:
        self._db = db
        self._quotas = quotas
        self._reach = reach
        self._keys = keys
        self._scratch = scratch
        self._lock = threading.Lock()
        self._open: dict[str, tuple[Opened, float, datetime | None]] = {}

    def entries(self, actor: Actor, snapshot_id: str, *, after: str | None, limit: int) -> Sequence[TreeEntry]:
        """By path, those after the path `after`."""
        snapshot, repository = self._reach_in(actor, snapshot_id, "snapshot.read")
        entries = sorted(repository.tree(snapshot.restic_id or ""), key=lambda entry: entry.path)
        return [entry for entry in entries if after is None or entry.path > after][:limit]

    def content(self, actor: Actor, snapshot_id: str, path: str) -> tuple[int, Iterator[bytes]]:
        """(size, bytes as they come). Audited before the first byte leaves."""
        snapshot, repository = self._reach_in(actor, snapshot_id, "snapshot.download")
        source = repository.source(snapshot.restic_id or "")
        try:
            if path not in set(source.paths()):
                raise NotFound(f"the snapshot has no entry {path!r}", code="entry_not_found")
            size = source.size(path)
            with self._db.write() as conn:
                self._quotas.spend_download(conn, actor, snapshot.project_id)
                record(conn, actor, snapshot, "snapshot.download", {"path": path, "bytes": size})
            stream = source.open(path)
        except BaseException:
            source.close()
            raise
        return size, _pieces(source, stream)

    def tables(self, actor: Actor, snapshot_id: str) -> Sequence[TableLook]:
        """Every table with its rows and columns, in order."""
        snapshot, repository = self._reach_in(actor, snapshot_id, "snapshot.read")
        return looks(repository.manifest(snapshot.restic_id or ""))

    def rows(self, actor: Actor, snapshot_id: str, table: str, limit: int) -> Batch:
        """The first rows of a table, straight out of the snapshot. Raises Conflict for an engine that cannot."""
        snapshot, repository = self._reach_in(actor, snapshot_id, "snapshot.download")
        engine = self._reach.engines.get(snapshot.engine)
        if not isinstance(engine, CanPreview):
            raise Conflict(f"{engine.capabilities.title} snapshots show no rows", code="cannot_preview")
        with repository.source(snapshot.restic_id or "") as source:
            name = resolve(source.manifest, table)
            with self._db.write() as conn:
                record(conn, actor, snapshot, "snapshot.rows", {"table": name, "limit": limit})
            self._scratch.mkdir(mode=0o700, parents=True, exist_ok=True)
            software = engine.software(engine.spec.model_validate(dict(snapshot.spec)))
            tools = self._reach.hosts.tools(None, software, self._scratch)
            return engine.preview(source, name, min(limit, MAX_ROWS), tools, Stop())

    def opened(self, snapshot: Snapshot) -> OpenSource:
        """To read all of it; the caller has asked whether the actor may, and closes it. Raises Conflict, NotFound."""
        require_ready(snapshot)
        with self._db.read() as conn:
            row = store.get(conn, RepositoryRow, snapshot.repository_id)
        if row is None:
            raise NotFound("the snapshot's repository is gone", code="repository_not_found")
        return self._repository(row).source(snapshot.restic_id or "")

    def stored(self, snapshot: Snapshot) -> StoredFile:
        """The file that a snapshot lies as. Raises Conflict (code "no_stored_file") where it is none."""
        require_ready(snapshot)
        with self._db.read() as conn:
            row = store.get(conn, RepositoryRow, snapshot.repository_id)
        if row is None:
            raise NotFound("the snapshot's repository is gone", code="repository_not_found")
        found = format_of(row).stored(self._repository(row), snapshot.restic_id or "")
        if found is None:
            raise Conflict(
                "this snapshot does not lie as a file of its own",
                code="no_stored_file",
                hint="Take format native or tar: it is made as it is sent.",
            )
        return found

    def _reach_in(self, actor: Actor, snapshot_id: str, permission: str) -> tuple[Snapshot, Opened]:
        with self._db.read() as conn:
            snapshot = found(conn, actor, snapshot_id, permission)
            row = store.get(conn, RepositoryRow, snapshot.repository_id)
        require_ready(snapshot)
        if row is None:
            raise NotFound("the snapshot's repository is gone", code="repository_not_found")
        return snapshot, self._repository(row)

    def _repository(self, row: RepositoryRow) -> Opened:
        now = time.monotonic()
        with self._lock:
            opened, since, password = self._open.get(row.id, (None, 0.0, None))
            if opened is None or now - since > _KEEP_SECONDS or password != row.password_since:
                opened = self._keys.open(row)
                self._open[row.id] = (opened, now, row.password_since)
            return opened

    def close(self) -> None:
        with self._lock:
            self._open.clear()


def looks(manifest: Manifest) -> list[TableLook]:
    relations = {(relation.schema, relation.name): relation for relation in manifest.catalog.relations}
    found = []
    for fact in manifest.tables:
        relation = relations.get((fact.schema, fact.name))
        columns = [
            {"name": c.name, "type": c.type, "nullable": c.nullable, "primary_key": c.primary_key}
            for c in (relation.columns if relation else ())
        ]
        found.append(
            TableLook(fact.schema, fact.name, fact.rows, fact.digest, columns, relation.kind if relation else "table")
        )
    return sorted(found, key=lambda look: (look.schema, look.name))


def resolve(manifest: Manifest, given: str) -> str:
    """The one table meant by "schema.table" or "table". Raises NotFound, or Conflict when two schemas have it."""
    labels = [f"{fact.schema}.{fact.name}" if fact.schema else fact.name for fact in manifest.tables]
    if given in labels:
        return given
    found = [label for label, fact in zip(labels, manifest.tables, strict=True) if fact.name == given]
    if not found:
        raise NotFound(f"the snapshot has no table {given!r}", code="table_not_found")
    if len(found) > 1:
        raise Conflict(f"more than one schema has {given!r}", code="table_ambiguous", details={"tables": found})
    return found[0]


def _pieces(source: OpenSource, stream: Stream) -> Iterator[bytes]:
    buffer = memoryview(bytearray(_READ_BYTES))
    try:
        while count := stream.readinto(buffer):
            yield bytes(buffer[:count])
    finally:
        stream.close()
        source.close()
