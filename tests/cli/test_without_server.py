"""What the program says where no Holdfast runs."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from cli_kit import Holdfast


@pytest.mark.parametrize("line", [["db", "list"], ["snapshot", "create", "x"], ["run", "list"], ["repo", "key", "x"]])
def test_every_command_says_that_nothing_runs_and_how_to_start(alone: Holdfast, line: list[str]) -> None:
    ran = alone(*line)
    assert ran.code == 1
    assert ran.out == ""
    assert "Holdfast is not running (no admin.sock at" in ran.err
    assert "Hint: start it: holdfast up" in ran.err


def test_errors_are_json_with_json(alone: Holdfast) -> None:
    ran = alone("db", "list", "--json")
    assert ran.code == 1
    assert ran.error["code"] == "not_running"
    assert ran.error["retryable"] is True


def test_status_is_useful_when_nothing_runs(alone: Holdfast, tmp_path: Path) -> None:
    ran = alone("status")
    assert ran.code == 1
    assert str(tmp_path / "data") in ran.out
    assert alone("status", "--json").json["running"] is False


def test_down_without_a_keeper_is_no_failure(alone: Holdfast) -> None:
    ran = alone("down")
    assert ran.code == 0
    assert "was not running" in ran.out


def test_a_setting_that_cannot_be_understood_is_named(alone: Holdfast, monkeypatch: pytest.MonkeyPatch) -> None:
    ran = alone("db", "list", "--profile", "nowhere")
    assert ran.code == 3
    assert "there is no profile named 'nowhere'" in ran.err


def test_profiles_from_the_command_line(alone: Holdfast, tmp_path: Path) -> None:
    ran = alone("profile", "add", "ci", "http://127.0.0.1:9", "--key-stdin", stdin="hf_key\n")
    assert ran.code == 0, ran.err
    assert "hf_key" not in ran.out + ran.err
    listed = {p["name"]: p for p in alone("profile", "list", "--json").json}
    assert listed["ci"]["has_key"] is True
    assert listed["local"]["current"] is True
    assert alone("profile", "use", "ci").code == 0
    ran = alone("db", "list", "--profile", "ci")
    assert "nobody answers at http://127.0.0.1:9" in ran.err
    assert alone("profile", "remove", "ci").code == 0
    assert "hf_key" not in (tmp_path / "config" / "holdfast" / "profiles.toml").read_text()


def test_there_is_no_option_for_a_key_on_the_command_line(alone: Holdfast) -> None:
    assert alone("profile", "add", "ci", "http://h", "--key", "secret").code == 2


def test_an_interruption_before_the_program_is_there_ends_it_quietly(tmp_path: Path) -> None:
    (tmp_path / "typer.py").write_text("raise KeyboardInterrupt\n")
    environ = {**os.environ, "PYTHONPATH": os.pathsep.join([str(tmp_path), os.environ.get("PYTHONPATH", "")])}
    line = [sys.executable, "-m", "holdfast", "db", "list"]
    ran = subprocess.run(line, env=environ, capture_output=True, text=True, check=False)
    assert (ran.returncode, ran.stdout, ran.stderr) == (130, "", "")
