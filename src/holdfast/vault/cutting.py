"""Cutting entries into chunks: a fixed grid for pages, content-defined cuts for streams."""

from __future__ import annotations

from collections.abc import Callable

from pyfastcdc import FastCDC

from holdfast.contract.snapshot import Entry, Pages, Stream
from holdfast.kernel.errors import Corrupt, Permanent
from holdfast.kernel.stop import Stop

AVERAGE = 512 << 10
SMALLEST, LARGEST = AVERAGE // 4, AVERAGE * 4
_WINDOW = 4 * LARGEST  # more than twice the largest chunk, or a cut could depend on where a read ended

Emit = Callable[[int, bytes | memoryview], None]  # (position in the entry's list, chunk)


def cut_pages(entry: Entry, pages: Pages, emit: Emit, stop: Stop, present: Callable[[int], None]) -> int:
    """Emit each cell at its place on the grid and call `present` with it. Returns the number of cells the entry has."""
    if entry.size is None:
        raise Permanent(f"the page entry {entry.path!r} does not say its size")
    cells = -(-entry.size // entry.page)
    for cell, data in pages.cells():
        stop.check()
        expected = min(entry.page, entry.size - cell * entry.page)
        if not 0 <= cell < cells or len(data) != expected:
            raise Corrupt(f"cell {cell} of {entry.path!r} has {len(data)} bytes instead of {expected}")
        present(cell)
        emit(cell, _kept(data))
    return cells


def _kept(data: memoryview) -> bytes | memoryview:
    """The cell's bytes, safe to keep: those that never change are not copied."""
    return data if type(data.obj) is bytes else bytes(data)


def cut_stream(stream: Stream, emit: Emit, stop: Stop) -> int:
    """Emit content-defined chunks in order; their number. The cuts depend on the bytes alone, not on how they came."""
    cutter = FastCDC(AVERAGE, min_size=SMALLEST, max_size=LARGEST)
    count, window, final = 0, b"", False
    block = memoryview(bytearray(1 << 20))
    while not final:
        window, final = _fill(window, stream, block, stop)
        taken = 0
        for chunk in cutter.cut_buf(window) if window else ():
            end = chunk.offset + chunk.length
            if not final and end > len(window) - LARGEST:
                break
            emit(count, window[chunk.offset : end])
            count, taken = count + 1, end
        window = window[taken:]
    return count


def _fill(window: bytes, stream: Stream, block: memoryview, stop: Stop) -> tuple[bytes, bool]:
    """Read until the window is full or the stream ends (True)."""
    parts, held = [window], len(window)
    while held < _WINDOW:
        stop.check()
        taken = stream.readinto(block)
        if taken == 0:
            return b"".join(parts), True
        parts.append(bytes(block[:taken]))
        held += taken
    return b"".join(parts), False
