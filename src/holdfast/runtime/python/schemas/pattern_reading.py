"""A pattern's text as a program of states. Syntax: ECMA-262, with its `u` flag's meaning of characters."""

from __future__ import annotations

from typing import Any

SET, SPLIT, START, END, MATCH = range(5)
Program = list[tuple[int, Any, Any]]
Ranges = tuple[tuple[int, int], ...]

MOST_CHARACTERS = 2000
MOST_STATES = 3000  # with `{n,m}` written out
_MOST_DEPTH = 50
_LAST = 0x10FFFF
_DIGIT: Ranges = ((48, 57),)
_WORD: Ranges = ((48, 57), (65, 90), (95, 95), (97, 122))
_SPACE: Ranges = (
    (9, 13), (32, 32), (0xA0, 0xA0), (0x1680, 0x1680), (0x2000, 0x200A), (0x2028, 0x2029), (0x202F, 0x202F),
    (0x205F, 0x205F), (0x3000, 0x3000), (0xFEFF, 0xFEFF),
)  # fmt: skip
_CLASSES = {"d": _DIGIT, "w": _WORD, "s": _SPACE}
_PLAIN = {"t": 9, "n": 10, "v": 11, "f": 12, "r": 13, "0": 0}
_SYNTAX = frozenset("^$\\.*+?()[]{}|/")


class BadPattern(ValueError):
    """No pattern, or one that cannot be matched without going back."""


def inverted(ranges: Ranges) -> Ranges:
    """All other characters."""
    found, next_ = [], 0
    for low, high in sorted(ranges):
        if low > next_:
            found.append((next_, low - 1))
        next_ = max(next_, high + 1)
    return (*found, (next_, _LAST)) if next_ <= _LAST else tuple(found)


_ANY = inverted(((10, 10), (13, 13), (0x2028, 0x2029)))
_EVERY: Ranges = ((0, _LAST),)


def read(text: str) -> tuple[Program, list[tuple[bool, Program]]]:
    """The program that finds it anywhere in a text, and those for lookaheads at its beginning: (wanted, program)."""
    if len(text) > MOST_CHARACTERS:
        raise BadPattern(f"has more than {MOST_CHARACTERS} characters")
    reader, ahead = _Reader(text), []
    if text.startswith("^(?=") or text.startswith("^(?!"):
        reader.at = 1
        while text[reader.at : reader.at + 3] in ("(?=", "(?!"):
            wanted = text[reader.at + 2] == "="
            reader.at += 3
            node = reader.alternatives(0)
            reader.expect(")")
            if text[reader.at : reader.at + 1] in ("*", "+", "?", "{"):
                raise BadPattern("repeats a lookahead")
            ahead.append((wanted, _assembled(("cat", [("start",), node]), anywhere=False)))
    node = reader.alternatives(0)
    if reader.at < len(text):
        raise BadPattern("has a ) too many")
    if ahead:
        if node[0] == "alt":
            raise BadPattern("has alternatives behind a lookahead: put them in (?:...)")
        node = ("cat", [("start",), node])
    return _assembled(node, anywhere=True), ahead


