"""The log over HTTP, on the api as the composition root builds it."""

from __future__ import annotations

import asyncio
import csv
import io
import json
from collections.abc import Iterator
from typing import Any

import pytest
import sqlalchemy as sa
from inside import EVERYTHING, Inside, inside

from holdfast.features.audit.events import events
from holdfast.features.audit.sequencer import PLACED, Sequencer
from holdfast.features.audit.service import AuditService
from holdfast.features.audit.store import Filter
from holdfast.features.backups.model import snapshots
from holdfast.kernel import audit
from holdfast.kernel.audit import audit_events
from holdfast.kernel.audit_chain import head
from holdfast.kernel.wake import Wake
from holdfast.web.hub import Hub

pytestmark = pytest.mark.xdist_group("audit-api")


@pytest.fixture(scope="module")
def here() -> Iterator[Inside]:
    with inside() as made:
        yield made


@pytest.fixture(scope="module")
def everywhere(here: Inside) -> dict[str, str]:
    return here.key(permissions=EVERYTHING)


@pytest.fixture(scope="module")
def limited(here: Inside) -> dict[str, str]:
    return here.key(permissions=EVERYTHING, projects=[here.ids["mine"]["project"]])


def write(here: Inside, **row: Any) -> None:
    with here.services.db.write() as conn:
        audit.record(conn, **row)
    here.services.parts[Sequencer].catch_up()


def get(here: Inside, path: str, headers: dict[str, str], **params: Any) -> Any:
    answer = here.client.get(f"/api/v1{path}", params=params, headers=headers)
    assert answer.status_code == 200, answer.text
    return answer.json()


def verify(here: Inside, headers: dict[str, str]) -> dict[str, Any]:
    answer = here.client.post("/api/v1/audit/verify", json={}, headers=headers)
    assert answer.status_code == 200, answer.text
    return json.loads(answer.text.splitlines()[-1])["result"]


def test_pages_filters_and_one_row(here, everywhere) -> None:
    for number in range(7):
        write(here, actor="usr_pages", action="run.cancel", resource_id="db_pages", details={"number": number})
    first = get(here, "/audit", everywhere, actor="usr_pages", limit=4)
    rest = get(here, "/audit", everywhere, actor="usr_pages", limit=4, cursor=first["next_cursor"])
    rows = [*first["items"], *rest["items"]]
    assert [row["details"]["number"] for row in rows] == [6, 5, 4, 3, 2, 1, 0]
    assert [row["seq"] for row in rows] == sorted({row["seq"] for row in rows}, reverse=True)
    assert get(here, f"/audit/{rows[0]['id']}", everywhere) == rows[0]
    assert len(get(here, "/audit", everywhere, resource_id="db_pages", action="run")["items"]) == 7
    assert get(here, "/audit", everywhere, resource_id="db_pages", action="ru")["items"] == []
    assert get(here, "/audit", everywhere, actor="usr_pages", outcome="denied")["items"] == []
    assert get(here, "/audit", everywhere, actor="usr_pages", since=rows[2]["at"])["items"] == rows[:3]
    assert len(get(here, "/audit", everywhere, text="B_PAGES".lower())["items"]) == 7


def test_a_limited_reader_sees_its_project_only(here, everywhere, limited) -> None:
    write(here, actor="usr_1", action="user.create")  # of no project
    mine, theirs = here.ids["mine"], here.ids["theirs"]
    seen = get(here, "/audit", limited, limit=200)["items"]
    assert {row["project_id"] for row in seen} == {mine["project"]}
    hidden = get(here, "/audit", everywhere, action="user.create")["items"][0]["id"]
    for event in (hidden, theirs["event"], here.absent["event"]):
        assert here.client.get(f"/api/v1/audit/{event}", headers=limited).status_code == 404
    exported = here.client.get("/api/v1/audit/export", params={"format": "ndjson"}, headers=limited)
    assert {json.loads(line)["project_id"] for line in exported.text.splitlines()} == {mine["project"]}


def test_exports_are_whole_and_harmless(here, everywhere) -> None:
    write(here, actor="usr_csv", action="database.create", address="=cmd|' /C calc'!A0", details={"name": '=1+"1"\n'})
    params = {"format": "csv", "actor": "usr_csv"}
    answer = here.client.get("/api/v1/audit/export", params=params, headers=everywhere)
    (row,) = csv.DictReader(io.StringIO(answer.text, newline=""))
    assert row["address"] == "'=cmd|' /C calc'!A0"
    assert json.loads(row["details"]) == {"name": '=1+"1"\n'}
    assert here.client.get("/api/v1/audit/export", headers=everywhere).json()[0]["seq"] == 1
    here.services.parts[Sequencer].catch_up()
    assert get(here, "/audit", everywhere, action="audit.export")["items"][0]["details"]["format"] == "json"


