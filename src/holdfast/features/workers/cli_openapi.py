"""`holdfast worker openapi`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from holdfast.features.workers.acts import find_version
from holdfast.features.workers.cli import Name, app, find
from holdfast.terminal import output
from holdfast.terminal.context import terminal
from holdfast.terminal.noun import verb


@verb(
    app,
    "openapi",
    """
    holdfast worker openapi shop-api
    holdfast worker openapi shop-api --version 7 --out openapi.json
    """,
)
def openapi(
    ctx: typer.Context,
    worker: Name,
    version: Annotated[
        str | None, typer.Option("--version", metavar="VERSION", help="Number, tag or id; else the deployed one.")
    ] = None,
    out: Annotated[Path | None, typer.Option("--out", metavar="FILE", help="Write the document there.")] = None,
) -> None:
    """Show what a worker's declared routes take, or write their OpenAPI document with --out (or --json)."""
    t = terminal(ctx)
    found = find(t, worker)
    query = {"version_id": find_version(t, found, version)["id"]} if version else {}
    made: dict[str, Any] = t.client.get(f"/workers/{found['id']}/openapi", **query)
    if out is not None:
        out.write_text(json.dumps(made, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
        t.answer(made, f"Wrote {out}: {len(made['paths'])} paths.")
        return
    if t.json:
        output.say_json(made)
        return
    for path, operations in made["paths"].items():
        for method, operation in operations.items():
            words = operation.get("summary") or ""
            output.say(output.visible(f"{method.upper():7} {path}  {words}".rstrip()))
    if not made["paths"]:
        output.say(made["x-holdfast-hint"])
