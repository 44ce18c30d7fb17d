"""Every route again with a key for one environment, and one for one database, of a project that has more."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from inside import EVERYTHING, ROOT, Inside, inside
from test_route_walk import LISTS, call, unchanged
from walk_routes import ASKS

from holdfast.features.access.grants import SHARED_READS

pytestmark = pytest.mark.xdist_group("route-walk-environment")
IN_ENVIRONMENT = ("environment", "database", "snapshot", "run")
OF_DATABASE = ("database", "snapshot", "run")
OF_PROJECT = ("project", "repository", "masking_profile", "file_key")
# Makes a database in the environment: who may act on one database only is told so before its server is looked for.
IN_ITS_ENVIRONMENT = {
    ("POST /api/v1/snapshots/{snapshot_id}/restore #there", "database"),
    ("POST /api/v1/alert-rules #places", "database"),  # an act on the project, too
}
# An act on the project: whoever may act in one environment is told so before the other one is looked for.
ON_THE_PROJECT = {
    (route, "environment")
    for route in (
        "POST /api/v1/repositories #only",
        "POST /api/v1/repositories/adopt",
        "POST /api/v1/repositories/adopt #s3",
        "POST /api/v1/repositories/adopt #gcs",
        "POST /api/v1/repositories/adopt #azure",
        "POST /api/v1/repositories/adopt #sftp",
        "POST /api/v1/repositories/{repository_id}/adopt",
        "POST /api/v1/projects/{project_id}/plans",
        "POST /api/v1/alert-rules #places",
    )
} | {("POST /api/v1/alert-rules #places", "database")}
BULK = "POST /api/v1/snapshots/bulk"
# Each list and what it holds for whoever sees one environment, or one database, of the first project.
OWN = {"databases": "database", "snapshots": "snapshot", "runs": "run", "repositories": "repository"}


@pytest.fixture(scope="module")
def here() -> Iterator[Inside]:
    """`beside`: the same project's next environment. `sibling`: another database of the first environment."""
    with inside() as made:
        mine = made.ids["mine"]
        other = made.services.projects.environments(ROOT, mine["project"])[1]
        made.ids["beside"] = made.settle({"project": mine["project"], "environment": other.id}, 1)
        made.ids["sibling"] = made.settle({name: mine[name] for name in ("project", "environment")}, 2)
        yield made


@pytest.fixture(scope="module")
def keys(here: Inside) -> dict[str, dict[str, str]]:
    mine = here.ids["mine"]
    return {
        "environment": here.key(permissions=EVERYTHING, environments=[mine["environment"]]),
        "database": here.key(permissions=EVERYTHING, resources=[mine["database"]]),
    }


def cases(nouns: tuple[str, ...]) -> list[tuple[str, str]]:
    found = []
    for route, ask in ASKS.items():
        path = route.partition(" #")[0].split(" ", 1)[1]
        named = [noun for noun in dict.fromkeys(ask.nouns(path)) if noun in nouns]
        found += [(route, noun) for noun in named if not ask.everywhere and ask.permissions]
    return found


def acts_on_the_project() -> list[str]:
    """A repository that is only chosen for an act in the environment is not acted on."""
    found = [route for route, noun in cases(OF_PROJECT) if noun != "repository" or "{repository_id}" in route]
    found.remove(BULK)  # a project is one of its filters
    return [
        route for route in found if not route.startswith("GET") and not set(ASKS[route].permissions) <= SHARED_READS
    ]


@pytest.mark.parametrize(("route", "noun"), cases(IN_ENVIRONMENT))
def test_another_environments_id_is_an_absent_one(here, keys, route, noun) -> None:
    """In one's own project: the same 404, byte for byte, and nothing changes."""
    same(here, keys["environment"], route, noun, here.ids["beside"], 403 if (route, noun) in ON_THE_PROJECT else 404)


@pytest.mark.parametrize(("route", "noun"), cases(OF_DATABASE))
def test_another_databases_id_is_an_absent_one(here, keys, route, noun) -> None:
    """In one's own environment."""
    same(here, keys["database"], route, noun, here.ids["sibling"], 403 if (route, noun) in IN_ITS_ENVIRONMENT else 404)


