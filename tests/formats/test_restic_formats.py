"""restic's pieces as bytes: what is built is read back, what is damaged is Corrupt and nothing else."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from holdfast.formats.restic import documents, keyfile, pack, tree
from holdfast.formats.restic.documents import SnapshotDocument
from holdfast.formats.restic.pack import BlobType, PackedBlob
from holdfast.formats.restic.polynomial import is_irreducible, random_polynomial
from holdfast.formats.restic.sealing import OVERHEAD, Key
from holdfast.kernel.errors import Corrupt, Denied

KEY = Key.from_bytes(bytes(range(64)))
ids = st.binary(min_size=32, max_size=32)
u32 = st.integers(0, (1 << 32) - 1)
names = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00/"), min_size=1, max_size=40)

RUBBISH = [b"1e999", b"null", b"-1", b"[]", b"{}", b'"\\ud800"', b"99999999999999999999", b"NaN", b"[[", b"", b"\xff"]


@st.composite
def damaged(draw: st.DrawFn, good: bytes) -> bytes:
    """A few bytes changed, cut off or put in."""
    data = bytearray(good)
    for _ in range(draw(st.integers(1, 4))):
        act = draw(st.sampled_from(["change", "cut", "insert"]))
        at = draw(st.integers(0, max(0, len(data) - 1)))
        if act == "change" and data:
            data[at] = draw(st.integers(0, 255))
        elif act == "cut":
            data = data[:at]
        else:
            data[at:at] = draw(st.sampled_from(RUBBISH))
    return bytes(data)


# -- sealing ---------------------------------------------------------------------------------------------------


@given(st.binary(max_size=5000))
def test_what_is_sealed_is_opened(plain: bytes) -> None:
    sealed = KEY.seal(plain)
    assert len(sealed) == len(plain) + OVERHEAD
    assert KEY.open(sealed) == KEY.open(memoryview(sealed)) == plain


@given(st.binary(max_size=300), st.data())
def test_any_flipped_bit_is_noticed(plain: bytes, data: st.DataObject) -> None:
    sealed = bytearray(KEY.seal(plain))
    sealed[data.draw(st.integers(0, len(sealed) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    with pytest.raises(Corrupt):
        KEY.open(bytes(sealed))


@given(st.binary(max_size=300), st.data())
def test_any_cut_is_noticed(plain: bytes, data: st.DataObject) -> None:
    sealed = KEY.seal(plain)
    with pytest.raises(Corrupt):
        KEY.open(sealed[: data.draw(st.integers(0, len(sealed) - 1))])


def test_another_key_does_not_open() -> None:
    with pytest.raises(Corrupt):
        Key.generate().open(KEY.seal(b"x"))


def test_keys_are_not_shown() -> None:
    assert repr(KEY) == "Key()"


def test_a_zero_nonce_is_refused() -> None:
    with pytest.raises(Corrupt, match="nonce"):
        KEY.open(bytes(64))


# -- packs -----------------------------------------------------------------------------------------------------


@given(st.lists(st.tuples(ids, st.sampled_from(BlobType), st.integers(32, 1 << 20), st.integers(0, 1 << 20))))
def test_a_pack_header_lists_its_blobs(items: list[tuple[bytes, BlobType, int, int]]) -> None:
    blobs, offset = [], 0
    for blob, kind, length, raw in items:
        blobs.append(PackedBlob(blob, kind, offset, length, raw))
        offset += length
    built = pack.build_header(blobs, KEY)
    length = pack.header_length(built[-4:])
    assert length == len(built) - 4
    assert pack.parse_header(built[:-4], KEY) == blobs


@given(st.binary(max_size=200))
def test_a_header_of_any_bytes_is_read_or_refused(plain: bytes) -> None:
    try:
        pack.parse_header(KEY.seal(plain), KEY)
    except Corrupt:
        return


@pytest.mark.parametrize("tail", [b"", b"abc", b"\x00" * 4, b"\x1f\x00\x00\x00", b"\xff" * 4])
def test_an_impossible_header_length_is_refused(tail: bytes) -> None:
    with pytest.raises(Corrupt):
        pack.header_length(tail)


# -- trees -----------------------------------------------------------------------------------------------------

# name, the body of Go's strconv.Quote for it
GO_QUOTED = [
    ("plain", "plain"),
    ('say "hi"', 'say \\"hi\\"'),
    ("back\\slash", "back\\\\slash"),
    ("tab\there", "tab\\there"),
    ("new\nline", "new\\nline"),
    ("\a\b\f\r\v", "\\a\\b\\f\\r\\v"),
    ("bell\x01\x1f", "bell\\x01\\x1f"),
    ("\x7f", "\\x7f"),
    ("größe", "größe"),
    ("日本", "日本"),
    ("🎉", "🎉"),
    ("\u00a0", "\\u00a0"),
    ("\u200b", "\\u200b"),
    ("\u2028", "\\u2028"),
    ("\ufeff", "\\ufeff"),
    ("\U000e0001", "\\U000e0001"),
    ("<&>", "<&>"),
    ("'", "'"),
    ("\udcff\udc80", "\\xff\\x80"),
]


@pytest.mark.parametrize(("name", "quoted"), GO_QUOTED)
def test_names_are_quoted_as_go_does(name: str, quoted: str) -> None:
    assert tree.quote_name(name) == quoted
    assert tree.unquote_name(quoted) == name


@given(names)
def test_any_name_survives_quoting(name: str) -> None:
    assert tree.unquote_name(tree.quote_name(name)) == name


@pytest.mark.parametrize("bad", ["\\", "\\q", "\\x", "\\xZZ", "\\u12", "\\x+1", "\\U00110000", "\\ud800"])
def test_a_broken_escape_is_corrupt(bad: str) -> None:
    with pytest.raises(Corrupt):
        tree.unquote_name(bad)


@given(st.dictionaries(names, st.tuples(st.integers(0, 1 << 50), st.lists(ids, max_size=3), st.none() | ids)))
def test_a_tree_is_read_back(files: dict[str, tuple[int, list[bytes], bytes | None]]) -> None:
    nodes = [
        tree.Node(name, "dir", subtree=subtree) if subtree else tree.Node(name, "file", size, b"".join(content))
        for name, (size, content, subtree) in files.items()
    ]
    built = tree.build(nodes)
    assert built.endswith(b"\n")
    assert built.count(b"\n") == 1
    assert not set(b"<>&") & set(built)
    assert tree.parse(built) == sorted(nodes, key=lambda n: n.name.encode())


def test_kinds_we_do_not_know_are_passed_over() -> None:
    document = {"nodes": [{"name": "l", "type": "symlink", "linktarget": "x"}, {"name": "f", "type": "file"}]}
    assert [n.name for n in tree.parse(json.dumps(document).encode())] == ["f"]


# -- documents -------------------------------------------------------------------------------------------------

json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(1 << 53), 1 << 53) | st.text(st.characters(exclude_categories=["Cs"])),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text("abc"), inner, max_size=3),
    max_leaves=10,
)


@given(st.dictionaries(st.text("abcdef"), json_values, max_size=5))
def test_a_document_is_read_back(document: dict[str, object]) -> None:
    assert documents.decode(documents.encode(document, KEY), KEY) == document
    assert documents.decode(documents.encode_config(document, KEY), KEY) == document


def test_a_snapshot_keeps_fields_it_does_not_know() -> None:
    document = {"time": "t", "tree": "ab", "paths": ["/x"], "program_version": "restic 0.99", "summary": {"n": 1}}
    read = SnapshotDocument.from_dict(document)
    assert read.extra == {"program_version": "restic 0.99", "summary": {"n": 1}}
    assert read.as_dict()["summary"] == {"n": 1}


@given(st.lists(st.tuples(ids, st.lists(st.builds(PackedBlob, ids, st.sampled_from(BlobType), u32, u32, u32)))))
def test_an_index_is_read_back(packs: list[tuple[bytes, list[PackedBlob]]]) -> None:
    assert documents.parse_index(json.loads(json.dumps(documents.build_index(packs)))) == packs


# -- damage ----------------------------------------------------------------------------------------------------

CHEAP = keyfile.SCRYPT_N


def _key_file() -> bytes:
    keyfile.SCRYPT_N = 2
    try:
        return keyfile.build(KEY, "p", created="x", username="u", hostname="h")
    finally:
        keyfile.SCRYPT_N = CHEAP


INDEX = documents.build_index([(b"p" * 32, [PackedBlob(b"i" * 32, BlobType.DATA, 0, 50, 20)])])
SNAPSHOT = SnapshotDocument("2026-01-01T00:00:00Z", "ab", ("/x",)).as_dict()
GOOD: dict[str, tuple[bytes, Callable[[bytes], object]]] = {
    "key": (_key_file(), lambda data: keyfile.unlock(data, "p")),
    "key about": (_key_file(), keyfile.describe),
    "tree": (
        tree.build([tree.Node("a\n", "file", 3, b"x" * 32), tree.Node("d", "dir", subtree=b"y" * 32)]),
        tree.parse,
    ),
    "index": (json.dumps(INDEX).encode(), lambda data: documents.parse_index(documents.decode(KEY.seal(data), KEY))),
    "snapshot": (
        json.dumps(SNAPSHOT).encode(),
        lambda data: SnapshotDocument.from_dict(documents.decode(KEY.seal(data), KEY)),
    ),
}


@pytest.mark.parametrize("kind", GOOD)
@settings(max_examples=300, suppress_health_check=[HealthCheck.too_slow])
@given(data=st.data())
def test_damage_is_corrupt_and_nothing_else(kind: str, data: st.DataObject) -> None:
    good, read = GOOD[kind]
    read(good)
    try:
        read(data.draw(damaged(good)))
    except (Corrupt, Denied):
        return


@pytest.mark.parametrize("kind", GOOD)
def test_endless_nesting_is_corrupt(kind: str) -> None:
    with pytest.raises(Corrupt):
        GOOD[kind][1](b"[" * 200_000)


# -- keys ------------------------------------------------------------------------------------------------------


def test_a_key_file_opens_with_its_password_only() -> None:
    assert keyfile.unlock(_key_file(), "p") == KEY
    with pytest.raises(Denied) as caught:
        keyfile.unlock(_key_file(), "q")
    assert caught.value.code == "repository_password"


def test_a_key_file_may_not_ask_for_all_memory() -> None:
    document = json.loads(_key_file()) | {"N": 1 << 30}
    with pytest.raises(Corrupt, match="not allowed"):
        keyfile.unlock(json.dumps(document).encode(), "p")


# -- polynomials -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("known", [0x3DA3358B4DC173, 0x2482734CACCA49, 0b10, 0b11, 0b111, 0x11B])
def test_known_irreducible_polynomials(known: int) -> None:
    """From restic's chunker and from the books (0x11b is AES's)."""
    assert is_irreducible(known)


@pytest.mark.parametrize("known", [0x38F1E565E288DF, 0x30A8295B9D5C91, 0x3DA3358B4DC172, 0b101, 0b110, 0x11A, 0b10101])
def test_known_reducible_polynomials(known: int) -> None:
    assert not is_irreducible(known)


def test_irreducible_polynomials_of_small_degrees_are_as_many_as_the_books_say() -> None:
    for degree, count in ((2, 1), (3, 2), (4, 3), (5, 6), (6, 9), (7, 18), (8, 30)):
        assert sum(is_irreducible(m) for m in range(1 << degree, 2 << degree)) == count


def test_a_random_polynomial_has_degree_53() -> None:
    assert random_polynomial().bit_length() == 54


def test_a_key_file_is_worked_out_once_and_only_for_its_password(monkeypatch: pytest.MonkeyPatch) -> None:
    data, derived = keyfile.build(KEY, "p", created="", username="u", hostname="h"), []
    derive = keyfile._derive

    def counted(password: str, *numbers: Any) -> Any:
        derived.append(password)
        return derive(password, *numbers)

    monkeypatch.setattr(keyfile, "_derive", counted)
    assert [keyfile.unlock(data, "p") for _ in range(3)] == [KEY] * 3
    assert derived == ["p"]
    for _ in range(2):
        with pytest.raises(Denied):
            keyfile.unlock(data, "q")
    assert derived == ["p", "q", "q"], "a refusal is not remembered"
    other = keyfile.build(KEY, "q", created="", username="u", hostname="h")
    with pytest.raises(Denied):
        keyfile.unlock(other, "p")
