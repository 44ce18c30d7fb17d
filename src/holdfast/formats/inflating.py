"""Inflating many small zstd frames into one kept buffer.

By zstd's own `ZSTD_decompressDCtx` with a kept context: for a blob of 64 KiB, setting a decompressor up and gathering
its output is a third of the time. The function is that of the library inside backports.zstd; where a build hides it,
its decompressor does the same.
"""

from __future__ import annotations

import ctypes
import threading
from importlib import import_module

from backports.zstd import ZstdDecompressor, ZstdError

from holdfast.kernel.errors import Corrupt

_KEPT = 64 << 10  # the least a buffer holds


def _library() -> ctypes.CDLL | None:
    try:
        library = ctypes.CDLL(import_module("backports.zstd._zstd").__file__)
        library.ZSTD_createDCtx.restype = ctypes.c_void_p
        library.ZSTD_freeDCtx.argtypes = (ctypes.c_void_p,)
        library.ZSTD_decompressDCtx.restype = ctypes.c_size_t
        into, size = ctypes.c_void_p, ctypes.c_size_t
        library.ZSTD_decompressDCtx.argtypes = (ctypes.c_void_p, into, size, ctypes.c_char_p, size)
        library.ZSTD_isError.argtypes = (size,)
    except (OSError, AttributeError):
        return None
    return library


LIBRARY = _library()


class Inflater:
    """For one thread. Holds as much as the longest that it inflated."""

    def __init__(self, library: ctypes.CDLL | None = LIBRARY) -> None:
        self._library = library
        self._context = None if library is None else library.ZSTD_createDCtx()
        self._resize(_KEPT)

    def _resize(self, length: int) -> None:
        self.buffer = bytearray(length)
        self._place = (ctypes.c_char * length).from_buffer(self.buffer)

    def inflate(self, packed: bytes, length: int) -> memoryview:
        """The `length` bytes that `packed` is the frame of: valid until the next call. Raises Corrupt when it is not,
        or inflates to another length."""
        if length > len(self.buffer):
            self._resize(length)
        if self._library is None or self._context is None:
            return self._slowly(packed, length)
        made = self._library.ZSTD_decompressDCtx(self._context, self._place, length, packed, len(packed))
        if made != length:
            wrong = self._library.ZSTD_isError(made)
            raise Corrupt("it cannot be inflated" if wrong else "its length is not what the index says")
        return memoryview(self.buffer)[:length]

    def _slowly(self, packed: bytes, length: int) -> memoryview:
        decompressor = ZstdDecompressor()
        try:
            plain = decompressor.decompress(packed, max_length=length + 1)
        except ZstdError:
            raise Corrupt("it cannot be inflated") from None
        if len(plain) != length or not decompressor.eof or decompressor.unused_data:
            raise Corrupt("its length is not what the index says")
        self.buffer[:length] = plain
        return memoryview(self.buffer)[:length]

    def __del__(self) -> None:
        if self._library is not None and self._context is not None:
            self._library.ZSTD_freeDCtx(self._context)


class _OfThread(threading.local):
    def __init__(self) -> None:
        self.inflater = Inflater()


_of_thread = _OfThread()


def inflater() -> Inflater:
    """This thread's own."""
    return _of_thread.inflater
