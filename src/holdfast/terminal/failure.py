"""How an error leaves the program: words on stderr and an exit code."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from typing import Any

from holdfast.kernel.errors import HoldfastError, Invalid

OK, FAILED, USAGE, NOT_FOUND, DENIED, CONFLICT, INTERRUPTED = 0, 1, 2, 3, 4, 5, 130

_CODES: Mapping[int, int] = {401: DENIED, 403: DENIED, 404: NOT_FOUND, 409: CONFLICT, 412: CONFLICT}


class Usage(Invalid):
    """The command line itself is wrong: exit code 2."""

    default_code = "usage"


def exit_code(error: HoldfastError) -> int:
    if isinstance(error, Usage):
        return USAGE
    return FAILED if error.code == "cancelled" else _CODES.get(error.status, FAILED)


def show_error(error: HoldfastError | Mapping[str, Any], *, as_json: bool) -> None:
    """The error and its hint on stderr; the wire form with --json."""
    wire = error.as_dict() if isinstance(error, HoldfastError) else dict(error)
    if as_json:
        print(json.dumps({"error": wire}, ensure_ascii=False), file=sys.stderr)  # noqa: T201 - the CLI speaks here
        return
    lines = [f"Error: {wire.get('message')}"]
    details = wire.get("details") or {}
    for field in details.get("fields") or []:
        if isinstance(field, Mapping):
            place = field.get("field") or field.get("path") or field.get("loc") or ""
            what = field.get("message") or field.get("msg") or ""
            if not (what and str(wire.get("message")).endswith(what)):  # else it was said a line above
                lines.append(f"  {place}: {what}")
    lines += [f"  {candidate}" for candidate in details.get("candidates") or []]
    if wire.get("hint"):
        lines.append(f"Hint: {wire['hint']}")
    print("\n".join(lines), file=sys.stderr)  # noqa: T201
