"""`holdfast types`: what an editor and a type checker need to know of a worker."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from holdfast.features.workers import acts
from holdfast.features.workers.dotenv import dotenv
from holdfast.features.workers.target import section
from holdfast.runtime import wrangler
from holdfast.terminal.context import terminal
from holdfast.terminal.noun import verb

types = typer.Typer(add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False)


@verb(types, "types", "holdfast types\nholdfast types ./shop --out stubs")
def types_(
    ctx: typer.Context,
    *,
    folder: Annotated[Path, typer.Argument(exists=True, file_okay=False, help="Where its wrangler file is.")] = Path(),
    out: Annotated[
        Path, typer.Option("--out", metavar="DIR", help="Below the folder; `typings` is where editors look.")
    ] = Path("typings"),
    wrangler_env: acts.Section = None,
) -> None:
    """Types of the worker in a folder: stubs of `workers`, and of `env` from its bindings, variables and secrets.

    Editors with Pyright or Pylance find `typings` by themselves; for mypy say MYPYPATH=typings.
    """
    from holdfast.runtime import env_stubs

    t = terminal(ctx)
    config = wrangler.load(wrangler.find(folder), section(t, folder, wrangler_env))
    local = folder / ".dev.vars"
    secrets = frozenset(dotenv(local.read_text(), local.name)) if local.is_file() else frozenset()
    written = env_stubs.write(folder / out, env_stubs.generate(config, secrets))
    names = env_stubs.named(config, secrets)
    text = f"Wrote {len(written)} files to {folder / out}. In env: {', '.join(names) or 'nothing'}."
    t.answer({"files": [str(each) for each in written], "env": names}, text)
