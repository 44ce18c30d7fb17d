"""A worker's folder: which of its files are deployed. What .gitignore and .holdfastignore leave out stays here."""

from __future__ import annotations

import fnmatch
import io
import os
import zipfile
from collections.abc import Iterator
from pathlib import Path

from holdfast.kernel.errors import HoldfastError, Invalid

_NEVER = (
    ".git", ".hg", ".svn", "__pycache__", "*.pyc", ".venv", ".venv-workers", "venv", "node_modules", ".wrangler",
    ".env", ".env.*", ".dev.vars*", ".DS_Store", ".pytest_cache", ".mypy_cache", ".ruff_cache", "python_modules",
    ".holdfastignore", ".holdfast",
)  # fmt: skip
_IGNORE = (".gitignore", ".holdfastignore")
_MOST_BYTES = 9 << 20


def packed(folder: Path) -> bytes:
    """A zip of the folder without what .gitignore and .holdfastignore leave out. Raises Invalid, HoldfastError."""
    made = io.BytesIO()
    count = 0
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in chosen(folder):
            info = zipfile.ZipInfo(path.relative_to(folder).as_posix(), (1980, 1, 1, 0, 0, 0))
            info.compress_type, info.external_attr = zipfile.ZIP_DEFLATED, 0o100644 << 16
            archive.writestr(info, path.read_bytes())
            count += 1
            if made.tell() > _MOST_BYTES:
                raise HoldfastError(
                    f"the folder packs to more than {_MOST_BYTES >> 20} MiB",
                    code="version_too_large",
                    hint="Leave out what the worker does not need: name it in .holdfastignore.",
                )
    if not count:
        raise Invalid(f"there is nothing to deploy in {folder}", code="folder_empty")
    return made.getvalue()


def chosen(folder: Path) -> Iterator[Path]:
    """Its files in order, links left out; ignored folders are not entered."""
    rules = [*((rule, False) for rule in _NEVER), *_rules(folder)]
    for where, folders, files in os.walk(folder):
        here = Path(where)
        folders[:] = sorted(
            each
            for each in folders
            if not (here / each).is_symlink() and not _ignored(folder, here / each, rules, True)
        )
        for name in sorted(files):
            path = here / name
            if path.is_file() and not path.is_symlink() and not _ignored(folder, path, rules, False):
                yield path


def _rules(folder: Path) -> Iterator[tuple[str, bool]]:
    """(pattern, taken back) by line."""
    for name in _IGNORE:
        try:
            lines = (folder / name).read_text().splitlines()
        except OSError:
            continue
        for line in (each.strip() for each in lines):
            if line and not line.startswith("#"):
                yield line.removeprefix("!"), line.startswith("!")


def _ignored(folder: Path, path: Path, rules: list[tuple[str, bool]], is_folder: bool) -> bool:
    """The last rule that matches counts, as in gitignore(5); `**` is read as `*`."""
    relative, out = path.relative_to(folder).as_posix(), False
    for rule, back in rules:
        if rule.endswith("/") and not is_folder:
            continue
        pattern = rule.rstrip("/").replace("**/", "")
        anchored = "/" in pattern
        subject = relative if anchored else path.name
        if fnmatch.fnmatchcase(subject, pattern.lstrip("/")):
            out = not back
    return out
