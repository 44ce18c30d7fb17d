"""What a service account may do with the place of a repository: what it lacks, and what it could do without."""

from __future__ import annotations

import json
import uuid
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote, urlencode

from holdfast.kernel.clock import Clock
from holdfast.kernel.outbound import OutboundPolicy
from holdfast.vault.stores.cloud import CloudStore
from holdfast.vault.stores.findings import Finding, Report, refused, used
from holdfast.vault.stores.gcs import GcsPlace, ServiceAccount
from holdfast.vault.stores.questions import Answer, Line
from holdfast.vault.stores.s3_lifecycle import eats

# What an administrator of the bucket may, and a repository never does.
_TOO_MUCH = (
    "storage.buckets.delete",
    "storage.buckets.setIamPolicy",
    "storage.buckets.update",
    "storage.objects.setIamPolicy",
)
_SHOWN = "versioning,softDeletePolicy,retentionPolicy,iamConfiguration,lifecycle"
# Conditions under which a rule meets only what was deleted or replaced already.
_NOT_LIVE = ("numNewerVersions", "daysSinceNoncurrentTime", "noncurrentTimeBefore")


class GcsQuestions:
    """Each is one request, through the guarded client, without redirects. Raises Retryable when no answer comes."""

    def __init__(self, place: GcsPlace, account: ServiceAccount, policy: OutboundPolicy, clock: Clock) -> None:
        self._place, self._account, self._clock = place, account, clock
        self._line = Line(policy, place.ca)

    def close(self) -> None:
        self._line.close()

    def of_bucket(self) -> Answer:
        """What the bucket does with deleted objects, and who may read it."""
        return self._json("", ("fields", _SHOWN))

    def held(self) -> Answer:
        """Which of `_TOO_MUCH` the account may do there (buckets.testIamPermissions)."""
        return self._json("/iam/testPermissions", *(("permissions", name) for name in _TOO_MUCH))

    def of_all(self) -> Answer:
        if not self._account.project:
            return Answer(0, "", "")
        query = urlencode({"project": self._account.project, "maxResults": 1})
        return self._ask("GET", f"/storage/v1/b?{query}")

    def try_write_outside(self) -> Answer:
        """A write beside the prefix that can succeed nowhere: it wants to replace an object that does not exist."""
        name = f"holdfast-test-{uuid.uuid4().hex}"
        return self._ask("PUT", f"/{self._place.bucket}/{name}", {"x-goog-if-generation-match": "1"})

    def _json(self, below: str, *query: tuple[str, str]) -> Answer:
        return self._ask("GET", f"/storage/v1/b/{quote(self._place.bucket, safe='')}{below}?{urlencode(query)}")

    def _ask(self, method: str, path: str, headers: Mapping[str, str] | None = None) -> Answer:
        token = self._account.token(self._clock.now())
        return self._line.ask(method, self._place.url + path, {**(headers or {}), "Authorization": f"Bearer {token}"})


def probe_gcs(place: GcsPlace, store: CloudStore, questions: GcsQuestions) -> Report:
    """Try everything with pieces of our own, which are removed. Raises as `probe_s3` does."""
    found = [*used(store), _buckets(questions.of_all()), _outside(place, questions), _held(questions.held())]
    bucket = questions.of_bucket()
    said = _parsed(bucket)
    return Report((*found, *_bucket(bucket.status, said), *_lifecycle(bucket.status, said, place.prefix)))


def _buckets(answer: Answer) -> Finding:
    if answer.status == 200:
        hint = "Grant roles on the bucket, not on the project: it shows the names of everything you keep."
        return Finding("list_buckets", "excess", "the service account lists all buckets of its project", hint)
    return refused("list_buckets", "other buckets are not listed", answer)


def _outside(place: GcsPlace, questions: GcsQuestions) -> Finding:
    check = "write_outside"
    if not place.prefix:
        text = "there is no prefix: the whole bucket is the repository's"
        return Finding(check, "note", text, "Give environments that share a bucket a prefix each.")
    answer = questions.try_write_outside()
    if answer.status in (200, 404, 412):
        start = f"projects/_/buckets/{place.bucket}/objects/{place.prefix}/"
        hint = f"Put a condition on the grant: resource.name.startsWith('{start}')"
        return Finding(check, "excess", "the service account writes beside the prefix", hint)
    return refused(check, "nothing is written beside the prefix", answer)


