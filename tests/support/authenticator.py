"""A passkey authenticator in software that speaks the real protocol (WebAuthn level 2, sections 6 and 7; RFC 8152).

It signs with a P-256 key of its own, counts, and answers as a browser's `toJSON()` does. Nothing of ours is used.
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
from dataclasses import dataclass, field
from typing import Any

import cbor2
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec

PRESENT, VERIFIED, ATTESTED = 0x01, 0x04, 0x40


def b64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def unb64(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


@dataclass
class Authenticator:
    """One passkey on one device. What it says can be bent by hand, as a thief or a broken browser would."""

    origin: str = "http://localhost:7700"
    flags: int = PRESENT | VERIFIED
    count: int = 0
    key: ec.EllipticCurvePrivateKey = field(default_factory=lambda: ec.generate_private_key(ec.SECP256R1()))
    id: bytes = field(default_factory=lambda: os.urandom(32))
    user: str | None = None

    def create(self, options: dict[str, Any], **bent: Any) -> dict[str, Any]:
        """`navigator.credentials.create(options)`."""
        self.user = options["user"]["id"]
        numbers = self.key.public_key().public_numbers()
        x, y = (each.to_bytes(32, "big") for each in (numbers.x, numbers.y))
        public = cbor2.dumps({1: 2, 3: -7, -1: 1, -2: x, -3: y})
        attested = b"\x11" * 16 + len(self.id).to_bytes(2, "big") + self.id + public
        data = self._data(bent.get("rp_id", options["rp"]["id"]), ATTESTED) + attested
        said = self._client("webauthn.create", options["challenge"], bent)
        statement = cbor2.dumps({"fmt": "none", "attStmt": {}, "authData": data})
        response = {"clientDataJSON": b64(said), "attestationObject": b64(statement), "transports": ["internal"]}
        return self._credential(response)

    def get(self, options: dict[str, Any], **bent: Any) -> dict[str, Any]:
        """`navigator.credentials.get(options)`."""
        self.count += bent.get("step", 1)
        data = self._data(bent.get("rp_id", options["rpId"]), 0)
        said = self._client("webauthn.get", options["challenge"], bent)
        signature = self.key.sign(data + hashlib.sha256(said).digest(), ec.ECDSA(hashes.SHA256()))
        response = {"clientDataJSON": b64(said), "authenticatorData": b64(data), "signature": b64(signature)}
        return self._credential({**response, "userHandle": bent.get("user", self.user)})

    def _data(self, rp_id: str, more: int) -> bytes:
        return hashlib.sha256(rp_id.encode()).digest() + bytes([self.flags | more]) + self.count.to_bytes(4, "big")

    def _client(self, kind: str, challenge: str, bent: dict[str, Any]) -> bytes:
        said = {"type": bent.get("type", kind), "challenge": bent.get("challenge", challenge)}
        return json.dumps({**said, "origin": bent.get("origin", self.origin), "crossOrigin": False}).encode()

    def _credential(self, response: dict[str, Any]) -> dict[str, Any]:
        made = {"id": b64(self.id), "rawId": b64(self.id), "type": "public-key", "response": response}
        return {**made, "clientExtensionResults": {}, "authenticatorAttachment": "platform"}
