"""Copying one database into another without a repository between them."""

from __future__ import annotations

import os
import shutil
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from tempfile import mkdtemp
from typing import Protocol, runtime_checkable

from holdfast.contract.engine import Session
from holdfast.contract.snapshot import (
    CaptureRequest,
    Entry,
    Manifest,
    Pages,
    Receipt,
    RestoreRequest,
    Stream,
)
from holdfast.contract.spec import Endpoint
from holdfast.contract.tools import Tools
from holdfast.kernel.errors import NotFound
from holdfast.kernel.stop import Stop

_CHUNK = 1 << 20
Told = Callable[[int], None]


@runtime_checkable
class CanClone(Protocol):
    """Engines with a shorter way than capture and restore, where circumstances allow it."""

    def clone(
        self, source: Endpoint, target: Endpoint, tools: Tools, stop: Stop, told: Callable[[int], None]
    ) -> tuple[Receipt, Manifest] | None:
        """Fill the empty, prepared `target` with `source` as of one moment; the manifest is of that moment.

        None when it cannot be done here (other server, other file system, sessions in the way): nothing was touched.
        Raises like restore; the caller throws the target away then. `tools` are the target's; `told` hears bytes.
        """
        ...


def copy_through(source: Session, target: Session, scratch: Path, stop: Stop, told: Told) -> tuple[Receipt, Manifest]:
    """Capture straight into restore: entries wait in `scratch`, at most as many bytes as the source has, and are gone
    afterwards. `told` hears bytes read and loaded, together twice the entries' size. Synchronous.

    What is restored is compared with nothing here: `target.verify(manifest, ...)` does that.
    """
    directory = Path(mkdtemp(prefix="clone-", dir=scratch))
    try:
        with source.capture(None, CaptureRequest(), stop) as capture:
            spool = Spool(directory, stop, told)
            spool.read(capture.entries())
            manifest = spool.manifest = capture.finish()
        size = spool.bytes
        want = RestoreRequest(progress=lambda done: told(size + done))
        return target.restore(spool, want, stop), manifest
    finally:
        shutil.rmtree(directory, ignore_errors=True)


class Spool:
    """Implements Source over files of one directory. Only the owner reads them."""

    manifest: Manifest

    def __init__(self, directory: Path, stop: Stop, told: Told) -> None:
        self._directory, self._stop, self._told = directory, stop, told
        self._files: dict[str, Path] = {}
        self._lock = threading.Lock()
        self.bytes = 0

    def read(self, entries: Iterator[Entry], threads: int = 2) -> None:
        """Every entry to its end. Raises the first error of any."""
        with ThreadPoolExecutor(threads, thread_name_prefix="clone") as pool:
            for done in [pool.submit(self._one, entry) for entry in entries]:
                done.result()

    def _one(self, entry: Entry) -> None:
        if entry.open is None:
            raise NotFound(f"{entry.path} refers to a parent, and there is none", code="entry_unknown")
        with self._lock:
            path = self._directory / str(len(self._files))
            self._files[entry.path] = path
        opened = entry.open()
        try:
            with path.open("wb") as file:
                if isinstance(opened, Pages):
                    file.truncate(entry.size or 0)
                    for index, cell in opened.cells():
                        self._stop.check()
                        file.seek(index * entry.page)
                        file.write(cell)
                        self._count(len(cell))
                else:
                    self._stream(opened, file.write)
        finally:
            opened.close()

    def _stream(self, stream: Stream, write: Callable[[memoryview], int]) -> None:
        buffer = memoryview(bytearray(_CHUNK))
        while count := stream.readinto(buffer):
            self._stop.check()
            write(buffer[:count])
            self._count(count)

    def _count(self, count: int) -> None:
        with self._lock:
            self.bytes += count
        self._told(self.bytes)

    def paths(self) -> Iterator[str]:
        return iter(sorted(self._files))

    def size(self, path: str) -> int:
        return self._file(path).stat().st_size

    def open(self, path: str, offset: int = 0) -> Stream:
        return _FileStream(self._file(path), offset)

    def _file(self, path: str) -> Path:
        if path not in self._files:
            raise NotFound(f"there is no entry {path}", code="entry_unknown")
        return self._files[path]


class _FileStream:
    """Implements Stream."""

    def __init__(self, path: Path, offset: int) -> None:
        self._descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        os.lseek(self._descriptor, offset, os.SEEK_SET)

    def readinto(self, buffer: memoryview) -> int:
        return os.readv(self._descriptor, [buffer])

    def close(self) -> None:
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1
