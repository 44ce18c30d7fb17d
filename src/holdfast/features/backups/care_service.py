"""Looking after repositories: checks of a part or of all, what they take, and repairs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from holdfast.features.access.actor import Actor
from holdfast.features.backups import proofs
from holdfast.features.backups.format_registry import require
from holdfast.features.backups.model import CheckRow, RepositoryRow
from holdfast.features.backups.repository_acts import found, record
from holdfast.jobs import Jobs, Run
from holdfast.kernel.db import Database
from holdfast.kernel.errors import Conflict, Invalid
from holdfast.vault.subset import Wish

Repair = Literal["report", "index"]


@dataclass(frozen=True)
class CheckWish:
    """`read_data`: every byte. `subset` ("1/7", "10%") or `within` ("30d") read a part. Raises Invalid."""

    read_data: bool = False
    subset: str | None = None
    within: str | None = None

    def __post_init__(self) -> None:
        Wish(self.subset, self.within)
        if self.read_data and (self.subset or self.within):
            raise Invalid("read everything or a part, not both", code="check_part")


class CareService:
    """Every verb takes the actor first and raises Denied or NotFound before it reads or writes anything else."""

    def __init__(self, db: Database, jobs: Jobs) -> None:
        self._db, self._jobs = db, jobs

    def check(self, actor: Actor, repository_id: str, wish: CheckWish) -> tuple[RepositoryRow, Run]:
        """A run that reads the structure, and what data was wished for."""
        asked = {"read_data": wish.read_data, "subset": wish.subset, "within": wish.within}
        return self._run(actor, repository_id, "repository.check", "repository.check", asked)

    def checks(self, actor: Actor, repository_id: str, after: str | None = None, limit: int = 50) -> Sequence[CheckRow]:
        """What was proven, how, when, and how long it took; newest first."""
        with self._db.read() as conn:
            row = found(conn, actor, repository_id, "repository.read")
            return proofs.checks(conn, row.id, after, limit)

    def usage(self, actor: Actor, repository_id: str) -> tuple[RepositoryRow, Run]:
        """A run that counts what is stored, for whom, and what no snapshot needs."""
        return self._run(actor, repository_id, "repository.check", "repository.usage", {})

    def repair(
        self, actor: Actor, repository_id: str, act: Repair, *, read_data: bool = False
    ) -> tuple[RepositoryRow, Run]:
        """ "report": what damage reaches, changing nothing. "index": makes the index again from the packs."""
        permission = "repository.check" if act == "report" else "repository.repair"
        asked = {"act": act, "read_data": read_data}
        return self._run(actor, repository_id, permission, "repository.repair", asked, needs="repairs")

    def _run(
        self,
        actor: Actor,
        repository_id: str,
        permission: str,
        kind: str,
        asked: Mapping[str, Any],
        *,
        needs: str = "",
    ) -> tuple[RepositoryRow, Run]:
        with self._db.write() as conn:
            row = found(conn, actor, repository_id, permission)
            if needs:
                require(row, needs)
            if row.state == "new":
                raise Conflict("nothing was stored in this repository yet", code="repository_new")
            run = self._jobs.submit(
                conn,
                kind=kind,
                actor=actor.id,
                project_id=row.project_id,
                input={"repository_id": row.id, **asked},
                node=row.node,
            )
            said = {name: str(value).lower() for name, value in asked.items() if value}
            record(conn, actor, row, kind, run_id=run.id, **said)
            return row, run
