"""A stored file read back: its bytes compared with what was written, opened, unpacked, laid down without a name."""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from holdfast.formats.plain.packing import METHODS, Packing
from holdfast.formats.plain.unpacking import unpacked
from holdfast.kernel.errors import Corrupt, Invalid, NotFound
from holdfast.kernel.stop import Stop
from holdfast.vault.plain.document import FileDocument, Piece
from holdfast.vault.plain.keys import FileKeys
from holdfast.vault.plain.wish import SUFFIX
from holdfast.vault.stores.base import Store
from holdfast.vault.stores.local import raise_for

READ_BYTES = 4 << 20
Seen = Callable[[int], None]


def stored(store: Store, piece: Piece, stop: Stop, seen: Seen = lambda _: None) -> Iterator[bytes]:
    """The file as it lies, one piece ahead. Raises Corrupt (code "file_missing", "file_damaged") at the end at the
    latest: nothing that was given before may be used then. `seen` hears of bytes read so far."""
    digest, at = hashlib.sha256(), 0
    with ThreadPoolExecutor(1, thread_name_prefix="file") as pool:
        try:
            if store.size(piece.name) != piece.bytes:
                raise Corrupt(f"{piece.name} has not the size it was written with", code="file_damaged")
            ahead = pool.submit(store.get, piece.name, 0, READ_BYTES)
            while at < piece.bytes:
                stop.check()
                data = ahead.result()
                at += len(data)
                if not data:
                    raise Corrupt(f"{piece.name} is cut short", code="file_damaged")
                ahead = pool.submit(store.get, piece.name, at, READ_BYTES if at < piece.bytes else 0)
                digest.update(data)
                yield data
                seen(at)
        except NotFound:
            raise Corrupt(f"{piece.name} is not there any more", code="file_missing") from None
    if digest.hexdigest() != piece.sha256:
        raise Corrupt(f"{piece.name} is not as it was written", code="file_damaged")


def stored_from(store: Store, piece: Piece, offset: int, stop: Stop) -> Iterator[bytes]:
    """The file as it lies from `offset`; from the middle it is only as right as the store."""
    if not offset:
        yield from stored(store, piece, stop)
        return
    while offset < piece.bytes:
        stop.check()
        data = store.get(piece.name, offset, READ_BYTES)
        if not data:
            raise Corrupt(f"{piece.name} is cut short", code="file_damaged")
        offset += len(data)
        yield data


def inside(
    store: Store, document: FileDocument, piece: Piece, keys: FileKeys, stop: Stop, seen: Seen = lambda _: None
) -> Iterator[bytes]:
    """What is in the file, compared with what was put in. Raises as `stored`, and Denied (code "file_key")."""
    how = next((how for how in METHODS if how == document.compression), None)
    sealing = next((sealing for sealing in SUFFIX if sealing == document.encryption), None)
    if how is None or sealing is None:
        raise Corrupt(f"{piece.name} is packed or sealed in an unknown way", code="document_damaged")
    digest, count = hashlib.sha256(), 0
    sealed = keys.opened(stored(store, piece, stop, seen), sealing, document.sealed_by, document.key)
    for found in _unpacked(sealed, how, piece.name):
        digest.update(found)
        count += len(found)
        yield found
    if count != piece.plain_bytes or digest.hexdigest() != piece.plain_sha256:
        raise Corrupt(f"what is inside {piece.name} is not what was put in", code="file_damaged")


def _unpacked(pieces: Iterator[bytes], how: Packing, name: str) -> Iterator[bytes]:
    """It is our own file: what is wrong with it is damage, not somebody's input."""
    try:
        yield from unpacked(pieces, how)
    except Invalid as error:
        raise Corrupt(f"{name} cannot be unpacked: {error.message}", code="file_damaged") from None


class Laid:
    """Bytes on this machine's disk without a name: gone with the last who has them open, also after a kill."""

    def __init__(self, content: Iterator[bytes], scratch: Path) -> None:
        """All of it, proven, before anything is read. Raises what `content` raises, DiskFull."""
        scratch.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._file = tempfile.TemporaryFile(dir=scratch, buffering=0)  # noqa: SIM115 - closed by `close`
        self.size = 0
        try:
            for piece in content:
                self._write(piece)
        except BaseException:
            self._file.close()
            raise

    def _write(self, piece: bytes) -> None:
        left = memoryview(piece)
        try:
            while left:
                left = left[os.write(self._file.fileno(), left) :]
        except OSError as error:
            raise_for(error, "unpacking a file")
        self.size += len(piece)

    def read(self, offset: int, buffer: memoryview) -> int:
        """Thread-safe."""
        return os.preadv(self._file.fileno(), [buffer], offset)

    def line(self, most: int) -> bytes:
        """Up to the first line feed, without it. Raises Corrupt when there is none in the first `most` bytes."""
        found, piece, looked = bytearray(), memoryview(bytearray(1 << 20)), 0
        while (at := found.find(b"\n", looked)) < 0:
            looked = len(found)
            count = self.read(looked, piece[: most - looked])
            if not count:
                raise Corrupt("the notes beside the file cannot be read", code="file_damaged")
            found += piece[:count]
        return bytes(found[:at])

    def close(self) -> None:
        self._file.close()
