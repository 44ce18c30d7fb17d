"""What all places in a cloud have in common: an endpoint, a prefix, an authority. Checked here for each kind."""

from __future__ import annotations

import re
import ssl

from holdfast.kernel.errors import Invalid
from holdfast.kernel.outbound_url import Refused, Target, target_of

_PREFIX = re.compile(r"([A-Za-z0-9_-][A-Za-z0-9._-]*(/[A-Za-z0-9_-][A-Za-z0-9._-]*)*)?")
_PATH = re.compile(r"(/[A-Za-z0-9._~-]+)*/?")


def wrong(name: str, message: str) -> Invalid:
    """Of the field `name`."""
    return Invalid(f"{name}: {message}", details={"fields": [{"field": name, "message": message}]})


def checked_endpoint(endpoint: str, *, allow_http: bool) -> Target:
    """Raises Invalid."""
    try:
        target = target_of(endpoint)
    except Refused as error:
        raise wrong("endpoint", error.message) from None
    _, slash, path = endpoint.partition("://")[2].partition("/")
    if not _PATH.fullmatch(slash + path):
        raise wrong("endpoint", "an endpoint is https://host or https://host:port")
    if target.scheme == "http" and not allow_http:
        raise wrong(
            "allow_http", "this endpoint is plain http: requests are signed, but names and sizes go in the clear"
        )
    return target


def check_prefix(prefix: str) -> None:
    """Raises Invalid."""
    if len(prefix) > 200 or not _PREFIX.fullmatch(prefix):
        raise wrong("prefix", "letters, digits, '.', '_' and '-' between slashes, none at the ends, at most 200")


def check_authority(ca: str | None) -> None:
    """Whether it is one or more certificates in PEM. Raises Invalid."""
    if ca is None:
        return
    try:
        ssl.create_default_context(cadata=ca.strip() or "nothing")  # "" would mean the system's own
    except (ssl.SSLError, ValueError):
        raise wrong("ca", "not a certificate in PEM form") from None
