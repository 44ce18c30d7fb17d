"""The pieces of HTML's syntax as patterns over bytes (WHATWG HTML, 13.2.5). Every repetition is possessive: a page that
is built to make a pattern try twice costs the same as any other."""

from __future__ import annotations

import re

WS = rb"\t\n\f\r "
NAME = rb"[A-Za-z][^" + WS + rb"/>]*+"
_VALUE = rb"""(?:"[^"]*+"|'[^']*+'|[^WS"'>][^WS>]*+|(?=>))""".replace(b"WS", WS)
_ATTRIBUTE = (rb"[^WS/>][^WS/>=]*+(?:[WS]*+=[WS]*+VALUE|(?![WS]*+=))".replace(b"WS", WS)).replace(b"VALUE", _VALUE)
_REST = rb"(?:[WS/]++|ATTRIBUTE)*+>".replace(b"WS", WS).replace(b"ATTRIBUTE", _ATTRIBUTE)

# a whole start tag (its name is group 1) or end tag (group 2); 13.2.5.8 to 13.2.5.40
TAG = re.compile(rb"<(?:(" + NAME + rb")|/(" + NAME + rb"))" + _REST)

# the same after any text, an element without elements inside taken as one (group 2); group 4 is where nothing fits
RUN = re.compile(rb"[^<]*+(?:<(" + NAME + rb")" + _REST + rb"(?:[^<]*+(</\1>))?|</(" + NAME + rb")" + _REST + rb"|())")

# one attribute: name, then its value in double quotes, single quotes or none
ATTRIBUTE = re.compile(
    rb"""([^WS/>][^WS/>=]*+)(?:[WS]*+=[WS]*+(?:"([^"]*+)"|'([^']*+)'|([^WS"'>][^WS>]*+)|(?=>)))?""".replace(b"WS", WS)
)

# text from a `<` on that begins no markup, to the next that may
TEXT_RUN = re.compile(rb"(?:[^<]|<(?=[^A-Za-z/!?]))++")

COMMENT_AT_ONCE = re.compile(rb"-?>")  # directly after `<!--` (13.2.5.43)
COMMENT_END = re.compile(rb"--!?>")
COMMENT_CUT = re.compile(rb"--!\Z|-?-?\Z")  # what an end of the document leaves out (13.2.5.46 to 13.2.5.52)

SCRIPT = (  # what counts inside a script: plain, after `<!--`, after `<!--<script` (13.2.5.15 to 13.2.5.31)
    re.compile(rb"<!--|</script(?=[\t\n\f\r />])", re.I),
    re.compile(rb"-->|</?script(?=[\t\n\f\r />])", re.I),
    re.compile(rb"-->|</script(?=[\t\n\f\r />])", re.I),
)
SCRIPT_BEGUN = re.compile(rb"(?:<(?:!-?)?|</?(?:s(?:c(?:r(?:i(?:pt?)?)?)?)?)?|--?)\Z", re.I)

DOCTYPE = re.compile(
    rb"""<!doctype[WS]*+([^WS>]*+)(?:[WS]++(?:(public)|system)[WS]*+(?:"([^">]*+)("?)|'([^'>]*+)('?))"""
    rb"""(?:[WS]*+(?:"([^">]*+)|'([^'>]*+)))?)?""".replace(b"WS", WS),
    re.I,
)

_UPPER = {code: code + 32 for code in range(0x41, 0x5B)}


def ascii_lower(text: str) -> str:
    """Names are compared so: letters beyond ASCII keep their case (Infra standard, 4.6)."""
    return text.translate(_UPPER)
