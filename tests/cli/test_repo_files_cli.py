"""`holdfast repo` and `holdfast snapshot` with plain files, as people type it."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest
from cli_kit import Ran, run

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("repo-files-cli")]


@pytest.fixture(scope="module")
def variables(server: dict[str, str]) -> dict[str, str]:
    """The session's server, in a project of these tests' own."""
    made = run(server, "project", "create", "plain-files")
    assert made.code == 0, made.err
    return server | {"HOLDFAST_PROJECT": "plain-files"}


def test_plain_files_from_the_command_line(variables: dict[str, str], tmp_path: Path) -> None:
    def shell(*line: str) -> Ran:
        return run(variables, *line, stdin="")

    folder = tmp_path / "dumps"
    added = shell(
        "repo", "add", "dumps", "--kind", "local", "--format", "plain", "--path", str(folder), "--level", "fast"
    )
    assert added.code == 0, added.err
    shown = shell("repo", "show", "dumps")
    assert "plain: native, gzip 1, not encrypted; {project}/" in shown.out
    wrong = shell("repo", "add", "x", "--kind", "local", "--format", "plain", "--template", "{database}")
    assert wrong.code != 0
    assert "no {id}" in wrong.err
    assert shell("repo", "add", "x", "--kind", "local", "--format", "plain", "--level", "much").code == 2
    assert shell("db", "create", "sqlite", "shop").code == 0
    taken = shell("snapshot", "create", "shop", "--repo", "dumps", "--json")
    assert taken.code == 0, taken.err
    (file,) = folder.rglob("*.gz")
    assert gzip.decompress(file.read_bytes()).startswith(b"SQLite format 3")
    out = tmp_path / "copy.gz"
    got = shell("snapshot", "download", "latest:shop", "-o", str(out), "--format", "stored")
    assert got.code == 0, got.err
    assert out.read_bytes() == file.read_bytes()
    assert "gzip -d" in (tmp_path / "copy.gz.RESTORE.md").read_text()
    assert shell("repo", "check", "dumps", "--read-data").code == 0
    refused = shell("repo", "repair", "dumps")
    assert refused.code != 0
    assert "plain files" in refused.err
    key = shell("repo", "key", "dumps")
    assert "RESTORE.md" in key.err
