"""One thing changed by hand in the database, a thousand times: `verify` finds each, and an honest log always passes."""

from __future__ import annotations

import json
import os
import random
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from holdfast.features.audit import store
from holdfast.kernel import audit, log
from holdfast.kernel.audit import audit_events
from holdfast.kernel.audit_chain import Head, audit_head, begin, head, place_some
from holdfast.kernel.audit_seal import SEAL, Seal, payload_digest, set_seal
from holdfast.kernel.audit_verify import ERASE, Verified, verify
from holdfast.kernel.clock import timestamp
from holdfast.kernel.db import Database

ROWS, TAMPERINGS = 200, 1000
COLUMNS = [column.name for column in audit_events.c]
Row = dict[str, Any]


@dataclass
class Log:
    db: Database
    seal: Seal
    heads: list[tuple[str, Head]]
    rows: list[Row]

    def verify(self, conn: sa.Connection) -> Verified:
        return verify(conn, self.seal, heads=self.heads)


def erase(conn: sa.Connection, rows: list[tuple[int, str]]) -> None:
    now = datetime.now(UTC)
    store.empty(conn, rows, now)
    details = {"ranges": list(store.ranges([seq for seq, _ in rows])), "at": timestamp(now), "reason": "asked"}
    audit.record(conn, actor="usr_dpo", action=ERASE, details=details)


@pytest.fixture(scope="module")
def honest(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Log]:
    path: Path = tmp_path_factory.mktemp("chain") / "meta.db"
    db, seal = Database(f"sqlite+apsw:///{path}"), Seal({1: os.urandom(32)})
    db.create_all()
    with db.write() as conn:
        for number in range(7):  # from before the chain
            audit.record(conn, actor="usr_old", action="database.create", details={"number": number})
    with db.write() as conn:
        begin(conn.execution_options(**{SEAL: seal}), seal)
    set_seal(db.engine, seal)
    heads: list[tuple[str, Head]] = []
    for start in range(0, ROWS - 9, 10):
        with db.write() as conn, log.bound(address=f"192.0.2.{start}"):
            for number in range(start, min(start + 10, ROWS - 9)):
                audit.record(conn, actor=f"usr_{number % 9}", action="run.cancel", details={"number": number, "x": 0.5})
        with db.write() as conn:
            place_some(conn, seal, "me")
            if start in (50, 120):
                heads.append((f"snapshot {start}", head(conn)))
    with db.write() as conn:
        erase(
            conn,
            [
                (seq, row_id)
                for seq, row_id in conn.execute(
                    sa.select(audit_events.c.seq, audit_events.c.id)
                    .where(audit_events.c.actor == "usr_3")
                    .order_by("seq")
                )
            ],
        )
    with db.write() as conn:
        place_some(conn, seal, "me")
        heads.append(("the file", head(conn)))
    with db.read() as conn:
        rows = [row._asdict() for row in conn.execute(sa.text("SELECT * FROM audit_events ORDER BY seq"))]
    assert [row["seq"] for row in rows] == list(range(1, len(rows) + 1))
    yield Log(db, seal, heads, rows)
    db.close()


def put(conn: sa.Connection, row_id: str, **values: Any) -> None:
    setting = ", ".join(f"{name} = :{name}" for name in values)
    conn.execute(sa.text(f"UPDATE audit_events SET {setting} WHERE id = :row_id"), {**values, "row_id": row_id})


def add(conn: sa.Connection, row: Row) -> None:
    names = ", ".join(row)
    conn.execute(sa.text(f"INSERT INTO audit_events ({names}) VALUES ({', '.join(f':{n}' for n in row)})"), row)


