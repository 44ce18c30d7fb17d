"""Write docs/reference/cli.md from the command tree. `--check` only says whether it is current (exit 1 when not)."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import typer

from holdfast.cli import COMMANDS, app
from holdfast.terminal.noun import GLOBAL_OPTIONS

TARGET = Path(__file__).resolve().parent.parent / "docs" / "reference" / "cli.md"
HEAD = """# Command line

Generated from the command tree by `make docs`; do not edit.

{options}.
Exit codes: 0 done, 1 failed, 2 wrong usage, 3 not found, 4 denied, 5 conflict, 130 interrupted.
With `--json` the answer is one JSON document on standard output, an error `{{"error": {{...}}}}` on standard error.
Names or ids are accepted everywhere; a name that fits several things is refused with the candidates listed.
"""


def reference() -> str:
    """The whole page."""
    root: Any = typer.main.get_command(app)
    parts = [HEAD.format(options=GLOBAL_OPTIONS), *page(root, "holdfast", 2)]
    for name in COMMANDS:
        command = root.get_command(None, name)
        if name == "backup":
            parts.append("## holdfast backup\n\nThe same as `holdfast snapshot`.\n")
            continue
        parts += page(command, f"holdfast {name}", 2)
        for verb in command.list_commands(None) if hasattr(command, "list_commands") else ():
            parts += page(command.get_command(None, verb), f"holdfast {name} {verb}", 3)
    return "\n".join(parts)


def page(command: Any, path: str, depth: int) -> Iterator[str]:
    """One command: its words, how to call it, what it takes, an example."""
    words, _, example = (command.help or "").partition("\b\nExample:\n")
    yield f"{'#' * depth} {path}\n"
    yield f"{escape(words.strip())}\n"
    with command.make_context(path, [], resilient_parsing=True) as context:
        yield f"```text\n{path} {' '.join(command.collect_usage_pieces(context))}\n```\n"
        rows = [record for record in (help_record(each, context) for each in command.get_params(context)) if record]
    if rows:
        yield "| | |\n|---|---|\n" + "\n".join(f"| `{name}` | {escape(text)} |" for name, text in rows) + "\n"
    if example:
        yield "```console\n" + "\n".join(f"$ {line.strip()}" for line in example.strip().splitlines()) + "\n```\n"


def help_record(parameter: Any, context: Any) -> tuple[str, str] | None:
    """A parameter's spelling and its help; None for a hidden one and for --help."""
    record = parameter.get_help_record(context)
    if record is None or "--help" in record[0]:
        return None
    return record[0].replace("|", "\\|"), record[1]


def escape(text: str) -> str:
    return re.sub(r"([<>|])", r"\\\1", " ".join(text.split()))


def main() -> int:
    text = reference()
    if "--check" in sys.argv[1:]:
        current = TARGET.exists() and TARGET.read_text() == text
        print(f"{TARGET.name} is {'current' if current else 'out of date: make docs'}")
        return 0 if current else 1
    TARGET.parent.mkdir(parents=True, exist_ok=True)
    TARGET.write_text(text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
