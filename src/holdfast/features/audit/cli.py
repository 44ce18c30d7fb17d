"""`holdfast audit` and `holdfast activity`: who did what, and proof that the record is what was written."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from holdfast.kernel.errors import Corrupt, HoldfastError
from holdfast.terminal import output
from holdfast.terminal.context import Terminal, terminal
from holdfast.terminal.failure import Usage
from holdfast.terminal.noun import noun, verb
from holdfast.terminal.snapshots import snapshot_of

app = noun(
    "audit",
    "The audit log: read, follow, verify, export.",
    """
    holdfast audit list --action snapshot.restore
    holdfast audit verify
    holdfast audit export --format csv --out audit.csv
    """,
)
activity_app = noun("activity", "Who did what, as sentences.", "holdfast activity list --resource db_...")
Actor = Annotated[str | None, typer.Option("--actor", metavar="ID", help="Who: usr_..., key_..., local:0.")]
Action = Annotated[str | None, typer.Option("--action", metavar="NOUN[.VERB]", help="Such as snapshot.restore.")]
Resource = Annotated[str | None, typer.Option("--resource", metavar="ID", help="Of one resource.")]
Outcome = Annotated[str | None, typer.Option("--outcome", help="ok, denied or failed.")]
Since = Annotated[str | None, typer.Option("--since", metavar="WHEN", help="From this moment on (RFC 3339).")]
Until = Annotated[str | None, typer.Option("--until", metavar="WHEN", help="Before this moment (RFC 3339).")]
Text = Annotated[str | None, typer.Option("--text", help="Looked for in ids, actions and details.")]
Limit = Annotated[int, typer.Option("--limit", min=1, help="At most this many, newest first.")]


def _scope(t: Terminal) -> dict[str, Any]:
    found: dict[str, Any] = {}
    if t.project:
        found["project_id"] = t.project_of()["id"]
    if t.environment:
        found["environment_id"] = t.environment_of()["id"]
    return found


@verb(app, "list", "holdfast audit list --outcome denied --limit 20")
def list_(
    ctx: typer.Context,
    *,
    actor: Actor = None,
    action: Action = None,
    resource: Resource = None,
    outcome: Outcome = None,
    since: Since = None,
    until: Until = None,
    text: Text = None,
    limit: Limit = 50,
) -> None:
    """List what was done, newest first."""
    t = terminal(ctx)
    wanted = {"actor": actor, "action": action, "resource_id": resource, "outcome": outcome}
    wanted |= {"since": since, "until": until, "text": text, **_scope(t)}
    t.table(
        t.client.items("/audit", limit=limit, **wanted),
        {
            "SEQ": lambda item: str(item["seq"]),
            "WHEN": lambda item: output.moment_text(item["at"]),
            "WHO": lambda item: item["actor_name"] or item["actor"],
            "WHAT": "action",
            "OUTCOME": "outcome",
            "ON": lambda item: item["resource_id"] or item["project_id"] or "-",
            "FROM": lambda item: item["address"] or "-",
        },
        empty="Nothing was recorded that fits.",
        right=("SEQ",),
    )


@verb(app, "show", "holdfast audit show 15\nholdfast audit show aud_...")
def show(ctx: typer.Context, event: Annotated[str, typer.Argument(help="A row's SEQ or id.")]) -> None:
    """Show one row with its details."""
    import json

    t = terminal(ctx)
    found = t.client.get(f"/audit/{event}")
    t.answer(found, json.dumps(found, indent=2, ensure_ascii=False))


@verb(app, "follow", "holdfast audit follow --action snapshot")
def follow(
    ctx: typer.Context,
    *,
    actor: Actor = None,
    action: Action = None,
    after: Annotated[int | None, typer.Option("--after", min=0, help="Begin after this place.")] = None,
) -> None:
    """Print rows as they come, until Ctrl-C. A lost line is taken up where it broke."""
    from urllib.parse import urlencode

    from holdfast.client import LineBroken

    t = terminal(ctx)
    given = {"actor": actor, "action": action, "after": after, **_scope(t)}
    query = urlencode({name: value for name, value in given.items() if value is not None})
    last: str | None = None
    while True:
        try:
            for event in t.client.events(f"/events?{query}", last):
                if event.name == "audit":
                    last = event.id or last
                    _print(t, event.data)
        except LineBroken:
            output.note("The line broke; taking it up again.")


def _print(t: Terminal, row: dict[str, Any]) -> None:
    if t.json:
        output.say_json(row)
    else:
        where = row["resource_id"] or row["project_id"] or ""
        words = (output.moment_text(row["at"]), row["actor"], row["action"], row["outcome"], where)
        output.say("  ".join(output.visible(str(word)) for word in words))


@verb(app, "verify", "holdfast audit verify\nholdfast audit verify --against latest:shop")
def verify(
    ctx: typer.Context,
    against: Annotated[
        str | None,
        typer.Option(
            "--against", metavar="SNAPSHOT", help="The head in this snapshot's manifest too: id, or latest:DATABASE."
        ),
    ] = None,
) -> None:
    """Read the whole log again; the exit code says whether it is what was written."""
    t = terminal(ctx)
    snapshot = None if against is None else snapshot_of(t, against)["id"]
    result: dict[str, Any] = {}
    for line in t.client.lines("POST", "/audit/verify", {"snapshot_id": snapshot}):
        if "error" in line:
            raise _error(line["error"])
        if "result" in line:
            result = line["result"]
        elif sys.stderr.isatty() and not t.json:
            output.note(f"{line['done']:,} of {line['of']:,} rows read")
    if t.json:
        output.say_json(result)
    elif result["ok"]:
        heads = "head" if result["anchors"] == 1 else "heads"
        compared = f", compared with {result['anchors']} remembered {heads}" if result["anchors"] else ""
        output.say(f"The log is what was written: {result['rows']:,} rows{compared}, {result['erased']:,} erased.")
    for found in [] if t.json else result["findings"]:
        output.say(f"{found['kind'].upper():10} {found['message']}")
    if not result["ok"]:
        raise Corrupt(
            f"the audit log is not what was written: {result['found']} findings",
            code="audit_tampered",
            hint="Keep this machine's disk as it is, and compare with the snapshots' manifests (--against).",
        )


def _error(wire: dict[str, Any]) -> HoldfastError:
    return HoldfastError(wire["message"], code=wire["code"], hint=wire.get("hint"), details=wire.get("details") or {})


@verb(app, "export", "holdfast audit export --format csv --out audit.csv --since 2026-01-01T00:00:00Z")
def export(
    ctx: typer.Context,
    *,
    kind: Annotated[str, typer.Option("--format", help="csv, json or ndjson.")] = "json",
    out: Annotated[Path | None, typer.Option("--out", help="File to write; standard output without it.")] = None,
    actor: Actor = None,
    action: Action = None,
    since: Since = None,
    until: Until = None,
) -> None:
    """Write the log to a file, oldest first. A file that is there already is not overwritten."""
    t = terminal(ctx)
    wanted = {"format": kind, "actor": actor, "action": action, "since": since, "until": until, **_scope(t)}
    pieces = t.client.content("/audit/export", **wanted)
    if out is None:
        for piece in pieces:
            sys.stdout.buffer.write(piece)
        sys.stdout.buffer.flush()
        return
    try:
        with out.open("xb") as file:
            size = sum(file.write(piece) for piece in pieces)
    except FileExistsError:
        raise Usage(f"{out} is there already", hint="name another file with --out") from None
    except BaseException:
        out.unlink(missing_ok=True)  # half a log must not look like all of it
        raise
    t.answer({"file": str(out), "bytes": size}, f"Wrote {output.size_text(size)} to {out}.")


@verb(app, "erase", "holdfast audit erase --actor usr_... --reason 'request of 3 May' --confirm erase")
def erase(
    ctx: typer.Context,
    *,
    reason: Annotated[str, typer.Option("--reason", help="Why; it is recorded.")],
    actor: Actor = None,
    rows: Annotated[list[str] | None, typer.Option("--row", metavar="ID", help="Single rows instead.")] = None,
    confirm: Annotated[str | None, typer.Option("--confirm", help="The word erase, for scripts.")] = None,
) -> None:
    """Erase addresses and details of an actor's rows. What was done, by whom and when stays."""
    t = terminal(ctx)
    word = t.confirm("erase", confirm, "erases personal data for good")
    body: dict[str, Any] = {"reason": reason, "confirm": word, "ids": list(rows or ())}
    if actor:
        body["actor"] = actor
    made = t.client.post("/audit/erase", body)
    t.answer(made, f"Erased the personal data of {made['rows']:,} rows; the log still verifies.")


@verb(activity_app, "list", "holdfast activity list --actor usr_... --kind restore")
def activity(
    ctx: typer.Context,
    *,
    actor: Actor = None,
    resource: Resource = None,
    kind: Annotated[str | None, typer.Option("--kind", help="The verb: create, restore, denied ...")] = None,
    mine: Annotated[bool, typer.Option("--mine", help="Only what you did.")] = False,
    limit: Limit = 30,
) -> None:
    """Who did what, newest first."""
    t = terminal(ctx)
    wanted = {"actor": actor, "resource_id": resource, "kind": kind, "mine": mine or None, **_scope(t)}
    found = t.client.items("/activity", limit=limit, **wanted)
    columns = {"WHEN": lambda item: output.moment_text(item["at"]), "WHAT": "sentence"}
    t.table(found, columns, empty="Nothing has happened yet that fits.")
