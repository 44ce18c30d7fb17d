"""What `repo add` is told of plain files."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from holdfast.terminal.failure import Usage

Format = Annotated[
    Literal["restic", "plain"],
    typer.Option("--format", help="restic: deduplicated, encrypted; plain: a file for each snapshot."),
]
Form = Annotated[
    Literal["native", "tar"] | None, typer.Option("--form", help="Of plain: for the engine's own tools, or a tar.")
]
Compression = Annotated[
    Literal["gzip", "zstd", "bzip2", "none"] | None,
    typer.Option("--compression", help="Of plain.", show_default="gzip"),
]
FileLevel = Annotated[
    str | None, typer.Option("--level", metavar="LEVEL", help="Of plain: 1-9 (zstd 1-19), fast or small.")
]
Encryption = Annotated[
    Literal["none", "age", "gpg", "aes256"] | None,
    typer.Option("--encryption", help="Of plain: with a key of the repository's own.", show_default="none"),
]
Recipient = Annotated[
    list[str] | None,
    typer.Option("--recipient", metavar="AGE1...", help="Of plain and age: who can open the files too; repeatable."),
]
FileKey = Annotated[
    str | None,
    typer.Option("--file-key", metavar="NAME", help="Of plain: a file key instead of one of the repository's own."),
]
Template = Annotated[
    str | None,
    typer.Option(
        "--template",
        metavar="NAME",
        help="Of plain: names of files, of {project} {environment} {database} {engine} {taken:%Y-%m-%d} {id}.",
    ),
]
FILES = ("form", "compression", "level", "encryption", "template")


def with_key(files: dict[str, Any], key: str | None) -> dict[str, Any]:
    return files | ({"key": key} if key else {})


def files_of(said: dict[str, Any], recipients: list[str] | None) -> dict[str, Any]:
    """For the API, what was said only. A recipient may be a file that holds one. Raises Usage."""
    files = {name: value for name, value in said.items() if value is not None}
    level = files.get("level")
    if isinstance(level, str) and level not in ("fast", "small"):
        if not level.isascii() or not level.isdigit():
            raise Usage(f"--level {level}: not a number, fast or small")
        files["level"] = int(level)
    if recipients:
        files["recipients"] = [_read(each) for each in recipients]
    return files


def _read(given: str) -> str:
    if given.startswith("age1"):
        return given
    path = Path(given)
    if not path.is_file():
        raise Usage(f"--recipient {given}: neither an age1... key nor a file with one")
    return path.read_text(encoding="utf-8").strip()
