"""Locked environments of packages: resolved once with hashes, installed once for all who want the same, never changed.

`<root>/<digest>/site-packages` beside `lock.txt` and `facts.json`. It is built beside, made read-only and renamed: a
directory with a digest is whole. `uv` does the work and, with wheels only, runs nothing that came with a package.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import shutil
import sysconfig
import time
from collections.abc import Callable, Iterator, Set
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from holdfast.kernel.errors import HoldfastError, LimitExceeded, Permanent
from holdfast.runtime import requirements
from holdfast.runtime.requirements import Requirements
from holdfast.runtime.uv import Uv

_FORMAT = "1"  # of what is built: a change makes every environment anew
_FRESH_SECONDS = 3600.0
MOST_BYTES = 2 * 1024**3
Progress = Callable[[str], None]


@dataclass(frozen=True)
class Lock:
    """Every package with its version and hashes. `digest` names the environment."""

    text: str
    digest: str
    notes: tuple[str, ...] = ()

    @property
    def packages(self) -> tuple[str, ...]:
        """`name==version`, sorted."""
        return tuple(line.split()[0] for line in self.text.splitlines() if line and not line.startswith((" ", "#")))


def lock_of(text: str, notes: tuple[str, ...] = ()) -> Lock:
    """A lock that was kept, again. For this interpreter and platform: elsewhere the same text is another digest."""
    tag = f"{_FORMAT} {sysconfig.get_platform()} {sysconfig.get_config_var('SOABI')}"
    return Lock(text, hashlib.sha256(f"{tag}\n{text}".encode()).hexdigest()[:40], notes)


class Environments:
    """Below `root` (`<data>/workers/environments`). Several processes may use it at once."""

    def __init__(self, root: Path, uv: Uv | None = None, *, most_bytes: int = MOST_BYTES) -> None:
        self._root = root
        self._uv = uv or Uv()
        self._most_bytes = most_bytes

    def ensure(self, code: Path, named: str, progress: Progress | None = None, kept: Path | None = None) -> Path:
        """site-packages for the file `named` in a version's code: as the lock in the file `kept` says, or resolved, and
        then the answer is written there. A lock that cannot be installed any more is made anew, and that is told.

        Raises Invalid for a file nobody understands, Permanent ("package_unknown", "wheel_missing",
        "packages_conflict", "packages_failed"), Retryable ("index_away") when the index does not answer.
        """
        wanted = requirements.read(named, (code / named).read_bytes())
        if kept is not None and kept.is_file():
            try:
                return self.install(lock_of(kept.read_text()), progress)
            except Permanent as error:  # it was locked on another platform, or what it names was withdrawn
                (progress or _silent)(f"the packages it had cannot be installed ({error.message}): chosen anew")
        lock = self.resolve(wanted, progress)
        found = self.install(lock, progress)
        if kept is not None:
            beside = kept.with_name(f".{kept.name}.new")
            beside.write_text(lock.text)
            beside.replace(kept)
        return found

    def resolve(self, wanted: Requirements, progress: Progress | None = None) -> Lock:
        """Which versions, with hashes. Asks the index; keep the answer with the version. Raises as `ensure`."""
        tell = progress or _silent
        for note in wanted.notes:
            tell(note)
        if not wanted.lines:
            return lock_of("", wanted.notes)
        tell(f"resolving {_packages(len(wanted.lines))}")
        self._prepare()
        text = self._uv.resolve(wanted.lines, self._root / "cache")
        return lock_of(text, wanted.notes)

    def install(self, lock: Lock, progress: Progress | None = None) -> Path:
        """site-packages of a lock; at once when it is there. Raises as `ensure`, LimitExceeded ("packages_too_large")
        when it takes more than there may be."""
        tell, found = progress or _silent, self.path(lock.digest)
        self._prepare()
        with self._alone(lock.digest):  # who comes second finds it done
            if not found.is_dir():
                tell(f"installing {_packages(len(lock.packages))}")
                self._build(lock)
            os.utime(found.parent)  # it was wanted now: not to be collected before its version is known
        tell("packages are ready")
        return found

    def path(self, digest: str) -> Path:
        return self._root / digest / "site-packages"

    def collect(self, living: Set[str], *, fresh_seconds: float = _FRESH_SECONDS) -> list[str]:
        """Remove environments that no living version named (by digest) in the last `fresh_seconds`, nor anybody wanted;
        says which. Those that are named are marked so, and a process of a version that is gone meanwhile has that long
        to end. What a builder that was killed has left goes too."""
        gone = []
        for name in living:
            with suppress(FileNotFoundError):  # built on another node, or not yet
                os.utime(self._root / name)
        for directory in self._root.glob("*"):
            name = directory.name
            if name in living or name in ("cache", "locks") or time.time() - _age(directory) < fresh_seconds:
                continue
            with self._alone(name.partition(".")[0]):
                if time.time() - _age(directory) >= fresh_seconds:
                    aside = directory.with_name(f"{name.partition('.')[0]}.{os.urandom(4).hex()}.old")
                    directory.rename(aside)  # never seen half removed
                    _remove(aside)
                    gone.append(name)
        return [each for each in gone if "." not in each]

    def _build(self, lock: Lock) -> None:
        beside = self._root / f"{lock.digest}.{os.urandom(4).hex()}.new"
        target = beside / "site-packages"
        target.mkdir(parents=True)
        try:
            if lock.packages:
                self._uv.install(lock.text, target, self._root / "cache")
            size = _size(target)
            if size > self._most_bytes:
                text = f"the packages take {size >> 20} MiB, more than the {self._most_bytes >> 20} MiB there may be"
                raise LimitExceeded(text, code="packages_too_large", details={"bytes": size})
            (beside / "lock.txt").write_text(lock.text)
            facts = {"packages": lock.packages, "bytes": size, "built_at": time.time(), "notes": lock.notes}
            (beside / "facts.json").write_text(json.dumps(facts))
            _protect(beside)
            beside.rename(self._root / lock.digest)
        except BaseException:
            _remove(beside)
            raise

    def _prepare(self) -> None:
        for directory in (self._root, self._root / "cache", self._root / "locks"):
            directory.mkdir(mode=0o711, parents=True, exist_ok=True)

    @contextmanager
    def _alone(self, digest: str) -> Iterator[None]:
        descriptor = os.open(self._root / "locks" / digest, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield
        finally:
            os.close(descriptor)


def _silent(_: str) -> None:
    return


def _age(directory: Path) -> float:
    try:
        return directory.stat().st_mtime
    except FileNotFoundError:
        return time.time()


def _size(directory: Path) -> int:
    return sum(path.lstat().st_size for path in directory.rglob("*"))


def _protect(directory: Path) -> None:
    """Nobody changes its files any more. Directories stay ours: else it could not be renamed, and who is not root could
    not delete what it lies in."""
    for path in directory.rglob("*"):
        if path.is_symlink():
            path.unlink()  # wheels have none: whatever it is, it leads out
        else:
            path.chmod(0o755 if path.is_dir() else 0o444)
    directory.chmod(0o755)


def _remove(directory: Path) -> None:
    for path in (directory, *directory.rglob("*")):
        if path.is_dir() and not path.is_symlink():
            path.chmod(0o700)
    shutil.rmtree(directory, ignore_errors=True)


__all__ = ["Environments", "HoldfastError", "Lock", "Requirements", "Uv", "lock_of"]


def _packages(number: int) -> str:
    return f"{number} package{'' if number == 1 else 's'}"
