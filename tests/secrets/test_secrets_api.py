"""Secrets as people store them: names in listings, values by reveal only, versions, places."""

from __future__ import annotations

import base64
from datetime import UTC, datetime

import metadata_home
import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from secrets_here import ROOT, Here, someone

from holdfast.features.access.keys import WantedKey
from holdfast.features.databases import store as databases
from holdfast.features.databases.model import Resource
from holdfast.features.secrets.model import user_secret_versions, user_secrets
from holdfast.kernel.errors import Conflict, Corrupt, Denied, NotFound
from holdfast.kernel.ids import new_id
from holdfast.kernel.secrets import SYSTEM, Secrets

CANARY = "canary-51c0e7-"


def test_a_value_goes_in_and_comes_out_by_reveal_only(here: Here) -> None:
    made = here.put("API_TOKEN", CANARY + "first")
    assert (made.status_code, made.json()["version"], made.headers["etag"]) == (201, 1, '"v1"')
    again = here.put("API_TOKEN", CANARY + "second")
    assert (again.status_code, again.json()["version"]) == (200, 2)
    shown = here.client.post(here.path("API_TOKEN", "/reveal"))
    assert shown.json() == {"name": "API_TOKEN", "version": 2, "value": CANARY + "second"}
    assert here.client.post(here.path("API_TOKEN", "/reveal"), json={"version": 1}).json()["value"] == CANARY + "first"
    for answer in (
        made,
        again,
        here.client.get(here.path()),
        here.client.get(here.path("API_TOKEN")),
        here.client.get(here.path("API_TOKEN", "/versions")),
    ):
        assert answer.status_code in (200, 201)
        assert CANARY not in answer.text
    revealed = here.audit("secret.reveal")
    assert [row["details"]["version"] for row in revealed] == [2, 1]
    assert {row["environment_id"] for row in revealed} == {here.environment}


def test_a_change_decided_on_an_older_version_is_refused(here: Here) -> None:
    here.put("RACE", "one")
    here.put("RACE", "two")
    stale = here.client.put(here.path("RACE"), json={"value": "three"}, headers={"If-Match": '"v1"'})
    assert stale.status_code == 412
    fresh = here.client.put(here.path("RACE"), json={"value": "three"}, headers={"If-Match": '"v2"'})
    assert fresh.json()["version"] == 3


def test_the_ten_newest_versions_are_kept_and_an_older_one_restored(here: Here) -> None:
    for number in range(1, 14):
        here.put("MANY", f"value {number}")
    versions = here.client.get(here.path("MANY", "/versions")).json()["items"]
    assert [each["version"] for each in versions] == list(range(13, 3, -1))
    assert here.client.post(here.path("MANY", "/reveal"), json={"version": 3}).status_code == 404
    restored = here.client.post(here.path("MANY", "/restore"), json={"version": 5}).json()
    assert restored["version"] == 14
    assert here.client.post(here.path("MANY", "/reveal")).json()["value"] == "value 5"
    assert here.client.get(here.path("MANY", "/versions")).json()["items"][0]["restored_from"] == 5
    assert here.client.post(here.path("MANY", "/restore"), json={"version": 1}).status_code == 404


def test_a_deleted_secret_comes_back_and_a_destroyed_one_does_not(here: Here) -> None:
    here.put("GONE", "still here")
    wrong = here.client.request("DELETE", here.path("GONE"), json={"confirm": "gone"})
    assert (wrong.status_code, wrong.json()["error"]["code"]) == (422, "confirm_mismatch")
    assert here.client.request("DELETE", here.path("GONE"), json={"confirm": "GONE"}).status_code == 204
    for method, verb in (("GET", ""), ("GET", "/versions"), ("POST", "/reveal")):
        assert here.client.request(method, here.path("GONE", verb)).status_code == 404
    assert "GONE" not in here.client.get(here.path()).text
    assert "GONE" in here.client.get(here.path(), params={"deleted": "true"}).text
    assert here.client.post(here.path("GONE", "/restore"), json={"version": 1}).json()["version"] == 2
    assert here.client.post(here.path("GONE", "/reveal")).json()["value"] == "still here"
    body = {"confirm": "GONE", "destroy": True}
    assert here.client.request("DELETE", here.path("GONE"), json=body).status_code == 204
    assert here.client.post(here.path("GONE", "/restore"), json={"version": 1}).status_code == 404
    assert here.put("GONE", "anew").json()["version"] == 1


