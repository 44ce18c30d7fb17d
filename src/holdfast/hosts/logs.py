"""Server logs: appended by the server itself, bounded by us, at most two files."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

LIMIT = 8 * 1024 * 1024


def open_log(path: Path) -> int:
    """A descriptor that appends: it stays right when the file is cut under the server."""
    return os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)


def rotate(path: Path, limit: int = LIMIT) -> bool:
    """Copy to `.1` and cut when larger than `limit`. Lines written between the two acts are lost: the server holds
    the file, and a pipe through the keeper would kill it together with the keeper."""
    try:
        if path.stat().st_size <= limit:
            return False
    except FileNotFoundError:
        return False
    older = path.with_name(path.name + ".1")
    temporary = path.with_name(path.name + ".tmp")
    shutil.copyfile(path, temporary)
    temporary.chmod(0o600)
    os.replace(temporary, older)
    os.truncate(path, 0)
    return True


def since(path: Path, offset: int) -> str:
    """The plain lines written after `offset`, without the structured ones: what a part said as it gave up."""
    try:
        with path.open("rb") as file:
            file.seek(offset)
            lines = file.read(65536).decode(errors="replace").splitlines()
    except FileNotFoundError:
        return ""
    return "\n".join(line for line in lines if not line.startswith("{"))


def tail(path: Path, size: int = 4096) -> str:
    """The last `size` bytes; empty when there is no log."""
    try:
        with path.open("rb") as file:
            file.seek(max(0, os.fstat(file.fileno()).st_size - size))
            return file.read(size).decode(errors="replace").strip()
    except FileNotFoundError:
        return ""
