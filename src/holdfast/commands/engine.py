"""`holdfast engine`: what kinds of database there are."""

from __future__ import annotations

import time
from typing import Annotated, Any

import typer

from holdfast.kernel.errors import NotFound
from holdfast.terminal import output
from holdfast.terminal.context import terminal
from holdfast.terminal.noun import noun, verb

app = noun(
    "engine", "Engines: what kinds of database there are.", "holdfast engine list\nholdfast engine verify sqlite"
)
Name = Annotated[str, typer.Argument(metavar="ENGINE", help="Name of the engine.", show_default=False)]


@verb(app, "list", "holdfast engine list")
def list_(ctx: typer.Context) -> None:
    """List the engines of this Holdfast."""
    t = terminal(ctx)
    t.table(
        t.client.items("/engines"),
        {
            "NAME": "name",
            "TITLE": lambda item: _capability(item, "title"),
            "VERSIONS": lambda item: ", ".join(_capability(item, "versions") or ()),
            "RUNS": lambda item: ", ".join(_capability(item, "hosts") or ()),
        },
        empty="No engines here.",
    )


@verb(app, "show", "holdfast engine show postgresql")
def show(ctx: typer.Context, engine: Name) -> None:
    """Show an engine's capabilities and the settings `db create --set` takes."""
    t = terminal(ctx)
    found = next((item for item in t.client.items("/engines") if item["name"] == engine), None)
    if found is None:
        raise NotFound(f"there is no engine named {engine!r}", hint="list them: holdfast engine list")
    if t.json:
        output.say_json(found)
        return
    output.record(
        {"Name": found["name"], "Title": _capability(found, "title"), "Dialect": _capability(found, "dialect")}
    )
    fields = (found.get("spec") or found.get("schema") or {}).get("properties") or {}
    rows = [
        [name, _type(field), field.get("default"), field.get("description") or ""] for name, field in fields.items()
    ]
    if rows:
        output.say()
        output.table(["SETTING", "TYPE", "DEFAULT", "MEANING"], rows)


@verb(app, "install", "holdfast engine install postgresql")
def install(ctx: typer.Context, engine: Name) -> None:
    """Put an engine's native tools where its servers can read them, before the first database needs them."""
    from holdfast.catalog import ENGINES
    from holdfast.hosts.keeper import KeeperClient
    from holdfast.hosts.service import Hosts

    t = terminal(ctx)
    found = ENGINES.get(engine)
    settings = t.settings()
    software = found.software(found.spec())
    if software is None:
        t.answer({"engine": engine, "installed": None}, f"{engine} is embedded: nothing to install.")
        return
    path = Hosts(settings, KeeperClient.of(settings)).install(software)
    t.answer({"engine": engine, "installed": str(path)}, f"{software.name} {software.version} is at {path}")


@verb(
    app,
    "verify",
    "holdfast engine verify sqlite\nholdfast engine verify postgresql --url postgresql://me@127.0.0.1/scratch",
)
def verify(
    ctx: typer.Context,
    engine: Name,
    url: Annotated[str | None, typer.Option("--url", help="An empty server of yours instead of a scratch one.")] = None,
    case: Annotated[list[str] | None, typer.Option("--case", help="Only these cases.")] = None,
) -> None:
    """Run the conformance suite, the same one our tests run; exits 1 when a case fails."""
    from holdfast.commands.engine_verify import verify_engine

    t = terminal(ctx)
    begun = time.monotonic()
    results = verify_engine(engine, url, tuple(case or ()), see=None if t.json else _say_case)
    failed = [r for r in results if r["outcome"] == "failed"]
    if t.json:
        output.say_json({"engine": engine, "ok": not failed, "cases": results})
    else:
        passed = sum(r["outcome"] == "passed" for r in results)
        output.say(
            f"{passed} passed, {len(failed)} failed, {len(results) - passed - len(failed)} not expected here, "
            f"in {output.seconds_text(time.monotonic() - begun)}"
        )
    if failed:
        raise typer.Exit(1)


def _say_case(result: dict[str, Any]) -> None:
    mark = {"passed": "✓", "failed": "✗"}.get(result["outcome"], "-")
    detail = f": {output.visible(str(result['detail']))}" if result.get("detail") else ""
    output.say(f"{mark} {result['case']} ({output.seconds_text(result['seconds'])}){detail}")


def _capability(item: dict[str, Any], name: str) -> Any:
    return item[name] if name in item else (item.get("capabilities") or {}).get(name)


def _type(field: dict[str, Any]) -> str:
    if "enum" in field:
        return " | ".join(map(str, field["enum"]))
    kinds = [kind.get("type", "") for kind in field.get("anyOf", [])] or [field.get("type", "")]
    return " | ".join(str(kind) for kind in kinds if kind)
