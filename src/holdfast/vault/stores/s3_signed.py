"""Questions to an S3-compatible store that obstore has no words for: about the bucket, and about other buckets."""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Mapping, Sequence

import httpx

from holdfast.formats import sigv4
from holdfast.kernel.clock import Clock
from holdfast.kernel.outbound import OutboundPolicy
from holdfast.vault.stores.questions import WAIT_SECONDS, Answer, Line
from holdfast.vault.stores.s3 import AccessKey, S3Place

_NO_ETAG = '"00000000000000000000000000000000"'


class SignedQuestions:
    """Each is one request, through the guarded client, without redirects. Raises Retryable when no answer comes."""

    def __init__(
        self,
        place: S3Place,
        key: AccessKey,
        policy: OutboundPolicy,
        clock: Clock,
        *,
        seconds: float = 2 * WAIT_SECONDS,
    ) -> None:
        self._place, self._key, self._clock = place, key, clock
        self._line = Line(policy, place.ca, seconds)

    def close(self) -> None:
        self._line.close()

    def of_bucket(self, *query: tuple[str, str]) -> Answer:
        """GET on the bucket: `("versioning", "")`, `("list-type", "2")` ..."""
        return self._ask("GET", self._bucket_path(), query)

    def to_bucket(
        self,
        method: str,
        query: Sequence[tuple[str, str]],
        headers: Mapping[str, str] | None = None,
        content: bytes = b"",
    ) -> Answer:
        """What changes the bucket itself."""
        return self._ask(method, self._bucket_path(), query, headers, content)

    def of_all(self) -> Answer:
        """GET on the endpoint: the buckets."""
        if not self._place.path_style:
            return Answer(0, "", "")  # the host belongs to one bucket
        return self._ask("GET", self._base() + "/", ())

    def make_bucket(self) -> Answer:
        """For benchmarks: people make their buckets themselves."""
        return self._ask("PUT", self._bucket_path(), ())

    def try_write_outside(self) -> Answer:
        """A write beside the prefix that can succeed nowhere: it asks for an object that does not exist. A store that
        does not know the condition writes an empty object, which is deleted again."""
        path = f"{self._bucket_path()}/holdfast-test-{uuid.uuid4().hex}"
        answer = self._ask("PUT", path, (), {"If-Match": _NO_ETAG})
        if answer.status == 200:
            self._ask("DELETE", path, ())
        return answer

    def of_object(
        self,
        method: str,
        name: str,
        query: Sequence[tuple[str, str]] = (),
        headers: Mapping[str, str] | None = None,
        content: bytes = b"",
    ) -> Answer:
        """On a piece below the prefix."""
        below = f"{self._place.prefix}/{name}" if self._place.prefix else name
        return self._ask(method, f"{self._bucket_path().rstrip('/')}/{below}", query, headers, content)

    def _base(self) -> str:
        return httpx.URL(self._place.url).path.rstrip("/")

    def _bucket_path(self) -> str:
        return f"{self._base()}/{self._place.bucket}" if self._place.path_style else self._base() or "/"

    def _ask(
        self,
        method: str,
        path: str,
        query: Sequence[tuple[str, str]],
        headers: Mapping[str, str] | None = None,
        content: bytes = b"",
    ) -> Answer:
        url = httpx.URL(self._place.url)
        host = url.netloc.decode("ascii")
        sent = sigv4.signed(
            method,
            host,
            path,
            query,
            headers or {},
            key_id=self._key.id,
            secret=self._key.secret,
            token=self._key.token,
            region=self._place.region,
            now=self._clock.now(),
            payload=hashlib.sha256(content).hexdigest(),
        )
        full = f"{url.scheme}://{host}{sigv4.encoded_path(path)}"
        if query:
            full += "?" + sigv4.encoded_query(query)
        return self._line.ask(method, full, sent, content or None)