class _Reader:
    """By recursive descent. Nodes: ("cat"|"alt", [nodes]), ("repeat", node, least, most), ("set", ranges), ("start",),
    ("end",)."""

    def __init__(self, text: str) -> None:
        self.text, self.at = text, 0

    def expect(self, character: str) -> None:
        if self.text[self.at : self.at + 1] != character:
            raise BadPattern(f"lacks a {character}")
        self.at += 1

    def alternatives(self, depth: int) -> Any:
        if depth > _MOST_DEPTH:
            raise BadPattern("is nested too deeply")
        found = [self._sequence(depth)]
        while self.text[self.at : self.at + 1] == "|":
            self.at += 1
            found.append(self._sequence(depth))
        return found[0] if len(found) == 1 else ("alt", found)

    def _sequence(self, depth: int) -> Any:
        found = []
        while self.at < len(self.text) and self.text[self.at] not in "|)":
            node = self._atom(depth)
            found.append(self._repeated(node))
        return ("cat", found)

    def _repeated(self, node: Any) -> Any:
        sign = self.text[self.at : self.at + 1]
        if sign and sign in "*+?":
            self.at += 1
            bounds = {"*": (0, None), "+": (1, None), "?": (0, 1)}[sign]
        elif sign == "{":
            bounds = self._bounds()
        else:
            return node
        if node[0] in ("start", "end"):
            raise BadPattern("repeats ^ or $")
        if self.text[self.at : self.at + 1] == "?":
            self.at += 1  # as few as possible: the same texts match
        if self.text[self.at : self.at + 1] in ("*", "+", "?", "{"):
            raise BadPattern("repeats a repetition")
        return ("repeat", node, *bounds)

    def _bounds(self) -> tuple[int, int | None]:
        end = self.text.find("}", self.at)
        low, comma, high = self.text[self.at + 1 : end].partition(",") if end > 0 else ("", "", "")
        if not _number(low) or (high and not _number(high)):
            raise BadPattern("has a { that begins no repetition: write \\{")
        self.at = end + 1
        least, most = int(low), (int(high) if high else None) if comma else int(low)
        if most is not None and most < least:
            raise BadPattern("has a repetition whose bounds are the wrong way round")
        return least, most

    def _atom(self, depth: int) -> Any:
        character = self.text[self.at]
        self.at += 1
        if character == "(":
            return self._group(depth)
        if character == "[":
            return ("set", self._class())
        if character == ".":
            return ("set", _ANY)
        if character == "^":
            return ("start",)
        if character == "$":
            return ("end",)
        if character == "\\":
            return ("set", self._escape(inside=False))
        if character in "*+?":
            raise BadPattern(f"has a {character} with nothing before it")
        if character == "{":
            raise BadPattern("has a { that begins no repetition: write \\{")
        return ("set", ((ord(character), ord(character)),))

    def _group(self, depth: int) -> Any:
        rest = self.text[self.at : self.at + 3]
        if rest.startswith("?:"):
            self.at += 2
        elif rest.startswith(("?=", "?!")):
            raise BadPattern(
                "has a lookahead that is not right behind the first ^: say it as another `pattern` in allOf"
            )
        elif rest.startswith(("?<=", "?<!")):
            raise BadPattern("has a lookbehind")
        elif rest.startswith("?<"):
            end = self.text.find(">", self.at)
            if not self.text[self.at + 2 : end].isidentifier() or end < 0:
                raise BadPattern("has a group with a malformed name")
            self.at = end + 1
        elif rest.startswith("?"):
            raise BadPattern("has a group of an unknown kind")
        node = self.alternatives(depth + 1)
        self.expect(")")
        return node

    def _escape(self, *, inside: bool) -> Ranges:
        character = self.text[self.at : self.at + 1]
        self.at += 1
        if character.lower() in _CLASSES and character:
            ranges = _CLASSES[character.lower()]
            return ranges if character.islower() else inverted(ranges)
        if character == "b" and inside:
            return ((8, 8),)
        if character in ("x", "u"):
            return self._code(character)
        code = _PLAIN.get(character)
        if code is None:
            if not character or character.isalnum():
                raise BadPattern(
                    "has a \\b: it cannot be matched without going back" if character in ("b", "B")
                    else "has a back reference" if character.isdigit() or character == "k"
                    else f"has an unknown escape \\{character}"
                )  # fmt: skip
            code = ord(character)
        return ((code, code),)

    def _code(self, kind: str) -> Ranges:
        if kind == "u" and self.text[self.at : self.at + 1] == "{":
            end = self.text.find("}", self.at)
            digits, after = self.text[self.at + 1 : max(end, 0)], end + 1
        else:
            after = self.at + (2 if kind == "x" else 4)
            digits = self.text[self.at : after]
            if len(digits) != after - self.at:
                digits = ""
        if not digits or any(each not in "0123456789abcdefABCDEF" for each in digits) or int(digits, 16) > _LAST:
            raise BadPattern(f"has a malformed \\{kind}")
        self.at = after
        return ((int(digits, 16), int(digits, 16)),)

    def _class(self) -> Ranges:
        negated = self.text[self.at : self.at + 1] == "^"
        self.at += negated
        found: list[tuple[int, int]] = []
        while self.text[self.at : self.at + 1] != "]":
            low = self._member()
            if self.text[self.at : self.at + 1] == "-" and self.text[self.at + 1 : self.at + 2] not in ("]", ""):
                self.at += 1
                high = self._member()
                single = len(low) == len(high) == 1 and low[0][0] == low[0][1] and high[0][0] == high[0][1]
                if not single or high[0][0] < low[0][0]:
                    raise BadPattern("has a range in [...] that is none")
                found.append((low[0][0], high[0][0]))
            else:
                found.extend(low)
        self.at += 1
        return inverted(tuple(found)) if negated else tuple(sorted(found))

    def _member(self) -> Ranges:
        if self.at >= len(self.text):
            raise BadPattern("has a [ that is not closed")
        character = self.text[self.at]
        self.at += 1
        return self._escape(inside=True) if character == "\\" else ((ord(character), ord(character)),)


def _number(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) <= 4


def _assembled(node: Any, *, anywhere: bool) -> Program:
    program: Program = []
    if anywhere:  # begin at any place: a loop over every character before it
        program += [(SPLIT, 2, 1), (SET, _EVERY, 0)]
    _emit(program, node)
    program.append((MATCH, None, None))
    return program


def _emit(program: Program, node: Any) -> None:
    if len(program) > MOST_STATES:
        raise BadPattern(f"has more than {MOST_STATES} states, its repetitions written out")
    kind = node[0]
    if kind == "set":
        program.append((SET, node[1], len(program) + 1))
    elif kind in ("start", "end"):
        program.append((START if kind == "start" else END, None, len(program) + 1))
    elif kind == "cat":
        for each in node[1]:
            _emit(program, each)
    elif kind == "alt":
        _emit_alternatives(program, node[1])
    else:
        _emit_repeat(program, *node[1:])


def _emit_alternatives(program: Program, nodes: list[Any]) -> None:
    ends = []
    for each in nodes[:-1]:
        split = len(program)
        program.append((SPLIT, split + 1, None))
        _emit(program, each)
        ends.append(len(program))
        program.append((SPLIT, None, None))
        program[split] = (SPLIT, split + 1, len(program))
    _emit(program, nodes[-1])
    for at in ends:
        program[at] = (SPLIT, len(program), len(program))


def _emit_repeat(program: Program, node: Any, least: int, most: int | None) -> None:
    for _ in range(least):
        before = len(program)
        _emit(program, node)
        if len(program) == before:
            return  # nothing, however often
    if most is None:
        split = len(program)
        program.append((SPLIT, split + 1, None))
        _emit(program, node)
        program.append((SPLIT, split, split))
        program[split] = (SPLIT, split + 1, len(program))
        return
    splits = []
    for _ in range(most - least):
        splits.append(len(program))
        program.append((SPLIT, len(program) + 1, None))
        _emit(program, node)
    for at in splits:
        program[at] = (SPLIT, at + 1, len(program))
