"""The CSS selectors that can be matched while a page streams (Selectors Level 4): parsed once, then matched tag by tag.

An element is judged by its own tag, its place among its parent's elements so far, and what its open ancestors matched.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

from holdfast.runtime.python.rewriting.patterns import ascii_lower

_ESCAPE = r"\\(?:[0-9a-fA-F]{1,6}[ \t\r\n\f]?|[^\n\r\f0-9a-fA-F])"
_LETTER = rf"(?:[A-Za-z_\u0080-\U0010ffff]|{_ESCAPE})"
_IDENT = rf"(?:--|-?{_LETTER})(?:[-0-9]|{_LETTER})*"
_STRING = r""""(?:[^"\\\n]|\\[\s\S])*"?|'(?:[^'\\\n]|\\[\s\S])*'?"""
_PART = re.compile(
    rf"(?P<hash>\#(?:[-0-9]|{_LETTER})+)|\.(?P<klass>{_IDENT})|(?P<attribute>\[)|:(?P<pseudo>:?[-A-Za-z]+)(?P<call>\()?"
)
_TYPE = re.compile(rf"\*|{_IDENT}")
_ATTRIBUTE = re.compile(
    rf"\s*(?P<name>{_IDENT})\s*(?:(?P<how>[~^$*|]?=)\s*(?P<value>{_IDENT}|{_STRING})\s*(?P<case>[iIsS])?\s*)?(?:\]|\Z)"
)
_NTH = re.compile(
    r"\s*(?:(?P<a>[+-]?\d*)n(?:\s*(?P<sign>[+-])\s*(?P<b>\d+))?|(?P<only>[+-]?\d+)|(?P<word>odd|even))\s*\)", re.I
)
_SPACES = re.compile(r"\s*")
_COMBINATOR = re.compile(r"\s*([>+~,|)]|\Z)\s*|\s+")

# values of these count without regard to case in HTML (WHATWG HTML, 4.17.2)
_CASELESS_NAMES = """accept accept-charset align alink axis bgcolor charset checked clear codetype color compact declare
defer dir direction disabled enctype face frame hreflang http-equiv lang language link media method multiple nohref
noresize noshade nowrap readonly rel rev rules scope scrolling selected shape target text type valign valuetype vlink"""
_CASELESS = frozenset(_CASELESS_NAMES.split())
_COUNTED = {"first-child", "nth-child", "first-of-type", "nth-of-type"}


class Subject(Protocol):
    """What a compound selector asks of an element. Names are in lower case; counts begin with 1."""

    @property
    def name(self) -> str: ...
    @property
    def in_html(self) -> bool: ...
    @property
    def nth_child(self) -> int: ...
    @property
    def nth_of_type(self) -> int: ...
    def attribute(self, name: str) -> str | None: ...


Check = Callable[[Subject], bool]


class SelectorError(ValueError):
    """A selector that is none, or that cannot be matched while a page streams. Nothing to retry."""


@dataclass(frozen=True, slots=True)
class Compound:
    """`a.b[c]`: the name (None: any) and everything else that must hold."""

    name: str | None
    checks: tuple[Check, ...] = ()
    counts: bool = False

    def matches(self, subject: Subject) -> bool:
        """Whether `subject` fits, its name included."""
        return (self.name is None or self.name == subject.name) and all(check(subject) for check in self.checks)


@dataclass(frozen=True, slots=True)
class Complex:
    """`a b > c`: compounds from the outermost, each with whether it must be a child of the one before."""

    compounds: tuple[tuple[Compound, bool], ...]


def parse(text: str) -> tuple[Complex, ...]:
    """The selectors of a comma list. Raises SelectorError, which names what is not supported."""
    return _Parser(text).complete()


