"""Key files: the master key, sealed under a password (scrypt). JSON in the clear around sealed data."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
import os
import threading
from typing import Any

from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

from holdfast.formats.restic.sealing import Key
from holdfast.kernel.errors import Corrupt, Denied

SCRYPT_N, SCRYPT_R, SCRYPT_P = 32768, 8, 1
_SALT_BYTES = 64
_MAX_WORK = 1 << 30  # bytes of memory a key file may ask for: a hostile one must not exhaust ours
_REMEMBERED = 256  # keys, not passwords
_MEMORY = os.urandom(32)  # so that what is remembered tells nothing of a password
_unlocked: dict[bytes, Key] = {}
_turn = threading.Lock()


def _derive(password: str, salt: bytes, n: int, r: int, p: int) -> Key:
    return Key.from_bytes(Scrypt(salt=salt, length=64, n=n, r=r, p=p).derive(password.encode()))


def _b64(data: bytes) -> str:
    return base64.b64encode(data).decode()


def build(master: Key, password: str, *, created: str, username: str, hostname: str) -> bytes:
    """The bytes of a new key file; its name is their SHA-256."""
    salt = os.urandom(_SALT_BYTES)
    user = _derive(password, salt, SCRYPT_N, SCRYPT_R, SCRYPT_P)
    inner = {"mac": {"k": _b64(master.mac_k), "r": _b64(master.mac_r)}, "encrypt": _b64(master.encrypt)}
    document = {
        "created": created,
        "username": username,
        "hostname": hostname,
        "kdf": "scrypt",
        "N": SCRYPT_N,
        "r": SCRYPT_R,
        "p": SCRYPT_P,
        "salt": _b64(salt),
        "data": _b64(user.seal(json.dumps(inner).encode())),
    }
    return json.dumps(document).encode()


def describe(data: bytes) -> dict[str, Any]:
    """created, username and hostname of a key file, without opening it."""
    document = _document(data)
    return {name: document.get(name) for name in ("created", "username", "hostname")}


def unlock(data: bytes, password: str) -> Key:
    """The master key. Raises Denied (code "repository_password") for a wrong password, Corrupt for a broken file.

    The same file with the same password is worked out once per process: a runner that takes a thousand snapshots would
    spend a minute and a half on it. A file that was removed from its repository is not asked about any more."""
    asked = hmac.digest(_MEMORY, hashlib.sha256(data).digest() + password.encode(), "sha256")
    with _turn:
        known = _unlocked.get(asked)
    if known is None:
        known = _unlock(data, password)
        with _turn:
            _unlocked[asked] = known
            while len(_unlocked) > _REMEMBERED:
                _unlocked.pop(next(iter(_unlocked)))
    return known


def _unlock(data: bytes, password: str) -> Key:
    document = _document(data)
    try:
        n, r, p = int(document["N"]), int(document["r"]), int(document["p"])
        salt, sealed = base64.b64decode(document["salt"]), base64.b64decode(document["data"])
        if document.get("kdf") != "scrypt" or n < 2 or n & (n - 1) or r < 1 or p < 1 or 128 * n * r * p > _MAX_WORK:
            raise Corrupt("a key file asks for a key derivation that is not allowed")
        user = _derive(password, salt, n, r, p)
    except (KeyError, TypeError, ValueError, OverflowError, binascii.Error) as error:
        raise Corrupt(f"a key file cannot be read: {error}") from None
    try:
        inner = json.loads(user.open(sealed))
    except Corrupt:
        raise Denied("the password does not open this repository", code="repository_password") from None
    try:
        mac = inner["mac"]
        return Key(base64.b64decode(inner["encrypt"]), base64.b64decode(mac["k"]), base64.b64decode(mac["r"]))
    except (KeyError, TypeError, ValueError, binascii.Error) as error:
        raise Corrupt(f"a key file holds no key: {error}") from None


def _document(data: bytes) -> dict[str, Any]:
    try:
        document = json.loads(data)
    except (ValueError, RecursionError):
        raise Corrupt("a key file is not JSON") from None
    if not isinstance(document, dict):
        raise Corrupt("a key file is not a JSON object")
    return document
