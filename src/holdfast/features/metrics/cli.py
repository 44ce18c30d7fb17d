"""`holdfast metrics`: how databases fare, and what Prometheus is told."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from holdfast.terminal import output
from holdfast.terminal.context import terminal
from holdfast.terminal.noun import noun, verb

app = noun(
    "metrics",
    "Metrics: how databases fare.",
    """
    holdfast metrics list
    holdfast metrics show shop
    holdfast metrics raw
    """,
)


@verb(app, "list", "holdfast metrics list\nholdfast metrics list --project shop --json")
def list_(ctx: typer.Context) -> None:
    """List databases with size, connections, statements, processor, memory and newest snapshot."""
    t = terminal(ctx)
    t.table(
        t.client.items("/metrics/databases", **t.scope()),
        {
            "NAME": "name",
            "STATE": lambda item: item["state"] if item["up"] or item["state"] != "ready" else "ready, no answer",
            "SIZE": lambda item: output.size_text(item["size_bytes"]),
            "CONN": "connections",
            "STATEMENTS": lambda item: f"{item['statements']['count']:,}",
            "FAILED": lambda item: f"{item['statements']['failed']:,}",
            "MEAN": lambda item: _ms(item["statements"]["mean_ms"]),
            "CPU": lambda item: _seconds(item["cpu_seconds"]),
            "MEMORY": lambda item: output.size_text(item["memory_bytes"]),
            "SNAPSHOT": lambda item: _snapshot(item["last_snapshot"]),
        },
        empty="No databases yet. Create one: holdfast db create sqlite shop",
        right=("SIZE", "CONN", "STATEMENTS", "FAILED", "MEAN", "CPU", "MEMORY"),
    )


@verb(app, "show", "holdfast metrics show shop")
def show(ctx: typer.Context, database: Annotated[str, typer.Argument(help="Name or id.", show_default=False)]) -> None:
    """Show how one database fares."""
    t = terminal(ctx)
    found = t.client.get(f"/databases/{t.database(database)['id']}/metrics")
    if t.json:
        output.say_json(found)
        return
    statements, last = found["statements"], found["last_snapshot"]
    output.record(
        {
            "Database": f"{found['name']} ({found['engine']}, {found['project']}/{found['environment']})",
            "State": found["state"] + ("" if found["up"] or found["state"] != "ready" else ", does not answer"),
            "Measured": "-" if found["sampled_seconds_ago"] is None else f"{found['sampled_seconds_ago']:g} s ago",
            "Size": output.size_text(found["size_bytes"]),
            "Connections": _of(found["connections"], found["connections_max"]),
            "Transactions": _count(found["transactions"]),
            "Processor": _seconds(found["cpu_seconds"]),
            "Memory": output.size_text(found["memory_bytes"]),
            "Restarts": _count(found["restarts"]),
            "Statements": f"{statements['count']:,}, {statements['failed']:,} failed, {statements['rows']:,} rows",
            "Durations": f"mean {_ms(statements['mean_ms'])}, half below {_ms(statements['p50_ms'])}, "
            f"99 % below {_ms(statements['p99_ms'])}",
            "Last snapshot": _snapshot(last),
        }
    )
    output.note("Statements are those through this Holdfast since it started.")


@verb(app, "raw", "holdfast metrics raw | grep holdfast_database_up")
def raw(ctx: typer.Context) -> None:
    """Print every metric by name, or all of them as JSON."""
    t = terminal(ctx)
    found = t.client.get("/metrics")["metrics"]
    if t.json:
        output.say_json(found)
        return
    for metric in found:
        for sample in metric["samples"]:
            labels = ", ".join(f"{name}={value}" for name, value in sample["labels"].items())
            output.say(output.visible(f"{sample['name']}{{{labels}}} {sample['value']:g}"))


def _ms(value: float | None) -> str:
    return "-" if value is None else f"{value:.1f} ms"


def _seconds(value: float | None) -> str:
    return "-" if value is None else f"{value:.1f} s"


def _count(value: int | None) -> str:
    return "-" if value is None else f"{value:,}"


def _of(value: int | None, most: int | None) -> str:
    return _count(value) if most is None else f"{_count(value)} of {most:,}"


def _snapshot(last: dict[str, Any] | None) -> str:
    if last is None:
        return "never"
    level = last["verified_level"]
    return output.moment_text(last["taken_at"]) + ("" if level is None else f", L{level}")
