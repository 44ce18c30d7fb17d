"""Sealed files opened as they stream by: age (X25519, post-quantum, passphrase) and AES-256 as `aes.sealed` makes it.

age gives no byte that was not proven. An AES-256 file is proven by its last bytes: what came before the end of the
iterator must be thrown away when it raises.
"""

from __future__ import annotations

import base64
import hmac
from collections.abc import Iterator, Sequence
from hashlib import scrypt
from typing import Literal

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import CTR
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from holdfast.formats import age_hybrid
from holdfast.formats.bech32 import decode
from holdfast.formats.plain import aes

Seal = Literal["none", "age", "aes256", "gpg"]
AGE, ARMORED_AGE = b"age-encryption.org/v1", b"-----BEGIN AGE ENCRYPTED FILE-----"
_GPG_ARMOR = b"-----BEGIN PGP MESSAGE-----"
_CHUNK, _TAG, _MAC = 64 * 1024, 16, 32
_MOST_HEADER = 1 << 20
_MOST_WORK = 18  # 256 MiB of memory: what age itself writes
_X25519, _SCRYPT = b"age-encryption.org/v1/X25519", b"age-encryption.org/v1/scrypt"
_IDENTITY = "age-secret-key-"


class WrongKey(ValueError):
    """The passphrase or identity does not open it."""


class Altered(ValueError):
    """It was changed or cut off after it was sealed, or was never whole."""


def seal_of(head: bytes) -> Seal:
    """By the first bytes. OpenPGP: a packet that begins an encrypted message (RFC 4880, 4.2: tags 1, 3, 9, 18, 20)."""
    start = head.lstrip()[:64] if head[:1].isspace() else head[:64]
    if start.startswith((AGE, ARMORED_AGE)):
        return "age"
    if start.startswith(aes.MAGIC):
        return "aes256"
    if start.startswith(_GPG_ARMOR):
        return "gpg"
    return "gpg" if _packet(head) in (1, 3, 9, 18, 20) else "none"


def _packet(head: bytes) -> int | None:
    """The tag of the packet that begins here, when its body begins as such a packet's does."""
    if len(head) < 3 or not head[0] & 0x80:
        return None
    new = bool(head[0] & 0x40)
    tag = head[0] & 0x3F if new else (head[0] >> 2) & 0x0F
    skip = {0: 2, 1: 3, 2: 5, 3: 1}[head[0] & 3] if not new else 2 if head[1] < 192 else 3 if head[1] < 224 else 6
    version = head[skip] if len(head) > skip else -1
    return tag if version in {1: (3, 6), 3: (4, 5, 6), 18: (1, 2), 20: (1,)}.get(tag, ()) else None


def opened_age(
    pieces: Iterator[bytes], *, identities: Sequence[str] = (), passphrase: str | None = None
) -> Iterator[bytes]:
    """Raises WrongKey, Altered. `identities`: AGE-SECRET-KEY-1... and AGE-SECRET-KEY-PQ-1... lines."""
    front = _Front(_unarmored(filter(None, pieces)))
    header, mac = front.header()
    stanzas = _stanzas(header)
    key = _by_passphrase(stanzas, passphrase) if passphrase is not None else _by_identity(stanzas, identities)
    if not hmac.compare_digest(hmac.digest(_derived(key, b"", b"header"), header, "sha256"), mac):
        raise Altered("the file's header was altered")
    nonce = front.exactly(16)
    return _chunks(_derived(key, nonce, b"payload"), front.rest())


def opened_aes(pieces: Iterator[bytes], passphrase: str) -> Iterator[bytes]:
    """Raises Altered at its end, when it was altered, cut off, not made by Holdfast, or the passphrase is another."""
    front = _Front(filter(None, pieces))
    head = front.exactly(16)
    made, proof = aes.stretched(passphrase, head[8:])
    mac = hmac.new(proof, head, "sha256")
    cipher = Cipher(AES(made[:32]), CTR(made[32:])).decryptor()
    held = b""
    for piece in front.rest():
        held += piece
        ready, held = held[:-_MAC], held[-_MAC:]
        mac.update(ready)
        if ready:
            yield cipher.update(ready)
    if not hmac.compare_digest(mac.digest(), held):
        raise Altered("wrong passphrase, or the file was altered or cut off")


class _Front:
    """The beginning taken apart, the rest as it comes."""

    def __init__(self, pieces: Iterator[bytes]) -> None:
        self._pieces = pieces
        self._held = b""

    def header(self) -> tuple[bytes, bytes]:
        """An age header up to `---`, and its MAC."""
        while (end := self._held.find(b"\n---")) < 0 or (line := self._held.find(b"\n", end + 1)) < 0:
            if len(self._held) > _MOST_HEADER or not self._more():
                raise Altered("this age file is cut off in its header")
        header, mac, self._held = self._held[: end + 4], self._held[end + 5 : line], self._held[line + 1 :]
        return header, _unplain64(mac)

    def exactly(self, count: int) -> bytes:
        while len(self._held) < count:
            if not self._more():
                raise Altered("the file is cut off")
        taken, self._held = self._held[:count], self._held[count:]
        return taken

    def rest(self) -> Iterator[bytes]:
        if self._held:
            yield self._held
        yield from self._pieces

    def _more(self) -> bool:
        piece = next(self._pieces, b"")
        self._held += piece
        return bool(piece)


Stanza = tuple[list[bytes], bytes]


