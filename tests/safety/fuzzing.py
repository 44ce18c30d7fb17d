"""How many examples: few in the suite, as many as wished for with HOLDFAST_FUZZ (see `make fuzz`); and odd names."""

from __future__ import annotations

import os
import unicodedata
from typing import Any

from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st

NAME_BYTES = 63
# What ends or begins a quoted thing somewhere, a client's or a format's own marks, and what reads as something else.
_MARKS = ("\"'`[](){};:,.\\/%$?@#!*-+=<>|&~^ \t\n\r\x0b\x0c\x01\x1b\x7f\x85\xa0\u2028\u2029\ufeff\u200b\u200d\u202e"
          "\u2066аеоρсԁ＂＇；´‘’“”«»ßſİıﬁK\u0301\u0338\U0001f600\U000e0041")  # fmt: skip
_WORDS = (
    '"; DROP TABLE canary; --', "'; DELETE FROM canary; --", "$$", "$q$", "*/", "/*", "--", "%s", "%(x)s", "{0}", "\\.",
    "\\x27", "\\u0022", "U&", "E'", "select", "NULL", "canary", "CANARY", "main.", "public.", "../", "a\u0308", "ä",
)  # fmt: skip


def examples(few: int) -> Any:
    """Settings of a fuzz test: `few` examples unless asked for more; drawn anew each time only then."""
    wished = int(os.environ.get("HOLDFAST_FUZZ", "0"))
    return settings(
        max_examples=wished or few,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
        derandomize=not wished,
        database=None,
    )


def _fits(name: str) -> bool:
    return 0 < len(name.encode("utf-8", "surrogatepass")) <= NAME_BYTES and "\0" not in name


def _cut(name: str) -> str:
    return name.encode()[:NAME_BYTES].decode(errors="ignore")


_LETTERS = st.one_of(
    st.sampled_from(_MARKS), st.sampled_from(_WORDS), st.characters(exclude_categories=["Cs"], exclude_characters="\0")
)
NAMES = st.lists(_LETTERS, min_size=1, max_size=20).map("".join).map(_cut).filter(_fits)
"""Names a database can have: up to 63 bytes of any Unicode but zero and lone surrogates."""


def different(names: list[str]) -> list[str]:
    """Those that no engine takes for one another, whatever it does about case."""
    folded = {unicodedata.normalize("NFKC", name).casefold(): name for name in names}
    return list(folded.values())


IMPOSSIBLE = ("a\0b", "a\udfff", "x" * 64, "😀" * 16)
