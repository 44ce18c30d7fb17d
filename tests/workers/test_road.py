"""The four examples and what a person does with workers, from `holdfast deploy` to clients at the edge."""

from __future__ import annotations

import json
import threading
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import httpx
import pytest

pytest.register_assert_rewrite("faults_cluster", "road")
from faults_cluster import cluster, eventually, refused, short_directory  # noqa: E402  its assertions explain themselves
from own_index import own_index  # noqa: E402
from road import EXAMPLES, PARTS, Line, Road, from_address, project, saying  # noqa: E402
from road_projects import ASKING, MINUTELY, MORTAL, SLOW, WATCHED  # noqa: E402
from txt_server import name_server, of_records  # noqa: E402

from holdfast.runtime.pool import PoolClient  # noqa: E402

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("workers-road")]


@pytest.fixture(scope="module")
def road(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Road]:
    """A server that had no worker: its first one is deployed here, one with a turn every minute."""
    index = tmp_path_factory.mktemp("index")
    records: dict[str, str] = {}
    with ExitStack() as stack:
        root = stack.enter_context(short_directory())
        url = stack.enter_context(own_index(index, "fastapi"))
        names = f"127.0.0.1:{stack.enter_context(name_server(of_records(records)))}"
        it = stack.enter_context(cluster(root, UV_DEFAULT_INDEX=url, HOLDFAST_NAME_SERVERS=names))
        assert set(it.info().parts) == {"api", "runner"}
        made = Road(it, records)
        minutely = project(root / "minutely", MINUTELY, "minutely", triggers={"crons": ["* * * * *"]})
        made.deploy(minutely)
        with ThreadPoolExecutor(2) as at_once:
            invoked = at_once.submit(it.client.post, f"/workers/{made.worker('minutely')['id']}/invoke", {})
            first = made.ask("minutely")
            made.first = [(first.status_code, first.text), (invoked.result()["status"], invoked.result()["body"])]
        assert set(it.info().parts) == {"api", "runner", *PARTS}
        eventually(lambda: all(made.it.pid(part) for part in PARTS), 30, "the processes of workers")
        yield made
        made.http.close()


def test_the_first_requests_after_the_first_deployment_of_all_are_answered(road: Road) -> None:
    """Through the edge and by the api, while everything that runs workers only starts."""
    assert road.first == [(200, "already here")] * 2


def test_the_shop(road: Road) -> None:
    refused = road.typed("deploy", str(EXAMPLES / "shop"), code=5)
    assert "DB wants the SQLite database 'shop'" in refused
    assert "CACHE wants the key-value namespace 'shop-cache'" in refused
    made = road.deploy(EXAMPLES / "shop", "--create-missing", "--tag", "one")
    assert made["address"] == f"http://shop.localhost:{road.port}"
    road.typed("migration", "apply", "shop", "--dir", str(EXAMPLES / "shop/migrations"), "--confirm", "shop")

    tea = {"name": "Tea", "price": 450}
    added = road.ask("shop", "/articles", "POST", json=tea)
    assert (added.status_code, added.json()) == (201, {"id": 1, **tea})
    assert road.ask("shop", "/articles", "POST", json=tea).status_code == 409
    wrong = road.ask("shop", "/articles", "POST", json={"name": "", "price": 1})
    assert (wrong.status_code, wrong.json()["detail"][0]["loc"]) == (422, ["body", "name"])
    listed = {"currency": "EUR", "articles": [{"id": 1, **tea, "sold": 0}]}
    for _ in range(2):  # the second out of the cache
        assert road.ask("shop", "/articles").json() == listed
    assert json.loads(road.typed("kv", "key", "get", "shop-cache", "articles")) == listed
    assert road.ask("shop", "/articles/1/sell", "POST").json() == {"id": 1, "name": "Tea", "sold": 1}
    assert road.ask("shop", "/articles/9/sell", "POST").status_code == 404
    assert road.ask("shop", "/articles").json()["articles"][0]["sold"] == 1
    assert road.ask("shop", "/openapi.json").json()["info"]["title"] == "Shop"
    by_path = road.http.get(f"http://127.0.0.1:{road.port}/run/shop/articles", headers={"host": "localhost"})
    assert by_path.json()["articles"][0]["name"] == "Tea"
    (database,) = [each["id"] for each in road.it.client.items("/databases") if each["name"] == "shop"]
    assert road.it.rows(database, "SELECT name, price, sold FROM articles") == [["Tea", 450, 1]]


