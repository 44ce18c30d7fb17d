"""The program run as a user runs it. Not in conftest: other folders have modules of that name."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Ran:
    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)

    @property
    def error(self) -> Any:
        return json.loads(self.err)["error"]


Holdfast = Callable[..., Ran]


def run(environ: dict[str, str], *line: str, stdin: str = "", cwd: Path | None = None) -> Ran:
    done = subprocess.run(
        [sys.executable, "-m", "holdfast.cli", *line],
        env=environ,
        cwd=cwd,
        input=stdin,
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    return Ran(done.returncode, done.stdout, done.stderr)
