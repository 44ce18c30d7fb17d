"""OpenPGP messages under a passphrase (RFC 4880: packets 3, 18 and 11) as they stream by; stock `gpg -d` opens them.

gpg itself makes these only with an agent running, a daemon that outlives whoever asked; sealing to a public key needs
none and is left to it. AES-256 in OpenPGP's CFB, with the modification detection code that every gpg demands.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Iterator

from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES

try:  # where the library keeps what is for old formats only
    from cryptography.hazmat.decrepit.ciphers.modes import CFB
except ImportError:
    from cryptography.hazmat.primitives.ciphers.modes import CFB

from holdfast.formats.plain.pulling import Pull
from holdfast.kernel.errors import Corrupt

_AES256, _SHA256, _ITERATED = 9, 8, 3
_COUNT = 0xFF  # 65,011,712 bytes are hashed: the most that the format has
_BLOCK = 16
_CODE = 22
_PART, _PART_LENGTH = 1 << 16, bytes([224 + 16])


def sealed(pieces: Iterable[bytes], passphrase: str) -> Iterator[bytes]:
    """The pieces as one message, under a fresh salt."""
    salt, prefix = os.urandom(8), os.urandom(_BLOCK)
    yield bytes([0xC3, 13, 4, _AES256, _ITERATED, _SHA256]) + salt + bytes([_COUNT])
    yield bytes([0xD2])
    cipher = Cipher(AES(_stretched(passphrase.encode(), salt)), CFB(bytes(_BLOCK))).encryptor()
    yield from _in_parts(_enciphered(cipher, prefix + prefix[-2:], _literal(pieces)))


def _enciphered(cipher: object, prefix: bytes, plain: Iterable[bytes]) -> Iterator[bytes]:
    update = cipher.update  # type: ignore[attr-defined]  # an encryptor
    detection = hashlib.sha1(prefix, usedforsecurity=False)  # what the format takes; CFB and it are what gpg checks
    yield b"\x01" + update(prefix)
    for piece in plain:
        detection.update(piece)
        yield update(piece)
    detection.update(b"\xd3\x14")
    yield update(b"\xd3\x14" + detection.digest())


def _literal(pieces: Iterable[bytes]) -> Iterator[bytes]:
    def body() -> Iterator[bytes]:
        yield b"b\0" + bytes(4)  # binary, no name, no date
        yield from pieces

    yield bytes([0xCB])
    yield from _in_parts(body())


def _in_parts(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """Partial body lengths (4.2.2.4): whole parts of 64 KiB, then the rest with its length."""
    held = bytearray()
    for piece in pieces:
        held += piece
        if len(held) > _PART:
            full = (len(held) - 1) // _PART
            yield b"".join(_PART_LENGTH + held[at * _PART : (at + 1) * _PART] for at in range(full))
            del held[: full * _PART]
    yield b"\xff" + len(held).to_bytes(4, "big") + bytes(held)


def _stretched(secret: bytes, salt: bytes) -> bytes:
    count = (16 + (_COUNT & 15)) << ((_COUNT >> 4) + 6)
    unit = salt + secret
    block = unit * (65536 // len(unit) + 1)
    digest = hashlib.sha256()
    for _ in range(count // len(block)):
        digest.update(block)
    digest.update(block[: count % len(block)])
    return digest.digest()


def opened(pieces: Iterable[bytes], passphrase: str) -> Iterator[bytes]:
    """The content of a message as `sealed` makes them; the end says whether the bytes given before it were right.
    Raises Corrupt, also for messages of another make."""
    pull = Pull(pieces, "the OpenPGP message")
    head = pull.exactly(15)
    if head[:6] != bytes([0xC3, 13, 4, _AES256, _ITERATED, _SHA256]) or head[14] != _COUNT:
        raise _odd()
    if pull.exactly(1) != b"\xd2":
        raise _odd()
    cipher = Cipher(AES(_stretched(passphrase.encode(), head[6:14])), CFB(bytes(_BLOCK))).decryptor()
    body = Pull(_parts(pull), "the OpenPGP message")
    if body.exactly(1) != b"\x01":
        raise _odd()
    plain = Pull(_deciphered(cipher, body), "the OpenPGP message")
    if plain.exactly(1) != b"\xcb":
        raise _odd()
    literal = Pull(_parts(plain), "the OpenPGP message")
    if literal.exactly(2) != b"b\0":
        raise _odd()
    literal.exactly(4)
    yield from literal.rest()
    plain.require_end()  # reads to the end, where the modification detection code is compared
    pull.require_end()


def _deciphered(cipher: object, body: Pull) -> Iterator[bytes]:
    """What is inside, without the prefix and the code at the end, which is compared."""
    update = cipher.update  # type: ignore[attr-defined]  # a decryptor
    prefix = update(body.exactly(_BLOCK + 2))
    if prefix[-2:] != prefix[-4:-2]:
        raise _altered()
    detection = hashlib.sha1(prefix, usedforsecurity=False)
    for piece in body.all_but(_CODE):
        found = update(piece)
        detection.update(found)
        yield found
    code = update(body.exactly(_CODE))
    detection.update(b"\xd3\x14")
    if code != b"\xd3\x14" + detection.digest():
        raise _altered()


def _parts(pull: Pull) -> Iterator[bytes]:
    """The body of a packet, whose lengths are partial or of four bytes, as `_in_parts` writes them."""
    while True:
        (first,) = pull.exactly(1)
        if 224 <= first < 255:
            yield pull.exactly(1 << (first & 31))
            continue
        if first != 255:
            raise _odd()
        yield pull.exactly(int.from_bytes(pull.exactly(4), "big"))
        return


def _odd() -> Corrupt:
    return Corrupt("this is no OpenPGP message as Holdfast makes them", code="file_damaged")


def _altered() -> Corrupt:
    return Corrupt("the OpenPGP message was altered, or its key is another one", code="file_damaged")