def test_what_was_deleted_long_ago_is_destroyed(here: Here) -> None:
    here.put("OLD", "forgotten")
    here.secrets.delete(ROOT, here.environment, "OLD", "OLD")
    here.secrets.purge()
    assert "OLD" in here.client.get(here.path(), params={"deleted": "true"}).text
    with here.services.db.write() as conn:
        c = user_secrets.c
        conn.execute(user_secrets.update().where(c.name == "OLD").values(deleted_at=datetime(2020, 1, 1, tzinfo=UTC)))
    assert here.secrets.purge() == 1
    assert "OLD" not in str(here.rows("user_secrets"))
    assert here.audit("secret.destroy")[-1]["actor"] == "system"


@pytest.mark.parametrize("name", ["", "1ST", "a b", "a/b", "ä", "-x", ".", "..", "a" * 129, "a%0A", "a%00"])
def test_names_are_plain(here: Here, name: str) -> None:
    answer = here.client.put(here.path().rstrip("/") + "/" + name, json={"value": "x"})
    assert answer.status_code in (404, 405, 422)


@pytest.mark.parametrize(
    "body", [{}, {"value": None}, {"value": "x" * 65537}, {"value": "x", "more": 1}, {"value": ["x"]}]
)
def test_what_is_no_value_is_refused_and_not_quoted(here: Here, body: dict[str, object]) -> None:
    answer = here.client.put(here.path("BAD"), json=body)
    assert answer.status_code == 422
    assert "xxx" not in answer.text


def test_half_a_character_is_refused(here: Here) -> None:
    answer = here.client.put(
        here.path("BAD"), content=b'{"value": "\\ud800"}', headers={"content-type": "application/json"}
    )
    assert answer.status_code == 422


@settings(max_examples=20, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=200))
def test_any_text_comes_back_as_it_was(here: Here, value: str) -> None:
    here.secrets.put(ROOT, here.environment, "ANY", value)
    assert here.secrets.reveal(ROOT, here.environment, "ANY").value == value


def test_the_same_value_again_is_a_new_version(here: Here) -> None:
    """Otherwise whoever may write and not reveal learns the value by guessing."""
    here.put("GUESS", "value")
    assert here.put("GUESS", "value").json()["version"] == 2


def resource(here: Here, name: str, environment: str | None = None) -> str:
    values: dict[str, object] = dict.fromkeys(Resource.__dataclass_fields__)
    values |= {"project_id": here.project, "environment_id": environment or here.environment, "kind": "database"}
    values |= {"engine": "sqlite", "id": new_id("db"), "name": name, "spec": {}, "labels": {}, "notes": ""}
    values |= {"state": "ready", "deletion_protection": False, "generation": 1, "version": 1, "created_by": "usr_x"}
    now = here.services.projects.environment(ROOT, here.environment).created_at
    made = Resource(**{**values, "created_at": now, "updated_at": now})  # type: ignore[arg-type]
    with here.services.db.write() as conn:
        databases.insert(conn, made)
    return made.id


