"""A snapshot back into a database: types and tables, rows, positions, large objects, then everything built on them."""

from __future__ import annotations

import threading
from collections.abc import Sequence

import psycopg

from holdfast.contract.snapshot import Receipt, RestoreRequest, Source
from holdfast.contract.spec import Endpoint
from holdfast.contract.tools import Tools
from holdfast.engines.postgresql import faults, foreign, globals, link, prepare, sequences
from holdfast.engines.postgresql.archive import Archives
from holdfast.engines.postgresql.capture import LARGE_OBJECTS, POST_DATA, PRE_DATA
from holdfast.engines.postgresql.load import Loader, Part, loader_role
from holdfast.engines.postgresql.names import identifier, maintenance, owner_of
from holdfast.engines.postgresql.reshape import Shape, reshape, whole
from holdfast.engines.postgresql.streams import read_all
from holdfast.engines.postgresql.target import target_for
from holdfast.kernel.crashpoints import crash_point
from holdfast.kernel.errors import Invalid, Permanent
from holdfast.kernel.stop import Stop


class Restore:
    """One restore. Any failure, also a stop, leaves the target as `Target.abandon` says: never half right."""

    def __init__(self, at: Endpoint, tools: Tools, source: Source, want: RestoreRequest, stop: Stop) -> None:
        if at.database is None:
            raise Invalid("the endpoint names no database", code="endpoint_invalid")
        self._at, self._tools, self._source, self._want, self._stop = at, tools, source, want, stop
        self._label = link.new_label("restore")
        self._globals = globals.from_json(source.manifest.options.get("globals"))
        self._lock = threading.Lock()
        self._bytes = 0

    def run(self) -> Receipt:
        self._stop.check()
        self._check_manifest()
        try:
            return self._run()
        except psycopg.Error as error:
            self._stop.check()
            raise faults.from_psycopg(error, "restoring") from error

    def _run(self) -> Receipt:
        with link.connect(maintenance(self._at)) as admin:
            made = []
            if self._at.hosted:
                prepare.ensure_roles(admin, self._at, login=not self._want.closed)
                made = globals.create_roles(admin, self._globals)
            self._rights = foreign.rights(admin, self._at, self._globals)
        shape = self._shape()
        target = target_for(self._at, self._want.into)
        target.open(shape)
        try:
            self._fill(shape)
            target.finish()
        except BaseException:
            link.end_sessions(self._at, self._label)
            target.abandon()
            self._stop.check()
            raise
        notes = [*shape.notes, *self._rights.notes, *(f"role {name!r} was created without login" for name in made)]
        if self._want.into == "existing":
            notes.append("large objects are restored only with the whole database")
        return Receipt(tuple(notes), {"tables": len({(p.schema, p.table) for p in shape.parts}), "bytes": self._bytes})

    def _check_manifest(self) -> None:
        manifest = self._source.manifest
        if manifest.engine != "postgresql" or manifest.options.get("format") != "pg-logical-1":
            raise Invalid("this is not a PostgreSQL snapshot this version can read", code="snapshot_format")
        with link.connect(maintenance(self._at)) as admin:
            have = admin.info.server_version // 10000
        taken = int(manifest.version.split(".", maxsplit=1)[0])
        if have < taken:
            raise Permanent(
                f"a snapshot of PostgreSQL {taken} cannot go back into PostgreSQL {have}",
                code="server_version",
                hint=f"restore into a database of version {taken} or later",
            )

    def _shape(self) -> Shape:
        pre, post = read_all(self._source, PRE_DATA), read_all(self._source, POST_DATA)
        if not self._want.select and not self._want.rename and self._want.into == "empty":
            return whole(self._source.manifest, pre, post)
        return reshape(
            self._at, self._tools, self._source.manifest, pre, post, self._want, self._stop, self._rights.flags
        )

    def _fill(self, shape: Shape) -> None:
        archives = Archives(self._at, self._tools, self._label, self._stop, self._rights.flags)
        archives.restore(shape.pre)
        crash_point("restore.schema")
        self._load(shape.parts)
        crash_point("restore.half")
        with link.connect(self._at, label=self._label) as admin:
            for statement in sequences.statements(list(shape.sequences)):
                admin.execute(link.statement(statement))
        if shape.large_objects and LARGE_OBJECTS in set(self._source.paths()):
            archives.stream(self._source.open(LARGE_OBJECTS))
        self._stop.check()
        # Where partitions have partitions, stock `pg_restore -j` of a stock dump left the topmost index invalid in 1 of
        # 25 tries (18.4): two sessions attach at once and each still sees the other's part missing.
        partitioned = bool(self._source.manifest.catalog.objects.get("partition"))
        if self._want.parallel > 1 and not partitioned:
            archives.restore_parallel(shape.pre, shape.post, self._want.parallel)
        else:
            archives.restore(shape.post)
        self._after()

    def _load(self, parts: Sequence[Part]) -> None:
        with loader_role(self._at, self._globals.roles) as keywords:
            Loader(self._source, keywords, self._pulled, self._stop).run(parts, self._want.parallel)

    def _pulled(self, count: int) -> None:
        with self._lock:
            self._bytes += count
            total = self._bytes
        if self._want.progress is not None:
            self._want.progress(total)

    def _after(self) -> None:
        """Planner statistics, and the database's own settings, set with the owner's rights."""
        with link.connect(self._at, label=self._label) as admin:
            self._stop.on_stop(admin.cancel)
            if not self._at.hosted:
                foreign.settle(admin, self._at, self._rights)
            elif self._source.manifest.options.get("hosted") is False:
                foreign.adopt(admin, self._globals)
            admin.execute("ANALYZE")
            if self._want.into == "existing":
                return
            with admin.transaction():
                if self._at.hosted:
                    admin.execute(link.statement(f"SET LOCAL ROLE {identifier(owner_of(self._at))}"))
                globals.apply_database(admin, self._at.database or "", self._globals)
