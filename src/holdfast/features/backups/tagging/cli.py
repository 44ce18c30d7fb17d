"""`holdfast tag`: how tags look, and rules that tag snapshots by themselves."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any

import typer

from holdfast.features.backups.cli_options import amount
from holdfast.terminal import output
from holdfast.terminal.context import Terminal, label_pairs, terminal
from holdfast.terminal.failure import Usage
from holdfast.terminal.noun import noun, verb

app = noun(
    "tag",
    "Tags: colours, and rules that tag snapshots by themselves.",
    """
    holdfast tag set release --colour green --description "went out"
    holdfast tag rule big --tag large --at-least 10GB
    """,
)
Name = Annotated[str, typer.Argument(metavar="TAG", help="The tag.", show_default=False)]
RuleName = Annotated[str, typer.Argument(metavar="RULE", help="Name of the rule.", show_default=False)]


@verb(app, "list", "holdfast tag list --project shop")
def list_(ctx: typer.Context) -> None:
    """List a project's tags that have a colour or a description."""
    t = terminal(ctx)
    t.table(
        t.client.items(f"{_project(t)}/tags"),
        {
            "TAG": lambda item: output.Coloured.joined([(item["name"], item["colour"])]),
            "COLOUR": "colour",
            "DESCRIPTION": "description",
        },
        empty="No tag has a colour yet. Give it one: holdfast tag set release --colour green",
    )


@verb(app, "set", 'holdfast tag set release --colour "#00aa55" --description "went out"')
def set_(
    ctx: typer.Context,
    *,
    name: Name,
    colour: Annotated[
        str | None, typer.Option("--colour", help="A word such as red, or #aabbcc; none without it.")
    ] = None,
    description: Annotated[str, typer.Option("--description", help="What it means.")] = "",
) -> None:
    """Say how a tag looks. Snapshots that have it are not touched."""
    t = terminal(ctx)
    body = {"name": name, "colour": colour, "description": description}
    made = t.client.put(f"{_project(t)}/tags", body)
    t.answer(made, f"{output.visible(made['name'])} is {made['colour'] or 'without colour'}.")


@verb(app, "remove", "holdfast tag remove release")
def remove(ctx: typer.Context, name: Name) -> None:
    """Forget a tag's colour and description. Snapshots keep the tag."""
    t = terminal(ctx)
    t.client.delete(f"{_project(t)}/tags", name=name)
    t.answer({"removed": name}, f"{output.visible(name)} has no look of its own any more; snapshots keep it.")


@verb(app, "rules", "holdfast tag rules --project shop")
def rules(ctx: typer.Context) -> None:
    """List a project's rules."""
    t = terminal(ctx)
    t.table(
        t.client.items(f"{_project(t)}/tag-rules"),
        {
            "RULE": "name",
            "TAGS": lambda item: ", ".join(item["tags"]),
            "WHEN": lambda item: _told(item["conditions"]),
            "ON": lambda item: "yes" if item["enabled"] else "no",
        },
        empty="No rules yet. Make one: holdfast tag rule big --tag large --at-least 10GB",
    )


