"""What a tag does to the reading of what follows it, without building a tree.

Follows the tree construction of WHATWG HTML 13.2.6 as far as open tags tell it: raw text elements, and the borders
between HTML, SVG and MathML (13.2.6.5 and the integration points of 13.2.4.2).
"""

from __future__ import annotations

import re

from holdfast.runtime.python.rewriting.patterns import ATTRIBUTE, NAME

HTML, SVG, MATHML = range(3)
URIS = ("http://www.w3.org/1999/xhtml", "http://www.w3.org/2000/svg", "http://www.w3.org/1998/Math/MathML")
DATA, RAW, SCRIPT, PLAIN, CDATA = range(5)

_MODES = {
    **dict.fromkeys(b"textarea title style iframe xmp noembed noframes noscript".split(), RAW),
    b"script": SCRIPT,
    b"plaintext": PLAIN,
}
_ROOTS = {b"svg": SVG, b"math": MATHML}
SPECIAL = frozenset({*_MODES, *_ROOTS})
VOID = frozenset(
    b"area base basefont bgsound br col embed hr img input keygen link meta param source track wbr".split()
)
_LEAVING = frozenset(
    b"b big blockquote body br center code dd div dl dt em embed h1 h2 h3 h4 h5 h6 head hr i img li listing menu meta "
    b"nobr ol p pre ruby s small span strong strike sub sup table tt u ul var".split()
)
_POINTS = {SVG: frozenset(b"desc title foreignobject".split()), MATHML: frozenset(b"mi mo mn ms mtext".split())}
_NAME = re.compile(b"<" + NAME)
_FONT = frozenset((b"color", b"size", b"face"))


class Context:
    """Which namespace the next tag is in."""

    def __init__(self) -> None:
        self._stack = [HTML]
        self.now = HTML
        self.of_tag = HTML  # where the element of the last start tag is itself

    @property
    def plain(self) -> bool:
        """Whether nothing but HTML is open: no end tag can change the namespace then."""
        return len(self._stack) == 1

    def start(self, name: bytes, raw: bytes) -> int:
        """The mode the text after this start tag is read in."""
        mode = self._start(name, raw)
        self.of_tag = _ROOTS.get(name, self.now)
        return mode

    def _start(self, name: bytes, raw: bytes) -> int:
        if name in _ROOTS:
            if not self_closing(raw):
                self._enter(_ROOTS[name])
        elif self.now == HTML:
            return _MODES.get(name, DATA)
        elif name in _LEAVING or (name == b"font" and any(each in _FONT for each, _ in attributes(raw))):
            self._leave()
        elif not self_closing(raw) and self._html_inside(name, raw):
            self._enter(HTML)
        return DATA

    def end(self, name: bytes) -> None:
        if self.now != HTML:
            if _ROOTS.get(name) == self.now or name in (b"br", b"p"):
                self._leave()
        elif len(self._stack) > 1:
            outer = self._stack[-2]
            if name in _POINTS.get(outer, ()) or (outer == MATHML and name == b"annotation-xml"):
                self._leave()

    def _html_inside(self, name: bytes, raw: bytes) -> bool:
        if name in _POINTS[self.now]:
            return True
        kinds = (b"text/html", b"application/xhtml+xml")
        return (
            self.now == MATHML
            and name == b"annotation-xml"
            and any(each == b"encoding" and value.lower() in kinds for each, value in attributes(raw))
        )

    def _enter(self, namespace: int) -> None:
        self._stack.append(namespace)
        self.now = namespace

    def _leave(self) -> None:
        if len(self._stack) > 1:
            self._stack.pop()
        self.now = self._stack[-1]


def attributes(raw: bytes) -> list[tuple[bytes, bytes]]:
    """Names in lower case and values of a start tag's text, as they stand there: references are not decoded."""
    return [
        (found[1].lower(), found[2] or found[3] or found[4] or b"") for found in ATTRIBUTE.finditer(raw, name_end(raw))
    ]


def name_end(raw: bytes) -> int:
    """Where the name ends in a start tag's text."""
    found = _NAME.match(raw)
    return found.end() if found else len(raw)


def self_closing(raw: bytes) -> bool:
    """Whether a start tag ends in `/>` with a slash that is no part of a value."""
    if not raw.endswith(b"/>"):
        return False
    end = max((found.end() for found in ATTRIBUTE.finditer(raw, name_end(raw))), default=0)
    return end < len(raw) - 1
