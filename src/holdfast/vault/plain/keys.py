"""The keys of a plain-file repository: one of its own for new files, the older ones, and those that have a name."""

from __future__ import annotations

import hashlib
import secrets as tokens
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from holdfast.formats.plain import age_stream, openpgp
from holdfast.formats.plain.unsealing import Altered, WrongKey, opened_aes, opened_age
from holdfast.kernel.errors import Corrupt, Denied, NeedsOperator
from holdfast.vault.plain.named import KeyChoice, KeyNote, KeyRing, Seal
from holdfast.vault.plain.wish import Sealing

IDENTITY = "AGE-SECRET-KEY-"


def new_key(sealing: Sealing) -> str:
    """An age identity, else a passphrase of 256 random bits."""
    return age_stream.new_identity() if sealing == "age" else tokens.token_urlsafe(32)


def id_of(key: str) -> str:
    """Tells keys apart, in names and in documents. Keys are random, never chosen: it gives nothing away."""
    return hashlib.sha256(b"holdfast file key\n" + key.strip().encode()).hexdigest()[:16]


def unlocked(pieces: Iterable[bytes], how: Sealing, secret: str) -> Iterator[bytes]:
    """What was sealed to this age identity or under this passphrase. Raises Denied (code "file_key") when it is sealed
    to another, Corrupt."""
    try:
        if how == "gpg":
            yield from openpgp.opened(pieces, secret)
        elif how == "aes256":
            yield from opened_aes(iter(pieces), secret)
        elif secret.startswith(IDENTITY):
            yield from opened_age(iter(pieces), identities=secret.split())
        else:
            yield from opened_age(iter(pieces), passphrase=secret)
    except WrongKey as error:
        raise Denied(f"the file does not open: {error}", code="file_key") from None
    except Altered as error:
        raise Corrupt(f"the sealed file is damaged, or its key is another one: {error}", code="file_damaged") from None


@dataclass(frozen=True)
class FileKeys:
    """`current` seals new files; `older` open what was sealed before a rotation; `ring` has the named ones."""

    current: str | None = field(default=None, repr=False)
    older: tuple[str, ...] = field(default=(), repr=False)
    ring: KeyRing | None = None

    def by_id(self) -> Mapping[str, str]:
        return {id_of(key): key for key in (*self.older, *([self.current] if self.current else []))}

    def seal(self, how: Sealing, choice: KeyChoice | None = None) -> Seal | None:
        """For a new file; None for one in plain text. Raises NeedsOperator (code "file_key") rather than leave it so,
        and as `KeyRing.seal`."""
        if how == "none":
            return None
        if choice is not None:
            if self.ring is None:
                raise gone(choice.name)
            return self.ring.seal(choice, how)
        if not self.current or (how == "age" and not self.current.startswith("AGE-SECRET-KEY-1")):
            raise NeedsOperator(
                f"there is no key to encrypt with {how}",
                code="file_key",
                hint="Nothing was written. Give the repository a new key: holdfast repo rotate NAME",
            )
        if how == "age":
            return Seal(id_of(self.current), (age_stream.recipient_of(self.current),))
        return Seal(id_of(self.current), passphrase=self.current)

    def opens(self, note: KeyNote | None) -> bool:
        """False where Holdfast can only seal: it has the public key alone."""
        return note is None or (note.opens if self.ring is None else self.ring.opens(note))

    def opened(
        self, pieces: Iterable[bytes], how: Sealing, key_id: str | None, note: KeyNote | None = None
    ) -> Iterator[bytes]:
        """What was sealed. Raises Denied (code "file_key") when its key is not kept here, Corrupt."""
        if how == "none":
            return iter(pieces)
        if note is not None:
            if self.ring is None:
                raise missing(note)
            return unlocked(pieces, how, self.ring.secret(note))
        key = self.by_id().get(key_id or "")
        if key is None:
            raise Denied(
                f"this file is sealed with the key {key_id}, which is not kept here",
                code="file_key",
                hint="The recovery kit of that time has it.",
            )
        return unlocked(pieces, how, key)


def missing(note: KeyNote) -> Denied:
    """For a file whose named key is not here."""
    if not note.opens:
        return Denied(
            f"only the public half of the key {note.name!r} was ever here: Holdfast cannot open this file",
            code="file_key",
            hint="Download it as it lies (holdfast snapshot download ID --format stored), and open it with your own "
            "half as its RESTORE.md says.",
        )
    return Denied(
        f"this file is sealed with the key {note.name!r} ({note.kind}), which is not kept here",
        code="file_key",
        hint=f"Add it again: holdfast file-key add {note.name} --help; or see the recovery kit of that time.",
    )


def gone(name: str) -> NeedsOperator:
    return NeedsOperator(
        f"there is no key {name!r} any more",
        code="file_key",
        hint="Nothing was written. Choose another key: holdfast file-key list",
    )
