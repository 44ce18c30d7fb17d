"""The documentation does what it says: its commands are run as written, its settings are the program's."""

from __future__ import annotations

import re
import shlex
import subprocess
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path

import pytest
from cli_kit import run
from stock_restic import programs

from holdfast.commands.demo.temporary import environment, temporary_holdfast
from holdfast.kernel.settings import Settings

REPOSITORY = Path(__file__).resolve().parents[2]
DOCS = REPOSITORY / "docs"
BULK = "holdfast snapshot bulk forget --database shop --until 2026-01-01"
SHORTER = {
    "holdfast demo": "holdfast demo --rows 500 --engine sqlite",
    f"{BULK} --apply --confirm 12": f"{BULK} --apply --confirm 0",  # nothing here is that old
}
# What a page takes for granted at that point of the story.
BEFORE = {
    "back-up-and-restore.md": {
        "holdfast snapshot create shop": [
            "holdfast db create sqlite shop",
            "holdfast db query shop --write 'create table item (id integer primary key, name text)'",
        ],
        "holdfast db list --deleted": ["holdfast db delete shop --confirm shop"],
    }
}
RUN_PAGES = ["quick-start.md", "how-to/back-up-and-restore.md", "how-to/operate.md", "how-to/people.md"]


def commands(page: Path) -> list[str]:
    """The lines after `$ ` in the console blocks of a page."""
    blocks = re.findall(r"```console\n(.*?)```", page.read_text(), re.DOTALL)
    return [line[2:] for block in blocks for line in block.splitlines() if line.startswith("$ ")]


@pytest.fixture(scope="module")
def reader() -> Iterator[dict[str, str]]:
    """The environment of somebody who follows the pages on a new installation."""
    with temporary_holdfast() as client:
        root = Path(client.where).parent.parent
        yield environment(root) | {"XDG_CONFIG_HOME": str(root / "config")}


@pytest.mark.slow
@pytest.mark.xdist_group("cli-docs")
@pytest.mark.parametrize("name", RUN_PAGES)
def test_every_command_of_a_page_works_as_written(reader: dict[str, str], tmp_path: Path, name: str) -> None:
    page = DOCS / name
    project = f"docs-{page.stem}"
    assert run(reader, "project", "create", project).code == 0
    environ = reader | {"HOLDFAST_PROJECT": project}
    lines = commands(page)
    assert lines
    for line in lines:
        for each in [*BEFORE.get(page.name, {}).get(line, ()), SHORTER.get(line, line)]:
            words, _, target = each.partition(" > ")
            program, *arguments = shlex.split(words)
            assert program == "holdfast"
            ran = run(environ, *arguments)
            # `doctor` judges the machine, which is not the page's matter.
            assert ran.code == 0 or arguments == ["doctor"], f"{each}: {ran.out}{ran.err}"
            if target:
                (tmp_path / target).write_text(ran.out)
    if name == "quick-start.md":
        restored_by_restic(environ, tmp_path, project)


def restored_by_restic(environ: dict[str, str], directory: Path, project: str) -> None:
    """The page's last lines, with the page's own password file."""
    (repository,) = run(environ, "repo", "list", "--project", project, "--json").json
    line = next(line for line in (DOCS / "quick-start.md").read_text().splitlines() if line.startswith("restic -r"))
    words = line.replace("data/repositories/REPOSITORY", repository["path"]).split()
    for number, program in enumerate(programs()):
        argv = [program, *words[1:-1], f"out{number}", "--no-cache"]
        done = subprocess.run(argv, cwd=directory, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        assert (directory / f"out{number}" / "RESTORE.md").exists()


def test_every_setting_is_documented() -> None:
    text = (DOCS / "reference" / "settings.md").read_text()
    source = "".join(path.read_text() for path in (REPOSITORY / "src" / "holdfast").rglob("*.py"))
    internal = {"HOLDFAST_COMPLETE", "HOLDFAST_SCRATCH"}  # typer's own, and a mark on processes: nobody sets them
    used = set(re.findall(r"HOLDFAST_[A-Z]+(?:_[A-Z]+)*", source)) - internal
    assert used
    assert {name for name in used if f"`{name}`" not in text} == set()
    for field in fields(Settings):
        if field.name != "host":  # always the loopback address: there is no variable
            assert f"`HOLDFAST_{field.name.upper()}`" in text, field.name


def test_no_documented_setting_is_invented() -> None:
    source = "".join(path.read_text() for path in (REPOSITORY / "src" / "holdfast").rglob("*.py"))
    for page in DOCS.rglob("*.md"):
        for name in re.findall(r"`?(HOLDFAST_[A-Z_]+[A-Z])`?", page.read_text()):
            assert name in source, f"{page.name}: {name}"


def test_every_page_is_in_the_navigation_and_links_to_what_is_there() -> None:
    navigation = (REPOSITORY / "mkdocs.yml").read_text().partition("\nnav:")[2]
    listed = set(re.findall(r"[\w./-]+\.md", navigation))
    assert listed == {str(page.relative_to(DOCS)) for page in DOCS.rglob("*.md")}
    for page in DOCS.rglob("*.md"):
        for target in re.findall(r"\]\((?!https?://|#)([^)#]+)", page.read_text()):
            assert (page.parent / target).exists(), f"{page.name} -> {target}"
