"""A vault of one database in memory, and what each range really held at the capture's own moment."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field

from holdfast.contract.conformance import Place
from holdfast.contract.conformance.memory_source import read_entry
from holdfast.contract.incremental import Reuse
from holdfast.contract.snapshot import CaptureRequest, Manifest
from holdfast.engines.postgresql import digest, engine, link
from holdfast.engines.postgresql.capture import PostgresCapture
from holdfast.engines.postgresql.names import literal
from holdfast.kernel.stop import Stop


@dataclass
class Kept:
    """The last snapshot: entries by path, the manifest, which were taken over."""

    files: dict[str, bytes] = field(default_factory=dict)
    manifest: Manifest | None = None
    inherited: set[str] = field(default_factory=set)
    reuse: Reuse = field(default_factory=Reuse)

    @property
    def data(self) -> set[str]:
        return {path for path in self.files if path.startswith("data/")}


@contextmanager
def at_moment(place: Place, capture: PostgresCapture) -> Iterator[link.Connection]:
    """A session on the capture's exported snapshot."""
    assert capture._moment is not None
    with link.connect(place.endpoint) as session:
        session.execute("BEGIN TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
        session.execute(link.statement(f"SET TRANSACTION SNAPSHOT {literal(capture._moment.snapshot)}"))
        yield session


def snapshot(place: Place, last: Kept, want: CaptureRequest | None = None, *, compare: bool = True) -> Kept:
    """Take the next snapshot on top of `last`; every range is compared with a full reading of the same moment."""
    session = engine.connect(place.endpoint, place.tools)
    want = want or CaptureRequest(digests="always", sample=3)
    with session.capture(last.manifest, want, Stop()) as capture:
        assert isinstance(capture, PostgresCapture)
        kept = Kept()
        for entry in capture.entries():
            if entry.open is None:
                kept.inherited.add(entry.path)
                kept.files[entry.path] = last.files[entry.path]
            else:
                kept.files[entry.path] = read_entry(entry)
        found = capture.finish()
        kept.reuse = capture.reuse()
        kept.manifest = with_sizes(found, kept.files)
        if compare:
            require_equal(place, capture, kept)
    return kept


def with_sizes(manifest: Manifest, files: Mapping[str, bytes]) -> Manifest:
    """As the vault completes it."""
    from dataclasses import replace

    entries = {path: {"size": len(files[path]), **facts} for path, facts in manifest.entries.items()}
    return replace(manifest, entries=entries)


def require_equal(place: Place, capture: PostgresCapture, kept: Kept) -> None:
    with at_moment(place, capture) as session:
        for path, part in capture._choice.parts.items():
            with session.cursor().copy(link.statement(part.copy_out())) as out:
                true = b"".join(bytes(block) for block in out)
            assert kept.files[path] == true, (path, path in kept.inherited, kept.files[path][:200], true[:200])
        assert kept.manifest is not None
        chosen = {part.table.target: part.table for part in capture._choice.parts.values()}
        for facts in kept.manifest.tables:
            tables = [p.table for p in capture._choice.parts.values() if p.table.target == (facts.schema, facts.name)]
            unique = list({table.oid: table for table in tables}.values())
            assert digest.of_tables(session, unique, Stop())[facts.schema, facts.name] == (facts.rows, facts.digest)
        assert set(chosen) == {(facts.schema, facts.name) for facts in kept.manifest.tables}
