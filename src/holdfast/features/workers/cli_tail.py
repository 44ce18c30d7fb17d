"""`holdfast tail`: what a worker does and logs, as it happens."""

from __future__ import annotations

import json
import re
import sys
import time
from collections.abc import Callable, Iterator
from typing import Annotated, Any

import typer

from holdfast.features.workers import acts
from holdfast.features.workers.target import worker_of
from holdfast.features.workers.wording import invocation_text, line_text
from holdfast.kernel.errors import Retryable
from holdfast.terminal import output
from holdfast.terminal.context import Terminal, terminal
from holdfast.terminal.failure import Usage
from holdfast.terminal.noun import verb

tail = typer.Typer(add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False)
_LOOK_SECONDS = 20.0  # although nothing was heard: wake-ups may be lost
_PAUSES = (0.5, 1.0, 2.0, 5.0)
_NOUN = "worker-log"
_STATUS = re.compile(r"[1-5]([0-9]{2}|xx)")
_BY_WORD: dict[str, dict[str, Any]] = {
    "ok": {"outcome": "ok"},
    "error": {"errors": "true"},
    "canceled": {"outcome": "cancelled"},
}


@verb(
    tail,
    "tail",
    """
    holdfast tail
    holdfast tail shop-api --status 5xx --method POST
    holdfast tail shop-api --search 'timed out' --json
    """,
)
def tail_(
    ctx: typer.Context,
    *,
    worker: Annotated[str | None, typer.Argument(metavar="WORKER", help="Without: the one in this folder.")] = None,
    search: Annotated[str | None, typer.Option("--search", help="In a line, a path or an error.")] = None,
    status: Annotated[str | None, typer.Option("--status", help="404, 5xx; or ok, error, canceled.")] = None,
    outcome: Annotated[
        str | None, typer.Option("--outcome", help="ok, exception, timeout, cancelled, exceededCpu ...")
    ] = None,
    method: Annotated[str | None, typer.Option("--method", help="GET, POST ...")] = None,
    trigger: Annotated[str | None, typer.Option("--trigger", help="http, scheduled, rpc or websocket.")] = None,
    level: Annotated[str | None, typer.Option("--level", help="log, info, warn, error, debug or system.")] = None,
    version: Annotated[str | None, typer.Option("--version", help="Number, tag or id of a version.")] = None,
    name: acts.Of = None,
    wrangler_env: acts.Section = None,
) -> None:
    """Follow a worker: every invocation and log line from now on, until Ctrl-C.

    It hears of what is new and waits for a server that restarts; nothing that was written meanwhile is left out.
    """
    t = terminal(ctx)
    found = worker_of(t, worker or name, wrangler_env)
    wanted: dict[str, Any] = {"text": search, "outcome": outcome, "method": method, "trigger": trigger, "level": level}
    wanted |= _status(status)
    if version is not None:
        wanted["version_id"] = acts.find_version(t, found, version)["id"]
    show = _show_json if t.json else _show
    begun = f"Following {output.visible(found['name'])}; Ctrl-C ends it."
    for event in events(t, f"/workers/{found['id']}/tail", wanted, lambda: output.note(begun)):
        show(event)
        sys.stdout.flush()  # a pipe gets it now, not when its buffer is full


def _status(given: str | None) -> dict[str, Any]:
    if given is None:
        return {}
    if given in _BY_WORD:
        return _BY_WORD[given]
    if not _STATUS.fullmatch(given.lower()):
        raise Usage("--status takes 404, 5xx, ok, error or canceled", hint="--outcome takes the words of an outcome")
    return {"status": given.lower()}


def events(t: Terminal, path: str, wanted: dict[str, Any], begun: Callable[[], None]) -> Iterator[dict[str, Any]]:
    """Every event from now on; `begun` is called when "now" is settled. Raises what the server refuses with, once it
    answers."""
    from holdfast.terminal.live import LiveLine

    place: str | None = None
    line: LiveLine | None = None
    failures = 0
    try:
        while True:
            try:
                if line is None:
                    line = LiveLine(t.client.line)
                page = t.client.get(path, after=place, **wanted)
                if failures:
                    output.note("The server is back.")
                if place is None:
                    begun()
                failures, place = 0, page["cursor"]
                yield from page["events"]
                if not page["more"]:
                    _until_news(line)
            except Retryable as error:
                if line is not None:
                    line.close()
                line = None
                if place is None:
                    raise  # it never was there
                if not failures:
                    output.note(f"The line is lost ({error.message}); waiting for the server.")
                time.sleep(_PAUSES[min(failures, len(_PAUSES) - 1)])
                failures += 1
    finally:
        if line is not None:
            line.close()


def _until_news(line: Any) -> None:
    ends = time.monotonic() + _LOOK_SECONDS
    while (left := ends - time.monotonic()) > 0 and _NOUN not in line.wait(left):
        continue


def _show_json(event: dict[str, Any]) -> None:
    kind = "log" if event["log"] is not None else "invocation"
    output.say(json.dumps({"type": kind, **event[kind]}, ensure_ascii=False))


def _show(event: dict[str, Any]) -> None:
    one = event["invocation"]
    if one is not None:
        output.say(invocation_text(one))
    for each in one["logs"] if one is not None else [event["log"]]:
        output.say(line_text(each["level"], each["text"]))
