"""What a test of a credential found; and what is tried for every kind of store: all that a repository does all day."""

from __future__ import annotations

import secrets
import uuid
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal, Protocol

from holdfast.kernel.errors import Denied, HoldfastError, NotFound, Retryable
from holdfast.vault.stores.base import Store
from holdfast.vault.stores.questions import Answer

Result = Literal["ok", "missing", "danger", "excess", "note", "unknown"]
_FOR_ALL = (
    "bucket_missing",
    "store_credentials",
    "store_clock",
    "store_elsewhere",
    "store_certificate",
    "outbound_refused",
    "address_refused",
    "ssh_host_key_changed",
    "ssh_login_refused",
)


class Tested(Store, Protocol):
    """A store that knows whether a name that is taken can be written over by `create`."""

    def conditional(self) -> bool: ...


@dataclass(frozen=True)
class Finding:
    """`check`: list, write, read, conditional_write, delete; credential, list_buckets, list_outside, write_outside,
    bucket_policy; public, versioning, object_lock, lifecycle; free. missing = a repository cannot live there; danger =
    it would lose what it stores; excess = the credential could be weaker."""

    check: str
    result: Result
    message: str
    hint: str | None = None


@dataclass(frozen=True)
class Report:
    findings: tuple[Finding, ...]

    @property
    def ok(self) -> bool:
        return all(finding.result != "missing" for finding in self.findings)

    def as_dict(self) -> dict[str, Any]:
        return {"ok": self.ok, "findings": [asdict(finding) for finding in self.findings]}


def used(store: Tested) -> Sequence[Finding]:
    """Everything a repository does, with a piece of our own that is removed."""
    own = _Own(store)
    return [own.list(), own.write(), own.read(), own.conditional_write(), own.delete()]


class _Own:
    """With one piece."""

    def __init__(self, store: Tested) -> None:
        self._store = store
        self._name = f"tmp/holdfast-test-{uuid.uuid4().hex}"
        self._data = secrets.token_bytes(64)

    def list(self) -> Finding:
        return _needed("list", "names below the prefix are listed", lambda: next(iter(self._store.list("tmp")), None))

    def write(self) -> Finding:
        return _needed("write", "a piece is written", lambda: self._store.put(self._name, [self._data]))

    def read(self) -> Finding:
        def act() -> None:
            if self._store.get(self._name, 16, 16) != self._data[16:32]:
                raise NotFound("what is read is not what was written")

        return _needed("read", "it is read back, also in part", act)

    def conditional_write(self) -> Finding:
        check = "conditional_write"
        try:
            kept = self._store.conditional()
        except (Denied, NotFound) as error:
            return Finding(check, "unknown", error.message, error.hint)
        if kept:
            return Finding(check, "ok", "a name that is taken is not written over")
        hint = "Only two Holdfasts that make one repository at the same moment would notice. Newer versions can do it."
        return Finding(check, "note", "the store does not know conditional writes", hint)

    def delete(self) -> Finding:
        def act() -> None:
            self._store.delete(self._name)
            if self._store.exists(self._name):
                raise NotFound("it is still there after it was deleted")

        return _needed("delete", "it is deleted", act)


def _needed(check: str, message: str, act: Callable[[], object]) -> Finding:
    try:
        act()
    except HoldfastError as error:
        if error.code in _FOR_ALL or isinstance(error, Retryable):
            raise
        said = error.message.partition(": ")[2] or error.message  # not the name of our piece
        return Finding(check, "missing", said, error.hint or "See the store's own log for the reason.")
    return Finding(check, "ok", message)


def refused(check: str, message: str, answer: Answer) -> Finding:
    """A refusal is what was hoped for; something else says nothing."""
    if answer.status in (401, 403, 404):
        return Finding(check, "ok", message)
    said = answer.code or (f"status {answer.status}" if answer.status else "nothing: the host belongs to one bucket")
    return Finding(check, "unknown", f"the store answered {said}")
