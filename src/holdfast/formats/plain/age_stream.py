"""age files as they stream by: to X25519 or post-quantum recipients, or under a passphrase.

Format: age-encryption.org/v1 (c2sp.org/age). pyrage seals a passphrase only in memory and others only by pulling from
a file, so the header is made here; stock `age` and `rage` open it.
"""

from __future__ import annotations

import base64
import hmac
import os
from collections.abc import Iterable, Iterator, Sequence
from hashlib import scrypt

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from holdfast.formats import age, age_hybrid
from holdfast.formats.bech32 import decode, encode
from holdfast.formats.plain.pulling import Pull
from holdfast.kernel.errors import Corrupt, Denied

_X25519 = b"age-encryption.org/v1/X25519"
_SCRYPT = b"age-encryption.org/v1/scrypt"
_CHUNK, _TAG, _NONCE = 64 * 1024, 16, 16
_MOST_LINES = 2000
_WORK = 16  # 2^16 * 8 * 128 = 64 MiB: more would break the bound on a download's memory


def check_recipients(recipients: Sequence[str]) -> None:
    """Raises ValueError, which says what is wrong: none, unknown, of a kind not for streams, kinds that do not mix."""
    if not recipients:
        raise ValueError("name at least one recipient")
    kinds = {age.kind_of(each) for each in recipients}
    if other := kinds - {"x25519", "hybrid"}:
        raise ValueError(f"a file is sealed to age1... and age1pq1... recipients, not to {', '.join(sorted(other))}")
    if len(kinds) > 1:
        raise ValueError("post-quantum recipients are not mixed with others: make two files")


def sealed(pieces: Iterable[bytes], recipients: Sequence[str]) -> Iterator[bytes]:
    """Raises ValueError as `check_recipients`."""
    check_recipients(recipients)
    file_key = os.urandom(age_hybrid.FILE_KEY)
    lines: list[bytes] = []
    for each in recipients:
        text = each.strip()
        lines += age_hybrid.stanza(file_key, text) if age.kind_of(text) == "hybrid" else _x25519(file_key, text)
    return age_hybrid.streamed(file_key, lines, pieces)


def sealed_by_passphrase(pieces: Iterable[bytes], passphrase: str) -> Iterator[bytes]:
    file_key, salt = os.urandom(age_hybrid.FILE_KEY), os.urandom(16)
    key = scrypt(passphrase.encode(), salt=_SCRYPT + salt, n=1 << _WORK, r=8, p=1, maxmem=128 << 20, dklen=32)
    body = _plain64(ChaCha20Poly1305(key).encrypt(bytes(12), file_key, None))
    lines = [b"-> scrypt " + _plain64(salt) + b" " + str(_WORK).encode(), body]
    return age_hybrid.streamed(file_key, lines, pieces)


def _x25519(file_key: bytes, recipient: str) -> list[bytes]:
    _, raw = decode(recipient)
    ephemeral = X25519PrivateKey.generate()
    share = ephemeral.public_key().public_bytes_raw()
    shared = ephemeral.exchange(X25519PublicKey.from_public_bytes(raw))
    key = HKDF(hashes.SHA256(), 32, share + raw, _X25519).derive(shared)
    return [b"-> X25519 " + _plain64(share), _plain64(ChaCha20Poly1305(key).encrypt(bytes(12), file_key, None))]


def _plain64(raw: bytes) -> bytes:
    return base64.b64encode(raw).rstrip(b"=")


def new_identity() -> str:
    """An X25519 identity, as `age-keygen` prints it."""
    return encode("age-secret-key-", X25519PrivateKey.generate().private_bytes_raw()).upper()


def recipient_of(identity: str) -> str:
    """Raises ValueError."""
    return encode("age", _private(identity).public_key().public_bytes_raw())


def opened(pieces: Iterable[bytes], identity: str) -> Iterator[bytes]:
    """The content of a file that is sealed to this X25519 identity, among others perhaps. Each piece given is proven;
    an end that was cut off is Corrupt. Raises Denied (code "file_key") when it is sealed to others only."""
    pull = Pull(pieces, "the age file")
    file_key = _unsealed(pull, identity)
    key = _hkdf(file_key, pull.exactly(_NONCE), b"payload")
    cipher, number = ChaCha20Poly1305(key), 0
    sealed_chunk = pull.upto(_CHUNK + _TAG)
    while True:
        following = pull.upto(_CHUNK + _TAG) if len(sealed_chunk) == _CHUNK + _TAG else b""
        last = not following
        try:
            yield cipher.decrypt(number.to_bytes(11, "big") + bytes([last]), sealed_chunk, None)
        except InvalidTag:
            raise Corrupt("the age file was altered or cut short", code="file_damaged") from None
        if last:
            return
        sealed_chunk, number = following, number + 1


def _unsealed(pull: Pull, identity: str) -> bytes:
    """The file's key. The header is proven with it."""
    lines = [pull.line()]
    if lines[0] != b"age-encryption.org/v1":
        raise Corrupt("this is no age file", code="file_damaged")
    while not lines[-1].startswith(b"---"):
        lines.append(pull.line())
        if len(lines) > _MOST_LINES:
            raise Corrupt("the age file's header has no end", code="file_damaged")
    mac = _unplain64(lines[-1][4:])
    for number, line in enumerate(lines):
        words = line.split(b" ")
        if words[:2] == [b"->", b"X25519"] and len(words) == 3:
            found = _shared(_private(identity), _unplain64(words[2]), _unplain64(lines[number + 1]))
            if found is not None:
                header = b"\n".join(lines[:-1]) + b"\n---"
                if not hmac.compare_digest(hmac.digest(_hkdf(found, b"", b"header"), header, "sha256"), mac):
                    raise Corrupt("the age file's header was altered", code="file_damaged")
                return found
    raise Denied("the file is not sealed to this identity", code="file_key")


def _shared(identity: X25519PrivateKey, share: bytes, body: bytes) -> bytes | None:
    try:
        shared = identity.exchange(X25519PublicKey.from_public_bytes(share))
        salt = share + identity.public_key().public_bytes_raw()
        return ChaCha20Poly1305(HKDF(hashes.SHA256(), 32, salt, _X25519).derive(shared)).decrypt(bytes(12), body, None)
    except (InvalidTag, ValueError):
        return None


def _private(identity: str) -> X25519PrivateKey:
    name, raw = decode(identity.strip().lower())
    if name != "age-secret-key-":
        raise ValueError("this is no age identity")
    return X25519PrivateKey.from_private_bytes(raw)


def _hkdf(file_key: bytes, salt: bytes, info: bytes) -> bytes:
    return HKDF(hashes.SHA256(), 32, salt, info).derive(file_key)


def _unplain64(text: bytes) -> bytes:
    try:
        return base64.b64decode(text + b"=" * (-len(text) % 4), validate=True)
    except ValueError:
        raise Corrupt("the age file's header is damaged", code="file_damaged") from None
