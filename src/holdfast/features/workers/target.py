"""Which worker a verb without a name means: that of the folder's project file, as Wrangler has it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from holdfast.kernel.errors import NotFound
from holdfast.runtime import wrangler
from holdfast.terminal.context import Terminal
from holdfast.terminal.failure import Usage


def section(t: Terminal, folder: Path, given: str | None) -> str | None:
    """Which `env.NAME` of the folder's file counts: `given` ("" is the top level), else the one that is named like the
    environment of --env or HOLDFAST_ENV, else the top level. Raises Invalid for a file nobody can read."""
    if given is not None:
        return given or None
    named = t.environment or t.environ.get("HOLDFAST_ENV")
    if not named:
        return None
    path = wrangler.find(folder)
    kind: wrangler.Kind = "toml" if path.suffix == ".toml" else "jsonc"
    return named if named in wrangler.environments(path.read_text(), kind=kind, where=path.name) else None


def name_of(t: Terminal, given: str | None, wrangler_env: str | None, folder: Path | None = None) -> str:
    """`given`, else the name in the folder's project file. Raises Usage where there is neither, Invalid."""
    if given:
        return given
    where = folder or Path()
    try:
        path = wrangler.find(where)
    except NotFound as error:
        raise Usage("which worker?", hint="say --name WORKER, or go to the folder of its wrangler file") from error
    return wrangler.load(path, section(t, where, wrangler_env)).name


def worker_of(t: Terminal, given: str | None, wrangler_env: str | None = None) -> dict[str, Any]:
    """The worker itself: of that name or id, else the one the folder's file names. Raises Usage, NotFound, Invalid."""
    if given:
        return t.find("/workers", given, "worker", "wrk", **t.scope())
    name = name_of(t, None, wrangler_env)
    return t.find("/workers", name, "worker", "wrk", **{"environment_id": t.environment_of()["id"]})
