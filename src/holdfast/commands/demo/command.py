"""`holdfast demo`."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from functools import partial
from typing import Annotated, Any

import typer

from holdfast.client import Client, NotRunning
from holdfast.commands.demo.dialects import Dialect, dialect_for
from holdfast.commands.demo.keykeeper import Keykeeper
from holdfast.commands.demo.shop import DEFAULT_ROWS, Shop
from holdfast.commands.demo.shopkeeper import Shopkeeper
from holdfast.commands.demo.story import Keeper, Step, Story
from holdfast.commands.demo.temporary import temporary_holdfast
from holdfast.kernel.errors import HoldfastError, Permanent
from holdfast.terminal import output
from holdfast.terminal.context import Terminal, terminal
from holdfast.terminal.noun import verb

demo = typer.Typer(rich_markup_mode=None, add_completion=False, pretty_exceptions_enable=False)


@verb(demo, "demo", "holdfast demo\nholdfast demo --rows 5000 --keep\nholdfast demo --json > report.json")
def run_demo(
    ctx: typer.Context,
    *,
    rows: Annotated[int, typer.Option("--rows", min=500, help="Rows per engine, about.")] = DEFAULT_ROWS,
    seed: Annotated[int, typer.Option("--seed", help="Another seed makes other data.")] = 20_260_101,
    engines: Annotated[list[str] | None, typer.Option("--engine", help="Only this engine.")] = None,
    keep: Annotated[bool, typer.Option("--keep", help="Leave what was made on the running server.")] = False,
) -> None:
    """Make a shop in every engine, snapshot, change, lose and recover it; exits 1 when anything differs."""
    t = terminal(ctx)
    begun = time.monotonic()
    with _server(t) as (client, where):
        if not t.json:
            output.say(f"Holdfast demo on {where}, about {rows:,} rows per engine\n")
        report = perform(client, Shop(seed, rows), engines, keep=keep, see=None if t.json else say_step)
    seconds = time.monotonic() - begun
    if t.json:
        output.say_json(report | {"server": where, "seconds": round(seconds, 3)})
    else:
        _say_end(report, seconds)
    if not report["ok"]:
        raise typer.Exit(1)


def perform(
    client: Client,
    shop: Shop,
    engines: list[str] | None,
    *,
    keep: bool,
    see: Callable[[Step], None] | None,
) -> dict[str, Any]:
    """The whole demo against one server, cleaned up unless `keep`; what happened, as one document."""
    steps: list[Step] = []

    def tell(step: Step) -> None:
        steps.append(step)
        if see is not None:
            see(step)

    speak, skipped = _speakable(client, engines)
    with _project(client, keep=keep) as (environment_id, stories):
        held = []
        for name, keeper, noun in speak:
            story = Story(client, environment_id, name, keeper=keeper, noun=noun, shop=shop, see=tell)
            stories.append(story)
            held.append(story.tell())
    return {"ok": all(held) and bool(held), "steps": [step.as_dict() for step in steps], "skipped": skipped}


Speaker = tuple[str, Callable[[Client, str], Keeper], str]  # engine, its keeper, what the keeper counts by


def _speakable(client: Client, engines: list[str] | None) -> tuple[list[Speaker], list[dict[str, Any]]]:
    there = [item for item in client.items("/engines") if not engines or item["name"] in engines]
    if missing := set(engines or ()) - {item["name"] for item in there}:
        raise Permanent(f"there is no engine named {sorted(missing)[0]!r}", hint="list them: holdfast engine list")
    speak: list[Speaker] = []
    skipped = []
    for item in there:
        able = item.get("capabilities") or item
        dialect = dialect_for(able.get("dialect"))
        if able.get("language") == "commands":
            speak.append((item["name"], Keykeeper, "types"))
        elif dialect is not None:
            speak.append((item["name"], partial(_shopkeeper, dialect), "tables"))
        else:
            spoken = able.get("dialect") or "its language"
            skipped.append({"engine": item["name"], "reason": f"the demo has no shop in {spoken}"})
    return speak, skipped


def _shopkeeper(dialect: Dialect, client: Client, database_id: str) -> Keeper:
    return Shopkeeper(client, database_id, dialect)


@contextmanager
def _server(t: Terminal) -> Iterator[tuple[Client, str]]:
    """The server this terminal talks to; with none on this machine, a temporary one."""
    local = not (t.profile or t.environ.get("HOLDFAST_URL") or t.environ.get("HOLDFAST_PROFILE"))
    try:
        client = t.client
        client.get("/engines")
    except NotRunning:
        if not local:
            raise
        temporary: AbstractContextManager[Client] = temporary_holdfast()
    else:
        yield client, client.where
        return
    if not t.json:
        output.note("No Holdfast is running: starting a temporary one.")
    with temporary as client:
        yield client, "a temporary server"


@contextmanager
def _project(client: Client, *, keep: bool) -> Iterator[tuple[str, list[Story]]]:
    """A project of the demo's own, with the stories told in it; emptied and deleted at the end unless `keep`."""
    name = f"demo-{secrets.token_hex(3)}"
    project = client.post("/projects", {"name": name})
    project = project.get("project") or project
    stories: list[Story] = []
    try:
        environments = list(client.items(f"/projects/{project['id']}/environments"))
        chosen = next((env for env in environments if env["name"] == "development"), None)
        chosen = chosen or client.post(f"/projects/{project['id']}/environments", {"name": "development"})
        yield chosen["id"], stories
    finally:
        if not keep:
            _clean_up(client, project["id"], name, stories)


