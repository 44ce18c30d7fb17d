"""Which packages a project asks for: `requirements.txt`, or `[project].dependencies` of its `pyproject.toml`.

Only names, extras, versions and markers (PEP 508): no addresses, no paths, no options, so that what a tenant wrote can
neither read our files nor make us call hosts of its choice.
"""

from __future__ import annotations

import re
import sys
import tomllib
from dataclasses import dataclass

from holdfast.kernel.errors import Invalid

MAX_LINES = 500
_LINE = re.compile(
    r"(?P<name>[A-Za-z0-9](?:[A-Za-z0-9._-]{0,98}[A-Za-z0-9])?)\s*"
    r"(?:\[\s*[A-Za-z0-9._-]+(?:\s*,\s*[A-Za-z0-9._-]+)*\s*\])?\s*"
    r"(?:\(?\s*(?:===?|[<>~!]=?)[A-Za-z0-9.*+!_\-\s,<>=~]*\)?)?\s*"
    r"(?:;[^@\\]*)?"
)
_COMMENT = re.compile(r"(?:^|\s)#.*$")
_HASH = re.compile(r"\s+--hash=\S+")
_LEAST_PYTHON = re.compile(r"(?:^|,)\s*(?:>=|==|~=)\s*(\d{1,4})\.(\d{1,4})")
OURS = ".".join(map(str, sys.version_info[:2]))
# Made for Python in WebAssembly: the runtime has what they would bring.
LEFT_OUT = {
    "workers-runtime-sdk": "the `workers` module comes with the runtime",
    "workers-py": "it is a tool for developing, `holdfast` is its like here",
    "pyodide-py": "the `pyodide.ffi` shim comes with the runtime",
    "pyodide-lock": "it is a tool for developing",
    "pyodide-build": "it is a tool for developing",
    "webtypy": "it describes types of JavaScript",
}


@dataclass(frozen=True)
class Requirements:
    """`lines` as they are resolved, sorted. `notes`: what was left out or taken differently, for people."""

    lines: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


def read(name: str, content: bytes) -> Requirements:
    """Of a file with this name. Raises Invalid ("requirements_invalid") naming the line."""
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise _wrong(name, "", "is not UTF-8") from None
    base = name.rpartition("/")[2]
    if base == "pyproject.toml":
        lines, notes = _of_pyproject(name, text)
    elif base.endswith(".txt"):
        lines, notes = _of_text(text)
    else:
        raise _wrong(name, "", "packages are read from requirements.txt or pyproject.toml")
    if len(lines) > MAX_LINES:
        raise _wrong(name, "", f"more than {MAX_LINES} packages")
    kept = []
    for line in lines:
        found = _LINE.fullmatch(line)
        if found is None:
            raise _wrong(name, line, "a name, extras, versions and a marker are understood (PEP 508), nothing else")
        plain = re.sub(r"[-_.]+", "-", found["name"]).lower()
        if why := LEFT_OUT.get(plain):
            notes.append(f"{plain} is left out: {why}")
        else:
            kept.append(line)
    return Requirements(tuple(sorted(set(kept))), tuple(notes))


def _of_text(text: str) -> tuple[list[str], list[str]]:
    lines, notes = [], []
    for raw in text.replace("\\\r\n", " ").replace("\\\n", " ").splitlines():
        line = _COMMENT.sub("", raw).strip()
        if "--hash=" in line:
            line = _HASH.sub("", line)
            notes = ["hashes of the file are left out: every package is locked by its own"]
        if line:
            lines.append(line)
    return lines, notes


def _of_pyproject(name: str, text: str) -> tuple[list[str], list[str]]:
    try:
        table = tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise _wrong(name, "", str(error)) from None
    project = table.get("project", {})
    found = project.get("dependencies", []) if isinstance(project, dict) else None
    if not isinstance(found, list) or not all(isinstance(each, str) for each in found):
        raise _wrong(name, "", "project.dependencies is a list of texts")
    return [each.strip() for each in found], _newer_python(project.get("requires-python"))


def _newer_python(wanted: object) -> list[str]:
    """A note where the code was written for a newer Python than ours: it may have words that this one does not know."""
    least = _LEAST_PYTHON.search(wanted) if isinstance(wanted, str) else None
    if least is None or (int(least[1]), int(least[2])) <= sys.version_info[:2]:
        return []
    return [f"requires-python says {least[0].strip(', ')}: workers run on Python {OURS} here"]


def _wrong(name: str, line: str, message: str) -> Invalid:
    at = f"{name}: {line[:100]!r}: {message}" if line else f"{name}: {message}"
    return Invalid(
        at,
        code="requirements_invalid",
        hint="Such as `fastapi>=0.115` or `httpx[http2]==0.28.*`; no addresses, paths or options.",
        details={"fields": [{"field": name, "message": message, "line": line[:200]}]},
    )
