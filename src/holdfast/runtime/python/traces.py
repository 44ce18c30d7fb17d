"""An exception in words for the log: only the user's own frames, with their lines, by paths of their project."""

from __future__ import annotations

import linecache
import os
import traceback
from types import TracebackType
from typing import Any

_MOST_FRAMES = 30
_OURS = os.path.dirname(os.path.dirname(__file__)) + "/"


def describe(error: BaseException, code: str) -> dict[str, Any]:
    """`{"type", "message", "stack"}`; `code` is the directory of the user's code."""
    kind = type(error)
    name = kind.__name__ if kind.__module__ in ("builtins", "__main__") else f"{kind.__module__}.{kind.__name__}"
    return {"type": name, "message": str(error)[:4000], "stack": stack(error, code)}


def stack(error: BaseException, code: str) -> str:
    """Like Python's own traceback, the newest call last. Where no frame is the user's, the last one that is not ours is
    given: a package's."""
    parts = []
    seen: set[int] = set()
    each: BaseException | None = error
    while each is not None and id(each) not in seen:
        seen.add(id(each))
        parts.append(_frames(each, code) + _last_line(each, code))
        each = each.__cause__ or (None if each.__suppress_context__ else each.__context__)
    return "\ncaused:\n".join(reversed(parts))[:16_000]


def _last_line(error: BaseException, code: str) -> str:
    text = "".join(traceback.format_exception_only(error)).rstrip()
    return text.replace(code.rstrip("/") + "/", "")[:4000]


def _frames(error: BaseException, code: str) -> str:
    root = code.rstrip("/") + "/"
    frames = list(_walk(error.__traceback__))
    own = [frame for frame in frames if frame[0].startswith(root)]
    own = own or [frame for frame in frames if not frame[0].startswith(_OURS)][-1:]
    lines = []
    for path, line, function in own[-_MOST_FRAMES:]:
        lines.append(f'  File "{path.removeprefix(root)}", line {line}, in {function}\n')
        if source := linecache.getline(path, line).strip():
            lines.append(f"    {source}\n")
    return "".join(lines)


def _walk(trace: TracebackType | None) -> list[tuple[str, int, str]]:
    found = []
    while trace is not None:
        found.append((trace.tb_frame.f_code.co_filename, trace.tb_lineno, trace.tb_frame.f_code.co_qualname))
        trace = trace.tb_next
    return found
