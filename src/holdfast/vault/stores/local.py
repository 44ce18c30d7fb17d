"""A store in a local directory: temporary file, fsync, rename, fsync of the directory."""

from __future__ import annotations

import errno
import os
import time
import uuid
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from functools import cached_property
from pathlib import Path
from typing import NoReturn

from holdfast.kernel.errors import Conflict, DiskFull, HoldfastError, NeedsOperator, NotFound, Permanent
from holdfast.vault.stores.base import Make, Pieces
from holdfast.vault.stores.order import of_one_kernel
from holdfast.vault.stores.writing import write_all

_NO_ROOM = {errno.ENOSPC, errno.EDQUOT}
_NOT_ALLOWED = {errno.EACCES, errno.EPERM, errno.EROFS}
STALE_SECONDS = 3600.0


class LocalStore:
    """See `Store`. Temporary files lie in `tmp/` beside the data, so that a listing never shows half a piece."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._text = str(root)
        self._tmp = root / "tmp"

    @property
    def root(self) -> Path:
        return self._root

    @cached_property
    def lists_in_order(self) -> bool:
        """See `ListsInOrder`."""
        return of_one_kernel(self._root)

    def _path(self, name: str) -> Path:
        return Path(self._file(name))

    def _file(self, name: str) -> str:
        """As text, for what is done often: making a path of it takes as long as opening it."""
        if not name or name.startswith("/") or ".." in name.split("/"):
            raise Permanent(f"not a name of a piece: {name!r}")
        return f"{self._text}/{name}"

    def put(self, name: str, pieces: Pieces) -> None:
        self._place(name, lambda path: _write(path, pieces), os.replace)

    def create(self, name: str, pieces: Pieces) -> None:
        """A link, unlike a rename, fails when the name is taken."""
        self._place(name, lambda path: _write(path, pieces), _link)

    def put_stream(self, name: str, make: Make, expected: int) -> None:  # noqa: ARG002  buckets need it
        self._place(name, lambda path: _pour(path, make()), os.replace)

    def _place(self, name: str, write: Callable[[Path], None], move: Callable[[Path, Path], None]) -> None:
        path = self._path(name)
        with _translated(f"writing {name}"):
            _make_directory(self._tmp)
            _make_directory(path.parent)
            temporary = self._tmp / uuid.uuid4().hex
            try:
                write(temporary)
                move(temporary, path)
            except BaseException:
                with suppress(FileNotFoundError):
                    temporary.unlink()
                raise
            _sync_directory(path.parent)

    def get(self, name: str, offset: int = 0, length: int | None = None) -> bytes:
        with _translated(f"reading {name}"):
            fd = os.open(self._file(name), os.O_RDONLY | os.O_CLOEXEC)
            try:
                wanted = os.fstat(fd).st_size - offset if length is None else length
                data = os.pread(fd, max(wanted, 0), offset)
                while len(data) < wanted and (more := os.pread(fd, wanted - len(data), offset + len(data))):
                    data += more
                return data
            finally:
                os.close(fd)

    def size(self, name: str) -> int:
        with _translated(f"looking at {name}"):
            return os.stat(self._file(name)).st_size

    def exists(self, name: str) -> bool:
        return os.path.isfile(self._file(name))

    def list(self, prefix: str) -> Iterator[tuple[str, int]]:
        top = self._path(prefix.rstrip("/"))
        if not top.is_dir():
            return
        with _translated(f"listing {prefix}"):
            for entry in os.scandir(top):
                if entry.is_dir(follow_symlinks=False):
                    yield from _sized(f"{prefix.rstrip('/')}/{entry.name}", os.scandir(entry.path))
                else:
                    yield from _sized(prefix.rstrip("/"), [entry])

    def walk(self, prefix: str) -> Iterator[tuple[str, int]]:
        top = self._path(prefix.rstrip("/"))
        with _translated(f"listing {prefix}"):
            for folder, _, names in os.walk(top, onerror=_raised):
                for name in names:
                    path = Path(folder, name)
                    with suppress(FileNotFoundError):
                        if path.is_file() and not path.is_symlink():
                            yield path.relative_to(self._root).as_posix(), path.stat().st_size

    def delete(self, name: str) -> None:
        path = self._path(name)
        with _translated(f"deleting {name}"), suppress(FileNotFoundError):
            path.unlink()
            _sync_directory(path.parent)

    def sweep(self) -> None:
        """Temporary files nobody has written to for an hour."""
        oldest = time.time() - STALE_SECONDS
        with _translated("sweeping"), suppress(FileNotFoundError), os.scandir(self._tmp) as entries:
            for entry in entries:
                with suppress(FileNotFoundError):
                    if entry.is_file(follow_symlinks=False) and entry.stat(follow_symlinks=False).st_mtime < oldest:
                        os.unlink(entry.path)


def _sized(prefix: str, entries: Iterable[os.DirEntry[str]]) -> Iterator[tuple[str, int]]:
    """Files with their sizes; one that was deleted since the listing began is not there."""
    for entry in entries:
        with suppress(FileNotFoundError):
            if entry.is_file(follow_symlinks=False):
                size = entry.stat().st_size
                yield f"{prefix}/{entry.name}", size


def _make_directory(path: Path) -> None:
    if path.is_dir():
        return
    path.mkdir(mode=0o700, parents=True, exist_ok=True)
    _sync_directory(path.parent)


def _write(path: Path, pieces: Pieces) -> None:
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        write_all(fd, pieces)
        os.fsync(fd)
    finally:
        os.close(fd)


def _pour(path: Path, pieces: Iterator[bytes]) -> None:
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        for piece in pieces:
            left = memoryview(piece)
            while left:
                left = left[os.write(fd, left) :]
        os.fsync(fd)
    finally:
        os.close(fd)


def _raised(error: OSError) -> None:
    """Of a walk, which would pass it over. A directory that went meanwhile has nothing in it."""
    if not isinstance(error, FileNotFoundError):
        raise error


def _sync_directory(path: Path) -> None:
    fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def _link(temporary: Path, path: Path) -> None:
    try:
        os.link(temporary, path)
    except FileExistsError:
        raise Conflict(f"{path.name} is there already", code="piece_exists") from None
    temporary.unlink()


@contextmanager
def _translated(act: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise_for(error, act)


def raise_for(error: OSError, act: str) -> NoReturn:
    """The error of ours that says what an operating system's means for a repository."""
    if isinstance(error, FileNotFoundError):
        raise NotFound(f"{act}: it is not there", code="piece_missing") from error
    if error.errno in _NO_ROOM:
        raise DiskFull(
            f"{act}: no room left on the device", hint="free some space; nothing half-written was kept"
        ) from error
    if error.errno in _NOT_ALLOWED:
        raise NeedsOperator(
            f"{act}: {error.strerror}", hint=f"make {error.filename or 'the repository'} writable for Holdfast"
        ) from error
    raise HoldfastError(f"{act}: {error.strerror or error}", code="store_failed") from error
