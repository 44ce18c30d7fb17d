"""What an access key may do with the place of a repository: what it lacks, and what it could do without."""

from __future__ import annotations

from holdfast.vault.stores.cloud import CloudStore
from holdfast.vault.stores.findings import Finding, Report, refused, used
from holdfast.vault.stores.questions import Answer
from holdfast.vault.stores.s3 import S3Place
from holdfast.vault.stores.s3_lifecycle import lifecycle
from holdfast.vault.stores.s3_signed import SignedQuestions


def probe_s3(place: S3Place, store: CloudStore, questions: SignedQuestions) -> Report:
    """Try everything with pieces of our own, which are removed. Harmless: nothing is written beside the prefix.

    Raises what makes every answer the same: no such bucket, an unknown key, clocks apart, an address that is not
    called (NeedsOperator, Denied), Retryable when the store cannot be reached.
    """
    found = [*used(store)]
    found += [_buckets(questions.of_all()), *_outside(place, questions), _policy(questions.of_bucket(("policy", "")))]
    found += [
        _versioning(questions.of_bucket(("versioning", ""))),
        _lock(place, questions.of_bucket(("object-lock", ""))),
        *lifecycle(questions.of_bucket(("lifecycle", "")), place.prefix),
    ]
    return Report(tuple(found))


def _buckets(answer: Answer) -> Finding:
    if answer.status == 200:
        hint = "Take s3:ListAllMyBuckets away from this key: it shows the names of everything you keep."
        return Finding("list_buckets", "excess", "the key lists all buckets", hint)
    return refused("list_buckets", "other buckets are not listed", answer)


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
        found.append(refused("list_outside", "names beside the prefix are not listed", listed))
    wrote = questions.try_write_outside()
    if wrote.status in (200, 404, 412):
        hint = f"Allow s3:PutObject, s3:GetObject and s3:DeleteObject on {place.bucket}/{place.prefix}/* only."
        found.append(Finding("write_outside", "excess", "the key writes beside the prefix", hint))
    else:
        found.append(refused("write_outside", "nothing is written beside the prefix", wrote))
    return found


def _policy(answer: Answer) -> Finding:
    if answer.status == 200 or answer.code == "NoSuchBucketPolicy":
        hint = "A key that reads the bucket's policy is an administrator's. Make one for this repository alone."
        return Finding("bucket_policy", "excess", "the key reads the bucket's policy", hint)
    return refused("bucket_policy", "the bucket's policy is out of reach", answer)


def _versioning(answer: Answer) -> Finding:
    if answer.status != 200:
        hint = "Allow s3:GetBucketVersioning to have it shown here."
        return Finding("versioning", "unknown", "whether the bucket keeps old versions is not shown to this key", hint)
    if "<Status>Enabled</Status>" in answer.text:
        hint = "Let a lifecycle rule end old versions, or deleted snapshots keep costing: see the how-to."
        return Finding("versioning", "ok", "the bucket keeps old versions: what is deleted can be brought back", hint)
    hint = "Turn it on: whoever steals this key could delete every snapshot for good."
    return Finding("versioning", "note", "the bucket keeps no old versions", hint)


def _lock(place: S3Place, answer: Answer) -> Finding:
    if place.lock is not None and answer.code == "ObjectLockConfigurationNotFoundError":
        hint = "Most stores turn Object Lock on only when a bucket is made: make another one."
        return Finding("object_lock", "missing", "the bucket does not know Object Lock", hint)
    if answer.status == 200 and "<ObjectLockEnabled>Enabled</ObjectLockEnabled>" in answer.text:
        if "<DefaultRetention>" in answer.text:
            hint = "Locks and forgotten snapshots stay until it ends; keep it shorter than your retention."
            return Finding("object_lock", "note", "the bucket locks every object for a time", hint)
        return Finding("object_lock", "ok", "the bucket can lock objects")
    return refused("object_lock", "objects are not locked", answer)
