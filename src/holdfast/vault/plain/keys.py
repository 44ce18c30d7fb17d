"""The keys of a plain-file repository: one for new files, and the older ones that older files still need."""

from __future__ import annotations

import hashlib
import secrets as tokens
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from holdfast.formats.plain import age_stream, openpgp
from holdfast.formats.plain.unsealing import Altered, WrongKey, opened_aes, opened_age
from holdfast.kernel.errors import Corrupt, Denied, NeedsOperator
from holdfast.vault.plain.wish import Sealing


def new_key(sealing: Sealing) -> str:
    """An age identity, else a passphrase of 256 random bits."""
    return age_stream.new_identity() if sealing == "age" else tokens.token_urlsafe(32)


def id_of(key: str) -> str:
    """Tells keys apart, in names and in documents. Keys are random, never chosen: it gives nothing away."""
    return hashlib.sha256(b"holdfast file key\n" + key.strip().encode()).hexdigest()[:16]


@dataclass(frozen=True)
class FileKeys:
    """`current` seals new files; `older` open what was sealed before a rotation."""

    current: str | None = field(default=None, repr=False)
    older: tuple[str, ...] = field(default=(), repr=False)

    def by_id(self) -> Mapping[str, str]:
        return {id_of(key): key for key in (*self.older, *([self.current] if self.current else []))}

    def sealing(self, how: Sealing) -> str | None:
        """The key for a new file; an age identity is a passphrase too. Raises NeedsOperator rather than leave the file
        in plain text."""
        if how == "none":
            return None
        if not self.current or (how == "age" and not self.current.startswith("AGE-SECRET-KEY-1")):
            raise NeedsOperator(
                f"there is no key to encrypt with {how}",
                code="file_key",
                hint="Nothing was written. Give the repository a new key: holdfast repo rotate NAME",
            )
        return self.current

    def opened(self, pieces: Iterable[bytes], how: Sealing, key_id: str | None) -> Iterator[bytes]:
        """What was sealed. Raises Denied (code "file_key") when its key is not kept here or is another's,
        Corrupt (code "file_damaged") at its end at the latest: what came before must be thrown away then."""
        if how == "none":
            return iter(pieces)
        key = self.by_id().get(key_id or "")
        if key is None:
            raise Denied(
                f"this file is sealed with the key {key_id}, which is not kept here",
                code="file_key",
                hint="The recovery kit of that time has it.",
            )
        return _opened(iter(pieces), how, key)


def _opened(pieces: Iterator[bytes], how: Sealing, key: str) -> Iterator[bytes]:
    """An AES-256 or OpenPGP file under another key is Corrupt: it cannot be told from an altered one."""
    try:
        if how == "age":
            yield from opened_age(pieces, identities=[key])
        elif how == "aes256":
            yield from opened_aes(pieces, key)
        else:
            yield from openpgp.opened(pieces, key)
    except WrongKey as error:
        raise Denied(f"the key kept here does not open this file: {error}", code="file_key") from None
    except Altered as error:
        raise Corrupt(f"the file cannot be opened: {error}", code="file_damaged") from None
