"""What fails beside others and passes alone is named and excused; nothing else is."""

from __future__ import annotations

import os
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


VITEST = """
import { existsSync, writeFileSync } from "node:fs";
import { expect, test } from "vitest";
test("good", () => {});
test("once", () => {
  const seen = existsSync("seen");
  writeFileSync("seen", "");
  expect(seen, "too early").toBe(true);
});
"""
CONFIG = """
import { FailedList } from "UI/e2e/kit/failed";
export default { test: { reporters: ["default", new FailedList()] } };
"""
VITEST_CASES = {
    "fails once": (VITEST, 0, "UNSTEADY: it.test.ts > once failed beside the others and passed alone"),
    "fails always": (VITEST.replace("toBe(true)", "toBe(7)"), 1, "FAILED twice: it.test.ts > once"),
    "cannot be read": ("import './nothing-of-this-name'", 1, "FAILED twice: it.test.ts"),
    "outside": (f"{VITEST}setTimeout(() => {{ throw new Error('late') }})", 1, "Errors  1 error"),
}


@pytest.mark.slow
@pytest.mark.parametrize(("code", "expected", "said"), VITEST_CASES.values(), ids=VITEST_CASES)
def test_the_browsers_tests_are_judged_alike(tmp_path: Path, code: str, expected: int, said: str) -> None:
    """tools/ui.py with another vitest.config.ts: the same reporter, the same judge."""
    (tmp_path / "e2e").mkdir()
    (tmp_path / "node_modules").symlink_to(ROOT / "ui" / "node_modules")
    (tmp_path / "build").symlink_to(ROOT / "ui" / "build")
    (tmp_path / "it.test.ts").write_text(code)
    (tmp_path / "e2e" / "vitest.config.ts").write_text(CONFIG.replace("UI", str(ROOT / "ui")))
    line = "import sys, pathlib, ui; ui.UI = pathlib.Path.cwd(); ui.judge({})"
    environ = {**os.environ, "PYTHONPATH": str(ROOT / "tools"), "NO_COLOR": "1"}
    ran = subprocess.run([sys.executable, "-c", line], cwd=tmp_path, env=environ, capture_output=True, text=True,
                         timeout=120, check=False)  # fmt: skip
    assert (ran.returncode != 0) == bool(expected), ran.stdout + ran.stderr
    assert said in ran.stdout, ran.stdout
    assert ("UNSTEADY" in ran.stdout) == (said.startswith("UNSTEADY"))