def test_the_clean_up(road: Road) -> None:
    road.deploy(EXAMPLES / "cleanup", "--create-missing")
    road.typed("migration", "apply", "events", "--dir", str(EXAMPLES / "cleanup/migrations"), "--confirm", "events")
    (database,) = [each["id"] for each in road.it.client.items("/databases") if each["name"] == "events"]
    insert = "INSERT INTO events (at, text) VALUES (1, 'old'), (2, 'old too'), (4000000000, 'new')"
    road.it.write(database, insert)
    assert road.ask("cleanup").json() == {"count": 3, "oldest": 1}
    assert [each["cron"] for each in road.typed("worker", "crons", "cleanup", "--json")] == [
        "15 3 * * *",
        "CRON_TZ=Europe/Zurich 0 8 1 * *",
    ]
    assert "15 3 * * *: ok" in road.typed("worker", "crons", "cleanup", "--run", "15 3 * * *")
    assert road.ask("cleanup").json() == {"count": 1, "oldest": 4000000000}
    (turn,) = road.of("cleanup", "cron-turns")
    assert (turn["cron"], turn["outcome"], turn["attempt"]) == ("15 3 * * *", "ok", 1)
    eventually(lambda: road.of("cleanup", "logs", text="15 3 * * *: 2 events removed"), 10, "its line")
    eventually(lambda: road.of("cleanup", "invocations", trigger="scheduled"), 10, "its invocation")
    assert [each["outcome"] for each in road.of("cleanup", "invocations", trigger="scheduled")] == ["ok"]

    road.it.write(database, "DROP TABLE events")
    failed = road.typed("worker", "crons", "cleanup", "--run", "15 3 * * *", code=1)
    assert "no such table: events" in failed
    assert [each["outcome"] for each in road.of("cleanup", "cron-turns")] == ["exception", "ok"]


def test_the_echo(road: Road) -> None:
    road.deploy(EXAMPLES / "echo")
    assert road.ask("echo").status_code == 426
    line = Line(road.port, "echo.localhost")
    heard = line.heard()
    large = "äö" * 150_000  # beyond what one read of a socket gives
    line.say("one", b"\x00\xff", large)
    assert [next(heard) for _ in range(3)] == ["one", b"\x00\xff", large]
    line.ping(b"there?")
    assert next(heard) == ("pong", b"there?")
    line.say("close")
    assert list(heard) == ["bye", ("closed", 1000)]
    line.close()
    eventually(lambda: road.of("echo", "invocations", trigger="websocket"), 10, "the record of the connection")
    (one,) = road.of("echo", "invocations", trigger="websocket")
    assert (one["status"], one["outcome"]) == (101, "ok")


def test_the_pair(road: Road) -> None:
    assert "WORDS wants the worker 'words'" in road.typed("deploy", str(EXAMPLES / "pair/front"), code=5)
    road.deploy(EXAMPLES / "pair/words")
    road.deploy(EXAMPLES / "pair/front")
    counted = {"words": 5, "letters": 15, "common": [["the", 2], ["cat", 1], ["and", 1]]}
    assert road.ask("front", "/", "POST", content="the cat and the hat").json() == counted
    assert "service binding" in road.ask("front").text

    def told() -> bool:
        return {each["trigger"] for each in road.of("words", "invocations")} >= {"rpc", "http"}

    eventually(told, 10, "the record of calls between workers")


