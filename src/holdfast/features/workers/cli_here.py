"""`holdfast rollback`, `invoke` and `versions`: verbs about the worker in this folder, as Wrangler has them."""

from __future__ import annotations

from typing import Annotated

import typer

from holdfast.features.workers import acts
from holdfast.features.workers.target import worker_of
from holdfast.terminal.context import terminal
from holdfast.terminal.noun import noun, verb

rollback = typer.Typer(add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False)
invoke = typer.Typer(add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False)
versions = noun(
    "versions",
    "Versions of the worker in a folder, or of one that is named.",
    """
    holdfast versions list
    holdfast versions diff 7 --against 3
    holdfast versions list --name shop-api
    """,
)


@verb(rollback, "rollback", "holdfast rollback\nholdfast rollback 6 --message 'prices were wrong' --env production")
def rollback_(
    ctx: typer.Context,
    *,
    version: Annotated[str | None, typer.Argument(help="Number, tag or id; without: what was before.")] = None,
    message: acts.Message = "",
    name: acts.Of = None,
    wrangler_env: acts.Section = None,
) -> None:
    """Roll the worker in this folder back: all requests go to an earlier version again."""
    t = terminal(ctx)
    acts.roll_back(t, worker_of(t, name, wrangler_env), version, message)


@verb(
    invoke,
    "invoke",
    "holdfast invoke /items\n"
    'holdfast invoke /items -X POST -H content-type:application/json -d \'{"name":"tea"}\' --name shop-api',
)
def invoke_(
    ctx: typer.Context,
    *,
    path: acts.Path = "/",
    method: acts.Method = "GET",
    headers: acts.Headers = None,
    body: acts.Body = "",
    version: Annotated[str | None, typer.Option("--version", help="Number, tag or id of a deployed version.")] = None,
    name: acts.Of = None,
    wrangler_env: acts.Section = None,
) -> None:
    """Invoke the worker in this folder: send it a request and print its answer, the status on stderr."""
    t = terminal(ctx)
    acts.call(t, worker_of(t, name, wrangler_env), path, method, headers, body, version)


@verb(versions, "list", "holdfast versions list\nholdfast versions list --name shop-api --env production")
def list_(ctx: typer.Context, name: acts.Of = None, wrangler_env: acts.Section = None) -> None:
    """List versions, newest first."""
    t = terminal(ctx)
    acts.list_versions(t, worker_of(t, name, wrangler_env))


@verb(versions, "view", "holdfast versions view 7\nholdfast versions view stable")
def view(
    ctx: typer.Context, version: acts.VersionName, name: acts.Of = None, wrangler_env: acts.Section = None
) -> None:
    """Show a version: its files, bindings and variables."""
    t = terminal(ctx)
    acts.view_version(t, worker_of(t, name, wrangler_env), version)


@verb(versions, "diff", "holdfast versions diff 7\nholdfast versions diff 7 --against 3")
def diff(
    ctx: typer.Context,
    version: acts.VersionName,
    against: acts.Against = None,
    name: acts.Of = None,
    wrangler_env: acts.Section = None,
) -> None:
    """Show what a version changes: files by line, and its configuration."""
    t = terminal(ctx)
    acts.show_diff(t, worker_of(t, name, wrangler_env), version, against)


@verb(versions, "tag", "holdfast versions tag 7 stable\nholdfast versions tag 7")
def tag_(
    ctx: typer.Context,
    version: acts.VersionName,
    tag: Annotated[str | None, typer.Argument(help="Without: its tag is taken away.")] = None,
    name: acts.Of = None,
    wrangler_env: acts.Section = None,
) -> None:
    """Give a version another tag, a word to ask for it by."""
    t = terminal(ctx)
    acts.tag_version(t, worker_of(t, name, wrangler_env), version, tag)
