"""Where the code of versions lies: `<data>/workers/<worker>/<version>/code`, which nobody changes.

The lock of its packages is beside it.
"""

from __future__ import annotations

import re
import shutil
import time
from collections.abc import Mapping
from pathlib import Path

from holdfast.features.databases.elsewhere import OtherNode
from holdfast.features.workers import archive
from holdfast.kernel.errors import NotFound

_BESIDE = re.compile(r"\.\w+\.new")
_ORPHAN_SECONDS = 3600.0
LOCK = "lock.txt"


class Shelf:
    def __init__(self, data: Path) -> None:
        self.root = data / "workers"

    def make(self) -> None:
        """Others than its owner pass through it, to code that is theirs to run, and list nothing."""
        self.root.mkdir(parents=True, exist_ok=True, mode=0o711)

    def code(self, worker_id: str, version_id: str) -> Path:
        return self.root / worker_id / version_id / "code"

    def here(self, worker_id: str, version_id: str) -> bool:
        """Whether its code is on this node: code is where it was uploaded, and nowhere else."""
        return self.code(worker_id, version_id).is_dir()

    def require(self, worker_id: str, version_id: str) -> None:
        """Raises OtherNode unless its code is on this node."""
        if not self.here(worker_id, version_id):
            raise OtherNode(
                "the code of this version is not on this node",
                hint="Ask the node that it was uploaded to, or upload it to this one.",
                details={"version_id": version_id},
            )

    def lock(self, worker_id: str, version_id: str) -> Path:
        """Which packages it runs with, once they were installed."""
        return self.root / worker_id / version_id / LOCK

    def put(self, worker_id: str, version_id: str, files: Mapping[str, bytes], lock: bytes | None = None) -> None:
        """Durable when this returns. `lock`: the packages it is to have, where that is known."""
        self.make()
        folder = self.root / worker_id
        folder.mkdir(exist_ok=True, mode=0o711)
        archive.lay_down(files, folder / version_id, {} if lock is None else {LOCK: lock})

    def read(self, worker_id: str, version_id: str, path: str) -> bytes:
        """`path` as the version lists it. Raises OtherNode, or NotFound when it is gone."""
        try:
            return (self.code(worker_id, version_id) / path).read_bytes()
        except OSError:
            self.require(worker_id, version_id)
            raise NotFound(f"the file {path!r} is not there any more", code="file_not_found") from None

    def remove(self, worker_id: str, version_id: str) -> None:
        shutil.rmtree(self.root / worker_id / version_id, ignore_errors=True)

    def remove_worker(self, worker_id: str) -> None:
        shutil.rmtree(self.root / worker_id, ignore_errors=True)

    def orphans(self) -> list[tuple[str, str]]:
        """(worker, version) of directories an hour old or older: whoever has no row for one removes it. What was being
        laid down when its process died goes here and now."""
        found = []
        before = time.time() - _ORPHAN_SECONDS
        for folder in self.root.glob("*/*"):
            try:
                if folder.stat().st_mtime > before:
                    continue
            except FileNotFoundError:
                continue
            if _BESIDE.fullmatch(folder.name):
                shutil.rmtree(folder, ignore_errors=True)
            elif folder.name.startswith("wver_"):
                found.append((folder.parent.name, folder.name))
        return found
