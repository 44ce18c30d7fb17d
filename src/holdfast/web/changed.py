"""The refusal of a change that was decided on an older version. Apart from `etag`: services need no HTTP library."""

from __future__ import annotations

from holdfast.kernel.errors import PreconditionFailed


def changed_meanwhile(noun: str) -> PreconditionFailed:
    return PreconditionFailed(
        f"the {noun} was changed by someone else", hint="Read it again, decide again, and send the new ETag."
    )
