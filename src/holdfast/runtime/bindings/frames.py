"""Frames on the bindings' socket, the same for both ends. The sandbox imports this: standard library only.

A frame is 10 bytes of head, little-endian, and a payload in the form of `values`:

    u32 length of the payload | u32 id | u8 a | u8 b | payload

Worker to state: `id` is the call's, chosen by the worker; `a` the binding's index in the table of the greeting, `b`
the method's index for its kind (`METHODS`). `a` 255 is a part of the call that the connection carries as a stream:
`b` BODY or END. State to worker: `a` is an answer's kind, `b` 0. The first frame of a connection is the state's
greeting (id 0). Answers come in any order. A frame that breaks these rules ends the connection, after a FAULT.
"""

from __future__ import annotations

import struct
from typing import Final

HEAD: Final = struct.Struct("<IIBB")
HEAD_BYTES: Final = HEAD.size
PROTOCOL: Final = 1
LONGEST_FRAME: Final = 27 * 1024 * 1024  # the largest value of a key, its key and its metadata fit
STREAM: Final = 255

VALUE, ERROR, HELLO, FAULT = 0, 1, 2, 3
HEADERS, BODY, END = 4, 5, 6  # of a streamed answer; BODY and END of a streamed call too
CHUNK: Final = 64 * 1024  # bytes of one BODY
TICKET: Final = b"\xff"  # begins the answer to a call that has become a session, before the ticket that `join` takes

METHODS: Final[dict[str, tuple[str, ...]]] = {
    "kv": ("get", "getWithMetadata", "getMany", "put", "delete", "list"),
    "d1": ("query", "exec"),
    "service": ("rpc", "fetch", "session", "join"),
    "ratelimit": ("limit",),
    "version": ("metadata",),
}


def frame(call: int, a: int, b: int, payload: bytes) -> bytes:
    """One frame as bytes."""
    return HEAD.pack(len(payload), call, a, b) + payload
