"""`holdfast retention`: which snapshots are kept."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from holdfast.terminal import output
from holdfast.terminal.context import Terminal, terminal
from holdfast.terminal.failure import Usage
from holdfast.terminal.noun import noun, verb
from holdfast.terminal.snapshots import owner_of

app = noun(
    "retention",
    "Retention: which snapshots are kept, and letting go of the others.",
    """
    holdfast retention show shop
    holdfast retention set shop --daily 14 --monthly 24 --tz Europe/Zurich
    holdfast retention apply shop
    holdfast retention apply shop --apply --confirm shop
    """,
)
Database = Annotated[
    str | None,
    typer.Argument(help="Database, by name or id; without: the environment given by --env, else the project."),
]
OneDatabase = Annotated[str, typer.Argument(metavar="DATABASE", help="By name or id.", show_default=False)]
Last = Annotated[int | None, typer.Option("--last", min=0, help="The newest so many.")]
Hourly = Annotated[int | None, typer.Option("--hourly", min=0, help="The newest of each of so many hours.")]
Daily = Annotated[int | None, typer.Option("--daily", min=0, help="The newest of each of so many days.")]
Weekly = Annotated[int | None, typer.Option("--weekly", min=0, help="The newest of each of so many weeks.")]
Monthly = Annotated[int | None, typer.Option("--monthly", min=0, help="The newest of each of so many months.")]
Yearly = Annotated[int | None, typer.Option("--yearly", min=0, help="The newest of each of so many years.")]
Within = Annotated[int | None, typer.Option("--within", min=0, help="All of so many days before the newest.")]
Minimum = Annotated[int | None, typer.Option("--minimum", min=1, help="Good ones that stay whatever the rules say.")]
Tags = Annotated[list[str] | None, typer.Option("--keep-tag", help="Those with this tag; may be given again.")]
_RULES = ("last", "hourly", "daily", "weekly", "monthly", "yearly", "within")


@verb(app, "show", "holdfast retention show shop\nholdfast retention show --env production")
def show(ctx: typer.Context, database: Database = None) -> None:
    """Show the policy in force, and whose it is."""
    t = terminal(ctx)
    found = t.client.get(f"{_path(t, database)}/retention")
    t.answer(found, _sentence(found))


@verb(
    app,
    "set",
    """
    holdfast retention set shop --daily 14 --monthly 24
    holdfast retention set --env production --last 10 --keep-tag release --tz Europe/Zurich
    holdfast retention set shop --inherit
    """,
)
def set_(
    ctx: typer.Context,
    *,
    database: Database = None,
    last: Last = None,
    hourly: Hourly = None,
    daily: Daily = None,
    weekly: Weekly = None,
    monthly: Monthly = None,
    yearly: Yearly = None,
    within: Within = None,
    minimum: Minimum = None,
    keep_tag: Tags = None,
    tz: Annotated[str | None, typer.Option("--tz", help="Time zone whose days and weeks are counted.")] = None,
    inherit: Annotated[bool, typer.Option("--inherit", help="No policy of its own any more.")] = False,
) -> None:
    """Change a policy: what is not named stays as it is in force; 0 switches a rule off. Deletes nothing."""
    t = terminal(ctx)
    path = _path(t, database)
    given: dict[str, Any] = {
        "last": last,
        "hourly": hourly,
        "daily": daily,
        "weekly": weekly,
        "monthly": monthly,
        "yearly": yearly,
    }
    given |= {"within": within, "minimum": minimum, "tags": list(keep_tag) if keep_tag else None}
    changes = {name: value for name, value in given.items() if value is not None}
    if inherit and (changes or tz):
        raise Usage("--inherit goes with no other rule")
    if not inherit and not changes and not tz:
        raise Usage("which rule?", hint="say --daily N, --keep-tag TAG, --tz ZONE or --inherit")
    now = t.client.get(f"{path}/retention")
    body = {"policy": None} if inherit else {"policy": {**now["policy"], **changes}, "tz": tz or now["tz"]}
    made = t.client.put(f"{path}/retention", body)
    t.answer(made, f"{_sentence(made)}\nNothing was deleted: holdfast retention preview DATABASE shows what would go.")


@verb(app, "preview", "holdfast retention preview shop\nholdfast retention preview shop --daily 3 --monthly 0")
def preview(
    ctx: typer.Context,
    *,
    database: OneDatabase,
    last: Last = None,
    hourly: Hourly = None,
    daily: Daily = None,
    weekly: Weekly = None,
    monthly: Monthly = None,
    yearly: Yearly = None,
    within: Within = None,
    minimum: Minimum = None,
    repository: Annotated[str | None, typer.Option("--repo", help="Only in this repository.")] = None,
) -> None:
    """Show which snapshots would stay and go, and why: by the policy in force, or with other numbers."""
    t = terminal(ctx)
    path = _path(t, database)
    given: dict[str, Any] = {
        "last": last,
        "hourly": hourly,
        "daily": daily,
        "weekly": weekly,
        "monthly": monthly,
        "yearly": yearly,
    }
    given |= {"within": within, "minimum": minimum}
    changes = {name: value for name, value in given.items() if value is not None}
    body: dict[str, Any] = {"repository_id": t.repository(repository)["id"]} if repository else {}
    if changes:
        body["policy"] = {**t.client.get(f"{path}/retention")["policy"], **changes}
    _say(t, _previewed(t, path, body))


def _previewed(t: Terminal, path: str, body: dict[str, Any]) -> dict[str, Any]:
    """All pages as one."""
    found: dict[str, Any] = t.client.post(f"{path}/retention/preview", body)
    while cursor := found["next_cursor"]:
        more = t.client.post(f"{path}/retention/preview", body, cursor=cursor)
        found = {**more, "verdicts": [*found["verdicts"], *more["verdicts"]]}
    return found


@verb(app, "apply", "holdfast retention apply shop\nholdfast retention apply shop --apply --confirm shop")
def apply(
    ctx: typer.Context,
    *,
    database: OneDatabase,
    really: Annotated[bool, typer.Option("--apply", help="Forget what goes; without it only shown.")] = False,
    confirm: Annotated[
        str | None, typer.Option("--confirm", metavar="NAME", help="The database's name again, for scripts.")
    ] = None,
    repository: Annotated[str | None, typer.Option("--repo", help="Only in this repository.")] = None,
    trust_clock: Annotated[
        bool, typer.Option("--trust-clock", help="Although the clock seems to have jumped.")
    ] = False,
) -> None:
    """Apply the policy in force: a dry run; with --apply what goes is forgotten, and can come back for a while."""
    t = terminal(ctx)
    found = t.database(database)
    path = f"/databases/{found['id']}"
    body: dict[str, Any] = {"repository_id": t.repository(repository)["id"]} if repository else {}
    if not really:
        _say(t, _previewed(t, path, body))
        if not t.json:
            output.note("A dry run: nothing was changed. Add --apply to forget what goes.")
        return
    name = t.confirm(found["name"], confirm, "forgets snapshots of a database")
    done = t.client.post(f"{path}/retention/apply", {**body, "confirm": name, "trust_clock": trust_clock})
    until = f" They can be brought back until {output.moment_text(done['due'])}." if done["due"] else ""
    t.answer(done, f"Forgot {_many(len(done['forgotten']))}, kept {done['keep']}.{until}")


@verb(app, "forgotten", "holdfast retention forgotten\nholdfast retention forgotten shop")
def forgotten(
    ctx: typer.Context, database: Annotated[str | None, typer.Argument(help="Only this database's.")] = None
) -> None:
    """List the snapshots that can still be brought back, until when, and why they went."""
    t = terminal(ctx)
    scope = {"resource_id": owner_of(t, database)} if database else t.scope()
    columns = {
        "SNAPSHOT": "id",
        "DATABASE": "resource_name",
        "TAKEN": lambda item: output.moment_text(item["taken_at"]),
        "UNTIL": lambda item: output.moment_text(item["forget_due"]),
        "WHY": lambda item: ", ".join((item["forgotten"] or {}).get("reasons", [])),
    }
    t.table(t.client.items("/snapshots", state="forgotten", **scope), columns, empty="No forgotten snapshots.")


def _path(t: Terminal, database: str | None) -> str:
    if database:
        return f"/databases/{t.database(database)['id']}"
    if t.environment:
        return f"/environments/{t.environment_of()['id']}"
    return f"/projects/{t.project_of()['id']}"


def _sentence(found: dict[str, Any]) -> str:
    policy = found["policy"]
    rules = [f"{name} {policy[name]}" for name in _RULES if policy[name]]
    text = ("Keep " + ", ".join(rules) if rules else "Keep everything") + f"; at least {policy['minimum']}"
    if policy["tags"]:
        text += "; what is tagged " + ", ".join(output.visible(tag) for tag in policy["tags"])
    whose = {"default": "the default"}.get(found["scope"], f"the {found['scope']}'s own")
    return f"{text}. By the calendar of {found['tz']}. This is {whose} policy."


def _say(t: Terminal, outcome: dict[str, Any]) -> None:
    if t.json:
        output.say_json(outcome)
        return
    columns = {
        "SNAPSHOT": "snapshot_id",
        "TAKEN": lambda item: output.moment_text(item["taken_at"]),
        "PROOF": "verification",
        "SIZE": lambda item: output.size_text(item["stored_bytes"]),
        "WHAT": lambda item: "keep" if item["keep"] else "GO",
        "WHY": lambda item: ", ".join(item["reasons"]),
    }
    t.table(outcome["verdicts"], columns, empty="No snapshots yet. Take one: holdfast snapshot create DATABASE")
    if outcome["verdicts"]:
        output.note(
            f"{outcome['keep']} stay, {outcome['go']} would go, which added {output.size_text(outcome['free_bytes'])}."
        )


def _many(count: int) -> str:
    return f"{count} snapshot{'' if count == 1 else 's'}"
