"""Which named key a snapshot's file, or a repository's files, are sealed with; and what uses a key."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import sqlalchemy as sa

from holdfast.features.backups.model import RepositoryRow, Snapshot, repositories, snapshots
from holdfast.features.file_keys import store
from holdfast.features.file_keys.kinds import KINDS, choice_of
from holdfast.features.file_keys.model import FileKey
from holdfast.features.file_keys.service import SHOWN, Use
from holdfast.kernel.errors import Conflict, Invalid
from holdfast.vault.plain.keys import missing
from holdfast.vault.plain.named import OWN, KeyChoice, KeyNote

KEY = "key"  # the word of a snapshot's options, and what is kept there of the key afterwards
_THERE = ("creating", "ready", "forgotten")


def with_key(
    conn: sa.Connection, row: RepositoryRow, environments: Sequence[str], words: Mapping[str, Any] | None
) -> Mapping[str, Any]:
    """The words of a snapshot's options with what its key is in place of the key's name. Raises Invalid (code
    "file_key_unknown") for one that is not there, or for another environment."""
    said = dict(words or {})
    if isinstance(said.get(KEY), str) and said[KEY] != OWN:
        said[KEY] = chosen(conn, row.project_id, environments, said[KEY])
    return said


def chosen(conn: sa.Connection, project_id: str, environments: Sequence[str], name: str) -> KeyChoice:
    """The key of that name or id, that is for all of these environments. Raises Invalid (code "file_key_unknown")."""
    key = store.named(conn, project_id, name)
    if key is None:
        raise _unknown(f"there is no file key {name!r} in this project")
    if key.environment_id is not None and list(environments) != [key.environment_id]:
        raise _unknown(f"the file key {key.name!r} is for another environment only")
    return choice_of(key)


def check_opens(conn: sa.Connection, snapshot: Snapshot) -> None:
    """Raises Conflict (code "file_key") for a snapshot that was sealed to a public half, and whose other half was not
    added since."""
    key = (snapshot.options or {}).get(KEY)
    if not isinstance(key, Mapping) or key.get("opens", True):
        return
    marks = str(key.get("fingerprint") or "").split(", ")
    held = [each for each in store.all_of(conn, snapshot.project_id) if each.kind == "age-identity"]
    if not any(each.fingerprint in marks for each in held):
        told = missing(KeyNote("", str(key.get("name")), str(key.get("kind")), opens=False))
        raise Conflict(told.message, code="file_key", hint=told.hint)


def snapshots_of(conn: sa.Connection, key: FileKey) -> Use:
    """Those that Holdfast opens with it. None for a public half: it never opened them."""
    if not KINDS[key.kind].opens:
        return Use("snapshot", 0, (), blocks=False)
    c = snapshots.c
    mine = (c.project_id == key.project_id, c.state.in_(_THERE), c.options[(KEY, "id")].as_string() == key.id)
    total = conn.scalar(sa.select(sa.func.count()).select_from(snapshots).where(*mine)) or 0
    query = sa.select(c.id, c.resource_name).where(*mine).order_by(c.id.desc()).limit(SHOWN)
    return Use("snapshot", total, [f"{row.id} of {row.resource_name}" for row in conn.execute(query)], blocks=False)


def waiting(conn: sa.Connection, key: FileKey) -> Use:
    """Snapshots that were asked for with it and are not taken yet."""
    c = snapshots.c
    by_name = c.options[KEY].as_string().in_((key.name, key.id))
    query = sa.select(c.id).where(c.project_id == key.project_id, c.state == "creating", by_name).limit(SHOWN + 1)
    found = list(conn.scalars(query))
    return Use("snapshot being taken", len(found), found[:SHOWN], blocks=True)


def repositories_of(conn: sa.Connection, key: FileKey) -> Use:
    """Whose new files it seals."""
    c = repositories.c
    mine = (c.project_id == key.project_id, c.state != "detached", c.settings[(KEY, "id")].as_string() == key.id)
    names = list(conn.scalars(sa.select(c.name).where(*mine).order_by(c.id)))
    return Use("repository", len(names), names[:SHOWN], blocks=True)


def _unknown(message: str) -> Invalid:
    return Invalid(
        message,
        code="file_key_unknown",
        hint="holdfast file-key list",
        details={"fields": [{"field": "options.key", "message": "is none that can be used there"}]},
    )
