"""A repository's pieces under S3's Object Lock (AWS: "Using S3 Object Lock", PutObject, PutObjectRetention).

obstore has no words for the headers of a lock, so pieces that are locked are written by requests of our own, signed
with their headers: a piece is never there unlocked. The bucket keeps versions, which Object Lock demands: a delete
hides a piece, and its locked version stays until its time is over.
"""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import TypeVar

from holdfast.kernel.clock import Clock, parse_timestamp
from holdfast.kernel.errors import Conflict, HoldfastError, NeedsOperator
from holdfast.kernel.outbound import OutboundPolicy
from holdfast.vault.stores.around import Around
from holdfast.vault.stores.base import Pieces
from holdfast.vault.stores.cloud import CloudStore
from holdfast.vault.stores.cloud_errors import Words, translated
from holdfast.vault.stores.locking import ObjectLock, is_locked
from holdfast.vault.stores.questions import Answer
from holdfast.vault.stores.s3 import S3_WORDS, AccessKey, S3Place
from holdfast.vault.stores.s3_signed import SignedQuestions

T = TypeVar("T")
WRITE_SECONDS = 300.0  # a pack is 16 to 20 MiB
UNTIL = "x-amz-object-lock-retain-until-date"
_UNTIL = re.compile(r"<RetainUntilDate>([0-9TZ:.+-]{10,40})</RetainUntilDate>")
_NONE = {"NoSuchObjectLockConfiguration", "ObjectLockConfigurationNotFoundError"}
_WORDS = {"put": "s3:PutObject and s3:PutObjectRetention", "retain": "s3:PutObjectRetention"}
_WORDS |= {"retention": "s3:GetObjectRetention"}


class _Answered(Exception):
    def __init__(self, answer: Answer) -> None:
        super().__init__(f"status code: {answer.status} <Code>{answer.code}</Code>")


class LockedS3Store(Around):
    """See `Store` and `CanLock`. `now` counts: the store's clock may differ by the minutes that signatures allow."""

    def __init__(
        self, inner: CloudStore, place: S3Place, key: AccessKey, policy: OutboundPolicy, clock: Clock, lock: ObjectLock
    ) -> None:
        super().__init__(inner)
        self._cloud, self._clock, self._lock = inner, clock, lock
        self._ask = SignedQuestions(place, key, policy, clock, seconds=WRITE_SECONDS)
        self._words = Words({**S3_WORDS.permissions, **_WORDS}, name=place.bucket)

    @property
    def object_lock(self) -> ObjectLock | None:
        return self._lock

    def call(self, act: Callable[[], T]) -> T:
        return act()

    def put(self, name: str, pieces: Pieces) -> None:
        if not is_locked(name):
            self._inner.put(name, pieces)
            return
        self._write(name, b"".join(pieces), {})

    def create(self, name: str, pieces: Pieces) -> None:
        if not is_locked(name):
            self._inner.create(name, pieces)
            return
        if not self._cloud.conditional() and self.exists(name):
            raise _there(name)
        self._write(name, b"".join(pieces), {"If-None-Match": "*"} if self._cloud.conditional() else {})

    def locked_until(self, name: str) -> datetime | None:
        """A HEAD says it to whoever may know; where it says nothing the lock itself is asked for, so that a missing
        permission is no missing lock."""
        act = f"looking at the lock of {name}"
        answer = self._ask.of_object("HEAD", name)
        if answer.status != 200:
            raise self._error(answer, "retention", act)
        text = answer.headers.get(UNTIL, "")
        if not text:
            answer = self._ask.of_object("GET", name, (("retention", ""),))
            if answer.status in (400, 404) and answer.code in _NONE:
                return None
            if answer.status != 200:
                raise self._error(answer, "retention", act)
            found = _UNTIL.search(answer.text)
            text = found[1] if found else ""
        until = parse_timestamp(text) if text else None
        return until if until is not None and until > self._clock.now() else None

    def lock_again(self, name: str) -> None:
        body = (
            '<Retention xmlns="http://s3.amazonaws.com/doc/2006-03-01/">'
            f"<Mode>{self._lock.mode.upper()}</Mode><RetainUntilDate>{self._until()}</RetainUntilDate></Retention>"
        ).encode()
        answer = self._ask.of_object("PUT", name, (("retention", ""),), _proven(body), body)
        if answer.status not in (200, 204):
            raise self._error(answer, "retain", f"locking {name} again")

    def _write(self, name: str, data: bytes, more: Mapping[str, str]) -> None:
        headers = {
            **_proven(data),
            "x-amz-object-lock-mode": self._lock.mode.upper(),
            UNTIL: self._until(),
            **more,
        }
        answer = self._ask.of_object("PUT", name, (), headers, data)
        if answer.status in (409, 412) and more:
            raise _there(name)
        if answer.status != 200:
            raise self._error(answer, "put", f"writing {name}")

    def _until(self) -> str:
        return (self._clock.now() + self._lock.lasts).astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")

    def _error(self, answer: Answer, verb: str, act: str) -> HoldfastError:
        if answer.code == "InvalidRequest" or answer.code in _NONE:
            return NeedsOperator(
                f"{act}: the store refuses its lock",
                code="object_lock_off",
                hint="Object Lock must be turned on for the bucket, most stores want that when it is made.",
            )
        return translated(_Answered(answer), verb, act, self._words)


def _proven(data: bytes) -> dict[str, str]:
    """S3 demands a checksum beside a lock."""
    return {"Content-MD5": base64.b64encode(hashlib.md5(data, usedforsecurity=False).digest()).decode()}


def _there(name: str) -> Conflict:
    return Conflict(f"{name} is there already", code="piece_exists")
