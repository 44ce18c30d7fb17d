"""What the vault's tests share: captures made of plain bytes, and stock restic as the judge."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from holdfast.contract.catalog import JSON, Catalog
from holdfast.contract.snapshot import Entry, Manifest
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
    """Run stock restic on a repository; a missing restic fails the test and says so."""
    program = shutil.which("restic")
    if program is None:
        pytest.fail("stock restic is missing on this machine: apt-get install restic")
    environ = {"RESTIC_PASSWORD": password, "HOME": "/nonexistent", "PATH": os.environ["PATH"]}
    argv = [program, "--no-cache", "--quiet", "-r", str(path), *arguments]
    done = subprocess.run(argv, env=environ, capture_output=True, text=True, timeout=120, check=False)
    if check and done.returncode != 0:
        raise AssertionError(f"restic {arguments}: {done.returncode}\n{done.stdout}\n{done.stderr}")
    return done


def restic_snapshots(path: Path) -> list[str]:
    return [s["id"] for s in json.loads(restic(path, "snapshots", "--json").stdout)]
