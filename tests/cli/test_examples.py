"""Every example on a help page, and of the pages about workers, can be typed: its command and options are there, and
nothing it needs is left out."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer

from holdfast.cli import app, hoist

ROOT = typer.main.get_command(app)
SHELL = {"|", ">", "<", "&&", ";", "2>&1"}
_BLOCK = re.compile(r"^```(\w*)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
WORKERS = sorted((Path(__file__).parents[2] / "docs" / "workers").glob("*.md"))


def pages(command: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    yield path, command
    for name in command.list_commands(None) if hasattr(command, "list_commands") else []:
        yield from pages(command.get_command(None, name), (*path, name))


def examples() -> Iterator[str]:
    for _, command in pages(ROOT):
        text = (command.help or "").partition("Example:\n")[2].replace("\\\n", " ")
        yield from (line.strip() for line in text.splitlines() if line.strip().startswith("holdfast "))


def written(page: Path) -> Iterator[tuple[str, bool]]:
    """The commands of a page, and whether nothing may be left out: of a block, other than those a sentence names."""
    text = page.read_text()
    for kind, block in _BLOCK.findall(text):
        for line in block.replace("\\\n", " ").splitlines() if kind in ("", "console", "sh") else ():
            _, found, words = line.removeprefix("$ ").partition("holdfast ")
            if found and (line.startswith(("holdfast", "$ holdfast")) or "| holdfast" in line):
                yield found + words, True
    for named in re.findall(r"`(holdfast [a-z][^`]*)`", _BLOCK.sub("", text)):
        yield named.removesuffix(" --help"), False


def parsed(line: str, *, whole: bool = True) -> list[str]:
    """The words after which nothing is left to read. Raises click's own errors for what a command does not take; what
    it needs and is not there counts where the line is to be `whole`."""
    words = shlex.split(line, comments=True)
    ends = [at for at, word in enumerate(words) if word in SHELL]
    rest, command = hoist(words[1 : ends[0] if ends else None]), ROOT
    while True:
        with command.make_context("holdfast", [], resilient_parsing=True) as ctx:
            ctx.resilient_parsing = False  # which would take any option for a word
            values, left, _ = command.make_parser(ctx).parse_args(args=list(rest))
            needed = [each.name for each in command.params if each.required and values.get(each.name) in (None, ())]
        if not hasattr(command, "get_command"):
            assert not (whole and needed), f"{line!r} leaves out {needed}"
            return list(left)
        if not (left or whole):
            return []
        assert left, f"{line!r} names no command"
        below = command.get_command(None, left[0])
        assert below is not None, f"{line!r}: there is no command {left[0]!r}"
        command, rest = below, left[1:]


def test_there_are_examples() -> None:
    assert len(set(examples())) > 250


@pytest.mark.parametrize("line", sorted(set(examples())))
def test_an_example_is_understood(line: str) -> None:
    assert parsed(line) == []


@pytest.mark.parametrize("page", WORKERS, ids=lambda page: page.stem)
def test_a_page_about_workers_names_commands_that_are_there(page: Path) -> None:
    for line, whole in written(page):
        assert parsed(line, whole=whole) == [], line


def test_the_pages_about_workers_name_many_commands() -> None:
    assert sum(len(list(written(page))) for page in WORKERS) > 90


@pytest.mark.parametrize("words", ["db creat x", "db list --no-such", "db show", "db"])
def test_a_wrong_line_is_not(words: str) -> None:
    with pytest.raises((AssertionError, typer._click.exceptions.UsageError)):  # type: ignore[attr-defined]
        parsed(f"holdfast {words}")
