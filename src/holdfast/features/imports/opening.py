"""An uploaded file down to the dump inside: unsealed, unpacked, recognised by its first bytes. Nothing goes to disk."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass
from pathlib import Path

from holdfast.contract.dumps import HEAD, CanTakeIn, Dump
from holdfast.contract.engine import Engine
from holdfast.contract.registry import Registry
from holdfast.contract.spec import Spec
from holdfast.contract.tools import Tools
from holdfast.formats import age
from holdfast.formats.plain.packing import Packing
from holdfast.formats.plain.unpacking import packing_of, unpacked
from holdfast.formats.plain.unsealing import Altered, Seal, WrongKey, opened_aes, opened_age, seal_of
from holdfast.kernel.errors import Invalid
from holdfast.kernel.stop import Stop
from holdfast.vault.plain import gpg

_PIECE = 1 << 20


@dataclass(frozen=True)
class Keys:
    """What opens a sealed file. `identities`: the text of an age identity file."""

    passphrase: str | None = None
    identities: str | None = None

    def __repr__(self) -> str:
        return f"Keys(passphrase={self.passphrase is not None}, identities={self.identities is not None})"


@dataclass(frozen=True)
class Look:
    """What a file is, from the outside in."""

    sealing: Seal
    packing: Packing
    dump: Dump


class Opened:
    """A file that can be read from its start, once per iterator."""

    def __init__(
        self, path: Path, keys: Keys, tools: Callable[[], Tools], stop: Stop, seen: Callable[[int], None] | None = None
    ) -> None:
        self._path, self._keys, self._tools, self._stop, self._seen = path, keys, tools, stop, seen

    def look(self, engine: Engine, spec: Spec, engines: Registry) -> Look:
        """Raises Invalid: codes "dump_sealed", "dump_unknown", "dump_engine" (another engine's), and those of
        `CanTakeIn.recognised`."""
        outer, head = _head(self._unsealed()), _head(self.pieces())
        sealing = self.sealing()
        dump = recognised(head, engine, spec, engines, sealed=sealing != "none")
        return Look(sealing, packing_of(outer), dump)

    def sealing(self) -> Seal:
        with self._path.open("rb") as file:
            return seal_of(file.read(1024))

    def pieces(self) -> Iterator[bytes]:
        """The dump. Raises Invalid (codes "dump_sealed", "compression_invalid"), at its end at the latest."""
        clear = self._unsealed()
        first = _first(clear)
        yield from unpacked(_after(first, clear), packing_of(first))

    def _unsealed(self) -> Iterator[bytes]:
        sealing, raw = self.sealing(), self._raw()
        if sealing == "none":
            yield from raw
            return
        if self._keys.passphrase is None and (sealing != "age" or self._keys.identities is None):
            needs = "a passphrase or an identity" if sealing == "age" else "a passphrase"
            raise Invalid(f"this file is encrypted ({sealing}) and needs {needs}", code="dump_sealed")
        try:
            yield from self._with_keys(sealing, raw)
        except gpg.ToPublicKey as error:
            raise Invalid(
                str(error),
                code="dump_sealed",
                hint="Its private key stays with you: gpg -d FILE | holdfast snapshot import - --db NAME",
            ) from None
        except (WrongKey, Altered) as error:
            raise Invalid(f"the file cannot be decrypted: {error}", code="dump_sealed") from None

    def _with_keys(self, sealing: Seal, raw: Iterator[bytes]) -> Iterator[bytes]:
        passphrase = self._keys.passphrase
        if sealing == "age":
            identities = age.identities_in(self._keys.identities or "") if self._keys.identities else ()
            return opened_age(raw, identities=identities, passphrase=None if identities else passphrase)
        if sealing == "aes256":
            return opened_aes(raw, passphrase or "")
        return gpg.opened(raw, self._tools(), self._stop, passphrase or "")

    def _raw(self) -> Iterator[bytes]:
        done = 0
        with self._path.open("rb") as file:
            while piece := file.read(_PIECE):
                self._stop.check()
                done += len(piece)
                yield piece
                if self._seen is not None:
                    self._seen(done)


def recognised(head: bytes, engine: Engine, spec: Spec, engines: Registry, *, sealed: bool) -> Dump:
    """What the engine says it is. Raises Invalid."""
    title = engine.capabilities.title
    if not isinstance(engine, CanTakeIn):
        raise Invalid(f"{title} takes in no dumps", code="dump_unsupported")
    dump = engine.recognised(head, spec)
    if dump is not None:
        return dump
    for name in engines.names():
        other = engines.get(name)
        if isinstance(other, CanTakeIn) and (theirs := other.recognised(head, None)) is not None:
            raise Invalid(
                f"this is {theirs.title}, and the database is {title}",
                code="dump_engine",
                hint=f"Import it into a database of {other.capabilities.title}.",
            )
    if sealed:
        raise Invalid(
            "what comes out of this encrypted file is no dump that we know: is the passphrase right?",
            code="dump_sealed",
        )
    raise Invalid(
        f"this is no dump that {title} can take in",
        code="dump_unknown",
        hint="PostgreSQL: pg_dump -Fc, or its SQL. SQLite: the file, or .dump. Valkey: an RDB. Also packed by gzip, "
        "zstd or bzip2, and encrypted by age, gpg or AES-256. A tar has to be unpacked first.",
    )


def _head(pieces: Iterator[bytes]) -> bytes:
    """The first bytes; whatever made them is ended."""
    held = _first(pieces)
    if isinstance(pieces, Generator):
        pieces.close()
    return held


def _first(pieces: Iterator[bytes]) -> bytes:
    held = b""
    for piece in pieces:
        held += piece
        if len(held) >= HEAD:
            break
    return held


def _after(first: bytes, rest: Iterator[bytes]) -> Iterator[bytes]:
    if first:
        yield first
    yield from rest
