"""Everything again as an ordinary user: user namespaces, and bubblewrap without root."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from needs import need
from sandbox_pen import HERE

UID = 54_321
LEAST = 60  # tests of both modes; those of control groups are left out: an ordinary user was given none here


@pytest.fixture
def home() -> Iterator[Path]:
    made = Path(tempfile.mkdtemp(prefix="holdfast-sandbox-"))
    os.chown(made, UID, UID)
    yield made
    shutil.rmtree(made)


@pytest.mark.slow
@pytest.mark.needs_root
def test_an_ordinary_users_sandboxes_hold_too(home: Path) -> None:
    need(shutil.which("bwrap"), "the program bwrap")
    ours = ("CI", "PYTEST_ADDOPTS", "HOLDFAST_FAILED_LIST")
    environment = {name: value for name, value in os.environ.items() if name not in ours}
    environment |= {"PYTHONPATH": os.pathsep.join(one for one in sys.path if one), "HOME": str(home)}
    argv = [sys.executable, str(HERE / "as_another_user.py"), str(UID)]
    argv += [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", f"--basetemp={home}/base"]
    argv += [
        "-k",
        "not bomb and not its_groups",
        *(str(HERE / f"test_sandbox_{name}.py") for name in ("walls", "life", "without_groups")),
    ]
    done = subprocess.run(
        argv, env=environment, capture_output=True, text=True, timeout=240, check=False, cwd=HERE.parents[2]
    )
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-2000:]
    assert int(re.findall(r"(\d+) passed", done.stdout)[-1]) >= LEAST
