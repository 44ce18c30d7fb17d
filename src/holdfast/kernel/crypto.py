"""Sealing, deriving, hashing. Every ciphertext names its algorithm and its key, so both can be replaced later.

AES-256-GCM with a random 96-bit nonce (NIST SP 800-38D: at most 2^32 messages per key, far above what one environment
seals), HKDF-SHA256 (RFC 5869), Argon2id (RFC 9106, second recommended setting).
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import os
import secrets as _random
from dataclasses import dataclass, field
from functools import cache

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from holdfast.kernel.errors import Corrupt

ALGORITHM = "aes256gcm"
KEY_BYTES = 32
_NONCE_BYTES = 12
_hasher = PasswordHasher(time_cost=3, memory_cost=64 * 1024, parallelism=4)


@dataclass(frozen=True)
class Key:
    """32 secret bytes and the name ciphertexts know them by."""

    id: str
    secret: bytes = field(repr=False)

    def __post_init__(self) -> None:
        if len(self.secret) != KEY_BYTES:
            raise ValueError(f"a key has {KEY_BYTES} bytes, not {len(self.secret)}")
        if "$" in self.id or not self.id:
            raise ValueError("a key's id is not empty and holds no '$'")


def new_key(key_id: str) -> Key:
    """A fresh random key."""
    return Key(key_id, os.urandom(KEY_BYTES))


def seal(key: Key, plaintext: bytes, aad: bytes) -> str:
    """`aes256gcm$<key id>$<base64url of nonce + ciphertext + tag>`; opens only with the same key and the same `aad`."""
    nonce = os.urandom(_NONCE_BYTES)
    body = nonce + AESGCM(key.secret).encrypt(nonce, plaintext, _bound(key.id, aad))
    return f"{ALGORITHM}${key.id}${base64.urlsafe_b64encode(body).decode()}"


def open_sealed(key: Key, sealed: str, aad: bytes) -> bytes:
    """Inverse of `seal`. Raises `Corrupt("ciphertext_corrupt")`: altered, moved elsewhere, or sealed by another key."""
    algorithm, key_id, body = _parts(sealed)
    if algorithm != ALGORITHM or key_id != key.id or len(body) < _NONCE_BYTES + 16:
        raise _corrupt()
    try:
        return AESGCM(key.secret).decrypt(body[:_NONCE_BYTES], body[_NONCE_BYTES:], _bound(key_id, aad))
    except InvalidTag:
        raise _corrupt() from None


def sealed_by(sealed: str) -> str:
    """The id of the key a ciphertext names. Raises `Corrupt` for anything that is not one."""
    return _parts(sealed)[1]


def aad_of(*parts: str | int) -> bytes:
    """Parts joined so that no two different lists give the same bytes: each is preceded by its length."""
    encoded = [str(part).encode() for part in parts]
    return b"".join(len(part).to_bytes(4, "big") + part for part in encoded)


def _bound(key_id: str, aad: bytes) -> bytes:
    return aad_of(ALGORITHM, key_id) + aad


def _parts(sealed: str) -> tuple[str, str, bytes]:
    try:
        algorithm, key_id, body = sealed.split("$")
        return algorithm, key_id, base64.b64decode(body, altchars=b"-_", validate=True)
    except (ValueError, binascii.Error):
        raise _corrupt() from None


def _corrupt() -> Corrupt:
    return Corrupt(
        "a stored secret does not open",
        code="ciphertext_corrupt",
        hint="It was altered, or moved from another place. Restore the metadata database from a backup.",
    )


def derive(key: bytes, purpose: str, length: int = KEY_BYTES) -> bytes:
    """A key of its own for each purpose, so that no key is ever used in two ways."""
    return HKDF(algorithm=hashes.SHA256(), length=length, salt=None, info=purpose.encode()).derive(key)


def random_token(size: int = 32) -> str:
    """`size` random bytes as URL-safe text without padding."""
    return _random.token_urlsafe(size)


def token_hash(token: str) -> str:
    """How a random token is stored. A plain hash is enough: the token has 256 random bits, a password has not."""
    return hashlib.sha256(token.encode()).hexdigest()


def equal(left: str | bytes, right: str | bytes) -> bool:
    """Comparison whose time does not tell where the two differ."""
    encoded = [text.encode() if isinstance(text, str) else text for text in (left, right)]
    return hmac.compare_digest(*encoded)


def hash_password(password: str) -> str:
    """Argon2id with its salt and cost in the text. About 50 ms and 64 MiB: call it from a bounded thread."""
    return _hasher.hash(password)


@cache
def _decoy() -> str:
    """Made when first needed: it costs as much as a sign-in, and every process imports this module."""
    return _hasher.hash(_random.token_urlsafe(16))


def verify_password(stored: str | None, password: str) -> bool:
    """Whether `password` is the one. `stored` None takes as long as a wrong one: nobody learns which accounts exist."""
    try:
        _hasher.verify(stored or _decoy(), password)
    except (VerificationError, InvalidHashError):
        return False
    return stored is not None


def needs_rehash(stored: str) -> bool:
    """Whether a hash was made with a lower cost than today's."""
    return _hasher.check_needs_rehash(stored)