def test_a_secret_of_one_resource(here: Here) -> None:
    """Whoever is let to one resource sees its secrets, and cannot tell which other names there are."""
    mine, theirs = resource(here, "one"), resource(here, "two")
    here.secrets.put(ROOT, here.environment, "ENV_WIDE", "for all")
    here.secrets.put(ROOT, here.environment, "OF_TWO", "for two", resource_id=theirs)
    every = ("secret.read", "secret.write", "secret.reveal")
    actor = someone(*every, project_id=here.project, environment_id=here.environment, resource_id=mine)
    here.secrets.put(actor, here.environment, "OF_ONE", "for one", resource_id=mine)
    assert [each.name for each in here.secrets.list(actor, here.environment)] == ["OF_ONE"]
    assert here.secrets.reveal(actor, here.environment, "OF_ONE").value == "for one"
    said = set()
    for name in ("ENV_WIDE", "OF_TWO", "NOWHERE"):
        for act in (
            lambda name=name: here.secrets.get(actor, here.environment, name),
            lambda name=name: here.secrets.reveal(actor, here.environment, name),
            lambda name=name: here.secrets.put(actor, here.environment, name, "x"),
            lambda name=name: here.secrets.delete(actor, here.environment, name, name),
        ):
            with pytest.raises(Denied) as refused:
                act()
            said.add((name, str({**refused.value.as_dict(), "details": 0, "message": 0})))
    assert len({text for _, text in said}) == 1
    with pytest.raises(Conflict):
        here.secrets.put(ROOT, here.environment, "OF_ONE", "moved", resource_id=theirs)


def test_a_secret_is_not_for_a_resource_elsewhere(here: Here) -> None:
    """Not one of another environment, not one nobody has."""
    for resource_id in (resource(here, "far", here.other), "db_" + "0" * 26):
        with pytest.raises(NotFound) as refused:
            here.secrets.put(ROOT, here.environment, "FAR", "x", resource_id=resource_id)
        assert refused.value.code == "resource_not_found"


def test_a_key_for_reading_names_reveals_nothing(here: Here) -> None:
    here.put("LISTED", CANARY + "listed")
    _, text = here.services.keys.create(ROOT, WantedKey("names", permissions=["secret.read"]))
    key = {"Authorization": f"Bearer {text}"}
    assert here.client.get(here.path(), headers=key).status_code == 200
    refused = here.client.post(here.path("LISTED", "/reveal"), headers=key)
    assert refused.status_code == 403
    assert refused.json()["error"]["details"] == {"permission": "secret.reveal"}


def test_holdfasts_own_secrets_are_not_reachable(here: Here) -> None:
    """Whatever name or environment is asked for: they are in another table, sealed for another purpose."""
    store: Secrets = here.secrets._secrets
    with here.services.db.write() as conn:
        store.put(conn, here.environment, "db_1", "password", CANARY + "database")
        store.put(conn, SYSTEM, "token-keys", "signing", CANARY + "signing")
        store.put(conn, here.project, "repo_1", "password", CANARY + "repository")
    for environment in (here.environment, SYSTEM, here.project):
        listed = here.client.get(here.path(environment=environment), params={"limit": 200})
        assert listed.status_code == (200 if environment == here.environment else 404)
        assert CANARY not in listed.text
        assert '"password"' not in listed.text
        for name in ("password", "signing", "db_1"):
            assert here.client.post(here.path(name, "/reveal", environment)).status_code == 404
            assert here.client.post(here.path(name, "/restore", environment), json={"version": 1}).status_code == 404
    here.put("password", "another")
    with here.services.db.read() as conn:
        assert store.get(conn, here.environment, "db_1", "password") == CANARY + "database"
    internal = next(row for row in here.rows("secrets") if row["name"] == "password")
    with here.services.db.write() as conn:
        c = user_secret_versions.c
        moved = {"sealed": internal["sealed"], "data_key_id": internal["data_key_id"]}
        conn.execute(user_secret_versions.update().where(c.name == "password").values(moved))
    with pytest.raises(Corrupt):
        here.secrets.reveal(ROOT, here.environment, "password")
    with pytest.raises(Corrupt) as refused:
        here.secrets.rotate(ROOT, here.environment)
    assert "'password' (user secret)" in refused.value.message
    here.secrets.delete(ROOT, here.environment, "password", "password", destroy=True)
    assert here.secrets.rotate(ROOT, here.environment).destroyed == 1
    with here.services.db.read() as conn:
        assert store.get(conn, here.environment, "db_1", "password") == CANARY + "database"


