"""Reading back: any offset, any number of threads, whole entries in pieces."""

from __future__ import annotations

import random
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from kit import BytesCapture, drain, new_repository, page_entry, snapshot

from holdfast.contract.snapshot import CanFetch
from holdfast.kernel.errors import NotFound
from holdfast.vault import fetching
from holdfast.vault.repository import Repository

RANDOM = random.Random(9)
STREAM = RANDOM.randbytes(4_000_000)
PAGE = 65536
REPEATED = RANDOM.randbytes(PAGE)
PAGES = (
    b"".join(REPEATED if n % 3 == 0 else (bytes(PAGE) if n % 3 == 1 else RANDOM.randbytes(PAGE)) for n in range(40))
    + b"rest"
)
FILES = {"stream": STREAM, "pages": PAGES, "empty": b""}


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> tuple[Repository, str]:
    repo = new_repository(tmp_path_factory.mktemp("source") / "r")
    cells = {n: PAGES[n * PAGE : (n + 1) * PAGE] for n in range(41)}
    files = {"stream": STREAM, "empty": b""}
    return repo, snapshot(repo, BytesCapture(files, (page_entry("pages", cells, len(PAGES)),))).id


def fetched(repo: Repository, written: str, path: str, parallel: int) -> tuple[bytes, list[tuple[int, int]]]:
    out, given, lock = bytearray(len(FILES[path])), list[tuple[int, int]](), threading.Lock()

    def write(offset: int, data: memoryview) -> None:
        with lock:
            given.append((offset, offset + len(data)))
        out[offset : offset + len(data)] = data

    with repo.source(written) as source:
        assert isinstance(source, CanFetch)
        source.fetch(path, write, parallel)
    return bytes(out), sorted(given)


@pytest.mark.parametrize("path", FILES)
@pytest.mark.parametrize("parallel", [1, 4])
@pytest.mark.parametrize("window", [3, 4096])
def test_pieces_cover_an_entry_exactly_once(
    place: tuple[Repository, str], path: str, parallel: int, window: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fetching, "_WINDOW", window)
    data, given = fetched(*place, path, parallel)
    assert data == FILES[path]
    assert [end for _, end in given[:-1]] == [start for start, _ in given[1:]]


@pytest.mark.parametrize("path", FILES)
def test_a_stream_begins_at_any_offset(place: tuple[Repository, str], path: str) -> None:
    repo, written = place
    data = FILES[path]
    with repo.source(written) as source:
        offsets = {0, 1, PAGE, PAGE + 1, 3 * PAGE - 1, len(data) - 1, len(data), len(data) + 9, 1_234_567}
        for offset in (o for o in offsets if o >= 0):
            assert drain(source.open(path, offset)) == data[offset:]


def test_streams_of_several_threads_do_not_mix(place: tuple[Repository, str]) -> None:
    repo, written = place
    with repo.source(written) as source, ThreadPoolExecutor(6) as pool:
        starts = [n * 300_001 for n in range(12)]
        assert list(pool.map(lambda at: drain(source.open("stream", at), 9_999), starts)) == [
            STREAM[s:] for s in starts
        ]


def test_what_a_writer_raises_ends_the_fetch(place: tuple[Repository, str]) -> None:
    repo, written = place
    calls = []

    def write(offset: int, data: memoryview) -> None:
        calls.append(offset)
        raise OSError("no room")

    with repo.source(written) as source, pytest.raises(OSError, match="no room"):
        source.fetch("pages", write, 2)
    assert len(calls) <= 2
    assert not [t for t in threading.enumerate() if t.name.startswith("fetch")]


def test_a_source_closed_twice_is_closed_once(place: tuple[Repository, str]) -> None:
    repo, written = place
    first, second = repo.source(written), repo.source(written)
    assert len(list(repo.store.list("locks"))) == 1
    first.close()
    first.close()
    assert len(list(repo.store.list("locks"))) == 1
    second.close()
    assert list(repo.store.list("locks")) == []


def test_an_entry_that_is_not_there(place: tuple[Repository, str]) -> None:
    repo, written = place
    with repo.source(written) as source:
        for act in (source.size, source.open, lambda path: source.fetch(path, lambda o, d: None)):
            with pytest.raises(NotFound):
                act("none")
