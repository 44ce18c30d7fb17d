"""What this installation is called among those that share its metadata database."""

from __future__ import annotations

import os
import re
import socket
from dataclasses import dataclass
from pathlib import Path

from holdfast.kernel.errors import NeedsOperator
from holdfast.kernel.ids import new_id

FILE = "node"
LONGEST = 63
_NAME = re.compile(r"[a-z0-9]([a-z0-9.-]{0,61}[a-z0-9])?")


@dataclass(frozen=True)
class NodeIdentity:
    """`name` is what rows carry; `data_id` is the data directory's own, so that no other can pass for it."""

    name: str
    data_id: str


def identity(data: Path, wanted: str = "") -> NodeIdentity:
    """Kept in the file `node` of the data directory, made by whichever process asks first.

    The name is `wanted` (HOLDFAST_NODE), else the host's with four letters. Raises NeedsOperator: "node_name_invalid",
    "node_renamed" when the directory has another name already (what lives in it is recorded under that one),
    "node_file".
    """
    if wanted and not _NAME.fullmatch(wanted):
        raise NeedsOperator(
            f"HOLDFAST_NODE is no name of a node: {wanted!r}",
            code="node_name_invalid",
            hint=f"At most {LONGEST} of a-z, 0-9, dot and dash; the first and the last a letter or a digit.",
        )
    file = data / FILE
    try:
        if not file.exists():
            data.mkdir(mode=0o711 if os.geteuid() == 0 else 0o700, parents=True, exist_ok=True)
            _make_once(file, wanted or _own_name())
        name, data_id = file.read_text().split()
    except (OSError, ValueError) as error:
        raise NeedsOperator(
            f"{file} cannot be read or made: {error}",
            code="node_file",
            hint="It holds the node's name and an id. Bring it back from a copy of the data directory.",
        ) from error
    if wanted and wanted != name:
        raise NeedsOperator(
            f"this data directory belongs to the node {name!r}, HOLDFAST_NODE says {wanted!r}",
            code="node_renamed",
            hint=f"Leave HOLDFAST_NODE out or set it to {name}: what lives here is recorded under that name.",
        )
    return NodeIdentity(name, data_id)


def _own_name() -> str:
    host = re.sub(r"[^a-z0-9-]+", "-", socket.gethostname().partition(".")[0].lower()).strip("-")[:50]
    return f"{host or 'node'}-{os.urandom(2).hex()}"


def _make_once(file: Path, name: str) -> None:
    """Linked into place whole: a process that finds the file never reads half of it."""
    draft = file.with_name(f".{file.name}.{os.getpid()}.{os.urandom(3).hex()}")
    try:
        draft.touch(0o600)
        draft.write_text(f"{name} {new_id('node')}\n")
        os.link(draft, file)
    except FileExistsError:
        return
    finally:
        draft.unlink(missing_ok=True)
