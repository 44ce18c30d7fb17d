"""Which person a command means."""

from __future__ import annotations

from typing import Any

from holdfast.kernel.errors import NotFound
from holdfast.kernel.ids import is_id
from holdfast.terminal import output
from holdfast.terminal.context import Terminal


def find_user(t: Terminal, given: str) -> dict[str, Any]:
    """By id, deleted ones included, or by e-mail. Raises NotFound."""
    if is_id(given, "usr"):
        return dict(t.client.get(f"/users/{given}"))
    for found in t.client.items("/users", email=given):
        return found
    raise NotFound(f"there is no account of {output.visible(given)}", hint="list them: holdfast user list")
