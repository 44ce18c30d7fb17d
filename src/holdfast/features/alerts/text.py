"""Names and errors of others as text that is safe to show: they may hold anything."""

from __future__ import annotations

import unicodedata

# Characters that change the direction or are not seen: a name must not read as something it is not.
_UNSEEN = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})


def line(text: object, most: int = 200) -> str:
    """One line: every control, invisible and unassigned character becomes U+FFFD, and no more than `most` are kept."""
    words = " ".join(str(text).split(" "))
    shown = "".join("\ufffd" if unicodedata.category(each) in _UNSEEN else each for each in words)
    shown = shown.strip()
    return shown if len(shown) <= most else shown[: most - 1] + "…"


def lines(text: object, most: int = 1000) -> str:
    """Like `line`, but line ends stay; at most `most` characters."""
    parts = str(text)[: 4 * most].replace("\r\n", "\n").split("\n")
    shown = "\n".join(line(part, most) for part in parts).strip()
    return shown if len(shown) <= most else shown[: most - 1] + "…"