@verb(
    app,
    "rule",
    """
    holdfast tag rule big --tag large --at-least 10GB
    holdfast tag rule shops --tag shop --name 'shop-*' --engine postgresql --label tier=gold
    """,
)
def rule(
    ctx: typer.Context,
    *,
    name: RuleName,
    tags: Annotated[list[str], typer.Option("--tag", help="Adds this tag; repeatable.")],
    engines: Annotated[list[str] | None, typer.Option("--engine", help="Of this engine; repeatable, any.")] = None,
    labels: Annotated[
        list[str] | None, typer.Option("--label", metavar="KEY=VALUE", help="Database has it; repeatable, all.")
    ] = None,
    plans: Annotated[list[str] | None, typer.Option("--plan", help="Taken by this plan; repeatable, any.")] = None,
    triggers: Annotated[
        list[str] | None, typer.Option("--why", help="manual, schedule, safety, import...; repeatable, any.")
    ] = None,
    pattern: Annotated[str | None, typer.Option("--name", metavar="GLOB", help="The database's name: shop-*.")] = None,
    least: Annotated[
        int | None, typer.Option("--at-least", parser=amount, metavar="SIZE", help="Holds this much: 10GB, 500k.")
    ] = None,
    most: Annotated[
        int | None, typer.Option("--at-most", parser=amount, metavar="SIZE", help="Holds no more than this.")
    ] = None,
    off: Annotated[bool, typer.Option("--off", help="Keep it, but do not let it tag anything by itself.")] = False,
) -> None:
    """Make a rule, or put it in the place of the one of this name. All that is said must hold; nothing said: every
    snapshot.

    It tags what becomes ready from now on; `tag preview` and `tag apply` are for the snapshots there are. A retention
    policy that keeps by such a tag keeps what the rule tags."""
    t = terminal(ctx)
    project = t.project_of()["id"]
    conditions: dict[str, Any] = {
        "engines": engines or [],
        "labels": label_pairs(labels or ()),
        "plan_ids": [t.find("/plans", each, "plan", "plan", project_id=project)["id"] for each in plans or ()],
        "triggers": triggers or [],
        "pattern": pattern,
        "least_bytes": least,
        "most_bytes": most,
    }
    body = {"tags": tags, "conditions": conditions, "enabled": not off}
    made = t.client.put(f"/projects/{project}/tag-rules/{name}", body)
    words = ", ".join(output.visible(each) for each in made["tags"])
    t.answer(made, f"{name} adds {words} to {_told(made['conditions'])}{'' if made['enabled'] else ' (off)'}.")


@verb(app, "unrule", "holdfast tag unrule big")
def unrule(ctx: typer.Context, name: RuleName) -> None:
    """Remove a rule. The tags it added stay."""
    t = terminal(ctx)
    t.client.delete(f"{_project(t)}/tag-rules/{name}")
    t.answer({"removed": name}, f"{name} is removed; the tags it added stay.")


@verb(app, "preview", "holdfast tag preview big")
def preview(ctx: typer.Context, name: RuleName) -> None:
    """Show what a rule would tag among the snapshots there are. Changes nothing."""
    t = terminal(ctx)
    project = _project(t)
    found = next((each for each in t.client.items(f"{project}/tag-rules") if each["name"] == name), None)
    if found is None:
        raise Usage(f"there is no rule {name!r}", hint="holdfast tag rules")
    body = {key: found[key] for key in ("tags", "conditions", "enabled")}
    _table(t, _looked(t, f"{project}/tag-rules/preview", body), "It would tag nothing more.")


@verb(app, "apply", "holdfast tag apply big")
def apply(ctx: typer.Context, name: RuleName) -> None:
    """Add a rule's tags to the snapshots there are. Called again, it adds nothing more."""
    t = terminal(ctx)
    _table(t, _looked(t, f"{_project(t)}/tag-rules/{name}/apply", None), "There was nothing to tag.")


def _looked(t: Terminal, path: str, body: Any) -> Iterator[dict[str, Any]]:
    cursor, seen = None, 0
    while True:
        page = t.client.post(path, body, cursor=cursor)
        yield from page["items"]
        seen, cursor = seen + page["looked_at"], page["next_cursor"]
        if cursor is None:
            return
        if not t.json:
            output.note(f"looked at {seen:,} snapshots")


def _table(t: Terminal, items: Iterator[dict[str, Any]], empty: str) -> None:
    t.table(
        items,
        {
            "SNAPSHOT": "snapshot_id",
            "DATABASE": "resource_name",
            "TAKEN": lambda item: output.moment_text(item["taken_at"]),
            "ADDED": lambda item: ", ".join(item["added"]),
        },
        empty=empty,
    )


def _told(conditions: dict[str, Any]) -> str:
    parts = [f"{what} {'|'.join(conditions[key])}" for key, what in _LISTS.items() if conditions[key]]
    parts += [f"{key}={value}" for key, value in sorted(conditions["labels"].items())]
    if conditions["pattern"]:
        parts.append(f"name {conditions['pattern']}")
    for key, what in (("least_bytes", "at least"), ("most_bytes", "at most")):
        if conditions[key] is not None:
            parts.append(f"{what} {output.size_text(conditions[key])}")
    return output.visible(", ".join(parts)) or "every snapshot"


_LISTS = {"engines": "engine", "plan_ids": "plan", "triggers": "why"}


def _project(t: Terminal) -> str:
    return f"/projects/{t.project_of()['id']}"
