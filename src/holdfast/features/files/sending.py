"""Giving a file to whoever holds a link: the signature, the maker's right, the quota, then the bytes."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import sqlalchemy as sa

from holdfast.contract.tools import Tools
from holdfast.features.access import store as access_store
from holdfast.features.access.actor import Actor
from holdfast.features.access.grants import Place
from holdfast.features.access.model import api_keys
from holdfast.features.access.roles import grants_of
from holdfast.features.backups import store as backups
from holdfast.features.backups.browse import BrowseService
from holdfast.features.backups.model import Snapshot
from holdfast.features.databases.reach import Reach
from holdfast.features.files import store
from holdfast.features.files.links import PASSPHRASE, SIGNING, record
from holdfast.features.files.model import Download
from holdfast.features.files.naming import file_name, member_name
from holdfast.features.files.ranges import Span
from holdfast.features.files.signing import Signed
from holdfast.features.limits.quota import Quotas
from holdfast.kernel.clock import Clock
from holdfast.kernel.db import Database
from holdfast.kernel.errors import NotFound, Retryable, Unauthenticated
from holdfast.kernel.ids import is_id
from holdfast.kernel.secrets import Secrets
from holdfast.kernel.stop import Stop
from holdfast.vault.plain.encoding import encoded, plain_file
from holdfast.vault.plain.guide import guide
from holdfast.vault.plain.wish import FileWish
from holdfast.vault.plain.zipping import ZipMember, zipped

MOST_AT_ONCE = 8


@dataclass(frozen=True)
class Shown:
    """A link as it was presented."""

    download_id: str
    expires: int
    signature: str
    method: str = "GET"


class Slots:
    """How many files are made at once: each takes memory and threads, and a link can be opened by many."""

    def __init__(self, most: int) -> None:
        self._free = most
        self._lock = threading.Lock()

    def require(self) -> None:
        """Raises Retryable when all are taken."""
        with self._lock:
            if self._free <= 0:
                raise Retryable(
                    "too many downloads at the moment", code="too_many_downloads", hint="Try again in a minute."
                )

    def held(self, pieces: Iterator[bytes]) -> Iterator[bytes]:
        """The same pieces, in a slot from the first to the last of them, or until closed."""
        with self._lock:
            self._free -= 1
        try:
            yield from pieces
        finally:
            with self._lock:
                self._free += 1


class SendingService:
    """A stranger learns nothing: every link that is not right has the same answer."""

    def __init__(
        self,
        db: Database,
        browse: BrowseService,
        reach: Reach,
        secrets: Secrets,
        quotas: Quotas,
        clock: Clock,
        scratch: Path,
    ) -> None:
        self._db = db
        self._browse = browse
        self._reach = reach
        self._secrets = secrets
        self._quotas = quotas
        self._clock = clock
        self._scratch = scratch
        self._slots = Slots(MOST_AT_ONCE)

    def look(self, shown: Shown) -> Download:
        """The link, if it is one and still good. Raises Unauthenticated("link_invalid")."""
        with self._db.read() as conn:
            return self._good(conn, shown)[0]

    def open(self, shown: Shown, span: Span | None) -> Iterator[bytes]:
        """The file's bytes, or those of `span`. A link for one use is used up by this, the quota spent, the use on
        record, before the first byte leaves. Raises Unauthenticated, Limited, NotFound, Conflict, Retryable (code
        "too_many_downloads", which uses nothing up)."""
        self._slots.require()
        with self._db.write() as conn:
            download, snapshots = self._good(conn, shown)
            if span is None or span.first == 0:  # going on where it broke off is not another download
                maker = _maker(conn, download, snapshots, self._clock.now())
                self._quotas.spend_download(conn, maker or _nobody(download), download.project_id, len(snapshots))
            passphrase = self._secrets.all(conn, download.project_id, download.id).get(PASSPHRASE)
            state = "used" if download.once else "open"
            values = {"state": state, "uses": download.uses + 1, "used_at": self._clock.now()}
            if store.change(conn, download.id, states=("open",), **values) is None:
                raise _invalid()
            details = {"first": span.first, "last": span.last} if span else {}
            record(conn, download.created_by, download, "download.use", details)
        wish = FileWish.of(download.wish, passphrase)
        if download.members is not None:
            return self._slots.held(zipped(self._members(snapshots, wish)))
        return self._slots.held(self._bytes(snapshots[0], wish, span))

    def _members(self, snapshots: Sequence[Snapshot], wish: FileWish) -> Iterator[ZipMember]:
        """Each snapshot's file behind its RESTORE.md, opened when its turn comes."""
        stop, taken = Stop(), set[str]()
        try:
            for snapshot in snapshots:
                at = (snapshot.taken_at or snapshot.created_at).astimezone(UTC)
                if wish.form == "stored":
                    file = self._browse.stored(snapshot)
                    name = member_name(file.name, snapshot.id, taken)
                    yield ZipMember(f"{name}.RESTORE.md", at, iter([file.guide.encode()]))
                    yield ZipMember(name, at, file.read(0, stop))
                    continue
                with self._browse.opened(snapshot) as source:
                    made = plain_file(self._reach.engines, snapshot.engine, source, wish, at)
                    name = member_name(file_name(snapshot, made, wish), snapshot.id, taken)
                    yield ZipMember(f"{name}.RESTORE.md", at, iter([guide(name, made, wish).encode()]))
                    yield ZipMember(name, at, encoded(made, source, wish, self._tools(wish), stop))
        finally:
            stop.stop("the download ended")

    def _bytes(self, snapshot: Snapshot, wish: FileWish, span: Span | None) -> Iterator[bytes]:
        stop = Stop()
        taken = (snapshot.taken_at or snapshot.created_at).astimezone(UTC)
        if wish.form == "stored":
            whole = self._browse.stored(snapshot).read(span.first if span else 0, stop)
            yield from whole if span is None else _first(whole, span.length)
            return
        source = self._browse.opened(snapshot)
        try:
            made = plain_file(self._reach.engines, snapshot.engine, source, wish, taken)
            pieces = encoded(made, source, wish, self._tools(wish), stop, span.first if span else 0)
            yield from pieces if span is None else _first(pieces, span.length)
        finally:
            stop.stop("the download ended")
            source.close()

    def _tools(self, wish: FileWish) -> Tools | None:
        if wish.sealing != "gpg":
            return None
        self._scratch.mkdir(mode=0o700, parents=True, exist_ok=True)
        return self._reach.hosts.tools(None, None, self._scratch)

    def _good(self, conn: sa.Connection, shown: Shown) -> tuple[Download, Sequence[Snapshot]]:
        download = store.get(conn, shown.download_id)
        if download is None or download.state != "open":
            raise _invalid()
        key = self._secrets.all(conn, download.project_id, download.id).get(SIGNING)
        expires = int(download.expires_at.timestamp())
        signed = Signed(download.id, download.covers, shown.expires)
        if key is None or not signed.matches(key, shown.signature, shown.method) or shown.expires != expires:
            raise _invalid()
        rows = backups.by_ids(conn, download.snapshot_ids)
        now = self._clock.now()
        if now >= download.expires_at or _maker(conn, download, list(rows.values()), now) is None:
            raise _invalid()
        snapshots = [rows[each] for each in download.snapshot_ids if each in rows and rows[each].state == "ready"]
        if len(snapshots) != len(download.snapshot_ids):
            raise NotFound("this snapshot is no longer there", code="snapshot_gone")
        return download, snapshots


