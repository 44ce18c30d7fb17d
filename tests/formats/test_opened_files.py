"""Packed and sealed files opened as they stream by: stock tools' own, ours, cut off, altered, under the wrong key."""

from __future__ import annotations

import bz2
import gzip
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pyrage
import pytest
from backports import zstd
from hypothesis import given, settings
from hypothesis import strategies as st

from holdfast.formats import age_hybrid
from holdfast.formats.plain import aes, age_stream
from holdfast.formats.plain.packing import METHODS, Packing, packed
from holdfast.formats.plain.unpacking import packing_of, unpacked
from holdfast.formats.plain.unsealing import Altered, WrongKey, opened_aes, opened_age, seal_of
from holdfast.kernel.errors import Invalid

PASSPHRASE = "correct horse – battery"
MIXED = bytes(range(256)) * 900 + b"\0" * 300_000 + b"x" * 7


def cut(content: bytes, size: int) -> Iterator[bytes]:
    return iter([content[at : at + size] for at in range(0, len(content), size)])


@pytest.mark.parametrize("how", METHODS)
@pytest.mark.parametrize("size", [1 << 20, 4097])
def test_packed_as_ours_and_as_members(how: Packing, size: int) -> None:
    once = b"".join(packed([MIXED], how))
    assert packing_of(once) == how
    assert b"".join(unpacked(cut(once, size), how)) == MIXED
    if how != "none":
        assert b"".join(unpacked(cut(once + once, size), how)) == MIXED * 2


def test_packed_by_other_libraries() -> None:
    for how, content in (
        ("gzip", gzip.compress(MIXED)),
        ("bzip2", bz2.compress(MIXED)),
        ("zstd", zstd.compress(MIXED)),
    ):
        assert b"".join(unpacked(cut(content, 999), how)) == MIXED  # type: ignore[arg-type]


@pytest.mark.parametrize("how", ["gzip", "zstd", "bzip2"])
def test_cut_off_or_damaged_never_ends_well(how: Packing) -> None:
    whole = b"".join(packed([MIXED], how))
    damaged = bytearray(whole)
    damaged[-3] ^= 1
    for bad in (whole[:-1], whole[: len(whole) // 2], bytes(damaged)):
        with pytest.raises(Invalid) as caught:
            list(unpacked(cut(bad, 5000), how))
        assert caught.value.code == "compression_invalid"


def test_a_bomb_comes_in_small_pieces() -> None:
    bomb = gzip.compress(bytes(50 << 20))
    assert max(map(len, unpacked(iter([bomb]), "gzip"))) <= 1 << 20


@pytest.mark.parametrize("size", [1 << 20, 1000])
@pytest.mark.parametrize("length", [0, 1, 65_536, 65_537, 131_072, 200_001])
def test_age_of_pyrage_to_an_identity(length: int, size: int) -> None:
    identity = pyrage.x25519.Identity.generate()
    content = MIXED[:length]
    for armored in (False, True):
        file = pyrage.encrypt(content, [identity.to_public()], armored=armored)
        assert seal_of(file) == "age"
        assert b"".join(opened_age(cut(file, size), identities=[str(identity)])) == content


@pytest.mark.slow
def test_age_under_a_passphrase_of_ours_and_of_pyrage() -> None:
    ours = b"".join(age_stream.sealed_by_passphrase([MIXED], PASSPHRASE))
    assert b"".join(opened_age(cut(ours, 10_000), passphrase=PASSPHRASE)) == MIXED
    with pytest.raises(WrongKey):
        opened_age(iter([ours]), passphrase="another one")
    with pytest.raises(WrongKey):
        opened_age(iter([ours]), identities=[str(pyrage.x25519.Identity.generate())])


def test_age_to_a_post_quantum_identity_and_to_another() -> None:
    identity, recipient = age_hybrid.new_identity()
    file = b"".join(age_stream.sealed([MIXED], [recipient]))
    assert b"".join(opened_age(cut(file, 70_000), identities=[identity])) == MIXED
    with pytest.raises(WrongKey):
        opened_age(iter([file]), identities=[age_hybrid.new_identity()[0]])


def test_work_that_would_eat_the_memory_is_refused() -> None:
    ours = b"".join(age_stream.sealed_by_passphrase([b"x"], PASSPHRASE)).replace(b" 16\n", b" 30\n", 1)
    with pytest.raises(Altered, match="work"):
        opened_age(iter([ours]), passphrase=PASSPHRASE)


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10**9), st.binary(min_size=1, max_size=1))
def test_no_altered_age_file_ends_well(at: int, byte: bytes) -> None:
    file = bytearray(_AGED)
    place = at % len(file)
    if file[place : place + 1] == byte:
        file[place] ^= 1
    else:
        file[place : place + 1] = byte
    with pytest.raises((Altered, WrongKey)):
        list(opened_age(cut(bytes(file), 3000), identities=[_IDENTITY]))


_KEY = pyrage.x25519.Identity.generate()
_IDENTITY = str(_KEY)
_AGED = bytes(pyrage.encrypt(MIXED[:70_000], [_KEY.to_public()]))


@pytest.mark.parametrize("left", [1, 30, 65_552, 70_000])
def test_no_shortened_age_file_ends_well(left: int) -> None:
    with pytest.raises((Altered, WrongKey)):
        list(opened_age(iter([_AGED[:-left]]), identities=[_IDENTITY]))


@pytest.mark.slow
def test_aes_of_ours_and_nothing_less() -> None:
    file = b"".join(aes.sealed([MIXED], PASSPHRASE))
    assert seal_of(file) == "aes256"
    assert b"".join(opened_aes(cut(file, 31), PASSPHRASE)) == MIXED
    for bad, word in ((file, "another"), (file[:-1], PASSPHRASE), (file[:100] + b"!" + file[101:], PASSPHRASE)):
        with pytest.raises(Altered):
            list(opened_aes(cut(bad, 5000), word))


@pytest.mark.slow
def test_what_is_not_sealed_is_told_apart(tmp_path: Path) -> None:
    for content in (
        b"SQLite format 3\0",
        b"PGDMP\1\16",
        b"REDIS0011",
        b"\x1f\x8b\x08",
        b"BZh9",
        b"-- SQL",
        b"\xef\xbb\xbfx",
    ):
        assert seal_of(content) == "none"
    word = tmp_path / "word"
    word.write_text(PASSPHRASE)
    home = tmp_path / "home"
    home.mkdir(mode=0o700)
    gpg, gpgconf = str(shutil.which("gpg")), str(shutil.which("gpgconf"))
    argv = [gpg, "--homedir", str(home), "--batch", "--quiet", "--pinentry-mode", "loopback", "--passphrase-file"]
    made = subprocess.run([*argv, str(word), "-c"], input=b"hello", capture_output=True, check=True).stdout
    subprocess.run([gpgconf, "--homedir", str(home), "--kill", "all"], check=True)
    assert seal_of(made) == "gpg"