def _held(answer: Answer) -> Finding:
    check = "bucket_policy"
    if answer.status != 200:
        return Finding(check, "unknown", f"what else it may is not shown: the store answered {answer.status}")
    permissions = _parsed(answer).get("permissions")
    held = sorted(set(permissions if isinstance(permissions, list) else ()) & set(_TOO_MUCH))
    if held:
        hint = "Grant Storage Object User (roles/storage.objectUser) on the bucket instead of an administrator's role."
        return Finding(check, "excess", f"the service account also has {', '.join(held)}", hint)
    return Finding(check, "ok", "the bucket itself cannot be changed")


def _bucket(status: int, said: Mapping[str, Any]) -> list[Finding]:
    if status != 200:
        hint = "Allow storage.buckets.get to have it shown here."
        text = "whether the bucket keeps what is deleted is not shown to this service account"
        return [Finding("versioning", "unknown", text, hint)]
    soft = _of(said, "softDeletePolicy").get("retentionDurationSeconds")
    if _of(said, "versioning").get("enabled") is True or (soft and str(soft) != "0"):
        hint = "Let a lifecycle rule end old versions, or deleted snapshots keep costing: see the how-to."
        kept = Finding("versioning", "ok", "the bucket keeps what is deleted: it can be brought back", hint)
    else:
        hint = "Turn soft delete or versioning on: whoever steals this key could delete every snapshot for good."
        kept = Finding("versioning", "note", "the bucket does not keep what is deleted", hint)
    locked = Finding("object_lock", "ok", "objects are not locked")
    if _of(said, "retentionPolicy"):
        hint = "Locks and forgotten snapshots stay until it ends; keep it shorter than your retention."
        locked = Finding("object_lock", "note", "the bucket locks every object for a time", hint)
    if _of(said, "iamConfiguration").get("publicAccessPrevention") == "enforced":
        public = Finding("public", "ok", "the bucket cannot be made public")
    else:
        hint = "Turn public access prevention on for this bucket."
        public = Finding("public", "note", "nothing prevents that the bucket is made public", hint)
    return [kept, locked, public]


def _lifecycle(status: int, said: Mapping[str, Any], prefix: str) -> list[Finding]:
    """Rules that delete what lies below the prefix. All classes there are read at once, so moving hides nothing."""
    if status != 200:
        text = "the bucket's lifecycle rules are not shown to this service account"
        return [Finding("lifecycle", "unknown", text, "Allow storage.buckets.get to have them looked at.")]
    rules = _of(said, "lifecycle").get("rule")
    found = []
    for number, rule in enumerate(rules if isinstance(rules, list) else (), 1):
        condition = _of(rule, "condition")
        past = condition.get("isLive") is False or any(name in condition for name in _NOT_LIVE)
        if _of(rule, "action").get("type") == "Delete" and not past and _near(condition, prefix):
            found.append(eats(f"rule number {number}", str(condition.get("age", "its day"))))
    return found or [Finding("lifecycle", "ok", "no lifecycle rule of the bucket deletes pieces")]


def _near(condition: Mapping[str, Any], prefix: str) -> bool:
    """Whether a rule meets something below the prefix, as far as names go; suffixes are taken to meet."""
    own, given = f"{prefix}/" if prefix else "", condition.get("matchesPrefix")
    prefixes = [str(each) for each in given] if isinstance(given, list) and given else [""]
    return any(own.startswith(each) or each.startswith(own) for each in prefixes)


def _parsed(answer: Answer) -> Mapping[str, Any]:
    try:
        found = json.loads(answer.text)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def _of(said: object, name: str) -> Mapping[str, Any]:
    found = said.get(name) if isinstance(said, dict) else None
    return found if isinstance(found, dict) else {}
