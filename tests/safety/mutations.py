"""The same statement written otherwise: case, blanks, comments. Nothing in quotes is touched."""

from __future__ import annotations

import re
from typing import Any

from hypothesis import strategies as st

_PIECE = re.compile(r"""('(?:[^']|'')*'|"(?:[^"]|"")*"|\$(\w*)\$.*?\$\2\$|--[^\n]*|/\*.*?\*/|\s+|\w+|.)""", re.S)
BLANKS = (" ", "\n", "\t", "/**/", "/* DROP */ ", "--x\n", "\r\n  ", "\x0c")
ENDS = ("", ";", " ;", "\n--", "/* */", " ; -- end")


@st.composite
def written_otherwise(draw: Any, cases: tuple[str, ...]) -> str:
    made = []
    for found in _PIECE.finditer(draw(st.sampled_from(cases))):
        piece = found[0]
        if piece.isspace():
            piece = draw(st.sampled_from(BLANKS))
        elif piece.isascii() and piece.isalpha():
            piece = draw(st.sampled_from((piece, piece.lower(), piece.upper(), piece.swapcase())))
        made.append(piece)
    return (
        draw(st.sampled_from(("", "\n", "/* a */", "-- SELECT\n", "\ufeff")))
        + "".join(made)
        + draw(st.sampled_from(ENDS))
    )
