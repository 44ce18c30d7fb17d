"""Armored OpenPGP public keys: read to the fingerprint that gpg says, or refused in words, whatever stands there."""

from __future__ import annotations

import base64

import pytest
from hypothesis import event, given
from hypothesis import strategies as st

from holdfast.formats.plain.openpgp_keys import PublicKey, public_key

BEGIN, END = "-----BEGIN PGP PUBLIC KEY BLOCK-----", "-----END PGP PUBLIC KEY BLOCK-----"
# gpg 2.2.40: ed25519 with a cv25519 subkey; `gpg --with-colons --fingerprint` says what stands below.
KEY = """-----BEGIN PGP PUBLIC KEY BLOCK-----

mDMEawJGrRYJKwYBBAHaRw8BAQdAwHIY+CrJ/vuzEUfjFjh0KpNWow9fTgpVpjEj
92OhtR60EMOcIDxhQGIuZXhhbXBsZT6IkAQTFggAOBYhBM6xwUbDyWf1G2L553qS
+gcuc/s2BQJrAkatAhsDBQsJCAcCBhUKCQgLAgQWAgMBAh4BAheAAAoJEHqS+gcu
c/s2CvMA/0M/6uqEnhvZIcEcnuoLRqaFNCsm8ZZuMfWc4vxGZELdAQCo/MGKlyHS
vzPo2W6gKrc55NtCZKpjXBKG4Y6PqWvTCLg4BGsCRq0SCisGAQQBl1UBBQEBB0Da
ThLxW96W8cilAKhYSKm8PxcfjCggVai5CxFvjLEQfwMBCAeIeAQYFggAIBYhBM6x
wUbDyWf1G2L553qS+gcuc/s2BQJrAkatAhsMAAoJEHqS+gcuc/s2SJkBAKy5czzA
LjG4DjfO4NzP1lmHdqUlonpxK3fftQNXmL+qAP4qTzN65x9AfkzPF7KpsR4p1548
6QqDjN5CWl1/Fy4wDA==
=rG7b
-----END PGP PUBLIC KEY BLOCK-----"""
FINGERPRINT, NAME = "CEB1C146C3C967F51B62F9E77A92FA072E73FB36", "Ü <a@b.example>"


def armored(raw: bytes) -> str:
    return f"{BEGIN}\nVersion: test\n\n{base64.b64encode(raw).decode()}\n{END}\n"


def raw() -> bytes:
    body = [line for line in KEY.splitlines()[1:-1] if line and not line.startswith("=")]
    return base64.b64decode("".join(body))


def test_it_says_what_gpg_says() -> None:
    assert public_key(KEY) == public_key(armored(raw())) == PublicKey(FINGERPRINT, (NAME,))
    assert public_key(KEY.replace("\n", "\r\n")).fingerprint == FINGERPRINT


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "armored public key"),
        (KEY.replace("PUBLIC", "PRIVATE"), "private key"),
        (armored(raw() + raw()), "exactly one"),
        (armored(b""), "exactly one"),
        (armored(b"\x00" + raw()), "damaged"),
        (armored(raw()[:20]), "cut off"),
        (KEY.replace("\n\n", "\n\n!", 1), "armor is damaged"),
    ],
)
def test_what_is_no_such_key_is_refused_in_words(text: str, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        public_key(text)


def test_a_key_that_only_signs_is_refused() -> None:
    whole = raw()
    primary = whole[: 2 + whole[1]]  # an old-format packet with a length of one byte
    with pytest.raises(ValueError, match="only signs"):
        public_key(armored(primary))


@given(st.integers(0, len(raw()) - 1), st.binary(max_size=40))
def test_no_bytes_lead_to_anything_else(at: int, instead: bytes) -> None:
    whole = raw()
    try:
        found = public_key(armored(whole[:at] + instead + whole[at + len(instead) :]))
    except ValueError as error:
        event(str(error))
        return
    assert len(found.fingerprint) in (40, 64)