def test_activity_is_sentences(here, everywhere) -> None:
    with here.services.db.write() as conn:
        audit.record(conn, actor="local:0", action="database.create", resource_id="db_s", details={"name": "shop"})
        audit.record(conn, actor="local:0", action="snapshot.restore", resource_id="db_s", outcome="failed")
    here.services.parts[Sequencer].catch_up()
    told = get(here, "/activity", everywhere, resource_id="db_s")["items"]
    assert told[1]["sentence"] == "local user 0 created database shop"
    assert "failed" in told[0]["sentence"]
    (one,) = get(here, "/activity", everywhere, resource_id="db_s", kind="create")["items"]
    assert one["kind"] == "create"
    nobody = here.key(permissions=frozenset({"run.read"}))
    assert here.client.get("/api/v1/activity", headers=nobody).status_code == 403
    here.services.parts[Sequencer].catch_up()
    assert get(here, "/activity", nobody, mine=True)["items"][0]["outcome"] == "denied"


def test_a_stream_resumes_where_it_was_and_goes_on(here, limited) -> None:
    """Nothing twice, nothing left out, nothing of others; a row is heard when it gets its place."""
    mine, theirs = here.ids["mine"]["project"], here.ids["theirs"]["project"]
    for number in range(6):
        write(here, actor="usr_s", action="run.cancel", project_id=theirs if number % 2 else mine)
    service, hub = here.services.parts[AuditService], Hub(Wake(here.settings.runtime))
    actor = here.services.keys.actor_of(limited["Authorization"].removeprefix("Bearer "))
    wanted = Filter(actor="usr_s")
    places = [event.seq for event in reversed(service.list(actor, wanted))]

    async def heard() -> list[str | None]:
        stream = events(service, hub, actor, wanted, places[0])
        got = [(await anext(stream)).id, (await anext(stream)).id]
        waiting = asyncio.ensure_future(anext(stream))
        await asyncio.sleep(0.1)
        await asyncio.to_thread(write, here, actor="usr_s", action="run.cancel", project_id=mine)
        hub.ring(PLACED)
        async with asyncio.timeout(5):
            got.append((await waiting).id)
        await stream.aclose()
        return got

    got = asyncio.run(heard())
    assert got[:2] == [str(place) for place in places[1:3]]
    assert int(got[2] or 0) > places[2]


def test_erased_rows_verify_and_only_recorded_ones(here, everywhere) -> None:
    write(here, actor="usr_gone", action="session.create", address="192.0.2.9", details={"email": "a@example.org"})
    body = {"actor": "usr_gone", "reason": "asked", "confirm": "erase"}
    assert here.client.post("/api/v1/audit/erase", json=body, headers=everywhere).json() == {"rows": 1}
    (row,) = get(here, "/audit", everywhere, actor="usr_gone")["items"]
    assert (row["address"], row["details"]) == (None, {})
    assert row["erased_at"]
    result = verify(here, everywhere)
    assert (result["ok"], result["erased"]) == (True, 1), result
    with here.services.db.read() as conn:
        found = conn.execute(sa.select(audit_events).where(audit_events.c.action == "audit.erase")).one()
    assert found.details["ranges"] == [[row["seq"], row["seq"]]]
    assert "example.org" not in repr(found)


def test_a_snapshot_remembers_the_end(here, everywhere) -> None:
    """Its row is enough to tell that rows were cut off."""
    with here.services.db.write() as conn:
        end = head(conn).as_dict()
        conn.execute(
            snapshots.update().where(snapshots.c.id == here.ids["mine"]["snapshot"]).values(summary={"audit": end})
        )
    assert verify(here, everywhere)["ok"]
    forged = {**end, "seq": end["seq"] + 100}
    with here.services.db.write() as conn:
        conn.execute(
            snapshots.update().where(snapshots.c.id == here.ids["mine"]["snapshot"]).values(summary={"audit": forged})
        )
    result = verify(here, everywhere)
    assert [each["kind"] for each in result["findings"]] == ["head"]
    with here.services.db.write() as conn:
        conn.execute(snapshots.update().where(snapshots.c.id == here.ids["mine"]["snapshot"]).values(summary={}))


def test_a_smuggled_row_is_seen_by_verify_and_health_and_by_no_reader(here, everywhere) -> None:
    with here.services.db.write() as conn:
        (row,) = conn.execute(sa.select(audit_events).where(audit_events.c.seq == 3))
        conn.execute(audit_events.insert().values({**row._asdict(), "id": "aud_smuggled", "seq": None, "chain": None}))
    sequencer = here.services.parts[Sequencer]
    sequencer.catch_up()
    assert here.client.get("/api/v1/audit/aud_smuggled", headers=everywhere).status_code == 404
    result = verify(here, everywhere)
    assert [(each["kind"], each["id"]) for each in result["findings"]] == [("inserted", "aud_smuggled")]
    with pytest.raises(Exception, match="not written by Holdfast"):
        sequencer.check()
    with here.services.db.write() as conn:
        conn.execute(audit_events.delete().where(audit_events.c.id == "aud_smuggled"))
    assert verify(here, everywhere)["ok"]
