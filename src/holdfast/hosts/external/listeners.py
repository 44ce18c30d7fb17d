"""What no registered address may be, whatever the operator allowed: our own listeners."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

import sqlalchemy as sa

from holdfast.kernel.outbound_policy import Listener, OutboundPolicy
from holdfast.kernel.settings import Settings


def policy_of(settings: Settings) -> OutboundPolicy:
    """The operator's policy; the metadata database counts as a listener of ours."""
    policy = OutboundPolicy.of(settings)
    before = policy.own_listeners

    def listeners() -> Iterable[Listener]:
        yield from before()
        yield from metadata_listeners(settings, policy)

    return replace(policy, own_listeners=listeners)


def metadata_listeners(settings: Settings, policy: OutboundPolicy) -> Iterable[Listener]:
    """Every address of the metadata server, when it is one. What does not resolve now cannot be dialled either."""
    url = sa.make_url(settings.metadata_url)
    host = url.query.get("host") or url.host
    if not isinstance(host, str) or not host or host.startswith("/"):  # a file, or a unix socket
        return
    port = url.port or 5432
    try:
        for address in policy.resolver(host, port):
            yield address, port
    except OSError:
        return
