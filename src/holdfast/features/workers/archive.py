"""Code as it is uploaded: read out of a zip within limits, laid down beside its place, and moved in whole."""

from __future__ import annotations

import hashlib
import io
import os
import shutil
import stat
import zipfile
import zlib
from collections.abc import Mapping
from pathlib import Path, PurePosixPath

from holdfast.kernel.errors import Invalid, LimitExceeded

MOST_FILES = 2000
MOST_BYTES = 64 << 20
MOST_RATIO = 200  # of one file, above a megabyte: text packs 20 times
LONGEST_PATH = 240
_LEFT_OUT = ("__MACOSX/",)


def unzip(data: bytes) -> dict[str, bytes]:
    """Path -> content of every file. Raises Invalid for what is no zip, or holds what is neither file nor directory,
    or leads out of its directory; LimitExceeded for too many, too large or packed too well."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            entries = [each for each in archive.infolist() if not each.filename.startswith(_LEFT_OUT)]
            if len(entries) > MOST_FILES:
                raise LimitExceeded(f"a version holds at most {MOST_FILES} files", code="too_many_files")
            return checked_files(_read(archive, entries))
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError) as error:
        raise Invalid(
            "this is not a zip that can be read",
            code="archive_invalid",
            hint="Pack the project's files again, without a password.",
            details={"reason": str(error)[:200]},
        ) from None


def _read(archive: zipfile.ZipFile, entries: list[zipfile.ZipInfo]) -> dict[str, bytes]:
    found: dict[str, bytes] = {}
    left = MOST_BYTES
    for entry in entries:
        kind = stat.S_IFMT(entry.external_attr >> 16)
        if kind not in (0, stat.S_IFREG, stat.S_IFDIR):
            raise _refused(entry.filename, "is neither a file nor a directory")
        if entry.flag_bits & 1:
            raise _refused(entry.filename, "is encrypted")
        if entry.is_dir():
            _checked_path(entry.filename.rstrip("/"))
            continue
        if entry.filename in found:
            raise _refused(entry.filename, "is in it twice")
        with archive.open(entry) as file:
            content = file.read(left + 1)  # what the header says of the size is not believed
        if len(content) > left:
            raise too_large()
        if len(content) > 1 << 20 and len(content) > MOST_RATIO * max(1, entry.compress_size):
            raise LimitExceeded(f"{entry.filename[:200]!r} is packed too well", code="archive_ratio")
        left -= len(content)
        found[entry.filename] = content
    return found


def checked_files(files: Mapping[str, bytes]) -> dict[str, bytes]:
    """The same, when every path stays inside and none is a directory of another. Raises Invalid, LimitExceeded."""
    if not files:
        raise Invalid("there is no file in it", code="archive_empty")
    if len(files) > MOST_FILES:
        raise LimitExceeded(f"a version holds at most {MOST_FILES} files", code="too_many_files")
    if sum(map(len, files.values())) > MOST_BYTES:
        raise too_large()
    folders = {str(parent) for path in files for parent in PurePosixPath(path).parents}
    for path in files:
        _checked_path(path)
        if path in folders:
            raise _refused(path, "is a file and a directory")
    return dict(sorted(files.items()))


def _checked_path(path: str) -> None:
    parts = path.split("/")
    bad = (
        not path
        or len(path.encode("utf-8", "surrogatepass")) > LONGEST_PATH
        or any(part in ("", ".", "..") or len(part.encode("utf-8", "surrogatepass")) > 255 for part in parts)
        or any(ord(each) < 32 or ord(each) == 127 or each == "\\" or 0xD800 <= ord(each) < 0xE000 for each in path)
    )
    if bad:
        raise _refused(path, f"is no path inside the project of at most {LONGEST_PATH} bytes")


def listed(files: Mapping[str, bytes]) -> list[dict[str, object]]:
    """What a version remembers of its files."""
    return [
        {"path": path, "size": len(content), "sha256": hashlib.sha256(content).hexdigest()}
        for path, content in sorted(files.items())
    ]


def digest_of(entries: list[dict[str, object]]) -> str:
    """One digest of all paths and contents."""
    whole = hashlib.sha256()
    for entry in entries:
        whole.update(f"{entry['path']}\0{entry['sha256']}\n".encode())
    return whole.hexdigest()


def lay_down(files: Mapping[str, bytes], place: Path, beside_code: Mapping[str, bytes] | None = None) -> None:
    """`place`/code with these files, and others in `place` itself; durable, or nothing: written beside, synced, and
    renamed."""
    beside = place.with_name(f".{place.name}.new")
    shutil.rmtree(beside, ignore_errors=True)
    code = beside / "code"
    folders = {code}
    code.mkdir(parents=True, mode=0o755)
    try:
        inside = {beside / path: content for path, content in (beside_code or {}).items()}
        for target, content in {**inside, **{code / path: content for path, content in files.items()}}.items():
            target.parent.mkdir(parents=True, exist_ok=True)
            folders |= {parent for parent in target.parents if parent.is_relative_to(code)}
            with target.open("xb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            target.chmod(0o644)
        for folder in folders:
            folder.chmod(0o755)
            _sync(folder)
        beside.chmod(0o755)
        _sync(beside)
        beside.rename(place)
    except BaseException:
        shutil.rmtree(beside, ignore_errors=True)
        raise
    _sync(place.parent)


def _sync(folder: Path) -> None:
    number = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(number)
    finally:
        os.close(number)


def too_large() -> LimitExceeded:
    return LimitExceeded(f"a version holds at most {MOST_BYTES >> 20} MiB", code="version_too_large")


def _refused(path: str, why: str) -> Invalid:
    shown = path.encode("utf-8", "replace").decode()[:200]
    return Invalid(
        f"{shown!r} {why}",
        code="archive_refused",
        details={"fields": [{"field": "files", "message": f"{shown}: {why}"}]},
    )
