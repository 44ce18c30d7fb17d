"""`holdfast dev`: run the worker in a folder on this machine, and again at each save."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from holdfast.terminal import output
from holdfast.terminal.context import terminal
from holdfast.terminal.noun import verb

dev = typer.Typer(add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False)


@verb(
    dev,
    "dev",
    """
    holdfast dev
    holdfast dev ./front --with ./words --port 9000
    holdfast dev --wrangler-env staging --network api.example.org
    """,
)
def start(
    ctx: typer.Context,
    *,
    folder: Annotated[Path, typer.Argument(exists=True, file_okay=False, help="Where its wrangler file is.")] = Path(),
    port: Annotated[int, typer.Option("--port", min=0, max=65535, help="On 127.0.0.1; 0 is a free one.")] = 8787,
    beside: Annotated[
        list[Path] | None,
        typer.Option("--with", exists=True, file_okay=False, help="Folder of a worker that it calls; repeatable."),
    ] = None,
    name: Annotated[str | None, typer.Option("--name", help="Another name than the file's.")] = None,
    wrangler_env: Annotated[
        str | None, typer.Option("--wrangler-env", metavar="NAME", help="`env.NAME` of the wrangler file.")
    ] = None,
    network: Annotated[
        list[str] | None, typer.Option("--network", metavar="HOST", help="A host it may call; repeatable.")
    ] = None,
    crons: Annotated[bool, typer.Option("--crons", help="Take the turns of its crons too.")] = False,
) -> None:
    """Run the worker in a folder on this machine alone. It reloads on save; Ctrl-C ends it.

    No Holdfast need run. Its namespaces and databases are files in .holdfast/dev, and stay there; secrets are read from
    .dev.vars.
    """
    from holdfast.commands.dev.console import Console
    from holdfast.commands.dev.local import LocalState
    from holdfast.commands.dev.project import Project
    from holdfast.commands.dev.running import serve
    from holdfast.features.workers.target import section
    from holdfast.kernel import log
    from holdfast.runtime import wrangler

    t = terminal(ctx)
    log.configure("error")  # what a worker says and how it fares is said below; the rest is for an operator
    folders = [each.resolve() for each in (folder, *(beside or ()))]
    sections = [section(t, each, wrangler_env) for each in folders]
    for each, chosen in zip(folders, sections, strict=True):
        wrangler.load(wrangler.find(each), chosen)  # what cannot be read now is no worker; later it is a typing error
    state = LocalState(folders[0])
    projects = [
        Project(each, state, environment=chosen, network=tuple(network or ()), crons=crons)
        for each, chosen in zip(folders, sections, strict=True)
    ]
    projects[0].name = name
    serve(projects, state, Console(as_json=t.json), port)
    if not t.json:
        output.say("Stopped.")
