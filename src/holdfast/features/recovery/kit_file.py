"""Opening a recovery kit, and reaching the repositories it names without any database."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from holdfast.features.backups.kinds import KINDS
from holdfast.features.backups.model import RepositoryRow
from holdfast.features.backups.places import Places
from holdfast.features.secrets.kit import Kit, KitRepository, parse
from holdfast.formats import age
from holdfast.kernel import log
from holdfast.kernel.errors import Corrupt, Denied, Invalid, NotFound
from holdfast.vault.repository import Repository
from holdfast.vault.stores.local import LocalStore

_HINT = "Name one of the kit's repositories by its id or name, or the path of a copy of its directory."


def open_kit(content: bytes, *, identity: str | None = None, passphrase: str | None = None) -> Kit:
    """Raises Invalid: "kit_not_opened", "kit_invalid". Every secret in it is cut out of the log from here on."""
    try:
        keys = age.identities_in(identity) if identity is not None else None
        plain = age.decrypt(content, identities=keys) if keys else age.decrypt(content, passphrase=passphrase or "")
        text = plain.decode()
    except (age.NotForUs, UnicodeDecodeError) as error:
        raise Invalid(
            f"the kit does not open: {error}",
            code="kit_not_opened",
            hint="--identity names the age key file it was made to; without it a passphrase is asked for.",
        ) from None
    try:
        kit = parse(text)
    except ValueError as error:
        raise Invalid(str(error), code="kit_invalid") from None
    for each in kit.repositories:
        log.register_secret(each.password)
    return kit


def row_of(entry: KitRepository) -> RepositoryRow:
    """As its row was. Raises Invalid for an entry of a bucket from a kit that did not say where."""
    if entry.kind == "local" and ":" in entry.path.partition("/")[0]:
        raise Invalid(
            f"this kit does not say how {entry.name!r} is reached",
            code="kit_too_old",
            hint="It was made by an older version. Copy the repository to a disk, and give the path with --from.",
        )
    never = datetime(1970, 1, 1, tzinfo=UTC)
    return RepositoryRow(
        id=entry.id,
        project_id="",
        name=entry.name,
        kind=entry.kind,
        state="ready",
        is_default=False,
        restic_id=entry.restic_id,
        last_check=None,
        created_by="",
        created_at=never,
        lies=dict(entry.lies) if entry.lies else None,
        format=entry.format,
        settings=entry.settings,
    )


def open_source(kit: Kit, wanted: str, places: Places) -> tuple[KitRepository, Repository, Path | None]:
    """The repository that `wanted` names: its entry in the kit, open, and its directory when it has one.

    Raises NotFound ("repository_unknown", "repository_missing"), Denied ("repository_password").
    """
    named = [each for each in kit.repositories if wanted in (each.id, each.name, each.path)]
    directory = Path(wanted).expanduser()
    if directory.is_dir():
        return _on_disk(kit, directory.resolve(), named)
    if len(named) > 1:
        raise Invalid(f"the kit has {len(named)} repositories named {wanted!r}", code="repository_unknown", hint=_HINT)
    if not named:
        there = ", ".join(f"{each.id} ({each.name})" for each in kit.repositories) or "none"
        raise NotFound(
            f"no repository {wanted!r}: there is no such directory, and the kit has {there}",
            code="repository_unknown",
            hint=_HINT,
        )
    entry = named[0]
    row = row_of(entry)
    if row.on_disk:
        directory = Path(str(row.lies["path"])) if row.lies else Path(entry.path)
        if not (directory / "config").is_file():
            raise NotFound(
                f"{entry.name!r} lay on the lost server's disk, at {entry.path}",
                code="repository_missing",
                hint="Give the path of a copy of that directory with --from.",
            )
        return _on_disk(kit, directory, [entry])
    KINDS[row.kind].check(entry.credential)
    store = places.store(row, entry.credential, lambda _id, _view: None)
    return entry, Repository.open(store, entry.password), None


def _on_disk(kit: Kit, directory: Path, named: Sequence[KitRepository]) -> tuple[KitRepository, Repository, Path]:
    """A directory may have been renamed: the kit's passwords say which one it is, the likely ones first."""
    likely = [*named, *(each for each in kit.repositories if each.id == directory.name)]
    tried: set[str] = set()
    for entry in [*likely, *kit.repositories]:
        if entry.id in tried:
            continue
        tried.add(entry.id)
        try:
            opened = Repository.open(LocalStore(directory), entry.password)
        except Denied:
            continue
        if entry.restic_id in (None, opened.id):
            return replace(entry, path=str(directory)), opened, directory
        raise Corrupt(f"{directory} is not the repository {entry.name!r} of the kit", code="repository_other")
    raise Denied(
        f"no password of the kit opens {directory}",
        code="repository_password",
        hint="The kit is older than this repository or its password. Use the newest kit.",
    )
