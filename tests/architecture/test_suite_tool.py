"""What fails beside others and passes alone is named and excused; nothing else is."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PLUGIN = """
import failed_list

def pytest_configure(config):
    if (listing := failed_list.plugin(config)) is not None:
        config.pluginmanager.register(listing, "failed-list")
"""
ONCE = """
from pathlib import Path
import pytest

@pytest.mark.parametrize("n", range({count}))
def test_once(n):
    seen = Path(f"seen{{n}}")
    if not seen.exists():
        seen.touch()
        assert {said!r} == "", {said!r}
"""
CASES = {
    "steady": ("def test_good(): pass", 0, "1 passed"),
    "fails once": (ONCE.format(count=3, said="too early"), 0, "UNSTEADY: test_it.py::test_once[2] failed"),
    "too many": (ONCE.format(count=4, said="too early"), 1, "4 failed"),
    "a leak": (ONCE.format(count=1, said="the log holds a secret of 20 characters"), 1, "1 failed"),
    "fails always": ("def test_bad(): assert False", 1, "FAILED twice: test_it.py::test_bad"),
    "cannot be read": ("import nothing_of_this_name", 2, "1 error"),
    "no test": ("", 5, "no tests ran"),
}


@pytest.mark.slow
@pytest.mark.parametrize(("code", "expected", "said"), CASES.values(), ids=CASES)
def test_what_is_excused(tmp_path: Path, code: str, expected: int, said: str) -> None:
    (tmp_path / "conftest.py").write_text(PLUGIN)
    (tmp_path / "test_it.py").write_text(code)
    environ = {"PYTHONPATH": str(ROOT / "tests" / "support"), "PATH": "/usr/bin:/bin"}
    line = [sys.executable, str(ROOT / "tools" / "suite.py"), "-q", "-p", "no:cacheprovider", "--rootdir", "."]
    ran = subprocess.run(line, cwd=tmp_path, env=environ, capture_output=True, text=True, timeout=120, check=False)
    assert ran.returncode == expected, ran.stdout + ran.stderr
    assert said in ran.stdout, ran.stdout
    assert ("UNSTEADY" in ran.stdout) == (said.startswith("UNSTEADY"))
