"""The user's module: found, imported, and what in it takes requests. What is wrong is said in words."""

from __future__ import annotations

import importlib
import importlib.util
import inspect
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import Any, Literal

from holdfast.runtime.python import workers
from holdfast.runtime.python.payload import Payload

Kind = Literal["class", "functions", "asgi", "wsgi", "plain"]
_HERE = Path(__file__).parent


class LoadError(Exception):
    """The version cannot run: `error` says why, for its log. A new version is needed."""

    def __init__(self, kind: str, message: str, stack: str = "") -> None:
        super().__init__(message)
        self.error = {"type": kind, "message": message, "stack": stack}


@dataclass(frozen=True)
class Worker:
    """What a module offers. `main` by kind: a class, the module, an application, a function."""

    kind: Kind
    main: Any
    entrypoints: dict[str, type[workers.WorkerEntrypoint]] = field(default_factory=dict)


def prepare_path(payload: Payload) -> None:
    """Where imports are looked for: our `workers`, `js`, `pyodide`; the code; its packages; `asgi` and `wsgi`."""
    code = Path(payload.code)
    main = code / payload.main
    root = main.parent
    while (root / "__init__.py").exists() and root != code:
        root = root.parent
    folders = [str(at / name) for name in ("python_modules", "vendor") for at in (root, code)]
    own = [str(root), str(code), *folders, payload.packages]
    front = [str(_HERE / "shims"), *dict.fromkeys(own)]
    sys.path[:] = [*front, *(each for each in sys.path if each not in front and each != ""), str(_HERE / "aliases")]
    sys.dont_write_bytecode = True


def load(payload: Payload, stack: Callable[[BaseException], str]) -> Worker:
    """Import the main module. Raises LoadError."""
    try:
        module = _import(payload)
    except LoadError:
        raise
    except SyntaxError as error:
        where = (error.filename or "").removeprefix(payload.code.rstrip("/") + "/")
        line = (error.text or "").strip()
        message = f"{where}, line {error.lineno}: {error.msg}" + (f": {line}" if line else "")
        raise LoadError("SyntaxError", message) from error
    except ModuleNotFoundError as error:
        name = error.name or "?"
        message = (
            f"the module {name!r} was not found. If it comes from a package, add the package to the dependencies in "
            "pyproject.toml or requirements.txt; if it is yours, look at its name and folder"
        )
        raise LoadError("ModuleNotFoundError", message, stack(error)) from error
    except BaseException as error:
        kind = type(error).__name__
        raise LoadError(kind, f"importing {payload.main} failed: {kind}: {error}", stack(error)) from error
    return find(module, payload.main)


def _import(payload: Payload) -> ModuleType:
    code = Path(payload.code).resolve()
    path = (code / payload.main).resolve()
    if not path.is_file() or not path.is_relative_to(code):
        raise LoadError("FileNotFoundError", f"the main module {payload.main!r} is not among the deployed files")
    if path.suffix != ".py":
        raise LoadError("ValueError", f"the main module {payload.main!r} is no Python file (.py)")
    if (path.parent / "__init__.py").exists() and path.parent != code:
        parts = [path.stem]
        parent = path.parent
        while (parent / "__init__.py").exists() and parent != code:
            parts.append(parent.name)
            parent = parent.parent
        return importlib.import_module(".".join(reversed(parts)))
    name = path.stem
    shown = Path(payload.code) / payload.main
    spec = importlib.util.spec_from_file_location(name, shown)
    if spec is None or spec.loader is None:
        raise LoadError("ImportError", f"the main module {payload.main!r} cannot be imported")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


def find(module: ModuleType, main: str) -> Worker:
    """What takes requests in `module`, in this order. Raises LoadError when nothing does."""
    own = {
        name: value
        for name, value in vars(module).items()
        if inspect.isclass(value)
        and issubclass(value, workers.WorkerEntrypoint)
        and value is not workers.WorkerEntrypoint
    }
    if "Default" in own:
        return Worker("class", own["Default"], own)
    if "default" in own:
        return Worker("class", own["default"], own)
    if any(callable(getattr(module, name, None)) for name in ("on_fetch", "on_scheduled")):
        return Worker("functions", module, own)
    for name in ("app", "application", "asgi_app", "wsgi_app"):
        if callable(app := getattr(module, name, None)):
            return Worker("asgi" if is_asgi(app) else "wsgi", app, own)
    if len(own) == 1:
        return Worker("class", next(iter(own.values())), own)
    for name in ("handler", "default"):
        found = getattr(module, name, None)
        if inspect.isroutine(found) and found is not workers.handler:
            return Worker("plain", found, own)
    raise LoadError(
        "NoHandler",
        f"{main} has nothing that takes requests: define `class Default(WorkerEntrypoint)` with `fetch`, a function "
        "`on_fetch(request, env, ctx)`, an ASGI or WSGI application `app`, or a function `handler(services, params)`",
    )


def is_asgi(app: Any) -> bool:
    call = app if inspect.isroutine(app) else type(app).__call__ if not inspect.isclass(app) else app
    return inspect.iscoroutinefunction(inspect.unwrap(call)) or hasattr(app, "asgi") or _three(call)


def _three(call: Any) -> bool:
    """(scope, receive, send), beside self: WSGI takes two."""
    try:
        names = [name for name in inspect.signature(call).parameters if name != "self"]
    except (TypeError, ValueError):
        return False
    return names[:3] == ["scope", "receive", "send"]
