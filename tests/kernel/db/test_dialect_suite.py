"""SQLAlchemy's own dialect test suite, on our dialect.

The judge is SQLAlchemy's own SQLite dialect, run on the same suite with the same list of features: whatever passes
there must pass here. (Some reflection tests fail on both: they expect SQLAlchemy's own test database.)
"""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

SUITE = Path(__file__).parent / "dialect_suite"


def run_suite(url: str, where: Path) -> tuple[int, set[str]]:
    """(how many passed, which did not)."""
    where.mkdir()
    options = ["-p", "dialect_plugin", "--noconftest", "-p", "no:cacheprovider", "-p", "no:xdist", "-q", "--tb=no"]
    command = [sys.executable, "-m", "pytest", "-c", str(SUITE / "setup.cfg"), "--rootdir", str(SUITE), *options]
    done = subprocess.run(
        [*command, str(SUITE / "suite_of_sqlalchemy.py"), "--dburi", url],
        cwd=where,
        env={**os.environ, "PYTHONPATH": str(SUITE)},
        capture_output=True,
        text=True,
        timeout=280,
        check=False,
    )
    passed = re.search(r"(\d+) passed", done.stdout)
    assert passed, done.stdout[-3000:] + done.stderr[-3000:]
    bad = re.findall(r"^(?:FAILED|ERROR) \S*sqlalchemy\.py::(.*?)(?: - .*)?$", done.stdout, re.MULTILINE)
    return int(passed.group(1)), {re.sub(r"_sqlite\+\w+?_[\d_]+::", "::", name) for name in bad}


@pytest.mark.slow
def test_our_dialect_passes_all_that_sqlalchemys_own_sqlite_dialect_passes(tmp_path: Path) -> None:
    passed, bad = run_suite(f"sqlite+apsw:///{tmp_path}/ours/suite.db", tmp_path / "ours")
    control_passed, control_bad = run_suite(f"sqlite:///{tmp_path}/theirs/suite.db", tmp_path / "theirs")
    assert bad - control_bad == set()
    assert passed >= control_passed
    assert passed > 900
