"""Reading pieces of any size as if they were one file: exactly so many bytes, or what is left but a tail."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from holdfast.kernel.errors import Corrupt


class Pull:
    """Memory: one piece, and what was asked for at once."""

    def __init__(self, pieces: Iterable[bytes], what: str = "the file") -> None:
        self._pieces = iter(pieces)
        self._held = bytearray()
        self._what = what

    def exactly(self, count: int) -> bytes:
        """Raises Corrupt when it ends before."""
        while len(self._held) < count:
            piece = next(self._pieces, None)
            if piece is None:
                raise cut_short(self._what)
            self._held += piece
        found = bytes(self._held[:count])
        del self._held[:count]
        return found

    def all_but(self, tail: int) -> Iterator[bytes]:
        """Everything but the last `tail` bytes, which `exactly` gives afterwards."""
        while True:
            if len(self._held) > tail:
                found = bytes(self._held[: len(self._held) - tail])
                del self._held[: len(found)]
                yield found
            piece = next(self._pieces, None)
            if piece is None:
                return
            self._held += piece

    def rest(self) -> Iterator[bytes]:
        yield from self.all_but(0)

    def require_end(self) -> None:
        """Raises Corrupt when there is more."""
        if self._held or any(self._pieces):
            raise Corrupt(f"{self._what} goes on behind its end", code="file_damaged")


def cut_short(what: str) -> Corrupt:
    return Corrupt(f"{what} is cut short", code="file_damaged")
