"""The record is part of the change: both or neither, and no secret in it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import metadata_home
import pytest
import sqlalchemy as sa

from holdfast.kernel import audit, log
from holdfast.kernel.audit import audit_events
from holdfast.kernel.db import Database

SECRET = "canary-c0ffee-in-the-audit"


@pytest.fixture
def db(tmp_path: Path) -> Iterator[Database]:
    made = Database(metadata_home.url(tmp_path / "meta.db"))
    made.create_all()
    yield made
    made.close()


def rows(db: Database) -> list[sa.Row]:
    with db.read() as conn:
        return list(conn.execute(sa.select(audit_events).order_by(audit_events.c.id)))


def test_it_is_undone_with_the_change(db) -> None:
    def broken() -> None:
        with db.write() as conn:
            audit.record(conn, actor="usr_1", action="database.create")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        broken()
    assert rows(db) == []
    with db.write() as conn:
        audit.record(conn, actor="usr_1", action="database.create", resource_id="db_1", details={"name": "shop"})
    (row,) = rows(db)
    assert (row.actor, row.action, row.resource_id, row.outcome) == ("usr_1", "database.create", "db_1", "ok")
    assert row.details == {"name": "shop"}
    assert (row.seq, row.chain) == (None, None)


def test_the_request_is_on_it_without_being_handed_down(db) -> None:
    with log.bound(request_id="req_1", address="192.0.2.7"), db.write() as conn:
        audit.record(conn, actor="key_1", action="key.create")
        audit.record(conn, actor="key_1", action="key.create", request_id="req_2", address="admin.sock")
    assert [(row.request_id, row.address) for row in rows(db)] == [("req_1", "192.0.2.7"), ("req_2", "admin.sock")]


def test_secrets_are_cut_out_of_details(db) -> None:
    log.register_secret(SECRET)
    with db.write() as conn:
        audit.record(
            conn,
            actor="usr_1",
            action="database.url.reveal",
            details={"url": f"postgresql://a:{SECRET}@b", "deep": [{"password": "short"}], "access": "owner"},
        )
    (row,) = rows(db)
    assert SECRET not in repr(row)
    assert row.details["deep"] == [{"password": "[hidden]"}]
    assert row.details["access"] == "owner"


def test_rows_sort_as_they_happened(db) -> None:
    with db.write() as conn:
        for number in range(200):
            audit.record(conn, actor="usr_1", action="run.cancel", details={"number": number})
    assert [row.details["number"] for row in rows(db)] == list(range(200))
