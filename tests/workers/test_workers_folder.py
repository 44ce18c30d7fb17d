"""Which files of a worker's folder are sent."""

from __future__ import annotations

import zipfile
from io import BytesIO
from pathlib import Path

import pytest

from holdfast.features.workers.folder import chosen, packed
from holdfast.kernel.errors import HoldfastError, Invalid


def written(folder: Path, *names: str) -> None:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(name)


def sent(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in chosen(folder)}


def test_what_tools_leave_and_secrets_stay_at_home(tmp_path: Path) -> None:
    """Those of pywrangler too: its packages are built for WebAssembly, and would come before those that work."""
    written(tmp_path, "wrangler.jsonc", "pyproject.toml", "src/entry.py", "src/venvs.py", "public/.well-known/x")
    mine = sent(tmp_path)
    written(tmp_path, ".env", ".env.local", ".dev.vars", ".dev.vars.staging", ".git/config", "src/__pycache__/e.pyc")
    written(tmp_path, ".venv/bin/python", ".venv-workers/pyvenv.cfg", "python_modules/pydantic_core/__init__.py")
    written(tmp_path, "src/python_modules/x.py", "node_modules/wrangler/package.json", ".wrangler/state/v3/d1/x.sqlite")
    written(tmp_path, ".holdfast/dev/kv/a.db")
    (tmp_path / "link.py").symlink_to("/etc/passwd")
    (tmp_path / "linked").symlink_to("/etc")
    assert sent(tmp_path) == mine
    assert mine == {"wrangler.jsonc", "pyproject.toml", "src/entry.py", "src/venvs.py", "public/.well-known/x"}


def test_files_that_are_ignored_and_taken_back(tmp_path: Path) -> None:
    written(tmp_path, "entry.py", "big.csv", "notes/a.md", "notes/kept.md", "python_modules/mine.py")
    (tmp_path / ".gitignore").write_text("# not these\n*.csv\nnotes/*\n!notes/kept.md\n")
    (tmp_path / ".holdfastignore").write_text("!python_modules\n")
    assert sent(tmp_path) == {".gitignore", "entry.py", "notes/kept.md", "python_modules/mine.py"}


def test_the_same_folder_packs_to_the_same_bytes(tmp_path: Path) -> None:
    written(tmp_path, "b/entry.py", "a.txt")
    first = packed(tmp_path)
    (tmp_path / "a.txt").touch()
    assert packed(tmp_path) == first
    assert zipfile.ZipFile(BytesIO(first)).namelist() == ["a.txt", "b/entry.py"]


def test_a_folder_with_nothing_and_one_with_too_much(tmp_path: Path) -> None:
    with pytest.raises(Invalid, match="nothing to deploy"):
        packed(tmp_path)
    (tmp_path / "data.bin").write_bytes(b"".join(number.to_bytes(4) for number in range(0, 2**32, 1000)))
    with pytest.raises(HoldfastError, match="more than 9 MiB"):
        packed(tmp_path)
