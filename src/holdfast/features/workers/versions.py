"""Versions: code taken in, looked at, compared; the oldest let go."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import sqlalchemy as sa

from holdfast.features.access.actor import Actor, hidden, no_such
from holdfast.features.limits.quota import Quotas
from holdfast.features.workers import store
from holdfast.features.workers.archive import checked_files, digest_of, listed
from holdfast.features.workers.config import kept, needs_packages, read_config
from holdfast.features.workers.diffing import Difference, difference
from holdfast.features.workers.guard import found, found_version, record
from holdfast.features.workers.model import Version, Worker
from holdfast.features.workers.shelf import Shelf
from holdfast.jobs import Jobs, Run
from holdfast.kernel.clock import Clock
from holdfast.kernel.db import Database
from holdfast.kernel.errors import Invalid, NotFound
from holdfast.kernel.ids import new_id
from holdfast.web.idempotency import NEVER, Once

KEPT_VERSIONS = 50
BUILD = "worker.build"
_READ_BYTES = 1 << 20


@dataclass(frozen=True)
class Upload:
    """Files by path, and what was said with them. `config` None: the project file among them counts."""

    files: Mapping[str, bytes]
    tag: str | None = None
    message: str = ""
    config: Mapping[str, Any] | None = None
    environment: str | None = None  # of the project file: `env.NAME`
    base: str | None = None  # a version of the same worker whose other files are taken over
    removed: Sequence[str] = ()  # of the base's files, those that are not


class VersionsService:
    """A version never changes but for its state and tag. It goes only with its worker, or when fifty newer ones are
    there."""

    def __init__(
        self,
        db: Database,
        jobs: Jobs,
        shelf: Shelf,
        quotas: Quotas,
        clock: Clock,
        told: Callable[[], None],
        node: str | None = None,
    ) -> None:
        """`told`: after each commit that changes by which word a version is asked for. `node`: whose shelf it is, and
        whose runners install packages for what lies on it."""
        self._node = node
        self._quotas, self._told = quotas, told
        self._db = db
        self._jobs = jobs
        self._shelf = shelf
        self._clock = clock

    def require(self, actor: Actor, worker_id: str) -> Worker:
        """For whoever is about to read a body: the worker, if `actor` may upload to it."""
        with self._db.read() as conn:
            return found(conn, actor, worker_id, "worker.deploy")

    def upload(self, actor: Actor, worker_id: str, upload: Upload, once: Once = NEVER) -> tuple[Version, Run | None]:
        """The version: ready, unless packages must be installed first; then building, with the run that does it.

        Raises Invalid("wrangler_missing", "wrangler_invalid", "main_missing", "archive_refused"), LimitExceeded,
        Limited("quota_exceeded").
        """
        self.require(actor, worker_id)
        files = checked_files(self._with_base(actor, worker_id, upload))
        config = read_config(files, upload.config, upload.environment)
        builds = needs_packages(files)
        version_id = new_id("wver")
        self._shelf.put(worker_id, version_id, files)
        try:
            with self._db.write() as conn:
                worker = found(conn, actor, worker_id, "worker.deploy")
                once.check(conn)
                self._quotas.spend(conn, actor, worker.project_id, "versions")
                made = self._insert(conn, actor, worker, version_id, upload, files, kept(config), builds)
                run = self._build(conn, actor, made) if builds else None
                if run is not None:
                    made = replace(made, run_id=run.id)
                    store.begin_build(conn, made.id, run.id)
                gone = self._trim(conn, worker_id)
                once.keep(conn, made)
        except BaseException:
            self._shelf.remove(worker_id, version_id)
            raise
        for each in gone:
            self._shelf.remove(worker_id, each.id)
        return made, run

    def list(self, actor: Actor, worker_id: str, *, before: int | None = None, limit: int = 50) -> Sequence[Version]:
        with self._db.read() as conn:
            worker = found(conn, actor, worker_id, "worker.read", deleted=True)
            return store.versions(conn, worker.id, before=before, limit=limit)

    def get(self, actor: Actor, version_id: str) -> Version:
        with self._db.read() as conn:
            return found_version(conn, actor, version_id, "worker.read")

    def tag(self, actor: Actor, version_id: str, tag: str | None) -> Version:
        """Give a version another tag, or none; audited. Another version may have the same: the newest is meant."""
        with self._db.write() as conn:
            before = found_version(conn, actor, version_id, "worker.deploy")
            made = store.tag_version(conn, before.id, tag)
            if made is None:
                raise NotFound("this version is gone", code="worker_version_not_found")
            said = {"version_id": made.id, "number": made.number, "before": before.tag, "tag": tag}
            record(conn, actor, made, "worker.version.tag", said)
        self._told()
        return made

    def content(self, actor: Actor, version_id: str, path: str) -> bytes:
        """One file as it was uploaded. Raises NotFound("file_not_found"), Invalid for one larger than a megabyte."""
        version = self.get(actor, version_id)
        entry = next((each for each in version.files if each["path"] == path), None)
        if entry is None:
            raise NotFound("there is no such file in this version", code="file_not_found")
        if entry["size"] > _READ_BYTES:
            raise Invalid("this file is larger than a megabyte", code="file_too_large")
        return self._shelf.read(version.worker_id, version.id, path)

    def diff(self, actor: Actor, version_id: str, other_id: str | None = None) -> Difference:
        """What `version_id` changes against the other one, by default the one before it."""
        with self._db.read() as conn:
            version = found_version(conn, actor, version_id, "worker.read")
            if other_id is not None:
                other: Version | None = found_version(conn, actor, other_id, "worker.read")
            else:
                other = next(iter(store.versions(conn, version.worker_id, before=version.number, limit=1)), None)
        return difference(self._shelf, other, version)

    def _with_base(self, actor: Actor, worker_id: str, upload: Upload) -> Mapping[str, bytes]:
        """What was sent, over the files of the version it goes on from. Raises NotFound for another worker's."""
        if upload.base is None:
            return upload.files
        with self._db.read() as conn:
            base = store.version(conn, upload.base)
        if base is None:
            raise no_such("worker_version")
        if not actor.sees(base.place) or base.worker_id != worker_id:
            raise hidden("worker_version")
        paths = [each["path"] for each in base.files]
        left_out = {*upload.removed, *upload.files}
        kept_files = {path: self._shelf.read(worker_id, base.id, path) for path in paths if path not in left_out}
        return {**kept_files, **upload.files}

    def _insert(
        self,
        conn: sa.Connection,
        actor: Actor,
        worker: Worker,
        version_id: str,
        upload: Upload,
        files: Mapping[str, bytes],
        config: Mapping[str, Any],
        builds: str | None,
    ) -> Version:
        entries = listed(files)
        made = Version(
            id=version_id,
            project_id=worker.project_id,
            environment_id=worker.environment_id,
            worker_id=worker.id,
            number=store.next_version(conn, worker.id),
            tag=upload.tag,
            message=upload.message,
            config={**config, "packages": builds},
            files=entries,
            digest=digest_of(entries),
            size=sum(map(len, files.values())),
            state="building" if builds else "ready",
            error=None,
            packages=None,
            run_id=None,
            token=new_token(),
            created_by=actor.id,
            created_at=self._clock.now(),
        )
        store.insert_version(conn, made)
        said = {"version_id": made.id, "number": made.number, "tag": made.tag, "digest": made.digest}
        record(conn, actor, made, "worker.version.create", said)
        return made

    def _build(self, conn: sa.Connection, actor: Actor, made: Version) -> Run:
        return self._jobs.submit(
            conn,
            kind=BUILD,
            actor=actor.id,
            project_id=made.project_id,
            environment_id=made.environment_id,
            input={"version_id": made.id},
            node=self._node,
        )

    @staticmethod
    def _trim(conn: sa.Connection, worker_id: str) -> Sequence[Version]:
        """All but the newest fifty go, and what is deployed stays."""
        deployed = store.deployment(conn, worker_id)
        used = {each["version_id"] for each in deployed.versions} if deployed else set()
        gone = [each for each in store.older_versions(conn, worker_id, KEPT_VERSIONS) if each.id not in used]
        for each in gone:
            store.forget_version(conn, each.id)
        return gone


def new_token() -> str:
    """128 bits in letters and digits: a directory of that name holds the version's sockets."""
    return secrets.token_hex(16)
