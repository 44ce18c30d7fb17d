"""Type stubs of the `workers` module for a user's editor, made from its source: no second text to keep in step.

`holdfast types` writes them beside a project, where no Holdfast need be installed.
"""

from __future__ import annotations

import ast
from pathlib import Path

_HERE = Path(__file__).parent
_PARTS = (
    "aborting",
    "blobs",
    "forms",
    "headers",
    "streams",
    "url",
    "messages",
    "context",
    "entrypoints",
    "sockets",
    "rpc",
    "typing",
    "line",
    "fetching",
)
_METHODS = "init getitem setitem delitem contains iter len aiter anext eq call getattr await enter exit"
_SPECIAL = frozenset(f"__{name}__" for name in _METHODS.split())
_HELPERS = (
    "Running Outcome Way exchange Ended Line Upgraded Guarded SignalTimeoutError use tls_context set_env current_env "
    "fitting loop Handle LocalHandle held passable reference"
)
_HIDDEN = frozenset(_HELPERS.split())
_HEAD = '"""{0}. Written by `holdfast types`; a later version may replace it."""\n\n'
_IMPORTS = """import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Generator, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager
from http import HTTPMethod, HTTPStatus
from typing import Any, Literal, NoReturn, TypedDict, overload

"""
_ENV = "env: Any\n\nclass JsError(Exception):\n    name: str\n    message: str\n"
_MODULES = {
    "workers/asgi.pyi": "from typing import Any\n\nfrom . import Request, Response, WorkerEntrypoint\n\nenv: Any\n\n"
    "async def fetch(app: Any, req: Request, env: Any = ..., ctx: Any = ..., *, options: Any = ...) -> Response: ...\n"
    "async def websocket(app: Any, req: Request, env: Any = ...) -> Response: ...\n"
    "def entrypoint(app: Any, *, options: Any = ...) -> type[WorkerEntrypoint]: ...\n",
    "workers/wsgi.pyi": "from typing import Any\n\nfrom . import Request, Response, WorkerEntrypoint\n\n"
    "async def fetch(app: Any, req: Request, env: Any = ..., ctx: Any = ...) -> Response: ...\n"
    "def entrypoint(app: Any) -> type[WorkerEntrypoint]: ...\n",
    "workers/workflows.pyi": "class NonRetryableError(Exception): ...\n",
    "asgi.pyi": "from workers.asgi import *\nfrom workers.asgi import env as env\n",
    "wsgi.pyi": "from workers.wsgi import *\n",
}


def generate() -> dict[str, str]:
    """The stub files: their paths and texts."""
    body = [_HEAD.format("The types of `workers`"), _IMPORTS, _ENV]
    for part in _PARTS:
        tree = ast.parse((_HERE / "workers" / f"{part}.py").read_text())
        body.extend(text for node in tree.body if (text := _top(node)) and text not in body)
    files = {"workers/__init__.pyi": "\n".join(body) + "\n", "workers/py.typed": ""}
    for path, text in _MODULES.items():
        files[path] = _HEAD.format(f"The types of `{path.removesuffix('.pyi').replace('/', '.')}`") + text
    return files


def write(directory: Path) -> list[Path]:
    """Write the stubs below `directory`. Raises OSError."""
    written = []
    for path, text in generate().items():
        target = directory / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text)
        written.append(target)
    return written


def _top(node: ast.stmt) -> str | None:
    name = getattr(node, "name", None)
    if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
        name = node.targets[0].id
        simple = isinstance(node.value, ast.Name | ast.BinOp | ast.Subscript)
        return ast.unparse(node) if simple and not name.startswith("_") else None
    if name is None or name.startswith("_") or name in _HIDDEN:
        return None
    if isinstance(node, ast.ClassDef):
        return class_stub(node)
    return _function(node, "") if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) else None


