"""`holdfast worker logs`, `invocations`, `invoke`, `crons` and `summary`."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any

import typer

from holdfast.features.workers import acts
from holdfast.features.workers.cli import Name, app, find
from holdfast.terminal import output
from holdfast.terminal.context import terminal
from holdfast.terminal.failure import FAILED
from holdfast.terminal.noun import verb

Text = Annotated[str | None, typer.Option("--text", help="Only lines that contain it.")]
Level = Annotated[str | None, typer.Option("--level", help="log, info, warn, error, debug or system.")]


@verb(app, "logs", "holdfast worker logs shop-api --text timeout\nholdfast worker logs shop-api --follow --level error")
def logs(
    ctx: typer.Context,
    *,
    worker: Name,
    text: Text = None,
    level: Level = None,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on with what is logged from now on.")] = False,
    limit: Annotated[int, typer.Option("--limit", min=1, help="At most this many, the newest.")] = 50,
) -> None:
    """Show what a worker logged."""
    t = terminal(ctx)
    where = f"/workers/{find(t, worker)['id']}/logs"
    wanted: dict[str, Any] = {"text": text, "level": level}
    lines = list(t.client.items(where, limit=limit, **wanted))[::-1]
    if not follow:
        columns = {"AT": lambda item: _moment(item["at"]), "LEVEL": "level", "TEXT": "text"}
        t.table(lines, columns, empty="Nothing logged yet.")
        return
    last = lines[-1]["seq"] if lines else 0
    while True:
        for each in lines:
            output.say_json(each) if t.json else output.say(
                f"{_moment(each['at'])} {each['level']:5} {output.visible(each['text'])}"
            )
            last = each["seq"]
        lines = t.client.get(where, after=last, wait=20, limit=200, **wanted)["items"]


@verb(app, "invocations", "holdfast worker invocations shop-api --errors")
def invocations(
    ctx: typer.Context,
    *,
    worker: Name,
    errors: Annotated[bool, typer.Option("--errors", help="Only what failed.")] = False,
    trigger: Annotated[str | None, typer.Option("--trigger", help="http, scheduled, rpc or websocket.")] = None,
    limit: Annotated[int, typer.Option("--limit", min=1, help="At most this many, newest first.")] = 50,
) -> None:
    """List what a worker did: requests, turns of crons, calls."""
    t = terminal(ctx)
    wanted: dict[str, Any] = {"errors": "true" if errors else None, "trigger": trigger}
    t.table(
        t.client.items(f"/workers/{find(t, worker)['id']}/invocations", limit=limit, **wanted),
        {
            "AT": lambda item: _moment(item["at"]),
            "WHAT": lambda item: " ".join(filter(None, [item["method"], item["path"]])) or item["trigger"],
            "STATUS": "status",
            "OUTCOME": "outcome",
            "MS": lambda item: f"{item['wall_ms']:.1f}",
            "ERROR": lambda item: ": ".join(filter(None, map((item["error"] or {}).get, ("type", "message")))),
        },
        empty="Nothing yet.",
        right=("STATUS", "MS"),
    )


@verb(
    app,
    "invoke",
    "holdfast worker invoke shop-api /items\n"
    "holdfast worker invoke shop-api /items --method POST --header content-type:application/json --body '{\"a\":1}'",
)
def invoke(
    ctx: typer.Context,
    *,
    worker: Name,
    path: acts.Path = "/",
    method: acts.Method = "GET",
    headers: acts.Headers = None,
    body: acts.Body = "",
    version: Annotated[str | None, typer.Option("--version", help="Number, tag or id of a deployed version.")] = None,
) -> None:
    """Send a request to a worker and print its answer."""
    t = terminal(ctx)
    acts.call(t, find(t, worker), path, method, headers, body, version)


@verb(app, "crons", "holdfast worker crons shop-api\nholdfast worker crons shop-api --run '0 2 * * *'")
def crons(
    ctx: typer.Context,
    worker: Name,
    run: Annotated[str | None, typer.Option("--run", metavar="CRON", help="Take a turn of this one now.")] = None,
) -> None:
    """List a worker's crons with their next turns, or take one now."""
    t = terminal(ctx)
    where = f"/workers/{find(t, worker)['id']}"
    if run is not None:
        turn = t.client.post(f"{where}/crons/run", {"cron": run})
        why = f": {output.visible(str(turn['error']))}" if turn["error"] else ""
        t.answer(turn, f"{turn['cron']}: {turn['outcome']}{why}")
        if turn["outcome"] != "ok":
            raise typer.Exit(FAILED)
        return
    t.table(
        t.client.get(f"{where}/crons"),
        {"CRON": "cron", "NEXT": lambda item: ", ".join(output.moment_text(at) for at in item["next"][:3])},
        empty="What is deployed has no crons.",
    )


@verb(app, "turns", "holdfast worker turns shop-api")
def turns(
    ctx: typer.Context,
    worker: Name,
    limit: Annotated[int, typer.Option("--limit", min=1, help="At most this many, newest first.")] = 50,
) -> None:
    """List the turns of a worker's crons that were taken or missed."""
    t = terminal(ctx)
    t.table(
        t.client.items(f"/workers/{find(t, worker)['id']}/cron-turns", limit=limit),
        {
            "DUE": lambda item: _moment(item["scheduled_at"]),
            "CRON": "cron",
            "ATTEMPT": "attempt",
            "OUTCOME": lambda item: item["outcome"] or "running",
            "ERROR": "error",
        },
        empty="No turn yet.",
        right=("ATTEMPT",),
    )


@verb(app, "summary", "holdfast worker summary shop-api --minutes 1440")
def summary(
    ctx: typer.Context,
    worker: Name,
    minutes: Annotated[int, typer.Option("--minutes", min=1, help="So far back.")] = 60,
) -> None:
    """Show how a worker fared, by version."""
    t = terminal(ctx)
    where = f"/workers/{find(t, worker)['id']}"
    found = t.client.get(f"{where}/summary", minutes=minutes)
    if t.json:
        output.say_json(found)
        return
    named = {
        each["id"]: f"{each['number']} {each['tag'] or ''}".rstrip() for each in t.client.items(f"{where}/versions")
    }
    t.table(
        found["versions"],
        {
            "VERSION": lambda item: named.get(item["version_id"], item["version_id"]),
            "REQUESTS": "count",
            "FAILED": "errors",
            "4XX": lambda item: str(item["statuses"].get("4xx", 0)),
            "5XX": lambda item: str(item["statuses"].get("5xx", 0)),
            "P50 MS": lambda item: _number(item["p50_ms"]),
            "P95 MS": lambda item: _number(item["p95_ms"]),
            "P99 MS": lambda item: _number(item["p99_ms"]),
            "CPU MS": lambda item: _number(item["cpu_ms"]),
        },
        empty="Nothing in this time.",
        right=("REQUESTS", "FAILED", "4XX", "5XX", "P50 MS", "P95 MS", "P99 MS", "CPU MS"),
    )


def _number(value: float | None) -> str | None:
    return None if value is None else f"{value:.1f}"


def _moment(milliseconds: int) -> str:
    return output.moment_text(datetime.fromtimestamp(milliseconds / 1000, UTC).isoformat())
