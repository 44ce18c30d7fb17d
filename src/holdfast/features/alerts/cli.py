"""`holdfast alert`: what stands, what was sent."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from holdfast.terminal import output
from holdfast.terminal.context import Terminal, terminal
from holdfast.terminal.failure import Usage
from holdfast.terminal.noun import noun, verb
from holdfast.terminal.times import seconds_of

app = noun(
    "alert",
    "Alerts: who is told what happened, and what did not happen.",
    """
    holdfast alert channel add email on-call --smtp smtp.example.org --from hf@example.org --to ops@example.org
    holdfast alert channel test on-call
    holdfast alert list
    """,
)
AlertId = Annotated[str, typer.Argument(metavar="ALERT", help="Id of the alert.", show_default=False)]


@verb(app, "list", "holdfast alert list\nholdfast alert list --all --limit 200")
def list_(
    ctx: typer.Context,
    all_: Annotated[bool, typer.Option("--all", help="Resolved ones too.")] = False,
    severity: Annotated[str | None, typer.Option("--severity", help="info, warning or critical.")] = None,
    database: Annotated[str | None, typer.Option("--database", help="Only this database's.")] = None,
    limit: Annotated[int, typer.Option("--limit", min=1, help="At most this many, newest first.")] = 50,
) -> None:
    """List alerts that stand, newest first."""
    t = terminal(ctx)
    resource = t.database(database)["id"] if database else None
    states = None if all_ else ["open", "acknowledged"]
    filters = {"state": states, "severity": severity, "resource_id": resource, **t.scope()}
    t.table(
        t.client.items("/alerts", limit=limit, **filters),
        {
            "SEVERITY": "severity",
            "STATE": _state,
            "WHAT": lambda item: item["type"].replace("_", " "),
            "NAME": "name",
            "TIMES": "count",
            "LAST": lambda item: output.moment_text(item["last_at"]),
            "ALERT": "id",
        },
        empty="No alert stands. All is quiet." if not all_ else "No alerts yet.",
        right=("TIMES",),
    )


@verb(app, "show", "holdfast alert show alt_...")
def show(ctx: typer.Context, alert: AlertId) -> None:
    """Show an alert with its error and what to do."""
    t = terminal(ctx)
    found = t.client.get(f"/alerts/{alert}")
    if t.json:
        output.say_json(found)
        return
    error = found["details"].get("error") or {}
    output.record(
        {
            "Alert": found["id"],
            "What": found["type"].replace("_", " "),
            "Name": found["name"],
            "Severity": found["severity"],
            "State": _state(found),
            "Times": found["count"],
            "First": output.moment_text(found["first_at"]),
            "Last": output.moment_text(found["last_at"]),
            "Run": found["details"].get("run_id"),
            "Error": error.get("message"),
            "Hint": error.get("hint"),
        }
    )


@verb(app, "ack", "holdfast alert ack alt_...")
def ack(ctx: typer.Context, alert: AlertId) -> None:
    """Say that you are at it: it is told again only when it gets worse, or is over."""
    t = terminal(ctx)
    t.answer(t.client.post(f"/alerts/{alert}/acknowledge", {}), "Acknowledged.")


@verb(app, "mute", "holdfast alert mute alt_... --for 2h\nholdfast alert mute --database shop --for 1d")
def mute(
    ctx: typer.Context,
    alert: Annotated[str | None, typer.Argument(metavar="[ALERT]", help="Id of the alert.", show_default=False)] = None,
    database: Annotated[
        str | None, typer.Option("--database", help="Everything about a database, as before maintenance.")
    ] = None,
    lasting: Annotated[str, typer.Option("--for", metavar="TIME", help="90m, 2h, 3d; 0 ends an alert's mute.")] = "1h",
) -> None:
    """Hear nothing of an alert, or of a database, for a while. A database's mute is a rule that ends by itself."""
    t = terminal(ctx)
    seconds = seconds_of(lasting)
    if (alert is None) == (database is None):
        raise Usage("mute an alert, or a database", hint="holdfast alert mute alt_... --for 2h, or --database NAME")
    if alert is not None:
        t.answer(t.client.post(f"/alerts/{alert}/mute", {"seconds": seconds}), f"Muted for {lasting}.")
        return
    made = _mute_database(t, str(database), seconds)
    t.answer(made, f"Muted until {output.moment_text(made['until'])}: rule {made['id']}.")


