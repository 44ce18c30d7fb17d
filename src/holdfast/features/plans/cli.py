"""`holdfast plan`: what is backed up when, where to, and how long it is kept."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from holdfast.features.backups import cli_options
from holdfast.features.backups.cli_options import rate
from holdfast.features.plans.cli_words import body_of, next_text, record_of, schedules_text
from holdfast.terminal import output
from holdfast.terminal.context import Terminal, terminal
from holdfast.terminal.noun import Confirmed, noun, verb
from holdfast.terminal.times import seconds_of

app = noun(
    "plan",
    "Plans: what is backed up when, and how long it is kept.",
    """
    holdfast plan create shop-nightly --db shop --every daily --tz Europe/Zurich --keep daily=7,weekly=4
    holdfast plan run shop-nightly --in 10m
    holdfast plan unprotected
    """,
)
_COUNTED = 200
Name = Annotated[str, typer.Argument(metavar="PLAN", help="Name or id.", show_default=False)]
Texts = list[str] | None
Databases = Annotated[Texts, typer.Option("--db", metavar="NAME", help="A database, by name or id; repeatable.")]
Labels = Annotated[
    Texts,
    typer.Option("--label", metavar="TERM", help="key=value, key!=value, key or !key; repeatable, all must hold."),
]
All = Annotated[bool, typer.Option("--all", help="Every database.")]
Repositories = Annotated[Texts, typer.Option("--repo", metavar="NAME", help="A repository; repeatable.")]
Environments = Annotated[Texts, typer.Option("--in-env", metavar="NAME", help="Only this environment; repeatable.")]
Presets = Annotated[
    Texts,
    typer.Option(
        "--every", metavar="PRESET", help="hourly, daily, weekly, monthly; weekly=full reads all anew; repeatable."
    ),
]
Crons = Annotated[Texts, typer.Option("--cron", metavar="LINE", help="Five fields, quoted; repeatable.")]
Zone = Annotated[str | None, typer.Option("--tz", help="Time zone of the schedules, such as Europe/Zurich.")]
Jitter = Annotated[
    str | None, typer.Option("--jitter", metavar="TIME", help="Databases start up to so much later: 10m.")
]
Missed = Annotated[str | None, typer.Option("--missed", help="A turn that is too late: once or skip.")]
LateBy = Annotated[str | None, typer.Option("--late", metavar="TIME", help="How late is still fine: 1h.")]
Keep = Annotated[
    str | None,
    typer.Option("--keep", metavar="RULES", help="daily=7,weekly=4,monthly=12,minimum=3,within=30; `all` = no end."),
]
Level = Annotated[str | None, typer.Option("--level", help="Compression: off, fast, default or max.")]
Bandwidth = Annotated[
    int | None,
    typer.Option("--bandwidth", parser=rate, metavar="RATE", help="At most this much to the repository: 20MB/s."),
]
Workers = Annotated[int | None, typer.Option("--workers", help="Threads that compress.")]
Verify = Annotated[int | None, typer.Option("--verify", min=1, max=3, help="Prove each snapshot to this level.")]
AtOnce = Annotated[int | None, typer.Option("--at-once", min=1, help="So many snapshots at once.")]
PerNode = Annotated[int | None, typer.Option("--per-node", min=1, help="So many at once on one node.")]
Deadline = Annotated[
    str | None, typer.Option("--deadline", metavar="TIME", help="A snapshot that takes longer is cancelled: 2h.")
]
Gap = Annotated[
    str | None, typer.Option("--max-gap", metavar="TIME", help="A longer time without a snapshot is flagged: 2d.")
]
Description = Annotated[str | None, typer.Option("--description", help="What it is for.")]


@verb(
    app,
    "create",
    """
    holdfast plan create shop-nightly --db shop --every daily --tz Europe/Zurich --keep daily=7,weekly=4
    holdfast plan create shop-steady --db shop --every weekly=full --every hourly
    holdfast plan create gold --label tier=gold --cron "15 */6 * * *" --jitter 10m --repo default --repo offsite
    """,
)
def create(
    ctx: typer.Context,
    *,
    name: Annotated[str, typer.Argument(help="Name of the new plan.")],
    db: Databases = None,
    label: Labels = None,
    all_: All = False,
    repo: Repositories = None,
    environment: Environments = None,
    every: Presets = None,
    cron: Crons = None,
    tz: Zone = None,
    jitter: Jitter = None,
    missed: Missed = None,
    late: LateBy = None,
    keep: Keep = None,
    level: Level = None,
    bandwidth: Bandwidth = None,
    workers: Workers = None,
    verify_within: cli_options.VerifyWithin = None,
    compression: cli_options.FileCompression = None,
    file_level: cli_options.FileLevel = None,
    encryption: cli_options.Encryption = None,
    recipient: cli_options.Recipient = None,
    file_key: cli_options.FileKey = None,
    verify: Verify = None,
    at_once: AtOnce = None,
    per_node: PerNode = None,
    deadline: Deadline = None,
    max_gap: Gap = None,
    description: Description = None,
    disabled: Annotated[bool, typer.Option("--disabled", help="Do not run by itself yet.")] = False,
) -> None:
    """Create a plan. Without --every and --cron it runs when it is asked to; without --keep nothing is deleted."""
    t = terminal(ctx)
    given = {k: v for k, v in locals().items() if k not in ("ctx", "t", "name", "disabled")}
    body = {"name": name, **body_of(t, given), **({"enabled": False} if disabled else {})}
    made = t.client.post(f"/projects/{t.project_of()['id']}/plans", body)
    t.answer(made, f"Created plan {output.visible(name)}: {schedules_text(made)}; next: {next_text(made)}.")


@verb(
    app, "edit", 'holdfast plan edit shop-nightly --cron "30 3 * * *"\nholdfast plan edit shop-nightly --keep daily=14'
)
def edit(
    ctx: typer.Context,
    *,
    plan: Name,
    name: Annotated[str | None, typer.Option("--name", help="Another name.")] = None,
    db: Databases = None,
    label: Labels = None,
    all_: All = False,
    repo: Repositories = None,
    environment: Environments = None,
    every: Presets = None,
    cron: Crons = None,
    tz: Zone = None,
    jitter: Jitter = None,
    missed: Missed = None,
    late: LateBy = None,
    keep: Keep = None,
    level: Level = None,
    bandwidth: Bandwidth = None,
    workers: Workers = None,
    verify_within: cli_options.VerifyWithin = None,
    compression: cli_options.FileCompression = None,
    file_level: cli_options.FileLevel = None,
    encryption: cli_options.Encryption = None,
    recipient: cli_options.Recipient = None,
    file_key: cli_options.FileKey = None,
    verify: Verify = None,
    at_once: AtOnce = None,
    per_node: PerNode = None,
    deadline: Deadline = None,
    max_gap: Gap = None,
    description: Description = None,
    confirm: Confirmed = None,
) -> None:
    """Change a plan. What it selects, its schedules and its repositories are replaced whole by what is given."""
    t = terminal(ctx)
    given = {k: v for k, v in locals().items() if k not in ("ctx", "t", "plan", "name", "confirm")}
    found = find(t, plan)
    body = {**body_of(t, given, found), **({"name": name} if name else {})}
    changed = _patch(t, found, body, confirm)
    t.answer(changed, f"Changed plan {output.visible(changed['name'])}; next: {next_text(changed)}.")


@verb(app, "list", "holdfast plan list")
def list_(ctx: typer.Context) -> None:
    """List plans with their schedules, and say how many databases no plan covers."""
    t = terminal(ctx)
    project = t.scope().get("project_id")
    t.table(
        t.client.items("/plans", project_id=project),
        {
            "NAME": "name",
            "STATE": lambda item: "on" if item["enabled"] else "OFF",
            "SCHEDULES": schedules_text,
            "NEXT": next_text,
            "REPOSITORIES": lambda item: str(len(item["repository_ids"]) or "default"),
            "ID": "id",
        },
        empty="No plans yet. Create one: holdfast plan create NAME --all --every daily --keep daily=7",
    )
    if not t.json:
        bare = len(list(t.client.items(f"/projects/{t.project_of()['id']}/unprotected", limit=_COUNTED)))
        if bare:
            several = "1 database is" if bare == 1 else f"{bare}{' or more' if bare == _COUNTED else ''} databases are"
            output.note(f"{several} covered by no plan: holdfast plan unprotected")


@verb(app, "show", "holdfast plan show shop-nightly")
def show(ctx: typer.Context, plan: Name) -> None:
    """Show a plan, the databases it covers, when each last succeeded, and what is late."""
    t = terminal(ctx)
    found = find(t, plan)
    covered = list(t.client.items(f"/plans/{found['id']}/coverage"))
    if t.json:
        output.say_json(found | {"coverage": covered})
        return
    output.record(record_of(found))
    output.say()
    t.table(
        covered,
        {
            "DATABASE": "resource_name",
            "STATE": "state",
            "REPOSITORY": lambda item: item["repository_id"] or "default",
            "LAST SUCCESS": lambda item: output.moment_text(item["last_success_at"]),
            "LATE": lambda item: item["late"]["reason"].replace("_", " ") if item["late"] else None,
        },
        empty="It covers no database yet.",
    )


@verb(app, "next", "holdfast plan next shop-nightly --count 10")
def next_(
    ctx: typer.Context,
    plan: Name,
    count: Annotated[int, typer.Option("--count", min=1, max=100, help="So many.")] = 5,
) -> None:
    """Show when a plan is due next."""
    t = terminal(ctx)
    found = find(t, plan)
    t.table(
        t.client.get(f"/plans/{found['id']}/next", count=count)["items"],
        {"AT": lambda item: output.moment_text(item["at"]), "SCHEDULE": "schedule"},
        empty="It has no schedule: holdfast plan edit NAME --every daily",
    )


@verb(app, "enable", "holdfast plan enable shop-nightly")
def enable(ctx: typer.Context, plan: Name, confirm: Confirmed = None) -> None:
    """Let a plan run by itself. What fell due meanwhile is not made up for."""
    _switch(terminal(ctx), plan, True, confirm)


@verb(app, "disable", "holdfast plan disable shop-nightly")
def disable(ctx: typer.Context, plan: Name, confirm: Confirmed = None) -> None:
    """Keep a plan from running by itself."""
    _switch(terminal(ctx), plan, False, confirm)


@verb(app, "run", "holdfast plan run shop-nightly\nholdfast plan run shop-nightly --in 10m")
def run(
    ctx: typer.Context,
    plan: Name,
    later: Annotated[
        str | None, typer.Option("--in", metavar="TIME", help="Once, so much later: 1m to 30d. Without: now.")
    ] = None,
) -> None:
    """Carry a plan out now, or once later."""
    t = terminal(ctx)
    found = find(t, plan)
    body = {"in_seconds": seconds_of(later)} if later else {}
    turn = t.client.post(f"/plans/{found['id']}/run", body)["turn"]
    when = f"at {output.moment_text(turn['due_at'])}" if later else "now"
    t.answer(
        turn, f"{output.visible(found['name'])} runs {when}: {turn['id']}\nFollow it: holdfast plan turn {turn['id']}"
    )


@verb(app, "delete", "holdfast plan delete shop-nightly --confirm shop-nightly")
def delete(ctx: typer.Context, plan: Name, confirm: Confirmed = None) -> None:
    """Delete a plan and its history. Its snapshots stay."""
    t = terminal(ctx)
    found = find(t, plan)
    name = t.confirm(found["name"], confirm, "deletes a plan")
    t.client.delete(f"/plans/{found['id']}", {"confirm": name})
    t.answer({"deleted": found["id"]}, f"Deleted plan {output.visible(name)}. Its snapshots stay.")


@verb(app, "unprotected", "holdfast plan unprotected --project shop")
def unprotected(ctx: typer.Context) -> None:
    """List the databases that no plan covers."""
    t = terminal(ctx)
    project = t.project_of()["id"]
    names = {each["id"]: each["name"] for each in t.client.items(f"/projects/{project}/environments")}
    t.table(
        t.client.items(f"/projects/{project}/unprotected"),
        {
            "DATABASE": "name",
            "ENGINE": "engine",
            "ENVIRONMENT": lambda item: names.get(item["environment_id"], item["environment_id"]),
            "ID": "id",
        },
        empty="Every database is covered by a plan.",
    )


def find(t: Terminal, name: str) -> dict[str, Any]:
    """One plan by id or name."""
    return t.find("/plans", name, "plan", "plan", **{k: v for k, v in t.scope().items() if k == "project_id"})


def _switch(t: Terminal, plan: str, on: bool, confirm: str | None) -> None:
    found = find(t, plan)
    changed = _patch(t, found, {"enabled": on}, confirm)
    next_turn = f"; next: {next_text(changed)}" if on else ""
    t.answer(changed, f"Plan {output.visible(found['name'])} is {'on' if on else 'off'}{next_turn}.")


def _patch(t: Terminal, found: dict[str, Any], body: dict[str, Any], confirm: str | None) -> dict[str, Any]:
    """In production the name is typed: asked for only then."""
    if _in_production(t, found):
        body = {**body, "confirm": t.confirm(found["name"], confirm, "changes a plan that covers production")}
    return dict(t.client.patch(f"/plans/{found['id']}", body, found["version"]))


def _in_production(t: Terminal, found: dict[str, Any]) -> bool:
    chosen = found["environment_ids"]
    there = t.client.items(f"/projects/{found['project_id']}/environments")
    return any(each["kind"] == "production" and (not chosen or each["id"] in chosen) for each in there)
