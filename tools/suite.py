"""Run the tests; what failed beside the others is tried once more by itself, and named loudly either way.

Thousands of tests start real servers on two processors. One that fails there and passes alone is unsteady: a fault to
mend, but no reason to refuse a change (docs/decisions/0025-unsteady-tests.md). Never excused: more than three of them,
a leaked secret, a run that ended for another reason than failed tests, and what fails again. The dashboard's tests in a
browser are judged by the same words (tools/ui.py), a file of them at a time.

Usage: python tools/suite.py [arguments of pytest]
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

MOST = 3
GRAVE = (  # a leaked secret (tests/leak_watch.py), and a test that took its process with it
    "holds a secret", "holds an API key", "holds a signed token", "holds a URL with", "holds an age identity",
    "crashed while running", "an error outside every test",
)  # fmt: skip
_FAILED = 1  # "tests failed", for pytest and for vitest

Failed = dict[str, str]  # what each failed test said


def run(line: Sequence[str], cwd: Path | None = None, environ: Mapping[str, str] | None = None) -> tuple[int, Failed]:
    """The exit code of a run of tests, and what failed in it, as told in the file HOLDFAST_FAILED_LIST names."""
    with tempfile.TemporaryDirectory(prefix="hf-suite-") as directory:
        listed = Path(directory) / "failed"
        own = {**os.environ, **(environ or {}), "HOLDFAST_FAILED_LIST": str(listed)}
        code = subprocess.run(line, cwd=cwd, env=own, check=False).returncode
        lines = listed.read_text().splitlines() if listed.exists() else []
    return code, {found["test"]: found["said"] for found in map(json.loads, lines)}


def judged(code: int, failed: Failed, again: Callable[[str], int]) -> int:
    """0 also when all that failed, three at most, passed alone; else `code`, or 1 for what failed twice."""
    if code == 0:
        return 0
    grave = any(words in said for said in failed.values() for words in GRAVE)
    if code != _FAILED or grave or not 0 < len(failed) <= MOST:
        return code
    print(f"\n{len(failed)} failed beside the others. Each once more, alone:", flush=True)
    for test in failed:
        if again(test) != 0:
            print(f"FAILED twice: {test}", flush=True)
            return _FAILED
    for test, said in failed.items():
        last = said.strip().splitlines()[-1] if said.strip() else ""
        print(f"UNSTEADY: {test} failed beside the others and passed alone. It had said: {last[:300]}", flush=True)
    return 0


def main(arguments: list[str]) -> int:
    pytest = [sys.executable, "-m", "pytest"]
    code, failed = run([*pytest, *arguments])
    return judged(code, failed, lambda test: run([*pytest, "-q", "-p", "no:cacheprovider", test])[0])


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
