"""Rehearsing migrations: in a transaction that is rolled back, or on a clone that is thrown away."""

from __future__ import annotations

import asyncio
import secrets as tokens
from collections.abc import Sequence
from typing import Any

from holdfast.contract.cloning import copy_through
from holdfast.contract.scripts import Script, ScriptReport
from holdfast.features.databases.model import Resource
from holdfast.features.databases.reach import Reach
from holdfast.features.databases.tasks import scratch_of
from holdfast.features.migrations.reading import scripting
from holdfast.jobs.model import TaskContext
from holdfast.kernel.crashpoints import crash_point


def rehearse(
    ctx: TaskContext, reach: Reach, resource: Resource, session: Any, scripts: Sequence[Script]
) -> Sequence[ScriptReport]:
    """Nothing of it is left in the database. On the live one its locks are real while it lasts; on a clone nobody
    waits, each script is committed as it would be, and locks are not told (nobody else is there)."""
    if not ctx.run.input.get("on_clone"):
        ctx.progress("rehearsing", 0, len(scripts), "migrations")
        reports: Sequence[ScriptReport] = session.rehearse(scripts, ctx.stop)
        return reports
    return _on_clone(ctx, reach, resource, scripts)


def _on_clone(ctx: TaskContext, reach: Reach, resource: Resource, scripts: Sequence[Script]) -> list[ScriptReport]:
    engine, spec = reach.engine(resource), reach.spec(resource)
    secrets = {name: tokens.token_urlsafe(24) for name in engine.needs(spec)[1]}
    scratch = scratch_of(ctx)
    own = reach.tools(resource, scratch)
    source = engine.connect(reach.endpoint(resource), own, "admin")
    try:
        size = asyncio.run(source.inspect("shallow")).bytes or 0
        reach.require_space(2 * size, "a clone")
        with reach.hosts.scratch(engine, spec, resource.name, secrets, scratch) as endpoint:
            tools = reach.hosts.tools(None, engine.software(spec), scratch)
            asyncio.run(engine.prepare(endpoint, spec, tools))
            target = engine.connect(endpoint, tools, "admin")
            try:
                copy_through(
                    source, target, scratch, ctx.stop, lambda done: ctx.progress("cloning", done, size, "bytes")
                )
            finally:
                asyncio.run(target.close())
            crash_point("rehearse.cloned")
            with scripting(reach, resource, endpoint, tools, "owner") as clone:
                return [clone.run_script(script, ctx.stop) for script in scripts]
    finally:
        asyncio.run(source.close())
