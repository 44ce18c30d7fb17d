"""Roles and grants over HTTP: versions, answers, and what goes when a place goes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from inside import EVERYTHING, ROOT, Inside, inside

from holdfast.features.access.keys import WantedKey

pytestmark = pytest.mark.xdist_group("roles-api")
API = "/api/v1"


@pytest.fixture(scope="module")
def here() -> Iterator[Inside]:
    with inside() as made:
        yield made


@pytest.fixture(scope="module")
def call(here: Inside) -> Any:
    key = here.key(permissions=EVERYTHING)

    def request(method: str, path: str, body: Any = None, **headers: str) -> Any:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return here.client.request(method, API + path, json=body, headers={**key, **named})

    return request


def test_a_role_is_changed_by_the_version_that_was_read(call) -> None:
    made = call("POST", "/roles", {"name": "restorer", "permissions": ["snapshot.restore", "snapshot.read"]})
    assert (made.status_code, made.headers["etag"]) == (201, '"v1"')
    path = f"/roles/{made.json()['id']}"
    change = {"permissions": ["snapshot.read"]}
    assert call("PATCH", path, change).status_code == 428
    changed = call("PATCH", path, change, If_Match='"v1"')
    assert (changed.status_code, changed.headers["etag"]) == (200, '"v2"')
    assert changed.json()["permissions"] == ["snapshot.read"]
    late = call("PATCH", path, {"description": "late"}, If_Match='"v1"')
    assert (late.status_code, late.json()["error"]["code"]) == (412, "precondition_failed")
    assert call("GET", path).json()["description"] == ""
    assert call("DELETE", path).status_code == 204
    assert call("GET", path).status_code == 404


def test_built_in_roles_are_listed_and_stay(call) -> None:
    listed = call("GET", "/roles?limit=200").json()["items"]
    assert [role["name"] for role in listed[:6]] == ["owner", "admin", "developer", "operator", "viewer", "member"]
    assert all(role["built_in"] is (role["id"] == role["name"]) for role in listed)
    shown = call("GET", "/permissions").json()["roles"]
    assert {role["name"]: role["permissions"] for role in listed if role["built_in"]} == shown
    for method, path, body in (("PATCH", "/roles/viewer", {"description": "x"}), ("DELETE", "/roles/owner", None)):
        answer = call(method, path, body, If_Match='"v1"')
        assert (answer.status_code, answer.json()["error"]["code"]) == (409, "role_built_in")
    taken = call("POST", "/roles", {"name": "admin", "permissions": []})
    assert (taken.status_code, taken.json()["error"]["code"]) == (409, "name_taken")


def test_a_held_role_says_who_holds_it(here, call) -> None:
    role = here.ids["theirs"]["role"]
    refused = call("DELETE", f"/roles/{role}")
    assert (refused.status_code, refused.json()["error"]["details"]) == (409, {"held": {"grants": 1}})
    assert call("DELETE", f"/roles/{role}?force=true").status_code == 204
    assert call("GET", f"/grants?project_id={here.ids['theirs']['project']}").json()["items"] == []


def test_a_grant_names_one_person(here, call) -> None:
    project = here.ids["mine"]["project"]
    user = here.ids["mine"]["user"]
    for wrong in ({}, {"user_id": user, "email": "walker@example.org"}):
        assert call("POST", "/grants", {"role": "viewer", "project_id": project, **wrong}).status_code == 422
    given = call("POST", "/grants", {"role": "viewer", "project_id": project, "user_id": user})
    assert given.status_code == 201
    twice = call("POST", "/grants", {"role": "viewer", "project_id": project, "user_id": user})
    assert (twice.status_code, twice.json()["error"]["code"]) == (409, "grant_exists")
    members = call("GET", f"/projects/{project}/members").json()["items"]
    assert given.json()["id"] in {member["grant_id"] for member in members}
    assert call("DELETE", f"/grants/{given.json()['id']}").status_code == 204


def test_what_is_granted_in_a_place_goes_with_it(here, call) -> None:
    """Grants go, keys lose it, and the deletion's record says how many."""
    services = here.services
    project = services.projects.create(ROOT, "passing")
    first, second, _ = services.projects.environments(ROOT, project.id)
    user = here.ids["mine"]["user"]
    for place in ({"project_id": project.id}, {"environment_id": first.id}, {"environment_id": second.id}):
        assert call("POST", "/grants", {"role": "viewer", "user_id": user, **place}).status_code == 201
    key, text = services.keys.create(ROOT, WantedKey("k", environments=[first.id, second.id], permissions=["run.read"]))
    wide, _ = services.keys.create(ROOT, WantedKey("w", projects=[project.id, here.ids["mine"]["project"]]))
    services.projects.delete_environment(ROOT, first.id, first.name)
    assert [each.environment_id for each in services.keys.get(ROOT, key.id).places] == [second.id]
    services.projects.delete(ROOT, project.id, "passing")
    assert services.keys.get(ROOT, key.id).places == ()
    assert services.keys.get(ROOT, wide.id).projects == {here.ids["mine"]["project"]}
    ended = {row["action"]: row["details"] for row in here.audit() if row["action"].endswith(".delete")}
    assert (ended["environment.delete"]["grants"], ended["environment.delete"]["keys"]) == (1, 1)
    assert (ended["project.delete"]["grants"], ended["project.delete"]["keys"]) == (2, 2)
    answer = here.client.get(f"{API}/runs", headers={"Authorization": f"Bearer {text}"})
    assert (answer.status_code, answer.json()["error"]["code"]) == (403, "permission_denied")


def test_a_key_shows_its_places_and_secrets(here, call) -> None:
    mine = here.ids["mine"]
    wanted = {"name": "k", "permissions": ["run.read"], "environments": [mine["environment"]]}
    made = call("POST", "/keys", {**wanted, "resources": [mine["database"]]}).json()
    assert (made["projects"], made["environments"], made["resources"]) == (
        [],
        [mine["environment"]],
        [mine["database"]],
    )
    rotated = call("POST", f"/keys/{made['id']}/rotate", {"overlap_seconds": 60})
    assert rotated.status_code == 201
    shown = call("GET", f"/keys/{made['id']}")
    assert [each["prefix"] for each in shown.json()["secrets"]] == [rotated.json()["prefix"], made["prefix"]]
    for text in (made["key"], rotated.json()["key"]):
        assert text not in shown.text
        answer = here.client.get(f"{API}/session", headers={"Authorization": f"Bearer {text}"})
        assert answer.json()["id"] == made["id"]
    assert call("POST", f"/keys/{made['id']}/rotate", {"overlap_seconds": 31 * 86400}).status_code == 422
