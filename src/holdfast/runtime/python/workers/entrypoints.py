"""The classes a worker derives from, and what stands in for JavaScript's boundary where there is none."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from typing import Any, NoReturn

from holdfast.runtime.python.workers.context import Context


class WorkerEntrypoint:
    """A worker's way in: `fetch(request)`, `scheduled(controller)`, and every other public method by RPC.

    One instance is made for each invocation; `self.env` holds the bindings, `self.ctx` the invocation's context.
    """

    ctx: Context
    env: Any

    def __init__(self, ctx: Any, env: Any) -> None:
        self.ctx = ctx
        self.env = env


class DurableObject:
    """The base class of durable objects. Declared classes load; their objects are not there yet."""

    ctx: Any
    env: Any

    def __init__(self, ctx: Any, env: Any) -> None:
        self.ctx = ctx
        self.env = env


class WorkflowEntrypoint:
    """The base class of workflows. Declared classes load; running one is not there yet."""

    ctx: Any
    env: Any

    def __init__(self, ctx: Any, env: Any) -> None:
        self.ctx = ctx
        self.env = env

    async def run(self, event: Any, step: Any) -> Any:
        raise NotImplementedError("this workflow does not define run(event, step); workflows are not there yet")


class NonRetryableError(Exception):
    """Raised in a workflow's step: the step is not tried again."""


def handler(function: Callable[..., Any]) -> Callable[..., Any]:
    """`@handler`: marks a legacy top-level handler (`on_fetch`, `on_scheduled`).

    It is given as many of (request, env, ctx) as it takes.
    """

    @functools.wraps(function)
    def wrapped(*arguments: Any) -> Any:
        return function(*fitting(function, arguments))

    return wrapped


def fitting(function: Callable[..., Any], arguments: tuple[Any, ...]) -> tuple[Any, ...]:
    """As many of the arguments as the function takes by position."""
    try:
        parameters = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):
        return arguments
    if any(each.kind is each.VAR_POSITIONAL for each in parameters):
        return arguments
    taken = sum(1 for each in parameters if each.kind in (each.POSITIONAL_ONLY, each.POSITIONAL_OR_KEYWORD))
    return arguments[:taken]


def taken(function: Callable[..., Any]) -> int:
    """How many of (request, env, ctx) a `fetch` takes: published ones take none, the request alone, or all."""
    own = getattr(function, "__func__", None)
    return _taken(function, 0) if own is None else _taken(own, 1)


@functools.lru_cache(maxsize=256)  # looking at a signature costs more than a small request
def _taken(function: Callable[..., Any], bound: int) -> int:
    try:
        parameters = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):
        return 1
    named = sum(1 for each in parameters if each.kind in (each.POSITIONAL_ONLY, each.POSITIONAL_OR_KEYWORD)) - bound
    rest = any(each.kind is each.VAR_POSITIONAL for each in parameters)
    return min(max(named, 1 if rest else 0), 3)


def import_from_javascript(module: str) -> NoReturn:
    """Raises ImportError: workers run on CPython here, without a JavaScript engine beside them."""
    raise ImportError(
        f"import_from_javascript({module!r}): this worker runs on CPython, no JavaScript module can be imported; "
        "what Cloudflare offers as `cloudflare:workers` is in the module `workers`"
    )


def python_from_rpc(value: Any) -> Any:
    """The value itself: calls between workers carry Python values here."""
    return value


def python_to_rpc(value: Any) -> Any:
    """The value itself: calls between workers carry Python values here."""
    return value
