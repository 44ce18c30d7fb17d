"""The lost server's metadata beside the new data directory, its secrets open and its repositories reached."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path

import sqlalchemy as sa

from holdfast.contract.snapshot import Manifest
from holdfast.features.backups.adopting import Stored, stored
from holdfast.features.backups.claims import claimed
from holdfast.features.backups.format_registry import format_of, found_at
from holdfast.features.backups.formats import Opened
from holdfast.features.backups.keys import PASSWORD, Keys
from holdfast.features.backups.model import RepositoryRow, repositories
from holdfast.features.backups.places import Places
from holdfast.features.recovery.capture import DATABASE
from holdfast.features.recovery.code import versions_in
from holdfast.features.secrets.kit import Kit
from holdfast.features.secrets.store import installation_epoch
from holdfast.features.workers.model import Version
from holdfast.features.workers.shelf import Shelf
from holdfast.kernel.clock import Clock
from holdfast.kernel.db import Database
from holdfast.kernel.errors import Conflict, Denied, HoldfastError, NeedsOperator, NotFound
from holdfast.kernel.master import VARIABLE, EnvironmentSource, MasterKeys
from holdfast.kernel.secrets import Secrets
from holdfast.vault.plain.keys import id_of
from holdfast.vault.repository import Repository
from holdfast.vault.stores.local import LocalStore

_READ = 1 << 20


@dataclass
class Open:
    """A repository of the lost server: open, or why not."""

    row: RepositoryRow
    repository: Opened | None = None
    why: str | None = None
    directory: Path | None = None
    found: Sequence[Stored] = ()


@dataclass
class Staged:
    """`installation` and `epoch` of the lost server; `highest`: the highest epoch that any repository has seen. `code`:
    the versions of workers whose code is in the snapshot."""

    file: Path
    db: Database
    secrets: Secrets
    keys: Keys
    manifest: Manifest
    installation: str
    epoch: int
    highest: int = 0
    code: frozenset[str] = frozenset()
    lay_down: Callable[[Sequence[Version], Shelf], None] = lambda _versions, _shelf: None
    opened: dict[str, Open] = field(default_factory=dict)

    def close(self) -> None:
        self.db.close()


def choose(repository: Repository, wanted: str | None) -> Stored:
    """The newest snapshot of the metadata, or the one whose id (ours or restic's) begins with `wanted`.

    Raises NotFound ("metadata_snapshot_missing").
    """
    there = [each for each in stored(repository) if each.origin == "metadata"]
    if wanted is not None:
        there = [each for each in there if wanted == each.snapshot_id or each.info.id.startswith(wanted)]
    if not there:
        raise NotFound(
            "this repository holds no snapshot of a Holdfast's metadata" + (f" named {wanted!r}" if wanted else ""),
            code="metadata_snapshot_missing",
            hint="Try another repository of the kit. Databases can be restored without: see RESTORE.md in a snapshot.",
        )
    return there[-1]


def fetch(repository: Repository, chosen: Stored, work: Path) -> tuple[Path, Manifest, frozenset[str]]:
    """`work/metadata.db`, its manifest, and the versions of workers whose code is with it. Every byte is checked
    against its hash as it is read; an earlier file is replaced."""
    work.mkdir(mode=0o700, parents=True, exist_ok=True)
    target = work / DATABASE
    for old in work.glob(f"{DATABASE}*"):
        old.unlink()
    with repository.source(chosen.info.id) as source:
        stream = source.open(DATABASE)
        descriptor = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            buffer = memoryview(bytearray(_READ))
            while count := stream.readinto(buffer):
                file.write(buffer[:count])
            file.flush()
            os.fsync(file.fileno())
        stream.close()
        return target, source.manifest, versions_in(source.paths())


def stage(file: Path, manifest: Manifest, kit: Kit, places: Places, node: str, clock: Clock) -> Staged:
    """The fetched file brought to this version's schema, and opened with the kit's master keys.

    Raises NeedsOperator: "kit_stale" when the master key was rotated after the kit was made, "schema_too_new".
    """
    db = Database(f"sqlite+apsw:///{file}")
    try:
        db.migrate()
        secrets = Secrets(db, MasterKeys(EnvironmentSource({VARIABLE: " ".join(kit.master_keys.values())})))
        try:
            secrets.check()
        except NeedsOperator as error:
            raise NeedsOperator(
                f"the kit's master key does not open this snapshot: {error.message}",
                code="kit_stale",
                hint="The key was rotated after the kit was made. Use a newer kit, or --snapshot with an older one.",
            ) from error
        with db.read() as conn:
            known = installation_epoch(conn)
        if known is None:
            raise Conflict("this snapshot does not say which installation it is of", code="metadata_snapshot_damaged")
        if kit.installation and known[0] != kit.installation:
            raise Conflict(
                f"the kit is of the installation {kit.installation}, the snapshot of {known[0]}",
                code="kit_other",
                hint="Use the kit of the same Holdfast.",
            )
        return Staged(file, db, secrets, Keys(places, node, db, secrets, clock), manifest, *known, highest=known[1])
    except BaseException:
        db.close()
        raise


def reach(staged: Staged, kit: Kit, directories: Mapping[str, Path]) -> None:
    """Open every repository that the metadata names. `directories`: of those on disk, by id. One that is out of reach
    is not an error: what lies only there is named as lost."""
    with staged.db.read() as conn:
        c = repositories.c
        rows = conn.execute(sa.select(repositories).where(c.state != "detached").order_by(c.id)).mappings().all()
    for each in rows:
        row = RepositoryRow(**each)
        found = staged.opened[row.id] = Open(row, directory=_directory(row, directories))
        if row.state == "new" and found.directory is None:
            found.why = "nothing was stored in it yet"
            continue
        if row.on_disk and found.directory is None:
            found.why = "it lay on the lost server's disk, and no copy of it was given (--repositories DIR)"
            continue
        try:
            found.repository = _opened(staged, kit, row)
            found.found = stored(found.repository)
            staged.highest = max(staged.highest, claimed(found.repository, staged.installation))
        except HoldfastError as error:
            found.repository, found.why = None, error.message


def _directory(row: RepositoryRow, given: Mapping[str, Path]) -> Path | None:
    """Of one on disk: what was given, or where it lay by itself, when that disk is here too."""
    if not row.on_disk or not row.lies:
        return given.get(row.id) if row.on_disk else None
    own = Path(str(row.lies["path"]))
    return own if found_at(LocalStore(own)) is not None else None


def _with_every_key(staged: Staged, kit: Kit, row: RepositoryRow) -> Opened:
    """Files need the key they were sealed with: those of the metadata and of the kit, each of which may know more."""
    with staged.db.write() as conn:
        material = staged.keys.material(conn, row)
        for each in (key for entry in kit.repositories if entry.id == row.id for key in (entry.password, *entry.older)):
            if each not in (material.password, *material.older):
                staged.keys.put_older(conn, row, id_of(each), each)
        material, credential = staged.keys.material(conn, row), staged.keys.credential(conn, row)
    return format_of(row).open(staged.keys.places.store(row, credential, lambda _id, _view: None), material)


def _opened(staged: Staged, kit: Kit, row: RepositoryRow) -> Opened:
    """With the password of the metadata; the kit's, when that was changed between the two. Whichever opens is kept."""
    with staged.db.read() as conn:
        given = [staged.keys.password(conn, row)]
        credential = staged.keys.credential(conn, row)
        material = staged.keys.material(conn, row)
    given += [each.password for each in kit.repositories if each.id == row.id and each.password not in given]
    if not format_of(row).abilities.rekeys:
        return _with_every_key(staged, kit, row)
    store = staged.keys.places.store(row, credential, lambda _id, _view: None)
    for at, password in enumerate(given):
        with suppress(Denied):
            opened = format_of(row).open(store, replace(material, password=password))
            if at:
                with staged.db.write() as conn:
                    staged.secrets.put(conn, row.project_id, row.id, PASSWORD, password)
            return opened
    raise Denied(
        f"neither the metadata's nor the kit's password opens {row.name!r}: it was changed since",
        code="repository_password",
    )