def test_versions_shares_and_the_way_back(road: Road) -> None:
    folder = road.it.root / "shared"
    for text in ("one", "two"):
        project(folder, saying(repr(text)), "shared")
        road.deploy(folder, "--tag", text)
    road.says("shared", "two")
    assert road.ask("shared", headers={"holdfast-version": "one"}).status_code == 404
    assert "version 1 (50 %), version 2 (50 %)" in road.typed("worker", "promote", "shared", "1=50", "two=50")
    eventually(lambda: road.ask("shared", headers={"holdfast-version": "one"}).text == "one", 10, "version one")
    seen = {number: from_address(number, road.port, "shared") for number in range(1, 25)}
    counts = Counter(seen.values())
    assert set(counts) == {"one", "two"}, counts
    assert {number: from_address(number, road.port, "shared") for number in seen} == seen
    assert road.ask("shared", headers={"holdfast-version": "two"}).text == "two"
    assert road.ask("shared", headers={"cookie": "holdfast-version=one"}).text == "one"

    road.typed("worker", "promote", "shared", "two")
    assert "version 1 (100 %)" in road.typed("worker", "rollback", "shared", "--to", "one")
    road.says("shared", "one")
    shown = road.of("shared", "deployments")
    assert [each["trigger"] for each in shown] == ["rollback", "deploy", "deploy", "deploy", "deploy"]
    assert "+    return Response('two')" in road.typed("worker", "diff", "shared", "two")


def test_variables_and_secrets_arrive_and_change(road: Road) -> None:
    folder = project(road.it.root / "knows", saying("f'{env.COLOUR} {env.TOKEN}'"), "knows", vars={"COLOUR": "red"})
    config = json.loads((folder / "wrangler.jsonc").read_text()) | {"secrets": {"required": ["TOKEN"]}}
    (folder / "wrangler.jsonc").write_text(json.dumps(config))
    assert "TOKEN" in road.typed("deploy", str(folder), code=5)
    road.typed("worker", "secret", "put", "knows", "TOKEN", "--stdin", stdin="first-of-two\n")
    road.deploy(folder)
    road.says("knows", "red first-of-two")
    road.typed("worker", "var", "set", "knows", "COLOUR", "blue")
    road.says("knows", "blue first-of-two")
    road.typed("worker", "secret", "put", "knows", "TOKEN", "--stdin", stdin="second-of-two\n")
    road.says("knows", "blue second-of-two")
    said = road.typed("worker", "var", "list", "knows")
    assert "-of-two" not in said
    assert "-of-two" not in (road.it.settings.runtime / "routes.json").read_text()
    road.typed("worker", "var", "unset", "knows", "COLOUR")
    road.says("knows", "red second-of-two")


def test_what_a_version_still_runs_keeps_its_bindings_and_its_way_out(road: Road) -> None:
    folder, bound = road.it.root / "slow", {"kv_namespaces": [{"binding": "KV", "id": "slow"}]}
    road.deploy(project(folder, SLOW.format(1), "slow", **bound), "--create-missing")
    road.says("slow", "1")
    there, own = f"http://127.0.0.1:{road.port}/wait", {"host": "slow.localhost"}
    with ThreadPoolExecutor(1) as aside:
        running = aside.submit(httpx.get, there, headers=own, timeout=60)
        eventually(lambda: "1" in road.it.cli("kv", "key", "get", "slow", "begun").stdout, 20, "its first write")
        road.deploy(project(folder, SLOW.format(2), "slow", **bound))
        road.says("slow", "2")  # it has bindings now: the state process knows of the deployment
        assert not running.done()
        road.typed("kv", "key", "put", "slow", "go", "now")
        answer = running.result(60)
    assert (answer.status_code, answer.text) == (200, "by version 1, not_permitted")


