"""Every example on a help page can be typed: its command and options are there, and nothing it needs is left out."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from typing import Any

import pytest
import typer

from holdfast.cli import app, hoist

ROOT = typer.main.get_command(app)
SHELL = {"|", ">", "<", "&&", ";", "2>&1"}


def pages(command: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    yield path, command
    for name in command.list_commands(None) if hasattr(command, "list_commands") else []:
        yield from pages(command.get_command(None, name), (*path, name))


def examples() -> Iterator[str]:
    for _, command in pages(ROOT):
        text = (command.help or "").partition("Example:\n")[2].replace("\\\n", " ")
        yield from (line.strip() for line in text.splitlines() if line.strip().startswith("holdfast "))


def parsed(line: str) -> list[str]:
    """The words after which nothing is left to read. Raises click's own errors for what a command does not take."""
    words = shlex.split(line)
    ends = [at for at, word in enumerate(words) if word in SHELL]
    rest, command = hoist(words[1 : ends[0] if ends else None]), ROOT
    while True:
        with command.make_context("holdfast", [], resilient_parsing=True) as ctx:
            ctx.resilient_parsing = False  # which would take any option for a word
            values, left, _ = command.make_parser(ctx).parse_args(args=list(rest))
            needed = [each.name for each in command.params if each.required and values.get(each.name) in (None, ())]
        if not hasattr(command, "get_command"):
            assert not needed, f"{line!r} leaves out {needed}"
            return list(left)
        assert left, f"{line!r} names no command"
        below = command.get_command(None, left[0])
        assert below is not None, f"{line!r}: there is no command {left[0]!r}"
        command, rest = below, left[1:]


def test_there_are_examples() -> None:
    assert len(set(examples())) > 250


@pytest.mark.parametrize("line", sorted(set(examples())))
def test_an_example_is_understood(line: str) -> None:
    assert parsed(line) == []


@pytest.mark.parametrize("words", ["db creat x", "db list --no-such", "db show", "db"])
def test_a_wrong_line_is_not(words: str) -> None:
    with pytest.raises((AssertionError, typer._click.exceptions.UsageError)):  # type: ignore[attr-defined]
        parsed(f"holdfast {words}")
