"""Databases over HTTP, for every engine: made, found, changed, stopped, deleted, brought back, destroyed."""

from __future__ import annotations

import pytest
from dialects import DIALECTS
from journey import EVERY, NAMES, Served, eventually, fresh

pytestmark = pytest.mark.slow

every = pytest.mark.parametrize("engine", EVERY)


def body(served: Served, engine: str, **more: object) -> dict[str, object]:
    return {"engine": engine, "name": fresh(), "environment_id": served.environments["development"]} | more


def test_engines_are_listed_with_their_forms(served: Served) -> None:
    listed = served.get("/engines")["items"]
    assert [item["name"] for item in listed] == list(EVERY)
    for item in listed:
        assert served.get(f"/engines/{item['name']}") == item
        assert item["spec"]["additionalProperties"] is False
        assert ("login" in item["abilities"]) is ("CanAdmit" not in item["capabilities"]["gaps"])
        assert "files" in item["external"]
    served.call("GET", "/engines/absent", status=404)


@every
def test_a_spec_with_a_wrong_field_names_it_and_leaves_nothing(served: Served, engine: str) -> None:
    for spec, field in (
        ({"memroy": 1}, "memroy"),
        (DIALECTS[engine].wrong_spec, next(iter(DIALECTS[engine].wrong_spec))),
    ):
        wanted = body(served, engine, spec=spec)
        error = served.call("POST", "/databases", wanted, 422)["error"]
        assert any(field in item["field"] for item in error["details"]["fields"]), error
        assert served.get("/databases", name=wanted["name"])["items"] == []


@pytest.mark.parametrize("name", ["", " a", "a ", "a\x00b", "a\nb", "\u202eevil", "ü" * 32])
def test_bad_names_are_refused(served: Served, name: str) -> None:
    error = served.call("POST", "/databases", body(served, NAMES[0], name=name), 422)["error"]
    assert error["details"]["fields"], error


def test_unknown_fields_engines_and_environments(served: Served) -> None:
    served.call("POST", "/databases", body(served, NAMES[0], colour="#12345g"), 422)
    served.call("POST", "/databases", body(served, NAMES[0], nmae="x"), 422)
    assert served.raw("POST", "/databases", body(served, "absent")).status_code in (404, 422)
    served.call("POST", "/databases", body(served, NAMES[0], environment_id="env_absent"), 404)


@every
def test_a_created_database_is_ready_and_its_name_is_taken(served: Served, engine: str) -> None:
    name = fresh("o'\"/ü") + "; --"
    made = served.create(engine, name, labels={"team": "a"}, notes="n")
    assert (made["state"], made["engine"], made["name"], made["state_reason"]) == ("ready", engine, name, None)
    error = served.refused(409, "name_taken", "POST", "/databases", body(served, engine, name=name))
    assert error["hint"]
    elsewhere = body(served, engine, name=name, environment_id=served.environments["staging"])
    served.done(served.call("POST", "/databases", elsewhere, 202))


@every
def test_one_idempotency_key_makes_one_database_and_one_run(served: Served, engine: str) -> None:
    wanted, headers = body(served, engine), {"Idempotency-Key": fresh("key")}
    first = served.call("POST", "/databases", wanted, 202, headers=headers)
    again = served.call("POST", "/databases", wanted, 202, headers=headers)
    assert again["resource"]["id"] == first["resource"]["id"]
    assert again["run"]["id"] == first["run"]["id"]
    served.done(first)
    assert len(served.get("/runs", resource_id=first["resource"]["id"])["items"]) == 1
    other = served.raw("POST", "/databases", wanted | {"name": fresh()}, headers=headers)
    assert other.status_code in (409, 422), other.text


