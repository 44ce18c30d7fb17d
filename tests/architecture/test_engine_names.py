"""No feature knows an engine by name: outside its own folder, nothing decides by one."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import holdfast
from holdfast.catalog import ENGINES

ROOT = Path(holdfast.__file__).parent
NAMES = frozenset(ENGINES.names())
EXEMPT = ("catalog.py", "kernel/db/")  # the one list; the metadata database's two dialects


def _is_name(node: ast.AST | None) -> bool:
    if isinstance(node, (ast.Tuple, ast.List, ast.Set)):
        return any(_is_name(item) for item in node.elts)
    return isinstance(node, ast.Constant) and node.value in NAMES


def decisions_by_name(tree: ast.AST) -> Iterator[int]:
    """Lines where a comparison, a dict key, a subscript or a match case names an engine."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Compare) and any(map(_is_name, (node.left, *node.comparators))):
            yield node.lineno
        elif isinstance(node, ast.Dict) and any(map(_is_name, node.keys)):
            yield node.lineno
        elif isinstance(node, ast.Subscript) and _is_name(node.slice):
            yield node.lineno
        elif isinstance(node, ast.MatchValue) and _is_name(node.value):
            yield node.value.lineno
        elif isinstance(node, ast.keyword) and node.arg in NAMES:
            yield node.value.lineno


def test_nothing_outside_an_engines_folder_decides_by_its_name() -> None:
    found = []
    for path in sorted(ROOT.rglob("*.py")):
        relative = path.relative_to(ROOT).as_posix()
        own = relative.split("/")[1] if relative.startswith("engines/") else None
        if relative.startswith(EXEMPT):
            continue
        for line in decisions_by_name(ast.parse(path.read_text())):
            if own is None or own not in NAMES:
                found.append(f"{relative}:{line}")
    assert not found, "decides by an engine's name: " + ", ".join(found)


def test_the_walk_sees_every_shape() -> None:
    name = next(iter(NAMES))
    shapes = [
        f"x == {name!r}",
        f"x in ({name!r}, 'other')",
        f"y = {{{name!r}: 1}}",
        f"z = table[{name!r}]",
        f"match x:\n    case {name!r}: pass",
        f"dict({name}=1)",
    ]
    for shape in shapes:
        assert list(decisions_by_name(ast.parse(shape))), shape
    assert not list(decisions_by_name(ast.parse(f"print({name!r})")))