def _stanzas(header: bytes) -> list[Stanza]:
    if not header.startswith(AGE + b"\n"):
        raise Altered("this is no age file of version 1")
    found = []
    for block in header[len(AGE) : -4].split(b"\n-> ")[1:]:
        first, *rest = block.split(b"\n")
        found.append((first.split(b" "), _unplain64(b"".join(rest))))
    return found


def _by_passphrase(stanzas: Sequence[Stanza], passphrase: str) -> bytes:
    if len(stanzas) != 1 or stanzas[0][0][0] != b"scrypt" or len(stanzas[0][0]) != 3:
        raise WrongKey("this file is sealed to recipients: give an identity, not a passphrase")
    (_, salt, work), body = stanzas[0]
    if not work.isdigit() or not 1 <= int(work) <= _MOST_WORK:
        raise Altered(f"it asks for too much work: 2^{work.decode(errors='replace')}")
    n = 1 << int(work)
    made = scrypt(passphrase.encode(), salt=_SCRYPT + _unplain64(salt), n=n, r=8, p=1, maxmem=n * 1024 * 2, dklen=32)
    return _unwrapped(made, body) or _wrong("wrong passphrase")


def _by_identity(stanzas: Sequence[Stanza], identities: Sequence[str]) -> bytes:
    if any(words[0] == b"scrypt" for words, _ in stanzas):
        raise WrongKey("this file is sealed under a passphrase")
    for text in identities:
        for words, body in stanzas:
            if (found := _one(text.strip(), words, body)) is not None:
                return found
    return _wrong("none of these identities opens the file")


def _one(text: str, words: Sequence[bytes], body: bytes) -> bytes | None:
    if text.upper().startswith("AGE-SECRET-KEY-PQ-1"):
        return age_hybrid.unwrapped(text, words, body)
    kind, raw = _decoded(text)
    if kind != _IDENTITY or len(raw) != 32:
        raise WrongKey("an identity begins with AGE-SECRET-KEY-1 or AGE-SECRET-KEY-PQ-1")
    if words[0] != b"X25519" or len(words) != 2:
        return None
    share, private = _unplain64(words[1]), X25519PrivateKey.from_private_bytes(raw)
    if len(share) != 32:
        raise Altered("this age file is damaged")
    try:
        shared = private.exchange(X25519PublicKey.from_public_bytes(share))
    except ValueError:
        raise Altered("this age file is damaged") from None
    salt = share + private.public_key().public_bytes_raw()
    return _unwrapped(HKDF(hashes.SHA256(), 32, salt, _X25519).derive(shared), body)


def _decoded(text: str) -> tuple[str, bytes]:
    try:
        return decode(text)
    except ValueError as error:
        raise WrongKey(f"this is no age identity: {error}") from None


def _unwrapped(key: bytes, body: bytes) -> bytes | None:
    if len(body) != age_hybrid.FILE_KEY + _TAG:
        return None
    try:
        return ChaCha20Poly1305(key).decrypt(bytes(12), body, None)
    except InvalidTag:
        return None


def _wrong(why: str) -> bytes:
    raise WrongKey(why)


def _chunks(key: bytes, pieces: Iterator[bytes]) -> Iterator[bytes]:
    """STREAM backwards: each chunk numbered, the last one marked; an empty last one only in an empty file."""
    cipher, held, number, size = ChaCha20Poly1305(key), bytearray(), 0, _CHUNK + _TAG
    for piece in pieces:
        held += piece
        if (whole := (len(held) - 1) // size) > 0:
            chunks = (held[at : at + size] for at in range(0, whole * size, size))
            yield b"".join(_chunk(cipher, number + at, chunk, last=False) for at, chunk in enumerate(chunks))
            del held[: whole * size]
            number += whole
    last = _chunk(cipher, number, held, last=True)
    if not last and number:
        raise Altered("the file was altered")
    yield last


def _chunk(cipher: ChaCha20Poly1305, number: int, sealed: bytearray, *, last: bool) -> bytes:
    try:
        return cipher.decrypt(number.to_bytes(11, "big") + bytes([last]), sealed, None)
    except InvalidTag:
        raise Altered("the file was altered or cut off") from None


def _unarmored(pieces: Iterator[bytes]) -> Iterator[bytes]:
    """age's PEM-like text as bytes; what is not armored stays as it is."""
    first = next(pieces, b"")
    while 0 < len(first) < 64 and (more := next(pieces, b"")):
        first += more
    if not first.lstrip().startswith(ARMORED_AGE):
        yield first
        yield from pieces
        return
    held, ended = first.lstrip()[len(ARMORED_AGE) :], False
    while True:
        lines = held.split(b"\n")
        held = lines.pop()
        text = b"".join(line.strip() for line in lines)
        if b"-----END" in text:
            text, ended = text.partition(b"-----END")[0], True
        yield _line64(text)
        if ended:
            return
        piece = next(pieces, b"")
        if not piece and b"-----END" not in held:
            raise Altered("the armored file is cut off")
        held += piece or b"\n"


def _line64(text: bytes) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except ValueError:
        raise Altered("this age file's armor is damaged") from None


def _derived(key: bytes, salt: bytes, info: bytes) -> bytes:
    return HKDF(hashes.SHA256(), 32, salt, info).derive(key)


def _unplain64(text: bytes) -> bytes:
    try:
        raw = base64.b64decode(text + b"=" * (-len(text) % 4), validate=True)
    except ValueError:
        raise Altered("this age file is damaged") from None
    if base64.b64encode(raw).rstrip(b"=") != text:
        raise Altered("this age file is damaged")
    return raw
