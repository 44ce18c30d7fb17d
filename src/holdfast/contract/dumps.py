"""Dumps that an engine's own tools made: recognising one by its first bytes, loading it into an empty database."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from holdfast.contract.snapshot import Receipt
from holdfast.contract.spec import Endpoint, Spec
from holdfast.contract.tools import Tools
from holdfast.kernel.errors import HoldfastError, Invalid
from holdfast.kernel.stop import Stop

HEAD = 64 << 10  # how much of a dump's beginning tells what it is


@dataclass(frozen=True)
class Dump:
    """`form` is the engine's own word ("pgdump", "sqlite"), `title` for people; `version` of the server that it came
    from, as far as the file says."""

    form: str
    title: str
    version: str | None = None


@runtime_checkable
class CanTakeIn(Protocol):
    """Engines that load dumps. A dump is somebody else's bytes: it is loaded with the owner's rights, never more."""

    def recognised(self, head: bytes, spec: Spec | None) -> Dump | None:
        """Pure; `head` are the first bytes (`HEAD` of them, or all). None: no dump of this engine. With `spec` also
        whether a database of that kind can take it: raises Invalid (codes "dump_newer", "dump_unsupported")."""
        ...

    def take_in(self, at: Endpoint, tools: Tools, dump: Dump, pieces: Iterator[bytes], stop: Stop) -> Receipt:
        """Load it into the empty, prepared database `at`, which is thrown away when this fails.

        Reads `pieces` to their end, also after the dump's own: checksums and seals are there. Raises Invalid (codes
        "dump_unreadable", "dump_newer", and those of `CanBulk.bulk_script` with the line), Cancelled. Nothing of the
        dump runs outside the database, nor with a superuser's rights."""
        ...


def newer(title: str, version: str, ours: str) -> HoldfastError:
    return Invalid(
        f"this is {title} of version {version}, and the database is of version {ours}",
        code="dump_newer",
        hint="Import it into a database of that version or a later one.",
        details={"version": version, "database_version": ours},
    )


def unreadable(title: str, why: str) -> HoldfastError:
    return Invalid(
        f"this is no whole {title}: {why}",
        code="dump_unreadable",
        hint="It may be cut off or damaged: compare its size and checksum with the original's.",
    )


def unsupported(why: str, hint: str) -> HoldfastError:
    return Invalid(why, code="dump_unsupported", hint=hint)


def is_text(head: bytes) -> bool:
    """UTF-8 without zero bytes; a character that is cut at the end is none of its faults."""
    if b"\0" in head:
        return False
    try:
        head.decode()
    except UnicodeDecodeError as error:
        return error.start >= len(head) - 3 and len(head) >= HEAD
    return True


def drained(pieces: Iterator[bytes], stop: Stop) -> None:
    for _ in pieces:
        stop.check()
