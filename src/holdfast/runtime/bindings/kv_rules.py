"""What a key, a value and its options may be: Cloudflare's limits of Workers KV, in Cloudflare's words.

Source: the limits page and the API pages of Workers KV (2026). Sizes in bytes, times in whole Unix seconds.
"""

from __future__ import annotations

import json
from typing import TypeGuard

KEY_BYTES = 512
VALUE_BYTES = 25 * 1024 * 1024
METADATA_BYTES = 1024
LEAST_TTL = 60
LEAST_CACHE_TTL = 30
MOST_KEYS = 1000  # of one page of a list
BULK_KEYS = 100  # of one get
_FAR = 1 << 53  # seconds; beyond it a JavaScript client could not name the moment


class KvError(Exception):
    """A call that the store refuses; the message is what the caller reads. `status` is the HTTP status it would be."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.message = message


def check_key(key: object) -> str:
    """The key, when it may be one. Raises KvError."""
    if not isinstance(key, str):
        raise KvError(400, f"a key is a string, not {type(key).__name__}")
    if not key:
        raise KvError(400, "Key name cannot be empty.")
    if key in (".", ".."):
        raise KvError(400, f'"{key}" is not allowed as a key name.')
    length = len(_utf8(key, "key"))
    if length > KEY_BYTES:
        raise KvError(414, f"UTF-8 encoded length of {length} exceeds key length limit of {KEY_BYTES}.")
    return key


def check_value(value: object) -> tuple[str | bytes, int]:
    """The value and its size in bytes. Raises KvError."""
    if isinstance(value, str):
        size = len(value) if value.isascii() else len(_utf8(value, "value"))
    elif isinstance(value, bytes):
        size = len(value)
    else:
        raise KvError(400, f"a value is a string or bytes, not {type(value).__name__}")
    if size > VALUE_BYTES:
        raise KvError(413, f"Value length of {size} exceeds limit of {VALUE_BYTES}.")
    return value, size


def metadata_text(metadata: object) -> str | None:
    """Metadata as the JSON that is stored; None for none. Raises KvError."""
    if metadata is None:
        return None
    try:
        text = json.dumps(metadata, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
        length = len(text.encode())
    except (TypeError, ValueError, RecursionError) as error:
        raise KvError(400, "Metadata must be serializable to JSON.") from error
    if length > METADATA_BYTES:
        raise KvError(413, f"Metadata length of {length} exceeds limit of {METADATA_BYTES}.")
    return text


def expiry(expiration: object, ttl: object, now: float) -> int | None:
    """The moment a value expires, from one of the two options (`expirationTtl` wins). Raises KvError."""
    if ttl is not None:
        if not _whole(ttl) or ttl < LEAST_TTL or ttl > _FAR:
            raise KvError(400, f"Invalid expiration_ttl of {_shown(ttl)}. Expiration TTL must be at least {LEAST_TTL}.")
        return int(now) + int(ttl)
    if expiration is None:
        return None
    if not _whole(expiration) or expiration > _FAR:
        raise KvError(400, f"Invalid expiration of {_shown(expiration)}. Please specify an integer of Unix seconds.")
    if expiration < int(now) + LEAST_TTL:
        raise KvError(
            400,
            f"Invalid expiration of {int(expiration)}. Expiration times must be at least {LEAST_TTL} seconds "
            "in the future.",
        )
    return int(expiration)


def check_limit(limit: object) -> int:
    """How many keys one page of a list may hold. Raises KvError."""
    if limit is None:
        return MOST_KEYS
    if not _whole(limit) or not 1 <= limit <= MOST_KEYS:
        raise KvError(
            400, f"Invalid key_count_limit of {_shown(limit)}. Please specify an integer from 1 to {MOST_KEYS}."
        )
    return int(limit)


def check_cache_ttl(seconds: object) -> None:
    """`cacheTtl` is understood and has no effect: every read here is current. Raises KvError."""
    if seconds is not None and (not _whole(seconds) or seconds < LEAST_CACHE_TTL):
        raise KvError(400, f"Invalid cache_ttl of {_shown(seconds)}. Cache TTL must be at least {LEAST_CACHE_TTL}.")


def _whole(value: object) -> TypeGuard[int | float]:
    if isinstance(value, bool):
        return False
    return isinstance(value, int) or (isinstance(value, float) and value.is_integer())


def _shown(value: object) -> str:
    return repr(value)[:40]


def _utf8(text: str, what: str) -> bytes:
    try:
        return text.encode()
    except UnicodeEncodeError as error:
        raise KvError(400, f"the {what} holds half a character and cannot be stored as UTF-8") from error
