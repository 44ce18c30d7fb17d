"""The master key: where it is kept, and the few keys of it a process holds.

A source holds one key, or two and more while the key is being rotated: base64 of 32 bytes each, the newest first, with
white space or commas between. The same text whether it lies in a file, in an environment variable or in Vault.
"""

from __future__ import annotations

import base64
import binascii
import fcntl
import hashlib
import os
import re
import stat
import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from holdfast.kernel import log
from holdfast.kernel.crashpoints import crash_point
from holdfast.kernel.crypto import KEY_BYTES, Key, derive
from holdfast.kernel.errors import NeedsOperator, Retryable

VARIABLE = "HOLDFAST_MASTER_KEY"
_BETWEEN = re.compile(r"[\s,]+")


@dataclass(frozen=True)
class MasterKey:
    """`text` is what its source holds; `key` is derived from it and wraps data keys."""

    key: Key
    text: str = field(repr=False)

    @property
    def id(self) -> str:
        return self.key.id

    @classmethod
    def of(cls, raw: bytes) -> MasterKey:
        """The key of 32 random bytes. From here on its text is cut out of the log."""
        if len(raw) != KEY_BYTES:
            raise ValueError(f"a master key has {KEY_BYTES} bytes, not {len(raw)}")
        text = base64.b64encode(raw).decode()
        log.register_secret(text)
        name = hashlib.sha256(derive(raw, "holdfast master key id")).hexdigest()[:12]
        return cls(Key(f"master-{name}", derive(raw, "holdfast wrap data keys")), text)

    @classmethod
    def new(cls) -> MasterKey:
        return cls.of(os.urandom(KEY_BYTES))


class MasterKeySource(Protocol):
    """Where master keys are kept. Every verb may be called from any thread, and again."""

    @property
    def where(self) -> str:
        """For words: a path, a variable, an address. Never a key."""

    def exists(self) -> bool:
        """Whether a key is there. Raises NeedsOperator when that cannot be told."""

    def read(self) -> Sequence[MasterKey]:
        """The keys there now, newest first, never none. A source that holds none yet gets its first one here.

        Raises NeedsOperator: malformed, out of reach, exposed, or empty and not ours to fill.
        """

    def replace(self, old: Sequence[MasterKey], new: Sequence[MasterKey]) -> None:
        """`new` instead of `old`, wholly or not at all, and durable once this returns.

        Raises Retryable("master_key_changed") when the source does not hold `old`, NeedsOperator("master_key_readonly")
        when only a person can change it.
        """


def keys_in(text: str, where: str) -> tuple[MasterKey, ...]:
    """The keys a source's text holds. Raises `NeedsOperator("master_key_malformed")`, which never quotes the text."""
    raws = [_decoded(word) for word in _BETWEEN.split(text.strip())]
    if any(len(raw) != KEY_BYTES for raw in raws):
        raise NeedsOperator(
            f"{where} holds no master key",
            code="master_key_malformed",
            hint="It is base64 of 32 bytes. Put the saved copy back: a new key does not open what is stored.",
        )
    return tuple({made.id: made for made in map(MasterKey.of, raws)}.values())


def text_of(keys: Sequence[MasterKey]) -> str:
    return "\n".join(key.text for key in keys)


def same(left: Sequence[MasterKey], right: Sequence[MasterKey]) -> bool:
    return [key.id for key in left] == [key.id for key in right]


def changed(where: str) -> Retryable:
    return Retryable(f"{where} was changed by someone else meanwhile", code="master_key_changed", hint="Try again.")


def _decoded(word: str) -> bytes:
    try:
        return base64.b64decode(word, validate=True)
    except (binascii.Error, ValueError):
        return b""


