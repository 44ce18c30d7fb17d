"""age files as they stream by: to X25519 or post-quantum recipients, or under a passphrase.

Format: age-encryption.org/v1 (c2sp.org/age). pyrage seals a passphrase only in memory and others only by pulling from
a file, so the header is made here; stock `age` and `rage` open it, and so does `unsealing`.
"""

from __future__ import annotations

import base64
import os
from collections.abc import Iterable, Iterator, Sequence
from hashlib import scrypt

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from holdfast.formats import age, age_hybrid
from holdfast.formats.bech32 import decode, encode

_X25519 = b"age-encryption.org/v1/X25519"
_SCRYPT = b"age-encryption.org/v1/scrypt"
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


def _private(identity: str) -> X25519PrivateKey:
    name, raw = decode(identity.strip().lower())
    if name != "age-secret-key-":
        raise ValueError("this is no age identity")
    return X25519PrivateKey.from_private_bytes(raw)
