"""Optimistic concurrency: the row's version is its ETag, and a change names the version it was decided on."""

from __future__ import annotations

import re
from typing import Annotated

from fastapi import Depends, Header, Response

from holdfast.kernel.errors import Invalid
from holdfast.web.errors import PreconditionRequired

_ETAG = re.compile(r'^"v(\d{1,9})"$')


def etag(version: int) -> str:
    return f'"v{version}"'


def set_etag(response: Response, version: int) -> None:
    response.headers["etag"] = etag(version)


def _version(
    if_match: Annotated[
        str | None, Header(alias="If-Match", description='The `ETag` last read, such as `"v3"`.')
    ] = None,
) -> int:
    given = _optional(if_match)
    if given is None:
        raise PreconditionRequired(
            "this change needs If-Match", hint="Read the thing, then send its ETag header back as If-Match."
        )
    return given


def _optional(
    if_match: Annotated[
        str | None, Header(alias="If-Match", description='The `ETag` last read, such as `"v3"`.')
    ] = None,
) -> int | None:
    if if_match is None:
        return None
    found = _ETAG.match(if_match.strip())
    if found is None:
        raise Invalid(
            "If-Match is not an ETag of ours", code="etag_invalid", hint='An ETag reads "v3", quotes included.'
        )
    return int(found.group(1))


IfMatch = Annotated[int, Depends(_version)]
OptionalIfMatch = Annotated[int | None, Depends(_optional)]
