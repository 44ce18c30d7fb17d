"""Reading blobs: found in the index, fetched from their pack, opened, inflated, hashed."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence

from holdfast.formats.inflating import inflater
from holdfast.formats.restic.pack import BlobType, PackedBlob
from holdfast.formats.restic.sealing import Key
from holdfast.kernel.errors import Corrupt, NotFound
from holdfast.vault.index import BlobIndex
from holdfast.vault.stores.base import Store


def pack_name(pack: bytes) -> str:
    text = pack.hex()
    return f"data/{text[:2]}/{text}"


def prove(sealed: bytes | memoryview, where: PackedBlob, key: Key) -> bytes | memoryview:
    """The plain blob, proven by its MAC and its hash; only until this thread proves another. Raises Corrupt naming the
    blob."""
    try:
        opened = key.open(sealed)
        plain = inflater().inflate(opened, where.raw_length) if where.raw_length else opened
    except Corrupt as error:
        raise Corrupt(f"blob {where.id.hex()[:12]} is damaged: {error}", details={"blob": where.id.hex()}) from None
    if hashlib.sha256(plain).digest() != where.id:
        raise Corrupt(f"blob {where.id.hex()[:12]} does not match its hash", details={"blob": where.id.hex()})
    return plain


def unwrap(sealed: bytes | memoryview, where: PackedBlob, key: Key) -> bytes:
    """The plain blob, proven, to keep. Raises Corrupt naming the blob."""
    return bytes(prove(sealed, where, key))


class BlobReader:
    """Thread-safe, without a cache of its own."""

    def __init__(self, store: Store, key: Key, index: BlobIndex) -> None:
        self._store, self._key, self._index = store, key, index

    def locate(self, blob: bytes, kind: BlobType = BlobType.DATA) -> tuple[bytes, PackedBlob]:
        found = self._index.find(blob, kind)
        if found is None:
            raise Corrupt(f"blob {blob.hex()[:12]} is in no index", details={"blob": blob.hex()})
        return found

    def knows(self, blob: bytes, kind: BlobType = BlobType.DATA) -> bool:
        """Whether an index has it; nothing is read."""
        return self._index.has(blob, kind)

    def lies_in(self, blob: bytes, kind: BlobType, pack: bytes) -> bool:
        """Whether it would be read from this pack."""
        found = self._index.find(blob, kind)
        return found is not None and found[0] == pack

    def read_span(self, pack: bytes, span: Sequence[PackedBlob]) -> Iterator[tuple[PackedBlob, bytes | memoryview]]:
        """Adjoining blobs of one pack with their plain bytes, for one read; each only until the next is asked for.
        Raises Corrupt at the first bad one."""
        start, length = span[0].offset, span[-1].offset + span[-1].length - span[0].offset
        sealed = memoryview(self._fetch(pack, start, length))
        for where in span:
            at = where.offset - start
            yield where, prove(sealed[at : at + where.length], where, self._key)

    def _fetch(self, pack: bytes, offset: int, length: int) -> bytes:
        try:
            return self._store.get(pack_name(pack), offset, length)
        except NotFound:
            raise Corrupt(f"pack {pack.hex()[:12]} is missing", details={"pack": pack.hex()}) from None

    def read(self, blob: bytes, kind: BlobType = BlobType.DATA) -> bytes:
        """Raises Corrupt when it is missing or damaged."""
        pack, where = self.locate(blob, kind)
        return unwrap(self._fetch(pack, where.offset, where.length), where, self._key)
