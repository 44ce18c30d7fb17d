"""What an access key may do with the place of a repository: what it lacks, and what it could do without."""

from __future__ import annotations

import secrets
import uuid
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any, Literal

from holdfast.kernel.errors import Denied, HoldfastError, NotFound, Retryable
from holdfast.vault.stores.cloud import CloudStore
from holdfast.vault.stores.s3 import S3Place
from holdfast.vault.stores.s3_signed import Answer, SignedQuestions

Result = Literal["ok", "missing", "excess", "note", "unknown"]
_FOR_ALL = ("bucket_missing", "store_credentials", "store_clock", "store_elsewhere", "outbound_refused")


@dataclass(frozen=True)
class Finding:
    """`check`: list, write, read, conditional_write, delete; list_buckets, list_outside, write_outside, bucket_policy;
    versioning, object_lock. missing = a repository cannot live there; excess = the key could be weaker."""

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


def probe(place: S3Place, store: CloudStore, questions: SignedQuestions) -> Report:
    """Try everything with pieces of our own, which are removed. Harmless: nothing is written beside the prefix.

    Raises what makes every answer the same: no such bucket, an unknown key, clocks apart, an address that is not
    called (NeedsOperator, Denied), Retryable when the store cannot be reached.
    """
    own = _Own(store)
    found = [own.list(), own.write(), own.read(), own.conditional_write(), own.delete()]
    found += [_buckets(questions.of_all()), *_outside(place, questions), _policy(questions.of_bucket(("policy", "")))]
    found += [_versioning(questions.of_bucket(("versioning", ""))), _lock(questions.of_bucket(("object-lock", "")))]
    return Report(tuple(found))


class _Own:
    """What a repository does all day, with one piece."""

    def __init__(self, store: CloudStore) -> None:
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
        return Finding(check, "missing", error.message, error.hint or "See the store's own log for the reason.")
    return Finding(check, "ok", message)


def _buckets(answer: Answer) -> Finding:
    if answer.status == 200:
        hint = "Take s3:ListAllMyBuckets away from this key: it shows the names of everything you keep."
        return Finding("list_buckets", "excess", "the key lists all buckets", hint)
    return _fine("list_buckets", "other buckets are not listed", answer)


def _outside(place: S3Place, questions: SignedQuestions) -> list[Finding]:
    if not place.prefix:
        text = "there is no prefix: the whole bucket is the repository's"
        return [Finding("list_outside", "note", text, "Give environments that share a bucket a prefix each.")]
    found = []
    listed = questions.of_bucket(("list-type", "2"), ("max-keys", "1"))
    if listed.status == 200:
        hint = f"Allow s3:ListBucket only with the condition s3:prefix = {place.prefix}/*"
        found.append(Finding("list_outside", "excess", "the key lists names beside the prefix", hint))
    else:
        found.append(_fine("list_outside", "names beside the prefix are not listed", listed))
    wrote = questions.try_write_outside()
    if wrote.status in (200, 404, 412):
        hint = f"Allow s3:PutObject, s3:GetObject and s3:DeleteObject on {place.bucket}/{place.prefix}/* only."
        found.append(Finding("write_outside", "excess", "the key writes beside the prefix", hint))
    else:
        found.append(_fine("write_outside", "nothing is written beside the prefix", wrote))
    return found


def _policy(answer: Answer) -> Finding:
    if answer.status == 200 or answer.code == "NoSuchBucketPolicy":
        hint = "A key that reads the bucket's policy is an administrator's. Make one for this repository alone."
        return Finding("bucket_policy", "excess", "the key reads the bucket's policy", hint)
    return _fine("bucket_policy", "the bucket's policy is out of reach", answer)


def _versioning(answer: Answer) -> Finding:
    if answer.status != 200:
        hint = "Allow s3:GetBucketVersioning to have it shown here."
        return Finding("versioning", "unknown", "whether the bucket keeps old versions is not shown to this key", hint)
    if "<Status>Enabled</Status>" in answer.text:
        hint = "Let a lifecycle rule end old versions, or deleted snapshots keep costing: see the how-to."
        return Finding("versioning", "ok", "the bucket keeps old versions: what is deleted can be brought back", hint)
    hint = "Turn it on: whoever steals this key could delete every snapshot for good."
    return Finding("versioning", "note", "the bucket keeps no old versions", hint)


def _lock(answer: Answer) -> Finding:
    if answer.status == 200 and "<ObjectLockEnabled>Enabled</ObjectLockEnabled>" in answer.text:
        if "<DefaultRetention>" in answer.text:
            hint = "Locks and forgotten snapshots stay until it ends; keep it shorter than your retention."
            return Finding("object_lock", "note", "the bucket locks every object for a time", hint)
        return Finding("object_lock", "ok", "the bucket can lock objects")
    return _fine("object_lock", "objects are not locked", answer)


def _fine(check: str, message: str, answer: Answer) -> Finding:
    """A refusal is what was hoped for; something else says nothing."""
    if answer.status in (401, 403, 404):
        return Finding(check, "ok", message)
    said = answer.code or (f"status {answer.status}" if answer.status else "nothing: the host belongs to one bucket")
    return Finding(check, "unknown", f"the store answered {said}")
