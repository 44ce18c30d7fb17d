"""What `db connect` does: listen, ask for a tunnel, run a client, and leave nothing open."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import sys
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from holdfast.client import Client
from holdfast.features.connections.carrier import Carrier
from holdfast.kernel.errors import HoldfastError
from holdfast.terminal import output
from holdfast.terminal.failure import INTERRUPTED, Usage

# What a server may have us run, and set: a server somebody else owns must not choose programs on this machine.
PROGRAMS = frozenset({"psql", "valkey-cli", "redis-cli"})
_ENV = frozenset({"PGHOST", "PGPORT", "PGUSER", "PGPASSWORD", "PGDATABASE", "REDISCLI_AUTH"})
_NOT_OURS = ("PGSERVICE", "PGHOSTADDR", "PGSSLMODE", "PGSSLROOTCERT", "PGREQUIRESSL", "PGCHANNELBINDING", "PGPASSFILE")
_ARGUMENTS = frozenset({"-h", "-p", "--user", "--no-auth-warning"})


@dataclass(frozen=True)
class Wish:
    database_id: str
    access: str
    seconds: int
    port: int
    arguments: tuple[str, ...]
    print_url: bool
    json: bool


def run(client: Client, wish: Wish) -> int:
    """The exit code of the client program; the tunnel is closed whatever happens."""
    if wish.print_url and wish.arguments:
        raise Usage("--print-url runs no program, so there is nobody to pass arguments to")
    return asyncio.run(_run(client, wish))


async def _run(client: Client, wish: Wish) -> int:
    carrier = Carrier(client.line, _say)
    try:
        await carrier.listen(wish.port)
    except OSError as error:
        raise Usage(
            f"cannot listen on 127.0.0.1 port {wish.port}: {error.strerror}", hint="leave --port out"
        ) from error
    opened: dict[str, Any] | None = None
    try:
        body = {"access": wish.access, "seconds": wish.seconds, "port": carrier.port}
        made = opened = dict(await asyncio.to_thread(client.post, f"/databases/{wish.database_id}/tunnels", body))
        carrier.lead_to(wish.database_id, made["tunnel"]["id"])
        if wish.print_url:
            return await _wait(made, carrier.port, wish)
        return await _program(made, wish.arguments)
    finally:
        await carrier.close()
        if opened is not None:
            await _close(client, opened["tunnel"]["id"])


async def _close(client: Client, tunnel_id: str) -> None:
    try:
        await asyncio.to_thread(client.delete, f"/tunnels/{tunnel_id}")
    except HoldfastError as error:
        _say(f"the tunnel was left open, it ends by itself: {error.message}")


async def _wait(opened: Mapping[str, Any], port: int, wish: Wish) -> int:
    if wish.json:
        answer = {name: opened[name] for name in ("url", "user", "password", "database", "tunnel")}
        output.say_json(answer | {"host": "127.0.0.1", "port": port})
    else:
        output.say(str(opened["url"]))
    sys.stdout.flush()
    _say("The tunnel is open. Ctrl-C closes it.")
    ended = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        asyncio.get_running_loop().add_signal_handler(number, ended.set)
    with suppress(TimeoutError):
        async with asyncio.timeout(wish.seconds):
            await ended.wait()
    return 0


async def _program(opened: Mapping[str, Any], arguments: tuple[str, ...]) -> int:
    known = [program for program in opened["programs"] if program["name"] in PROGRAMS]
    for program in known:
        path = shutil.which(program["name"])
        if path is not None:
            break
    else:
        names = " or ".join(program["name"] for program in known) or "a client"
        raise Usage(f"{names} is not installed here", hint="add --print-url and use any client you have")
    argv = [*_checked(program["argv"]), *arguments]
    env = {name: value for name, value in os.environ.items() if name not in _NOT_OURS}
    env |= {name: value for name, value in program["env"].items() if name in _ENV}
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        loop.add_signal_handler(number, lambda: None)  # the program's to answer; we close the tunnel when it ends
    child = await asyncio.create_subprocess_exec(path, *argv, env=env)
    for number in (signal.SIGTERM, signal.SIGHUP):
        loop.add_signal_handler(number, child.send_signal, number)
    code = await child.wait()
    return code if code >= 0 else INTERRUPTED


def _checked(argv: list[str]) -> list[str]:
    """Options we know, each value taken as given. Raises Usage: an option such as `--eval FILE` would read our disk."""
    wanted = [str(word) for word in argv]
    if any(word.startswith("-") and word not in _ARGUMENTS for word in wanted):
        raise Usage("the server asks for options this program does not know", hint="use --print-url")
    return wanted


def _say(text: str) -> None:
    print(output.visible(text), file=sys.stderr)  # noqa: T201 - the CLI speaks here
