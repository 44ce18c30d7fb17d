"""Sizes as people read them: one way in the terminal, in mails and in messages."""

from __future__ import annotations

_UNITS = ("B", "KiB", "MiB", "GiB", "TiB", "PiB")


def size_text(size: float | None) -> str:
    """Bytes in powers of 1024: 12 B, 1.5 GiB; None is a dash."""
    if size is None:
        return "-"
    for unit in _UNITS:
        if abs(size) < 1024 or unit == _UNITS[-1]:
            return f"{size:.0f} {unit}" if unit == "B" else f"{size:.1f} {unit}"
        size /= 1024
    raise AssertionError("the last unit takes everything")
