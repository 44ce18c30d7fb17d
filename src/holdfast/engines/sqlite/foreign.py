"""A SQLite file that some other program writes: read and written with SQLite's own locks, changed in nothing else."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import unquote, urlsplit

import apsw

from holdfast.contract.external import Address, ExternalTraits, url_invalid
from holdfast.contract.privileges import Power, Report
from holdfast.contract.spec import Endpoint
from holdfast.engines.sqlite.connections import database, path_of, scalar
from holdfast.kernel.errors import Conflict, Corrupt, Permanent

TRAITS = ExternalTraits(files=True, reader_role=False)


def parse(url: str) -> Address:
    """sqlite:///absolute/path, without any option. Raises Invalid."""
    parts = urlsplit(url.strip())
    path = unquote(parts.path)
    if parts.scheme != "sqlite" or parts.netloc or parts.query or parts.fragment or not path.startswith("/"):
        raise url_invalid("a SQLite file", "it reads sqlite:///absolute/path, without a host or options")
    return Address(path=Path("/" + path.lstrip("/")))


def report(at: Endpoint) -> Report:
    """See `contract.privileges.CanReport.report`. The engine itself keeps readers from writing."""
    path = path_of(at)
    try:
        with database(path, "read") as connection:
            scalar(connection, "SELECT count(*) FROM main.sqlite_schema")
            mode = str(scalar(connection, "PRAGMA journal_mode"))
            page = int(scalar(connection, "PRAGMA page_size"))
    except Corrupt as error:
        raise Permanent(
            f"this file is no SQLite database: {error.message}", code="protocol_foreign", hint="Name another file."
        ) from error
    facts = path.stat()
    writable = os.access(path, os.W_OK) and os.access(path.parent, os.W_OK)
    why = "" if writable else "Holdfast may not write the file or its directory"
    return Report(
        engine="sqlite",
        version=apsw.sqlite_lib_version(),
        user=f"uid {os.geteuid()}",
        powers=(
            Power("look", True),
            Power("read", True, "the engine itself keeps readers from writing"),
            Power("write", writable, why),
            Power("snapshot", writable, why),
            Power("restore_new", False, "Holdfast makes no file beside one that is not ours"),
            _in_place(mode, writable, why),
            Power("point_in_time", False, "this version of Holdfast keeps no WAL yet"),
        ),
        warnings=() if mode == "wal" else (f"The journal mode is {mode}: writers wait while a snapshot is read.",),
        spec={"version": "3", "page_size": page},
        facts={"journal_mode": mode, "bytes": facts.st_size, "owner_uid": facts.st_uid},
    )


def _in_place(mode: str, writable: bool, why: str) -> Power:
    if not writable:
        return Power("restore_in_place", False, why)
    if mode != "wal":
        return Power("restore_in_place", False, _UNPROVEN)
    return Power("restore_in_place", True, "while no other program has the file open")


_UNPROVEN = "outside WAL mode nobody can tell whether another program has the file open and would write on into the old"


def fit(at: Path, candidate: Path) -> None:
    """Before a swap: prove that it can be proven that nobody else holds the file, and give the new one the old one's
    owner and mode, so that the program it belongs to can open it. Raises Conflict (code "swap_unproven")."""
    if not candidate.exists():
        return
    if at.exists():
        with database(at, "read") as connection:
            mode = scalar(connection, "PRAGMA journal_mode")
        if mode != "wal":
            raise Conflict(
                f"this file cannot be replaced: {_UNPROVEN}",
                code="swap_unproven",
                hint="Restore into a new database, stop the program, and put the file in place yourself.",
            )
        _give(candidate, at.stat())


@contextmanager
def keeping(at: Endpoint) -> Iterator[None]:
    """A file that is not ours keeps its owner and mode, also when it is written anew."""
    path = path_of(at)
    before = path.stat() if not at.hosted and path.exists() else None
    yield
    if before is not None:
        _give(path, before)


def _give(path: Path, facts: os.stat_result) -> None:
    if os.geteuid() == 0:
        os.chown(path, facts.st_uid, facts.st_gid)
    path.chmod(facts.st_mode & 0o7777)
