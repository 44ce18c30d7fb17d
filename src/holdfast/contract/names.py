"""What every engine asks of a name before it quotes it."""

from __future__ import annotations


def encodable(text: str) -> bool:
    """False for half a surrogate pair: a string to JSON (RFC 8259, 8.2), but no text to any database."""
    if text.isascii():
        return True
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