def _clean_up(client: Client, project_id: str, name: str, stories: list[Story]) -> None:
    """Delete what the stories made; what cannot be deleted is named, and never hides why the demo itself failed."""
    acts: list[tuple[str, Callable[[], Any]]] = []
    for story in stories:
        for snapshot_id in _snapshots(client, story):
            body = {"confirm": snapshot_id, "force": True}
            acts.append((snapshot_id, partial(client.delete, f"/snapshots/{snapshot_id}", body)))
        for database_id, database in story.databases:
            acts.append((database, partial(_destroy, client, database_id, database)))
    acts.append(("what still waited to run", partial(_cancel_waiting, client, project_id)))
    acts.append((f"project {name}", partial(client.delete, f"/projects/{project_id}", {"confirm": name})))
    for what, act in acts:
        try:
            made = act()
            if isinstance(made, dict) and made.get("run"):
                client.wait(made["run"]["id"])
        except HoldfastError as error:
            output.note(f"could not clean up {what}: {error.message}")


def _snapshots(client: Client, story: Story) -> list[str]:
    """The story's own and the safety snapshots its restores took; none when the server cannot say."""
    try:
        return [
            str(item["id"])
            for database_id, _ in story.databases
            for item in client.items("/snapshots", resource_id=database_id)
        ]
    except HoldfastError:
        return story.snapshots


def _destroy(client: Client, database_id: str, name: str) -> Any:
    """Delete, then purge: the demo's data needs no grace period."""
    if client.get(f"/databases/{database_id}")["state"] != "deleted":
        client.wait(client.delete(f"/databases/{database_id}", {"confirm": name})["run"]["id"])
    return client.post(f"/databases/{database_id}/purge", {"confirm": name})


def _cancel_waiting(client: Client, project_id: str) -> None:
    """Work for later on databases that are purged by now has nothing left to do, and would hold the project."""
    for run in list(client.items("/runs", project_id=project_id, state="queued")):
        client.post(f"/runs/{run['id']}/cancel", {})
        client.wait(run["id"])


def say_step(step: Step) -> None:
    mark = "✓" if step.ok else "✗"
    took = output.seconds_text(step.seconds)
    output.say(f"{mark} {step.engine:<11} {step.name:<48} {took:>7}  {output.visible(step.detail)}")


def _say_end(report: dict[str, Any], seconds: float) -> None:
    for skipped in report["skipped"]:
        output.say(f"- {skipped['engine']:<11} skipped: {skipped['reason']}")
    failed = [step for step in report["steps"] if not step["ok"]]
    words = "Everything came back as it was" if report["ok"] else f"{len(failed)} step(s) failed"
    output.say(f"\n{words}, in {output.seconds_text(seconds)}.")
