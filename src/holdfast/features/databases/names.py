"""What a resource may be called."""

from __future__ import annotations

import unicodedata

from holdfast.kernel.errors import Invalid

MAX_BYTES = 63  # PostgreSQL's identifier length: the smallest limit among the engines


def checked_name(name: str) -> str:
    """The name itself: 1-63 bytes of UTF-8, no control character, no blank edge. Quotes, slashes and every script are
    fine. Raises Invalid (code "name_invalid"): a name is shown, logged and typed again to confirm a deletion, so it
    must not be able to hide."""
    try:
        size = len(name.encode())
    except UnicodeEncodeError:
        raise _bad("a name must be valid Unicode text") from None
    if not 1 <= size <= MAX_BYTES:
        raise _bad(f"a name takes 1 to {MAX_BYTES} bytes of UTF-8, this one {size}")
    if any(unicodedata.category(c) in {"Cc", "Cf", "Cs", "Zl", "Zp"} for c in name):
        raise _bad("a name holds no control or invisible character")
    if name != name.strip():
        raise _bad("a name does not begin or end with a blank")
    return name


def _bad(message: str) -> Invalid:
    return Invalid(message, code="name_invalid", details={"fields": [{"field": "name", "message": message}]})