def same(
    here: Inside, headers: dict[str, str], route: str, noun: str, foreign: dict[str, str], status: int = 404
) -> None:
    answers = []
    for side, denials in ((foreign, (1,)), (here.absent, (0, 1))):
        with unchanged(here, *(denials if status == 404 else (1,))):
            answers.append(call(here, route, ASKS[route], {**here.ids["mine"], noun: side[noun]}, headers))
    assert [answer.status_code for answer in answers] == [status, status], [answer.text for answer in answers]
    assert answers[0].content == answers[1].content
    assert foreign[noun] not in answers[0].text


@pytest.mark.parametrize("limited", ["environment", "database"])
@pytest.mark.parametrize("route", acts_on_the_project())
def test_the_project_around_is_seen_and_not_touched(here, keys, limited, route) -> None:
    """What it shares is read; every act on it is refused by name, and changes nothing."""
    with unchanged(here, 1):
        answer = call(here, route, ASKS[route], here.ids["mine"], keys[limited])
        assert answer.status_code in (403, 404), answer.text
        if answer.status_code == 403:
            assert answer.json()["error"]["details"]["permission"] in EVERYTHING


@pytest.mark.parametrize(("limited", "sides"), [("environment", {"mine", "sibling"}), ("database", {"mine"})])
def test_a_bulk_act_reaches_ones_own_snapshots_only(here, keys, limited, sides) -> None:
    with unchanged(here, 0):
        answer = call(here, BULK, ASKS[BULK], here.ids["mine"], keys[limited])
    assert {item["snapshot_id"] for item in answer.json()["items"]} == {here.ids[side]["snapshot"] for side in sides}


@pytest.mark.parametrize("limited", ["environment", "database"])
def test_lists_hold_the_rows_of_ones_own_place_only(here, keys, limited) -> None:
    """Whatever the list: no row says it is of another environment, another project, or another database."""
    mine = here.ids["mine"]
    for path in LISTS:
        answer = here.client.get(path.format(**mine), params={"limit": 200}, headers=keys[limited])
        assert answer.status_code in (200, 403, 404), (path, answer.text)
        for item in answer.json().get("items", ()) if answer.status_code == 200 else ():
            assert item.get("project_id") in (None, mine["project"]), (path, item)
            assert item.get("environment_id") in (None, mine["environment"]), (path, item)
            if limited == "database":
                assert item.get("resource_id") in (None, mine["database"]), (path, item)
        for side in ("theirs", "beside", *(("sibling",) if limited == "database" else ())):
            shown = {value for value in here.ids[side].values() if value in answer.text} - set(mine.values())
            allowed = {here.ids[side][noun] for noun in ("repository", "file_key")} if side != "theirs" else set()
            installation = {here.ids[side]["role"]}
            assert shown <= allowed | installation, (path, side)


@pytest.mark.parametrize(("limited", "sides"), [("environment", ("mine", "sibling")), ("database", ("mine",))])
def test_lists_hold_all_the_rows_of_ones_own_place(here, keys, limited, sides) -> None:
    for path, noun in OWN.items():
        everyone = ("mine", "sibling", "beside") if noun == "repository" else sides
        items = here.client.get(f"/api/v1/{path}", params={"limit": 200}, headers=keys[limited]).json()["items"]
        found = {item["id"] for item in items}
        if limited == "environment":  # a namespace's keys are in a database of their own
            found -= {here.ids[side]["kv_database"] for side in sides} if noun == "database" else set()
        assert found == {here.ids[side][noun] for side in everyone}, path
    environments = f"/api/v1/projects/{here.ids['mine']['project']}/environments"
    for path, wanted in ((environments, "environment"), ("/api/v1/projects", "project")):
        items = here.client.get(path, headers=keys[limited]).json()["items"]
        assert [item["id"] for item in items] == [here.ids["mine"][wanted]]
    restores = here.client.get("/api/v1/restores", headers=keys[limited]).json()["items"]
    assert {item["snapshot_id"] for item in restores} == {here.ids[side]["snapshot"] for side in sides}


def test_a_project_filter_shows_no_more_than_the_list(here, keys) -> None:
    for path in OWN:
        whole, theirs = (
            here.client.get(f"/api/v1/{path}", params={"project_id": here.ids[side]["project"]}, headers=headers)
            for side, headers in (("mine", keys["environment"]), ("theirs", keys["environment"]))
        )
        plain: Any = here.client.get(f"/api/v1/{path}", headers=keys["environment"]).json()
        assert whole.json() == plain
        assert theirs.status_code == 404
