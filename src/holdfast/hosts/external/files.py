"""SQLite files that somebody else writes: which ones may be registered, looked at again at every use."""

from __future__ import annotations

import os
import stat
from collections.abc import Sequence
from pathlib import Path

from holdfast.kernel.errors import HoldfastError, Invalid, NeedsOperator
from holdfast.kernel.settings import Settings

VARIABLE = "HOLDFAST_SQLITE_ROOTS"


def checked_file(settings: Settings, path: Path, *, absent: bool = False) -> Path:
    """The path itself: absolute, real, a plain file with one name, below a listed root, none of our own.

    `absent`: the file need not exist yet, its directory must. Raises NeedsOperator (codes "sqlite_roots_none",
    "file_outside_roots"), Invalid ("file_invalid", "file_absent"). What changes after this look is caught when the
    file is opened: SQLite then follows no symbolic link.
    """
    roots = real_roots(settings.sqlite_roots)
    if not roots:
        raise NeedsOperator(
            "no directory is listed from which files may be registered",
            code="sqlite_roots_none",
            hint=f"The operator lists directories in {VARIABLE}, with colons between, and starts Holdfast again.",
        )
    if not path.is_absolute() or ".." in path.parts or "\0" in str(path):
        raise _invalid("the path must be absolute, without '..'")
    directory = Path(os.path.realpath(path.parent))
    if directory != path.parent or path.is_symlink():
        raise _invalid("the path leads over a symbolic link; give the real one")
    if not any(directory.is_relative_to(root) for root in roots):
        raise NeedsOperator(
            f"{path} is not below a listed directory",
            code="file_outside_roots",
            hint=f"Listed: {', '.join(map(str, roots))}. The operator changes {VARIABLE}.",
        )
    _require_foreign(settings, path)
    _require_plain(settings, path, absent)
    return path


def real_roots(given: Sequence[Path]) -> list[Path]:
    return [Path(os.path.realpath(root)) for root in given if root.is_absolute()]


def _require_foreign(settings: Settings, path: Path) -> None:
    ours = [settings.data, settings.runtime, settings.master_key_file]
    if any(path.is_relative_to(os.path.realpath(place)) for place in ours):
        raise _invalid("this file is Holdfast's own", "file_ours")


def _require_plain(settings: Settings, path: Path, absent: bool) -> None:
    try:
        facts = path.lstat()
    except FileNotFoundError:
        if absent and path.parent.is_dir():
            return
        raise _invalid("there is no such file", "file_absent") from None
    except OSError as error:
        raise _invalid(f"the file cannot be looked at: {error.strerror}") from error
    if not stat.S_ISREG(facts.st_mode):
        raise _invalid("this is no plain file")
    if facts.st_nlink != 1:
        raise _invalid("the file has more than one name (hard links)")
    metadata = settings.data / "meta" / "holdfast.db"
    if metadata.exists() and os.path.samestat(facts, metadata.stat()):
        raise _invalid("this file is Holdfast's own", "file_ours")


def _invalid(message: str, code: str = "file_invalid") -> HoldfastError:
    return Invalid(message, code=code, details={"fields": [{"field": "path", "message": message}]})
