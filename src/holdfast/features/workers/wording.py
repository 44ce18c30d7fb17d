"""How a log line and an invocation read in a terminal: `dev` and `tail` say the same."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from holdfast.terminal import output


def line_text(level: str, text: str) -> str:
    """Indented below what it belongs to; its level where that is not the ordinary one."""
    first, *rest = output.visible(text).split("\n")
    mark = "" if level in ("log", "info") else f"{level}: "
    return "\n".join([f"  {mark}{first}", *(f"  {each}" for each in rest)])


def invocation_text(one: Mapping[str, Any]) -> str:
    """12:30:01 GET /items 200 3.1 ms, and below it why it failed. The trace is a line of its log, which is said too."""
    what = " ".join(filter(None, (one["method"], one["path"]))) or one["trigger"]
    status = "" if one["status"] is None else f" {one['status']}"
    outcome = "" if one["outcome"] == "ok" else f" {one['outcome']}"
    at = datetime.fromtimestamp(one["at"] / 1000).strftime("%H:%M:%S")
    lines = [f"{at} {output.visible(what)}{status}{outcome} {one['wall_ms']:.1f} ms"]
    if (error := one["error"]) is not None:
        shown = ": ".join(str(error[key]) for key in ("type", "message") if error.get(key))
        lines += [f"  {line}" for line in output.visible(shown.rstrip()).split("\n")]
    return "\n".join(lines)
