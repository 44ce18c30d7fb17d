"""Storage classes of S3 (AWS: CopyObject, UploadPartCopy, RestoreObject, PutBucketLifecycleConfiguration)."""

from __future__ import annotations

import base64
import hashlib
import html
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress

from holdfast.formats.sigv4 import encoded_path
from holdfast.kernel.clock import Clock
from holdfast.kernel.errors import HoldfastError, NeedsOperator, Retryable
from holdfast.kernel.outbound import OutboundPolicy
from holdfast.vault.stores.classes import HOT, Shelved, Tier
from holdfast.vault.stores.cloud_errors import Words, translated
from holdfast.vault.stores.questions import Answer
from holdfast.vault.stores.s3 import S3_WORDS, AccessKey, S3Place
from holdfast.vault.stores.s3_lifecycle import Rule, parsed, require_no_danger, rules_of
from holdfast.vault.stores.s3_signed import SignedQuestions

COPY_SECONDS = 300.0
PART_BYTES = 256 * 1024 * 1024  # the store copies it within the seconds that an answer may take
MOST_PARTS = 10_000
_PAGE = 250  # names: an answer stays below what the guarded client takes
_ENTRY = re.compile(r"<Contents>(.*?)</Contents>", re.S)
_XML = "http://s3.amazonaws.com/doc/2006-03-01/"
_NO_NEED = {"RestoreAlreadyInProgress", "InvalidObjectState"}  # the second: it is in no archive
_WORDS = {
    "copy": "s3:GetObject and s3:PutObject",
    "restore": "s3:RestoreObject",
    "rules": "s3:GetLifecycleConfiguration and s3:PutLifecycleConfiguration",
}


class _Answered(Exception):
    def __init__(self, answer: Answer) -> None:
        super().__init__(f"status code: {answer.status} <Code>{answer.code}</Code>")


