"""What the vault's tests share: captures made of plain bytes, and stock restic as the judge."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from holdfast.contract.catalog import JSON, Catalog
from holdfast.contract.snapshot import Entry, Manifest, Stream
from holdfast.vault.pipeline import WrittenSnapshot, write_snapshot
from holdfast.vault.repository import Repository
from holdfast.vault.stores.local import LocalStore

PASSWORD = "a\"b'; -- ü"


class BytesStream:
    """A stream over bytes; `fail_at` makes it die there, as a killed producer would."""

    def __init__(self, data: bytes, fail_at: int | None = None, error: Exception | None = None) -> None:
        self._data, self._at, self._fail_at, self._error = memoryview(data), 0, fail_at, error

    def readinto(self, buffer: memoryview) -> int:
        if self._fail_at is not None and self._at >= self._fail_at and self._error is not None:
            raise self._error
        taken = min(len(buffer), len(self._data) - self._at, 100_003)
        buffer[:taken] = self._data[self._at : self._at + taken]
        self._at += taken
        return taken

    def close(self) -> None:
        self._at = len(self._data)


class Cells:
    """Pages out of a mapping of cell to bytes, in the order given."""

    def __init__(self, cells: Mapping[int, bytes]) -> None:
        self._cells = cells

    def cells(self) -> Iterator[tuple[int, memoryview]]:
        for number, data in self._cells.items():
            yield number, memoryview(data)

    def close(self) -> None:
        return None


class BytesCapture:
    """A capture of streams by path and of ready-made entries."""

    position: Mapping[str, JSON] = {"n": 1}

    def __init__(self, files: Mapping[str, bytes], entries: tuple[Entry, ...] = ()) -> None:
        self._files, self._entries = files, entries

    def __enter__(self) -> BytesCapture:
        return self

    def __exit__(self, *exc: object) -> None:
        return None

    def entries(self) -> Iterator[Entry]:
        for path, data in self._files.items():
            yield Entry(path, lambda data=data: BytesStream(data), size=len(data), facts={"rows": len(data)})
        yield from self._entries

    def finish(self) -> Manifest:
        return Manifest("bytes", "1", "b", self.position, Catalog("bytes", "1", "b"))

    def companions(self) -> Mapping[str, bytes]:
        return {"RESTORE.md": b"copy the files\n", "restore.sh": b"#!/bin/sh\n"}


def new_repository(path: Path) -> Repository:
    return Repository.create(LocalStore(path), PASSWORD)


def restic(
    path: Path, *arguments: str, check: bool = True, password: str = PASSWORD
) -> subprocess.CompletedProcess[str]:
    """Run stock restic on a repository: see `stock_restic` for which."""
    from stock_restic import stock  # here, for this module's other readers are children without tests/support

    return stock(path, *arguments, password=password, check=check)


def restic_snapshots(path: Path) -> list[str]:
    return [s["id"] for s in json.loads(restic(path, "snapshots", "--json").stdout)]


def snapshot(repo: Repository, capture: BytesCapture, parent: str | None = None, **more: Any) -> WrittenSnapshot:
    """Write one, with everything that does not matter filled in."""
    return write_snapshot(repo, capture, parent=parent, hostname="h", paths=["/x"], **more)


def page_entry(path: str, cells: Mapping[int, bytes], size: int, page: int = 65536) -> Entry:
    return Entry(path, lambda: Cells(cells), page, size)


def drain(stream: Stream, step: int = 70_000) -> bytes:
    out, buffer = bytearray(), memoryview(bytearray(step))
    while count := stream.readinto(buffer):
        out += buffer[:count]
    stream.close()
    return bytes(out)


def read(repo: Repository, snapshot_id: str, path: str) -> bytes:
    """An entry through a stream and through `fetch`, which must agree."""
    with repo.source(snapshot_id) as source:
        streamed, fetched = drain(source.open(path)), bytearray(source.size(path))

        def place(offset: int, data: memoryview) -> None:
            fetched[offset : offset + len(data)] = data

        source.fetch(path, place)
        assert streamed == fetched
        return streamed


def flip(path: Path, at: int | None = None) -> None:
    """Change one bit of a file, in the middle by default."""
    data = bytearray(path.read_bytes())
    data[len(data) // 2 if at is None else at] ^= 1
    path.chmod(0o600)
    path.write_bytes(data)


def packs(path: Path) -> list[Path]:
    """The pack files of a repository, largest first."""
    return sorted((p for p in (path / "data").rglob("*") if p.is_file()), key=lambda p: -p.stat().st_size)
