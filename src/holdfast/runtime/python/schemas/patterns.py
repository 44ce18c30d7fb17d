"""Regular expressions (ECMA-262's syntax, as JSON Schema has them) whose cost grows with the text and no faster.

Whoever sends a request chooses the text, so a matcher that goes back (`re`) would let one request take a processor for
minutes. A pattern is compiled to states (Thompson) that are walked together; sets of states met before are kept, as
RE2 does. What needs going back is refused: back references, \\b, lookbehind; lookahead only right behind a `^`.
"""

from __future__ import annotations

from holdfast.runtime.python.schemas.pattern_reading import END, SET, SPLIT, START, BadPattern, Program, read

_MOST_KEPT = 500  # sets of states of one machine: at worst some ten megabytes
_MOST_FOLLOWING = 256  # answers of one set

__all__ = ["BadPattern", "Budget", "Pattern", "TooCostly"]


class TooCostly(Exception):
    """A request costs more to look at than any may."""


class Budget:
    """Steps that are left for one request: about a tenth of a microsecond each."""

    __slots__ = ("left",)

    def __init__(self, steps: int) -> None:
        self.left = steps

    def spend(self, steps: int) -> None:
        """Raises TooCostly."""
        self.left -= steps
        if self.left < 0:
            raise TooCostly


class Pattern:
    """Raises BadPattern, in words for whoever wrote it."""

    def __init__(self, text: str) -> None:
        main, ahead = read(text)
        self._main = _Machine(main)
        self._ahead = [(wanted, _Machine(program)) for wanted, program in ahead]

    def found(self, text: str, budget: Budget) -> bool:
        """Whether it matches anywhere in `text`. Raises TooCostly."""
        for wanted, machine in self._ahead:
            if machine.found(text, budget) is not wanted:
                return False
        return self._main.found(text, budget)


class _Set:
    """States that are walked together."""

    __slots__ = ("at", "cost", "ends", "following", "over")

    def __init__(self, at: tuple[int, ...], cost: int, *, over: bool, ends: bool) -> None:
        self.at = at
        self.cost = cost  # steps of reading a character that was not read here before
        self.over = over  # matched, whatever follows
        self.ends = ends  # matched if the text ends here
        self.following: dict[str, _Set] = {}


class _Machine:
    def __init__(self, program: Program) -> None:
        self._program = program
        self._kept: dict[tuple[tuple[int, ...], bool], _Set] = {}
        self._first = self._made((0,), start=True)

    def found(self, text: str, budget: Budget) -> bool:
        now = self._first
        budget.spend(len(text))
        for character in text:
            if now.over or not now.at:
                break
            following = now.following.get(character)
            now = self._step(now, character, budget) if following is None else following
        else:
            return now.over or (self._at_end_of_nothing() if not text else now.ends)
        return now.over

    def _step(self, now: _Set, character: str, budget: Budget) -> _Set:
        budget.spend(now.cost)
        code, program = ord(character), self._program
        reached = []
        for at in now.at:
            instruction = program[at]
            if instruction[0] == SET and any(low <= code <= high for low, high in instruction[1]):
                reached.append(instruction[2])
        made = self._made(tuple(reached), start=False, budget=budget)
        if len(now.following) < _MOST_FOLLOWING:
            now.following[character] = made
        return made

    def _made(self, reached: tuple[int, ...], *, start: bool, budget: Budget | None = None) -> _Set:
        at, over = self._closure(reached, start=start, end=False)
        if budget is not None:
            budget.spend(10 * len(at))
        known = None if start else self._kept.get((at, over))
        if known is not None:
            return known
        ends = over or self._closure(at, start=False, end=True)[1]
        cost = 20 + sum(3 + len(self._program[each][1] or ()) for each in at)
        made = _Set(at, cost, over=over, ends=ends)
        if not start:
            if len(self._kept) >= _MOST_KEPT:
                for each in self._kept.values():
                    each.following.clear()  # otherwise they would keep each other alive
                self._kept.clear()
                self._first.following.clear()
            self._kept[at, over] = made
        return made

    def _at_end_of_nothing(self) -> bool:
        return self._closure((0,), start=True, end=True)[1]

    def _closure(self, reached: tuple[int, ...], *, start: bool, end: bool) -> tuple[tuple[int, ...], bool]:
        """Where one can be without reading on: what reads, what waits for the end; and whether that is a match."""
        program, seen, open_, kept, over = self._program, set(reached), list(reached), [], False
        while open_:
            at = open_.pop()
            kind, first, second = program[at]
            if kind == SET:
                kept.append(at)
                continue
            if kind == SPLIT:
                ways: tuple[int, ...] = (first, second)
            elif kind == START:
                ways = (second,) if start else ()
            elif kind == END:
                kept.append(at)
                ways = (second,) if end else ()
            else:
                over = True
                continue
            for each in ways:
                if each not in seen:
                    seen.add(each)
                    open_.append(each)
        return tuple(sorted(kept)), over
