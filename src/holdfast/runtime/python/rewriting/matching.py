"""The selectors of one rewriter as steps: which element takes which step, given what its open ancestors took."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from holdfast.runtime.python.rewriting.elements import Ending, StartTag
from holdfast.runtime.python.rewriting.namespaces import SPECIAL, VOID
from holdfast.runtime.python.rewriting.selectors import Complex, Compound

Handler = Callable[[Any], Any]
_KINDS = 1 << 14  # names that the children of one element may have where they are counted
GENERAL, OPENS, EMPTY = range(3)  # what a tag of some name may mean: anything; an element to pass over; a void one


@dataclass(frozen=True, slots=True)
class Handlers:
    """What one object handles; None for each part that it does not."""

    element: Handler | None = None
    comments: Handler | None = None
    text: Handler | None = None
    doctype: Handler | None = None
    end: Handler | None = None

    @property
    def listens(self) -> bool:
        """Whether what is inside an element is asked for."""
        return self.text is not None or self.comments is not None

    @classmethod
    def of(cls, given: Any) -> Handlers:
        """From an instance with methods, or a mapping."""
        found = {}
        for name in cls.__slots__:
            each = given.get(name) if isinstance(given, Mapping) else getattr(given, name, None)
            found[name] = each if callable(each) else None
        return cls(**found)


@dataclass(frozen=True, slots=True)
class _Step:
    compound: Compound
    bit: int  # what an element that takes it is marked with; 0 for the last step of a selector
    needs: int  # the mark of the step before
    child: bool
    target: int  # whose handlers are called; -1 before the last step


@dataclass(slots=True)
class Name:
    """A tag's name, and how many elements of that name are open."""

    lower: bytes
    text: str
    steps: tuple[_Step, ...]
    kind: int
    opened: int = 0


@dataclass(slots=True)
class Program:
    """What a rewriter was told to do, as it is when a page begins."""

    handlers: list[Handlers] = field(default_factory=list)
    document: list[Handlers] = field(default_factory=list)
    counts: bool = False  # elements must be counted for :nth-child and the like
    _named: dict[str, list[_Step]] = field(default_factory=dict)
    _nameless: list[_Step] = field(default_factory=list)
    _bits: int = 1

    def add(self, selectors: Iterable[Complex], handlers: Handlers) -> None:
        target = len(self.handlers)
        self.handlers.append(handlers)
        for selector in selectors:
            needs = 0
            last = len(selector.compounds) - 1
            for at, (compound, child) in enumerate(selector.compounds):
                bit = 0
                if at != last:
                    bit, self._bits = self._bits, self._bits << 1
                step = _Step(compound, bit, needs, child, target if at == last else -1)
                place = self._nameless if compound.name is None else self._named.setdefault(compound.name, [])
                place.append(step)
                self.counts = self.counts or compound.counts
                needs = bit

    def name(self, lower: bytes) -> Name:
        """What is known of the tag `lower`."""
        text = lower.decode("utf-8", "replace")
        steps = (*self._named.get(text, ()), *self._nameless)
        general = bool(steps) or self.counts or lower in SPECIAL
        return Name(lower, text, steps, GENERAL if general else EMPTY if lower in VOID else OPENS)

    @staticmethod
    def judge(name: Name, tag: StartTag, above: int, parent: int) -> tuple[list[int], int]:
        """Whose handlers the element is given, in their order, and its marks. `above` are the marks of all open
        ancestors, `parent` those of the last of them."""
        targets: set[int] = set()
        marks = 0
        for step in name.steps:
            if step.needs and not step.needs & (parent if step.child else above):
                continue
            if step.compound.matches(tag):
                marks |= step.bit
                if step.target >= 0:
                    targets.add(step.target)
        return sorted(targets), marks


@dataclass(slots=True)
class Frame:
    """An open element that something is due for: its handlers, its end, or selectors that go on below it."""

    depth: int
    marks: int
    above: int  # the marks of the ancestors and its own
    targets: list[int] = field(default_factory=list)
    ending: Ending | None = None
    muted: bool = False


class Children:
    """How many elements an open one has so far, in all and by name."""

    __slots__ = ("_all", "_named")

    def __init__(self) -> None:
        self._all = 0
        self._named: dict[bytes, int] = {}

    def count(self, name: Name) -> tuple[int, int]:
        self._all += 1
        of_name = self._named[name.lower] = self._named.get(name.lower, 0) + 1
        if len(self._named) > _KINDS:
            raise ValueError(f"an element of the page has children of more than {_KINDS} kinds")
        return self._all, of_name
