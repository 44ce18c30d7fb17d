"""Cutting entries into chunks: a fixed grid for pages, content-defined cuts for streams."""

from __future__ import annotations

import threading
from collections.abc import Callable

from pyfastcdc import FastCDC

from holdfast.contract.snapshot import Entry, Pages, Stream
from holdfast.kernel.errors import Corrupt, Permanent
from holdfast.kernel.stop import Stop

AVERAGE = 512 << 10
SMALLEST, LARGEST = AVERAGE // 4, AVERAGE * 4
_WINDOW = 4 * LARGEST  # more than twice the largest chunk, or a cut could depend on where a read ended

_READ = 1 << 20  # at most so much at once
_REST = 4 << 10
_of_thread = threading.local()

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
    """Emit content-defined chunks in order; their number. The cuts depend on the bytes alone, not on how they came.

    Bytes are copied twice: into the window by the stream itself, and out of it as a chunk."""
    cutter = FastCDC(AVERAGE, min_size=SMALLEST, max_size=LARGEST)
    window = _window()
    count, held, final = 0, 0, False
    while not final:
        held, final = _fill(window, held, stream, stop)
        taken = 0
        for chunk in cutter.cut_buf(window[:held]) if held else ():
            end = chunk.offset + chunk.length
            if not final and end > held - LARGEST:
                break
            emit(count, bytes(window[chunk.offset : end]))
            count, taken = count + 1, end
        window[: held - taken] = window[taken:held]  # they may overlap: moved, not copied twice
        held -= taken
    return count


def _window() -> memoryview:
    """This thread's own: one for each of ten thousand small tables would cost more than reading them."""
    found: memoryview | None = getattr(_of_thread, "window", None)
    if found is None:
        found = _of_thread.window = memoryview(bytearray(_WINDOW))
    return found


def _fill(window: memoryview, held: int, stream: Stream, stop: Stop) -> tuple[int, bool]:
    """Read until the window is full or the stream ends (True); how many bytes it holds. Short of a few bytes is full:
    some streams cannot fill so small a rest."""
    while held < _WINDOW - _REST:
        stop.check()
        taken = stream.readinto(window[held : held + _READ])
        if taken == 0:
            return held, True
        held += taken
    return held, False
