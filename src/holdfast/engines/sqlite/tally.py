"""Rows and pages of every table, from pages that pass anyway: `count(*)` and dbstat would each read the file again.

A b-tree page begins with its kind and the number of its cells (sqlite.org/fileformat2.html, section 1.6). Of each page
that passes three bytes are kept, of interior pages the numbers of their children too; walking from a table's root
then counts what `count(*)` counts, by the same cells.
"""

from __future__ import annotations

import re
import struct
from array import array
from collections.abc import Mapping
from dataclasses import dataclass

MOST_PAGES = 8 << 20  # 32 GiB of usual pages; they cost some 7 bytes each
_LOCK_BYTE = 1 << 30  # SQLite never uses the page that holds this byte
_FIRST_HEADER = 100  # the file's own header lies before the first page's
_DEEPEST = 40
_TABLE_LEAF, _TABLE_INTERIOR, _INDEX_LEAF, _INDEX_INTERIOR = 13, 5, 10, 2
_TREE_KINDS = (_TABLE_LEAF, _TABLE_INTERIOR, _INDEX_LEAF, _INDEX_INTERIOR)
_INTERIOR = re.compile(rb"[\x02\x05]")
_NUMBER = struct.Struct(">I")


class Unclear(Exception):
    """A tree is not as it must be, or a page of it did not pass: ask SQLite, which knows how to say what is wrong."""


@dataclass(frozen=True)
class Tree:
    rows: int
    pages: int


class Tally:
    """For one reading of one file. The pages may come in any order; none may be walked before all have come."""

    def __init__(self, pages: int, page: int, cell: int) -> None:
        self._pages, self._page, self._per_cell = pages, page, cell // page
        self._kinds, self._high, self._low = bytearray(pages), bytearray(pages), bytearray(pages)
        self._children: dict[int, array[int]] = {}

    def take(self, index: int, cell: memoryview) -> None:
        """Keep what counts of a cell's pages. What only looks like an interior page is kept as well."""
        first, count = index * self._per_cell, len(cell) // self._page
        kinds = bytearray(cell[0 :: self._page])
        high, low = bytearray(cell[3 :: self._page]), bytearray(cell[4 :: self._page])
        if index == 0:
            kinds[0], high[0], low[0] = (cell[_FIRST_HEADER + at] for at in (0, 3, 4))
        self._kinds[first : first + count] = kinds
        self._high[first : first + count] = high
        self._low[first : first + count] = low
        for found in _INTERIOR.finditer(kinds):
            at = found.start()
            header = _FIRST_HEADER if first + at == 0 else 0
            page = cell[at * self._page : (at + 1) * self._page]
            self._children[first + at] = _children(page, header, high[at] << 8 | low[at])

    def trees(self, roots: Mapping[str, int]) -> dict[str, Tree]:
        """What belongs to each root (a page's number, from 1). Raises Unclear."""
        walked = bytearray(self._pages)
        return {name: self._walk(root - 1, walked) for name, root in roots.items()}

    def complete(self, trees: Mapping[str, Tree], free: int) -> bool:
        """Whether these trees and `free` pages are the whole file: no tree has pages that only its cells name."""
        unused = 1 if self._pages * self._page > _LOCK_BYTE else 0
        return sum(tree.pages for tree in trees.values()) + free + unused == self._pages

    def _walk(self, root: int, walked: bytearray) -> Tree:
        """Level by level: all leaves of a tree lie equally deep, so one level has pages of one kind."""
        rows = pages = 0
        level, kind = [root], self._kind([root])
        ordered = kind in (_TABLE_LEAF, _TABLE_INTERIOR)
        leaf, interior = (_TABLE_LEAF, _TABLE_INTERIOR) if ordered else (_INDEX_LEAF, _INDEX_INTERIOR)
        before = walked.count(1)
        for _ in range(_DEEPEST):
            pages += len(level)
            for number in level:
                walked[number] = 1
            if kind == leaf or not ordered:  # a table's interior cells only show the way, an index's are entries too
                rows += self._cells(level)
            if kind == leaf:
                if walked.count(1) - before != pages:  # a page that is reached twice
                    raise Unclear
                return Tree(rows, pages)
            level = [child for number in level for child in self._children[number]]
            kind = self._kind(level)
            if kind not in (leaf, interior) or pages + len(level) > self._pages:
                raise Unclear
        raise Unclear

    def _kind(self, level: list[int]) -> int:
        """Of all pages of a level. Raises Unclear when there are several, or none that a tree can have."""
        if not level or min(level) < 0 or max(level) >= self._pages:
            raise Unclear
        kinds = set(map(self._kinds.__getitem__, level))
        kind = kinds.pop()
        if kinds or kind not in _TREE_KINDS:
            raise Unclear
        return kind

    def _cells(self, level: list[int]) -> int:
        return (sum(map(self._high.__getitem__, level)) << 8) + sum(map(self._low.__getitem__, level))


def _children(page: memoryview, header: int, count: int) -> array[int]:
    """Page numbers from 0. Nothing for a page that is no interior page, whatever its first byte says."""
    try:
        places = struct.unpack_from(f">{count}H", page, header + 12)
        numbers = [_NUMBER.unpack_from(page, at)[0] - 1 for at in places]
        numbers.append(_NUMBER.unpack_from(page, header + 8)[0] - 1)
        return array("I", numbers)
    except (struct.error, OverflowError):
        return array("I")