def change_a_column(conn: sa.Connection, made: Log, rng: random.Random) -> None:
    row = rng.choice(made.rows)
    name = rng.choice(COLUMNS)
    other = rng.choice(made.rows)[name]
    garbage = {"seq": [None, -1, 0, 10_000, "first"], "at": ["2020-01-01T00:00:00.000000Z", "never"]}
    garbage |= {"details": ['{"number":4711}', "[]", "{", '"x"', "null"], "key_version": [None, 2, 0, "one"]}
    garbage |= {"erased_at": ["2020-01-01T00:00:00.000000Z", None, "never"]}
    choices = [*garbage.get(name, ["x", ""]), *([other] if name not in ("id", "seq") else [])]
    if name not in ("id", "at", "actor", "action", "outcome", "details"):
        choices.append(None)
    different = [value for value in choices if value != row[name]]
    put(conn, row["id"], **{name: rng.choice(different)})


def flip_a_character(conn: sa.Connection, made: Log, rng: random.Random) -> None:
    row = rng.choice(made.rows)
    name = rng.choice([name for name in ("id", "actor", "action", "chain", "mac", "digest", "salt") if row[name]])
    at, text = rng.randrange(len(row[name])), row[name]
    put(conn, row["id"], **{name: text[:at] + ("a" if text[at] != "a" else "b") + text[at + 1 :]})


def remove_a_row(conn: sa.Connection, made: Log, rng: random.Random) -> None:
    conn.execute(sa.text("DELETE FROM audit_events WHERE id = :id"), {"id": rng.choice(made.rows)["id"]})


def remove_and_close_the_gap(conn: sa.Connection, made: Log, rng: random.Random) -> None:
    row = rng.choice(made.rows)
    conn.execute(sa.text("DELETE FROM audit_events WHERE id = :id"), {"id": row["id"]})
    for later in made.rows[row["seq"] :]:
        put(conn, later["id"], seq=later["seq"] - 1)


def cut_the_tail(conn: sa.Connection, made: Log, rng: random.Random) -> None:
    """Together with the head as it truly was then, which a copy of the database has."""
    keep = rng.randrange(0, len(made.rows))
    conn.execute(sa.text("DELETE FROM audit_events WHERE seq > :keep"), {"keep": keep})
    chain = made.rows[keep - 1]["chain"] if keep else ""
    if rng.random() < 0.8:
        conn.execute(audit_head.update().values(seq=keep, chain=chain, mac=made.seal.head(keep, chain)))


def bring_an_older_copy(conn: sa.Connection, made: Log, rng: random.Random) -> None:
    """And go on from there: the sequencer signs what follows, and only what was kept elsewhere can tell."""
    cut_the_tail(conn, made, rng)
    present = conn.execute(sa.select(sa.func.max(audit_events.c.seq))).scalar() or 0
    chain = made.rows[present - 1]["chain"] if present else ""
    conn.execute(audit_head.update().values(seq=present, chain=chain, mac=made.seal.head(present, chain)))
    for _ in range(rng.choice((1, 3, ROWS))):
        audit.record(conn, actor="usr_1", action="run.cancel")
    place_some(conn, made.seal, "me")


def forge_a_row(conn: sa.Connection, made: Log, rng: random.Random) -> None:
    """With a digest that fits, which takes no key."""
    row = {**rng.choice(made.rows), "id": f"aud_{rng.random()}", "actor": "usr_9", "salt": "s", "address": None}
    row |= {"details": json.dumps({"by": "me"}), "digest": payload_digest("s", None, {"by": "me"}), "erased_at": None}
    row["seq"] = rng.choice((None, len(made.rows) + 1, len(made.rows) + 50, 0, -3))
    add(conn, row)


def swap_two(conn: sa.Connection, made: Log, rng: random.Random) -> None:
    one, two = rng.sample(made.rows, 2)
    put(conn, one["id"], seq=-1)
    put(conn, two["id"], seq=one["seq"])
    put(conn, one["id"], seq=two["seq"])
    if rng.random() < 0.5:
        put(conn, one["id"], chain=two["chain"])
        put(conn, two["id"], chain=one["chain"])


def swap_two_payloads(conn: sa.Connection, made: Log, rng: random.Random) -> None:
    one, two = rng.sample([row for row in made.rows if row["salt"]], 2)
    for target, source in ((one, two), (two, one)):
        put(conn, target["id"], **{name: source[name] for name in ("details", "address", "salt")})


