"""An open stream is a right that lasts: whether whoever opened it may still have it."""

from __future__ import annotations

from starlette.requests import Request

from holdfast.features.access.actor import Actor
from holdfast.features.access.http import _actor as actor_of
from holdfast.kernel.errors import Unauthenticated

__all__ = ["actor_of", "still_in"]


async def still_in(request: Request) -> bool:
    """Whether the request's credential is good now and still means the same rights.

    False after signing out, revocation, expiry, a disabled account, or any change of grants: the stream ends, and a
    client that comes back is asked anew, by the route that knows what it needs.
    """
    before: Actor = request.state.actor
    try:
        now = await actor_of(request)
    except Unauthenticated:
        return False
    return (now.id, now.grants, now.bounds) == (before.id, before.grants, before.bounds)
