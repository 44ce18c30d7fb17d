"""What a version's project file says, as it is kept: read once when it is uploaded, by the rules of Wrangler's file."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from dataclasses import asdict, replace
from typing import Any

from holdfast.kernel.errors import Invalid
from holdfast.runtime import requirements, wrangler
from holdfast.runtime.declared import Declarations, Place
from holdfast.runtime.wrangler import WorkerConfig
from holdfast.runtime.wrangler_config import Finding
from holdfast.runtime.wrangler_reading import Reading

MOST_FAULTS = 200
NAMES_PACKAGES = ("requirements.txt", "pyproject.toml")


def read_config(
    files: Mapping[str, bytes], given: Mapping[str, Any] | None = None, environment: str | None = None
) -> WorkerConfig:
    """The file in the upload, or what came with it as JSON. Raises Invalid("wrangler_missing", "wrangler_invalid",
    "main_missing", "main_unsupported")."""
    if given is not None:
        config = wrangler.parse(json.dumps(dict(given)), environment=environment, where="config")
    else:
        config = _from_files(files, environment)
    checked_main(config, files)
    told = tuple(Finding("no_effect", name, note) for name, note in _notes_of_packages(files))
    return _with_schemas(replace(config, findings=config.findings + told), files)


def checked_main(config: WorkerConfig, paths: Collection[str]) -> None:
    """Raises Invalid("main_missing", "main_unsupported"). `paths`: of the project's files."""
    if config.main not in paths:
        raise Invalid(
            f"{config.main!r}, the worker's main, is not among the files",
            code="main_missing",
            hint="Say the path of its entry as `main`, relative to the project file.",
            details={"fields": [{"field": "main", "message": "is not among the files"}]},
        )
    if not config.main.endswith(".py"):
        raise Invalid(
            f"{config.main!r}, the worker's main, is no Python file (.py)",
            code="main_unsupported",
            hint="Workers are written in Python; JavaScript and TypeScript are not run yet.",
            details={"fields": [{"field": "main", "message": "is no Python file"}]},
        )


def _with_schemas(config: WorkerConfig, files: Mapping[str, bytes]) -> WorkerConfig:
    """The declared routes with every schema in its place: also those of files, which are looked at here first."""
    own = config.own
    if not own.routes and not own.schemas:
        return config
    wrong: list[dict[str, Any]] = []

    def fault(place: Place, message: str) -> None:
        if len(wrong) < MOST_FAULTS:
            wrong.append({"field": Reading.path(("holdfast", *place)), "message": message})

    routes = [dict(each) for each in own.routes]
    found = Declarations(fault, files.get).declared(routes, dict(own.schemas))
    if wrong:
        more = f" (and {len(wrong) - 1} more)" if len(wrong) > 1 else ""
        text = f"{wrong[0]['field']}: {wrong[0]['message']}{more}"
        raise Invalid(text, code="wrangler_invalid", details={"fields": wrong})
    return replace(config, own=replace(own, routes=found.routes, schemas=found.schemas))


def _from_files(files: Mapping[str, bytes], environment: str | None) -> WorkerConfig:
    for name in wrangler.FILES:
        if name not in files:
            continue
        try:
            text = files[name].decode()
        except UnicodeDecodeError as error:
            raise Invalid(f"{name} is not UTF-8 at byte {error.start}", code="wrangler_invalid") from None
        kind: Any = "toml" if name.endswith(".toml") else "jsonc"
        return wrangler.parse(text, kind=kind, environment=environment, where=name)
    raise Invalid(
        f"there is no {' or '.join(wrangler.FILES)} in it, and no config came with it",
        code="wrangler_missing",
        hint='Write a wrangler.jsonc such as {"name": "hello", "main": "src/entry.py"}.',
    )


def kept(config: WorkerConfig) -> dict[str, Any]:
    """As JSON; what it declares of secrets stays names."""
    plain: dict[str, Any] = json.loads(json.dumps(asdict(config)))
    return plain


def _notes_of_packages(files: Mapping[str, bytes]) -> list[tuple[str, str]]:
    """What the file that names the packages says and is not done, such as a Python newer than ours; with its name."""
    found = {name: requirements.read(name, files[name]) for name in NAMES_PACKAGES if name in files}
    counts = [name for name, each in found.items() if each.lines][:1] or list(found)
    return [(name, note) for name in counts for note in found[name].notes]


def needs_packages(files: Mapping[str, bytes]) -> str | None:
    """The file that names its dependencies, when there is one that names any. Raises Invalid for one nobody reads."""
    for name in NAMES_PACKAGES:
        if name in files and requirements.read(name, files[name]).lines:
            return name
    return None
