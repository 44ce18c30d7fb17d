"""The command tree as a user meets it: help everywhere, an example everywhere, quick to start."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

from holdfast.cli import COMMANDS, app, hoist, wants_json

runner = CliRunner()


def leaves(command: Any = None, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """Every group and command."""
    command = command or typer.main.get_command(app)
    yield path
    names = command.list_commands(None) if hasattr(command, "list_commands") else []
    for name in names:
        yield from leaves(command.get_command(None, name), (*path, name))


TREE = sorted(leaves())


@pytest.mark.parametrize("path", TREE, ids=" ".join)
def test_every_command_has_help_with_an_example(path: tuple[str, ...]) -> None:
    result = runner.invoke(app, [*path, "--help"])
    assert result.exit_code == 0, result.output
    example = result.output.partition("Example:")[2]
    assert "holdfast" in example
    words = result.output.partition("Example:")[0].split("\n\n")[1].strip()
    assert len(words) > 10


def test_the_tree_is_what_was_promised() -> None:
    have = {" ".join(path) for path in TREE}
    promised = """up, down, restart, status, doctor, demo, completion, engine list, engine install, engine verify,
        db create, db list, db show, db query, db shell, db url, db stop, db start, db delete, db undelete,
        repo list, repo check, repo key, snapshot create, snapshot list, snapshot show, snapshot verify, snapshot ls,
        snapshot cat, snapshot rows, snapshot restore, snapshot delete, backup create, run list, run show, run watch,
        run cancel, project list, project create, project show, project delete, env list, env create, key create,
        key list, key revoke, profile add, profile list, profile use, profile remove"""
    assert {" ".join(name.split()) for name in promised.split(",")} <= have


@pytest.mark.parametrize("name", [name for name in COMMANDS if name != "backup"])
def test_the_root_says_what_the_command_says(name: str) -> None:
    """The root's help lines are written a second time so that nothing is imported: they must not drift."""
    command = typer.main.get_command(app).get_command(None, name)  # type: ignore[attr-defined]
    first = COMMANDS[name].help.rstrip(".").split(",")[0].split(":")[0]
    assert first.split()[0] == (command.help or "").split()[0].rstrip(":,."), (COMMANDS[name].help, command.help)


@pytest.mark.parametrize(
    ("given", "wanted"),
    [
        (["db", "list", "--json"], ["--json", "db", "list"]),
        (["db", "list", "--env", "x", "--json"], ["--env", "x", "--json", "db", "list"]),
        (["db", "query", "s", "--data=/d", "--", "--json"], ["--data=/d", "db", "query", "s", "--", "--json"]),
        (["db", "--project"], ["--project", "db"]),
    ],
)
def test_global_options_work_anywhere(given: list[str], wanted: list[str]) -> None:
    assert hoist(given) == wanted


def test_json_is_known_without_a_parse() -> None:
    assert wants_json(["nonsense", "--json"])
    assert not wants_json(["db", "query", "--", "--json"])


@pytest.mark.parametrize(
    "line", [["nonsense"], ["db", "lst"], ["db", "create"], ["db", "list", "--nonsense"], ["snapshot"]]
)
def test_wrong_usage_exits_2(line: list[str]) -> None:
    assert runner.invoke(app, line).exit_code == 2


def test_a_near_name_is_suggested() -> None:
    assert "snapshot" in runner.invoke(app, ["snapshto"]).output


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_a_completion_script_is_printed(shell: str) -> None:
    output = runner.invoke(app, ["completion", shell]).output
    assert "_HOLDFAST_COMPLETE" in output


def test_the_bash_script_is_accepted_by_bash() -> None:
    script = runner.invoke(app, ["completion", "bash"]).output
    assert subprocess.run(["/bin/bash", "-n"], input=script, text=True, check=False).returncode == 0


def test_completion_completes_nouns_and_verbs() -> None:
    def complete(words: str, number: int) -> list[str]:
        environ = os.environ | {
            "_HOLDFAST_COMPLETE": "complete_bash",
            "COMP_WORDS": words,
            "COMP_CWORD": str(number),
        }
        done = subprocess.run(
            [sys.executable, "-m", "holdfast.cli"], env=environ, capture_output=True, text=True, check=False
        )
        return done.stdout.split()

    assert "db" in complete("holdfast d", 1)
    assert complete("holdfast db und", 2) == ["undelete"]


def test_no_help_loads_what_makes_a_start_slow() -> None:
    """Whatever the command: how long a start takes is in the bench `start`."""
    code = (
        "import sys; from typer.testing import CliRunner; from holdfast.cli import COMMANDS, app\n"
        "for line in ([], *([name] for name in COMMANDS), ['db', 'create']):\n"
        "    assert CliRunner().invoke(app, [*line, '--help']).exit_code == 0\n"
        "print([m for m in ('httpx', 'sqlalchemy', 'fastapi', 'apsw', 'psycopg', 'rich', 'obstore', 'sqlglot',"
        " 'asyncssh', 'alembic', 'arro3.core', 'asyncio') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
