"""Cases on capture, restore and verify."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from holdfast.contract.conformance.helpers import (
    capture,
    contents,
    counted,
    failures,
    inspect,
    restore,
    run,
    scalar,
    session_of,
    verify,
    write,
)
from holdfast.contract.conformance.memory_source import FaultySource, MemorySource, read_entry
from holdfast.contract.conformance.subject import NotApplicable, Place, Subject
from holdfast.contract.engine import CanDigest
from holdfast.contract.snapshot import CaptureRequest, Level, RestoreRequest
from holdfast.kernel.errors import Cancelled, HoldfastError
from holdfast.kernel.stop import Stop


def _shop(subject: Subject, place: Place, rows: int = 2000) -> None:
    write(subject, place, subject.dialect.words.shop(rows))


def _is_empty(subject: Subject, place: Place) -> bool:
    return inspect(subject, place).relations == ()


def round_trip(subject: Subject) -> None:
    """The hardest schema of the dialect is captured, restored elsewhere and proven equal; the catalogs are the same."""
    with subject.fresh("source") as place, subject.fresh("target") as target:
        for statement in subject.dialect.awkward:
            write(subject, place, [statement])
        source = capture(subject, place)
        restore(subject, target, source)
        verdict = verify(subject, target, source)
        assert verdict.ok, failures(verdict)
        before, after = inspect(subject, place), inspect(subject, target)
        assert [(r.schema, r.name, r.kind, r.rows) for r in before.relations] == [
            (r.schema, r.name, r.kind, r.rows) for r in after.relations
        ]
        for one, other in zip(before.relations, after.relations, strict=True):
            assert one.columns == other.columns, one.name
            assert one.foreign_keys == other.foreign_keys, one.name
            assert {i.name for i in one.indexes} == {i.name for i in other.indexes}, one.name
        assert before.objects == after.objects
        verdict = verify(subject, place, source)
        assert verdict.ok, f"the source differs from its own snapshot: {failures(verdict)}"


def round_trip_names(subject: Subject) -> None:
    """Tables with awkward names go round with their rows."""
    quote = subject.dialect.quote
    with subject.fresh("source") as place, subject.fresh("target") as target:
        for number, name in enumerate(subject.dialect.names):
            write(subject, place, subject.dialect.words.collection(quote(name), number + 1))
        source = capture(subject, place)
        for path in source.paths():
            assert not path.startswith("/"), path
            assert ".." not in path.split("/"), path
            assert path.isascii() and "\0" not in path, path
        restore(subject, target, source)
        verdict = verify(subject, target, source)
        assert verdict.ok, failures(verdict)
        for number, name in enumerate(subject.dialect.names):
            assert counted(subject, target, quote(name)) == number + 1


def empty_database(subject: Subject) -> None:
    """A database without a table has a snapshot too, and it restores."""
    with subject.fresh("source") as place, subject.fresh("target") as target:
        source = capture(subject, place)
        restore(subject, target, source)
        verdict = verify(subject, target, source)
        assert verdict.ok, failures(verdict)
        assert _is_empty(subject, target)


def readable_without_server(subject: Subject) -> None:
    """L2: a whole snapshot is readable; one with bytes missing or overwritten is not."""
    with subject.fresh() as place:
        _shop(subject, place)
        source = capture(subject, place)
        verdict = subject.engine.readable(source, place.tools, Stop())
        assert verdict.ok, failures(verdict)
        assert verdict.level == Level.READABLE
        longest = max(source.files, key=lambda path: len(source.files[path]))
        files = {**source.files, longest: b"\0" * 64 + source.files[longest][64 : len(source.files[longest]) // 2]}
        broken = MemorySource(source.manifest, files, source.companions)
        assert not subject.engine.readable(broken, place.tools, Stop()).ok, "a broken snapshot counts as readable"


def companions(subject: Subject) -> None:
    """Each snapshot explains itself: RESTORE.md and a restore.sh without secrets."""
    with subject.fresh() as place:
        source = capture(subject, place)
        assert set(source.companions) >= {"RESTORE.md", "restore.sh"}
        assert source.companions["restore.sh"].startswith(b"#!")
        for text in source.companions.values():
            for secret in place.endpoint.secrets.values():
                assert secret.encode() not in text


@contextmanager
def _writing(subject: Subject, place: Place) -> Iterator[list[int]]:
    """A writer that keeps two invariants per transaction: the sum of balances, and one journal row per ledger row."""
    halt, done, errors = threading.Event(), [0], list[BaseException]()
    words = subject.dialect.words

    def work() -> None:
        try:
            with subject.dialect.writer(place.endpoint) as execute:
                while not halt.is_set():
                    n = done[0] + 1
                    execute(
                        [
                            words.move("accounts", 1 + n % 50, -n),
                            words.add("ledger", n, "moved"),
                            words.move("accounts", 1 + (n * 7) % 50, n),
                            words.add("journal", n, ""),
                        ]
                    )
                    done[0] = n
        except BaseException as error:  # noqa: BLE001  raised again in the case's own thread
            errors.append(error)

    thread = threading.Thread(target=work)
    thread.start()
    try:
        deadline = time.monotonic() + 10
        while done[0] < 20 and not errors and time.monotonic() < deadline:
            time.sleep(0.01)
        yield done
    finally:
        halt.set()
        thread.join()
    assert not errors, f"the writer failed: {errors[0]!r}"


def one_moment(subject: Subject) -> None:
    """A capture taken while someone writes is one moment, and the writer goes on meanwhile."""
    with subject.fresh("source") as place, subject.fresh("target") as target:
        words = subject.dialect.words
        for made in (words.amounts("accounts", 50, 1000), words.collection("ledger"), words.collection("journal")):
            write(subject, place, made)
        with _writing(subject, place) as done, session_of(subject, place) as session:
            with session.capture(None, CaptureRequest(digests="always"), Stop()) as captured:
                at_start = done[0]
                if subject.engine.capabilities.capture.isolation == "snapshot":
                    deadline = time.monotonic() + 5
                    while done[0] < at_start + 20 and time.monotonic() < deadline:
                        time.sleep(0.01)
                    assert done[0] >= at_start + 20, "the writer was blocked by an entered capture"
                source = MemorySource.read(captured)
        restore(subject, target, source)
        verdict = verify(subject, target, source)
        assert verdict.ok, failures(verdict)
        assert sum(int(amount) for amount in contents(subject, target, "accounts").values()) == 50_000
        rows = counted(subject, target, "ledger")
        assert rows == counted(subject, target, "journal")
        assert rows <= at_start + 1, "the capture holds writes that came after it was entered"


def entries_again(subject: Subject) -> None:
    """An entry opened twice, and two at once, gives the same bytes."""
    with subject.fresh() as place, session_of(subject, place) as session:
        _shop(subject, place)
        with session.capture(None, CaptureRequest(), Stop()) as captured:
            entries = list(captured.entries())
            first = [read_entry(entry) for entry in entries]
            write(subject, place, [subject.dialect.words.keep_first("orders", 100, 2000)])
            again: dict[int, bytes] = {}

            def read(number: int) -> None:
                again[number] = read_entry(entries[number % len(entries)])

            threads = [threading.Thread(target=read, args=(n,)) for n in range(2 * len(entries))]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            for number in range(2 * len(entries)):
                assert again.get(number) == first[number % len(entries)], entries[number % len(entries)].path


def restore_selected(subject: Subject) -> None:
    """One table is brought into a live database under another name; a clash is refused and harms nothing."""
    schema = subject.dialect.schema
    with subject.fresh("source") as place, subject.fresh("target") as target:
        _shop(subject, place)
        source = capture(subject, place)
        write(subject, target, ["CREATE TABLE customers (id integer PRIMARY KEY)", "INSERT INTO customers VALUES (42)"])
        want = RestoreRequest(
            select=(f"{schema}.customers",), rename={f"{schema}.customers": "customers_before"}, into="existing"
        )
        restore(subject, target, source, want)
        assert scalar(subject, target, "SELECT count(*) FROM customers_before") == 200
        assert run(subject, target, "SELECT id FROM customers").rows == [(42,)]
        assert {r.name for r in inspect(subject, target).relations} == {"customers", "customers_before"}
        clash = RestoreRequest(select=(f"{schema}.customers",), into="existing")
        with suppress(HoldfastError):
            restore(subject, target, source, clash)
            raise AssertionError("a clash went through")
        assert run(subject, target, "SELECT id FROM customers").rows == [(42,)]


def restore_into_full(subject: Subject) -> None:
    """A restore that demands an empty target refuses a full one, which stays as it is."""
    with subject.fresh("source") as place, subject.fresh("target") as target:
        _shop(subject, place, 100)
        source = capture(subject, place)
        write(subject, target, subject.dialect.words.collection("mine", 1))
        with suppress(HoldfastError):
            restore(subject, target, source)
            raise AssertionError("a full target was overwritten")
        assert list(contents(subject, target, "mine")) == [1]


def restore_fault(subject: Subject) -> None:
    """A source that dies in the middle leaves the target empty, and the same restore then succeeds."""
    with subject.fresh("source") as place, subject.fresh("target") as target:
        _shop(subject, place)
        source = capture(subject, place)
        total = sum(source.size(path) for path in source.paths())
        for after in (0, total // 2, total - 1):
            with suppress(HoldfastError):
                restore(subject, target, FaultySource(source, after))
                raise AssertionError(f"a source that died after {after} bytes was restored")
            assert _is_empty(subject, target), f"half a restore is left after {after} bytes"
        restore(subject, target, source)
        verdict = verify(subject, target, source)
        assert verdict.ok, failures(verdict)


def restore_progress(subject: Subject) -> None:
    """`progress` counts bytes pulled and never goes back."""
    with subject.fresh("source") as place, subject.fresh("target") as target:
        _shop(subject, place)
        source = capture(subject, place)
        seen: list[int] = []
        restore(subject, target, source, RestoreRequest(progress=seen.append, parallel=1))
        assert seen == sorted(seen)
        assert seen and seen[-1] > 0


def stopped(subject: Subject) -> None:
    """A stop ends capture and restore as Cancelled and leaves nothing behind."""
    with subject.fresh("source") as place, subject.fresh("target") as target:
        _shop(subject, place)
        source = capture(subject, place)
        stop = Stop()
        stop.stop()
        with session_of(subject, place) as session, suppress(Cancelled):
            with session.capture(None, CaptureRequest(), stop) as captured:
                MemorySource.read(captured)
            raise AssertionError("a stopped capture came to an end")
        with suppress(Cancelled):
            restore(subject, target, source, stop=stop)
            raise AssertionError("a stopped restore came to an end")
        assert _is_empty(subject, target)
        late = Stop()
        with suppress(Cancelled):
            restore(subject, target, source, RestoreRequest(progress=lambda _: late.stop()), late)
            raise AssertionError("a restore stopped in the middle came to an end")
        assert _is_empty(subject, target)


def wrong_row_noticed(subject: Subject) -> None:
    """`verify` sees one changed value and one missing table."""
    with subject.fresh("source") as place:
        for statement in subject.dialect.awkward:
            write(subject, place, [statement])
        _shop(subject, place, 200)
        source = capture(subject, place)
        assert verify(subject, place, source).ok
        write(subject, place, [subject.dialect.words.change("orders", 17, "changed")])
        assert not verify(subject, place, source).ok, "a changed row went unnoticed"
        source = capture(subject, place)
        write(subject, place, [subject.dialect.corrupt_row])
        assert not verify(subject, place, source).ok, "a changed awkward row went unnoticed"
        source = capture(subject, place)
        write(subject, place, [subject.dialect.words.drop("orders")])
        assert not verify(subject, place, source).ok, "a missing table went unnoticed"


def digests(subject: Subject) -> None:
    """Digests do not see the order of rows and do see how often a row is there."""
    with subject.fresh() as place, session_of(subject, place) as session:
        if not isinstance(session, CanDigest):
            raise NotApplicable("no digests")
        write(
            subject,
            place,
            [
                "CREATE TABLE a (x integer, y text)",
                "CREATE TABLE b (x integer, y text)",
                "CREATE TABLE c (x integer, y text)",
                "INSERT INTO a VALUES (1, 'one'), (2, NULL), (2, NULL), (3, '')",
                "INSERT INTO b VALUES (3, ''), (2, NULL), (1, 'one'), (2, NULL)",
                "INSERT INTO c VALUES (3, ''), (2, NULL), (1, 'one'), (1, 'one')",
            ],
        )
        schema = subject.dialect.schema
        found = session.digests((), Stop())
        assert set(found) == {f"{schema}.{name}" for name in "abc"}
        assert found[f"{schema}.a"] == found[f"{schema}.b"]
        assert found[f"{schema}.a"] != found[f"{schema}.c"]
        assert found[f"{schema}.a"][0] == 4
        assert set(session.digests((f"{schema}.a",), Stop())) == {f"{schema}.a"}


CASES = (
    round_trip,
    round_trip_names,
    empty_database,
    readable_without_server,
    companions,
    one_moment,
    entries_again,
    restore_selected,
    restore_into_full,
    restore_fault,
    restore_progress,
    stopped,
    wrong_row_noticed,
    digests,
)