def test_each_call_is_on_record(road: Road) -> None:
    road.deploy(project(road.it.root / "watched", WATCHED, "watched"))
    answers = {path: road.ask("watched", path) for path in ("/plain", "/burn", "/gone", "/fail")}
    assert [each.status_code for each in answers.values()] == [200, 200, 410, 500]
    assert "no such thing" not in answers["/fail"].text
    eventually(lambda: len(road.of("watched", "invocations")) == 4, 10, "four records")
    told = {each["path"]: each for each in road.of("watched", "invocations")}
    for path, answer in answers.items():
        one = told[path]
        assert one["ray"] == answer.headers["holdfast-request-id"]
        assert (one["method"], one["status"], one["trigger"]) == ("GET", answer.status_code, "http")
        assert one["wall_ms"] > 0
        assert one["memory_bytes"] > 1_000_000
    assert [told[path]["outcome"] for path in answers] == ["ok", "ok", "ok", "exception"]
    assert 1000 > told["/burn"]["cpu_ms"] > 150 > told["/plain"]["cpu_ms"]
    assert told["/burn"]["wall_ms"] >= told["/burn"]["cpu_ms"]
    assert told["/fail"]["error"]["type"] == "LookupError"
    assert "src/entry.py" in told["/fail"]["error"]["stack"]
    worker = road.worker("watched")["id"]
    whole = road.it.client.get(f"/workers/{worker}/invocations/{told['/gone']['id']}")
    assert [each["text"] for each in whole["logs"]] == ["asked for gone"]
    assert "LookupError" in road.typed("worker", "logs", "watched", "--level", "error")
    assert "no such thing" in road.typed("worker", "invocations", "watched", "--errors")
    (fared,) = road.typed("worker", "summary", "watched", "--json")["versions"]
    assert (fared["count"], fared["errors"]) == (4, 1)


def test_a_call_whose_process_ended_under_it_is_on_record(road: Road) -> None:
    """Nobody but the edge and the pool is left to tell of it: how it ended, why, and what it had said before."""
    road.deploy(project(road.it.root / "mortal", MORTAL, "mortal"))
    began = time.time()
    died = road.ask("mortal", "/die?why", "POST")
    road.says("mortal", "alive")
    ate = road.ask("mortal", "/eat", "POST")
    eventually(lambda: road.calls("mortal"), 20, "another process")
    with ThreadPoolExecutor(1) as beside:
        waits = beside.submit(road.ask, "mortal", "/wait", "POST")
        eventually(lambda: "it waits" in road.typed("worker", "logs", "mortal"), 20, "the request in its process")
        PoolClient(road.it.settings.runtime).kill(worker_id=road.worker("mortal")["id"])
        killed = waits.result()
    assert [each.status_code for each in (died, ate, killed)] == [502] * 3
    eventually(lambda: road.calls("mortal"), 20, "a last process")
    line = Line(road.port, "mortal.localhost", "/socket")
    line.say("go")
    eventually(lambda: road.of("mortal", "invocations", trigger="websocket"), 10, "the record of the connection")
    rows = [each for each in road.of("mortal", "invocations") if each["outcome"] != "ok"]
    told = {each["path"]: each for each in rows}
    assert len(rows) == len(told)
    assert {path: (each["outcome"], each["status"]) for path, each in told.items()} == {
        "/die": ("exception", 502),
        "/eat": ("exceededMemory", 502),
        "/wait": ("cancelled", 502),
        "/socket": ("exception", 101),
    }
    assert told["/die"]["ray"] == died.headers["holdfast-request-id"]
    assert told["/die"]["method"] == "POST"
    assert told["/die"]["error"]["type"] == "ProcessEnded"
    assert "3" in told["/die"]["error"]["message"]
    assert "memory" in told["/eat"]["error"]["message"]
    assert 10 < told["/wait"]["wall_ms"] < 20_000
    assert began * 1000 - 1 <= told["/die"]["at"] <= time.time() * 1000
    found = road.it.client.get(f"/workers/{road.worker('mortal')['id']}/invocations/{told['/die']['id']}")
    assert [each["text"] for each in found["logs"]] == ["about to die"]


