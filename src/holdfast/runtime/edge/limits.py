"""What a stranger may use of the edge before anyone knows who they are."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Limits:
    """Bytes, counts and seconds. A worker's own limits (body, time to answer) come with its route."""

    head_bytes: int = 32 * 1024
    head_fields: int = 100
    known_head_bytes: int = 2048  # of a head that is kept, to know it when it comes again
    answer_head_bytes: int = 64 * 1024
    answer_head_fields: int = 256
    connections: int = 8192
    upstreams: int = 512  # connections to one version
    idle_upstreams: int = 64  # of these, kept open although nothing asks
    upstream_idle_seconds: float = 60.0
    head_seconds: float = 15.0  # for a whole head
    idle_seconds: float = 75.0  # between two requests
    body_seconds: float = 20.0  # between two parts of a body
    body_rate: int = 500  # bytes a second that a body must have on average, after `body_seconds`
    send_seconds: float = 60.0  # for a client that stalls to take what lies ready
    stream_seconds: float = 600.0  # between two parts of an answer
    tunnel_seconds: float = 900.0  # of silence in a WebSocket
    connect_seconds: float = 10.0  # for a version's socket to be there and take us
    grace_seconds: float = 5.0  # the worker ends a request that takes too long itself, and says more than we can
    linger_seconds: float = 2.0  # for the last words to reach a client that is still sending
    tick_seconds: float = 0.5
    buffer_bytes: int = 128 * 1024  # written and not yet taken, in each direction
