"""The code of workers in a snapshot of the metadata: an archive per version, `workers/VERSION.tar`, for stock `tar`.

In it are the version's files below `code/`, and `lock.txt`: which packages it ran with.
"""

from __future__ import annotations

import hashlib
import io
import tarfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

import sqlalchemy as sa

from holdfast.contract.snapshot import Stream
from holdfast.features.workers.model import Version, worker_versions
from holdfast.features.workers.shelf import LOCK, Shelf
from holdfast.kernel.errors import Conflict
from holdfast.vault.repository import Repository

_FOLDER, _SUFFIX = "workers/", ".tar"
_CODE = "code/"
_READ = 1 << 20
_LARGEST = 128 << 20  # what is there is smaller; a snapshot that was tampered with must not fill the memory


def name_of(version_id: str) -> str:
    """Its entry."""
    return f"{_FOLDER}{version_id}{_SUFFIX}"


def versions_in(paths: Iterable[str]) -> frozenset[str]:
    """The ids of the versions whose archives are among a snapshot's entries."""
    ours = (each for each in paths if each.startswith(_FOLDER) and each.endswith(_SUFFIX))
    return frozenset(each[len(_FOLDER) : -len(_SUFFIX)] for each in ours)


def every(conn: sa.Connection) -> Sequence[Version]:
    rows = conn.execute(sa.select(worker_versions).order_by(worker_versions.c.id))
    return [Version(**row._mapping) for row in rows]


def packed(shelf: Shelf, version: Version) -> bytes | None:
    """The archive: the same bytes each time, so that a repository keeps them once. None when the code is not on this
    node, or not what was uploaded."""
    files = _read(shelf.code(version.worker_id, version.id), version)
    if files is None:
        return None
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for path, content in sorted(files.items()):
            _add(archive, f"{_CODE}{path}", content)
        lock = shelf.lock(version.worker_id, version.id)
        if lock.is_file():
            _add(archive, LOCK, lock.read_bytes())
    return made.getvalue()


def _add(archive: tarfile.TarFile, name: str, content: bytes) -> None:
    entry = tarfile.TarInfo(name)
    entry.size, entry.mode = len(content), 0o644
    archive.addfile(entry, io.BytesIO(content))


def _read(folder: Path, version: Version) -> dict[str, bytes] | None:
    try:
        files = {str(each["path"]): (folder / str(each["path"])).read_bytes() for each in version.files}
    except OSError:
        return None
    return files if _as_uploaded(files, version) else None


def _as_uploaded(files: Mapping[str, bytes], version: Version) -> bool:
    wanted = {str(each["path"]): each["sha256"] for each in version.files}
    return {path: hashlib.sha256(content).hexdigest() for path, content in files.items()} == wanted


def lay_down(repository: Repository, snapshot: str, versions: Sequence[Version], shelf: Shelf) -> None:
    """The code of these versions where a Holdfast looks for it; each whole or not at all, and those that are there
    already are left alone. Raises Conflict("code_damaged") for an archive that is not what the version lists."""
    shelf.make()
    with repository.source(snapshot) as source:
        for version in versions:
            if shelf.code(version.worker_id, version.id).is_dir():
                continue
            files, lock = _unpacked(b"".join(_stream(source.open(name_of(version.id)))))
            if not _as_uploaded(files, version):
                raise Conflict(f"the code of the version {version.id} is not what was uploaded", code="code_damaged")
            shelf.put(version.worker_id, version.id, files, lock)


def _stream(stream: Stream) -> Iterator[bytes]:
    buffer, size = bytearray(_READ), 0
    try:
        while count := stream.readinto(memoryview(buffer)):
            size += count
            if size > _LARGEST:
                raise Conflict("an archive of code is larger than there can be", code="code_damaged")
            yield bytes(buffer[:count])
    finally:
        stream.close()


def _unpacked(content: bytes) -> tuple[dict[str, bytes], bytes | None]:
    files, lock = {}, None
    with tarfile.open(fileobj=io.BytesIO(content), mode="r:") as archive:
        for entry in archive:
            file = archive.extractfile(entry) if entry.isfile() else None
            if file is None:
                continue
            if entry.name == LOCK:
                lock = file.read()
            else:
                files[entry.name.removeprefix(_CODE)] = file.read()
    return files, lock


def after_loss(conn: sa.Connection, there: frozenset[str], error: Mapping[str, object]) -> tuple[list[Version], int]:
    """What the staged records say of versions, made true for a new server: those whose packages have to be installed
    again are building (and given back), those without code are failed (and counted)."""
    building, lost = [], 0
    c = worker_versions.c
    for version in every(conn):
        this = sa.update(worker_versions).where(c.id == version.id)
        if version.id not in there:
            if version.state != "failed":
                conn.execute(this.values(state="failed", error=dict(error), packages=None))
            lost += 1
        elif version.packages is not None or version.state == "building":
            conn.execute(this.values(state="building", error=None, packages=None))
            building.append(version)
    return building, lost
