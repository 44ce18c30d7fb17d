"""Holdfast of somebody who is not root: `dev`, the quick start, and what is said where nothing holds a worker in."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from needs import need

TESTS = Path(__file__).parents[1]
AS_ANOTHER_USER = TESTS / "runtime" / "sandbox" / "as_another_user.py"
UID = 54_323

pytestmark = [pytest.mark.needs_root, pytest.mark.xdist_group("workers-rootless")]


@pytest.fixture
def home() -> Iterator[Path]:
    made = Path(tempfile.mkdtemp(prefix="hf-rootless-", dir="/tmp"))
    os.chown(made, UID, UID)
    yield made
    shutil.rmtree(made)


def ran(home: Path, *argv: str, seconds: float, forbidden: bool = False) -> subprocess.CompletedProcess[str]:
    """As that user, with a directory of their own; nothing of theirs may go on afterwards."""
    ours = ("CI", "PYTEST_ADDOPTS", "HOLDFAST_FAILED_LIST", "XDG_CONFIG_HOME")
    environment = {
        name: value for name, value in os.environ.items() if name not in ours and not name.startswith("HOLDFAST_TEST_")
    }
    environment |= {"PYTHONPATH": os.pathsep.join(one for one in sys.path if one), "HOME": str(home)}
    environment |= {"HOLDFAST_DATA": str(home / "data"), "XDG_RUNTIME_DIR": str(home / "run")}
    words = ["--without-namespaces"] if forbidden else []
    done = subprocess.run(
        [sys.executable, str(AS_ANOTHER_USER), *words, str(UID), sys.executable, *argv],
        env=environment,
        cwd=TESTS.parent,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=seconds,
        check=False,
    )
    assert running() == []
    return done


def running() -> list[str]:
    """That user's processes."""
    found = []
    for each in Path("/proc").glob("[0-9]*"):
        try:
            if each.stat().st_uid == UID and "\nState:\tZ" not in (each / "status").read_text():
                found.append((each / "cmdline").read_text().replace("\0", " "))
        except OSError:
            continue
    return found


def told(home: Path, *, forbidden: bool = False) -> dict[str, Any]:
    """`holdfast doctor`, by name of the check."""
    done = ran(home, "-m", "holdfast.cli", "doctor", "--json", seconds=60, forbidden=forbidden)
    return {each["name"]: each for each in json.loads(done.stdout)["checks"]}


@pytest.mark.slow
def test_everything_of_the_quick_start_and_of_dev(home: Path) -> None:
    need(shutil.which("curl"), "the program curl")
    argv = ["-m", "pytest", "-q", "-p", "no:cacheprovider", f"--basetemp={home}/base"]
    argv += [str(TESTS / "cli" / "test_dev_cli.py"), str(TESTS / "workers" / "test_workers_quick_start.py")]
    done = ran(home, *argv, seconds=550)
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-2000:]
    assert int(re.findall(r"(\d+) passed", done.stdout)[-1]) >= 4
    assert "skipped" not in done.stdout


def test_doctor_says_how_workers_are_held_in_and_what_is_weaker(home: Path) -> None:
    found = told(home)
    assert found["worker sandbox"]["ok"] is True
    assert "every worker has this user" in found["worker sandbox"]["detail"]
    assert found["worker limits"]["ok"] is None
    assert "tasks are limited for each sandbox" in found["worker limits"]["detail"]
    assert found["worker limits"]["hint"]


def test_without_walls_nothing_is_run(home: Path) -> None:
    """Where neither we nor bubblewrap may make namespaces."""
    folder = home / "worker"
    folder.mkdir()
    (folder / "wrangler.jsonc").write_text(json.dumps({"name": "w", "main": "main.py"}))
    (folder / "main.py").write_text(f"open({str(home / 'ran')!r}, 'w').close()\n")
    os.chown(folder, UID, UID)
    dev = ran(home, "-m", "holdfast.cli", "dev", str(folder), "--port", "0", "--json", seconds=60, forbidden=True)
    assert dev.returncode == 1
    error = json.loads(dev.stderr)["error"]
    assert error["code"] == "no_sandbox"
    assert "in process: " in error["message"]
    assert "bubblewrap: " in error["message"]
    assert "AppArmor" in error["hint"]
    assert not (home / "ran").exists()
    found = told(home, forbidden=True)["worker sandbox"]
    assert found["ok"] is None
    assert "Operation not permitted" in found["detail"]
    assert found["hint"] == error["hint"]