def test_broken_code_says_why_and_the_old_goes_on(road: Road) -> None:
    folder = project(road.it.root / "steady", saying("'steady'"), "steady")
    road.deploy(folder)
    road.says("steady", "steady")
    for code, why in (
        ("import nothing_of_the_kind\n", "the module 'nothing_of_the_kind' was not found"),
        ("def on_fetch(request:\n", "was never closed"),
        ("1 / 0\n", "division by zero"),
        ("x = 1\n", "entry.py"),
    ):
        said = road.typed("deploy", str(project(folder, code, "steady")), code=5)
        assert why in said
        assert road.ask("steady").text == "steady"
    objects = {"bindings": [{"name": "ROOM", "class_name": "Room"}]}
    project(folder, saying("'other'"), "steady", durable_objects=objects, colour="red")
    said = road.typed("deploy", str(folder), code=5)
    assert "not acted on here: durable_objects, colour" in said
    (folder / "wrangler.jsonc").write_text('{"name": "steady",\n "name": "twice"}')
    assert "line 2" in road.typed("deploy", str(folder), code=1)
    assert road.ask("steady").text == "steady"
    assert road.of("steady", "logs", text="1 / 0")
    (deployed,) = road.of("steady", "deployments")
    assert [each["number"] for each in deployed["versions"]] == [1]


def test_a_version_is_tried_with_its_bindings_and_its_way_out(road: Road) -> None:
    """Code that asks for either while it is imported is deployed as any other."""
    folder = project(road.it.root / "asking", ASKING, "asking", kv_namespaces=[{"binding": "KV", "id": "asked"}])
    said = road.typed("deploy", str(folder), code=5)
    assert "KV wants the key-value namespace 'asked'" in said  # before anything is started
    road.typed("kv", "namespace", "create", "asked")
    road.deploy(folder)
    # the first start was the trial's
    road.says("asking", "HTTP/1.1 403 Forbidden, start 2")
    eventually(
        lambda: not [each for each in (road.it.settings.runtime / "w").iterdir() if each.name.startswith("try")],
        20,
        "the end of the trial's sockets",
    )


def test_a_trial_is_not_disturbed_by_the_pool_that_looks_around(road: Road) -> None:
    folder = project(road.it.root / "tried", saying("'fine'"), "tried")
    road.deploy(folder)
    road.typed("deploy", str(project(folder, "1 / 0\n", "tried")), code=5)
    path, body = f"/workers/{road.worker('tried')['id']}/deployments", {"version_id": ""}
    body["version_id"] = road.of("tried", "versions")[0]["id"]
    stop, looking = threading.Event(), PoolClient(road.it.settings.runtime)

    def look() -> None:
        while not stop.is_set():
            looking.refresh()

    thread = threading.Thread(target=look)
    thread.start()
    try:
        for _ in range(15):
            error = refused(lambda: road.it.client.post(path, body))
            assert (error.code, "division by zero" in error.message) == ("version_broken", True), error.message
    finally:
        stop.set()
        thread.join(30)


def test_what_is_broken_all_the_same_is_left_by_a_rollback(road: Road) -> None:
    folder = project(road.it.root / "risky", saying("'fine'"), "risky")
    road.deploy(folder)
    road.says("risky", "fine")
    road.typed("deploy", str(project(folder, "1 / 0\n", "risky")), code=5)
    road.typed("worker", "promote", "risky", "2", "--skip-check")
    eventually(lambda: road.ask("risky").status_code == 503, 20, "the broken version")
    assert "retry-after" in road.ask("risky").headers
    road.typed("worker", "rollback", "risky")
    eventually(lambda: road.ask("risky").status_code == 200, 20, "the version before")


def test_no_request_is_lost_while_five_versions_follow_each_other(road: Road) -> None:
    folder = road.it.root / "moving"
    code = "(await request.text()) + ' {}'"
    road.deploy(project(folder, saying(code.format(0)), "moving"))
    stop, wrong, seen = threading.Event(), list[Any](), Counter[str]()

    def client(number: int) -> None:
        with httpx.Client(timeout=30) as http:
            while not stop.is_set():
                answer = http.post(
                    f"http://127.0.0.1:{road.port}/", content=f"c{number}", headers={"host": "moving.localhost"}
                )
                if answer.status_code != 200 or not answer.text.startswith(f"c{number} "):
                    wrong.append((answer.status_code, answer.text))
                seen[answer.text.partition(" ")[2]] += 1
                time.sleep(0.03)  # so that the deploys have a processor too

    threads = [threading.Thread(target=client, args=(number,)) for number in range(3)]
    for each in threads:
        each.start()
    try:
        for number in range(1, 6):
            project(folder, saying(code.format(number)), "moving")
            road.deploy(folder)
            eventually(lambda: seen[str(number)] > 5, 20, f"version {number}")  # noqa: B023 - called here and now
    finally:
        stop.set()
        for each in threads:
            each.join(60)
    assert wrong == []
    assert set(seen) == {str(number) for number in range(6)}


