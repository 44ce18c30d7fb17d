"""age files: what stock age writes opens here, what is written here opens with stock age, and nothing altered opens."""

from __future__ import annotations

import base64
import json
import os
import shutil
import subprocess
from pathlib import Path

import pyrage
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, mlkem
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat
from hypothesis import given, settings
from hypothesis import strategies as st

from holdfast.formats import age, age_hybrid, bech32

VECTOR = json.loads((Path(__file__).parent / "vectors" / "age_hybrid.json").read_text())
IDENTITY, RECIPIENT = age_hybrid.new_identity()
NEWER = os.environ.get("AGE_TEST_PROGRAM", "")
SIZES = (0, 1, 65535, 65536, 65537, 150_000)


def test_what_age_wrote_for_a_hybrid_recipient_opens() -> None:
    """Written once by age 1.3.2, the first release with these recipients."""
    assert age.decrypt(VECTOR["file"].encode(), identities=[VECTOR["identity"]]).decode() == VECTOR["content"]
    assert age.kind_of(VECTOR["recipient"]) == "hybrid"
    with pytest.raises(age.NotForUs):
        age.decrypt(VECTOR["file"].encode(), identities=[IDENTITY])


@pytest.mark.parametrize("size", SIZES)
def test_a_hybrid_file_opens_with_each_identity_it_is_for(size: int) -> None:
    content = os.urandom(size)
    file = age.encrypt(content, [VECTOR["recipient"], f" {RECIPIENT}\n"])
    for identity in (IDENTITY, VECTOR["identity"]):
        assert age.decrypt(file, identities=[identity]) == content
    assert file.startswith(b"-----BEGIN AGE ENCRYPTED FILE-----\n")
    assert max(map(len, file.splitlines())) <= 64


def stock(*arguments: str, stdin: bytes = b"", program: str = "age") -> subprocess.CompletedProcess[bytes]:
    """Debian's age; with AGE_TEST_PROGRAM another one, such as 1.3 that knows hybrid recipients."""
    found = shutil.which(program) or program
    return subprocess.run([found, *arguments], input=stdin, capture_output=True, check=False)


def test_stock_age_reads_the_form_of_a_hybrid_file_of_ours(tmp_path: Path) -> None:
    """An age too old for these recipients still parses the header, and says only that the key is not the right one."""
    (tmp_path / "key").write_text(str(pyrage.x25519.Identity.generate()))
    opened = stock("-d", "-i", str(tmp_path / "key"), stdin=age.encrypt(b"the content", [RECIPIENT]))
    assert b"no identity matched" in opened.stderr


if NEWER:  # gap: Debian has age 1.1, which knows no hybrid recipients; what 1.3.2 wrote is the vector above

    def test_age_1_3_opens_a_hybrid_file_of_ours(tmp_path: Path) -> None:
        (tmp_path / "key").write_text(IDENTITY)
        for size in SIZES:
            content = os.urandom(size)
            file = age.encrypt(content, [RECIPIENT])
            opened = stock("-d", "-i", str(tmp_path / "key"), stdin=file, program=NEWER)
            assert opened.stdout == content, opened.stderr
            theirs = stock("-r", RECIPIENT, stdin=content, program=NEWER).stdout
            assert age.decrypt(theirs, identities=[IDENTITY]) == content


def test_stock_age_opens_a_plain_file_of_ours(tmp_path: Path) -> None:
    identity = pyrage.x25519.Identity.generate()
    (tmp_path / "key").write_text(str(identity))
    file = age.encrypt(b"the content", [str(identity.to_public())])
    opened = stock("-d", "-i", str(tmp_path / "key"), stdin=file)
    assert opened.stdout == b"the content", opened.stderr


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_a_hybrid_file_with_one_byte_changed_does_not_open(data: st.DataObject) -> None:
    """Header, stanza, MAC, nonce, any chunk; or cut at any place; or with something after it."""
    raw = age_hybrid._unarmored(age.encrypt(b"x" * 70_000, [RECIPIENT]))
    head = raw.index(b"\n---") + 60  # as likely as all the rest: a MAC is few bytes among many
    place = data.draw(st.one_of(st.integers(0, head), st.integers(head - 55, head), st.integers(0, len(raw) - 1)))
    kind = data.draw(st.sampled_from(["change", "cut", "add"]))
    changed = {
        "change": raw[:place] + bytes([raw[place] ^ data.draw(st.integers(1, 255))]) + raw[place + 1 :],
        "cut": raw[:place],
        "add": raw + bytes(place % 40 + 1),
    }[kind]
    with pytest.raises(age.NotForUs):
        age.decrypt(changed, identities=[IDENTITY])


def test_a_mac_written_in_another_way_is_not_taken() -> None:
    """Its last character has two bits that mean nothing, and must be zero."""
    raw = age_hybrid._unarmored(age.encrypt(b"x", [RECIPIENT]))
    start = raw.index(b"\n---") + 5
    mac = raw[start : raw.index(b"\n", start)]
    alphabet = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
    twin = mac[:-1] + bytes([alphabet[alphabet.index(mac[-1:]) | 1]])
    assert base64.b64decode(twin + b"=") == base64.b64decode(mac + b"=")
    with pytest.raises(age.NotForUs):
        age.decrypt(raw.replace(mac, twin), identities=[IDENTITY])


