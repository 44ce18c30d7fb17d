"""A folder of migrations: `0001_name.up.sql` with an optional `0001_name.down.sql`, or `0001_name.sql` with `-- up` and
`-- down` lines."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from pathlib import Path

from holdfast.kernel.errors import Invalid, NotFound

_FILE = re.compile(r"(?P<number>[0-9]{1,16})[_-](?P<name>.+?)(?:\.(?P<way>up|down))?\.sql")
_MARK = re.compile(r"--[ \t]*(up|down)[ \t]*", re.IGNORECASE)


@dataclass(frozen=True)
class FileMigration:
    number: int
    name: str
    up: str | None = None
    down: str | None = None


def read_folder(folder: Path) -> list[FileMigration]:
    """By number. Raises NotFound without a folder or a file, Invalid (code "files_invalid") for two migrations of one
    number, a way back without a way up, or a file that is not UTF-8. Other files are left alone."""
    if not folder.is_dir():
        raise NotFound(f"there is no folder {folder}", code="folder_missing")
    found: dict[int, FileMigration] = {}
    for path in sorted(folder.iterdir()):
        match = _FILE.fullmatch(path.name)
        if match is None or not path.is_file():
            continue
        number, name = int(match["number"]), match["name"]
        there = found.get(number, FileMigration(number, name))
        if there.name != name:
            raise Invalid(f"{number} is both {there.name!r} and {name!r}", code="files_invalid")
        found[number] = _with(there, path, match["way"])
    if not found:
        raise NotFound(
            f"{folder} holds no migration", code="folder_empty", hint="Name them 0001_name.up.sql, 0001_name.down.sql."
        )
    for each in found.values():
        if each.up is None:
            raise Invalid(f"{each.number} ({each.name}) has a way back and no way up", code="files_invalid")
    return [found[number] for number in sorted(found)]


def parts(text: str) -> tuple[str, str | None]:
    """(up, down) of one file; without marks all of it is the way up. Raises Invalid for text before the first mark."""
    ways: dict[str, list[str]] = {"up": [], "down": []}
    now: str | None = None
    before = []
    for line in text.splitlines(keepends=True):
        match = _MARK.fullmatch(line.strip())
        if match:
            now = match[1].lower()
        elif now is None:
            before.append(line)
        else:
            ways[now].append(line)
    if now is None:
        return text, None
    if any(line.strip() and not line.lstrip().startswith("--") for line in before):
        raise Invalid("there are statements before the first `-- up` line", code="files_invalid")
    return "".join([*before, *ways["up"]]), "".join(ways["down"]) or None


def _with(there: FileMigration, path: Path, way: str | None) -> FileMigration:
    try:
        text = path.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        raise Invalid(f"{path.name} is not UTF-8", code="files_invalid") from None
    if way is None:
        up, down = parts(text)
        made = replace(there, up=up, down=down)
    else:
        made = replace(there, up=text) if way == "up" else replace(there, down=text)
    if (there.up is not None and made.up != there.up) or (there.down is not None and made.down != there.down):
        raise Invalid(f"{there.number} ({there.name}) is written twice", code="files_invalid")
    return made
