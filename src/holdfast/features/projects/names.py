"""What a project or environment may be called."""

from __future__ import annotations

import unicodedata

from holdfast.kernel.errors import Invalid

_REFUSED = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})  # control, invisible and direction-changing characters


def checked_name(name: str) -> str:
    """NFC, 1-63 bytes of UTF-8, no control or invisible characters, no space at either end. Raises Invalid."""
    name = unicodedata.normalize("NFC", name)
    bad = (
        not name
        or name != name.strip()
        or any(unicodedata.category(character) in _REFUSED for character in name)
        or len(name.encode("utf-8", "surrogatepass")) > 63
    )
    if bad:
        message = "1-63 bytes, no control or invisible characters, no space at either end"
        raise Invalid(
            f"a name has {message}", code="name_invalid", details={"fields": [{"field": "name", "message": message}]}
        )
    return name
