"""The wheel and the sdist, with the built dashboard in both, into DIRECTORY (dist/).

They are made from a copy: what an older build left in build/ would travel along, and the clone stays clean.

Usage: python tools/package.py [DIRECTORY]
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PARTS = ("src", "requirements", "pyproject.toml", "README.md", "LICENSE")
BUILT = Path("src/holdfast/web/pages/ui/index.html")
_MAKE = "import sys; from setuptools import build_meta as b; print(getattr(b, sys.argv[1])(sys.argv[2]))"


def package(into: Path) -> list[Path]:
    """Both files. Raises SystemExit when the dashboard was not built, and CalledProcessError with setuptools' words."""
    if not (ROOT / BUILT).exists():
        raise SystemExit("the dashboard is not built, and a package carries it: make ui")
    into.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="hf-package-") as directory:
        copy = Path(directory) / "holdfast"
        copy.mkdir()
        for part in PARTS:
            _copied(ROOT / part, copy / part)
        return [into / _made(copy, kind, into) for kind in ("build_sdist", "build_wheel")]


def _copied(source: Path, target: Path) -> None:
    if source.is_dir():
        shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__", "*.egg-info", ".stamp"))
    else:
        shutil.copy2(source, target)


def _made(copy: Path, kind: str, into: Path) -> str:
    done = subprocess.run(
        [sys.executable, "-c", _MAKE, kind, str(into.resolve())],
        cwd=copy,
        check=True,
        stdout=subprocess.PIPE,
        text=True,
    )
    return done.stdout.splitlines()[-1]


if __name__ == "__main__":
    for made in package(Path(sys.argv[1] if len(sys.argv) > 1 else "dist")):
        print(made)
