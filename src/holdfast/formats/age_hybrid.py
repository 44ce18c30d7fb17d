"""age files for post-quantum recipients `age1pq1...` (ML-KEM-768 + X25519), which pyrage 1.4 cannot write.

Format: age-encryption.org/v1 (c2sp.org/age, stanza `mlkem768x25519`); HPKE base mode (RFC 9180) with the hybrid KEM
0x647a, HKDF-SHA256 and ChaCha20-Poly1305. age 1.3 and newer opens what is written here, and the other way round.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import os
import re
from collections.abc import Iterable, Iterator, Sequence

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes, hpke
from cryptography.hazmat.primitives.asymmetric.mlkem import MLKEM768PrivateKey, MLKEM768PublicKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from holdfast.formats.bech32 import decode, encode

RECIPIENT = "age1pq"
IDENTITY = "age-secret-key-pq-"
_VERSION = b"age-encryption.org/v1"
_STANZA = b"mlkem768x25519"
_LABEL = b"age-encryption.org/mlkem768x25519"
FILE_KEY = 16
_NONCE, _CHUNK, _TAG = 16, 64 * 1024, 16
_MLKEM_BYTES, _X25519_BYTES, _ENC = 1184, 32, 1088 + 32
_SUITE = hpke.Suite(hpke.KEM.MLKEM768_X25519, hpke.KDF.HKDF_SHA256, hpke.AEAD.CHACHA20_POLY1305)
_ARMOR = re.compile(
    rb"\A\s*-----BEGIN AGE ENCRYPTED FILE-----\r?\n(.*?)\r?\n-----END AGE ENCRYPTED FILE-----\s*\Z", re.S
)


class NotForUs(ValueError):
    """The identity does not open the file, or it is no age file we can read."""


def recipient(text: str) -> hpke.MLKEM768X25519PublicKey:
    """The public key of `age1pq1...`. Raises ValueError."""
    raw = _bech32(text, RECIPIENT, _MLKEM_BYTES + _X25519_BYTES)
    return hpke.MLKEM768X25519PublicKey(
        MLKEM768PublicKey.from_public_bytes(raw[:_MLKEM_BYTES]),
        X25519PublicKey.from_public_bytes(raw[_MLKEM_BYTES:]),
    )


def identity(text: str) -> hpke.MLKEM768X25519PrivateKey:
    """The private key of `AGE-SECRET-KEY-PQ-1...`: a seed both keys are expanded from. Raises ValueError."""
    expanded = hashlib.shake_256(_bech32(text, IDENTITY, 32)).digest(96)
    return hpke.MLKEM768X25519PrivateKey(
        MLKEM768PrivateKey.from_seed_bytes(expanded[:64]), X25519PrivateKey.from_private_bytes(expanded[64:])
    )


def new_identity() -> tuple[str, str]:
    """A private key and its recipient, as `age-keygen -pq` writes them."""
    seed = os.urandom(32)
    expanded = hashlib.shake_256(seed).digest(96)
    mlkem = MLKEM768PrivateKey.from_seed_bytes(expanded[:64]).public_key().public_bytes_raw()
    plain = X25519PrivateKey.from_private_bytes(expanded[64:]).public_key().public_bytes_raw()
    return encode(IDENTITY, seed).upper(), encode(RECIPIENT, mlkem + plain)


def encrypt(content: bytes, recipients: Sequence[str]) -> bytes:
    """An armored age file. All recipients are post-quantum ones: one of another kind would open the file without."""
    file_key = os.urandom(FILE_KEY)
    lines = [line for each in recipients for line in stanza(file_key, each)]
    return _armored(b"".join(streamed(file_key, lines, [content])))


def stanza(file_key: bytes, text: str) -> list[bytes]:
    """The lines of a header that give a file's key to one recipient. Raises ValueError."""
    sealed = _SUITE.encrypt(file_key, recipient(text), _LABEL)
    return [b"-> " + _STANZA + b" " + _plain64(sealed[:_ENC]), *_wrapped(_plain64(sealed[_ENC:]))]


def streamed(file_key: bytes, stanzas: Sequence[bytes], pieces: Iterable[bytes]) -> Iterator[bytes]:
    """A whole file, not armored, with a header of `stanzas` of any kind."""
    header = b"\n".join([_VERSION, *stanzas, b"---"])
    mac = hmac.digest(_derived(file_key, b"", b"header"), header, "sha256")
    nonce = os.urandom(_NONCE)
    yield header + b" " + _plain64(mac) + b"\n" + nonce
    yield from _seal_chunks(_derived(file_key, nonce, b"payload"), pieces)


def decrypt(file: bytes, identities: Sequence[str]) -> bytes:
    """The content of an (armored) file of `encrypt` or of age. Raises NotForUs."""
    raw = _unarmored(file)
    header, stanzas, mac, payload = _parsed(raw)
    for each in identities:
        key = identity(each)
        for enc, body in stanzas:
            try:
                file_key = _SUITE.decrypt(enc + body, key, _LABEL)
            except (InvalidTag, ValueError):
                continue
            if not hmac.compare_digest(hmac.digest(_derived(file_key, b"", b"header"), header, "sha256"), mac):
                raise NotForUs("the file's header was altered")
            return b"".join(_open_chunks(_derived(file_key, payload[:_NONCE], b"payload"), payload[_NONCE:]))
    raise NotForUs("none of these identities opens the file")


