"""Files in directories that belong to someone else: never through a link.

A server's user may replace anything below its own directory by a link at any moment; root following it would write
where the server wanted. So every component is opened without following links, relative to the one before.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from holdfast.kernel.errors import Permanent

_OPEN = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


@contextmanager
def _walk(base: Path, relative: Path, owner: int | None, make: bool) -> Iterator[int]:
    descriptor = os.open(base, _OPEN)
    try:
        for part in relative.parts:
            if make:
                try:
                    os.mkdir(part, 0o700, dir_fd=descriptor)
                    made = True
                except FileExistsError:
                    made = False
            following = os.open(part, _OPEN, dir_fd=descriptor)
            os.close(descriptor)
            descriptor = following
            if make and made and owner is not None:
                os.fchown(descriptor, owner, owner)
        yield descriptor
    finally:
        os.close(descriptor)


def directory(base: Path, path: Path, owner: int | None) -> None:
    """Make `path` (below `base`) 0700, owned by `owner`. Idempotent. Raises Permanent when it lies elsewhere."""
    with _walk(base, inside(base, path), owner, True) as descriptor:
        os.fchmod(descriptor, 0o700)


def write(base: Path, path: Path, content: bytes, mode: int, owner: int | None) -> bool:
    """Write a whole file atomically; False when it already held exactly this."""
    relative = inside(base, path)
    with _walk(base, relative.parent, owner, True) as parent:
        if _read(relative.name, parent) == content:
            return False
        temporary = f".{relative.name}.new"
        _unlink(temporary, parent)
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
        with os.fdopen(os.open(temporary, flags, 0o600, dir_fd=parent), "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
            os.fchmod(file.fileno(), mode)
            if owner is not None:
                os.fchown(file.fileno(), owner, owner)
        os.rename(temporary, relative.name, src_dir_fd=parent, dst_dir_fd=parent)
        os.fsync(parent)
    return True


def clear(base: Path, path: Path) -> None:
    """Empty the directory `path` (which stays). Absent is success."""
    try:
        with _walk(base, inside(base, path), None, False) as descriptor:
            for entry in os.listdir(descriptor):
                try:
                    os.unlink(entry, dir_fd=descriptor)
                except IsADirectoryError:
                    shutil.rmtree(entry, dir_fd=descriptor)
    except FileNotFoundError:
        return


def rename(base: Path, source: str, target: str) -> None:
    """Within `base`; durable when it returns. Raises Permanent (code "path_taken") when `target` is there."""
    with _walk(base, Path(), None, False) as descriptor:
        if target in os.listdir(descriptor):
            raise Permanent(f"{base / target} is there already", code="path_taken")
        os.rename(source, target, src_dir_fd=descriptor, dst_dir_fd=descriptor)
        os.fsync(descriptor)


def remove(base: Path, name: str) -> None:
    """The directory `name` in `base`, with all in it. Absent is success."""
    with _walk(base, Path(), None, False) as descriptor:
        if name in os.listdir(descriptor):
            shutil.rmtree(name, dir_fd=descriptor)


def inside(base: Path, path: Path) -> Path:
    """`path` relative to `base`; raises Permanent (code "path_outside") when it is not below it."""
    try:
        relative = path.relative_to(base)
    except ValueError:
        relative = Path("..")
    if ".." in relative.parts:
        raise Permanent(f"{path} is not inside {base}", code="path_outside")
    return relative


def _read(name: str, parent: int) -> bytes | None:
    try:
        descriptor = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK, dir_fd=parent)
    except OSError:
        return None
    with os.fdopen(descriptor, "rb") as file:
        return file.read()


def _unlink(name: str, parent: int) -> None:
    try:
        os.unlink(name, dir_fd=parent)
    except FileNotFoundError:
        return