class S3Shelves:
    """See `Shelves`. Each call is one request or a few; nothing is tried twice here."""

    def __init__(self, place: S3Place, key: AccessKey, policy: OutboundPolicy, clock: Clock) -> None:
        self._place = place
        self._ask = SignedQuestions(place, key, policy, clock, seconds=COPY_SECONDS)
        self._words = Words({**S3_WORDS.permissions, **_WORDS}, name=place.bucket)
        self._below = f"{place.prefix}/" if place.prefix else ""

    def close(self) -> None:
        self._ask.close()

    def listing(self, below: str = "") -> Iterator[Shelved]:
        query = [("list-type", "2"), ("max-keys", str(_PAGE)), ("prefix", self._below + below)]
        token = ""
        while True:
            more = [("continuation-token", token)] if token else []
            answer = self._good(self._ask.of_bucket(*query, *more), "list", "listing storage classes")
            for entry in _ENTRY.findall(answer.text):
                name, size = html.unescape(_tag(entry, "Key")), _tag(entry, "Size")
                yield Shelved(name.removeprefix(self._below), int(size or 0), _tag(entry, "StorageClass") or HOT)
            token = html.unescape(_tag(answer.text, "NextContinuationToken"))
            if not token:
                return

    def look(self, name: str) -> Shelved:
        answer = self._good(self._ask.of_object("HEAD", name), "get", f"looking at {name}")
        said = answer.headers.get("x-amz-restore", "")
        until = re.search(r'expiry-date="([^"]{1,60})"', said) if 'ongoing-request="false"' in said else None
        return Shelved(
            name,
            int(answer.headers.get("content-length", "0")),
            answer.headers.get("x-amz-storage-class", HOT),
            'ongoing-request="true"' in said,
            until[1] if until else None,
        )

    def move(self, name: str, size: int, storage_class: str) -> None:
        act = f"moving {name} to {storage_class}"
        headers = {"x-amz-copy-source": self._source(name), "x-amz-storage-class": storage_class}
        if size <= PART_BYTES:
            answer = self._ask.of_object("PUT", name, (), {**headers, "x-amz-metadata-directive": "COPY"})
            self._good(answer, "copy", act)
            return
        self._move_in_parts(name, size, storage_class, act)

    def _move_in_parts(self, name: str, size: int, storage_class: str, act: str) -> None:
        """The piece is there as it was until the last request makes it the copy."""
        begun = self._ask.of_object("POST", name, (("uploads", ""),), {"x-amz-storage-class": storage_class})
        upload = html.unescape(_tag(self._good(begun, "copy", act).text, "UploadId"))
        try:
            tags = self._copied_parts(name, size, upload, act)
            parts = "".join(
                f"<Part><PartNumber>{number}</PartNumber><ETag>{html.escape(tag)}</ETag></Part>"
                for number, tag in enumerate(tags, 1)
            )
            body = f'<CompleteMultipartUpload xmlns="{_XML}">{parts}</CompleteMultipartUpload>'.encode()
            self._good(self._ask.of_object("POST", name, (("uploadId", upload),), {}, body), "copy", act)
        except HoldfastError:
            with suppress(Retryable):  # its parts cost until a lifecycle rule removes them
                self._ask.of_object("DELETE", name, (("uploadId", upload),))
            raise

    def _copied_parts(self, name: str, size: int, upload: str, act: str) -> list[str]:
        part, tags = max(PART_BYTES, -(-size // MOST_PARTS)), list[str]()
        for number, at in enumerate(range(0, size, part), 1):
            query = (("partNumber", str(number)), ("uploadId", upload))
            span = f"bytes={at}-{min(at + part, size) - 1}"
            headers = {"x-amz-copy-source": self._source(name), "x-amz-copy-source-range": span}
            answer = self._good(self._ask.of_object("PUT", name, query, headers), "copy", act)
            tags.append(html.unescape(_tag(answer.text, "ETag")))
        return tags

    def ask_for(self, name: str, days: int, tier: Tier) -> None:
        job = f"<GlacierJobParameters><Tier>{tier}</Tier></GlacierJobParameters>"
        body = f'<RestoreRequest xmlns="{_XML}"><Days>{days}</Days>{job}</RestoreRequest>'.encode()
        answer = self._ask.of_object("POST", name, (("restore", ""),), _proven(body), body)
        if answer.code not in _NO_NEED:
            self._good(answer, "restore", f"asking for {name}", (200, 202))

    def rules(self) -> tuple[Rule, ...] | None:
        return rules_of(self._ask.of_bucket(("lifecycle", "")))

    def put_rules(self, ours: Sequence[Rule], stem: str) -> None:
        require_no_danger(ours)
        before = self._ask.of_bucket(("lifecycle", ""))
        there = rules_of(before)
        if there is None:
            hint = "Allow s3:GetLifecycleConfiguration, or write the rule yourself: see the how-to."
            raise NeedsOperator("the bucket's lifecycle rules are not shown", code="lifecycle_hidden", hint=hint)
        foreign = [rule.text for rule in there if not rule.id.startswith(stem)]
        self._write([*foreign, *(rule.text for rule in ours)], before)
        after = rules_of(self._ask.of_bucket(("lifecycle", "")))
        kept = after is not None and set(foreign) <= {rule.text for rule in after}
        if not kept or any(_meant(rule) not in map(_meant, after or ()) for rule in ours):
            self._write([rule.text for rule in there], before)
            hint = "Nothing was changed. Write the rule yourself, or let Holdfast move: by holdfast."
            raise NeedsOperator("the store did not keep the rules as written", code="lifecycle_lost", hint=hint)

    def _write(self, texts: Sequence[str], before: Answer) -> None:
        """No rule at all is another request: a configuration without rules is refused."""
        headers: Mapping[str, str] = {}
        if default := before.headers.get("x-amz-transition-default-minimum-object-size"):
            headers = {"x-amz-transition-default-minimum-object-size": default}
        if not texts:
            answer = self._ask.to_bucket("DELETE", (("lifecycle", ""),))
            self._good(answer, "rules", "ending lifecycle rules", (200, 204))
            return
        body = f'<LifecycleConfiguration xmlns="{_XML}">{"".join(texts)}</LifecycleConfiguration>'.encode()
        answer = self._ask.to_bucket("PUT", (("lifecycle", ""),), {**headers, **_proven(body)}, body)
        self._good(answer, "rules", "writing lifecycle rules")

    def _source(self, name: str) -> str:
        return encoded_path(f"/{self._place.bucket}/{self._below}{name}")

    def _good(self, answer: Answer, verb: str, act: str, statuses: Sequence[int] = (200,)) -> Answer:
        """A copy may begin with 200 and end with an error in the body (AWS: CopyObject)."""
        if answer.status in statuses and not answer.code:
            return answer
        if answer.status in statuses:
            raise Retryable(f"{act}: the store gave up half way", code="store_busy", hint="it is tried again by itself")
        raise translated(_Answered(answer), verb, act, self._words)


def rule_text(name: str, prefix: str, *actions: str, least: int = 0) -> Rule:
    """A rule of ours for what lies below `prefix`; see the functions of actions here."""
    told = f"<Prefix>{html.escape(prefix, quote=False)}</Prefix>"
    if least:
        told = f"<And>{told}<ObjectSizeGreaterThan>{least}</ObjectSizeGreaterThan></And>"
    text = f"<Rule><ID>{name}</ID><Filter>{told}</Filter><Status>Enabled</Status>{''.join(actions)}</Rule>"
    found = parsed(f"<LifecycleConfiguration>{text}</LifecycleConfiguration>") or ()
    require_no_danger(found)
    return found[0]


def moves_to(days: int, storage_class: str) -> str:
    return f"<Transition><Days>{days}</Days><StorageClass>{storage_class}</StorageClass></Transition>"


def ends_parts(days: int) -> str:
    days_told = f"<DaysAfterInitiation>{days}</DaysAfterInitiation>"
    return f"<AbortIncompleteMultipartUpload>{days_told}</AbortIncompleteMultipartUpload>"


def ends_old_versions(days: int) -> str:
    """Of what was deleted or written over already."""
    return f"<NoncurrentVersionExpiration><NoncurrentDays>{days}</NoncurrentDays></NoncurrentVersionExpiration>"


def _meant(rule: Rule) -> tuple[object, ...]:
    """What has to come back of a rule, whatever order and words a store writes it in."""
    return rule.id, rule.enabled, rule.prefix, rule.expires, rule.moves, rule.least, rule.tagged


def _tag(text: str, tag: str) -> str:
    found = re.search(rf"<{tag}>([^<]*)</{tag}>", text)
    return found[1] if found else ""


def _proven(data: bytes) -> dict[str, str]:
    return {"Content-MD5": base64.b64encode(hashlib.md5(data, usedforsecurity=False).digest()).decode()}
