"""Questions to an S3-compatible store that obstore has no words for: about the bucket, and about other buckets."""

from __future__ import annotations

import re
import ssl
import uuid
from collections.abc import Sequence
from dataclasses import dataclass

import certifi
import httpx

from holdfast.formats import sigv4
from holdfast.kernel.clock import Clock
from holdfast.kernel.errors import Retryable
from holdfast.kernel.outbound import OutboundPolicy, guarded_client
from holdfast.vault.stores.s3 import AccessKey, S3Place

ANSWER_BYTES = 256 * 1024
WAIT_SECONDS = 10.0
_CODE = re.compile(r"<Code>([A-Za-z]{1,64})</Code>")
_NO_ETAG = '"00000000000000000000000000000000"'


@dataclass(frozen=True)
class Answer:
    """`code` is S3's, "" when there is none. `text` is the store's own: look for what is known in it, show nothing."""

    status: int
    code: str
    text: str


class SignedQuestions:
    """Each is one request, through the guarded client, without redirects. Raises Retryable when no answer comes."""

    def __init__(self, place: S3Place, key: AccessKey, policy: OutboundPolicy, clock: Clock) -> None:
        self._place, self._key, self._clock = place, key, clock
        self._client = guarded_client(
            policy,
            deadline=2 * WAIT_SECONDS,
            timeout=WAIT_SECONDS,
            max_bytes=ANSWER_BYTES,
            max_redirects=0,
            verify=_context(place.ca),
        )

    def close(self) -> None:
        self._client.close()

    def of_bucket(self, *query: tuple[str, str]) -> Answer:
        """GET on the bucket: `("versioning", "")`, `("list-type", "2")` ..."""
        return self._ask("GET", self._bucket_path(), query)

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

    def _base(self) -> str:
        return httpx.URL(self._place.url).path.rstrip("/")

    def _bucket_path(self) -> str:
        return f"{self._base()}/{self._place.bucket}" if self._place.path_style else self._base() or "/"

    def _ask(
        self, method: str, path: str, query: Sequence[tuple[str, str]], headers: dict[str, str] | None = None
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
        )
        full = f"{url.scheme}://{host}{sigv4.encoded_path(path)}"
        if query:
            full += "?" + sigv4.encoded_query(query)
        try:
            answer = self._client.request(method, full, headers=sent)
        except httpx.TransportError as error:
            raise Retryable(
                f"the store did not answer: {type(error).__name__}",
                code="store_unreachable",
                hint="check the endpoint, and the network between",
            ) from None
        found = _CODE.search(answer.text)
        return Answer(answer.status_code, found[1] if found else "", answer.text)


def _context(ca: str | None) -> ssl.SSLContext | None:
    """The authorities of `ca` beside those that every call trusts."""
    if ca is None:
        return None
    context = ssl.create_default_context()
    context.load_verify_locations(certifi.where())
    context.load_verify_locations(cadata=ca)
    return context
