"""Signed links to downloads: making, listing, revoking them, and what a project asks of files."""

from __future__ import annotations

import secrets as tokens
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, timedelta
from typing import Any

import sqlalchemy as sa

from holdfast.contract.registry import Registry
from holdfast.features.access.actor import Actor, no_such
from holdfast.features.backups import store as backups
from holdfast.features.backups.browse import BrowseService
from holdfast.features.backups.model import Snapshot
from holdfast.features.backups.service import found as found_snapshot
from holdfast.features.backups.service import require_ready
from holdfast.features.files import store
from holdfast.features.files.model import Asked, Download, Lives, downloads
from holdfast.features.files.naming import file_name, member_name
from holdfast.features.files.signing import Signed
from holdfast.features.projects.scope import project_of
from holdfast.kernel import audit
from holdfast.kernel.clock import Clock
from holdfast.kernel.db import Database
from holdfast.kernel.errors import Conflict, Invalid, LimitExceeded
from holdfast.kernel.ids import new_id
from holdfast.kernel.secrets import Secrets
from holdfast.vault.plain.encoding import etag_of, plain_file
from holdfast.vault.plain.guide import guide, zip_guide
from holdfast.vault.plain.wish import FileWish
from holdfast.web.idempotency import NEVER, Once

SIGNING, PASSPHRASE = "signing", "passphrase"  # names of secrets, not their values
MOST_OPEN = 1000  # per project
MOST_LIFE = 366 * 24 * 3600


@dataclass(frozen=True)
class Made:
    """`path` is below the API's root, with its signature: shown once. `guide` is the file's RESTORE.md."""

    download: Download
    path: str
    guide: str