COLUMNS = ("elsewhere", "version", "name", "resource_id", "sealed")


@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.sampled_from(COLUMNS), st.integers(0, 10_000))
def test_a_ciphertext_copied_elsewhere_or_altered_does_not_open(here: Here, column: str, seed: int) -> None:
    """From another environment and secret, under another version, name or resource, or with any one byte changed."""
    first, second = f"COPY_{new_id('x' * 2)[3:]}", f"COPY_{new_id('x' * 2)[3:]}"
    here.secrets.put(ROOT, here.environment, first, "the first value")
    here.secrets.put(ROOT, here.other, second, "the second value")
    c = user_secret_versions.c
    with here.services.db.read() as conn:
        rows = {
            name: conn.execute(sa.select(user_secret_versions).where(c.name == name)).one() for name in (first, second)
        }
    values = {"sealed": rows[second].sealed, "data_key_id": rows[second].data_key_id}
    if column in ("name", "resource_id"):
        values = {column: "another"}
    if column == "version":
        here.secrets.put(ROOT, here.environment, first, "newer")
        with here.services.db.write() as conn:
            conn.execute(user_secret_versions.delete().where(c.name == first, c.version == 2))
        values = {"version": 2}
    if column == "sealed":
        algorithm, key, body = rows[first].sealed.split("$")
        raw = bytearray(base64.urlsafe_b64decode(body))
        raw[seed % len(raw)] ^= 1 + seed % 255
        values = {"sealed": f"{algorithm}${key}${base64.urlsafe_b64encode(bytes(raw)).decode()}"}
    with here.services.db.write() as conn:
        conn.execute(user_secret_versions.update().where(c.name == first).values(values))
    with pytest.raises(Corrupt):
        here.secrets.reveal(ROOT, here.environment, first)
    here.secrets.delete(ROOT, here.environment, first, first, destroy=True)


def test_no_value_is_written_down_anywhere(here: Here, caplog: pytest.LogCaptureFixture) -> None:
    """Audit, idempotency, every file of the installation: the planted value is in none, also after an error."""
    here.put("PLANTED", CANARY + "planted")
    here.put("PLANTED", CANARY + "planted again")
    here.client.put(here.path("PLANTED"), json={"value": CANARY + "stale"}, headers={"If-Match": '"v77"'})
    here.client.put(here.path("PLANTED"), json={"value": [CANARY + "list"]})
    here.client.post(here.path("PLANTED", "/reveal"))
    here.secrets.rotate(ROOT, here.environment)
    for table in ("audit_events", "idempotency_keys", "user_secrets", "user_secret_versions", "secrets"):
        assert CANARY not in str(here.rows(table)), table
    files = [path for path in here.settings.data.rglob("*") if path.is_file()]
    assert metadata_home.POSTGRESQL or any(path.name == "holdfast.db" for path in files)
    for path in files:
        assert CANARY.encode() not in path.read_bytes(), path
    assert CANARY not in caplog.text


def test_an_environment_with_a_secret_in_it_stays(here: Here) -> None:
    environment = here.services.projects.create_environment(ROOT, here.project, "short lived", "development")
    here.secrets.put(ROOT, environment.id, "LAST", "x")
    for _ in range(2):  # deleted secrets count until they are destroyed
        with pytest.raises(Conflict) as refused:
            here.services.projects.delete_environment(ROOT, environment.id, "short lived")
        assert "LAST" in refused.value.message
        here.secrets.delete(ROOT, environment.id, "LAST", "LAST", destroy="deleted" in refused.value.message or False)
        if "deleted" in refused.value.message:
            break
    here.services.projects.delete_environment(ROOT, environment.id, "short lived")
