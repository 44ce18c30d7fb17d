"""Type stubs of one worker: those of `workers`, and `Env` with what its project file binds."""

from __future__ import annotations

import ast
from collections.abc import Mapping
from pathlib import Path

from holdfast.runtime.python import stubs
from holdfast.runtime.wrangler_config import WorkerConfig

_SOURCES = Path(__file__).parent / "bindings"
_CLASSES = {
    "client_kv": ("KvNamespace",),
    "client_d1": ("D1PreparedStatement", "D1DatabaseSession", "D1Database"),
    "client": ("RateLimit",),
}
_KNOWN = frozenset(name for names in _CLASSES.values() for name in names)  # what else they are built on is ours alone
_INNER = frozenset(("__init__", "wire", "query"))  # a worker neither makes them nor calls these
_HEAD = '''"""What this worker finds in `env`. Written by `holdfast types`: run it again after changes."""

from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from . import Response

class JsDict(dict[str, Any]):
    """A dict whose keys are attributes too."""
    def __getattr__(self, name: str) -> Any: ...
    def to_py(self, **options: Any) -> JsDict: ...

class VersionMetadata(JsDict):
    id: str
    tag: str
    timestamp: str

class Fetcher:
    """Another worker: `fetch`, and each of its public methods."""
    async def fetch(self, input: Any, init: Any = ..., /, **named: Any) -> Response: ...
    def __getattr__(self, method: str) -> Callable[..., Awaitable[Any]]: ...

'''
_PLAIN = {bool: "bool", int: "int", float: "float", str: "str"}


def generate(config: WorkerConfig, secrets: frozenset[str] = frozenset()) -> dict[str, str]:
    """The stub files: their paths and texts. `secrets`: names beyond those the project file requires."""
    files = stubs.generate()
    main = files["workers/__init__.pyi"]
    main = main.replace("\nenv: Any\n", "\nfrom .bindings import Env as Bindings\n\nenv: Bindings\n", 1)
    first, entrypoint, rest = main.partition("class WorkerEntrypoint:")
    files["workers/__init__.pyi"] = first + entrypoint + rest.replace("    env: Any\n", "    env: Bindings\n", 1)
    files["workers/bindings.pyi"] = bindings() + "\n\n" + _env(named(config, secrets))
    return files


def bindings() -> str:
    """What stands behind names of `env`, class by class, for any worker. No module of these classes can be imported in
    one: editors complete from them."""
    return _HEAD + "\n".join(_classes())


def write(directory: Path, files: Mapping[str, str]) -> list[Path]:
    """Write them below `directory`; a file that says the same already is left alone. Raises OSError."""
    written = []
    for path, text in files.items():
        target = directory / path
        target.parent.mkdir(parents=True, exist_ok=True)
        if not target.is_file() or target.read_text() != text:
            target.write_text(text)
        written.append(target)
    return written


def named(config: WorkerConfig, secrets: frozenset[str] = frozenset()) -> dict[str, str]:
    """Name in `env` -> its type, in order of name."""
    found = {name: _PLAIN.get(type(value), "Any") for name, value in config.vars.items()}
    found |= dict.fromkeys((*config.secrets, *secrets), "str")
    found |= {each.binding: "KvNamespace" for each in config.kv_namespaces}
    found |= {each.binding: "D1Database" for each in config.d1_databases}
    found |= {each.binding: "Fetcher" for each in config.services}
    found |= {each.name: "RateLimit" for each in config.ratelimits}
    if config.version_metadata:
        found[config.version_metadata] = "VersionMetadata"
    return dict(sorted(found.items()))


def _env(names: Mapping[str, str]) -> str:
    """Other names are an error for a checker, as they are at run time."""
    lines = [f"    {name}: {kind}" for name, kind in names.items() if name.isidentifier()]
    lines.append("    def __getitem__(self, name: str) -> Any: ...")
    return "\n".join(["class Env:", *lines]) + "\n"


def _classes() -> list[str]:
    found = []
    for part, wanted in _CLASSES.items():
        for node in ast.parse((_SOURCES / f"{part}.py").read_text()).body:
            if isinstance(node, ast.ClassDef) and node.name in wanted:
                node.bases = [base for base in node.bases if ast.unparse(base) in _KNOWN]
                node.body = [each for each in node.body if getattr(each, "name", "") not in _INNER]
                found.append(stubs.class_stub(node))
    return found