def _maker(conn: sa.Connection, download: Download, snapshots: Sequence[Snapshot], now: datetime) -> Actor | None:
    """Whoever made the link, if they may still download all of this."""
    places = [each.place for each in snapshots] or [download.place]
    maker = download.created_by
    if is_id(maker, "key"):
        c = api_keys.c
        owner = conn.execute(sa.select(c.owner_id, c.revoked_at, c.expires_at).where(c.id == maker)).first()
        if owner is None or owner.revoked_at is not None or (owner.expires_at is not None and owner.expires_at <= now):
            return None
        if owner.owner_id is not None and _person(conn, owner.owner_id, places) is None:
            return None
        return Actor(maker, "key", maker, ())
    if is_id(maker, "usr"):
        return _person(conn, maker, places)
    return _nobody(download)


def _person(conn: sa.Connection, user_id: str, places: Sequence[Place]) -> Actor | None:
    user = access_store.user(conn, user_id)
    if user is None or user.disabled_at is not None:
        return None
    actor = Actor(user.id, "user", user.email, grants_of(conn, user))
    return actor if all(actor.may("snapshot.download", place) for place in places) else None


def _nobody(download: Download) -> Actor:
    """Who reached admin.sock, or a plan: no account whose right could have ended."""
    return Actor(download.created_by, "local", download.created_by, ())


def _first(pieces: Iterator[bytes], left: int) -> Iterator[bytes]:
    for piece in pieces:
        yield piece[:left]
        left -= len(piece)
        if left <= 0:
            return


def _invalid() -> Unauthenticated:
    return Unauthenticated(
        "this link is not valid: wrong, expired, used or revoked", code="link_invalid", hint="Ask for another one."
    )
