"""Whether a store shows at once, to everyone, what was put: then nobody need wait before looking again."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Protocol, runtime_checkable

from holdfast.vault.stores.base import Store

# File systems of which only this machine's kernel has a part. Over a network, a directory is remembered for seconds.
_OF_ONE_KERNEL = {"bcachefs", "btrfs", "ext2", "ext3", "ext4", "f2fs", "overlay", "ramfs", "tmpfs", "xfs", "zfs"}


@runtime_checkable
class ListsInOrder(Protocol):
    @property
    def lists_in_order(self) -> bool:
        """A listing that begins after a `put` has ended shows it, whoever lists: of two that first write and then look,
        one sees the other."""
        ...


def lists_in_order(store: Store) -> bool:
    return isinstance(store, ListsInOrder) and store.lists_in_order


def of_one_kernel(path: Path) -> bool:
    """Whether a directory lies on a disk that no other machine writes to; False where that cannot be told."""
    try:
        device = os.stat(path).st_dev
        mounts = Path("/proc/self/mountinfo").read_text(errors="replace").splitlines()
    except OSError:
        return False
    wanted = f"{os.major(device)}:{os.minor(device)}"
    kinds = {_kind(line) for line in mounts if line.split(" ", 3)[2:3] == [wanted]}
    return bool(kinds) and kinds <= _OF_ONE_KERNEL


def _kind(mount: str) -> str:
    """The type of the file system, behind the separator (proc(5))."""
    return mount.rpartition(" - ")[2].split(" ", 1)[0]