def unwrapped(text: str, words: Sequence[bytes], body: bytes) -> bytes | None:
    """The file's key out of one stanza of a header (its words and its body); None when it is not for this identity."""
    if len(words) != 2 or words[0] != _STANZA:
        return None
    try:
        return _SUITE.decrypt(_unplain64(words[1]) + body, identity(text), _LABEL)
    except (InvalidTag, ValueError):
        return None


def _parsed(raw: bytes) -> tuple[bytes, list[tuple[bytes, bytes]], bytes, bytes]:
    """Header up to `---`, the stanzas we know, the MAC, the payload."""
    if not raw.startswith(_VERSION + b"\n"):
        raise NotForUs("this is no age file")
    end = raw.find(b"\n---")
    line_end = raw.find(b"\n", end + 1)
    if end < 0 or line_end < 0 or len(raw) < line_end + 1 + _NONCE + _TAG:
        raise NotForUs("this age file is cut short")
    header, mac = raw[: end + 4], _unplain64(raw[end + 5 : line_end])
    stanzas = []
    for block in re.split(rb"\n-> ", raw[len(_VERSION) : end])[1:]:
        first, *rest = block.split(b"\n")
        kind, *arguments = first.split(b" ")
        if kind == _STANZA and len(arguments) == 1:
            stanzas.append((_unplain64(arguments[0]), _unplain64(b"".join(rest))))
    return header, stanzas, mac, raw[line_end + 1 :]


def _seal_chunks(key: bytes, pieces: Iterable[bytes]) -> Iterator[bytes]:
    """STREAM: 64 KiB each, numbered, the last one marked, so that none can be cut off, moved or added. Given out in
    the size they came."""
    cipher, held, number = ChaCha20Poly1305(key), bytearray(), 0
    for piece in pieces:
        held += piece
        full = (len(held) - 1) // _CHUNK  # one byte stays: whether a chunk is the last is not known before the end
        if full > 0:
            view = bytes(held[: full * _CHUNK])
            del held[: full * _CHUNK]
            sealed = [
                cipher.encrypt((number + at).to_bytes(11, "big") + b"\0", view[at * _CHUNK : (at + 1) * _CHUNK], None)
                for at in range(full)
            ]
            number += full
            yield b"".join(sealed)
    yield cipher.encrypt(number.to_bytes(11, "big") + b"\1", bytes(held), None)


def _open_chunks(key: bytes, payload: bytes) -> Iterator[bytes]:
    cipher = ChaCha20Poly1305(key)
    starts = range(0, len(payload), _CHUNK + _TAG)
    for number, start in enumerate(starts):
        nonce = number.to_bytes(11, "big") + bytes([number == len(starts) - 1])
        try:
            yield cipher.decrypt(nonce, payload[start : start + _CHUNK + _TAG], None)
        except InvalidTag:
            raise NotForUs("the file was altered or cut short") from None


def _derived(file_key: bytes, salt: bytes, info: bytes) -> bytes:
    return HKDF(hashes.SHA256(), 32, salt, info).derive(file_key)


def _bech32(text: str, wanted: str, size: int) -> bytes:
    kind, raw = decode(text.strip())
    if kind != wanted or len(raw) != size:
        raise ValueError(f"this is no {wanted.rstrip('-')} key")
    return raw


def _plain64(raw: bytes) -> bytes:
    return base64.b64encode(raw).rstrip(b"=")


def _unplain64(text: bytes) -> bytes:
    """Only the one canonical form: otherwise a file could be altered and still open."""
    try:
        raw = base64.b64decode(text + b"=" * (-len(text) % 4), validate=True)
    except binascii.Error:
        raise NotForUs("this age file is damaged") from None
    if _plain64(raw) != text:
        raise NotForUs("this age file is damaged")
    return raw


def _wrapped(text: bytes) -> list[bytes]:
    """64 columns; the last line of a stanza's body is shorter, empty if need be."""
    return [text[start : start + 64] for start in range(0, len(text) + 1, 64)]


def _armored(raw: bytes) -> bytes:
    text = base64.b64encode(raw)
    lines = [text[start : start + 64] for start in range(0, len(text), 64)]
    return b"\n".join([b"-----BEGIN AGE ENCRYPTED FILE-----", *lines, b"-----END AGE ENCRYPTED FILE-----", b""])


def _unarmored(file: bytes) -> bytes:
    found = _ARMOR.match(file)
    if found is None:
        return file
    try:
        return base64.b64decode(re.sub(rb"[\r\n]", b"", found[1]), validate=True)
    except binascii.Error:
        raise NotForUs("this age file's armor is damaged") from None
