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

from holdfast.formats.plain.pulling import Pull
from holdfast.kernel.errors import Corrupt

ROUNDS = 600_000
MAGIC = b"Salted__"
_LABEL = b"holdfast"
_TAG = 32

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
    salt, secret = os.urandom(8), passphrase.encode()
    made = hashlib.pbkdf2_hmac("sha256", secret, salt, ROUNDS, 48)
    mac = hmac.new(hashlib.pbkdf2_hmac("sha256", secret, _LABEL + salt, ROUNDS, 32), digestmod="sha256")
    cipher = Cipher(AES(made[:32]), CTR(made[32:])).encryptor()
    yield _counted(mac, MAGIC + salt)
    for piece in pieces:
        yield _counted(mac, cipher.update(piece))
    yield _counted(mac, cipher.finalize()) + mac.digest()


def _counted(mac: hmac.HMAC, piece: bytes) -> bytes:
    mac.update(piece)
    return piece


@lru_cache(maxsize=32)
def _stretched(secret: bytes, salt: bytes, size: int) -> bytes:
    """A third of a second each; the same file is often opened again soon."""
    return hashlib.pbkdf2_hmac("sha256", secret, salt, ROUNDS, size)


def opened(pieces: Iterable[bytes], passphrase: str) -> Iterator[bytes]:
    """The inverse. The end says whether the bytes given before it were right: nothing may be used before. Raises
    Corrupt."""
    pull, secret = Pull(pieces, "the encrypted file"), passphrase.encode()
    head = pull.exactly(16)
    if not head.startswith(MAGIC):
        raise Corrupt("this is no file of openssl's", code="file_damaged")
    made = _stretched(secret, head[8:], 48)
    mac = hmac.new(_stretched(secret, _LABEL + head[8:], 32), head, digestmod="sha256")
    cipher = Cipher(AES(made[:32]), CTR(made[32:])).decryptor()
    for piece in pull.all_but(_TAG):
        mac.update(piece)
        yield cipher.update(piece)
    if not hmac.compare_digest(mac.digest(), pull.exactly(_TAG)):
        raise Corrupt("the file was altered, or its key is another one", code="file_damaged")
