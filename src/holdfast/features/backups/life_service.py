"""What people ask of a repository's life: taking one in, its password, a copy of it, its end."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import sqlalchemy as sa

from holdfast.features.access.actor import Actor, no_such
from holdfast.features.backups import store
from holdfast.features.backups.adopting import Stored, stored
from holdfast.features.backups.format_registry import require
from holdfast.features.backups.formats import Opened, restic
from holdfast.features.backups.keys import Keys
from holdfast.features.backups.kinds import KINDS, Credential, described, overlaps
from holdfast.features.backups.model import RepositoryRow, Snapshot
from holdfast.features.backups.repository_service import CloudWish, on_this_disk
from holdfast.features.databases import store as databases
from holdfast.features.databases.names import checked_name
from holdfast.features.projects.scope import environment_of, project_of
from holdfast.jobs import Jobs, Run
from holdfast.kernel import audit
from holdfast.kernel.clock import Clock
from holdfast.kernel.db import Database
from holdfast.kernel.errors import Conflict, Invalid
from holdfast.kernel.ids import new_id
from holdfast.vault.plain.keys import id_of
from holdfast.vault.repository import Repository, TreeEntry

_THERE = ("ready", "failed", "forgotten", "forgetting")


@dataclass(frozen=True)
class AdoptWish:
    """An existing repository: in a directory of this machine, or in a bucket. `environment_id`: where databases that
    this project does not have are shown."""

    project_id: str
    name: str
    environment_id: str
    password: str = field(repr=False)
    path: str | None = None
    cloud: CloudWish | None = None


class RepositoryLifeService:
    """Every verb takes the actor first and raises Denied or NotFound before it reads or writes anything else."""

    def __init__(self, db: Database, jobs: Jobs, keys: Keys, clock: Clock) -> None:
        self._db = db
        self._jobs = jobs
        self._keys = keys
        self._clock = clock

    # -- taking one in -----------------------------------------------------------------------------------------

    def adopt(self, actor: Actor, wish: AdoptWish) -> tuple[RepositoryRow, Run]:
        """Opened with its password first: nothing is kept of one that does not open. A directory of this machine takes
        the permission `system.admin`: it could be anybody's."""
        with self._db.read() as conn:
            self._allowed(conn, actor, wish)
        row = self._described(wish)
        credential = dict(wish.cloud.credential) if wish.cloud else {}
        if wish.cloud is not None:
            KINDS[row.kind].check(credential)
            self._keys.places.admit(row.kind, row.lies or {})
        place = self._keys.places.store(row, credential, lambda _id, _view: None, patience=0.0)
        repository, material, form = self._keys.adopted(row, place, wish.password)
        with self._db.write() as conn:
            self._allowed(conn, actor, wish)
            self._free(conn, row, repository)
            made = self._keys.insert(
                conn,
                wish.project_id,
                row.name,
                actor.id,
                kind=row.kind,
                password=material.password,
                credential=credential or None,
                lies=row.lies,
                location=row.location,
                format=form,
                settings=material.settings,
            )
            for each in material.older:
                self._keys.put_older(conn, made, id_of(each), each)
            values = {"state": "ready", "restic_id": repository.id}
            made = store.change(conn, RepositoryRow, made.id, **values) or made
            run = self._submit(conn, actor, made, "repository.adopt", {"environment_id": wish.environment_id})
            return made, run

    def _allowed(self, conn: sa.Connection, actor: Actor, wish: AdoptWish) -> None:
        project_of(conn, actor, wish.project_id, "repository.create")
        environment = environment_of(conn, actor, wish.environment_id, "repository.create")
        if environment.project_id != wish.project_id:
            raise no_such("environment")
        if wish.path is not None:
            actor.require_everywhere("system.admin")
        actor.require_step_up()

    def _described(self, wish: AdoptWish) -> RepositoryRow:
        name = checked_name(wish.name)
        if wish.cloud is not None:
            lies, location = described(wish.cloud.kind, wish.cloud.fields)
            return self._row(name, wish.cloud.kind, lies, location)
        return self._row(name, "local", *on_this_disk(self._keys, wish.path or ""))

    def _row(self, name: str, kind: str, lies: Mapping[str, Any], location: str) -> RepositoryRow:
        now = self._clock.now()
        row = RepositoryRow(new_id("repo"), "", name, kind, "ready", False, None, None, "", now)
        return replace(row, lies=lies, location=location)

    def _free(self, conn: sa.Connection, row: RepositoryRow, repository: Opened) -> None:
        if row.location is not None and any(overlaps(row.location, other) for other in store.locations(conn)):
            raise store.place_taken()
        if store.by_restic_id(conn, repository.id) is not None:
            raise Conflict(
                "this repository is known already",
                code="repository_known",
                hint="`holdfast repo list` shows it. A copy of its files is the same repository.",
            )

    def adopt_again(self, actor: Actor, repository_id: str, environment_id: str) -> tuple[RepositoryRow, Run]:
        """Rows for what came since, as another Holdfast may go on writing there."""
        with self._db.write() as conn:
            row = self._found(conn, actor, repository_id, "repository.create")
            if environment_of(conn, actor, environment_id, "repository.create").project_id != row.project_id:
                raise no_such("environment")
            return row, self._submit(conn, actor, row, "repository.adopt", {"environment_id": environment_id})

    # -- what is in it, as the repository itself knows -----------------------------------------------------------

    def contents(
        self, actor: Actor, repository_id: str, *, after: str | None = None, limit: int = 50
    ) -> Sequence[Stored]:
        """Every snapshot in the repository by its restic id, whoever made it, those after the id `after`."""
        found = sorted(stored(self._reached(actor, repository_id, "repository.read")), key=lambda each: each.info.id)
        return [each for each in found if after is None or each.info.id > after][:limit]

    def files(
        self, actor: Actor, repository_id: str, restic_id: str, *, after: str | None, limit: int
    ) -> Sequence[TreeEntry]:
        """The files of a snapshot that is no database's, by path. Raises Conflict for one of ours."""
        repository = self._foreign(self._reached(actor, repository_id, "snapshot.read"), restic_id)
        nodes = sorted(repository.nodes(restic_id).items())
        entries = [TreeEntry(path, node.size, node.type, {}) for path, node in nodes]
        return [entry for entry in entries if after is None or entry.path > after][:limit]

    def file(self, actor: Actor, repository_id: str, restic_id: str, path: str) -> tuple[int, Any]:
        """(size, bytes as they come), audited before the first leaves. Raises NotFound, Conflict for one of ours."""
        repository = self._foreign(self._reached(actor, repository_id, "snapshot.download"), restic_id)
        node = repository.nodes(restic_id).get(path)
        if node is None or node.type != "file":
            raise no_such("file")
        with self._db.write() as conn:
            row = self._found(conn, actor, repository_id, "snapshot.download")
            self._record(conn, actor, row, "repository.download", restic_id=restic_id, path=path)
        reader = repository.reader()
        pieces = (reader.read(node.content[at : at + 32]) for at in range(0, len(node.content), 32))
        return node.size, pieces

    def _reached(self, actor: Actor, repository_id: str, permission: str) -> Opened:
        with self._db.read() as conn:
            row = self._found(conn, actor, repository_id, permission)
        if row.state == "new":
            raise Conflict("nothing was stored in this repository yet", code="repository_new")
        return self._keys.open(row)

    @staticmethod
    def _foreign(repository: Opened, restic_id: str) -> Repository:
        found = next((each for each in stored(repository) if each.info.id == restic_id), None)
        if found is None:
            raise no_such("snapshot")
        if found.origin != "foreign":
            raise Conflict(
                "this snapshot is a Holdfast's: it is looked into as such",
                code="snapshot_ours",
                hint="holdfast snapshot show; one that is not listed is taken in by `holdfast repo adopt --again`.",
            )
        return restic(repository)

    # -- its password and its copy -------------------------------------------------------------------------------

    def rotate(self, actor: Actor, repository_id: str) -> tuple[RepositoryRow, Run]:
        """A new password; the old one stops working at the run's end. Recovery kits made before are stale then."""
        with self._db.write() as conn:
            row = self._found(conn, actor, repository_id, "repository.key.rotate")
            actor.require_step_up()
            _require_ready(row)
            return row, self._submit(conn, actor, row, "repository.rotate", {})

    def copy(self, actor: Actor, repository_id: str, into: str, *, switch: bool) -> tuple[RepositoryRow, Run]:
        """Every snapshot into another repository of the project, under that one's own key. `switch`: databases use the
        copies from then on, and the other one becomes the default where this one was. This one stays as it is."""
        with self._db.write() as conn:
            row = self._found(conn, actor, repository_id, "repository.key.rotate")
            target = self._found(conn, actor, into, "repository.key.rotate")
            if target.project_id != row.project_id:
                raise no_such("repository")
            actor.require_step_up()
            _require_ready(row)
            require(row, "copies")
            require(target, "copies")
            if target.id == row.id or target.state == "detached":
                raise Conflict("copy it into another repository that is in use", code="repository_same")
            if switch and target.serves not in (None, row.serves):
                raise Conflict("the other repository is for another environment", code="repository_environment")
            if row.node is not None and target.node not in (None, row.node):
                raise Conflict("the two are on the disks of different nodes", code="nodes_apart")
            values = {"into": target.id, "switch": switch}
            return row, self._submit(conn, actor, row, "repository.copy", values, node=row.node or target.node)

    def deletes(self, actor: Actor, repository_id: str, *, apart: bool, credential: Credential) -> RepositoryRow:
        """`apart`: with its own credential Holdfast only adds to it from now on, and deletes with this one, or not at
        all when none is given."""
        with self._db.write() as conn:
            row = self._found(conn, actor, repository_id, "repository.update")
            actor.require_step_up()
            if row.on_disk:
                raise Conflict("a repository on local disk has no credential", code="repository_local")
            if credential:
                KINDS[row.kind].check(credential)
            self._keys.put_delete_credential(conn, row, credential if apart else {})
            self._record(conn, actor, row, "repository.deletes", apart=str(apart).lower(), kept=str(bool(credential)))
            return store.change(conn, RepositoryRow, row.id, deletes_apart=apart) or row

    # -- its end ---------------------------------------------------------------------------------------------------

    def remove(
        self, actor: Actor, repository_id: str, confirm: str, *, files: bool, force: bool
    ) -> tuple[RepositoryRow, Run | None]:
        """Holdfast lets it alone from now on; its files stay, and `adopt` takes it in again. `files`: what is ours is
        deleted too, by a run. Refused while it holds what must not be lost: held snapshots, and without `force` the
        only good snapshot of a living database."""
        with self._db.write() as conn:
            row = self._found(conn, actor, repository_id, "repository.delete")
            actor.require_step_up()
            if confirm != row.name:
                raise Invalid(
                    "confirm must be the repository's name",
                    code="confirm_mismatch",
                    details={"fields": [{"field": "confirm", "message": "is not the name"}]},
                )
            if row.state == "detached":
                raise Conflict("it is detached already", code="repository_detached")
            self._must_be_dispensable(conn, row, files=files, force=force)
            self._let_go(conn, row)
            values: dict[str, Any] = {"state": "detached", "is_default": False, "location": None, "trouble": None}
            values["name"] = f"{row.name[:30]} {row.id[-16:]}"
            gone = store.change(conn, RepositoryRow, row.id, **values) or row
            if not files or row.state == "new":
                self._record(conn, actor, row, "repository.detach")
                return gone, None
            return gone, self._submit(conn, actor, row, "repository.delete", {})

    def _must_be_dispensable(self, conn: sa.Connection, row: RepositoryRow, *, files: bool, force: bool) -> None:
        if store.page(conn, Snapshot, repository_id=row.id, state="creating", limit=1):
            raise Conflict("a snapshot is being taken into it", code="repository_busy", hint="Wait for its run.")
        for snapshot in store.page(conn, Snapshot, repository_id=row.id, state="ready", limit=100_000):
            if snapshot.hold and files:
                raise Conflict(f"the snapshot {snapshot.id} in it is held", code="snapshot_held")
            if force or snapshot.verification == "red":
                continue
            resource = databases.get(conn, snapshot.resource_id)
            if resource is not None and resource.deleted_at is None and not store.good_elsewhere(conn, snapshot):
                raise Conflict(
                    f"it holds the only good snapshots of {resource.name!r}",
                    code="last_good_snapshot",
                    hint="Take one into another repository first, copy this one, or say force.",
                )

    def _let_go(self, conn: sa.Connection, row: RepositoryRow) -> None:
        error = {"code": "repository_detached", "message": f"its repository {row.name!r} was detached", "hint": None}
        values: dict[str, Any] = {"state": "deleted", "deleted_at": self._clock.now(), "error": error}
        for snapshot in store.page(conn, Snapshot, repository_id=row.id, state=list(_THERE), limit=100_000):
            store.change(conn, Snapshot, snapshot.id, **values)

    def _found(self, conn: sa.Connection, actor: Actor, repository_id: str, permission: str) -> RepositoryRow:
        row = store.get(conn, RepositoryRow, repository_id)
        actor.require(permission, row.place if row else None, noun="repository")
        if row is None:
            raise no_such("repository")
        return row

    def _submit(
        self,
        conn: sa.Connection,
        actor: Actor,
        row: RepositoryRow,
        kind: str,
        values: Mapping[str, Any],
        node: str | None = None,
    ) -> Run:
        run = self._jobs.submit(
            conn,
            kind=kind,
            actor=actor.id,
            project_id=row.project_id,
            input={"repository_id": row.id, **values},
            node=node or row.node,
        )
        self._record(conn, actor, row, kind, run_id=run.id, **{name: str(value) for name, value in values.items()})
        return run

    @staticmethod
    def _record(conn: sa.Connection, actor: Actor, row: RepositoryRow, action: str, **details: str) -> None:
        audit.record(
            conn,
            actor=actor.id,
            action=action,
            project_id=row.project_id,
            details={"repository_id": row.id, "name": row.name, **details},
        )


def _require_ready(row: RepositoryRow) -> None:
    if row.state != "ready":
        raise Conflict(f"the repository is {row.state}", code="repository_state")
