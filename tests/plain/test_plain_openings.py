"""What packs and seals is undone exactly; anything altered is Corrupt and never a wrong byte at a clean end."""

from __future__ import annotations

import os
import random
from collections.abc import Callable, Iterator

import pytest

from holdfast.formats.plain import aes, age_stream, openpgp
from holdfast.formats.plain.packing import METHODS, Packing, packed, unpacked
from holdfast.kernel.errors import Corrupt, Denied

KEY = "a passphrase of some length"
IDENTITY = age_stream.new_identity()
SIZES = (0, 1, 15, 16, 65_535, 65_536, 65_537, 131_072, 400_000)
Opening = Callable[[Iterator[bytes]], Iterator[bytes]]
Sealing = Callable[[Iterator[bytes]], Iterator[bytes]]
WAYS: dict[str, tuple[Sealing, Opening]] = {
    "aes": (lambda p: aes.sealed(p, KEY), lambda p: aes.opened(p, KEY)),
    "gpg": (lambda p: openpgp.sealed(p, KEY), lambda p: openpgp.opened(p, KEY)),
    "age": (
        lambda p: age_stream.sealed(p, [age_stream.recipient_of(IDENTITY)]),
        lambda p: age_stream.opened(p, IDENTITY),
    ),
}


def cut(content: bytes, seed: int) -> Iterator[bytes]:
    """In pieces of any size, some of them empty."""
    numbers, at = random.Random(seed), 0
    while at < len(content):
        size = numbers.choice((0, 1, 7, 4096, 70_000))
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
    for wrong in (made[:-1], made[: len(made) // 2], made + b"x", b"", made[:50_000] + b"XXXX" + made[50_004:]):
        with pytest.raises(Corrupt):
            b"".join(unpacked(cut(wrong, 3), how))


def test_a_small_file_does_not_unpack_to_much_at_once() -> None:
    made = b"".join(packed((bytes(1 << 20) for _ in range(64)), "zstd"))
    assert len(made) < 100_000
    for how in ("zstd",):
        assert max(map(len, unpacked(iter([made]), how))) <= 1 << 20


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("size", SIZES)
def test_opened_is_what_was_sealed(way: str, size: int) -> None:
    seal, unseal = WAYS[way]
    content = os.urandom(size)
    made = b"".join(seal(cut(content, 4)))
    assert size < 16 or content not in made
    assert b"".join(unseal(cut(made, 5))) == content


@pytest.mark.parametrize("way", WAYS)
def test_any_altered_byte_is_found(way: str) -> None:
    seal, unseal = WAYS[way]
    made = b"".join(seal(iter([os.urandom(200_000)])))
    spots = [len(made) // 2, len(made) - 1, len(made) - 40, 70_000]
    wrongs = [made[:at] + bytes([made[at] ^ 1]) + made[at + 1 :] for at in spots]
    for wrong in [*wrongs, made[:-1], made[:100_000], made + b"x", b"", made[:10]]:
        with pytest.raises(Corrupt):
            b"".join(unseal(cut(wrong, 6)))


def test_another_key_opens_nothing() -> None:
    for way, other in (
        ("aes", lambda p: aes.opened(p, KEY + "x")),
        ("gpg", lambda p: openpgp.opened(p, KEY + "x")),
        ("age", lambda p: age_stream.opened(p, age_stream.new_identity())),
    ):
        made = b"".join(WAYS[way][0](iter([b"content" * 1000])))
        with pytest.raises((Corrupt, Denied)):
            b"".join(other(iter([made])))
