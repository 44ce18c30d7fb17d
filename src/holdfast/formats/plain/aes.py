"""AES-256 under a passphrase, in a form that openssl opens and that cannot be altered unseen.

    file = "Salted__" || salt (8) || AES-256-CTR(plain) || HMAC-SHA256 (32) over everything before it

The front is what `openssl enc -aes-256-ctr -pbkdf2 -iter 600000` writes (key and IV are PBKDF2-HMAC-SHA256 of the
passphrase and the salt, 48 bytes). `openssl enc` itself authenticates nothing, and its GCM is refused by the tool, so
the HMAC follows; its key is PBKDF2 of the passphrase and "holdfast" || salt. `head -c -32` cuts it off.
"""

from __future__ import annotations

import hashlib
import hmac
import os
from collections.abc import Iterable, Iterator
from functools import lru_cache

from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import CTR

ROUNDS = 600_000
MAGIC = b"Salted__"
_LABEL = b"holdfast"

COMMANDS = (
    "salt=$(head -c 16 \"$FILE\" | tail -c 8 | od -An -v -tx1 | tr -d ' \\n')",
    'key=$(openssl kdf -keylen 32 -kdfopt digest:SHA256 -kdfopt "pass:$PASSPHRASE" \\\n'
    f"    -kdfopt \"hexsalt:{_LABEL.hex()}$salt\" -kdfopt iter:{ROUNDS} PBKDF2 | tr -d ':\\n')",
    "said=$(tail -c 32 \"$FILE\" | od -An -v -tx1 | tr -d ' \\n')",
    'found=$(head -c -32 "$FILE" | openssl dgst -sha256 -mac HMAC -macopt "hexkey:$key" | sed \'s/.*= *//\')',
    'test "$said" = "$found" || { echo "wrong passphrase, or the file was altered" >&2; exit 1; }',
)
OPEN = f'head -c -32 "$FILE" | openssl enc -d -aes-256-ctr -pbkdf2 -iter {ROUNDS} -md sha256 -pass env:PASSPHRASE'


def sealed(pieces: Iterable[bytes], passphrase: str) -> Iterator[bytes]:
    """The pieces encrypted, under a fresh salt."""
    salt = os.urandom(8)
    made, proof = stretched(passphrase, salt)
    mac = hmac.new(proof, digestmod="sha256")
    cipher = Cipher(AES(made[:32]), CTR(made[32:])).encryptor()
    yield _counted(mac, MAGIC + salt)
    for piece in pieces:
        yield _counted(mac, cipher.update(piece))
    yield _counted(mac, cipher.finalize()) + mac.digest()


@lru_cache(maxsize=32)
def stretched(passphrase: str, salt: bytes) -> tuple[bytes, bytes]:
    """(key and IV, the HMAC's key). Two thirds of a second; the same file is often opened again soon."""
    secret = passphrase.encode()
    made = hashlib.pbkdf2_hmac("sha256", secret, salt, ROUNDS, 48)
    return made, hashlib.pbkdf2_hmac("sha256", secret, _LABEL + salt, ROUNDS, 32)


def _counted(mac: hmac.HMAC, piece: bytes) -> bytes:
    mac.update(piece)
    return piece
