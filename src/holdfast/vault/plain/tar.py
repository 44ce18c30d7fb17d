"""Every entry of a snapshot as one tar (POSIX pax), made as it is read: all sizes are known before the first byte."""

from __future__ import annotations

import tarfile
from collections.abc import Iterator, Mapping

from holdfast.contract.plain import Literal, Part, Whole
from holdfast.contract.snapshot import Source

_BLOCK = 512


def parts(source: Source, extra: Mapping[str, bytes], at: int) -> Iterator[Part]:
    """`extra` first (they go before entries of the same name), then the entries by path. `at`: seconds since 1970."""
    for name, content in extra.items():
        yield Literal(_header(name, len(content), at) + content + _padding(len(content)))
    for path in sorted(set(source.paths()) - extra.keys()):
        size = source.size(path)
        yield Literal(_header(path, size, at))
        yield Whole(path, size)
        if gap := _padding(size):
            yield Literal(gap)
    yield Literal(bytes(2 * _BLOCK))


def _header(name: str, size: int, at: int) -> bytes:
    member = tarfile.TarInfo(name)
    member.size, member.mtime = size, at
    member.mode = 0o755 if name.endswith(".sh") else 0o644
    return member.tobuf(tarfile.PAX_FORMAT)


def _padding(size: int) -> bytes:
    return bytes(-size % _BLOCK)
