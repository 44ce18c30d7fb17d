"""A logical capture: one moment, schema by pg_dump, rows by COPY straight into the pipeline, nothing twice on disk."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace

import psycopg

from holdfast.contract.catalog import JSON
from holdfast.contract.incremental import Reuse
from holdfast.contract.snapshot import CaptureRequest, Entry, Manifest, Stream
from holdfast.contract.spec import Endpoint
from holdfast.contract.tools import Tools
from holdfast.engines.postgresql import (
    archive,
    companions,
    digest,
    faults,
    globals,
    incremental,
    large,
    link,
    moment,
    sequences,
    signatures,
)
from holdfast.engines.postgresql.choice import Choice, path_of
from holdfast.engines.postgresql.copier import AnyCopier, Copier, CopierPool, CopyStream
from holdfast.engines.postgresql.inspect import unproven
from holdfast.engines.postgresql.large import LargeObjects
from holdfast.engines.postgresql.moment import Moment
from holdfast.engines.postgresql.names import literal
from holdfast.engines.postgresql.piped import PipedCopier, PipedStream, Refused, sweep
from holdfast.engines.postgresql.streams import BytesStream
from holdfast.engines.postgresql.tables import Range, Table, select
from holdfast.kernel.crashpoints import crash_point
from holdfast.kernel.errors import HoldfastError, Permanent
from holdfast.kernel.stop import Stop

PRE_DATA, POST_DATA = "schema/pre-data.dump", "schema/post-data.dump"
SEQUENCES, LARGE_OBJECTS = "schema/sequences.sql", "large-objects.dump"
EAGER_LOCKS = 500  # above this many tables only the first session holds all locks: the lock table is finite
MAX_EAGER_COPIERS = 4
# How long the other sessions wait for their locks, try by try. While they wait behind somebody's DROP or TRUNCATE,
# that one waits for us: give way soon at first, and insist only later.
PATIENCE_MS = (300, 600, 1200, 2500, 5000)
AUTO_DIGEST_BYTES = 16 * 1024**3
Target = tuple[str, str]
Digests = dict[str, digest.Sums]


class PostgresCapture:
    """See `contract.snapshot.Capture`. Entering takes the moment, the schema and the reading sessions."""

    def __init__(
        self, at: Endpoint, tools: Tools, want: CaptureRequest, stop: Stop, since: Manifest | None = None
    ) -> None:
        self._at, self._tools, self._want, self._stop = at, tools, want, stop
        self._since = None if want.full else since
        self._label = link.new_label("capture")
        self._patience = PATIENCE_MS[-1]
        self.position: Mapping[str, JSON] = {}
        self._lock = threading.Lock()
        self._facts: dict[str, Mapping[str, JSON]] = {}
        self._moment: Moment | None = None
        self._pool: CopierPool | None = None
        self._digests: Future[Digests] | None = None
        self._threads: ThreadPoolExecutor | None = None
        self._digest_session: link.Connection | None = None
        self._pipes = at.sockets if at.hosted else None  # a server of ours runs on this machine and sees it too

    def __enter__(self) -> PostgresCapture:
        for patience in PATIENCE_MS:
            self._patience = patience
            try:
                self._enter()
            except moment.SchemaMoved:
                self.__exit__()
            except BaseException:
                self.__exit__()
                self._stop.check()
                raise
            else:
                return self
        raise moment.schema_unsteady()

    def _enter(self) -> None:
        self._moment = moment.take(self._at, self._stop, cut=self._patience == PATIENCE_MS[0])
        self.position = self._moment.position
        self._tables = select(self._moment.tables, self._want.select)
        copiers = self._pool = CopierPool(self._copier)
        if self._pipes is not None:
            sweep(self._pipes)
        try:
            with ThreadPoolExecutor(2) as pool:
                schema = pool.submit(self._dump)
                known = pool.submit(self._ask)
                copiers.start(min(max(1, self._want.parallel), MAX_EAGER_COPIERS, max(1, len(self._tables))))
                self._sections = archive.halves(schema.result())
            self._sequences = sequences.read(self._moment.connection)
            self._globals = globals.read(self._moment.connection)
            self._unproven = unproven(self._moment.connection)
            self._large = large.has_objects(self._moment.connection)
            # Only now: before the other sessions have their locks, each query is time for somebody's DROP.
            sure = replace(known.result(), signatures=signatures.read(self._moment.connection))
            self._choice = Choice(self._tables, sure, self._moment.distrusted, digests=self._want.digests != "never")
            self._start_digests(self._moment)
        except psycopg.Error as error:
            if faults.is_schema_race(error):
                raise moment.SchemaMoved from error
            raise faults.from_psycopg(error, "beginning the snapshot") from error
        except HoldfastError as error:
            if faults.is_schema_race(error):
                raise moment.SchemaMoved from error
            raise

    def _ask(self) -> incremental.Known:
        return incremental.known(self._at, self._since, self.position, self._want.sample, self._stop)

    def _copier(self) -> AnyCopier:
        held = self._held()
        locks = moment.lock_statements(held.tables) if len(held.tables) <= EAGER_LOCKS else []
        if self._pipes is not None:
            try:
                return PipedCopier(self._pipes, self._connect, held.snapshot, locks, self._stop)
            except Refused:
                self._pipes = None
        return Copier(self._tools, self._env(), held.snapshot, locks, self._stop)

    def _connect(self) -> link.Connection:
        return link.connect(self._at, settings=self._pinned(), label=self._label)

    def _pinned(self) -> dict[str, str]:
        return {**link.PINNED, "lock_timeout": f"{self._patience}ms"}

    def _env(self) -> dict[str, str]:
        return link.tool_env(self._at, self._label, self._pinned())

    def _held(self) -> Moment:
        if self._moment is None:
            raise Permanent("this capture has been left", code="stream_closed")
        return self._moment

    def _dump(self) -> bytes:
        """Small whatever the data: the schema only. Uncompressed, so that equal parts are stored once."""
        argv = ["pg_dump", "-Fc", "-Z0", *archive.SCHEMA, f"--snapshot={self._held().snapshot}"]
        argv += [f"--lock-wait-timeout={self._patience}ms", "--no-password"]
        argv += ["--no-sync", "--no-subscriptions"]
        if self._held().connection.info.server_version >= 180000:
            argv.append("--no-statistics")
        try:
            return self._tools.output(argv, env=link.tool_env(self._at, self._label), timeout=600, stop=self._stop)
        except Permanent as error:
            self._stop.check()
            raise faults.from_tool(error, "dumping the schema") from error

    # Digests run beside the copies, in a session of their own on the same snapshot.

    def _start_digests(self, held: Moment) -> None:
        if self._want.digests == "never":
            return
        chosen = self._choice.to_read()
        if self._want.digests == "auto":
            chosen = [part for part in chosen if part.table.bytes <= AUTO_DIGEST_BYTES]
        if not chosen:
            return
        session = self._digest_session = self._connect()
        session.execute("BEGIN TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
        session.execute(link.statement(f"SET TRANSACTION SNAPSHOT {literal(held.snapshot)}"))
        if len(held.tables) <= EAGER_LOCKS:
            moment.lock_tables(session, held.tables)
        self._threads = ThreadPoolExecutor(1, thread_name_prefix="pg-digest")
        self._digests = self._threads.submit(self._compute, session, chosen)

    def _compute(self, session: link.Connection, chosen: list[Range]) -> Digests:
        return {path_of(part): sums for part, sums in digest.of_parts(session, chosen, self._stop)}

    def entries(self) -> Iterator[Entry]:
        pre, post = self._sections
        yield self._bytes(PRE_DATA, pre)
        yield self._bytes(POST_DATA, post)
        yield self._bytes(SEQUENCES, sequences.as_sql(self._sequences), {"sequences": len(self._sequences)})
        if self._large and not self._want.select:
            self._facts[LARGE_OBJECTS] = {}
            yield Entry(LARGE_OBJECTS, self._open_large_objects)
        first: Table | None = None
        for path, part in self._choice.parts.items():
            if first is not None and part.table is not first:
                crash_point("capture.half")
            first = part.table
            yield self._copy_entry(path, part)

    def _copy_entry(self, path: str, part: Range) -> Entry:
        facts = self._choice.facts(path)
        self._facts[path] = facts
        if path in self._choice.taken:
            return Entry(path, None, facts=facts)

        def opened() -> Stream:
            return self._open_copy(path, part)

        return Entry(path, opened, facts=facts)

    def _open_copy(self, path: str, part: Range) -> Stream:
        pool = self._pool
        if pool is None:
            raise Permanent("this capture has been left", code="stream_closed")
        copier = pool.take()

        def done(kept: AnyCopier | None, rows: int, size: int) -> None:
            if kept is None:
                pool.drop(copier)
                return
            with self._lock:
                self._choice.rows[path], self._choice.sizes[path] = rows, size
            pool.give(kept)

        if isinstance(copier, PipedCopier):
            return PipedStream(copier, part.copy_out(copier.target), done)
        return CopyStream(copier, part.copy_out(), done)

    def _bytes(self, path: str, content: bytes, facts: Mapping[str, JSON] | None = None) -> Entry:
        self._facts[path] = facts or {}
        return Entry(path, lambda: BytesStream(content), size=len(content), facts=facts or {})

    def _open_large_objects(self) -> Stream:
        return LargeObjects(self._tools, link.tool_env(self._at, self._label), self._held().snapshot, self._stop)

    def finish(self) -> Manifest:
        self._stop.check()
        held = self._held()
        found = self._await_digests()
        held.check()
        entries: dict[str, Mapping[str, JSON]] = {
            path: {**known, **(self._choice.counted(path, found) if path in self._choice.parts else {})}
            for path, known in self._facts.items()
        }
        crash_point("capture.finish")
        return Manifest(
            engine="postgresql",
            version=held.catalog.version,
            database=held.catalog.database,
            position=self.position,
            catalog=held.catalog,
            tables=tuple(self._choice.tables(found)),
            entries=entries,
            options={
                "format": "pg-logical-1",
                "copy": "text",
                "select": list(self._want.select),
                "globals": self._globals.as_json(),
                "unproven": self._unproven,
                "hosted": self._at.hosted,
                "sequences": [[s.schema, s.name, s.last, s.called] for s in self._sequences],
                "reuse": self.reuse().as_json(),
            },
            distrust=tuple(t.label for t in self._tables if t.oid in held.distrusted),
        )

    def reuse(self) -> Reuse:
        """See `contract.incremental.CanSkip`."""
        return self._choice.reuse()

    def _await_digests(self) -> Digests:
        if self._digests is None:
            return {}
        try:
            return self._digests.result()
        except psycopg.Error as error:
            self._stop.check()
            raise faults.from_psycopg(error, "computing digests") from error

    def companions(self) -> Mapping[str, bytes]:
        return companions.make(self._held().catalog, list(self._choice.parts.values()), path_of, self._globals)

    def __exit__(self, *exc: object) -> None:
        unread = self._pool.close() if self._pool is not None else 0
        if self._digest_session is not None and self._digests is not None and not self._digests.done():
            self._digest_session.cancel()
        if self._threads is not None:
            self._threads.shutdown(wait=True)
        if self._digest_session is not None:
            self._digest_session.close()
        if self._moment is not None:
            self._moment.close()
        if unread or any(exc):
            link.end_sessions(self._at, self._label)
        self._moment = self._threads = self._digest_session = self._digests = self._pool = None
