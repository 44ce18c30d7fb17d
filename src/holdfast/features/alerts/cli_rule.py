"""`holdfast alert rule`: how events are told."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import typer

from holdfast.features.alerts.cli import app as alert_app
from holdfast.features.alerts.cli import in_project
from holdfast.features.alerts.cli_channel import find as find_channel
from holdfast.terminal import output
from holdfast.terminal.context import Terminal, label_pairs, terminal
from holdfast.terminal.failure import Usage
from holdfast.terminal.noun import Confirmed, noun, verb
from holdfast.terminal.times import seconds_of

app = noun(
    "rule",
    "Rules: how events are told, where that is not as shipped.",
    """
    holdfast alert rule events
    holdfast alert rule add quiet-dev --mode digest --event backup_failed --env development
    """,
)
alert_app.add_typer(app, name="rule")
Rule = Annotated[str, typer.Argument(help="Name or id.")]
Mode = Annotated[Literal["immediate", "digest", "off"], typer.Option("--mode", help="At once, daily, or not at all.")]
Severity = Annotated[
    Literal["info", "warning", "critical"] | None, typer.Option("--severity", help="Instead of the shipped one.")
]


@verb(app, "events", "holdfast alert rule events")
def events(ctx: typer.Context) -> None:
    """List what may happen, and how it is told as shipped."""
    t = terminal(ctx)
    t.table(
        t.client.get("/alert-event-types")["items"],
        {
            "EVENT": "type",
            "SEVERITY": "severity",
            "TOLD": "mode",
            "THRESHOLD": lambda item: f"{item['threshold']} {item['unit']}" if item["threshold"] else "",
        },
        empty="There are no events.",
    )


@verb(
    app,
    "add",
    """
    holdfast alert rule add quiet-dev --mode digest --event backup_failed --env development
    holdfast alert rule add team --mode immediate --label team=shop --channel shop-on-call
    holdfast alert rule add sooner --mode immediate --event verification_overdue --threshold 7
    """,
)
def add(
    ctx: typer.Context,
    *,
    name: Annotated[str, typer.Argument(help="Name of the new rule.")],
    mode: Mode,
    event: Annotated[list[str] | None, typer.Option("--event", help="Of which; repeatable; none = all.")] = None,
    channel: Annotated[list[str] | None, typer.Option("--channel", help="On which; repeatable; none = all.")] = None,
    database: Annotated[str | None, typer.Option("--database", help="Only about this one.")] = None,
    label: Annotated[list[str] | None, typer.Option("--label", metavar="NAME=VALUE", help="Only with it.")] = None,
    severity: Severity = None,
    threshold: Annotated[int | None, typer.Option("--threshold", min=1, help="Days or percent, by the event.")] = None,
    lasting: Annotated[str | None, typer.Option("--for", metavar="TIME", help="It ends by itself: 2h, 3d.")] = None,
    server: Annotated[bool, typer.Option("--server", help="For every project: the operator's rule.")] = False,
) -> None:
    """Add a rule. With --env (or HOLDFAST_ENV) it counts for that environment; the most particular rule counts."""
    t = terminal(ctx)
    scope = t.scope()
    body: dict[str, Any] = {"project_id": None if server else t.project_of()["id"], "name": name, "mode": mode}
    body |= {"events": event or [], "channel_ids": [find_channel(t, each)["id"] for each in channel or []]}
    body |= {"environment_id": None if server else scope.get("environment_id"), "labels": label_pairs(label or [])}
    body |= {"resource_id": t.database(database)["id"] if database else None, "severity": severity}
    body |= {"threshold": threshold, "until": _until(lasting)}
    made = t.client.post("/alert-rules", body)
    t.answer(made, f"Added rule {output.visible(name)}.")


@verb(app, "list", "holdfast alert rule list")
def list_(ctx: typer.Context) -> None:
    """List rules. What none is about is told as shipped: holdfast alert rule events."""
    t = terminal(ctx)
    t.table(
        t.client.items("/alert-rules", **in_project(t)),
        {
            "NAME": "name",
            "TOLD": "mode",
            "SEVERITY": "severity",
            "EVENTS": lambda item: ", ".join(item["events"]) or "all",
            "FOR": lambda item: "one project" if item["project_id"] else "the server",
            "UNTIL": lambda item: output.moment_text(item["until"]),
            "STATE": lambda item: "on" if item["enabled"] else "off",
            "ID": "id",
        },
        empty="No rules: everything is told as shipped. See: holdfast alert rule events",
    )


@verb(app, "show", "holdfast alert rule show quiet-dev")
def show(ctx: typer.Context, rule: Rule) -> None:
    """Show a rule."""
    t = terminal(ctx)
    found = _find(t, rule)
    if t.json:
        output.say_json(found)
        return
    output.record(
        {name.replace("_", " ").capitalize(): value for name, value in found.items() if value not in (None, [], {})}
    )


@verb(app, "edit", "holdfast alert rule edit quiet-dev --mode off\nholdfast alert rule edit quiet-dev --disable")
def edit(
    ctx: typer.Context,
    *,
    rule: Rule,
    name: Annotated[str | None, typer.Option("--name", help="Another name.")] = None,
    mode: Annotated[Literal["immediate", "digest", "off"] | None, typer.Option("--mode")] = None,
    event: Annotated[list[str] | None, typer.Option("--event", help="Instead of those before; repeatable.")] = None,
    severity: Severity = None,
    threshold: Annotated[int | None, typer.Option("--threshold", min=1, help="Days or percent.")] = None,
    enable: Annotated[bool | None, typer.Option("--enable/--disable", help="Switch it on or off.")] = None,
) -> None:
    """Change a rule; what is not named stays."""
    t = terminal(ctx)
    found = _find(t, rule)
    given = {"name": name, "mode": mode, "events": event or None, "severity": severity, "threshold": threshold}
    body = {key: value for key, value in {**given, "enabled": enable}.items() if value is not None}
    if not body:
        raise Usage("nothing to change was named", hint="holdfast alert rule edit --help")
    changed = t.client.patch(f"/alert-rules/{found['id']}", body, found["version"])
    t.answer(changed, f"Changed rule {output.visible(changed['name'])}.")


@verb(app, "delete", "holdfast alert rule delete quiet-dev --confirm quiet-dev")
def delete(
    ctx: typer.Context,
    rule: Rule,
    confirm: Confirmed = None,
) -> None:
    """Delete a rule: what it was about is told as shipped again."""
    t = terminal(ctx)
    found = _find(t, rule)
    name = t.confirm(found["name"], confirm, "deletes a rule")
    t.client.delete(f"/alert-rules/{found['id']}", {"confirm": name})
    t.answer({"deleted": found["id"]}, f"Deleted rule {output.visible(name)}.")


def _find(t: Terminal, name: str) -> dict[str, Any]:
    return t.find("/alert-rules", name, "rule", "alr", **in_project(t))


def _until(lasting: str | None) -> str | None:
    from datetime import UTC, datetime, timedelta

    return None if lasting is None else (datetime.now(UTC) + timedelta(seconds=seconds_of(lasting))).isoformat()
