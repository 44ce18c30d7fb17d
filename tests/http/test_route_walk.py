"""Every route of the app as it is served: who is refused, with which words, and that nothing changed by it.

A route that `walk_routes` does not know fails here by name: whoever adds one says what it needs.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from fastapi.routing import APIRoute, APIWebSocketRoute, iter_route_contexts
from inside import EVERYTHING, ROOT, Inside, inside
from starlette.testclient import WebSocketDenialResponse
from statements import statements
from walk_routes import ANONYMOUS, ASKS, SOCKETS, STEP_UP, Ask

from holdfast.features.access.permissions import ROLES
from holdfast.kernel.db import metadata

pytestmark = pytest.mark.xdist_group("route-walk")
VIEWER = ROLES["viewer"]


@pytest.fixture(scope="module")
def here() -> Iterator[Inside]:
    with inside() as made:
        yield made


@pytest.fixture(scope="module")
def keys(here: Inside) -> dict[str, dict[str, str]]:
    """One key per permission that lacks just that one; "" = all of them in one project, "all" = all everywhere."""
    wanted = {permission for ask in ASKS.values() for permission in ask.permissions}
    made = {lacking: here.key(permissions=EVERYTHING - {lacking}) for lacking in wanted}
    own = here.key(permissions=EVERYTHING, projects=[here.ids["mine"]["project"]])
    return {**made, "": own, "all": here.key(permissions=EVERYTHING), "viewer": here.key(role="viewer")}


@pytest.fixture(scope="module")
def session(here: Inside) -> dict[str, str]:
    """The owner's cookie, eleven minutes after the password was typed."""
    link = here.services.access.first_run_link()
    assert link is not None
    made = here.services.access.exchange(link.partition("#token=")[2], "owner@example.org", "correct horse battery")
    sessions = metadata.tables["sessions"]
    with here.services.db.write() as conn:
        conn.execute(sessions.update().values(stepped_up_at=datetime.now(UTC) - timedelta(minutes=11)))
    return {"Cookie": f"holdfast_session={made.token}", "Origin": "http://127.0.0.1:7700"}


def call(here: Inside, route: str, ask: Ask, ids: dict[str, str], headers: dict[str, str]) -> Any:
    method, path = route.partition(" #")[0].split(" ", 1)
    request = ask.request(path, ids)
    request["headers"] |= headers
    here.client.cookies.clear()
    return here.client.request(method, **request)


@contextmanager
def unchanged(here: Inside, *denials: int) -> Iterator[None]:
    """No row of any table differs afterwards, and the audit log has just so many denials more (or so many)."""
    rows, last = here.rows(), here.last_audit()
    yield
    after = here.rows()
    assert {name for name in rows if rows[name] != after[name]} == set()
    added = here.audit(last)
    assert {(row["action"], row["outcome"]) for row in added} <= {("request.denied", "denied")}
    assert len(added) in denials


def served(here: Inside) -> set[str]:
    found = set()
    for route in iter_route_contexts(here.client.app.routes):
        if isinstance(route.original_route, APIWebSocketRoute):
            found.add(f"WS {route.path}")
            continue
        assert isinstance(route.original_route, APIRoute), f"{route} is no route the walk understands"
        found |= {f"{method} {route.path}" for method in route.methods}
    return found


def test_every_route_is_walked(here) -> None:
    known = {route.partition(" #")[0] for route in (*ASKS, *ANONYMOUS, *SOCKETS)}
    assert served(here) - known == set(), "say in walk_routes.py what these need"
    assert known - served(here) == set(), "these are no longer served"


def test_every_route_is_described_with_its_refusals(here) -> None:
    """In the OpenAPI document: who may call it anonymously, and each refusal that this walk provokes."""
    schema = here.client.app.openapi()
    assert schema["openapi"].startswith("3.1")
    names, missing = [], {}
    for path, operations in schema["paths"].items():
        for method, operation in operations.items():
            names.append(operation["operationId"])
            route = f"{method.upper()} {path}"
            asks = [ask for key, ask in ASKS.items() if re.sub(r":path|( #.*)", "", key) == route]
            assert (operation.get("security") == []) is (route in ANONYMOUS), route
            wanted = {"401"} if asks else set()
            wanted |= {"403"} if any(ask.permissions for ask in asks) else set()
            wanted |= {"404"} if any(ask.nouns(path) for ask in asks) else set()
            wanted |= {"409"} if "Idempotency-Key" in repr(operation.get("parameters")) else set()
            wanted |= {"412"} if "If-Match" in repr(operation.get("parameters")) else set()
            wanted |= {"422"} if "requestBody" in operation else set()
            if lacking := wanted - operation["responses"].keys():
                missing[route] = lacking
            for status in operation["responses"].keys() & {"401", "403", "404", "409", "412", "422"}:
                assert "ErrorEnvelope" in repr(operation["responses"][status]), (route, status)
    assert missing == {}
    assert len(names) == len(set(names))


