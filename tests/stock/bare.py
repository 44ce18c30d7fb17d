"""A machine on which only stock tools are: RESTORE.md's own commands run there as they stand."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Iterable, Mapping
from pathlib import Path

import pytest
from stock_restic import programs

EVERYWHERE = (
    "sh", "cat", "cp", "mv", "rm", "mkdir", "dirname", "basename", "test", "[", "echo", "printf", "sed", "tr", "head",
    "tail", "od", "tar", "env", "chmod", "ls", "cmp",
)  # fmt: skip
NEVER = ("python", "python3", "holdfast", "pip", "bash", "perl")
FENCED = re.compile(r"^```sh\n(.*?)^```$", re.M | re.S)


def blocks(text: str) -> list[str]:
    """The shell commands of a document, in order."""
    return FENCED.findall(text)


class Bare:
    """`path` holds links to a few programs and nothing else; HOME is empty; nothing of our environment is there."""

    def __init__(self, root: Path, version: int, tools: Mapping[str, Path | str] | None = None) -> None:
        self.root, self.path = root, root / "bin"
        self.path.mkdir(parents=True)
        (root / "home").mkdir()
        self.link({name: _found(name) for name in EVERYWHERE})
        self.link({"restic": programs()[version], **(tools or {})})
        self.environ = {"PATH": str(self.path), "HOME": str(root / "home"), "LC_ALL": "C.UTF-8"}
        for name in NEVER:
            assert self.run(f"command -v {name}", check=False).returncode != 0, name

    def link(self, tools: Mapping[str, Path | str]) -> None:
        for name, program in tools.items():
            (self.path / name).symlink_to(program)

    def run(self, block: str, check: bool = True, **given: str) -> subprocess.CompletedProcess[str]:
        """One block, from the machine's home; a failure says what the block was."""
        done = subprocess.run(
            [str(self.path / "sh"), "-eu", "-c", block],
            env=self.environ | given,
            cwd=self.root / "home",
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        if check and done.returncode != 0:
            raise AssertionError(f"{block}\n{done.stdout}\n{done.stderr}")
        return done

    def follow(self, commands: Iterable[str], **given: str) -> list[str]:
        """What each block printed."""
        return [self.run(block, **given).stdout for block in commands]


def _found(name: str) -> str:
    found = shutil.which(name, path=os.defpath)
    if found is None:
        pytest.fail(f"this machine lacks the stock program {name}", pytrace=False)
    return found


def stock_tools(*names: str, folder: Path | None = None) -> dict[str, str]:
    """Programs of the machine, or all of one folder."""
    if folder is None:
        return {name: _found(name) for name in names}
    missing = [name for name in names if not (folder / name).exists()]
    assert not missing, f"not in {folder}: {missing}"
    return {name: str(folder / name) for name in names}
