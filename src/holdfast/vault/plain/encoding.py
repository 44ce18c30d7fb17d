"""A snapshot's one file as a stream: parts, packing, sealing. Constant memory, nothing on disk."""

from __future__ import annotations

import hashlib
import zlib
from collections.abc import Iterator
from datetime import datetime

from backports import zstd

from holdfast.contract.plain import CanPlain, PlainFile, Whole
from holdfast.contract.registry import Registry
from holdfast.contract.snapshot import Source
from holdfast.contract.tools import Tools
from holdfast.formats.plain import aes, age_stream, openpgp
from holdfast.formats.plain.packing import packed
from holdfast.kernel.errors import Conflict
from holdfast.kernel.stop import Stop
from holdfast.vault.plain import gpg, tar
from holdfast.vault.plain.wish import FileWish

_LAYOUT = 1  # goes up when the same snapshot would give other bytes
_README = "RESTORE.md"
_UNPACKED = (
    b"<!-- This came as a tar: the files are here already. Where the text below takes them out of a repository with\n"
    b"restic, go on with the next step, in this directory. -->\n\n"
)
_TAR_COMMANDS = ('mkdir -p "$TARGET"', 'tar -xf "$FILE" -C "$TARGET"')
_TAR_NOTES = ("Then read `RESTORE.md` in there, and run its `restore.sh`.",)


def plain_file(engines: Registry, engine: str, source: Source, wish: FileWish, at: datetime) -> PlainFile:
    """Reads the snapshot's small entries. Raises Conflict (code "plain_unsupported")."""
    if wish.form == "tar":
        entries = tuple(tar.parts(source, _companion(source), int(at.timestamp())))
        return PlainFile("tar", "tar", "a tar of all entries", entries, _TAR_COMMANDS, _TAR_NOTES)
    found = engines.get(engine)
    if not isinstance(found, CanPlain):
        raise Conflict(
            "snapshots of this engine are not one file of its tools", code="plain_unsupported", hint="Take form tar."
        )
    return found.plain(source)


def encoded(
    made: PlainFile, source: Source, wish: FileWish, tools: Tools | None, stop: Stop, offset: int = 0
) -> Iterator[bytes]:
    """`offset` only for a wish that is seekable. `tools` are for gpg."""
    return wrapped(made.read(source, offset), wish, tools, stop)


def wrapped(plain: Iterator[bytes], wish: FileWish, tools: Tools | None, stop: Stop) -> Iterator[bytes]:
    """The pieces packed and sealed."""
    pieces = packed(_stoppable(plain, stop), wish.packing, wish.level)
    if wish.sealing == "aes256":
        return aes.sealed(pieces, wish.passphrase or "")
    if wish.sealing == "age":
        if wish.passphrase is not None:
            return age_stream.sealed_by_passphrase(pieces, wish.passphrase)
        return age_stream.sealed(pieces, wish.recipients)
    if wish.sealing == "gpg" and wish.passphrase is not None:
        return openpgp.sealed(pieces, wish.passphrase)
    if wish.sealing == "gpg":
        assert tools is not None  # noqa: S101 - the caller's: plain text must never go out in its place
        return gpg.sealed(pieces, tools, stop, wish.recipients)
    return pieces


def etag_of(restic_id: str, wish: FileWish) -> str | None:
    """Of the bytes themselves, without quotes; None for what differs each time."""
    if not wish.same_bytes:
        return None
    libraries = (zlib.ZLIB_RUNTIME_VERSION, zstd.zstd_version)
    words = (restic_id, _LAYOUT, wish.form, wish.packing, wish.level, *libraries)
    return hashlib.sha256("\n".join(map(str, words)).encode()).hexdigest()[:32]


def _companion(source: Source) -> dict[str, bytes]:
    """The engine's own words begin with getting the files out of a repository, which a tar has done."""
    if _README not in set(source.paths()):
        return {}
    own = b"".join(Whole(_README, source.size(_README)).read(source, 0))
    return {_README: _UNPACKED + own}


def _stoppable(pieces: Iterator[bytes], stop: Stop) -> Iterator[bytes]:
    for piece in pieces:
        stop.check()
        yield piece
