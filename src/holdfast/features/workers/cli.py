"""`holdfast worker`: workers, their versions and what is deployed."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from holdfast.features.workers import acts
from holdfast.kernel.errors import Denied, NotFound
from holdfast.terminal import output
from holdfast.terminal.context import Terminal, key_values, label_pairs, terminal
from holdfast.terminal.failure import Usage
from holdfast.terminal.noun import Confirmed, noun, verb

app = noun(
    "worker",
    "Workers: code that runs beside its state.",
    """
    holdfast deploy
    holdfast worker list
    holdfast worker logs shop-api --follow
    """,
)
Name = Annotated[str, typer.Argument(metavar="WORKER", help="Name or id.", show_default=False)]
Settings = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="KEY=VALUE", help="A setting, such as limits.memory_bytes=134217728."),
]
Labels = Annotated[list[str] | None, typer.Option("--label", metavar="KEY=VALUE", help="A label.")]


def find(t: Terminal, name: str, *, deleted: bool = False) -> dict[str, Any]:
    """One worker by id or name."""
    extra: dict[str, Any] = {"deleted": "true"} if deleted else {}
    return t.find("/workers", name, "worker", "wrk", **t.scope(), **extra)


class _Environments:
    """Names of environments, each asked for once."""

    def __init__(self, t: Terminal) -> None:
        self._t = t
        self._known: dict[str, str] = {}

    def name(self, environment_id: str) -> str:
        if environment_id not in self._known:
            try:
                self._known[environment_id] = str(self._t.client.get(f"/environments/{environment_id}")["name"])
            except (Denied, NotFound):  # a key may see the worker alone
                self._known[environment_id] = environment_id
        return self._known[environment_id]


@verb(app, "list", "holdfast worker list --env production\nholdfast worker list --deleted")
def list_(
    ctx: typer.Context,
    deleted: Annotated[bool, typer.Option("--deleted", help="Those that can still be brought back.")] = False,
) -> None:
    """List workers."""
    t = terminal(ctx)
    extra: dict[str, Any] = {"deleted": "true"} if deleted else {}
    environments = _Environments(t)
    t.table(
        t.client.items("/workers", **t.scope(), **extra),
        {
            "NAME": "name",
            "ENVIRONMENT": lambda item: environments.name(item["environment_id"]),
            "HOST": "slug",
            "STATE": lambda item: "deleted" if item["deleted_at"] else "on" if item["enabled"] else "OFF",
            "DESCRIPTION": "description",
            "CHANGED": lambda item: output.moment_text(item["updated_at"]),
            "ID": "id",
        },
        empty="Nothing was deleted." if deleted else "No workers yet. Make one: holdfast deploy, in a project's folder",
    )


@verb(app, "create", "holdfast worker create shop-api\nholdfast worker create shop-api --set permits.network='[\"*\"]'")
def create(
    ctx: typer.Context,
    *,
    name: Annotated[str, typer.Argument(help="Name of the new worker.")],
    slug: Annotated[str | None, typer.Option("--slug", help="Its host below the apps domain.")] = None,
    description: Annotated[str, typer.Option("--description", help="What it does.")] = "",
    settings: Settings = None,
    labels: Labels = None,
) -> None:
    """Make a worker that has no code yet."""
    t = terminal(ctx)
    body: dict[str, Any] = {"environment_id": t.environment_of()["id"], "name": name, "description": description}
    body |= {"settings": key_values(settings or (), "--set"), "labels": label_pairs(labels or ())}
    made = t.client.post("/workers", body | ({"slug": slug} if slug else {}))
    t.answer(made, f"Made worker {output.visible(made['name'])} ({made['slug']}). Deploy code: holdfast deploy")


@verb(app, "get", "holdfast worker get shop-api")
def get(ctx: typer.Context, worker: Name) -> None:
    """Show a worker: what is deployed, its settings."""
    t = terminal(ctx)
    found = find(t, worker)
    deployed = next(iter(t.client.items(f"/workers/{found['id']}/deployments", limit=1)), None)
    if t.json:
        output.say_json(found | {"deployment": deployed})
        return
    shares = [f"version {each['number']} {each['weight']} %" for each in deployed["versions"]] if deployed else []
    output.record(
        {
            "Name": found["name"],
            "Id": found["id"],
            "Environment": _Environments(t).name(found["environment_id"]),
            "Host": found["slug"],
            "State": "on" if found["enabled"] else "OFF",
            "Deployed": ", ".join(shares) or "nothing yet",
            "Since": output.moment_text(deployed["created_at"]) if deployed else "-",
            "Keys": "asked for" if found["settings"]["protected"] else "not asked for",
            "Network": ", ".join(found["settings"]["permits"]["network"]) or "none",
            "Description": found["description"] or "-",
        }
    )


@verb(
    app,
    "update",
    "holdfast worker update shop-api --set limits.timeout_seconds=10 --set protected=true\n"
    "holdfast worker update shop-api --off",
)
def update(
    ctx: typer.Context,
    *,
    worker: Name,
    name: Annotated[str | None, typer.Option("--name", help="Another name; the host stays.")] = None,
    description: Annotated[str | None, typer.Option("--description", help="What it does.")] = None,
    settings: Settings = None,
    labels: Labels = None,
    on: Annotated[bool | None, typer.Option("--on/--off", help="Whether it takes requests.")] = None,
) -> None:
    """Change a worker; settings that are not said stay."""
    t = terminal(ctx)
    found = find(t, worker)
    body: dict[str, Any] = {"name": name, "description": description, "enabled": on}
    body = {key: value for key, value in body.items() if value is not None}
    if settings:
        body["settings"] = _merged(found["settings"], key_values(settings, "--set"))
    if labels:
        body["labels"] = label_pairs(labels)
    if not body:
        raise Usage("nothing to change", hint="say --set KEY=VALUE, --off, --description ...")
    changed = t.client.patch(f"/workers/{found['id']}", body, found["version"])
    t.answer(changed, f"Changed {output.visible(changed['name'])}.")


def _merged(before: dict[str, Any], changes: dict[str, Any]) -> dict[str, Any]:
    made = dict(before)
    for name, value in changes.items():
        inner = made.get(name)
        made[name] = _merged(inner, value) if isinstance(inner, dict) and isinstance(value, dict) else value
    return made


@verb(app, "delete", "holdfast worker delete shop-api --confirm shop-api")
def delete(ctx: typer.Context, worker: Name, confirm: Confirmed = None) -> None:
    """Stop and delete a worker; its code stays for the grace period."""
    t = terminal(ctx)
    found = find(t, worker)
    t.warn_bound(found["id"])
    name = t.confirm(found["name"], confirm, "stops and deletes a worker")
    gone = t.client.delete(f"/workers/{found['id']}", {"confirm": name})
    t.answer(gone, f"Deleted {output.visible(name)}. Bring it back: holdfast worker undelete {gone['id']}")


@verb(app, "undelete", "holdfast worker undelete shop-api")
def undelete(ctx: typer.Context, worker: Name) -> None:
    """Bring a deleted worker back, with what was deployed."""
    t = terminal(ctx)
    back = t.client.post(f"/workers/{find(t, worker, deleted=True)['id']}/undelete")
    t.answer(back, f"{output.visible(back['name'])} is back.")


@verb(app, "versions", "holdfast worker versions shop-api")
def versions(ctx: typer.Context, worker: Name) -> None:
    """List a worker's versions, newest first."""
    t = terminal(ctx)
    acts.list_versions(t, find(t, worker))


