"""The order tests are given to workers in: the longest first, each once, and what shares a Holdfast stays together."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import longest_first
import pytest

ROOT = Path(__file__).resolve().parents[2]


def test_a_unit_is_a_file_or_a_test_that_shares_nothing() -> None:
    alone, together = "tests/faults/test_disk_full.py", "tests/faults/test_runner_killed_taking.py"
    assert longest_first.unit(f"{alone}::test_a[x::y z]") == f"{alone}::test_a[x::y z]"
    assert longest_first.unit(f"{together}::test_a[x]") == together
    assert longest_first.unit("tests/cli/test_docs.py::test_a[x]") == "tests/cli/test_docs.py"


def test_what_is_written_is_read_and_keeps_the_longer(tmp_path: Path) -> None:
    file = tmp_path / "durations.txt"
    longest_first.write({"a.py": 7.04, "b.py::test[x y]": 30.0, "short.py": 4.9}, file)
    longest_first.write({"a.py": 6.0, "c.py": 9.0}, file)
    assert list(longest_first.read(file).items()) == [("b.py::test[x y]", 30.0), ("c.py", 9.0), ("a.py", 7.0)]
    assert longest_first.read(tmp_path / "none") == {}


@pytest.mark.slow
def test_the_longest_file_starts_first_and_each_test_runs_once(tmp_path: Path) -> None:
    (tmp_path / "conftest.py").write_text(
        "import longest_first\nfrom pathlib import Path\n"
        "longest_first.FILE = Path(__file__).with_name('durations.txt')\n"
        "longest_first.read.__defaults__ = (longest_first.FILE,)\n"
        "def pytest_configure(config): config.pluginmanager.register(longest_first.LongestFirst())\n"
    )
    (tmp_path / "durations.txt").write_text("90 test_d.py\n40 test_c.py\n")
    for name, count in (("a", 9), ("b", 6), ("c", 2), ("d", 1)):
        (tmp_path / f"test_{name}.py").write_text(
            "import pytest\nfrom pathlib import Path\n"
            f"@pytest.mark.parametrize('n', range({count}))\n"
            "def test_it(n, request):\n"
            "    with Path('order').open('a') as out: print(request.node.nodeid, file=out)\n"
        )
    argv = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-n", "1", "--dist", "loadfile"]
    environ = {"PYTHONPATH": str(ROOT / "tests" / "support"), "PATH": "/usr/bin:/bin"}
    ran = subprocess.run(argv, cwd=tmp_path, env=environ, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    order = (tmp_path / "order").read_text().splitlines()
    assert [each[5] for each in order] == [*"dcc", *"a" * 9, *"b" * 6]
    assert len(set(order)) == 18
