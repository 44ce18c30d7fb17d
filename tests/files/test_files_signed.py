"""Signed links, ranges, names: whatever somebody makes of them."""

from __future__ import annotations

import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from holdfast.features.files.naming import escaped
from holdfast.features.files.ranges import Span, Unsatisfiable, asked
from holdfast.features.files.sending import Slots
from holdfast.features.files.signing import Signed
from holdfast.kernel.errors import Invalid, Retryable
from holdfast.vault.plain.wish import FileWish

ETAG = "e" * 32
KEY = "k" * 43


@given(st.integers(0, 255), st.text(max_size=20), st.text(max_size=20), st.integers(0, 10**12))
def test_no_other_link_has_the_same_signature(bit, download, snapshot, expires) -> None:
    """Any bit of the signature, another thing, another moment, another key, another method."""
    signed = Signed(download, snapshot, expires)
    right = signed.signature(KEY)
    assert signed.matches(KEY, right)
    assert signed.matches(KEY, right, "HEAD")
    wrong = bytearray.fromhex(right)
    wrong[bit // 8] ^= 1 << bit % 8
    assert not signed.matches(KEY, wrong.hex())
    for other in (
        Signed(download + "x", snapshot, expires),
        Signed(download, snapshot + "x", expires),
        Signed(download, snapshot, expires + 1),
    ):
        assert not other.matches(KEY, right)
    assert not signed.matches(KEY + "x", right)
    assert not any(signed.matches(KEY, right, method) for method in ("POST", "PUT", "DELETE", "PATCH", "get", ""))
    assert not any(signed.matches(KEY, text) for text in (right[:-1], "", "ü"))


@given(st.text(max_size=40))
def test_a_range_that_is_answered_lies_within_the_file(header) -> None:
    for text in (header, f"bytes={header}"):
        try:
            span = asked(text, None, ETAG, 1000)
        except Unsatisfiable:
            continue
        assert span is None or 0 <= span.first <= span.last < 1000


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ("bytes=0-0", Span(0, 0)),
        ("bytes=500-", Span(500, 999)),
        ("bytes=-1", Span(999, 999)),
        ("bytes=-5000", Span(0, 999)),
        ("bytes=10-5000", Span(10, 999)),
        ("bytes=5-4", None),
        ("bytes=-", None),
        ("bytes=0-1,5-6", None),
        ("lines=0-1", None),
        (None, None),
    ],
)
def test_ranges(header, expected) -> None:
    assert asked(header, None, ETAG, 1000) == expected
    assert asked(header, f'"{ETAG}"', ETAG, 1000) == expected
    assert asked(header, '"other"', ETAG, 1000) is None
    assert asked(header, None, None, None) is None


@pytest.mark.parametrize("header", ["bytes=1000-", "bytes=5000-6000", "bytes=-0"])
def test_a_range_after_the_end(header) -> None:
    with pytest.raises(Unsatisfiable):
        asked(header, None, ETAG, 1000)


@given(st.text(max_size=80), st.text(max_size=80))
def test_any_name_is_one_safe_component(one, other) -> None:
    import unicodedata

    made = escaped(one)
    assert made
    assert not set(made) & set("/\\ ")
    assert not made.startswith(".")
    assert made.isascii()
    assert made.isprintable()
    assert os.path.normpath(f"root/{made}/x") == f"root/{made}/x"
    same = unicodedata.normalize("NFC", one) == unicodedata.normalize("NFC", other)
    assert (escaped(other) == made) is same


@pytest.mark.parametrize("name", ["..", ".", "", "CON", "nul.txt", "a/b", "a\0b", "..%2f", "-rf", "%"])
def test_hostile_names(name) -> None:
    made = escaped(name)
    assert made.lower() not in ("", ".", "..", "con", "nul.txt")
    assert "/" not in made


@pytest.mark.parametrize(
    ("wish", "code"),
    [
        (FileWish(level=10), "level_invalid"),
        (FileWish(packing="none", level=1), "level_invalid"),
        (FileWish(packing="zstd", level=20), "level_invalid"),
        (FileWish(sealing="age"), "recipient_invalid"),
        (FileWish(sealing="age", recipients=("age1nonsense",)), "recipient_invalid"),
        (FileWish(sealing="age", recipients=("ssh-ed25519 AAAA",)), "recipient_invalid"),
        (FileWish(sealing="gpg", recipients=("0xABCD",)), "recipient_invalid"),
        (FileWish(sealing="aes256", recipients=("x",)), "recipient_invalid"),
        (FileWish(sealing="aes256", passphrase="short"), "passphrase_invalid"),
        (FileWish(sealing="aes256", passphrase="two\nlines of it"), "passphrase_invalid"),
        (FileWish(recipients=("age1x",)), "recipient_invalid"),
        (FileWish(passphrase="a passphrase"), "recipient_invalid"),
    ],
)
def test_wishes_that_cannot_be(wish, code) -> None:
    """A key without an encryption is refused too: it would be plain text that somebody meant to seal."""
    with pytest.raises(Invalid) as refused:
        wish.check()
    assert refused.value.code == code


def test_only_so_many_at_once() -> None:
    """A slot comes back at the end, and when the client goes away in the middle."""
    slots = Slots(2)
    first, second = (slots.held(iter([b"a", b"b"])) for _ in range(2))
    slots.require()
    assert (next(first), next(second)) == (b"a", b"a")
    with pytest.raises(Retryable) as refused:
        slots.require()
    assert refused.value.code == "too_many_downloads"
    first.close()  # type: ignore[attr-defined] # a generator
    slots.require()
    third = slots.held(iter([b"a"]))
    assert next(third) == b"a"
    assert list(second) == [b"b"]
    slots.require()
