"""The same statement written otherwise: case, blanks, comments, and every other way to quote its words and texts."""

from __future__ import annotations

import re
from typing import Any

from hypothesis import strategies as st

_PIECE = re.compile(r"""('(?:[^']|'')*'|"(?:[^"]|"")*"|\$(\w*)\$.*?\$\2\$|--[^\n]*|/\*.*?\*/|\s+|\w+|.)""", re.S)
BLANKS = (" ", "\n", "\t", "/**/", "/* DROP */ ", "--x\n", "\r\n  ", "\x0c")
NESTED = ("/* a /* b */ c */", "/*/**/*/")
ENDS = ("", ";", " ;", "\n--", "/* */", " ; -- end", ";;", "; SELECT 1", "\x00", " /*")
STARTS = ("", "\n", "/* a */", "-- SELECT\n", "\ufeff", ";", "(", "\u200b", "EXPLAIN ", "\xa0")


def _escaped(text: str) -> str:
    return "".join(f"\\{ord(char):04x}" if ord(char) < 0x10000 else f"\\+{ord(char):06x}" for char in text)


def _texts(inside: str) -> tuple[str, ...]:
    """A text in quotes, as PostgreSQL (4.1.2) also reads it."""
    octal = "".join(f"\\{byte:03o}" for byte in inside.encode())
    return (f"U&'{_escaped(inside)}'", f"E'{octal}'", f"$q$ {inside}$q$".replace(" ", "", 1), f"$${inside}$$")


def _words(word: str, nested: bool) -> tuple[str, ...]:
    """A word, quoted: as a name it means the same in lower case, as a keyword nothing."""
    lower = word.lower()
    own = (f'U&"{_escaped(lower)}"',) if nested else (f"[{lower}]", f"`{lower}`", f"'{lower}'")
    return (f'"{lower}"', *own)


@st.composite
def written_otherwise(draw: Any, cases: tuple[str, ...], *, postgresql: bool = False) -> str:
    """`postgresql`: with its nested comments, dollar quotes and Unicode escapes; else with SQLite's brackets."""
    made = []
    blanks = BLANKS + NESTED if postgresql else BLANKS
    requote = draw(st.booleans())
    for found in _PIECE.finditer(draw(st.sampled_from(cases))):
        piece = found[0]
        if piece.isspace():
            piece = draw(st.sampled_from(blanks))
        elif piece.isascii() and piece.isalpha():
            ways = (piece, piece.lower(), piece.upper(), piece.swapcase())
            piece = draw(st.sampled_from(ways + (_words(piece, postgresql) if requote else ())))
        elif postgresql and piece.startswith("'") and "{" not in piece:
            piece = draw(st.sampled_from((piece, *_texts(piece[1:-1].replace("''", "'")))))
        elif piece in "(),=*" and draw(st.integers(0, 4)) == 0:
            piece = draw(st.sampled_from(blanks)) + piece + draw(st.sampled_from(blanks))
        made.append(piece)
    return draw(st.sampled_from(STARTS)) + "".join(made) + draw(st.sampled_from(ENDS))
