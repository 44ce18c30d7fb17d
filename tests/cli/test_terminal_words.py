"""What people read: values, sizes, progress, confirmations, names; and the shell's idea of a finished statement."""

from __future__ import annotations

import io
import json
from typing import Any

import pytest

from holdfast.client import Event
from holdfast.features.databases.cli_query import cell, keyed
from holdfast.features.databases.cli_shell import complete
from holdfast.kernel.errors import Conflict, Denied, HoldfastError, Invalid, NotFound, Unauthenticated
from holdfast.terminal import output
from holdfast.terminal.context import Terminal, key_values
from holdfast.terminal.failure import Usage, exit_code, show_error
from holdfast.terminal.progress import ProgressLine, progress_text, run_error


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "NULL"),
        ("", ""),
        (True, "true"),
        (1.5, "1.5"),
        ({"a": [1, None]}, '{"a": [1, null]}'),
        ("naïve 表 😀", "naïve 表 😀"),
        ("\x1b]0;owned\x07", "\\x1b]0;owned\\x07"),
        ("\u202eabc", "\\u202eabc"),
        ("a\nb\tc", "a\nb\tc"),
    ],
)
def test_values_are_readable_and_cannot_steer_the_terminal(value: Any, text: str) -> None:
    assert output.value_text(value) == text


def test_a_table_on_a_pipe_is_never_cut_and_never_marked_up(capsys: pytest.CaptureFixture[str]) -> None:
    long = "x" * 500
    output.table(["NAME", "[bold]"], [[long, "[red]not markup[/red]"], ["", ":smile:"]])
    shown = capsys.readouterr().out
    assert long in shown
    assert "[red]not markup[/red]" in shown
    assert ":smile:" in shown
    assert "[bold]" in shown
    output.table(["NAME"], [["x" * 300], ["short"]])
    assert [line for line in capsys.readouterr().out.split("\n") if line != line.rstrip()] == []


@pytest.mark.parametrize(
    ("size", "text"), [(None, "-"), (0, "0 B"), (1023, "1023 B"), (1536, "1.5 KiB"), (2**60, "1024.0 PiB")]
)
def test_sizes(size: float | None, text: str) -> None:
    assert output.size_text(size) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.04, "40 ms"), (0.4, "0.4 s"), (9.96, "10.0 s"), (42, "42 s"), (185, "3:05"), (3725, "1:02:05")],
)
def test_durations(seconds: float, text: str) -> None:
    assert output.seconds_text(seconds) == text


def test_progress_says_share_rate_and_time_left() -> None:
    progress = {"phase": "capture", "done": 2**20, "total": 2**22, "unit": "bytes", "rate": 2**20, "eta_seconds": 3}
    assert progress_text(progress) == "capture  [#####---------------]   25%  1.0 MiB/4.0 MiB  1.0 MiB/s  3.0 s left"
    assert progress_text({"phase": "load", "done": 1200, "total": None, "unit": "rows"}) == "load  1,200 rows"
    assert progress_text({"phase": "plan", "done": 0, "total": None, "unit": "steps"}) == "plan"


def test_progress_off_a_terminal_is_one_line_a_phase() -> None:
    stream = io.StringIO()
    line = ProgressLine(stream)
    for phase in ("plan", "copy", "copy", "verify"):
        line.see(Event(None, "progress", {"phase": phase, "done": 1, "state": "running"}))
    line.see(Event(None, "state", {"state": "running", "progress": None}))
    line.see(Event(None, "log", {"message": "x"}))
    line.clear()
    assert stream.getvalue() == "plan\ncopy\nverify\n"


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (HoldfastError("x"), 1),
        (Usage("x"), 2),
        (NotFound("x"), 3),
        (Denied("x"), 4),
        (Unauthenticated("x"), 4),
        (Conflict("x"), 5),
        (Invalid("x"), 1),
    ],
)
def test_exit_codes(error: HoldfastError, code: int) -> None:
    assert exit_code(error) == code


def test_an_error_shows_hint_fields_and_candidates(capsys: pytest.CaptureFixture[str]) -> None:
    error = Conflict("2 databases are named 'a'", hint="use the id", details={"candidates": ["db_1  a", "db_2  a"]})
    show_error(error, as_json=False)
    assert capsys.readouterr().err == "Error: 2 databases are named 'a'\n  db_1  a\n  db_2  a\nHint: use the id\n"
    show_error(error, as_json=True)
    assert json.loads(capsys.readouterr().err)["error"]["details"]["candidates"] == ["db_1  a", "db_2  a"]
    fields = {"fields": [{"field": "spec.version", "message": "must be 18 or 16"}]}
    show_error(Invalid("no spec", details=fields), as_json=False)
    assert "  spec.version: must be 18 or 16" in capsys.readouterr().err
    show_error(Invalid("spec.version: must be 18 or 16", details=fields), as_json=False)
    assert capsys.readouterr().err == "Error: spec.version: must be 18 or 16\n"


def test_a_failed_run_speaks_with_its_own_error() -> None:
    error = {"code": "disk_full", "message": "no room", "hint": "free some", "details": {"a": 1}}
    made = run_error({"id": "run_1", "kind": "snapshot.create", "state": "failed", "error": error})
    assert (made.code, made.hint) == ("disk_full", "free some")
    assert made.message == "snapshot.create failed: no room"
    assert made.details == {"a": 1, "run_id": "run_1", "state": "failed"}
    bare = run_error({"id": "run_1", "kind": "snapshot.create", "state": "cancelled", "error": None})
    assert "holdfast run show run_1" in (bare.hint or "")


def test_settings_are_json_or_text_and_nest() -> None:
    given = ["a=1", "b=true", "c=text", 'd="18"', "e.f=[1, 2]", "g=", "h=x=y"]
    assert key_values(given, "--set") == {
        "a": 1, "b": True, "c": "text", "d": "18", "e": {"f": [1, 2]}, "g": "", "h": "x=y"
    }  # fmt: skip
    for wrong in ("novalue", "=1"):
        with pytest.raises(Usage):
            key_values([wrong], "--set")
    with pytest.raises(Usage):
        key_values(["a=1", "a.b=2"], "--set")


def test_a_destructive_act_needs_the_name() -> None:
    terminal = Terminal(environ={})
    assert terminal.confirm("shop", "shop", "deletes a database") == "shop"
    with pytest.raises(Usage, match="nothing was done"):
        terminal.confirm("shop", "Shop", "deletes a database")
    with pytest.raises(Usage, match="must be confirmed"):
        Terminal(json=True, environ={}).confirm("shop", None, "deletes a database")


@pytest.mark.parametrize(
    ("text", "ended"),
    [
        ("select 1;", True),
        ("select 1", False),
        ("select ';'", False),
        ("select ';';", True),
        ("select 1; -- done\n", True),
        ("select 1 -- not; yet\n", False),
        ('select ";', False),
        ("select /* ; ", False),
        ("select /* ; */ 1;", True),
        ("do $$ begin; end $$", False),
        ("do $$ begin; end $$;", True),
        ("do $x$ $$; $x$;", True),
        ("select '$1' || $1;", True),
        ("select 'it''s;", False),
        ("", False),
    ],
)
def test_the_shell_knows_when_a_statement_ends(text: str, ended: bool) -> None:
    assert complete(text) is ended


def test_cells_and_rows_lose_nothing() -> None:
    assert cell({"$bytes": "AP8="}) == "\\x00ff"
    assert cell({"$bytes": "A" * 100}).endswith("(75 bytes)")
    assert keyed(["a", "a", "b"], [1, 2, 3]) == {"a": 1, "a#2": 2, "b": 3}
