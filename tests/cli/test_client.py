"""The client against a real server on a unix socket: pages, errors, streams, lost lines."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
import uvicorn
from fastapi import FastAPI, Header, Request
from fastapi.responses import JSONResponse, PlainTextResponse, StreamingResponse

from holdfast.client import Client, Event, LineBroken, NotRunning, error_from_wire, parse_events
from holdfast.kernel import errors

app = FastAPI()
RUN = {"id": "run_1", "kind": "database.create", "state": "succeeded"}
SEEN: list[str | None] = []
KEYS: list[str | None] = []


@app.get("/api/v1/things")
def things(cursor: int = 0, limit: int = 2, name: str | None = None) -> dict[str, Any]:
    items = [{"name": f"t{number}"} for number in range(5) if name in (None, f"t{number}")]
    end = cursor + min(limit, 2)
    return {"items": items[cursor:end], "next_cursor": str(end) if end < len(items) else None}


@app.get("/api/v1/fails/{status}")
def fails(status: int) -> JSONResponse:
    error = {"code": "some_code", "message": "it failed", "hint": "do this", "details": {"a": 1}, "retryable": False}
    return JSONResponse({"error": error}, status)


@app.get("/api/v1/proxy")
def proxy() -> PlainTextResponse:
    return PlainTextResponse("<html>502 Bad Gateway</html>", 502)


@app.get("/api/v1/whoami")
def whoami(request: Request) -> dict[str, Any]:
    return {"authorization": request.headers.get("authorization"), "host": request.headers["host"]}


@app.post("/api/v1/lines")
def lines() -> StreamingResponse:
    return StreamingResponse(
        iter([b'{"columns": [{"name": "a"}]}\n', b'{"rows": [[1]]}\n']), media_type="application/x-ndjson"
    )


def torn() -> Iterator[bytes]:
    """An answer that breaks off: the server has done its work and nobody was told."""
    yield b'{"run":'
    raise ConnectionAbortedError


@app.post("/api/v1/databases/{database_id}/stop")
@app.post("/api/v1/databases")
def drops_the_first(idempotency_key: str | None = Header(None)) -> Any:
    KEYS.append(idempotency_key)
    if len(KEYS) == 1:
        return StreamingResponse(torn(), headers={"content-length": "100"}, media_type="application/json")
    return {"attempt": len(KEYS)}


@app.delete("/api/v1/gone")
def gone() -> PlainTextResponse:
    return PlainTextResponse("", 204)


@app.get("/api/v1/runs/{run_id}/events")
async def run_events(last_event_id: str | None = Header(None)) -> StreamingResponse:
    """The first connection breaks off after one event; the second ends the run."""
    SEEN.append(last_event_id)

    async def stream() -> AsyncIterator[bytes]:
        if last_event_id is None:
            yield b': hello\n\nid: 7\nevent: progress\ndata: {"phase": "copy",\ndata: "done": 1}\n\n'
        else:
            yield b'id: 8\nevent: state\ndata: {"id": "run_1", "state": "succeeded"}\n\n'

    return StreamingResponse(stream(), media_type="text/event-stream")


@app.get("/api/v1/runs/{run_id}")
def run() -> dict[str, Any]:
    return RUN | {"state": "running" if len(SEEN) < 2 else "succeeded"}


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    path = tmp_path_factory.mktemp("s") / "s.sock"
    listening = socket.socket(socket.AF_UNIX)
    listening.bind(str(path))
    server = uvicorn.Server(uvicorn.Config(app, log_level="error", lifespan="off"))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]}, daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.01)
    yield path
    server.should_exit = True
    thread.join()
    listening.close()


@pytest.fixture
def client(path: Path) -> Iterator[Client]:
    with Client(socket=path) as made:
        yield made


def test_a_listing_follows_its_cursor_and_stops_at_the_limit(client: Client) -> None:
    assert [item["name"] for item in client.items("/things")] == ["t0", "t1", "t2", "t3", "t4"]
    assert [item["name"] for item in client.items("/things", limit=3)] == ["t0", "t1", "t2"]
    assert [item["name"] for item in client.items("/things", name="t3")] == ["t3"]


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (401, errors.Unauthenticated),
        (403, errors.Denied),
        (404, errors.NotFound),
        (409, errors.Conflict),
        (412, errors.PreconditionFailed),
        (413, errors.LimitExceeded),
        (422, errors.Invalid),
        (503, errors.Retryable),
        (507, errors.DiskFull),
        (500, errors.HoldfastError),
    ],
)
def test_an_error_arrives_as_it_was_sent(client: Client, status: int, kind: type[errors.HoldfastError]) -> None:
    with pytest.raises(kind) as caught:
        client.get(f"/fails/{status}")
    assert (caught.value.code, caught.value.message, caught.value.hint) == ("some_code", "it failed", "do this")
    assert caught.value.details == {"a": 1}


def test_an_answer_that_is_not_ours_is_still_an_error(client: Client) -> None:
    with pytest.raises(errors.HoldfastError) as caught:
        client.get("/proxy")
    assert caught.value.code == "http_502"


@pytest.mark.parametrize("body", [None, "", [], {"error": None}, {"error": {"details": 3}}, {"detail": "x"}])
def test_any_body_makes_an_error(body: Any) -> None:
    assert error_from_wire(500, body).message


def test_nobody_there_says_how_to_start(tmp_path: Path) -> None:
    with Client(socket=tmp_path / "admin.sock") as client, pytest.raises(NotRunning) as caught:
        client.get("/things")
    assert str(tmp_path / "admin.sock") in caught.value.message
    assert "holdfast up" in (caught.value.hint or "")


def test_a_key_is_sent_as_a_bearer_and_none_over_the_socket(client: Client, path: Path) -> None:
    assert client.get("/whoami")["authorization"] is None
    with Client(socket=path, key="hf_secret") as keyed:
        assert keyed.get("/whoami")["authorization"] == "Bearer hf_secret"


def test_a_stream_of_lines_and_an_empty_answer(client: Client) -> None:
    assert list(client.lines("POST", "/lines", {})) == [{"columns": [{"name": "a"}]}, {"rows": [[1]]}]
    assert client.delete("/gone") is None


def test_a_creation_is_sent_again_under_the_same_key_when_the_line_breaks(client: Client) -> None:
    KEYS.clear()
    assert client.post("/databases", {"name": "shop"}) == {"attempt": 2}
    assert KEYS[0] is not None
    assert KEYS[0] == KEYS[1]
    client.post("/databases", {"name": "shop"})
    assert KEYS[2] != KEYS[1]


def test_what_has_no_key_is_never_sent_twice(client: Client) -> None:
    KEYS.clear()
    with pytest.raises(LineBroken) as caught:
        client.post("/databases/db_1/stop", {})
    assert KEYS == [None]
    assert caught.value.code == "connection_lost"
    assert "holdfast run list" in str(caught.value.hint)


def test_watching_survives_a_lost_line_and_asks_from_the_last_event(client: Client) -> None:
    SEEN.clear()
    events = list(client.watch("run_1"))
    assert SEEN == [None, "7"]
    assert [event.name for event in events] == ["progress", "state", "end"]
    assert events[0].data == {"phase": "copy", "done": 1}
    assert events[-1].data["state"] == "succeeded"


def test_events_follow_the_standard() -> None:
    text = "id: 1\ndata: a\ndata:  b\n\nevent: x\ndata: {}\n\n: comment\ndata\n\nid: 2\nunknown: y\n\ndata: unfinished"
    assert list(parse_events(iter(text.split("\n")))) == [
        Event("1", "message", "a\n b"),
        Event("1", "x", {}),
        Event("1", "message", ""),
    ]