@verb(app, "view", "holdfast worker view shop-api 7")
def view(ctx: typer.Context, worker: Name, version: acts.VersionName) -> None:
    """Show a version: its files, bindings and variables."""
    t = terminal(ctx)
    acts.view_version(t, find(t, worker), version)


@verb(app, "tag", "holdfast worker tag shop-api 7 stable\nholdfast worker tag shop-api 7")
def tag_(
    ctx: typer.Context,
    worker: Name,
    version: acts.VersionName,
    tag: Annotated[str | None, typer.Argument(help="Without: its tag is taken away.")] = None,
) -> None:
    """Give a version another tag, a word to ask for it by."""
    t = terminal(ctx)
    acts.tag_version(t, find(t, worker), version, tag)


@verb(app, "upload", "holdfast worker upload shop-api shop.zip --tag v1.4")
def upload(
    ctx: typer.Context,
    *,
    worker: Name,
    file: Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="A zip, its wrangler file at the top.")],
    tag: Annotated[str | None, typer.Option("--tag", help="A word for this version.")] = None,
    message: Annotated[str, typer.Option("--message", "-m", help="What is new in it.")] = "",
    wrangler_env: Annotated[
        str | None, typer.Option("--wrangler-env", metavar="NAME", help="`env.NAME` of the wrangler file.")
    ] = None,
) -> None:
    """Upload a version without deploying it."""
    t = terminal(ctx)
    found = find(t, worker)
    made = send(t, found, file.read_bytes(), tag=tag, message=message, environment=wrangler_env)
    t.answer(made, f"Version {made['number']} is ready: holdfast worker promote {found['name']} {made['number']}")


