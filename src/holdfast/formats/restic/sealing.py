"""Sealing: AES-256-CTR with Poly1305-AES over the ciphertext, as restic does (`internal/crypto`)."""

from __future__ import annotations

import os
from dataclasses import dataclass, field

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.poly1305 import Poly1305

from holdfast.kernel.errors import Corrupt

OVERHEAD = 32  # 16 bytes of nonce in front, 16 of MAC behind
_R_MASK = bytes.fromhex("ffffff0ffcffff0ffcffff0ffcffff0f")


@dataclass(frozen=True)
class Key:
    """Encryption key (32 bytes) and the MAC's k and r (16 bytes each)."""

    encrypt: bytes = field(repr=False)
    mac_k: bytes = field(repr=False)
    mac_r: bytes = field(repr=False)

    @classmethod
    def generate(cls) -> Key:
        return cls.from_bytes(os.urandom(64))

    @classmethod
    def from_bytes(cls, material: bytes) -> Key:
        """64 bytes in the order of restic's KDF output: encrypt, k, r. r is clamped as Poly1305 demands."""
        r = bytes(a & b for a, b in zip(material[48:64], _R_MASK, strict=True))
        return cls(material[:32], material[32:48], r)

    def _mac_key(self, nonce: bytes) -> bytes:
        encryptor = Cipher(algorithms.AES(self.mac_k), modes.ECB()).encryptor()  # noqa: S305  Poly1305-AES is defined so
        return self.mac_r + encryptor.update(nonce) + encryptor.finalize()

    def seal(self, plain: bytes | memoryview) -> bytes:
        """nonce + ciphertext + MAC; `OVERHEAD` longer than `plain`."""
        nonce = os.urandom(16)
        ciphertext = Cipher(algorithms.AES(self.encrypt), modes.CTR(nonce)).encryptor().update(plain)
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
        return Cipher(algorithms.AES(self.encrypt), modes.CTR(nonce)).decryptor().update(body)