@dataclass(slots=True)
class _Parser:
    text: str
    at: int = 0
    checks: list[Check] = field(default_factory=list)
    counts: bool = False

    def fail(self, words: str) -> SelectorError:
        return SelectorError(f"the selector {self.text!r} {words}")

    def complete(self) -> tuple[Complex, ...]:
        found = []
        while True:
            selector, ending = self._complex()
            found.append(selector)
            if ending == "":
                return tuple(found)
            if ending != ",":
                raise self.fail(f"has an unexpected {ending!r}")

    def _complex(self) -> tuple[Complex, str]:
        parts: list[tuple[Compound, bool]] = []
        child = False
        self._skip()
        while True:
            parts.append((self._compound(), child))
            found = _COMBINATOR.match(self.text, self.at)
            if found is None:
                raise self.fail(f"has an unexpected {self.text[self.at]!r}")
            mark = found[1]
            self.at = found.end()
            if mark in (",", "", ")"):
                return Complex(tuple(parts)), mark
            if mark in ("+", "~"):
                raise self.fail(f"has the combinator {mark!r}, which is not supported: a descendant or '>' is")
            if mark == "|":
                raise self.fail("names a namespace, which is not supported")
            child = mark == ">"

    def _skip(self) -> None:
        found = _SPACES.match(self.text, self.at)
        self.at = found.end() if found else self.at

    def _compound(self) -> Compound:
        begin, outer = self.at, (self.checks, self.counts)
        self.checks, self.counts = [], False
        name = None
        if found := _TYPE.match(self.text, self.at):
            name = None if found[0] == "*" else ascii_lower(unescape(found[0]))
            self.at = found.end()
        while found := _PART.match(self.text, self.at):
            self.at = found.end()
            self._part(found)
        if self.at == begin:
            raise self.fail(f"lacks a name at its character {begin + 1}" if self.text.strip() else "is empty")
        made = Compound(name, tuple(self.checks), self.counts)
        self.checks, self.counts = outer[0], outer[1] or made.counts
        return made

    def _part(self, found: re.Match[str]) -> None:
        if found["hash"]:
            if not re.match(rf"\#{_IDENT}\Z", found["hash"]):
                raise self.fail(f"has {found['hash']!r}, which is no name")
            self.checks.append(compare("id", "=", unescape(found["hash"][1:]), False))
        elif found["klass"]:
            self.checks.append(compare("class", "~=", unescape(found["klass"]), False))
        elif found["attribute"]:
            self._attribute()
        else:
            self._pseudo(found["pseudo"].lower(), bool(found["call"]))

    def _attribute(self) -> None:
        found = _ATTRIBUTE.match(self.text, self.at)
        if found is None:
            if re.match(rf"\s*(?:\*|{_IDENT})?\|(?!=)", self.text[self.at :]):
                raise self.fail("names a namespace, which is not supported")
            raise self.fail(f"has no attribute after its character {self.at}")
        self.at = found.end()
        name = ascii_lower(unescape(found["name"]))
        if not found["how"]:
            self.checks.append(lambda subject: subject.attribute(name) is not None)
            return
        value = found["value"]
        quoted = value[0] in "\"'"
        if quoted:
            value = value[1:-1] if len(value) > 1 and value[-1] == value[0] else value[1:]
        case = (found["case"] or "").lower()
        caseless = True if case == "i" else None if not case and name in _CASELESS else False
        self.checks.append(compare(name, found["how"], unescape(value), caseless))

    def _pseudo(self, name: str, call: bool) -> None:
        if name == "not" and call:
            return self._negation()
        if name not in _COUNTED or call != name.startswith("nth"):
            shown = f":{name}()" if call else f":{name}"
            raise self.fail(
                f"has {shown}, which is not supported: "
                ":nth-child(), :first-child, :nth-of-type(), :first-of-type and :not() are"
            )
        step, offset = self._formula() if call else (0, 1)
        self.counts = True
        of_type = name.endswith("type")
        self.checks.append(lambda subject: _is_nth(subject.nth_of_type if of_type else subject.nth_child, step, offset))
        return None

    def _formula(self) -> tuple[int, int]:
        found = _NTH.match(self.text, self.at)
        if found is None:
            raise self.fail("has a formula after 'nth' that is none: such as 2, odd, 2n+1")
        self.at = found.end()
        if found["word"]:
            return 2, int(found["word"].lower() == "odd")
        if found["only"]:
            return 0, int(found["only"])
        step = {"": 1, "+": 1, "-": -1}.get(found["a"]) or int(found["a"])
        return step, int((found["sign"] or "") + (found["b"] or "0"))

    def _negation(self) -> None:
        ending = ","
        denied = []
        while ending == ",":
            selector, ending = self._complex()
            if len(selector.compounds) > 1:
                raise self.fail("has a combinator inside :not(), which is not supported")
            denied.append(selector.compounds[0][0])
        if ending != ")":
            raise self.fail("has a :not() that is not closed")
        self.at -= len(self.text[: self.at]) - len(self.text[: self.at].rstrip())
        self.checks.append(lambda subject: not any(each.matches(subject) for each in denied))


def unescape(text: str) -> str:
    """A name or string without its backslashes (CSS Syntax Level 3, 4.3.7)."""
    if "\\" not in text:
        return text

    def plain(found: re.Match[str]) -> str:
        if not found[1]:
            return found[2] if found[2] not in ("\n", "") else ""
        code = int(found[1], 16)
        return chr(code) if 0 < code < 0xD800 or 0xDFFF < code < 0x110000 else "\ufffd"

    return re.sub(r"\\(?:([0-9a-fA-F]{1,6})[ \t\r\n\f]?|([\s\S]?))", plain, text)


def compare(name: str, how: str, wanted: str, caseless: bool | None) -> Check:
    """Whether the attribute's value fits. `caseless` None: without regard to case in HTML, with it in SVG."""
    folded = ascii_lower(wanted)
    fits = _FITS[how]

    def check(subject: Subject) -> bool:
        value = subject.attribute(name)
        if value is None:
            return False
        if caseless or (caseless is None and subject.in_html):
            return fits(ascii_lower(value), folded)
        return fits(value, wanted)

    return check


_WHITE = re.compile("[\t\n\f\r ]")
_FITS: dict[str, Callable[[str, str], bool]] = {
    "=": str.__eq__,
    "~=": lambda value, wanted: wanted in value and wanted in _WHITE.split(value),
    "|=": lambda value, wanted: value == wanted or value.startswith(wanted + "-"),
    "^=": str.startswith,
    "$=": str.endswith,
    "*=": lambda value, wanted: bool(wanted) and wanted in value,
}


def _is_nth(count: int, step: int, offset: int) -> bool:
    """Whether `count` is step * n + offset for some n from 0 (Selectors Level 4, 13.3.1)."""
    ahead = count - offset
    return ahead == 0 if step == 0 else ahead % step == 0 and ahead // step >= 0
