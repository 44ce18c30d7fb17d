"""What runs on PostgreSQL metadata: each file and each route in exactly one share, and every share has some."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from metadata_mark import in_share

ROOT = Path(__file__).resolve().parents[2]


def test_every_file_is_in_exactly_one_share() -> None:
    files = [str(file.relative_to(ROOT)) for file in sorted((ROOT / "tests").rglob("test_*.py"))]
    for number in (1, 2, 3, 6):
        shares = [{file for file in files if in_share(file, f"{each}/{number}")} for each in range(number)]
        assert sum(map(len, shares)) == len(files)
        assert set().union(*shares) == set(files)
        assert all(shares)


@pytest.mark.slow
def test_each_runs_in_one_share_and_what_is_near_the_database_in_all(tmp_path: Path) -> None:
    (tmp_path / "conftest.py").write_text(
        "from metadata_mark import MetadataMark\n"
        "def pytest_configure(config): config.pluginmanager.register(MetadataMark())\n"
    )
    (tmp_path / "pytest.ini").write_text("[pytest]\nmarkers =\n  slow\n  faults\n  metadata\n  own_metadata\n")
    for name in "abcdef":
        (tmp_path / f"test_{name}.py").write_text(
            f"import pytest\ndef test_quick_{name}(): pass\n@pytest.mark.slow\ndef test_slow_{name}(): pass\n"
            f"@pytest.mark.faults\ndef test_kill_{name}(): pass\n"
        )
    (tmp_path / "test_route_walk.py").write_text(
        "import pytest\n@pytest.mark.parametrize('route', range(20))\ndef test_walk(route): pass\n"
    )
    near = tmp_path / "tests" / "kernel"
    near.mkdir(parents=True)
    (near / "test_near.py").write_text("def test_near(): pass\n")
    (tmp_path / "test_home.py").write_text(
        "import pytest\npytestmark = [pytest.mark.slow, pytest.mark.metadata]\ndef test_at_home(): pass\n"
    )
    at_home = {line for line in _listed(tmp_path, "HOLDFAST_TEST_LEFT", "0/1") if "test_at_home" in line}
    assert not at_home, "what runs on PostgreSQL this time does not run on a file"
    assert len(_listed(tmp_path, "HOLDFAST_TEST_LEFT", "0/1")) == 18 + 20 + 1, "what knows no metadata does"
    halves = [_listed(tmp_path, "HOLDFAST_TEST_FAULTS", half) for half in ("0/2", "1/2")]
    assert {line.partition("::")[2] for line in halves[0] ^ halves[1]} == {f"test_kill_{name}" for name in "abcdef"}
    (tmp_path / "test_home.py").unlink()
    listed = []
    for share in ("0/2", "1/2"):
        listed.append(_listed(tmp_path, "HOLDFAST_TEST_SHARE", share))
    both, either = listed[0] & listed[1], listed[0] | listed[1]
    assert {line.partition("::")[2] for line in both} == {"test_near"}
    assert len(either) == 18 + 20 + 1
    assert all("test_walk" in " ".join(each) for each in listed)


def _listed(root: Path, name: str, share: str) -> set[str]:
    ran = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--collect-only", "--rootdir", "."],
        cwd=root, capture_output=True, text=True, timeout=120, check=True,
        env={"PYTHONPATH": str(ROOT / "tests" / "support"), "PATH": "/usr/bin:/bin", name: share},
    )  # fmt: skip
    return {line for line in ran.stdout.splitlines() if "::" in line}