def class_stub(node: ast.ClassDef) -> str:
    """The public face of a class."""
    bases = ", ".join(ast.unparse(base) for base in [*node.bases, *node.keywords])
    lines = [f"class {node.name}({bases}):" if bases else f"class {node.name}:"]
    if docstring := ast.get_docstring(node):
        lines.append(f'    """{docstring.splitlines()[0]}"""')
    declared: set[str] = set()
    overloaded: set[str] = set()
    for each in node.body:
        if isinstance(each, ast.FunctionDef | ast.AsyncFunctionDef):
            marked = any(ast.unparse(decorator) == "overload" for decorator in each.decorator_list)
            if marked:
                overloaded.add(each.name)
            shown = not each.name.startswith("_") or each.name in _SPECIAL
            if shown and (marked or each.name not in overloaded):
                lines.append(_function(each, "    "))
                found = _attributes(each) if each.name == "__init__" else []
                lines.extend(line for line in found if line.split(":")[0].strip() not in declared)
        elif isinstance(each, ast.AnnAssign) and isinstance(each.target, ast.Name):
            declared.add(each.target.id)
            if not each.target.id.startswith("_"):
                lines.append(f"    {each.target.id}: {ast.unparse(each.annotation)}")
        elif isinstance(each, ast.Assign):
            lines.extend(_alias(each))
    return "\n".join(lines if len(lines) > 1 else [lines[0], "    ..."])


def _alias(node: ast.Assign) -> list[str]:
    """`formData = form_data`, `type = "scheduled"`, `OPEN = 1`."""
    found = []
    for target in node.targets:
        if isinstance(target, ast.Name) and not target.id.startswith("_"):
            if isinstance(node.value, ast.Name):
                found.append(f"    {target.id} = {node.value.id}")
            elif isinstance(node.value, ast.Constant):
                found.append(f"    {target.id}: {type(node.value.value).__name__}")
        elif isinstance(target, ast.Tuple) and isinstance(node.value, ast.Tuple):
            found.extend(f"    {each.id}: int" for each in target.elts if isinstance(each, ast.Name))
    return found


def _attributes(node: ast.FunctionDef | ast.AsyncFunctionDef) -> list[str]:
    """Public attributes that __init__ sets: with their annotation, or that of the parameter they come from."""
    given = {each.arg: each.annotation for each in (*node.args.args, *node.args.kwonlyargs)}
    found = []
    for each in ast.walk(node):
        target: ast.expr | None = each.target if isinstance(each, ast.AnnAssign) else None
        if isinstance(each, ast.Assign):
            target = each.targets[0]
        if not isinstance(target, ast.Attribute) or ast.unparse(target.value) != "self" or target.attr.startswith("_"):
            continue
        kind: ast.expr | None = each.annotation if isinstance(each, ast.AnnAssign) else None
        if kind is None and isinstance(each, ast.Assign) and isinstance(each.value, ast.Name):
            kind = given.get(each.value.id)
        elif kind is None and isinstance(each, ast.Assign) and isinstance(each.value, ast.Call):
            made = ast.unparse(each.value.func)
            kind = each.value.func if made.isidentifier() and (made[0].isupper() or made in ("str", "int")) else None
        found.append(f"    {target.attr}: {ast.unparse(kind) if kind is not None else 'Any'}")
    return list(dict.fromkeys(found))


def _function(node: ast.FunctionDef | ast.AsyncFunctionDef, indent: str) -> str:
    lines = []
    for decorator in node.decorator_list:
        text = ast.unparse(decorator)
        if text == "contextmanager":
            node.returns = ast.parse("AbstractContextManager[None]", mode="eval").body
        else:
            lines.append(f"{indent}@{text}")
    keyword = "async def" if isinstance(node, ast.AsyncFunctionDef) else "def"
    returns = f" -> {ast.unparse(node.returns)}" if node.returns is not None else ""
    lines.append(f"{indent}{keyword} {node.name}({ast.unparse(node.args)}){returns}:")
    if docstring := ast.get_docstring(node):
        lines.append(f'{indent}    """{docstring.splitlines()[0]}"""')
    lines.append(f"{indent}    ...")
    return "\n".join(lines)
