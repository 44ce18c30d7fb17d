"""What every store must do: plain functions `case(store)` on an empty store, raising AssertionError."""

# ruff: noqa: S101  cases are assertions

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from itertools import repeat

from holdfast.kernel.errors import Conflict, NotFound, Permanent
from holdfast.vault.stores.base import Store

Case = Callable[[Store], None]


def _missing(act: Callable[[], object]) -> bool:
    try:
        act()
    except NotFound:
        return True
    return False


def what_is_put_is_got(store: Store) -> None:
    store.put("data/aa/one", [b"abc", b"", memoryview(b"defg")])
    assert store.get("data/aa/one") == b"abcdefg"
    assert store.size("data/aa/one") == 7
    assert store.exists("data/aa/one")


def ranges_end_where_the_piece_ends(store: Store) -> None:
    store.put("config", [b"0123456789"])
    assert store.get("config", 3, 4) == b"3456"
    assert store.get("config", 8, 10) == b"89"
    assert store.get("config", 10, 5) == b""
    assert store.get("config", 4) == b"456789"
    assert store.get("config", 2, 0) == b""


def an_empty_piece_is_a_piece(store: Store) -> None:
    store.put("keys/empty", [])
    assert store.exists("keys/empty")
    assert store.get("keys/empty") == b""
    assert list(store.list("keys")) == [("keys/empty", 0)]


def many_small_parts_make_one_piece(store: Store) -> None:
    parts = [bytes((n % 251,)) * (n % 7) for n in range(5000)]
    store.put("data/bb/many", parts)
    assert store.get("data/bb/many") == b"".join(parts)


def a_stream_of_any_size_is_one_piece(store: Store) -> None:
    """In parts where it is large; made again where a part was lost."""
    block = bytes(range(256)) * 4096
    for count in (0, 1, 20):
        store.put_stream("files/deep/er/name.gz", partial(repeat, block, count), count << 20)
        assert store.size("files/deep/er/name.gz") == count << 20
    assert store.get("files/deep/er/name.gz", 19 << 20) == block


def a_stream_that_breaks_off_leaves_no_piece(store: Store) -> None:
    """Whether it breaks at once or behind what a store takes in one part; what was there stays."""

    def broken(count: int) -> Iterator[bytes]:
        for _ in range(count):
            yield bytes(1 << 20)
        raise EOFError("the source ended")

    store.put_stream("files/kept", lambda: iter([b"before"]), 6)
    for name, count in (("files/new", 0), ("files/new", 3), ("files/new", 20), ("files/kept", 20)):
        try:
            store.put_stream(name, partial(broken, count), 1)
        except EOFError:
            continue
        raise AssertionError("it was not told that the source broke off")
    assert not store.exists("files/new")
    assert store.get("files/kept") == b"before"


def a_walk_goes_all_the_way_down(store: Store) -> None:
    for name in ("files/a/b/c/d.gz", "files/a/x.json", "files/top", "other/one"):
        store.put(name, [name.encode()])
    assert sorted(store.walk("files")) == [("files/a/b/c/d.gz", 16), ("files/a/x.json", 14), ("files/top", 9)]
    assert list(store.walk("none")) == []


def writing_again_replaces_the_whole(store: Store) -> None:
    store.put("config", [b"a long first version"])
    store.put("config", [b"short"])
    assert store.get("config") == b"short"


def only_one_of_many_creators_wins(store: Store) -> None:
    def create(number: int) -> bool:
        try:
            store.create("config", [b"%d" % number])
        except Conflict as error:
            return error.code != "piece_exists"
        return True

    with ThreadPoolExecutor(4) as pool:
        won = [number for number, made in enumerate(pool.map(create, range(12))) if made]
    assert [b"%d" % number for number in won] == [store.get("config")]
    assert not create(99)
    assert [b"%d" % number for number in won] == [store.get("config")]
    assert list(store.list("tmp")) == []


def an_absent_piece_is_said_to_be_absent(store: Store) -> None:
    assert not store.exists("data/cc/none")
    assert _missing(lambda: store.get("data/cc/none"))
    assert _missing(lambda: store.get("data/cc/none", 1, 2))
    assert _missing(lambda: store.size("data/cc/none"))
    assert list(store.list("nothing")) == []


def deleting_twice_is_deleting_once(store: Store) -> None:
    store.put("locks/one", [b"x"])
    store.delete("locks/one")
    store.delete("locks/one")
    assert not store.exists("locks/one")
    store.delete("locks/never")
    store.delete("nowhere/never")


def a_listing_has_two_levels_and_only_its_prefix(store: Store) -> None:
    for name in ("data/aa/one", "data/ab/two", "index/three", "data/top"):
        store.put(name, [name.encode()])
    assert sorted(store.list("data")) == [("data/aa/one", 11), ("data/ab/two", 11), ("data/top", 8)]
    assert list(store.list("index/")) == [("index/three", 11)]


def a_listing_never_shows_half_a_piece(store: Store) -> None:
    """While others write, every piece listed has its full length."""
    size = 300_000

    def write(number: int) -> None:
        store.put(f"data/aa/{number:02d}", [bytes(size)])

    with ThreadPoolExecutor(4) as pool:
        writes = [pool.submit(write, n) for n in range(24)]
        while not all(w.done() for w in writes):
            assert {length for _, length in store.list("data")} <= {size}
        for done in writes:
            done.result()
    assert len(list(store.list("data"))) == 24


def two_writers_of_one_name_leave_one_of_the_two(store: Store) -> None:
    first, second = b"1" * 200_000, b"2" * 200_000
    with ThreadPoolExecutor(2) as pool:
        for _ in range(10):
            list(pool.map(lambda data: store.put("index/same", [data]), (first, second)))
            assert store.get("index/same") in (first, second)


def names_cannot_leave_the_store(store: Store) -> None:
    for name in ("../outside", "/absolute", "a/../../b", ""):
        try:
            store.put(name, [b"x"])
        except Permanent:
            continue
        raise AssertionError(f"{name!r} was taken as a name")


def sweeping_keeps_what_was_finished(store: Store) -> None:
    store.put("data/aa/one", [b"x"])
    store.sweep()
    assert store.get("data/aa/one") == b"x"


CASES: tuple[Case, ...] = (
    what_is_put_is_got,
    ranges_end_where_the_piece_ends,
    an_empty_piece_is_a_piece,
    many_small_parts_make_one_piece,
    a_stream_of_any_size_is_one_piece,
    a_stream_that_breaks_off_leaves_no_piece,
    a_walk_goes_all_the_way_down,
    writing_again_replaces_the_whole,
    only_one_of_many_creators_wins,
    an_absent_piece_is_said_to_be_absent,
    deleting_twice_is_deleting_once,
    a_listing_has_two_levels_and_only_its_prefix,
    a_listing_never_shows_half_a_piece,
    two_writers_of_one_name_leave_one_of_the_two,
    names_cannot_leave_the_store,
    sweeping_keeps_what_was_finished,
)
