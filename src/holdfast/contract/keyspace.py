"""Keys and what they hold, for engines that keep keys instead of tables. Sessions with this power are CanKeyValue.

A key is bytes in a numbered database. What a value is made of depends on its type, everywhere in this order:
string: one element, its text; hash: (field, value); list: value, in order; set: member; zset: (member, score);
stream: (id, ((field, value), ...)). Fields, values and members are bytes, scores floats, ids text.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol, runtime_checkable

KeyType = Literal["string", "hash", "list", "set", "zset", "stream"]


@dataclass(frozen=True)
class KeyFacts:
    """`size`: elements, for strings bytes. `memory`: bytes in the server. `expires_ms`: since 1970, None = stays.
    `type` is the engine's word; one that is no KeyType can be listed and deleted, not read."""

    key: bytes
    type: str
    size: int | None
    memory: int | None
    expires_ms: int | None


@dataclass(frozen=True)
class KeyPage:
    """`cursor` None: that was all. A page may be short, or empty, and not the last."""

    keys: tuple[KeyFacts, ...]
    cursor: str | None


@dataclass(frozen=True)
class Value:
    """A part of a key's value. `digest` stands for the whole value and its expiry; None when the server has none.
    `offset`: where the part begins, in elements of a list or zset and bytes of a string."""

    facts: KeyFacts
    elements: tuple[Any, ...]
    digest: str | None
    offset: int | None = None
    cursor: str | None = None


@dataclass(frozen=True)
class Put:
    """The whole value anew, with its expiry. `only_new`: an existing key is a Conflict (code "key_exists")."""

    type: KeyType
    elements: Sequence[Any]
    expires_ms: int | None = None
    only_new: bool = False


@dataclass(frozen=True)
class Elements:
    """Single elements of an existing value. `put` as they read, but lists take (index, value), or (None, value) to
    append; a string its one new text, and keeps its expiry. `remove`: fields, members, ids, or a list's indexes."""

    put: Sequence[Any] = ()
    remove: Sequence[Any] = ()


@dataclass(frozen=True)
class Expire:
    at_ms: int | None  # None: the key stays


@dataclass(frozen=True)
class Rename:
    """Onto a key that exists: Conflict (code "key_exists")."""

    to: bytes


@dataclass(frozen=True)
class Delete:
    pass


Edit = Put | Elements | Expire | Rename | Delete


@runtime_checkable
class CanKeyValue(Protocol):
    """Synchronous, for threads. Never blocks the server for longer than a page takes."""

    def keys(self, database: int, pattern: str, kind: str | None, cursor: str | None, limit: int) -> KeyPage:
        """About `limit` keys whose names match the glob `pattern`; a key that is there throughout comes at least once.

        Raises Invalid (code "database_absent" | "cursor_invalid").
        """
        ...

    def value(self, database: int, key: bytes, cursor: str | None, limit: int) -> Value:
        """About `limit` elements from `cursor` on. Raises NotFound (code "key_absent"), LimitExceeded for elements too
        large to show, Conflict (code "key_type") for a type that cannot be read."""
        ...

    def change(self, database: int, key: bytes, edit: Edit, digest: str | None) -> KeyFacts | None:
        """One edit, whole or not at all; what the key is then, None when it is gone.

        With `digest` only if the value is still the one it stood for: PreconditionFailed otherwise, atomically.
        Raises NotFound (code "key_absent"), Conflict ("key_exists" | "key_type"), Invalid ("elements_invalid"),
        Denied (code "read_only") for a reader's session.
        """
        ...