class LinksService:
    """A link is what its maker may do: it stops with their right to it, and is checked again at every use."""

    def __init__(
        self, db: Database, browse: BrowseService, engines: Registry, secrets: Secrets, lives: Lives, clock: Clock
    ) -> None:
        self._db = db
        self._browse = browse
        self._engines = engines
        self._secrets = secrets
        self._lives = lives
        self._clock = clock

    def create(
        self,
        actor: Actor,
        snapshot_id: str,
        wish: FileWish,
        *,
        said: bool,
        seconds: int | None = None,
        single: bool = False,
        once: Once = NEVER,
    ) -> Made:
        """`said`: whether encryption was named, be it "none". Raises Invalid (codes of `FileWish.check`,
        "encryption_unsaid", "seconds_invalid"), Conflict ("encryption_required", "plain_unsupported")."""
        with self._db.read() as conn:
            snapshot = found_snapshot(conn, actor, snapshot_id, "snapshot.download")
            asked = store.policy(conn, snapshot.project_id)
            life = self._life(conn, seconds)
        self._first(wish, once)
        name, size, text = self._described(snapshot, wish, asked, said=said)
        download = self._download(actor, [snapshot], wish, life, name, single=single)
        download = replace(download, etag=etag_of(snapshot.restic_id or "", wish), size=size if wish.seekable else None)
        return self._kept(actor, download, wish, text, once)

    def create_zip(
        self,
        actor: Actor,
        snapshot_ids: Sequence[str],
        wish: FileWish,
        *,
        said: bool,
        seconds: int | None = None,
        single: bool = False,
        once: Once = NEVER,
    ) -> Made:
        """One link to the files of several snapshots of one project. As `create`, of each of them; and Invalid
        ("snapshots_apart")."""
        ids = list(dict.fromkeys(snapshot_ids))
        if len(ids) == 1:
            return self.create(actor, ids[0], wish, said=said, seconds=seconds, single=single, once=once)
        with self._db.read() as conn:
            rows = backups.by_ids(conn, ids)
            snapshots = [allowed(actor, rows.get(each)) for each in ids]
            if len({each.project_id for each in snapshots}) != 1:
                raise Invalid("these snapshots are of several projects", code="snapshots_apart")
            asked = store.policy(conn, snapshots[0].project_id)
            life = self._life(conn, seconds)
        self._first(wish, once)
        taken: set[str] = set()
        names = []
        for snapshot in snapshots:
            name = self._described(snapshot, wish, asked, said=said)[0]
            names.append(member_name(name, snapshot.id, taken))
        download = self._download(actor, snapshots, wish, life, "", single=single)
        download = replace(download, name=f"snapshots-{self._clock.now():%Y%m%d-%H%M%S}-{download.id}.zip")
        return self._kept(actor, download, wish, zip_guide(download.name, names), once)

    def _first(self, wish: FileWish, once: Once) -> None:
        with self._db.write() as conn:
            once.check(conn)
        wish.check()

    def _download(
        self, actor: Actor, snapshots: Sequence[Snapshot], wish: FileWish, life: int, name: str, *, single: bool
    ) -> Download:
        """Of one, or of all as a zip. Where they are is what they have in common."""
        now, (first, *more) = self._clock.now(), snapshots
        environments, resources = ({getattr(s, part) for s in snapshots} for part in ("environment_id", "resource_id"))
        return Download(
            id=new_id("dl"),
            project_id=first.project_id,
            environment_id=first.environment_id if len(environments) == 1 else "",
            resource_id=first.resource_id if len(resources) == 1 else "",
            snapshot_id="" if more else first.id,
            created_by=actor.id,
            created_at=now,
            expires_at=(now + timedelta(seconds=life)).replace(microsecond=0),
            state="open",
            once=single,
            wish=wish.as_json(),
            name=name,
            etag=None,
            size=None,
            uses=0,
            used_at=None,
            members=[each.id for each in snapshots] if more else None,
        )

    def _kept(self, actor: Actor, download: Download, wish: FileWish, text: str, once: Once) -> Made:
        key = tokens.token_urlsafe(32)
        now = download.created_at
        with self._db.write() as conn:
            once.check(conn)
            if store.count_open(conn, download.project_id, now) >= MOST_OPEN:
                raise LimitExceeded(
                    f"this project has {MOST_OPEN} open links", code="too_many_links", hint="Revoke some, or wait."
                )
            store.insert(conn, download)
            self._secrets.put(conn, download.project_id, download.id, SIGNING, key)
            if wish.passphrase is not None:
                self._secrets.put(conn, download.project_id, download.id, PASSPHRASE, wish.passphrase)
            record(conn, actor.id, download, "download.create", {"wish": _told(wish), "once": download.once})
            made = Made(download, path_of(download, key), text)
            once.keep(conn, made)
        return made

    def list(
        self, actor: Actor, *, project_id: str | None, snapshot_id: str | None, after: str | None, limit: int
    ) -> Sequence[Download]:
        """Newest first, also those that were used, revoked or have expired; forgotten after a week."""
        actor.require_within("snapshot.download", project_id)
        own = sa.and_(downloads.c.created_by == actor.id, downloads.c.snapshot_id == "")
        visible = sa.or_(actor.visible("snapshot.download", store.COLUMNS), own)
        with self._db.read() as conn:
            return store.page(conn, visible, project_id=project_id, snapshot_id=snapshot_id, after=after, limit=limit)

    def get(self, actor: Actor, download_id: str) -> Download:
        with self._db.read() as conn:
            return _found(conn, actor, download_id)

    def revoke(self, actor: Actor, download_id: str) -> Download:
        """Its key is destroyed; a transfer that is going on ends by itself. Revoked again, stays so."""
        with self._db.write() as conn:
            download = _found(conn, actor, download_id)
            changed = store.change(conn, download.id, states=("open", "used"), state="revoked")
            if changed is None:
                return download
            self._secrets.delete_resource(conn, download.project_id, download.id)
            record(conn, actor.id, download, "download.revoke", {})
            return changed

    def policy(self, actor: Actor, project_id: str) -> Asked:
        with self._db.read() as conn:
            project_of(conn, actor, project_id, "project.read")
            return store.policy(conn, project_id)

    def put_policy(self, actor: Actor, project_id: str, encryption: Asked) -> Asked:
        """ "optional"; "asked": none must be said; "required": none is refused. Links that exist stay as they are."""
        with self._db.write() as conn:
            project_of(conn, actor, project_id, "project.update")
            before = store.policy(conn, project_id)
            store.put_policy(conn, project_id, encryption, actor.id, self._clock.now())
            details = {"encryption": {"from": before, "to": encryption}}
            audit.record(conn, actor=actor.id, action="project.file_policy", project_id=project_id, details=details)
        return encryption

    def lives(self, actor: Actor) -> Lives:
        """How long links live; who may make one may know."""
        actor.require("snapshot.download")
        with self._db.read() as conn:
            return store.lives(conn) or self._lives

    def put_lives(self, actor: Actor, lives: Lives) -> Lives:
        """From the next link on, on every node; those that exist end when they say. Raises Invalid
        ("seconds_invalid")."""
        actor.require_everywhere("system.admin")
        actor.require_step_up()
        if not 1 <= lives.default <= lives.most <= MOST_LIFE:
            raise Invalid(f"default_seconds is 1 to most_seconds, and that at most {MOST_LIFE}", code="seconds_invalid")
        with self._db.write() as conn:
            before = store.lives(conn) or self._lives
            store.put_lives(conn, lives, actor.id, self._clock.now())
            details = {"from": asdict(before), "to": asdict(lives)}
            audit.record(conn, actor=actor.id, action="download.life", details=details)
        return lives

    def _life(self, conn: sa.Connection, seconds: int | None) -> int:
        lives = store.lives(conn) or self._lives
        life = min(lives.default, lives.most) if seconds is None else seconds
        if not 1 <= life <= lives.most:
            raise Invalid(f"a link lives 1 to {lives.most} seconds", code="seconds_invalid")
        return life

    def _described(self, snapshot: Snapshot, wish: FileWish, asked: Asked, *, said: bool) -> tuple[str, int, str]:
        """(name, bytes before packing, RESTORE.md)."""
        if wish.form == "stored":
            file = self._browse.stored(snapshot)
            _require_sealing(asked, file.encryption, said)
            return file.name, file.size, file.guide
        _require_sealing(asked, wish.sealing, said)
        require_ready(snapshot)
        taken = (snapshot.taken_at or snapshot.created_at).astimezone(UTC)
        with self._browse.opened(snapshot) as source:
            made = plain_file(self._engines, snapshot.engine, source, wish, taken)
        name = file_name(snapshot, made, wish)
        return name, made.size, guide(name, made, wish)


