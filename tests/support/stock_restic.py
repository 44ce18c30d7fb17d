"""Stock restic as every test calls it: two versions, Debian's of this release and of the next one.

What is asked to be checked is checked by both; everything else goes to one of them, another for another test, always
the same for the same. Where a version is missing the test fails and says what is.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Mapping
from functools import cache
from itertools import count
from pathlib import Path
from zlib import crc32

import pytest

ROOT = Path(__file__).resolve().parents[2]
OLD, NEW = 0, 1
_turn = count()
_last = ""


@cache
def programs() -> tuple[str, str]:
    """(this Debian's restic, the next one's)."""
    here = shutil.which("restic")
    if here is None:
        pytest.fail("stock restic is missing on this machine: apt-get install restic", pytrace=False)
    argv = [str(ROOT / "tools" / "newer_restic.sh")]
    fetched = subprocess.run(argv, capture_output=True, text=True, timeout=280, check=False)
    if fetched.returncode != 0:
        pytest.fail(fetched.stderr, pytrace=False)
    return here, fetched.stdout.strip()


def whose(seed: int | None = None) -> int:
    """Whose turn it is: by the seed, else by the test's name and how often it asked already."""
    global _turn, _last
    if seed is not None:
        return seed % 2
    if (test := os.environ.get("PYTEST_CURRENT_TEST", "").partition(" (")[0]) != _last:
        _turn, _last = count(crc32(test.encode())), test
    return next(_turn) % 2


def stock(
    where: str | Path,
    *words: str,
    password: str,
    environ: Mapping[str, str] | None = None,
    check: bool = True,
    version: int | None = None,
    seed: int | None = None,
) -> subprocess.CompletedProcess[str]:
    """Run restic on the repository `where`; with `check` a refusal is an AssertionError, else the caller looks.

    `restic check` is run by both, one of them reading the data if that was asked; without `check` both do the same
    and must agree. `version` (OLD, NEW) names one.
    """
    turn = whose(seed) if version is None else version
    done = _ran(turn, where, words, password, environ or {})
    if words[0] == "check" and version is None:
        light = tuple(word for word in words if not word.startswith("--read-data")) if check else words
        other = _ran(1 - turn, where, light, password, environ or {})
        if not check and (other.returncode == 0) != (done.returncode == 0):
            raise AssertionError(f"two versions of restic disagree:\n{_told(done)}\n{_told(other)}")
        if done.returncode == 0 and other.returncode != 0:
            done = other
    if check and done.returncode != 0:
        raise AssertionError(_told(done))
    return done


def _ran(
    turn: int, where: str | Path, words: tuple[str, ...], password: str, environ: Mapping[str, str]
) -> subprocess.CompletedProcess[str]:
    given = {"RESTIC_PASSWORD": password, "HOME": "/nonexistent", "PATH": os.environ["PATH"], **environ}
    argv = [programs()[turn], "--no-cache", "--quiet", "-r", str(where), *words]
    return subprocess.run(argv, env=given, capture_output=True, text=True, timeout=120, check=False)


def _told(done: subprocess.CompletedProcess[str]) -> str:
    return f"{' '.join(done.args)}: {done.returncode}\n{done.stdout}\n{done.stderr}"