REFUSED = ("unauthenticated", "link_invalid", "provider_unavailable", "state_invalid")


@pytest.mark.parametrize("route", ANONYMOUS)
def test_only_these_answer_a_stranger(here, route) -> None:
    answer = call(here, route, ANONYMOUS[route], here.ids["mine"], {})
    assert answer.status_code in (200, 401)
    if answer.status_code == 401 and not route.startswith("HEAD "):  # the credential offered was wrong, not missing
        assert answer.json()["error"]["code"] in REFUSED


@pytest.mark.parametrize("route", ASKS)
def test_without_a_credential(here, route) -> None:
    """No key, a key of the right shape that nobody has, a cookie nobody has: 401 with one body for own and absent."""
    wrong: list[dict[str, str]] = [
        {},
        {"Authorization": "Bearer hf_" + "0" * 12 + "_" + "x" * 43},
        {"Authorization": "Basic cm9vdDpyb290"},
        {"Cookie": "holdfast_session=nobody", "Origin": "http://127.0.0.1:7700"},
    ]
    with unchanged(here, 0):
        for headers in wrong:
            own, absent = (call(here, route, ASKS[route], ids, headers) for ids in (here.ids["mine"], here.absent))
            assert own.status_code == 401, own.text
            assert own.content == absent.content


@pytest.mark.parametrize(("route", "permission"), [(route, p) for route in ASKS for p in ASKS[route].permissions])
def test_a_key_that_lacks_just_that_permission(here, keys, route, permission) -> None:
    with unchanged(here, 1):
        answer = call(here, route, ASKS[route], here.ids["mine"], keys[permission])
        assert answer.status_code == 403, answer.text
        if not route.startswith("HEAD "):  # which has no body
            assert answer.json()["error"]["code"] == "permission_denied"
            assert answer.json()["error"]["details"] == {"permission": permission}
    row = here.audit()[-1]
    assert (row["details"]["permission"], row["details"]["method"]) == (permission, route.split()[0])
    assert row["actor"].startswith("key_")


@pytest.mark.parametrize("route", [route for route in ASKS if set(ASKS[route].permissions) - VIEWER])
def test_a_viewer(here, keys, route) -> None:
    """Everything but reading is refused, and the refusal names what was missing."""
    with unchanged(here, 1):
        answer = call(here, route, ASKS[route], here.ids["mine"], keys["viewer"])
        assert answer.status_code == 403, answer.text
        if not route.startswith("HEAD "):
            assert answer.json()["error"]["details"]["permission"] in set(ASKS[route].permissions) - VIEWER


@pytest.mark.parametrize(
    ("route", "noun"),
    [(route, noun) for route, ask in ASKS.items() if not ask.everywhere for noun in dict.fromkeys(ask.nouns(route))],
)
def test_another_projects_id_is_an_absent_one(here, keys, route, noun) -> None:
    """One id at a time is theirs, then nobody's: the same 404, byte for byte; only the audit log knows."""
    answers = []
    chosen = noun == "repository" and "{repository_id}" not in route  # it is no choice there: nobody was refused
    for side, denials in ((here.ids["theirs"], (0,) if chosen else (1,)), (here.absent, (0, 1))):
        with unchanged(here, *denials):
            answers.append(call(here, route, ASKS[route], {**here.ids["mine"], noun: side[noun]}, keys[""]))
    assert [answer.status_code for answer in answers] == [404, 404], [answer.text for answer in answers]
    assert answers[0].content == answers[1].content
    assert here.ids["theirs"][noun] not in answers[0].text


