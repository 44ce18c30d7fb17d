"""Names of files: whatever a database is called, the name is one safe component."""

from __future__ import annotations

import re
import unicodedata
from urllib.parse import quote

_RESERVED = re.compile(r"(?i)^(con|prn|aux|nul|com[0-9]|lpt[0-9])(\.|$)")
_SAFE = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.~"


def escaped(name: str) -> str:
    """One component: letters, digits, - _ . ~ as they are, every other byte as %XX. Different names stay different:
    a % is escaped too, and a long one ends in nothing but its cut. Never empty, `.`, `..`, hidden, or a device."""
    text = "".join(c if c in _SAFE else quote(c, safe="") for c in unicodedata.normalize("NFC", name))
    if text.startswith(".") or not text or _RESERVED.match(text):
        text = "%" + (f"{ord(text[0]):02X}{text[1:]}" if text else "00")
    return text
