"""The engine tax: adding an engine touches one folder and one line, and it gets every power at once."""

from __future__ import annotations

import filecmp
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import holdfast

HERE = Path(__file__).parent
SOURCE = Path(holdfast.__file__).parent
LINE = '    "holdfast.engines.toy",\n'


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A copy of the source with the toy engine added the way the guide says."""
    copy = tmp_path / "holdfast"
    shutil.copytree(SOURCE, copy, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copytree(HERE / "toy_engine", copy / "engines" / "toy", ignore=shutil.ignore_patterns("__pycache__"))
    catalog = copy / "catalog.py"
    text = catalog.read_text()
    assert text.count('    "holdfast.engines.sqlite",\n') == 1
    catalog.write_text(text.replace('    "holdfast.engines.sqlite",\n', '    "holdfast.engines.sqlite",\n' + LINE))
    return tmp_path


def changed(left: Path, right: Path) -> list[str]:
    """Files and folders that differ, below two trees."""
    found = []
    waiting = [filecmp.dircmp(left, right, ignore=["__pycache__"])]
    while waiting:
        pair = waiting.pop()
        here = Path(pair.right).relative_to(right).as_posix()
        found += [f"{here}/{name}" for name in (*pair.left_only, *pair.right_only, *pair.diff_files)]
        waiting += pair.subdirs.values()
    return sorted(found)


def test_one_folder_and_one_line(tree: Path) -> None:
    assert changed(SOURCE, tree / "holdfast") == ["./catalog.py", "engines/toy"]
    before, after = (SOURCE / "catalog.py").read_text(), (tree / "holdfast" / "catalog.py").read_text()
    assert after.replace(LINE, "", 1) == before


@pytest.mark.slow
def test_it_gets_every_power(tree: Path) -> None:
    """Create, query, snapshot, verify by restoring, restore into a new one: through a real keeper, api and runner."""
    environ = os.environ | {"PYTHONPATH": str(tree)}
    done = subprocess.run(
        [sys.executable, str(HERE / "toy_journey.py")],
        env=environ,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "journey done" in done.stdout