def test_changes_take_the_version_they_were_decided_on(served: Served) -> None:
    where = f"/databases/{served.create(NAMES[0])['id']}"
    etag = served.raw("GET", where).headers["etag"]
    changed = served.raw("PATCH", where, {"labels": {"a": "1"}, "colour": "#00ff00"}, headers={"If-Match": etag})
    assert changed.status_code == 200
    assert changed.headers["etag"] != etag
    served.call("PATCH", where, {"notes": "late"}, 412, headers={"If-Match": etag})
    served.call("PATCH", where, {"notes": "x"}, 422, headers={"If-Match": "v1"})
    for name in ("labels", "notes", "deletion_protection"):
        assert served.call("PATCH", where, {name: None}, 422)["error"]["details"]["fields"][0]["field"] == name
    served.call("PATCH", where, {"engine": "other"}, 422)
    served.call("PATCH", where, {"labels": {"sp ace": "x"}}, 422)
    now = served.call("PATCH", where, {"colour": None})
    assert (now["colour"], now["labels"], now["notes"]) == (None, {"a": "1"}, "")
    served.call("PATCH", "/databases/db_absent", {"notes": "x"}, 404)


def test_lists_filter_and_page(served: Served) -> None:
    word = fresh("list")
    made = [served.create(NAMES[0], f"{word}-{i}", labels={"word": word, "odd": str(i % 2)})["id"] for i in range(5)]
    seen, cursor, pages = [], None, 0
    while True:
        page = served.get("/databases", name=word, limit=2, **({"cursor": cursor} if cursor else {}))
        seen += [item["id"] for item in page["items"]]
        cursor, pages = page["next_cursor"], pages + 1
        if cursor is None:
            break
    assert (seen, pages) == (made[::-1], 3)

    def ids(**params: object) -> list[str]:
        return sorted(item["id"] for item in served.get("/databases", **params)["items"])

    assert ids(label=f"word={word}") == sorted(made)
    assert ids(label=[f"word={word}", "odd=1"]) == sorted([made[1], made[3]])
    assert ids(name=word, state="ready") == sorted(made)
    served.call("PATCH", f"/databases/{made[2]}", {"colour": "teal", "notes": "50% of_it is Ada's"})
    assert ids(name=word, colour="teal") == ids(name=word, notes="50% of_it") == [made[2]]
    assert ids(name=word, notes="5_%") == ids(name=word, colour="red") == []
    assert ids(name=word, state="failed") == ids(name=word, deleted=True) == ids(name="%" + word) == []
    assert ids(name=word, environment_id=served.environments["staging"]) == []
    served.refused(422, "label_invalid", "GET", "/databases", params={"label": "word"})
    served.refused(422, "cursor_invalid", "GET", "/databases", params={"cursor": "nonsense"})
    assert ids(name=word, project_id="prj_absent") == []


@every
def test_stop_and_start(served: Served, engine: str) -> None:
    made = served.create(engine)["id"]
    assert served.act(made, "stop")["state"] == "stopped"
    error = served.refused(409, "database_not_ready", "POST", f"/databases/{made}/query", {"statement": "x"})
    assert "tart" in error["hint"]
    served.refused(409, "wrong_state", "POST", f"/databases/{made}/stop")
    served.refused(409, "wrong_state", "POST", f"/databases/{made}/snapshots", {})
    assert served.act(made, "start")["state"] == "ready"
    ping = DIALECTS[engine].sentences.ping
    assert served.rows(made, ping.statement) == ping.rows


@every
def test_delete_undelete_purge(served: Served, engine: str) -> None:
    database = served.create(engine, deletion_protection=True)
    made, name = database["id"], database["name"]
    said = DIALECTS[engine].sentences
    served.write(made, *said.keep)
    where = f"/databases/{made}"
    served.refused(422, "confirm_mismatch", "DELETE", where, {"confirm": name + " "})
    served.call("DELETE", where, {}, 422)
    served.refused(409, "deletion_protected", "DELETE", where, {"confirm": name})
    served.call("PATCH", where, {"deletion_protection": False})
    served.refused(409, "wrong_state", "POST", where + "/purge", {"confirm": name})
    served.done(served.call("DELETE", where, {"confirm": name}, 202))
    assert served.get("/databases", name=name)["items"] == []
    assert [item["id"] for item in served.get("/databases", name=name, deleted=True)["items"]] == [made]
    served.done(served.call("POST", where + "/undelete", status=202))
    assert served.rows(made, said.kept.statement) == said.kept.rows
    served.delete(made)
    taken = served.create(engine, name)["id"]
    served.refused(409, "name_taken", "POST", where + "/undelete")
    data = list((served.root / "data").rglob(made))
    assert any(path.is_dir() for path in data)
    served.refused(422, "confirm_mismatch", "POST", where + "/purge", {"confirm": "x"})
    served.done(served.call("POST", where + "/purge", {"confirm": name}, 202))
    left = [path for path in (served.root / "data").rglob(f"*{made}*") if "log" not in path.name]
    assert left == []
    gone = served.raw("POST", where + "/undelete")
    assert gone.status_code in (404, 409), gone.text
    assert served.raw("GET", where + "/url").status_code in (404, 409)
    assert served.rows(taken, said.ping.statement) == said.ping.rows