def send(t: Terminal, worker: dict[str, Any], archive: bytes, **query: Any) -> dict[str, Any]:
    """The uploaded version, once its packages are installed. Raises RunFailed."""
    made: dict[str, Any] = t.client.upload(f"/workers/{worker['id']}/versions", archive, "application/zip", **query)
    if made["state"] == "building":
        t.follow({"id": made["run_id"]})
        made = t.client.get(f"/worker-versions/{made['id']}")
    return made


@verb(
    app,
    "promote",
    "holdfast worker promote shop-api 7\nholdfast worker promote shop-api 7=90 8=10 --message 'try it on a tenth'",
)
def promote(
    ctx: typer.Context,
    *,
    worker: Name,
    shares: Annotated[
        list[str], typer.Argument(metavar="VERSION[=PERCENT]...", help="Number, tag or id of a version.")
    ],
    message: Annotated[str, typer.Option("--message", "-m", help="Why.")] = "",
    create_missing: Annotated[bool, typer.Option("--create-missing", help="Make what its bindings name.")] = False,
    accept_findings: Annotated[
        bool, typer.Option("--accept-findings", help="Although its file says what is not acted on.")
    ] = False,
    skip_check: Annotated[bool, typer.Option("--skip-check", help="Although it was not seen to start.")] = False,
) -> None:
    """Deploy versions that were uploaded, all requests to one or shared by per cent."""
    t = terminal(ctx)
    found = find(t, worker)
    wanted = []
    for each in shares:
        named, equals, weight = each.partition("=")
        if equals and not weight.isdigit():
            raise Usage(f"a share reads VERSION=PERCENT, not {each!r}")
        wanted.append({"id": acts.find_version(t, found, named)["id"], "weight": int(weight) if equals else 100})
    body: dict[str, Any] = {"versions": wanted, "message": message}
    body |= {"create_missing": create_missing, "accept_findings": accept_findings, "skip_check": skip_check}
    made = t.client.post(f"/workers/{found['id']}/deployments", body)
    t.answer(made, acts.deployed_text(found, made))


@verb(app, "rollback", "holdfast worker rollback shop-api\nholdfast worker rollback shop-api 6")
def rollback(
    ctx: typer.Context,
    worker: Name,
    version: Annotated[str | None, typer.Argument(help="Number, tag or id; without: what was before.")] = None,
    to: Annotated[str | None, typer.Option("--to", metavar="VERSION", help="The same.")] = None,
    message: acts.Message = "",
) -> None:
    """Send all requests to an earlier version again."""
    t = terminal(ctx)
    acts.roll_back(t, find(t, worker), version or to, message)


@verb(app, "deployments", "holdfast worker deployments shop-api")
def deployments(ctx: typer.Context, worker: Name) -> None:
    """List what was deployed when, by whom; the first one counts."""
    t = terminal(ctx)
    t.table(
        t.client.items(f"/workers/{find(t, worker)['id']}/deployments"),
        {
            "NUMBER": "number",
            "AT": lambda item: output.moment_text(item["created_at"]),
            "VERSIONS": lambda item: ", ".join(f"{each['number']} {each['weight']} %" for each in item["versions"]),
            "WHY": "trigger",
            "BY": "created_by",
            "MESSAGE": "message",
        },
        empty="Nothing was deployed yet.",
        right=("NUMBER",),
    )


@verb(app, "diff", "holdfast worker diff shop-api 7\nholdfast worker diff shop-api 7 --against 3")
def diff(ctx: typer.Context, worker: Name, version: acts.VersionName, against: acts.Against = None) -> None:
    """Show what a version changes: files by line, and its configuration."""
    t = terminal(ctx)
    acts.show_diff(t, find(t, worker), version, against)
