"""Dumps: an archive of pg_dump's custom format, or its SQL text. Both become SQL that runs as one transaction with the
owner's rights; psql never sees it. pg_restore only rewrites the archive as text and is connected to nothing.
"""

from __future__ import annotations

import asyncio
import contextlib
import re
import threading
from collections.abc import Iterator

from holdfast.contract.dumps import Dump, drained, is_text, newer, unreadable, unsupported
from holdfast.contract.snapshot import Receipt
from holdfast.contract.spec import Endpoint, Spec
from holdfast.contract.tools import Child, Tools
from holdfast.engines.postgresql.session import PostgresqlSession
from holdfast.engines.postgresql.spec import PostgresqlSpec
from holdfast.formats import pg_archive
from holdfast.kernel.errors import HoldfastError, Permanent
from holdfast.kernel.stop import Stop

_ARCHIVE, _TEXT = "an archive of pg_dump", "SQL text of pg_dump"
_PIECE = 256 * 1024
_REWRITE = (
    "pg_restore",
    "--no-subscriptions",
    "--no-publications",
    "--no-security-labels",
    "--no-tablespaces",
    "-f",
    "-",
)
_FROM = re.compile(rb"^-- Dumped from database version (\S+)", re.M)
_CLUSTER = b"-- PostgreSQL database cluster dump"
_BEGINS = re.compile(  # atomic: somebody else's comments must not make it try every way to cut them
    rb"(?>(?:\s|--[^\n]*\n|/\*.*?\*/|\\(?:un)?restrict [^\n]*\n)*)"
    rb"(?:(?:SET|SELECT|CREATE|ALTER|INSERT|COPY|BEGIN|DROP|GRANT|COMMENT)\b|\\)",
    re.I | re.S,
)
_ANOTHERS = re.compile(rb"^(--|/\*)[^\n]{0,40}\b(SQLite|MySQL|MariaDB)\b|^PRAGMA\s", re.I | re.M)
_NEWER = re.compile(r"unsupported version \(([\d.]+)\)", re.I)
_PACKED = re.compile(r"not (?:support|compiled|built)[^\n]*(?:compression|with)", re.I)


class TakesIn:
    """Implements `contract.dumps.CanTakeIn`."""

    def recognised(self, head: bytes, spec: Spec | None) -> Dump | None:
        dump = _archive(head) or _text(head)
        if dump is not None and isinstance(spec, PostgresqlSpec):
            if _CLUSTER in head[:200]:
                raise unsupported(
                    "this is a dump of a whole cluster, with its roles and all its databases",
                    "Dump the one database: pg_dump -Fc NAME",
                )
            if dump.version is not None and _major(dump.version) > int(spec.version):
                raise newer(dump.title, dump.version, spec.version)
        return dump

    def take_in(self, at: Endpoint, tools: Tools, dump: Dump, pieces: Iterator[bytes], stop: Stop) -> Receipt:
        notes: list[str] = []
        session = PostgresqlSession(at, tools, "owner")
        try:
            text = _rewritten(tools, dump, pieces, stop) if dump.form == "pgdump" else pieces
            session.bulk_script(text, lambda _, done: notes.extend(done.notes), stop)
            drained(pieces, stop)
        finally:
            asyncio.run(session.close())
        return Receipt(tuple(notes))


def _archive(head: bytes) -> Dump | None:
    if not head.startswith(pg_archive.MAGIC):
        return None
    try:
        found = pg_archive.server_of(head)
    except pg_archive.NotAnArchive as error:
        raise unreadable(_ARCHIVE, str(error)) from None
    return Dump("pgdump", _ARCHIVE, found)


def _text(head: bytes) -> Dump | None:
    if not is_text(head) or _ANOTHERS.search(head[:4096]):
        return None
    found = _FROM.search(head)
    if found is None and not _BEGINS.match(head) and _CLUSTER not in head[:200]:
        return None
    return Dump("sql", _TEXT, found[1].decode("ascii", "replace") if found else None)


def _major(version: str) -> int:
    digits = re.match(r"\d+", version)
    return int(digits[0]) if digits else 0


def _rewritten(tools: Tools, dump: Dump, pieces: Iterator[bytes], stop: Stop) -> Iterator[bytes]:
    """The archive as SQL. Whatever ends the tool early is an error here, never a short text."""
    failed: list[BaseException] = []
    with tools.run(_REWRITE, stdin=True, stop=stop) as child:
        feeder = threading.Thread(target=_feed, args=(child, pieces, failed), name="pg-restore-feeder", daemon=True)
        feeder.start()
        try:
            assert child.stdout is not None  # noqa: S101 - asked for by default
            while piece := child.stdout.read(_PIECE):
                stop.check()
                yield piece
            feeder.join()
            if failed:
                raise failed[0]
            _ended(child, dump, stop)
        finally:
            child.kill()  # ends the feeder's write
            feeder.join()


def _feed(child: Child, pieces: Iterator[bytes], failed: list[BaseException]) -> None:
    try:
        assert child.stdin is not None  # noqa: S101 - asked for
        with contextlib.suppress(BrokenPipeError):  # it ended, or has seen enough: its status says which
            for piece in pieces:
                child.stdin.write(piece)
            child.stdin.close()
    except Exception as error:  # noqa: BLE001  raised again by who reads
        failed.append(error)
        child.kill()


def _ended(child: Child, dump: Dump, stop: Stop) -> None:
    try:
        child.wait(60)
    except Permanent as error:
        stop.check()
        raise _reason(error, dump) from error


def _reason(error: Permanent, dump: Dump) -> HoldfastError:
    if found := _NEWER.search(error.message):
        made = newer(_ARCHIVE, f"{dump.version or '?'} (archive {found[1]})", "an older one")
        made.hint = "Import it into a database of a later version, or make the dump with an older pg_dump."
        return made
    if _PACKED.search(error.message):
        return unsupported(
            f"this archive is compressed in a way that our pg_restore does not read: {error.message[-200:]}",
            "Make it with pg_dump -Fc -Z gzip, or rewrite it: pg_restore -f dump.sql FILE",
        )
    return unreadable(_ARCHIVE, error.message.partition("pg_restore: ")[2][:300] or error.message[:300])