class FileSource:
    """A file of mode 0600 outside the data directory, replaced by rename: a crash leaves the old text or the new."""

    def __init__(self, path: Path) -> None:
        self._path = path

    @property
    def where(self) -> str:
        return str(self._path)

    def exists(self) -> bool:
        return os.path.lexists(self._path)

    def read(self) -> tuple[MasterKey, ...]:
        if not self.exists():
            self._create()
        return keys_in(self._text(), self.where)

    def replace(self, old: Sequence[MasterKey], new: Sequence[MasterKey]) -> None:
        with self._alone():
            if not same(self.read(), old):
                raise changed(self.where)
            fresh = self._write(text_of(new))
            crash_point("master.file_half")
            os.replace(fresh, self._path)
            _sync(self._path.parent)

    def _text(self) -> str:
        try:
            descriptor = os.open(self._path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
        except OSError as error:
            raise NeedsOperator(
                f"the master key {self._path} cannot be read: {error.strerror}",
                code="master_key_unreadable",
                hint="Run Holdfast as the user who owns the file; it must be a file, not a link.",
            ) from error
        with os.fdopen(descriptor, encoding="utf-8", errors="replace") as file:
            if os.fstat(file.fileno()).st_mode & (stat.S_IRWXG | stat.S_IRWXO):
                raise NeedsOperator(
                    f"the master key {self._path} may be read by other users",
                    code="master_key_exposed",
                    hint=f"chmod 600 {self._path}, then rotate it (holdfast master-key rotate) if someone read it.",
                )
            return file.read(64 * 1024)

    def put_first(self, keys: Sequence[MasterKey]) -> None:
        """These keys, in a source that holds none. Raises Retryable("master_key_changed") when it came to hold others
        meanwhile."""
        self._create(text_of(keys))
        if not same(self.read(), keys):
            raise changed(self.where)

    def _create(self, text: str | None = None) -> None:
        """Linked into place after fsync: a crash leaves no half key, and two starts make one."""
        self._path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        fresh = self._write(text or MasterKey.new().text)
        try:
            os.link(fresh, self._path)
            _sync(self._path.parent)
        except (FileExistsError, FileNotFoundError):  # another start was faster, and may have swept ours away
            return
        finally:
            fresh.unlink(missing_ok=True)

    def _write(self, text: str) -> Path:
        """A file beside the real one, on the disk. What a crash left there before is overwritten."""
        fresh = self._path.with_name(f".{self._path.name}.{os.getpid()}-{threading.get_ident()}")
        fresh.unlink(missing_ok=True)
        descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        with os.fdopen(descriptor, "w") as file:
            file.write(text + "\n")
            file.flush()
            os.fsync(file.fileno())
        return fresh

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """Only one process replaces the file at a time. A lock on the directory leaves no file behind."""
        descriptor = os.open(self._path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            self._sweep()
            yield
        finally:
            os.close(descriptor)

    def _sweep(self) -> None:
        """Under the lock nobody else is replacing: what lies here was left by a crash, and holds keys."""
        for left in self._path.parent.glob(f".{self._path.name}.*-*"):
            left.unlink(missing_ok=True)


class EnvironmentSource:
    """The variable HOLDFAST_MASTER_KEY. Only who starts Holdfast can change it."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._text = environ.get(VARIABLE, "")

    @property
    def where(self) -> str:
        return VARIABLE

    def exists(self) -> bool:
        return bool(self._text)

    def read(self) -> tuple[MasterKey, ...]:
        return keys_in(self._text, self.where)

    def replace(self, old: Sequence[MasterKey], new: Sequence[MasterKey]) -> None:
        if not same(old, new):
            raise NeedsOperator(
                f"the master key is in {VARIABLE}, which Holdfast cannot change",
                code="master_key_readonly",
                hint=f'Set {VARIABLE}="NEW OLD" (a new one: head -c 32 /dev/urandom | base64), restart, rotate, '
                "and take the old one out afterwards.",
            )


class MasterKeys:
    """The master keys this process holds. One it does not know is looked for in the source again, so that a rotation
    by another process needs no restart; one it holds stays, also while the source is away."""

    def __init__(self, source: MasterKeySource) -> None:
        self.source = source
        self._lock = threading.Lock()
        self._held: dict[str, MasterKey] = {}

    def get(self, key_id: str) -> MasterKey:
        """Raises NeedsOperator("master_key_wrong"): the source does not hold it."""
        found = self._held.get(key_id)
        if found is None:
            self.read()
            found = self._held.get(key_id)
        if found is None:
            raise NeedsOperator(
                f"the stored secrets were sealed by another master key ({key_id})",
                code="master_key_wrong",
                hint="Put back the key this installation began with, or name its place with HOLDFAST_MASTER_KEY_FILE, "
                "or set HOLDFAST_MASTER_KEY to its content. A recovery kit holds it too.",
            )
        return found

    @property
    def held(self) -> frozenset[str]:
        """The ids of the keys in this process's memory."""
        return frozenset(self._held)

    def forget(self, key_ids: Iterable[str]) -> None:
        """Keys nothing needs any more leave this process's memory."""
        with self._lock:
            self._held = {key_id: key for key_id, key in self._held.items() if key_id not in set(key_ids)}

    def read(self) -> Sequence[MasterKey]:
        """What the source holds now, newest first."""
        found = self.source.read()
        with self._lock:
            self._held = {**self._held, **{key.id: key for key in found}}
        return found


def fixed(key: MasterKey) -> MasterKeys:
    """One key that never changes."""
    return MasterKeys(EnvironmentSource({VARIABLE: key.text}))


def _sync(directory: Path) -> None:
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
