"""`holdfast secret put` and `bulk`, of the worker in this folder as Wrangler has them; `list` and `delete` of both the
environment and a worker."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from holdfast.features.secrets import cli as environment
from holdfast.features.workers import acts
from holdfast.features.workers.dotenv import dotenv
from holdfast.features.workers.target import worker_of
from holdfast.terminal import output
from holdfast.terminal.context import Terminal, terminal
from holdfast.terminal.failure import Usage
from holdfast.terminal.noun import Confirmed, verb

Name = Annotated[str, typer.Argument(metavar="NAME", help="Letters, digits and _.", show_default=False)]
Owner = Annotated[
    str | None, typer.Option("--name", metavar="WORKER", help="A worker's own; without: the environment's.")
]
Here = Annotated[bool, typer.Option("--here", help="Those of the worker in this folder.")]


@verb(
    environment.app,
    "put",
    """
    holdfast secret put API_TOKEN
    pass show api | holdfast secret put API_TOKEN --name shop-api
    """,
)
def put(ctx: typer.Context, *, name: Name, worker: acts.Of = None, wrangler_env: acts.Section = None) -> None:
    """Store a secret of the worker in this folder. What is piped in is the value, else you are asked."""
    t = terminal(ctx)
    found = worker_of(t, worker, wrangler_env)
    value = acts.secret_value(t, stdin=not sys.stdin.isatty())
    if not value:
        raise Usage("where is the value?", hint=f"pipe it in: pass show api | holdfast secret put {name}")
    made = acts.put_secret(t, found, name, value)
    t.answer(made, f"Stored {name} of {output.visible(found['name'])}, version {made['version']}.")


@verb(
    environment.app,
    "bulk",
    """
    holdfast secret bulk secrets.json
    pass show shop | holdfast secret bulk --name shop-api
    """,
)
def bulk(
    ctx: typer.Context,
    *,
    file: Annotated[
        Path | None, typer.Argument(exists=True, dir_okay=False, help="JSON, or lines of NAME=value; without: stdin.")
    ] = None,
    worker: acts.Of = None,
    wrangler_env: acts.Section = None,
) -> None:
    """Store several secrets of the worker in this folder, one after the other; null in JSON destroys one."""
    t = terminal(ctx)
    found = worker_of(t, worker, wrangler_env)
    if file is None and sys.stdin.isatty():
        raise Usage("where are the secrets?", hint="name a file, or pipe them in")
    values = _several(file.read_text() if file else sys.stdin.read(), file.name if file else "stdin")
    there = {each["name"] for each in t.client.get(f"/workers/{found['id']}/secrets")}
    stored, gone = [], []
    for name, value in values.items():
        if value is not None:
            acts.put_secret(t, found, name, value)
            stored.append(name)
        elif name in there:
            acts.forget_secret(t, found, name)
            gone.append(name)
    text = f"Stored {len(stored)} of {output.visible(found['name'])}" + (f", destroyed {len(gone)}" if gone else "")
    t.answer({"stored": stored, "deleted": gone}, f"{text}.")


def _several(text: str, where: str) -> dict[str, str | None]:
    """All are looked at before the first is stored. Raises Usage, Invalid."""
    if not text.lstrip().startswith("{"):
        return dict(dotenv(text, where))
    try:
        found: Any = json.loads(text)
    except ValueError as error:
        raise Usage(f"{where} is no JSON: {error}") from error
    if odd := [name for name, value in found.items() if not (value is None or (isinstance(value, str) and value))]:
        raise Usage(f"{where}: the value of {odd[0]} is no text")
    return dict(found)


@verb(
    environment.app,
    "list",
    """
    holdfast secret list --env production
    holdfast secret list --here
    """,
)
def list_(
    ctx: typer.Context,
    *,
    deleted: Annotated[bool, typer.Option("--deleted", help="Those that can still be restored.")] = False,
    worker: Owner = None,
    here: Here = False,
    wrangler_env: acts.Section = None,
) -> None:
    """List secrets: names, never values."""
    t = terminal(ctx)
    owner = _owner(t, worker, here, wrangler_env)
    if owner is None:
        environment.list_secrets(t, deleted=deleted)
    elif deleted:
        raise Usage("a worker's own secrets are destroyed at once: none can be restored")
    else:
        acts.list_secrets(t, owner)


@verb(
    environment.app,
    "delete",
    """
    holdfast secret delete API_TOKEN --confirm API_TOKEN
    holdfast secret delete API_TOKEN --here --confirm API_TOKEN
    """,
)
def delete(
    ctx: typer.Context,
    *,
    name: Name,
    confirm: Confirmed = None,
    destroy: Annotated[
        bool, typer.Option("--destroy", help="At once and for good, not after the grace period.")
    ] = False,
    worker: Owner = None,
    here: Here = False,
    wrangler_env: acts.Section = None,
) -> None:
    """Delete a secret. One of the environment can be restored in its grace period; a worker's own is gone."""
    t = terminal(ctx)
    owner = _owner(t, worker, here, wrangler_env)
    if owner is None:
        environment.delete_secret(t, name, confirm, destroy=destroy)
    else:
        acts.delete_secret(t, owner, name, confirm)


def _owner(t: Terminal, worker: str | None, here: bool, wrangler_env: str | None) -> dict[str, Any] | None:
    """The worker that is meant; None for the environment, whatever folder this is."""
    return worker_of(t, worker, wrangler_env) if worker or here or wrangler_env is not None else None
