"""How a snapshot lies in a repository: which paths there may be, its manifest's entries, its directories."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from holdfast.contract.catalog import JSON
from holdfast.contract.snapshot import Entry, Manifest
from holdfast.formats.restic import tree
from holdfast.formats.restic.pack import BlobType
from holdfast.kernel.errors import Permanent

Add = Callable[[bytes, BlobType], bytes]  # stores a small blob; its id


@dataclass
class WrittenFile:
    """An entry on its way: the ids of its chunks by position, and its bytes so far."""

    entry: Entry
    ids: bytearray = field(default_factory=bytearray)
    size: int = 0

    def place(self, position: int, blob: bytes) -> None:
        end = (position + 1) * 32
        if len(self.ids) < end:
            self.ids.extend(bytes(end - len(self.ids)))
        self.ids[position * 32 : end] = blob


def require_path(path: str) -> None:
    """Refuse what stock restic could not restore, or would restore somewhere else."""
    if any(
        part in ("", ".", "..") or "\x00" in part or len(part.encode(errors="replace")) > 255
        for part in path.split("/")
    ):
        raise Permanent(f"not a path an entry may have: {path!r}", code="entry_path")
    try:
        path.encode()
    except UnicodeEncodeError:
        raise Permanent(f"not a path an entry may have: {path!r}", code="entry_path") from None


def complete(manifest: Manifest, files: Sequence[WrittenFile], facts: Mapping[str, JSON]) -> Manifest:
    """The manifest with the facts of every entry: what the vault knows, what the engine said, what the caller adds."""
    entries: dict[str, Mapping[str, JSON]] = {}
    for file in files:
        entries[file.entry.path] = {
            "size": file.size,
            **file.entry.facts,
            **manifest.entries.get(file.entry.path, {}),
            "chunks": hashlib.sha256(file.ids).hexdigest(),
        }
    return replace(manifest, entries=entries, facts={**manifest.facts, **facts})


def store_trees(files: Sequence[WrittenFile], extra: Mapping[str, bytes], add: Add, mtime: str) -> bytes:
    """Store the directories of `files` and of `extra` (in the root) bottom-up; the id of the root."""
    children: dict[str, list[tree.Node]] = {"": []}
    for file in files:
        directory, _, name = file.entry.path.rpartition("/")
        children.setdefault(directory, []).append(tree.Node(name, "file", file.size, bytes(file.ids), mtime=mtime))
    for name, data in extra.items():
        content = add(data, BlobType.DATA) if data else b""
        children[""].append(tree.Node(name, "file", len(data), content, mtime=mtime))
    for path in list(children):
        above = path
        while above:
            above = above.rpartition("/")[0]
            children.setdefault(above, [])
    for directory in sorted(children, key=lambda d: (-d.count("/") if d else 1, d)):
        names = [node.name for node in children[directory]]
        if len(set(names)) != len(names):
            raise Permanent(f"two entries have the same path below {directory!r}")
        blob = add(tree.build(children[directory]), BlobType.TREE)
        if not directory:
            return blob
        above, _, name = directory.rpartition("/")
        children[above].append(tree.Node(name, "dir", subtree=blob, mtime=mtime))
    raise AssertionError("the root comes last")
