"""A build on the disk and what is handed out of it, whatever is asked for."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from starlette.datastructures import Headers

from holdfast.web.bundle import Bundle, chosen, listed, matches

SECRET = b"what nobody may read"


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A build with neighbours: a file above it, a folder beside it, and links that lead out of it."""
    above = tmp_path_factory.mktemp("above")
    (above / "secret.html").write_bytes(SECRET)
    (above / "ui-old").mkdir()
    (above / "ui-old" / "index.html").write_bytes(SECRET)
    root = above / "ui"
    (root / "assets").mkdir(parents=True)
    for name in ("index.html", "assets/index-AbCd1234.js", "assets/plain.js", "a b'\"; --é.txt"):
        (root / name).write_bytes(name.encode())
    (root / "assets" / "index-AbCd1234.js.br").write_bytes(b"br")
    (root / "assets" / "index-AbCd1234.js.gz").write_bytes(b"gz")
    (root / "link.html").symlink_to(above / "secret.html")
    (root / "folder").symlink_to(above / "ui-old")
    return root


def asked(**headers: str) -> Headers:
    return Headers({name.replace("_", "-"): value for name, value in headers.items()})


_PARTS = st.sampled_from(
    [
        "..",
        ".",
        "",
        "assets",
        "index.html",
        "secret.html",
        "ui",
        "ui-old",
        "folder",
        "link.html",
        "%2e%2e",
        "..\\",
        "\0",
    ]
)
_PATHS = st.one_of(st.text(max_size=40), st.lists(_PARTS, max_size=8).map("/".join))


@given(path=_PATHS)
@settings(max_examples=400, deadline=None)
def test_no_name_leads_out_of_the_build(built: Path, path: str) -> None:
    """Only what was listed is there, under exactly its name; everything else is nothing, not an error."""
    known = {"index.html", "assets/index-AbCd1234.js", "assets/plain.js", "a b'\"; --é.txt"}
    answer = Bundle(built).answer(path, asked())
    assert (answer is not None) == (path in known)
    assert answer is None or bytes(answer.body) == path.encode()


def test_links_and_packed_twins_are_no_files_of_their_own(built: Path) -> None:
    names = set(listed(built))
    assert "link.html" not in names
    assert not [name for name in names if name.startswith("folder") or name.endswith((".br", ".gz"))]


@pytest.mark.parametrize(
    ("accepted", "coding"),
    [
        (["gzip, deflate, br, zstd"], "br"),
        (["gzip"], "gzip"),
        (["gzip", "br"], "br"),
        (["br;q=0, gzip;q=0.5"], "gzip"),
        (["BR ; Q=1"], "br"),
        (["*"], "br"),
        (["*;q=0"], ""),
        (["br;q=0.000, *"], "gzip"),
        (["br;q=nan, gzip;q=-1"], ""),
        (["identity"], ""),
        ([], ""),
        ([";;;,,q=1"], ""),
    ],
)
def test_the_best_packing_that_the_client_takes(accepted: list[str], coding: str) -> None:
    assert chosen(accepted, {"": Path(), "br": Path(), "gzip": Path()}) == coding


@given(accepted=st.lists(st.text(st.characters(max_codepoint=255), max_size=60), max_size=3))
def test_any_header_gets_an_answer(accepted: list[str]) -> None:
    assert chosen(accepted, {"": Path(), "gzip": Path()}) in ("", "gzip")
    assert matches([*accepted, '"x"'], '"x"')


def test_hashed_names_are_kept_for_ever_and_others_asked_again(built: Path) -> None:
    bundle = Bundle(built)
    hashed = bundle.answer("assets/index-AbCd1234.js", asked(accept_encoding="br"))
    assert hashed is not None
    assert hashed.headers["cache-control"] == "public, max-age=31536000, immutable"
    assert (hashed.headers["content-encoding"], bytes(hashed.body)) == ("br", b"br")
    for name in ("index.html", "assets/plain.js"):
        answer = bundle.answer(name, asked())
        assert answer is not None
        assert answer.headers["cache-control"] == "no-cache"


def test_each_packing_has_its_own_etag_and_304_holds_no_body(built: Path) -> None:
    bundle = Bundle(built)
    tags = set()
    for coding in ("br", "gzip", ""):
        answer = bundle.answer("assets/index-AbCd1234.js", asked(accept_encoding=coding))
        assert answer is not None
        tags.add(answer.headers["etag"])
        again = bundle.answer(
            "assets/index-AbCd1234.js", asked(accept_encoding=coding, if_none_match=f'"x", W/{answer.headers["etag"]}')
        )
        assert again is not None
        assert (again.status_code, bytes(again.body)) == (304, b"")
        assert again.headers["etag"] == answer.headers["etag"]
        assert again.headers["vary"] == "accept-encoding"
    assert len(tags) == 3


def test_the_next_build_is_served_without_a_start(tmp_path: Path) -> None:
    """A build is made aside and moved into place: names of the one before are gone, not half there."""
    old, new = tmp_path / "ui", tmp_path / "next"
    bundle = Bundle(old)
    assert not bundle.is_built
    assert bundle.answer("index.html", asked()) is None
    for root, text in ((old, b"one"), (new, b"two")):
        (root / "assets").mkdir(parents=True)
        (root / "assets" / "a-00000000.js").write_bytes(text)
        (root / "index.html").write_bytes(text)
    (old / "assets" / "gone-00000000.js").write_bytes(b"gone")
    first = bundle.answer("index.html", asked())
    os.rename(old, tmp_path / "before")
    os.rename(new, old)
    second = bundle.answer("index.html", asked())
    assert first is not None
    assert second is not None
    assert (bytes(first.body), bytes(second.body)) == (b"one", b"two")
    assert bundle.answer("assets/gone-00000000.js", asked()) is None