@verb(app, "resolve", "holdfast alert resolve alt_...")
def resolve(ctx: typer.Context, alert: AlertId) -> None:
    """Say that it is over. Should it happen again, that is a new alert."""
    t = terminal(ctx)
    t.answer(t.client.post(f"/alerts/{alert}/resolve", {}), "Resolved.")


@verb(app, "deliveries", "holdfast alert deliveries --dead\nholdfast alert deliveries --channel on-call")
def deliveries(
    ctx: typer.Context,
    dead: Annotated[bool, typer.Option("--dead", help="Only those that were given up.")] = False,
    channel: Annotated[str | None, typer.Option("--channel", help="Only this channel's.")] = None,
    limit: Annotated[int, typer.Option("--limit", min=1, help="At most this many, newest first.")] = 50,
) -> None:
    """List messages, newest first: what was sent, what is tried again, what was given up."""
    t = terminal(ctx)
    channel_id = t.find("/alert-channels", channel, "channel", "chn")["id"] if channel else None
    filters = {"state": "dead" if dead else None, "channel_id": channel_id, **in_project(t)}
    t.table(
        t.client.items("/alert-deliveries", limit=limit, **filters),
        {
            "STATE": "state",
            "SUBJECT": "subject",
            "TRIED": "attempts",
            "ANSWER": lambda item: _answer(item["log"]),
            "CREATED": lambda item: output.moment_text(item["created_at"]),
            "DELIVERY": "id",
        },
        empty="No dead letters." if dead else "Nothing was sent yet. Add a channel: holdfast alert channel add --help",
        right=("TRIED",),
    )


@verb(app, "replay", "holdfast alert replay adl_...\nholdfast alert replay --all")
def replay(
    ctx: typer.Context,
    delivery: Annotated[str | None, typer.Argument(metavar="[DELIVERY]", help="Id of a dead letter.")] = None,
    all_: Annotated[bool, typer.Option("--all", help="Every dead letter.")] = False,
) -> None:
    """Send dead letters again, under the same ids."""
    t = terminal(ctx)
    if (delivery is None) != all_:
        raise Usage("name one, or --all", hint="holdfast alert deliveries --dead lists them")
    wanted = [item["id"] for item in t.client.items("/alert-deliveries", state="dead", **in_project(t))]
    again = [t.client.post(f"/alert-deliveries/{each}/replay", {}) for each in (wanted if all_ else [delivery])]
    t.answer(again, f"{len(again)} to be sent again.")


def _mute_database(t: Terminal, database: str, seconds: int) -> dict[str, Any]:
    from datetime import UTC, datetime, timedelta

    if not seconds:
        raise Usage("a database is muted for some time", hint="To end it: holdfast alert rule delete NAME")
    found = t.database(database)
    now = datetime.now(UTC)
    body = {"project_id": found["project_id"], "name": f"mute {now:%Y-%m-%d %H:%M:%S}", "mode": "off"}
    body |= {"resource_id": found["id"], "until": (now + timedelta(seconds=seconds)).isoformat()}
    return dict(t.client.post("/alert-rules", body))


def in_project(t: Terminal) -> dict[str, Any]:
    """The project named, as a filter for what knows no environments."""
    return {key: value for key, value in t.scope().items() if key == "project_id"}


def _state(alert: dict[str, Any]) -> str:
    muted = alert["muted_until"] and alert["state"] != "resolved"
    return f"{alert['state']}, muted" if muted else str(alert["state"])


def _answer(log: list[dict[str, Any]]) -> str:
    if not log:
        return "-"
    last = log[-1]
    return "ok" if last["ok"] else str(last["error"])
