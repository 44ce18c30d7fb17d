"""Signed links: who has one may read that one file until it expires, and nothing else.

    signature = HMAC-SHA256(key of the link, "holdfast-download-1\\n" method "\\n" link "\\n" snapshot "\\n" expires)

Every link has a key of its own, sealed with the project's secrets: revoking destroys it.
"""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import dataclass

METHODS = ("GET", "HEAD")


@dataclass(frozen=True)
class Signed:
    """What a link is for. `covers`: its snapshot, or all of a zip with + between. `expires`: seconds since 1970."""

    download_id: str
    covers: str
    expires: int

    def signature(self, key: str) -> str:
        """For reading; HEAD is a reading without the content."""
        words = ("holdfast-download-1", "GET", self.download_id, self.covers, str(self.expires))
        return hmac.new(key.encode(), "\n".join(words).encode(), hashlib.sha256).hexdigest()

    def matches(self, key: str, signature: str, method: str = "GET") -> bool:
        """In constant time. Only reading methods ever match."""
        right = self.signature(key)
        return method in METHODS and hmac.compare_digest(right.encode(), signature.encode())
