"""From plain bytes to what lies in a pack, and proof that the way back exists."""

from __future__ import annotations

from backports.zstd import ZstdCompressor

from holdfast.formats.inflating import inflater
from holdfast.kernel.errors import Corrupt
from holdfast.vault.options import SnapshotOptions
from holdfast.vault.repository import Repository

_SAMPLE = 16 << 10


class Sealer:
    """Compresses and seals for one thread, at the level that was chosen."""

    def __init__(self, repo: Repository, options: SnapshotOptions) -> None:
        self._key = repo.key
        self._probes = options.probes
        self._compressor = None if options.zstd is None else ZstdCompressor(level=options.zstd)

    def seal(self, blob: bytes, data: bytes | memoryview) -> tuple[bytes, int]:
        """(sealed bytes, plain length when compressed, else 0), opened again: a fault of memory or code shows before
        the upload, not at restore. Raises Corrupt."""
        packed: bytes | memoryview = data
        raw_length = 0
        if self._compressor is not None and not (self._probes and self._hardly_shrinks(data)):
            packed = self._compressor.compress(data, ZstdCompressor.FLUSH_FRAME)
            raw_length = len(data) if len(packed) < len(data) else 0
        sealed = self._key.seal(packed if raw_length else data)
        if not self._survived(sealed, raw_length, data):
            raise Corrupt(f"blob {blob.hex()[:12]} did not survive sealing: this machine's memory may be bad")
        return sealed, raw_length

    def _survived(self, sealed: bytes, raw_length: int, data: bytes | memoryview) -> bool:
        """Compared by `startswith`: unlike ==, at memcmp's speed for views too."""
        opened = self._key.open(sealed)
        if not raw_length:
            return len(opened) == len(data) and opened.startswith(data)
        kept = inflater()
        kept.inflate(opened, len(data))
        return kept.buffer.startswith(data)

    def _hardly_shrinks(self, data: bytes | memoryview) -> bool:
        """By less than an eighth, going by a piece from its middle."""
        if self._compressor is None or len(data) < 4 * _SAMPLE:
            return False
        sample = data[len(data) // 2 :][:_SAMPLE]
        return len(self._compressor.compress(sample, ZstdCompressor.FLUSH_FRAME)) > _SAMPLE * 7 // 8
