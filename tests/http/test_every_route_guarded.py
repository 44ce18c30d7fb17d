"""Every route of the app as it is served, asked by another site, under another name, by another method: no effect."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest
from inside import EVERYTHING, Inside, inside
from starlette.testclient import WebSocketDenialResponse
from starlette.websockets import WebSocketDisconnect
from test_route_walk import call, served, unchanged
from walk_routes import ANONYMOUS, ASKS, Ask

pytestmark = pytest.mark.xdist_group("route-guards")

OWN = "http://127.0.0.1:7700"
ROUTES = {**ANONYMOUS, **ASKS}
UNSAFE = [route for route in ROUTES if not route.startswith(("GET ", "HEAD "))]
STREAMS = [route for route in ROUTES if route.endswith("/events") or "/events?" in route]
FOREIGN: list[list[tuple[str, str]]] = [
    [],
    [("Origin", "null")],
    [("Origin", "")],
    [("Origin", "http://evil.example")],
    [("Origin", "https://127.0.0.1:7700")],
    [("Origin", "http://127.0.0.1")],
    [("Origin", "http://127.0.0.1:7700.evil.example")],
    [("Origin", "http://127.0.0.1:7700, http://evil.example")],
    [("Origin", OWN), ("Origin", "http://evil.example")],
    [("Origin", OWN), ("Origin", OWN)],
    [("Origin", "http://evil.example"), ("Sec-Fetch-Site", "same-origin")],
    [("Sec-Fetch-Site", "cross-site")],
    [("Sec-Fetch-Site", "same-site")],
    [("Sec-Fetch-Site", "none")],
    [("Sec-Fetch-Site", "")],
    [("Sec-Fetch-Site", "same-origin"), ("Sec-Fetch-Site", "cross-site")],
]
REBOUND: list[list[tuple[str, str]]] = [
    [("Host", "evil.example")],
    [("Host", "evil.example:7700")],
    [("Host", "127.0.0.1:1")],
    [("Host", "127.0.0.1.nip.example:7700")],
    [("Host", "127.0.0.1:7700"), ("Host", "evil.example")],
    [("Host", "127.0.0.1:7700"), ("X-Forwarded-Host", "127.0.0.1:7700"), ("Host", "127.0.0.1:7700")],
    [("Host", "")],
]


@pytest.fixture(scope="module")
def here() -> Iterator[Inside]:
    with inside() as made:
        yield made


@pytest.fixture(scope="module")
def cookie(here: Inside) -> str:
    """The owner's, fresh: with it everything would be allowed."""
    link = here.services.access.first_run_link()
    assert link is not None
    made = here.services.access.exchange(link.partition("#token=")[2], "owner@example.org", "correct horse battery")
    return f"holdfast_session={made.token}"


@pytest.fixture(scope="module")
def everything(here: Inside) -> dict[str, str]:
    return here.key(permissions=EVERYTHING)


def send(here: Inside, route: str, headers: list[tuple[str, str]], *, method: str | None = None) -> Any:
    """With just these headers besides what httpx adds; several of one name stay several."""
    own, path = route.partition(" #")[0].split(" ", 1)
    request = ROUTES[route].request(path, here.ids["mine"])
    request["headers"] = [*request["headers"].items(), *headers]
    here.client.cookies.clear()
    return here.client.request(method or own, **request)


def refused(answer: Any) -> tuple[int, str | None]:
    """An answer to HEAD has no body (RFC 9110, 9.3.2): its status is all there is."""
    told = answer.request.method != "HEAD"
    return answer.status_code, answer.json()["error"]["code"] if told else None


@pytest.mark.parametrize("route", UNSAFE)
def test_a_cookie_from_another_site_changes_nothing(here, cookie, route) -> None:
    """Whatever the browser says of where it comes from, unless it is exactly here; and it stays signed in."""
    with unchanged(here, 0):
        for headers in FOREIGN:
            for named in ("", "__Host-"):
                answer = send(here, route, [("Cookie", named + cookie), *headers])
                assert refused(answer) == (403, "origin_refused"), headers
                assert "set-cookie" not in answer.headers
    assert here.client.get("/api/v1/session", headers={"Cookie": cookie}).status_code == 200


