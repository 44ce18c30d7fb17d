"""What packs and seals is undone exactly; anything altered is refused and never a wrong byte at a clean end."""

from __future__ import annotations

import hashlib
import os
import random
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from holdfast.formats.plain import aes, age_stream, openpgp
from holdfast.formats.plain.packing import METHODS, Packing, packed
from holdfast.formats.plain.unpacking import unpacked
from holdfast.kernel.errors import Corrupt, Denied, Invalid
from holdfast.kernel.stop import Stop
from holdfast.vault.plain.document import FileDocument, Piece
from holdfast.vault.plain.keys import FileKeys, id_of, new_key
from holdfast.vault.plain.reading import Laid, inside
from holdfast.vault.plain.wish import Sealing
from holdfast.vault.stores.local import LocalStore

SIZES = (0, 1, 15, 16, 65_535, 65_536, 65_537, 131_072, 400_000)
KEYS: dict[Sealing, str] = {"age": new_key("age"), "aes256": "a passphrase of some length", "gpg": new_key("gpg")}
SEALERS: dict[Sealing, Callable[[Iterator[bytes]], Iterator[bytes]]] = {
    "aes256": lambda pieces: aes.sealed(pieces, KEYS["aes256"]),
    "gpg": lambda pieces: openpgp.sealed(pieces, KEYS["gpg"]),
    "age": lambda pieces: age_stream.sealed(pieces, [age_stream.recipient_of(KEYS["age"])]),
}


def opened(pieces: Iterator[bytes], how: Sealing, key: str | None = None) -> bytes:
    """Through a repository's keys, where another than the one now may be the right one."""
    key = key or KEYS[how]
    return b"".join(FileKeys(new_key(how), (key,)).opened(pieces, how, id_of(key)))


def cut(content: bytes, seed: int, most: int = 70_000) -> Iterator[bytes]:
    """In pieces of any size, some of them empty."""
    numbers, at = random.Random(seed), 0
    while at < len(content):
        size = numbers.choice((0, 1, 7, 4096, most))
        yield content[at : at + size]
        at += size


@pytest.mark.parametrize("how", METHODS)
@pytest.mark.parametrize("size", SIZES)
def test_unpacked_is_what_was_packed(how: Packing, size: int) -> None:
    content = os.urandom(size // 2) + bytes(size - size // 2)
    made = b"".join(packed(cut(content, 1), how))
    assert b"".join(unpacked(cut(made, 2), how)) == content


@pytest.mark.parametrize("how", [how for how in METHODS if how != "none"])
def test_damage_of_a_packed_file_is_found(how: Packing) -> None:
    content = os.urandom(100_000)
    made = b"".join(packed(iter([content]), how))
    for wrong in (made[:-1], made[: len(made) // 2], made + b"x", b"", made[:50_000] + b"\0\1\2\3" + made[50_004:]):
        with pytest.raises(Invalid):
            b"".join(unpacked(cut(wrong, 3), how))


@pytest.mark.parametrize("how", METHODS)
def test_a_file_that_does_not_hold_what_was_put_in_is_damaged(tmp_path: Path, how: Packing) -> None:
    """As it was written, and yet wrong inside: damage of ours, and no input to be mended."""
    content = b"content" * 10_000
    whole = b"".join(packed(iter([content]), how))
    for stored in (whole[:-5], b"", whole + b"more", b"".join(packed(iter([content[:-1]]), how))):
        store = LocalStore(tmp_path / os.urandom(8).hex())
        store.put("file", [stored])
        piece = Piece("file", len(stored), _digest(stored), len(content), _digest(content))
        with pytest.raises(Corrupt) as caught:
            b"".join(inside(store, document(piece, how), piece, FileKeys(), Stop()))
        assert caught.value.code == "file_damaged"


def document(piece: Piece, how: Packing) -> FileDocument:
    return FileDocument(
        id="snap_1", file=piece, notes=piece, form="tar", compression=how, level=None, encryption="none",
        sealed_by=None, recipients=(), taken_at="", project="", environment="", database="", resource_id="", engine="",
        engine_version="", source_bytes=0, entries=0, tables=0, rows=0, tags=(), holdfast="",
    )  # fmt: skip


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


@pytest.mark.parametrize("size", [0, 1, (1 << 20) - 1, 1 << 20, (1 << 20) + 1, (2 << 20) + 5])
def test_the_first_line_of_what_was_laid_down_is_bounded(tmp_path: Path, size: int) -> None:
    laid = Laid(iter([b"x" * size + b"\nmore\n"]), tmp_path)
    try:
        assert laid.line(size + 1) == b"x" * size
        with pytest.raises(Corrupt):
            laid.line(size)
    finally:
        laid.close()


def test_a_small_file_does_not_unpack_to_much_at_once() -> None:
    for how in ("gzip", "zstd", "bzip2"):
        made = b"".join(packed((bytes(1 << 20) for _ in range(64)), how))  # type: ignore[arg-type]
        assert len(made) < 100_000
        assert max(map(len, unpacked(iter([made]), how))) <= 1 << 20  # type: ignore[arg-type]


@pytest.mark.parametrize("how", SEALERS)
@pytest.mark.parametrize("size", SIZES)
def test_opened_is_what_was_sealed(how: Sealing, size: int) -> None:
    content = os.urandom(size)
    made = b"".join(SEALERS[how](cut(content, 4)))
    assert size < 16 or content not in made
    assert opened(cut(made, 5), how) == content


@pytest.mark.parametrize("how", SEALERS)
def test_pieces_of_many_chunks_are_opened(how: Sealing) -> None:
    """Stores give 4 MiB at a time: more than an age header may have."""
    content = os.urandom(9_000_001)
    made = b"".join(SEALERS[how](iter([content])))
    assert opened(iter([made[: 4 << 20], made[4 << 20 :]]), how) == content


@pytest.mark.parametrize("how", SEALERS)
def test_any_altered_byte_is_found(how: Sealing) -> None:
    made = b"".join(SEALERS[how](iter([os.urandom(200_000)])))
    spots = [len(made) // 2, len(made) - 1, len(made) - 40, 70_000]
    wrongs = [made[:at] + bytes([made[at] ^ 1]) + made[at + 1 :] for at in spots]
    for wrong in [*wrongs, made[:-1], made[:100_000], made + b"x", b"", made[:10]]:
        with pytest.raises(Corrupt) as caught:
            opened(cut(wrong, 6), how)
        assert caught.value.code == "file_damaged"


@pytest.mark.parametrize("how", SEALERS)
def test_another_key_opens_nothing(how: Sealing) -> None:
    """Only age can tell another key from an altered file."""
    made = b"".join(SEALERS[how](iter([b"content" * 1000])))
    with pytest.raises(Denied if how == "age" else Corrupt) as caught:
        opened(iter([made]), how, new_key(how))
    assert caught.value.code == ("file_key" if how == "age" else "file_damaged")


@pytest.mark.parametrize("how", SEALERS)
def test_a_key_that_is_not_kept_is_asked_for_before_anything_is_read(how: Sealing) -> None:
    def pieces() -> Iterator[bytes]:
        raise AssertionError("it was read")
        yield b""

    with pytest.raises(Denied, match="not kept here"):
        FileKeys(KEYS[how]).opened(pieces(), how, "0" * 16)