def path_of(download: Download, key: str) -> str:
    signed = Signed(download.id, download.covers, int(download.expires_at.timestamp()))
    return f"/downloads/{download.id}/content?expires={signed.expires}&signature={signed.signature(key)}"


def record(conn: sa.Connection, actor: str, download: Download, action: str, details: Mapping[str, Any]) -> None:
    audit.record(
        conn,
        actor=actor,
        action=action,
        project_id=download.project_id,
        environment_id=download.environment_id or None,
        resource_id=download.resource_id or None,
        details={"download_id": download.id, "snapshot_id": download.covers, **details},
    )


def _told(wish: FileWish) -> dict[str, Any]:
    """What the audit log keeps: how many recipients, not who."""
    return {**wish.as_json(), "recipients": len(wish.recipients)}


def _require_sealing(asked: Asked, sealing: str, said: bool) -> None:
    if sealing != "none" or asked == "optional":
        return
    if asked == "required":
        raise Conflict(
            "this project's files leave it encrypted only", code="encryption_required", hint="Name age, gpg or aes256."
        )
    if not said:
        raise Invalid(
            "this project asks for encrypted files",
            code="encryption_unsaid",
            hint='Name age, gpg or aes256; or say encryption "none".',
        )


def _found(conn: sa.Connection, actor: Actor, download_id: str) -> Download:
    download = store.get(conn, download_id)
    if download is not None and download.members is not None and download.created_by == actor.id:
        actor.require("snapshot.download")
        return download  # it may be of places that have nothing in common but their project
    actor.require("snapshot.download", download.place if download else None, noun="download")
    if download is None:
        raise no_such("download")
    return download


def allowed(actor: Actor, snapshot: Snapshot | None) -> Snapshot:
    """Absent and foreign look the same."""
    actor.require("snapshot.download", snapshot.place if snapshot else None, noun="snapshot")
    if snapshot is None:
        raise no_such("snapshot")
    return snapshot
