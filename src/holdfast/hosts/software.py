"""Native tools: found in an installed package or on the system, copied and pinned under the data directory."""

from __future__ import annotations

import fcntl
import hashlib
import importlib.util
import os
import shutil
import threading
from dataclasses import dataclass
from pathlib import Path

from holdfast.contract.spec import Software
from holdfast.kernel.errors import NeedsOperator


@dataclass(frozen=True)
class Installed:
    """One installed copy: `root` holds bin/, `top` is the directory a server must be able to reach."""

    name: str
    version: str
    root: Path
    top: Path


class SoftwareStore:
    """Copies under <data>/software/<name>-<version>-<digest>/. A copy never changes: an upgraded package makes a new
    one, so a running server keeps the files it was started with."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._lock = threading.Lock()
        self._known: dict[Software, Installed] = {}

    def install(self, software: Software) -> Installed:
        """Idempotent; safe among processes. Raises NeedsOperator (code "software_missing")."""
        with self._lock:
            found = self._known.get(software)
            if found is None or not found.root.is_dir():
                found = self._known[software] = self._install(software)
            return found

    def installed(self) -> list[Installed]:
        """Complete copies on disk."""
        found = []
        for top in sorted(self._directory.glob("*-*-*")):
            mark = top / ".root"
            if mark.is_file():
                name, version, _ = top.name.rsplit("-", 2)
                found.append(Installed(name, version, top / mark.read_text(), top))
        return found

    def pin_of(self, root: Path | None, software: Software) -> str:
        """The name of the copy whose root this is, when it is one of this software and version; else "" = no copy of
        ours, such as the system's own."""
        if root is None or not root.is_relative_to(self._directory):
            return ""
        name = root.relative_to(self._directory).parts[0]
        return name if name.startswith(f"{software.name}-{software.version}-") else ""

    def _pinned(self, software: Software) -> Installed | None:
        top = self._directory / software.pin
        if not software.pin or not (top / ".root").is_file():
            return None
        return Installed(software.name, software.version, top / (top / ".root").read_text(), top)

    def _install(self, software: Software) -> Installed:
        if found := self._pinned(software):
            return found
        for directory in software.system:
            if _probe(directory, software):
                return Installed(software.name, software.version, directory, directory)
        package = _package_directory(software)
        parts = [f"{package.name}/{software.subdir}".rstrip("/"), *software.siblings]
        target = self._directory / f"{software.name}-{software.version}-{_digest(package.parent, parts)}"
        self._directory.mkdir(mode=0o755, parents=True, exist_ok=True)
        with open(self._directory / ".lock", "w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not (target / ".root").is_file():
                _copy(package.parent, parts, target, flat=software.flat)
        return Installed(software.name, software.version, target / parts[0], target)


def locate(software: Software) -> Path | None:
    """Where this software would come from, or None; changes nothing."""
    for directory in software.system:
        if _probe(directory, software):
            return directory
    try:
        return _package_directory(software) / software.subdir
    except NeedsOperator:
        return None


def _package_directory(software: Software) -> Path:
    spec = importlib.util.find_spec(software.package) if software.package else None
    places = list(spec.submodule_search_locations or ()) if spec is not None else []
    for place in places:
        inside = Path(place) / software.subdir
        if (inside / software.probe).is_file() if software.flat else _probe(inside, software):
            return Path(place)
    raise NeedsOperator(
        f"{software.name} {software.version} is not installed",
        code="software_missing",
        hint=f"install the Python package {software.package} into Holdfast's environment (`make setup`)"
        if software.package
        else f"install {software.name} {software.version} from your system's packages",
    )


def _probe(directory: Path, software: Software) -> bool:
    return (directory / "bin" / software.probe).is_file() if software.probe else (directory / "bin").is_dir()


def _digest(base: Path, parts: list[str]) -> str:
    """Of names, sizes and modes: tells versions of a package apart without reading every byte at every start."""
    facts = hashlib.sha256()
    for part in parts:
        if not (base / part).is_dir():
            raise NeedsOperator(
                f"{base / part} is missing", code="software_missing", hint="the package is damaged: run `make setup`"
            )
        for directory, subdirectories, files in os.walk(base / part):
            subdirectories.sort()
            for name in sorted(files):
                path = Path(directory) / name
                facts.update(f"{path.relative_to(base)}\0{path.stat().st_size}\0".encode())
    return facts.hexdigest()[:12]


def _copy(base: Path, parts: list[str], target: Path, *, flat: bool) -> None:
    """Copy beside, then rename: a half-copied directory never has the final name."""
    temporary = target.with_name(f".{target.name}.{os.getpid()}.tmp")
    shutil.rmtree(temporary, ignore_errors=True)
    try:
        for part in parts:
            inside = temporary / part / "bin" if flat and part == parts[0] else temporary / part
            shutil.copytree(base / part, inside, symlinks=True)
        for directory, _, files in os.walk(temporary):
            os.chmod(directory, 0o755)  # noqa: S103 - servers with users of their own must read it
            for name in files:
                path = os.path.join(directory, name)
                if not os.path.islink(path):
                    os.chmod(path, 0o755 if os.stat(path).st_mode & 0o100 else 0o644)
        (temporary / ".root").write_text(parts[0])
        (temporary / ".root").chmod(0o644)
        if target.exists():
            shutil.rmtree(target)
        os.replace(temporary, target)
    except OSError as error:
        shutil.rmtree(temporary, ignore_errors=True)
        raise NeedsOperator(
            f"{target.name} could not be copied: {error.strerror}",
            code="software_copy",
            hint="free some disk space or mend the data directory, then try again",
        ) from error
