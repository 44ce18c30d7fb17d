"""A project's named keys as its repositories use them: asked for each time, kept in no file."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from holdfast.features.file_keys import store
from holdfast.features.file_keys.kinds import KINDS, MATERIAL, source_of, wrapper_of
from holdfast.features.file_keys.model import FileKey
from holdfast.features.file_keys.wrapping import Credential, KeySource, KeyWrapper
from holdfast.formats.plain import age_stream
from holdfast.kernel import log
from holdfast.kernel.clock import Clock
from holdfast.kernel.db import Database
from holdfast.kernel.errors import Denied, Permanent
from holdfast.kernel.outbound import OutboundPolicy
from holdfast.kernel.secrets import Secrets
from holdfast.vault.plain.keys import IDENTITY, gone, missing, new_key
from holdfast.vault.plain.named import KeyChoice, KeyNote, Seal
from holdfast.vault.plain.wish import Sealing


class Rings:
    """Makes one for a project."""

    def __init__(self, db: Database, secrets: Secrets, policy: OutboundPolicy, clock: Clock) -> None:
        self._parts = (db, secrets, policy, clock)

    def of(self, project_id: str) -> Ring:
        return Ring(project_id, *self._parts)


class Ring:
    """See `KeyRing`. What a service opened is remembered by this object alone, which lives as long as its repository is
    open: a file and its notes ask once. Thread-safe."""

    def __init__(self, project_id: str, db: Database, secrets: Secrets, policy: OutboundPolicy, clock: Clock) -> None:
        self._project, self._db, self._secrets = project_id, db, secrets
        self._policy, self._clock = policy, clock
        self._known: dict[tuple[str, str], str] = {}
        self._turn = threading.Lock()

    def seal(self, choice: KeyChoice, how: Sealing) -> Seal:
        with self._db.read() as conn:
            key = store.get(conn, choice.id)
            if key is None or key.project_id != self._project:
                raise gone(choice.name)
            credential = self._secrets.all(conn, self._project, key.id)
        with self._services(key, credential) as (source, wrapper):
            if wrapper is not None:
                return _wrapped(key, wrapper, how)
            if source is not None:
                return _fetched(key, source)
        note = KeyNote(key.id, key.name, key.kind, key.fingerprint, opens=KINDS[key.kind].opens)
        if key.recipients:
            return Seal(key.id, tuple(key.recipients), note=note)
        return Seal(key.id, passphrase=credential[MATERIAL], note=note)

    def opens(self, note: KeyNote) -> bool:
        return note.opens or self._found(note) is not None

    def secret(self, note: KeyNote) -> str:
        key = self._found(note)
        if key is None:
            raise missing(note)
        memo = (key.id, note.wrapped or str(note.where.get("version", "")))
        with self._turn:
            if memo not in self._known:
                self._known[memo] = self._opened(key, note)
            return self._known[memo]

    def _opened(self, key: FileKey, note: KeyNote) -> str:
        with self._db.read() as conn:
            credential = self._secrets.all(conn, self._project, key.id)
        with self._services(key, credential) as (source, wrapper):
            if wrapper is not None:
                return _text(wrapper.unwrap(note.wrapped or "", note.where), key)
            if source is not None:
                version = note.where.get("version")
                return source.fetch(version if isinstance(version, int) else None).text
        if MATERIAL not in credential:
            raise Denied(f"the secret of the key {key.name!r} is gone", code="file_key")
        return credential[MATERIAL]

    def _found(self, note: KeyNote) -> FileKey | None:
        """One that opens: the same; the other half of a public one; or, in another installation, one that was added
        again under its name."""
        with self._db.read() as conn:
            keys = [key for key in store.all_of(conn, self._project) if KINDS[key.kind].opens]
        mark = note.fingerprint or ""
        ways: tuple[Callable[[FileKey], bool], ...] = (
            lambda key: key.id == note.id,
            lambda key: key.kind == "age-identity" and key.fingerprint in mark.split(", "),
            lambda key: (key.kind, key.name) == (note.kind, note.name) and note.opens,
        )
        return next((key for way in ways for key in keys if way(key)), None)

    @contextmanager
    def _services(self, key: FileKey, credential: Credential) -> Iterator[tuple[KeySource | None, KeyWrapper | None]]:
        source = source_of(key.kind, key.place, credential, self._policy)
        wrapper = wrapper_of(key.kind, key.name, key.place, credential, self._policy, self._clock)
        try:
            yield source, wrapper
        finally:
            for each in (source, wrapper):
                if each is not None:
                    each.close()


def _wrapped(key: FileKey, wrapper: KeyWrapper, how: Sealing) -> Seal:
    """A key that this file alone has."""
    secret = new_key(how)
    log.register_secret(secret)
    wrapped = wrapper.wrap(secret.encode())
    said = wrapper.describe(wrapped)
    note = KeyNote(key.id, key.name, key.kind, key.fingerprint, wrapped, where=said.where)
    return _sealed(key, secret, note, said.commands)


def _fetched(key: FileKey, source: KeySource) -> Seal:
    found = source.fetch()
    said = source.describe(found.version)
    return _sealed(
        key, found.text, KeyNote(key.id, key.name, key.kind, key.fingerprint, where=said.where), said.commands
    )


def _sealed(key: FileKey, secret: str, note: KeyNote, commands: tuple[str, ...]) -> Seal:
    if secret.startswith(IDENTITY):
        return Seal(key.id, (recipient_of(secret),), note=note, commands=commands)
    return Seal(key.id, passphrase=secret, note=note, commands=commands)


def recipient_of(identity: str) -> str:
    """Raises Permanent (code "file_key_material")."""
    try:
        return age_stream.recipient_of(identity.strip())
    except ValueError:
        raise Permanent(
            "this is no age identity that Holdfast can use (AGE-SECRET-KEY-1...)", code="file_key_material"
        ) from None


def _text(raw: bytes, key: FileKey) -> str:
    try:
        found = raw.decode("ascii")
    except UnicodeDecodeError:
        raise Permanent(f"what {key.kind} gave back is no key of ours", code="file_key_material") from None
    log.register_secret(found)
    return found
