"""Keys with a name, beside the one that a plain-file repository has: what is said of them, never a secret."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from holdfast.contract.catalog import JSON
from holdfast.contract.codec import from_dict
from holdfast.vault.plain.wish import Sealing

OWN = "own"  # the word for the repository's own key; no other key has this name


@dataclass(frozen=True)
class KeyChoice:
    """A key as settings keep it; none of this ever changes. `takes`: the encryptions it seals, the usual one first.
    `joins`: whether other age recipients may open the file too. `opens`: whether Holdfast has what opens it again."""

    id: str
    name: str
    kind: str
    takes: tuple[Sealing, ...]
    opens: bool = True
    joins: bool = False

    def as_json(self) -> dict[str, Any]:
        return {**vars(self), "takes": list(self.takes)}

    @classmethod
    def of(cls, kept: Mapping[str, Any]) -> KeyChoice:
        return from_dict(cls, kept)


@dataclass(frozen=True)
class KeyNote:
    """What a file's document says of the key that sealed it. `fingerprint`: of a public key. `wrapped`: the file's own
    key, which only the service at `where` opens. `opens`: whether Holdfast had what opens the file when it was made."""

    id: str
    name: str
    kind: str
    fingerprint: str | None = None
    wrapped: str | None = None
    opens: bool = True
    where: Mapping[str, JSON] = field(default_factory=dict)


@dataclass(frozen=True)
class Seal:
    """What one file is sealed with: to `recipients` (age's, or armored OpenPGP keys) or under a `passphrase`.
    `commands` set $KEY to what opens it, where a service has to be asked for that."""

    sealed_by: str
    recipients: tuple[str, ...] = ()
    passphrase: str | None = field(default=None, repr=False)
    note: KeyNote | None = None
    commands: tuple[str, ...] = ()


class KeyRing(Protocol):
    """The named keys that one project has. Nothing it gives is kept on a disk."""

    def seal(self, choice: KeyChoice, how: Sealing) -> Seal:
        """For one new file. Raises NeedsOperator (code "file_key") when the key is gone, Retryable and Permanent as the
        service that has it answers."""
        ...

    def opens(self, note: KeyNote) -> bool:
        """Whether `secret` may be asked: False for a public key alone."""
        ...

    def secret(self, note: KeyNote) -> str:
        """An age identity or a passphrase. Raises Denied (code "file_key"), and as `seal`."""
        ...
