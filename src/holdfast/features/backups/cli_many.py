"""`holdfast snapshot create` of several databases at once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import typer

from holdfast.terminal import output
from holdfast.terminal.context import Terminal, label_pairs
from holdfast.terminal.failure import Usage
from holdfast.terminal.progress import RunFailed


def many(
    t: Terminal,
    names: Sequence[str],
    *,
    every: bool,
    labels: Sequence[str],
    body: Mapping[str, Any],
    no_wait: bool,
) -> None:
    """Ask for all of them at once, watch, and say what became of each; exits 1 when not all are good."""
    if sum(map(bool, (names, every, labels))) != 1:
        raise Usage("which databases?", hint="name them, or say --all, or --label KEY=VALUE")
    wanted = dict(body)
    if names:
        wanted["databases"] = [t.database(name)["id"] for name in names]
    else:
        wanted |= {"all": True} if every else {"labels": label_pairs(labels)}
        wanted |= t.scope()
    made = t.client.post("/snapshots", wanted)
    if no_wait:
        runs = "\n".join(made["runs"])
        return t.answer(made, f"{runs}\nWatch one: holdfast run watch RUN")
    for run_id in made["runs"]:
        try:
            t.follow({"id": run_id})
        except RunFailed as failed:
            output.note(str(failed))
    items = [_ended(t, item) for item in made["items"]]
    good = sum(item["state"] == "ready" and item["verification"] != "red" for item in items)
    if t.json:
        output.say_json({"items": items, "runs": made["runs"]})
    else:
        t.table(
            items,
            {
                "DATABASE": "resource_name",
                "SNAPSHOT": lambda item: item["snapshot_id"] or "-",
                "STATE": "state",
                "PROVEN": lambda item: "-" if item["verified_level"] is None else f"L{item['verified_level']}",
                "SIZE": lambda item: output.size_text(item["source_bytes"]),
                "ERROR": lambda item: output.visible(str((item["error"] or {}).get("message", ""))) or "-",
            },
            empty="No databases.",
            right=("SIZE",),
        )
        output.say(f"{good} of {len(items)} taken and proven.")
    if good < len(items):
        raise typer.Exit(1)


def _ended(t: Terminal, item: Mapping[str, Any]) -> dict[str, Any]:
    """What became of one: its own run may have gone on after the batch."""
    result = dict(item) | {"state": "refused", "verification": "red", "verified_level": None, "source_bytes": None}
    if item["snapshot_id"] is None:
        return result
    snapshot = t.client.get(f"/snapshots/{item['snapshot_id']}")
    if snapshot["state"] == "creating" and item["run_id"]:
        t.client.wait(item["run_id"])
        snapshot = t.client.get(f"/snapshots/{item['snapshot_id']}")
    kept = ("state", "verification", "verified_level", "source_bytes", "error")
    return result | {name: snapshot[name] for name in kept}
