"""Rows and pages of every table, from pages that pass anyway: `count(*)` and dbstat would each read the file again.

A b-tree page begins with its kind and the number of its cells (sqlite.org/fileformat2.html, section 1.6). Of each page
that passes three bytes are kept, of interior pages the numbers of their children too; walking from a table's root
then counts what `count(*)` counts, by the same cells.
"""

from __future__ import annotations

import re
import struct
import sys
from array import array
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

MOST_PAGES = 8 << 20  # 32 GiB of usual pages; they cost some 7 bytes each
_LOCK_BYTE = 1 << 30  # SQLite never uses the page that holds this byte
_FIRST_HEADER = 100  # the file's own header lies before the first page's
_DEEPEST = 40
_TABLE_LEAF, _TABLE_INTERIOR, _INDEX_LEAF, _INDEX_INTERIOR = 13, 5, 10, 2
_TREE_KINDS = (_TABLE_LEAF, _TABLE_INTERIOR, _INDEX_LEAF, _INDEX_INTERIOR)
_INTERIOR = re.compile(rb"[\x02\x05]")
_COUNT = struct.Struct(">H")


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
        self._kinds, self._counts = bytearray(pages + 1), bytearray(2 * pages + 2)  # pages are numbered from 1
        self._children: dict[int, array[int]] = {}

    def take(self, index: int, cell: memoryview) -> None:
        """Keep what counts of a cell's pages. What only looks like an interior page is kept as well."""
        first, count = index * self._per_cell + 1, len(cell) // self._page
        kinds, counts = bytearray(cell[0 :: self._page]), bytearray(2 * count)
        counts[0::2], counts[1::2] = cell[3 :: self._page], cell[4 :: self._page]
        if index == 0:
            kinds[0] = cell[_FIRST_HEADER]
            counts[:2] = cell[_FIRST_HEADER + 3 : _FIRST_HEADER + 5]
        self._kinds[first : first + count] = kinds
        self._counts[2 * first : 2 * (first + count)] = counts
        for found in _INTERIOR.finditer(kinds):
            at = found.start()
            page = bytes(cell[at * self._page : (at + 1) * self._page])
            self._children[first + at] = _children(page, _FIRST_HEADER if first + at == 1 else 0)

    def trees(self, roots: Mapping[str, int]) -> dict[str, Tree]:
        """What belongs to each root. Raises Unclear."""
        walked, counts = bytearray(self._pages + 1), array("H", bytes(self._counts))
        if sys.byteorder == "little":
            counts.byteswap()
        return {name: self._walk(root, walked, counts) for name, root in roots.items()}

    def complete(self, trees: Mapping[str, Tree], free: int) -> bool:
        """Whether these trees and `free` pages are the whole file: no tree has pages that only its cells name."""
        unused = 1 if self._pages * self._page > _LOCK_BYTE else 0
        return sum(tree.pages for tree in trees.values()) + free + unused == self._pages

    def _walk(self, root: int, walked: bytearray, counts: array[int]) -> Tree:
        """Level by level: all leaves of a tree lie equally deep, so one level has pages of one kind."""
        before, rows, pages = walked.count(1), 0, 0
        level, kind = array("I", [root]), self._kind([root])
        ordered = kind in (_TABLE_LEAF, _TABLE_INTERIOR)
        leaf, interior = (_TABLE_LEAF, _TABLE_INTERIOR) if ordered else (_INDEX_LEAF, _INDEX_INTERIOR)
        for _ in range(_DEEPEST):
            pages += len(level)
            for number in level:
                walked[number] = 1
            if kind == leaf or not ordered:  # a table's interior cells only show the way, an index's are entries too
                rows += sum(map(counts.__getitem__, level))
            if kind == leaf:
                if walked.count(1) - before != pages:  # a page that is reached twice
                    raise Unclear
                return Tree(rows, pages)
            below = array("I")
            for number in level:
                below.extend(self._children[number])
            level, kind = below, self._kind(below)
            if kind not in (leaf, interior) or pages + len(level) > self._pages:
                raise Unclear
        raise Unclear

    def _kind(self, level: Sequence[int]) -> int:
        """Of all pages of a level. Raises Unclear when there are several, or none that a tree can have."""
        try:
            kinds = set(map(self._kinds.__getitem__, level))
        except IndexError:
            raise Unclear from None
        kind = kinds.pop() if kinds else 0
        if kinds or kind not in _TREE_KINDS:
            raise Unclear
        return kind


def _children(page: bytes, header: int) -> array[int]:
    """Nothing for a page that is no interior page, whatever its first byte says."""
    numbers = array("I")
    try:
        (count,) = _COUNT.unpack_from(page, header + 3)
        places = array("H", page[header + 12 : header + 12 + 2 * count])
        if len(places) != count:
            return numbers
        if sys.byteorder == "little":
            places.byteswap()
        numbers.frombytes(b"".join([page[at : at + 4] for at in places]))
        numbers.frombytes(page[header + 8 : header + 12])
    except (struct.error, ValueError):
        return array("I")
    if len(numbers) != count + 1:
        return array("I")  # a cell that lies at or beyond the page's end
    if sys.byteorder == "little":
        numbers.byteswap()
    return numbers
