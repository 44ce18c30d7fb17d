"""Sealing: AES-256-CTR with Poly1305-AES over the ciphertext, as restic does (`internal/crypto`)."""

from __future__ import annotations

import os
import threading
from dataclasses import dataclass, field

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.poly1305 import Poly1305

from holdfast.kernel.errors import Corrupt

OVERHEAD = 32  # 16 bytes of nonce in front, 16 of MAC behind
_R_MASK = bytes.fromhex("ffffff0ffcffff0ffcffff0ffcffff0f")


class _Ciphers(threading.local):
    """Each thread's own, kept: to set one up takes as long as it takes to seal 16 KiB."""

    def __init__(self, encrypt: bytes, mac_k: bytes) -> None:
        self.mac = Cipher(algorithms.AES(mac_k), modes.ECB()).encryptor()  # noqa: S305  Poly1305-AES is defined so
        self.stream = Cipher(algorithms.AES(encrypt), modes.CTR(bytes(16))).encryptor()


@dataclass(frozen=True)
class Key:
    """Encryption key (32 bytes) and the MAC's k and r (16 bytes each)."""

    encrypt: bytes = field(repr=False)
    mac_k: bytes = field(repr=False)
    mac_r: bytes = field(repr=False)
    _ciphers: _Ciphers = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_ciphers", _Ciphers(self.encrypt, self.mac_k))

    @classmethod
    def generate(cls) -> Key:
        return cls.from_bytes(os.urandom(64))

    @classmethod
    def from_bytes(cls, material: bytes) -> Key:
        """64 bytes in the order of restic's KDF output: encrypt, k, r. r is clamped as Poly1305 demands."""
        r = bytes(a & b for a, b in zip(material[48:64], _R_MASK, strict=True))
        return cls(material[:32], material[32:48], r)

    def _mac_key(self, nonce: bytes) -> bytes:
        return self.mac_r + self._ciphers.mac.update(nonce)

    def _crypt(self, nonce: bytes, data: bytes | memoryview) -> bytes:
        """Either way: counter mode adds the same stream of bytes."""
        stream = self._ciphers.stream
        stream.reset_nonce(nonce)
        return stream.update(data)

    def seal(self, plain: bytes | memoryview) -> bytes:
        """nonce + ciphertext + MAC; `OVERHEAD` longer than `plain`."""
        nonce = os.urandom(16)
        ciphertext = self._crypt(nonce, plain)
        return b"".join((nonce, ciphertext, Poly1305.generate_tag(self._mac_key(nonce), ciphertext)))

    def open(self, sealed: bytes | memoryview) -> bytes:
        """The plain bytes. Raises Corrupt when anything was changed, cut or sealed with another key."""
        if len(sealed) < OVERHEAD:
            raise Corrupt("a sealed piece is shorter than its own frame")
        view = memoryview(sealed)
        nonce = bytes(view[:16])
        if not any(nonce):
            raise Corrupt("a sealed piece has an all-zero nonce")
        body = view[16:-16]
        try:
            Poly1305.verify_tag(self._mac_key(nonce), body, bytes(view[-16:]))
        except InvalidSignature:
            raise Corrupt("a sealed piece does not match its checksum (changed bytes or another key)") from None
        return self._crypt(nonce, body)
