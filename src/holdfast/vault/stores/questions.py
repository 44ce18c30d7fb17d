"""Questions to a store that obstore has no words for: one request each, through the guarded client."""

from __future__ import annotations

import re
import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field

import certifi
import httpx

from holdfast.kernel.errors import Retryable
from holdfast.kernel.outbound import OutboundPolicy, guarded_client

ANSWER_BYTES = 256 * 1024
WAIT_SECONDS = 10.0
_CODE = re.compile(r"<Code>([A-Za-z]{1,64})</Code>")


@dataclass(frozen=True)
class Answer:
    """`code` is the store's own word, "" when there is none. `text` and `headers` are the store's: look for what is
    known in them, show nothing."""

    status: int
    code: str
    text: str
    headers: Mapping[str, str] = field(default_factory=dict)


class Line:
    """Without redirects, and with an end: an answer comes within `WAIT_SECONDS` or not at all."""

    def __init__(self, policy: OutboundPolicy, ca: str | None, seconds: float = 2 * WAIT_SECONDS) -> None:
        """`seconds`: for a whole call."""
        self._client = guarded_client(
            policy,
            deadline=seconds,
            timeout=WAIT_SECONDS,
            max_bytes=ANSWER_BYTES,
            max_redirects=0,
            verify=_context(ca),
        )

    def close(self) -> None:
        self._client.close()

    def ask(self, method: str, url: str, headers: Mapping[str, str], content: bytes | None = None) -> Answer:
        """Raises Retryable when no answer comes."""
        try:
            answer = self._client.request(method, url, headers=headers, content=content)
        except httpx.TransportError as error:
            raise Retryable(
                f"the store did not answer: {type(error).__name__}",
                code="store_unreachable",
                hint="check the endpoint, and the network between",
            ) from None
        found = _CODE.search(answer.text)
        return Answer(answer.status_code, found[1] if found else "", answer.text, dict(answer.headers))


def _context(ca: str | None) -> ssl.SSLContext | None:
    """The authorities of `ca` beside those that every call trusts."""
    if ca is None:
        return None
    context = ssl.create_default_context()
    context.load_verify_locations(certifi.where())
    context.load_verify_locations(cadata=ca)
    return context
