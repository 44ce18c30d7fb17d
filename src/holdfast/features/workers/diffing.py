"""What differs between two versions: files by digest, text by lines, and what their project files say."""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from holdfast.features.databases.elsewhere import OtherNode
from holdfast.features.workers.model import Version
from holdfast.features.workers.shelf import Shelf
from holdfast.kernel.errors import NotFound

MOST_TEXT = 256 * 1024  # of one file
MOST_LINES = 20_000  # of all texts together


@dataclass(frozen=True)
class FileChange:
    """`lines` is a unified diff; None for what is no text, too long, or not on this node."""

    path: str
    change: Literal["added", "removed", "changed"]
    lines: Sequence[str] | None


@dataclass(frozen=True)
class Difference:
    """`config`: key -> {before, after} of what the project files say otherwise."""

    before: Version | None
    after: Version
    files: Sequence[FileChange]
    config: Mapping[str, Mapping[str, Any]]


def difference(shelf: Shelf, before: Version | None, after: Version) -> Difference:
    old = {each["path"]: each["sha256"] for each in before.files} if before else {}
    new = {each["path"]: each["sha256"] for each in after.files}
    left, changes = MOST_LINES, []
    for path in sorted(old.keys() | new.keys()):
        if old.get(path) == new.get(path):
            continue
        lines = _lines(shelf, before if path in old else None, after if path in new else None, path, left)
        left -= len(lines or ())
        kind: Any = "added" if path not in old else "removed" if path not in new else "changed"
        changes.append(FileChange(path, kind, lines))
    said = {} if before is None else before.config
    keys = sorted(said.keys() | after.config.keys())
    other = {key: {"before": said.get(key), "after": after.config.get(key)} for key in keys}
    config = {key: each for key, each in other.items() if each["before"] != each["after"]}
    return Difference(before, after, changes, config)


def _lines(shelf: Shelf, before: Version | None, after: Version | None, path: str, left: int) -> list[str] | None:
    texts = [_text(shelf, each, path) for each in (before, after)]
    if texts[0] is None or texts[1] is None or left <= 0:
        return None
    found = list(difflib.unified_diff(texts[0], texts[1], "before", "after", lineterm=""))
    return found if len(found) <= left else None


def _text(shelf: Shelf, version: Version | None, path: str) -> list[str] | None:
    if version is None:
        return []
    size = next(each["size"] for each in version.files if each["path"] == path)
    if size > MOST_TEXT:
        return None
    try:
        return shelf.read(version.worker_id, version.id, path).decode().splitlines()
    except (UnicodeDecodeError, NotFound, OtherNode):
        return None
