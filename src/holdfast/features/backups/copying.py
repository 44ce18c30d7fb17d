"""Copies out of production: who may make them, and how they are masked before anyone can look."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any, Protocol

import sqlalchemy as sa

from holdfast.contract.engine import Session
from holdfast.contract.query import QueryLimits
from holdfast.features.access.actor import Actor
from holdfast.features.access.grants import Place
from holdfast.features.masking.service import chosen
from holdfast.features.projects import store as projects
from holdfast.features.projects.model import Environment
from holdfast.jobs.model import TaskContext
from holdfast.kernel.errors import Conflict, HoldfastError, Permanent


class Copied(Protocol):
    """What is copied: a snapshot, or a database."""

    @property
    def place(self) -> Place: ...
    @property
    def project_id(self) -> str: ...
    @property
    def environment_id(self) -> str: ...
    @property
    def engine(self) -> str: ...


LONGEST_SECONDS = 6 * 3600.0


def check_copy(
    conn: sa.Connection, actor: Actor, copied: Copied, target: Environment, masking: str | None
) -> Mapping[str, Any] | None:
    """The masking to apply, as it is written now: a profile that changes while the run waits changes nothing.

    Raises Denied without snapshot.copy.lower when the data leaves production, Conflict("masking_required") when its
    environment wants every copy masked, NotFound or Conflict for a profile that is not there or for another engine.
    """
    source = projects.environment(conn, copied.environment_id)
    leaves = source is not None and source.kind == "production" and target.kind != "production"
    if leaves:
        actor.require("snapshot.copy.lower", copied.place, noun="snapshot")
    if masking:
        profile = chosen(conn, copied.project_id, masking, copied.engine)
        return {
            "profile_id": profile.id,
            "name": profile.name,
            "version": profile.version,
            "statements": list(profile.statements),
        }
    if leaves and source is not None and source.masking_required:
        raise Conflict(
            f"copies out of {source.name!r} must be masked",
            code="masking_required",
            hint="Name a masking profile (see `holdfast masking list`).",
            details={"environment_id": source.id},
        )
    return None


def mask(ctx: TaskContext, session: Session, masking: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Run every statement in order. Raises Permanent("masking_failed") at the first that fails: the caller removes the
    copy then, since a half-masked one would show what it must not.

    The statement's own error is not repeated: servers put values of rows into their messages.
    """
    done = []
    statements = list(masking["statements"])
    for number, statement in enumerate(statements, 1):
        ctx.progress("masking", number - 1, len(statements), "statements")
        ctx.stop.check()
        try:
            affected = asyncio.run(_run(session, statement, ctx))
        except HoldfastError as error:
            ctx.stop.check()
            raise Permanent(
                f"statement {number} of the masking profile {masking['name']!r} failed",
                code="masking_failed",
                hint="Try the profile's statements on a copy that was restored into production, then restore again.",
                details={"statement": number, "error": error.code},
            ) from None
        done.append({"statement": number, "affected": affected})
    ctx.progress("masking", len(statements), len(statements), "statements")
    return done


async def _run(session: Session, statement: str, ctx: TaskContext) -> int | None:
    affected = None
    limits = QueryLimits(rows=1, seconds=LONGEST_SECONDS, write=True, stop=ctx.stop)
    async for batch in session.query(statement, (), limits):
        affected = batch.affected if batch.affected is not None else affected
    return affected
