"""`holdfast worker case`: requests that are kept with what is expected of their answers."""

from __future__ import annotations

import sys
from typing import Annotated, Any
from urllib.parse import quote

import typer

from holdfast.features.workers import acts
from holdfast.features.workers.cli import Name, app, find
from holdfast.terminal import output
from holdfast.terminal.context import terminal
from holdfast.terminal.failure import Usage
from holdfast.terminal.noun import noun, verb

cases = noun(
    "case", "Saved cases: requests and what is expected of their answers.", "holdfast worker case run shop-api"
)
app.add_typer(cases)
Case = Annotated[str, typer.Argument(metavar="CASE", help="Its name.", show_default=False)]


@verb(cases, "list", "holdfast worker case list shop-api")
def list_(ctx: typer.Context, worker: Name) -> None:
    """List a worker's saved cases."""
    t = terminal(ctx)
    t.table(
        t.client.get(f"/workers/{find(t, worker)['id']}/cases"),
        {
            "NAME": "name",
            "REQUEST": lambda item: f"{item['request']['method']} {item['request']['path']}",
            "STATUS": lambda item: item["expected"]["status"],
            "CONTAINS": lambda item: item["expected"]["contains"],
            "SAVED": lambda item: output.moment_text(item["updated_at"]),
            "BY": "updated_by",
        },
        empty="No saved cases yet. Save one: holdfast worker case save WORKER CASE /path --status 200",
        right=("STATUS",),
    )


@verb(
    cases,
    "save",
    "holdfast worker case save shop-api 'lists items' /items --status 200 --contains '\"items\"'\n"
    "holdfast worker case save shop-api 'refuses' /items -X POST --body '{}' --status 422",
)
def save(
    ctx: typer.Context,
    *,
    worker: Name,
    case: Case,
    path: Annotated[str, typer.Argument(help="With its query.")] = "/",
    method: Annotated[str, typer.Option("--method", "-X", help="GET, POST ...")] = "GET",
    headers: Annotated[
        list[str] | None, typer.Option("--header", "-H", metavar="NAME:VALUE", help="Repeatable.")
    ] = None,
    body: Annotated[str, typer.Option("--body", "-d", help="What to send; - reads standard input.")] = "",
    status: Annotated[int | None, typer.Option("--status", help="The status it must answer with.")] = None,
    contains: Annotated[str | None, typer.Option("--contains", help="What its body must contain.")] = None,
) -> None:
    """Save a case, in place of the one of that name."""
    t = terminal(ctx)
    pairs = [each.partition(":") for each in headers or ()]
    if any(not colon for _, colon, _ in pairs):
        raise Usage("--header takes NAME:VALUE")
    request: dict[str, Any] = {
        "method": method.upper(),
        "path": path,
        "body": sys.stdin.read() if body == "-" else body,
    }
    request["headers"] = [(name.strip(), value.strip()) for name, _, value in pairs]
    wanted = {"request": request, "expected": {"status": status, "contains": contains}}
    made = t.client.put(f"/workers/{find(t, worker)['id']}/cases/{quote(case, safe='')}", wanted)
    t.answer(made, f"Saved {output.visible(case)}.")


@verb(cases, "delete", "holdfast worker case delete shop-api 'lists items'")
def delete(ctx: typer.Context, worker: Name, case: Case) -> None:
    """Forget a case."""
    t = terminal(ctx)
    t.client.delete(f"/workers/{find(t, worker)['id']}/cases/{quote(case, safe='')}")
    t.answer({"name": case, "deleted": True}, f"Deleted {output.visible(case)}.")


@verb(
    cases,
    "run",
    "holdfast worker case run shop-api\nholdfast worker case run shop-api 'lists items' 'refuses' --json\n"
    "holdfast worker case run shop-api --version 8",
)
def run(
    ctx: typer.Context,
    worker: Name,
    names: Annotated[list[str] | None, typer.Argument(metavar="[CASE]...", help="Without: all.")] = None,
    version: Annotated[
        str | None, typer.Option("--version", help="Number, tag or id of a deployed version, also of weight 0.")
    ] = None,
) -> None:
    """Send the requests of cases and compare their answers; ends with 1 when one is not as expected."""
    t = terminal(ctx)
    found = find(t, worker)
    asked = acts.find_version(t, found, version)["id"] if version else None
    results = t.client.post(f"/workers/{found['id']}/cases/run", {"names": names or None, "version_id": asked})
    t.table(
        results,
        {
            "CASE": "name",
            "RESULT": lambda item: "skipped" if item["skipped"] else "passed" if item["passed"] else "failed",
            "STATUS": "status",
            "MS": "milliseconds",
            "WHY": lambda item: "; ".join(item["wrong"]),
        },
        empty="No saved cases yet. Save one: holdfast worker case save WORKER CASE /path --status 200",
        right=("STATUS", "MS"),
    )
    if not all(each["passed"] for each in results):
        raise typer.Exit(1)