def knock(here: Inside, route: str, ids: dict[str, str], headers: dict[str, str]) -> Any:
    """The ordinary answer a socket is refused with."""
    request = SOCKETS[route].request(route.split(" ", 1)[1], ids)
    query = "&".join(f"{name}={value}" for name, value in request.get("params", {}).items())
    here.client.cookies.clear()
    with pytest.raises(WebSocketDenialResponse) as refused:
        with here.client.websocket_connect(f"ws://127.0.0.1:7700{request['url']}?{query}", headers=headers):
            pass
    return refused.value


@pytest.mark.parametrize("route", SOCKETS)
def test_a_socket_is_refused_as_a_route_is(here, keys, route) -> None:
    """Stranger 401, weaker role 403, another project's or an absent id 404 with one body; nothing changes."""
    mine = here.ids["mine"]
    with unchanged(here, 0):
        assert knock(here, route, mine, {}).status_code == 401
    lacking = [here.key(permissions=EVERYTHING - {each}) for each in SOCKETS[route].permissions]
    for headers in (*lacking, keys["viewer"]) if lacking else ():  # the live line is everybody's who signed in
        with unchanged(here, 1):
            assert knock(here, route, mine, headers).status_code == 403
    for noun in SOCKETS[route].nouns(route):
        answers = []
        for side in (here.ids["theirs"], here.absent):
            with unchanged(here, 0, 1):
                answers.append(knock(here, route, {**mine, noun: side[noun]}, keys[""]))
        assert [answer.status_code for answer in answers] == [404, 404]
        assert answers[0].content == answers[1].content


@pytest.mark.parametrize("route", STEP_UP)
def test_a_session_types_its_password_again(here, session, route) -> None:
    """The owner may, but not with a cookie that someone found lying open."""
    with unchanged(here, 1):
        answer = call(here, route, ASKS[route], here.ids["mine"], session)
        assert (answer.status_code, answer.json()["error"]["code"]) == (403, "step_up_required"), answer.text


@pytest.mark.parametrize("route", [route for route in ASKS if ASKS[route].everywhere])
def test_a_limited_key_acts_on_no_installation(here, keys, route) -> None:
    """Every permission, but in one project: projects are not made with it, accounts are not its business."""
    for ids in (here.ids["mine"], here.absent):
        with unchanged(here, 1):
            answer = call(here, route, ASKS[route], ids, keys[""])
            assert (answer.status_code, answer.json()["error"]["code"]) == (403, "permission_denied"), answer.text


@pytest.mark.parametrize("route", [route for route in ASKS if ASKS[route].everywhere])
def test_an_absent_id_of_the_installation(here, keys, route) -> None:
    """Whoever may do everything gets 404, and nothing changes."""
    path = route.partition(" #")[0].split(" ", 1)[1]
    for noun in ASKS[route].nouns(path):
        with unchanged(here, 0):
            answer = call(here, route, ASKS[route], {**here.ids["mine"], noun: here.absent[noun]}, keys["all"])
            assert answer.status_code == 404, answer.text


