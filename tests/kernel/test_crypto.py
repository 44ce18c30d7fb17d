"""What is sealed opens only with the same key, under the same name, in the same place."""

from __future__ import annotations

import base64

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from holdfast.kernel import crypto
from holdfast.kernel.crypto import Key, aad_of, derive, new_key, open_sealed, seal, sealed_by
from holdfast.kernel.errors import Corrupt

KEY, OTHER = new_key("dek_one"), new_key("dek_two")
parts = st.lists(st.one_of(st.text(st.characters(exclude_categories=["Cs"])), st.integers()), max_size=5)


@given(st.binary(max_size=4096), st.binary(max_size=64))
def test_what_was_sealed_comes_back(plaintext, aad) -> None:
    sealed = seal(KEY, plaintext, aad)
    assert open_sealed(KEY, sealed, aad) == plaintext
    assert sealed_by(sealed) == KEY.id
    assert sealed != seal(KEY, plaintext, aad)


@given(st.binary(max_size=64), st.binary(max_size=32), st.binary(max_size=32))
def test_another_place_does_not_open(plaintext, aad, elsewhere) -> None:
    sealed = seal(KEY, plaintext, aad)
    if aad != elsewhere:
        with pytest.raises(Corrupt):
            open_sealed(KEY, sealed, elsewhere)


@given(st.binary(max_size=64), st.data())
def test_any_changed_bit_is_found(plaintext, data) -> None:
    algorithm, key_id, body = seal(KEY, plaintext, b"place").split("$")
    raw = bytearray(base64.urlsafe_b64decode(body))
    position = data.draw(st.integers(0, 8 * len(raw) - 1))
    raw[position // 8] ^= 1 << position % 8
    with pytest.raises(Corrupt):
        open_sealed(KEY, f"{algorithm}${key_id}${base64.urlsafe_b64encode(raw).decode()}", b"place")


def test_another_key_another_name_another_algorithm() -> None:
    sealed = seal(KEY, b"value", b"place")
    renamed = Key(OTHER.id, KEY.secret)
    for key, text in [
        (OTHER, sealed),
        (Key(KEY.id, OTHER.secret), sealed),
        (renamed, sealed.replace(KEY.id, OTHER.id)),  # the name is authenticated too
        (KEY, sealed.replace("aes256gcm", "aes128gcm")),
    ]:
        with pytest.raises(Corrupt) as refused:
            open_sealed(key, text, b"place")
        assert refused.value.code == "ciphertext_corrupt"


@given(st.text(max_size=200))
def test_what_is_no_ciphertext_is_refused_in_one_way(text) -> None:
    with pytest.raises(Corrupt):
        open_sealed(KEY, text, b"")


@given(parts, parts)
def test_different_lists_never_give_the_same_bytes(left, right) -> None:
    same = [str(part) for part in left] == [str(part) for part in right]
    assert (aad_of(*left) == aad_of(*right)) is same


def test_a_key_for_each_purpose() -> None:
    master = b"m" * 32
    made = {derive(master, purpose) for purpose in ("wrap", "name", "chain")}
    assert len(made) == 3
    assert derive(master, "wrap") == derive(master, "wrap")
    assert len(derive(master, "wrap", 64)) == 64


def test_keys_are_whole_and_do_not_show_themselves() -> None:
    for bad in (b"", b"short", b"x" * 33):
        with pytest.raises(ValueError, match="32 bytes"):
            Key("dek", bad)
    for name in ("", "a$b"):
        with pytest.raises(ValueError, match="id"):
            Key(name, b"x" * 32)
    assert repr(KEY.secret)[2:-1] not in repr(KEY)


@settings(max_examples=5, deadline=None)
@given(st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=64))
def test_passwords(password) -> None:
    stored = crypto.hash_password(password)
    assert password not in stored or len(password) < 4
    assert crypto.verify_password(stored, password)
    assert not crypto.verify_password(stored, password + "x")
    assert not crypto.needs_rehash(stored)


def test_nobodys_password_is_never_right() -> None:
    assert not crypto.verify_password(None, "anything")
    assert not crypto.verify_password("not a hash", "anything")
    assert crypto.needs_rehash("$argon2id$v=19$m=8,t=1,p=1$c29tZXNhbHQ$G2m/p9cEqjA")


def test_tokens_are_long_and_stored_as_hashes() -> None:
    tokens = {crypto.random_token() for _ in range(100)}
    assert len(tokens) == 100
    assert all(len(base64.urlsafe_b64decode(token + "=")) == 32 for token in tokens)
    assert len({crypto.token_hash(token) for token in tokens}) == 100
    assert crypto.equal("é", "é".encode())
    assert not crypto.equal("a", "b")
