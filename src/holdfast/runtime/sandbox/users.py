"""A uid for every version's processes, where we are root: one file that every process of ours reads and adds to.

A uid is not given again while its token lives, and the next one is always a new one until all have been used: files or
sockets that outlive their version belong to nobody. Each installation begins somewhere else: what the kernel counts by
uid (processes, pending signals) is not shared with a second Holdfast, or `holdfast dev`, of the same machine.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
from collections.abc import Iterator, Set
from contextlib import contextmanager
from pathlib import Path
from typing import TypedDict

FIRST, LAST = 200000, 265535


class _Table(TypedDict):
    next: int
    users: dict[str, int]


def uid_of(data: Path, token: str) -> int:
    """The uid of the version with this token; made and written to `<data>/workers/users.json` when it is new.

    The same for every process that asks. Raises OSError (EUSERS) when all are in use, ValueError for a damaged file.
    """
    with _locked(data) as path:
        table = _read(path, _first(data))
        if token not in table["users"]:
            table["users"][token] = _free(table)
            _write(path, table)
        return table["users"][token]


def keep_users(data: Path, living: Set[str]) -> None:
    """Forget the uids of all other tokens. Call it with every token that has a process, a socket or a row."""
    with _locked(data) as path:
        table = _read(path, _first(data))
        kept = {token: uid for token, uid in table["users"].items() if token in living}
        if kept != table["users"]:
            _write(path, {"next": table["next"], "users": kept})


@contextmanager
def _locked(data: Path) -> Iterator[Path]:
    directory = data / "workers"
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    descriptor = os.open(directory / "users.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield directory / "users.json"
    finally:
        os.close(descriptor)


def _free(table: _Table) -> int:
    taken = set(table["users"].values())
    for step in range(LAST - FIRST + 1):
        uid = FIRST + (table["next"] - FIRST + step) % (LAST - FIRST + 1)
        if uid not in taken:
            table["next"] = uid + 1 if uid < LAST else FIRST
            return uid
    raise OSError(87, "every uid for workers is in use")


def _first(data: Path) -> int:
    """Where an installation begins to count."""
    digest = hashlib.sha256(os.fsencode(data.resolve())).digest()
    return FIRST + int.from_bytes(digest[:4], "big") % (LAST - FIRST + 1)


def _read(path: Path, first: int) -> _Table:
    try:
        raw = json.loads(path.read_bytes())
    except FileNotFoundError:
        return {"next": first, "users": {}}
    users = raw["users"] if isinstance(raw, dict) else None
    if not isinstance(users, dict) or not all(FIRST <= uid <= LAST for uid in users.values()):
        raise ValueError(f"{path} is damaged: it must hold the users of the workers")
    return {"next": max(FIRST, min(LAST, int(raw["next"]))), "users": users}


def _write(path: Path, table: _Table) -> None:
    temporary = path.with_suffix(".new")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "w") as file:
        json.dump(table, file)
        file.flush()
        os.fsync(file.fileno())
    os.replace(temporary, path)
