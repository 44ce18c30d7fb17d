"""Pieces of SQL that people write into forms: a type, a default, a condition. Each must stay in its place."""

from __future__ import annotations

import re

from holdfast.kernel.errors import Invalid

_WORD = r'(?:[A-Za-z_]\w*|"(?:[^"]|"")+")'
_TYPE = re.compile(rf"{_WORD}(?:[ .]{_WORD})*(?: ?\([\w ,+-]*\))?[A-Za-z ]*(?:\[\d*\])*")
_CLAUSES = {"default", "not", "null", "primary", "unique", "check", "references", "constraint", "collate"}
_CLAUSES |= {"generated", "as", "using", "key", "on", "autoincrement"}
_PIECE = re.compile(
    r"""(?P<quoted>'(?:[^']|'')*'|"(?:[^"]|"")*")
    |(?P<bad>'|"|;|--|/\*|\*/|\\|\x00|`|\$\w*\$)
    |(?P<open>[(\[])|(?P<close>[)\]])|(?P<comma>,)""",
    re.X,
)
_ENDS = re.compile(r"\b(?:not\s+null|primary\s+key|references|constraint|collate|generated|unique|check)\b", re.I)


def checked_type(text: str) -> str:
    """The type, or Invalid("shape_invalid") for anything that is more than one."""
    text = text.strip()
    words = {word.lower() for word in re.findall(r"[A-Za-z_]+", re.sub(r'"(?:[^"]|"")+"', "", text))}
    if text and (not _TYPE.fullmatch(text) or words & _CLAUSES):
        raise _invalid("a type", text)
    return text


def checked_expression(text: str, *, bare: bool = False) -> str:
    """An expression whose quotes and brackets close and that holds no comment, `;` or comma of its own.

    `bare`: it stands without brackets around it (a default), so no clause may follow it either.
    """
    text, depth, plain = text.strip(), 0, ""
    at = 0
    for found in _PIECE.finditer(text):
        plain += text[at : found.start()] if depth == 0 else ""
        at = found.end()
        depth += bool(found["open"]) - bool(found["close"])
        if found["bad"] or depth < 0 or (found["comma"] and depth == 0):
            raise _invalid("an expression", text)
    plain += text[at:] if depth == 0 else ""
    if not text or depth or (bare and _ENDS.search(plain)):
        raise _invalid("an expression", text)
    return text


def _invalid(what: str, text: str) -> Invalid:
    return Invalid(
        f"this is not {what} alone: {text[:80]!r}",
        code="shape_invalid",
        hint="No comments, no `;`, closed quotes and brackets.",
    )