def test_a_failed_creation_says_why_and_can_be_deleted(served: Served) -> None:
    tried = 0
    for engine in EVERY:
        if not DIALECTS[engine].impossible:
            continue
        tried += 1
        made = served.call("POST", "/databases", body(served, engine, spec=DIALECTS[engine].impossible), 202)
        run = served.ended(made)
        database = served.database(made["resource"]["id"])
        assert (run["state"], database["state"]) == ("failed", "failed"), run
        assert database["state_reason"]["message"], database
        assert not list((served.root / "data" / "databases").glob(database["id"]))
        served.delete(database["id"])
    assert tried


@every
def test_urls_hide_the_password_until_it_is_revealed(served: Served, engine: str) -> None:
    made = served.create(engine)
    where = f"/databases/{made['id']}/url"
    for access in ("owner", "rw", "ro"):
        masked = served.get(where, access=access)["url"]
        plain = served.call("POST", where, {"access": access})["url"]
        secret = plain.partition("://")[2].partition("@")[0].partition(":")[2] if "@" in plain else ""
        assert not secret or (secret not in masked and "***" in masked and secret not in str(made))
        assert masked == (plain.replace(secret, "***") if secret else plain)
    served.refused(422, "access_invalid", "GET", where, params={"access": "root"})
    served.refused(422, "access_invalid", "POST", where, {"access": "root"})
    served.call("GET", "/databases/db_absent/url", status=404)


@pytest.mark.parametrize("engine", NAMES)
def test_catalogs(served: Served, engine: str) -> None:
    made = served.create(engine)["id"]
    served.write(made, 'create table "odd "" name" (id integer primary key, note text)', "create table other (a int)")
    served.write(made, "insert into other values (1), (2)")
    for depth in ("shallow", "full"):
        found = served.get(f"/databases/{made}/catalog", depth=depth)
        relations = {item["name"]: item for item in found["relations"]}
        assert set(relations) >= {'odd " name', "other"}
        assert [column["name"] for column in relations['odd " name']["columns"]] == ["id", "note"]
    assert relations["other"]["rows"] == 2
    served.call("GET", f"/databases/{made}/catalog", status=422, params={"depth": "deep"})


def test_a_purge_ends_what_still_waits_for_the_database(served: Served) -> None:
    """An old self kept by a restore in place goes with its database, and holds no environment."""
    project = served.call("POST", "/projects", {"name": fresh("purge")}, 201)
    environment = served.get(f"/projects/{project['id']}/environments")["items"][0]["id"]
    database = served.create(NAMES[0], environment_id=environment)
    snapshot = served.snapshot(database["id"], level=1)
    wish = {"mode": "in_place", "confirm": database["name"], "safety": False}
    served.done(served.call("POST", f"/snapshots/{snapshot['id']}/restore", wish, 202))
    waiting = served.get("/runs", resource_id=database["id"], state="queued")["items"]
    assert [run["kind"] for run in waiting] == ["restore.discard"]
    served.delete(database["id"])
    served.done(served.call("POST", f"/databases/{database['id']}/purge", {"confirm": database["name"]}, 202))
    assert served.ended(waiting[0]["id"])["state"] == "cancelled"
    delete = {"confirm": snapshot["id"], "force": True}
    served.done(served.call("DELETE", f"/snapshots/{snapshot['id']}", delete, 202))
    eventually(
        lambda: served.raw("DELETE", f"/projects/{project['id']}", {"confirm": project["name"]}).status_code == 204, 5
    )