LISTS = (
    "/api/v1/worker-standings",
    "/api/v1/alerts",
    "/api/v1/alert-channels",
    "/api/v1/alert-deliveries",
    "/api/v1/alert-rules",
    "/api/v1/metrics/databases",
    "/api/v1/nodes",
    "/api/v1/moves",
    "/api/v1/roles",
    "/api/v1/grants",
    "/api/v1/projects/{project}/members",
    "/api/v1/users",
    "/api/v1/users/{user}/sessions",
    "/api/v1/invites",
    "/api/v1/keys",
    "/api/v1/tokens",
    "/api/v1/sso/providers",
    "/api/v1/projects",
    "/api/v1/projects/{project}/environments",
    "/api/v1/runs",
    "/api/v1/runs/{run}/logs",
    "/api/v1/engines",
    "/api/v1/databases",
    "/api/v1/databases/{database}/statements",
    "/api/v1/databases/{database}/tunnels",
    "/api/v1/databases/{database}/logins",
    "/api/v1/databases/{database}/saved-queries",
    "/api/v1/saved-queries/{saved_query}/versions",
    "/api/v1/databases/{database}/migrations",
    "/api/v1/databases/{database}/migrations/history",
    "/api/v1/databases/{database}/upgrades",
    "/api/v1/snapshots",
    "/api/v1/snapshots/{snapshot}/verifications",
    "/api/v1/restores",
    "/api/v1/drills",
    "/api/v1/downloads",
    "/api/v1/projects/{project}/tags",
    "/api/v1/projects/{project}/tag-rules",
    "/api/v1/exports",
    "/api/v1/imports",
    "/api/v1/projects/{project}/masking-profiles",
    "/api/v1/projects/{project}/file-keys",
    "/api/v1/repositories",
    "/api/v1/repositories/{repository}/checks",
    "/api/v1/plans",
    "/api/v1/plans/{plan}/coverage",
    "/api/v1/projects/{project}/unprotected",
    "/api/v1/plan-turns",
    "/api/v1/plan-turns/{turn}/members",
    "/api/v1/system/recovery/snapshots",
    "/api/v1/limits",
    "/api/v1/environments/{environment}/secrets",
    "/api/v1/workers",
    "/api/v1/workers/{worker}/versions",
    "/api/v1/workers/{worker}/deployments",
    "/api/v1/workers/{worker}/hosts",
    "/api/v1/workers/{worker}/keys",
    "/api/v1/kv-namespaces",
    "/api/v1/audit",
    "/api/v1/activity",
)
UNSEEN = {  # a key has no sessions of its own; plans here have no schedules; the others read a repository, not rows
    "/api/v1/plan-schedules",
    "/api/v1/projects/{project_id}/plans/late",
    "/api/v1/projects/{project_id}/plans/gaps",
    "/api/v1/sessions",
    "/api/v1/uploads",
    "/api/v1/snapshots/{snapshot_id}/entries",
    "/api/v1/snapshots/{snapshot_id}/tables",
    "/api/v1/repositories/{repository_id}/contents",
    "/api/v1/repositories/{repository_id}/contents/{restic_id}/files",
    "/api/v1/databases/{database_id}/sessions",  # these ask the database's server
    "/api/v1/databases/{database_id}/locks",
    "/api/v1/databases/{database_id}/keys",
    "/api/v1/databases/{database_id}/chores",
    "/api/v1/databases/{database_id}/settings",
    "/api/v1/databases/{database_id}/extensions",
    "/api/v1/databases/{database_id}/tables",
    "/api/v1/workers/{worker_id}/invocations",  # these read the telemetry
    "/api/v1/workers/{worker_id}/logs",
    "/api/v1/workers/{worker_id}/cron-turns",
    "/api/v1/kv-namespaces/{kv_namespace_id}/keys",  # and this the namespace's file
}


def test_every_list_is_counted(here) -> None:
    lists = {
        route.path
        for route in iter_route_contexts(here.client.app.routes)
        if getattr(getattr(route, "response_model", None), "__name__", "").startswith("Page[")
    }
    assert {path.replace("_id}", "}") for path in lists - UNSEEN} == set(LISTS)


def test_lists_take_as_many_statements_for_thirty_rows_as_for_three(here) -> None:
    """And in one project as in all: what a list costs is not what is in it."""
    mine = here.ids["mine"]
    everywhere, limited = here.key(permissions=EVERYTHING), here.key(permissions=EVERYTHING, projects=[mine["project"]])
    few = counts(here, everywhere, limited)
    for number in range(1, 28):
        here.settle(mine, number)
        project = here.services.projects.create(ROOT, f"more {number}")
        here.services.projects.create_environment(ROOT, mine["project"], f"more {number}", "staging")
        here.settle({"project": project.id, "environment": mine["environment"]}, 100 + number)
    here.more_lines(27)
    assert counts(here, everywhere, limited) == few
    full = here.client.get("/api/v1/databases", params={"limit": 200}, headers=everywhere).json()["items"]
    assert len(full) > 30


def counts(here: Inside, *keys: dict[str, str]) -> dict[tuple[str, int], int]:
    found = {}
    for index, headers in enumerate(keys):
        here.client.get("/api/v1/session", headers=headers)  # its first use is written down once a minute
        for _ in range(3):
            here.client.post("/api/v1/tokens", headers=headers)  # everyone lists their own
        for path in LISTS:
            if index and ASKS["GET " + path.replace("}", "_id}")].everywhere:
                continue  # refused, whatever is in it
            with statements(here.services.db) as said:
                answer = here.client.get(path.format(**here.ids["mine"]), params={"limit": 200}, headers=headers)
            # The sequencer, on a thread of asyncio's, works whenever it likes.
            seen = [each.text for each in said if not each.thread.name.startswith("asyncio")]
            assert answer.status_code == 200, answer.text
            assert answer.json()["items"], path
            found[path, index] = len(seen)
            assert len(seen) <= 8, seen
    return found