def copy_a_row(conn: sa.Connection, made: Log, rng: random.Random) -> None:
    row = rng.choice(made.rows)
    add(conn, {**row, "id": row["id"] + "x", "seq": rng.choice((None, len(made.rows) + 1))})


def erase_unasked(conn: sa.Connection, made: Log, rng: random.Random) -> None:
    row = rng.choice([row for row in made.rows if row["erased_at"] is None])
    put(conn, row["id"], details="{}", address=None, salt=None, erased_at="2026-01-01T00:00:00.000000Z")


def erase_with_a_forged_record(conn: sa.Connection, made: Log, rng: random.Random) -> None:
    row = rng.choice([row for row in made.rows if row["erased_at"] is None])
    erase_unasked(conn, Log(made.db, made.seal, made.heads, [row]), rng)
    details = {"ranges": [[row["seq"], row["seq"]]], "at": "2026-01-01T00:00:00.000000Z"}
    forged = {**made.rows[-1], "id": "aud_forged", "seq": None, "details": json.dumps(details), "salt": "s"}
    add(conn, {**forged, "address": None, "digest": payload_digest("s", None, details)})


def move_the_head(conn: sa.Connection, made: Log, rng: random.Random) -> None:
    name = rng.choice(("seq", "chain", "mac", ""))
    if name:
        conn.execute(audit_head.update().values({name: 5 if name == "seq" else "1.abc"}))
    else:
        conn.execute(audit_head.delete())


KINDS = (
    *(change_a_column,) * 6,
    *(flip_a_character,) * 2,
    remove_a_row,
    remove_and_close_the_gap,
    cut_the_tail,
    bring_an_older_copy,
    *(forge_a_row,) * 2,
    swap_two,
    swap_two_payloads,
    copy_a_row,
    erase_unasked,
    erase_with_a_forged_record,
    move_the_head,
)


class Undo(Exception):
    pass


def test_a_thousand_tamperings_are_all_found(honest: Log) -> None:
    seed = random.randrange(2**32)
    rng, missed = random.Random(seed), []
    for number in range(TAMPERINGS):
        kind, state = KINDS[number % len(KINDS)], rng.getstate()
        try:
            with honest.db.write() as conn:
                kind(conn, honest, rng)
                if honest.verify(conn).ok:
                    missed.append((number, kind.__name__, state))
                raise Undo
        except Undo:
            pass
    assert [(number, name) for number, name, _ in missed] == [], f"seed {seed}"
    with honest.db.read() as conn:
        found = honest.verify(conn)
    assert found.ok, found.findings
    assert (found.rows, found.anchors, found.waiting) == (len(honest.rows), 3, 0)
    assert found.erased > 10


@pytest.mark.parametrize(
    ("sql", "kind", "seq"),
    [
        ("UPDATE audit_events SET actor = 'usr_x' WHERE seq = 40", "changed", 40),
        ("UPDATE audit_events SET address = '203.0.113.1' WHERE seq = 41", "changed", 41),
        ("DELETE FROM audit_events WHERE seq BETWEEN 50 AND 60", "removed", 50),
        ("DELETE FROM audit_events WHERE seq > 100", "truncated", 101),
    ],
)
def test_a_finding_names_the_row(honest: Log, sql: str, kind: str, seq: int) -> None:
    try:
        with honest.db.write() as conn:
            conn.execute(sa.text(sql))
            found = honest.verify(conn).findings
            raise Undo
    except Undo:
        assert (kind, seq) in [(each.kind, each.seq) for each in found], found


def test_a_row_smuggled_in_gets_no_place(honest: Log) -> None:
    """The honest rows after it do, and the log goes on."""
    try:
        with honest.db.write() as conn:
            row = {**honest.rows[20], "id": "aud_00", "seq": None, "chain": None, "actor": "usr_x"}
            add(conn, row)
            audit.record(conn, actor="usr_1", action="run.cancel")
            turn = place_some(conn, honest.seal, "me")
            raise Undo
    except Undo:
        assert (turn.placed, list(turn.strange)) == (1, ["aud_00"])
