"""The first words on a version's socket: which version it is, and its bindings in their order."""

from __future__ import annotations

from holdfast.runtime.bindings import frames
from holdfast.runtime.bindings.values import encode
from holdfast.runtime.live import LiveVersion


def greeting(version: LiveVersion) -> bytes:
    """The payload of the frame HELLO. A binding's place in the list is its number in every call."""
    return encode(
        {
            "protocol": frames.PROTOCOL,
            "version": {"id": version.id, "tag": version.tag or "", "timestamp": version.created_at},
            "bindings": [[binding.name, binding.kind] for binding in version.bindings],
        }
    )