def test_a_worker_that_is_switched_off_or_protected(road: Road) -> None:
    road.deploy(project(road.it.root / "guarded", saying("'in'"), "guarded"))
    key = road.typed("worker", "key", "create", "guarded", "partner").strip()
    road.typed("worker", "update", "guarded", "--set", "protected=true")
    eventually(lambda: road.ask("guarded").status_code == 401, 10, "a closed door")
    assert road.ask("guarded", headers={"authorization": f"Bearer {key}"}).text == "in"
    road.typed("worker", "update", "guarded", "--off")
    eventually(lambda: road.ask("guarded", headers={"x-api-key": key}).status_code == 503, 10, "a worker that is off")
    road.typed("worker", "delete", "guarded", "--confirm", "guarded")
    eventually(lambda: road.ask("guarded").status_code == 404, 10, "no worker")
    road.typed("worker", "undelete", "guarded")
    road.typed("worker", "update", "guarded", "--on")
    eventually(lambda: road.ask("guarded", headers={"x-api-key": key}).status_code == 200, 10, "the worker again")


def test_a_host_of_its_own(road: Road) -> None:
    road.deploy(project(road.it.root / "known", saying("request.headers.get('host')"), "known"))
    own = {"host": "shop.example.org"}
    road.typed("worker", "host", "add", "known", "shop.example.org")
    (claimed,) = road.of("known", "hosts")
    assert road.ask("known", headers=own).status_code == 404
    assert "shop.example.org" in road.typed("worker", "host", "verify", "known", "shop.example.org", code=5)
    road.records[claimed["record_name"]] = "holdfast-of-somebody-else"
    road.typed("worker", "host", "verify", "known", "shop.example.org", code=5)
    assert road.ask("known", headers=own).status_code == 404
    road.records[claimed["record_name"]] = claimed["proof"]
    assert "is proven" in road.typed("worker", "host", "verify", "known", "shop.example.org")
    eventually(lambda: road.ask("known", headers=own).status_code == 200, 10, "its own host")
    assert road.ask("known", headers=own).text == "shop.example.org"
    road.typed("worker", "host", "remove", "known", "shop.example.org")
    eventually(lambda: road.ask("known", headers=own).status_code == 404, 10, "no such host")


def test_everything_is_there_after_a_restart(road: Road) -> None:
    before = road.ask("shop", "/articles").json()
    assert before["articles"]
    road.it.down()
    road.it.up()
    eventually(lambda: road.calls("shop", "/articles"), 30, "the shop")
    assert road.ask("shop", "/articles").json() == before
    road.says("shared", "one")
    road.says("knows", "red second-of-two")
    assert road.ask("shop", "/articles", "POST", json={"name": "Cup", "price": 1}).json()["id"] == 2
    assert len(road.of("watched", "invocations")) == 4


def test_a_turn_comes_by_itself(road: Road) -> None:
    """It was deployed when the module began: most of the minute has passed."""
    eventually(lambda: road.of("minutely", "cron-turns"), 70, "a turn")
    turn = road.of("minutely", "cron-turns")[-1]
    eventually(lambda: road.of("minutely", "cron-turns")[-1]["outcome"] == "ok", 10, "its end")
    assert turn["scheduled_at"] % 60_000 == 0
    eventually(lambda: road.of("minutely", "logs", text="turn of * * * * *"), 10, "its line")
    assert abs(turn["started_at"] - turn["scheduled_at"]) < 30_000
    assert Path(road.it.data / "telemetry" / "workers.db").stat().st_size < 50 << 20
    assert time.time() * 1000 > turn["scheduled_at"]
