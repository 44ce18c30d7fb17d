"""Bytes of the database file as they lie on disk, through the handle SQLite itself holds.

A file handle of our own must not be closed (see connections.py), and SQLite offers no other way to a single page.
Source: `sqlite3_io_methods` and SQLITE_FCNTL_FILE_POINTER in SQLite's C interface, both stable parts of it.
"""

from __future__ import annotations

import ctypes

import apsw

from holdfast.kernel.errors import Permanent, Retryable

_READ = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_int, ctypes.c_longlong)


class _Methods(ctypes.Structure):
    _fields_ = (("version", ctypes.c_int), ("close", ctypes.c_void_p), ("read", _READ))


class _File(ctypes.Structure):
    _fields_ = (("methods", ctypes.POINTER(_Methods)),)


def read(connection: apsw.Connection, offset: int, buffer: bytearray) -> None:
    """Fill `buffer` from `offset`. The caller holds a read transaction and lets nobody else use the connection.

    Pages that are in the -wal have other bytes there. Raises Retryable when the file is shorter or cannot be read."""
    pointer = ctypes.c_void_p()
    if (
        not connection.file_control("main", apsw.SQLITE_FCNTL_FILE_POINTER, ctypes.addressof(pointer))
        or not pointer.value
    ):
        raise Permanent("SQLite gave no handle of its file", code="capture_incomplete")
    file = ctypes.cast(pointer, ctypes.POINTER(_File)).contents
    target = (ctypes.c_char * len(buffer)).from_buffer(buffer)
    code = file.methods.contents.read(pointer, ctypes.addressof(target), len(buffer), offset)
    if code != apsw.SQLITE_OK:
        raise Retryable(f"the file could not be read at {offset} (code {code})", code="capture_incomplete")