@pytest.mark.parametrize(
    "file",
    [
        b"",
        b"age-encryption.org/v1\n",
        b"age-encryption.org/v1\n--- \n",
        b"hello",
        b"-----BEGIN AGE ENCRYPTED FILE-----\n",
    ],
)
def test_what_is_no_age_file(file: bytes) -> None:
    for how in (
        {"identities": [IDENTITY]},
        {"identities": [str(pyrage.x25519.Identity.generate())]},
        {"passphrase": "x"},
    ):
        with pytest.raises(age.NotForUs):
            age.decrypt(file, **how)  # type: ignore[arg-type]


def hardware(prefix: str) -> str:
    point = ec.generate_private_key(ec.SECP256R1()).public_key()
    if prefix == "age1tag":
        return bech32.encode(prefix, point.public_bytes(Encoding.X962, PublicFormat.CompressedPoint))
    kem = mlkem.MLKEM768PrivateKey.generate().public_key().public_bytes_raw()
    return bech32.encode(prefix, kem + point.public_bytes(Encoding.X962, PublicFormat.UncompressedPoint))


def ssh() -> tuple[str, str]:
    key = ed25519.Ed25519PrivateKey.generate()
    private = key.private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, NoEncryption()).decode()
    return private, key.public_key().public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH).decode()


def test_every_kind_of_recipient_is_named() -> None:
    plain = str(pyrage.x25519.Identity.generate().to_public())
    kinds = {RECIPIENT: "hybrid", plain: "x25519", ssh()[1]: "ssh"}
    kinds |= {hardware("age1tagpq"): "hybrid-hardware", hardware("age1tag"): "hardware"}
    for recipient, kind in kinds.items():
        assert age.kind_of(recipient) == kind
        assert age.encrypt(b"x", [recipient]).startswith(b"-----BEGIN AGE")


OTHER_END = RECIPIENT[:-1] + ("p" if RECIPIENT.endswith("q") else "q")


@pytest.mark.parametrize(
    "wrong",
    ["", "x", "age1", "age1yubikey1abc", "ssh-dss AAAA", RECIPIENT[:-1], OTHER_END, "AGE-SECRET-KEY-1"],
)
def test_what_is_no_recipient(wrong: str) -> None:
    with pytest.raises(ValueError, match=r"recipient|begins"):
        age.kind_of(wrong)


def test_a_post_quantum_recipient_is_not_weakened_by_another() -> None:
    plain = str(pyrage.x25519.Identity.generate().to_public())
    for others in ([plain], [ssh()[1]], [hardware("age1tag")], [hardware("age1tagpq")]):
        with pytest.raises(ValueError, match="two files"):
            age.encrypt(b"x", [RECIPIENT, *others])
    with pytest.raises(ValueError, match="two files"):
        age.encrypt(b"x", [hardware("age1tagpq"), plain])
    with pytest.raises(ValueError, match="at least one"):
        age.encrypt(b"x", [])


def test_ssh_keys_and_passphrases_open() -> None:
    private, public = ssh()
    assert age.decrypt(age.encrypt(b"by ssh", [public]), identities=age.identities_in(private)) == b"by ssh"
    sealed = age.encrypt_with_passphrase(b"by passphrase", "correct horse battery staple")
    assert age.decrypt(sealed, passphrase="correct horse battery staple") == b"by passphrase"
    with pytest.raises(age.NotForUs):
        age.decrypt(sealed, passphrase="wrong")
    with pytest.raises(age.NotForUs):
        age.decrypt(sealed, identities=[str(pyrage.x25519.Identity.generate())])


def test_an_identity_file_is_read_with_its_comments() -> None:
    assert age.identities_in(f"# created: today\n# public key: x\n\n{IDENTITY}\n") == [IDENTITY]


@given(st.binary(max_size=80), st.sampled_from(["age", "age1pq", "a", "age-secret-key-pq-"]))
def test_bech32_comes_back(raw: bytes, prefix: str) -> None:
    text = bech32.encode(prefix, raw)
    assert bech32.decode(text) == (prefix, raw)
    assert bech32.decode(text.upper()) == (prefix, raw)


@given(st.binary(min_size=1, max_size=40), st.data())
def test_a_mistyped_character_shows(raw: bytes, data: st.DataObject) -> None:
    text = bech32.encode("age", raw)
    place = data.draw(st.integers(4, len(text) - 1))
    other = data.draw(st.sampled_from("qpzry9x8gf2tvdw0s3jn54khce6mua7l").filter(lambda each: each != text[place]))
    with pytest.raises(ValueError, match="checksum"):
        bech32.decode(text[:place] + other + text[place + 1 :])


@pytest.mark.parametrize("text", ["", "1", "a1", "age1b", "aGe1qqqqqq", "age1qqqq", "10a06t8", "é1qqqqqq"])
def test_what_is_no_bech32(text: str) -> None:
    with pytest.raises(ValueError, match=r"Bech32|checksum|case|bits"):
        bech32.decode(text)


def test_bip_173_vectors() -> None:
    for text in ("A12UEL5L", "abcdef1qpzry9x8gf2tvdw0s3jn54khce6mua7lmqqqxw", "?1ezyfcl"):
        bech32.decode(text)
    assert base64.b16encode(bech32.decode("abcdef1qpzry9x8gf2tvdw0s3jn54khce6mua7lmqqqxw")[1])[:8] == b"00443214"
