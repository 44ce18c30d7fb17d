"""One request to a service that has keys, through the guarded client: no redirect, no proxy, and with an end."""

from __future__ import annotations

import base64
import json
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import certifi
import httpx

from holdfast.kernel.errors import Permanent, Retryable
from holdfast.kernel.outbound import OutboundPolicy, guarded_client

ANSWER_BYTES = 256 * 1024
WAIT_SECONDS, CALL_SECONDS = 10.0, 20.0


@dataclass(frozen=True)
class Reply:
    """`body`: {} when it is no JSON object. Nothing of it is shown but words that are known."""

    status: int
    body: Mapping[str, Any]


class Line:
    """`who`: what errors call the service. `code`: how their codes begin."""

    def __init__(self, policy: OutboundPolicy, ca: str | None, who: str, code: str) -> None:
        self._client = guarded_client(
            policy,
            deadline=CALL_SECONDS,
            timeout=WAIT_SECONDS,
            max_bytes=ANSWER_BYTES,
            max_redirects=0,
            verify=_context(ca),
        )
        self.who, self.code = who, code

    def close(self) -> None:
        self._client.close()

    def ask(self, method: str, url: str, headers: Mapping[str, str], content: bytes | None = None) -> Reply:
        """Raises Retryable when no answer comes, Permanent for a certificate that is not trusted and for a redirect."""
        try:
            answer = self._client.request(method, url, headers=dict(headers), content=content)
        except httpx.TransportError as error:
            if "CERTIFICATE_VERIFY_FAILED" in str(error):
                raise Permanent(
                    f"the certificate of {self.who} is not trusted",
                    code=f"{self.code}_certificate",
                    hint="Give the certificate of its authority: --ca FILE.",
                ) from None
            raise Retryable(
                f"{self.who} does not answer: {type(error).__name__}",
                code=f"{self.code}_unreachable",
                hint="Is it up, and its address right? It is asked again for each snapshot, restore and verification.",
            ) from None
        if answer.is_redirect:
            raise Permanent(
                f"{self.who} sends us elsewhere, and we do not follow",
                code=f"{self.code}_redirected",
                hint="Give the address of the active node, or of what balances the load.",
            )
        return Reply(answer.status_code, _object(answer.content))


def _object(content: bytes) -> Mapping[str, Any]:
    try:
        found = json.loads(content)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def _context(ca: str | None) -> ssl.SSLContext | None:
    """The authorities of `ca` beside those that every call trusts."""
    if ca is None:
        return None
    context = ssl.create_default_context()
    context.load_verify_locations(certifi.where())
    context.load_verify_locations(cadata=ca)
    return context


def text_of(raw: bytes) -> str:
    """Bytes as these services take them."""
    return base64.b64encode(raw).decode()


def bytes_of(line: Line, found: Mapping[str, Any], field: str) -> bytes:
    """A field that such a service answered with. Raises Permanent when it is not there, or no base64."""
    try:
        return base64.b64decode(str(found[field]), validate=True)
    except (KeyError, ValueError):
        raise Permanent(
            f"what answers is not {line.who}", code=f"{line.code}_refused", hint="Check the endpoint."
        ) from None