def test_the_refusals_are_for_where_it_comes_from(here, cookie) -> None:
    """The same request from our own page, or by fetch metadata alone, is served: the walk above could have passed."""
    for headers in ([("Origin", OWN)], [("Sec-Fetch-Site", "same-origin")]):
        answer = send(here, "POST /api/v1/databases/{database_id}/undelete", [("Cookie", cookie), *headers])
        assert answer.status_code != 403, answer.text


@pytest.mark.parametrize("route", ROUTES)
def test_under_another_name_nothing_is_served(here, cookie, everything, route) -> None:
    """DNS rebinding: 421 on every method, reading too, for every credential, and no word of what is there."""
    with unchanged(here, 0):
        for headers in REBOUND:
            for credential in ({"Cookie": cookie, "Origin": OWN}, everything, {}):
                answer = send(here, route, [*credential.items(), *headers])
                assert refused(answer) in ((421, "host_not_allowed"), (421, None)), headers


@pytest.mark.parametrize("route", ROUTES)
def test_a_web_socket_opens_nowhere(here, cookie, route) -> None:
    """No route speaks it; from another site, or under another name, the handshake is refused by the guards."""
    path = route.partition(" #")[0].split(" ", 1)[1]
    where = ROUTES[route].request(path, here.ids["mine"])["url"]
    cases = ({"Origin": "http://evil.example"}, {"Host": "evil.example", "Origin": OWN}, {"Origin": "null"}, {})
    for headers in (*cases, {"Origin": OWN}):
        with pytest.raises((WebSocketDisconnect, WebSocketDenialResponse)):
            with here.client.websocket_connect(where, headers={"Cookie": cookie, **headers}):
                pytest.fail("a web socket was opened")


@pytest.mark.parametrize("route", UNSAFE)
def test_no_header_makes_another_method_of_reading(here, everything, route) -> None:
    """Method overrides are read by nobody, in a header, a query or a form."""
    method, path = route.partition(" #")[0].split(" ", 1)
    for name in ("X-HTTP-Method-Override", "X-HTTP-Method", "X-Method-Override"):
        headers = [*everything.items(), (name, method)]
        with unchanged(here, 0, 1):  # what is its maker's alone is not read by another key either, and that is noted
            answer = send(here, route, headers, method="GET")
            assert answer.status_code < 500, answer.text
    with unchanged(here, 0, 1):
        request = ROUTES[route].request(path, here.ids["mine"])
        here.client.request("GET", request["url"], params={"_method": method}, headers=everything)


def matches(template: str, where: str) -> bool:
    """Also by another route's parameter: `/invites/accept` is an `/invites/{invite_id}` to DELETE."""
    any_of = re.sub(r"\\{\w+\\}", "[^/]+", re.sub(r"\\{\w+:path\\}", ".+", re.escape(template)))
    return re.fullmatch(any_of, where) is not None


@pytest.mark.parametrize("route", sorted({route.partition(" #")[0].split(" ", 1)[1] for route in ROUTES}))
def test_methods_a_path_does_not_have(here, everything, route) -> None:
    """HEAD and OPTIONS do nothing, TRACE echoes nothing, and every one that is not described is refused."""
    ask = next(ROUTES[each] for each in ROUTES if each.partition(" #")[0].split(" ", 1)[1] == route)
    where = Ask(fill=ask.fill).request(route, here.ids["mine"])["url"]
    has = {each.split(" ", 1)[0] for each in served(here) if matches(each.split(" ", 1)[1], where)}
    with unchanged(here, 0):
        for method in {"HEAD", "OPTIONS", "TRACE", "CONNECT", "PUT", "PATCH", "DELETE", "POST", "QUERY"} - has:
            answer = here.client.request(method, where, headers={**everything, "X-Canary": "echo-me"})
            assert answer.status_code == 405, (method, answer.text)
            assert "echo-me" not in answer.text + repr(answer.headers)
            assert not any(name.startswith("access-control-") for name in answer.headers)


def test_streams_are_among_them() -> None:
    assert "GET /api/v1/runs/{run_id}/events" in STREAMS


def test_a_call_without_a_cookie_may_come_from_nowhere_but_not_from_elsewhere(here, everything) -> None:
    """Keys are not sent by browsers by themselves; a foreign origin is refused all the same."""
    route = "POST /api/v1/databases/{database_id}/undelete"
    assert call(here, route, ASKS[route], here.ids["mine"], everything).status_code != 403
    for headers in FOREIGN[1:]:
        assert send(here, route, [*everything.items(), *headers]).status_code == 403
