"""A file's blocks shared with a new file, where the file system can (ioctl_ficlone(2): Btrfs, XFS, bcachefs)."""

from __future__ import annotations

import errno
import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import apsw

from holdfast.engines.sqlite.connections import database
from holdfast.kernel.errors import HoldfastError

_FICLONE = 0x40049409  # _IOW(0x94, 9, int), linux/fs.h
# Another file system, one without shared blocks, or a kernel or sandbox that knows no such call: never a failure.
_CANNOT = frozenset(
    {errno.EOPNOTSUPP, errno.EXDEV, errno.EINVAL, errno.ENOTTY, errno.ENOSYS, errno.EPERM, errno.ETXTBSY}
)


def reflink(source: Path, target: Path) -> bool:
    """Make `target`, which must not be there, of `source`'s blocks as of this moment; both may change afterwards.

    Only while nobody has the database open: the file alone is then the whole of it, and closing our descriptor drops
    no lock that SQLite in this process relies on (fcntl(2): it drops every one). False, with nothing made and nothing
    changed, when somebody has it open or blocks cannot be shared. Raises OSError for a full disk and the like.
    """
    try:
        with _alone(source):
            return _shared(source, target)
    except (HoldfastError, apsw.BusyError, apsw.LockedError):  # in use: the online backup copes with that
        return False


@contextmanager
def _alone(path: Path) -> Iterator[None]:
    """Hold the only connection there is, with the log folded in. In exclusive mode SQLite takes its lock on the file
    itself, which no other connection shares; the file stays in WAL mode, so a crash here leaves nothing to mend."""
    with database(path, "write") as connection:
        connection.set_busy_timeout(0)
        # Its close must not touch a log that another process may have begun: the block's end drops our locks.
        connection.config(apsw.SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1)
        connection.execute("PRAGMA locking_mode = EXCLUSIVE").fetchall()
        connection.execute("BEGIN EXCLUSIVE")
        connection.execute("COMMIT")
        busy = connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()[0][0]
        if busy:
            raise apsw.BusyError("the log could not be folded in")
        yield


def _shared(source: Path, target: Path) -> bool:
    flags = os.O_CLOEXEC | os.O_NOFOLLOW
    made = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL | flags, 0o600)
    try:
        live = os.open(source, os.O_RDONLY | flags)
        try:
            fcntl.ioctl(made, _FICLONE, live)
            os.fchmod(made, os.fstat(live).st_mode & 0o777)
            os.fsync(made)
        finally:
            os.close(live)
    except OSError as error:
        with suppress(FileNotFoundError):
            target.unlink()
        if error.errno in _CANNOT:
            return False
        raise
    finally:
        os.close(made)
    return True
