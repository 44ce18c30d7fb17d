"""The shipped conformance suite on this machine's own scratch servers, or on a server of the user's."""

from __future__ import annotations

import asyncio
import secrets
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from typing import Any, cast
from urllib.parse import unquote, urlsplit

from holdfast.catalog import ENGINES
from holdfast.contract.conformance import CASES, CaseResult, Dialect, Place, run_suite
from holdfast.contract.engine import Engine
from holdfast.contract.spec import Endpoint, Role
from holdfast.hosts.keeper import KeeperClient
from holdfast.hosts.service import Hosts
from holdfast.kernel.errors import Invalid
from holdfast.kernel.settings import Settings
from holdfast.terminal.failure import Usage


class HostedSubject:
    """Implements Subject: every fresh database is a scratch server of its own, or a database at `server`."""

    def __init__(self, engine: Engine, hosts: Hosts, directory: Path, server: Endpoint | None = None) -> None:
        self.engine = engine
        self.spec = engine.spec()
        self.dialect = dialect_of(engine)
        self._hosts = hosts
        self._directory = directory
        self._server = server

    @contextmanager
    def fresh(self, name: str = "app") -> Iterator[Place]:
        passwords = {secret: secrets.token_urlsafe(18) for secret in self.engine.needs(self.spec)[1]}
        tools = self._hosts.tools(None, self.engine.software(self.spec), self._directory)
        if self._server is not None:
            endpoint = replace(self._server, database=f"{name}_{secrets.token_hex(4)}")
            asyncio.run(self.engine.prepare(endpoint, self.spec, tools))
            yield Place(name, endpoint, tools)
            return
        with self._hosts.scratch(self.engine, self.spec, name, passwords, self._directory) as endpoint:
            asyncio.run(self.engine.prepare(endpoint, self.spec, tools))
            yield Place(name, endpoint, tools)


def dialect_of(engine: Engine) -> Dialect:
    """The engine's words for the suite: DIALECT in its folder's `trial.py`. Raises Invalid when it ships none."""
    package = type(engine).__module__.rpartition(".")[0]
    try:
        return cast(Dialect, import_module(f"{package}.trial").DIALECT)
    except ModuleNotFoundError as error:
        raise Invalid(
            f"{engine.name} ships no words for the conformance suite",
            code="no_trial",
            hint=f"an engine's folder holds trial.py with DIALECT ({package}.trial)",
        ) from error


def verify_engine(
    name: str, url: str | None, only: tuple[str, ...], see: Callable[[dict[str, Any]], None] | None
) -> list[dict[str, Any]]:
    """Run the cases one by one, telling each to `see`. Needs no running Holdfast and leaves nothing behind."""
    engine = ENGINES.get(name)
    if unknown := set(only) - set(CASES):
        raise Usage(f"there is no case {sorted(unknown)[0]!r}", hint="cases: " + ", ".join(CASES))
    server = endpoint_of(engine, url) if url else None
    results = []
    with tempfile.TemporaryDirectory(prefix="hf-verify-") as directory:
        root = Path(directory)
        settings = Settings(data=root / "data", runtime=root / "run", master_key_file=root / "key")
        scratch = root / "scratch"
        scratch.mkdir(mode=0o711)
        subject = HostedSubject(engine, Hosts(settings, KeeperClient.of(settings)), scratch, server)
        for case in only or tuple(CASES):
            for result in run_suite(subject, (case,)):
                results.append(_plain(result))
                if see is not None:
                    see(results[-1])
    return results


def endpoint_of(engine: Engine, url: str) -> Endpoint:
    """A connection URL as an endpoint whose every role is the URL's user. Raises Usage for a URL of another engine."""
    parts = urlsplit(url)
    schemes = engine.capabilities.url_schemes
    if parts.scheme not in schemes or not parts.hostname:
        raise Usage(f"{url!r} is no URL of {engine.name}", hint=f"{' or '.join(schemes)}://user@host:port/database")
    role = Role(unquote(parts.username or ""), "url")
    return Endpoint(
        host=parts.hostname,
        port=parts.port,
        database=unquote(parts.path.lstrip("/")) or None,
        roles={"admin": role, "owner": role, "rw": role, "ro": role},
        secrets={"url": unquote(parts.password or "")},
    )


def _plain(result: CaseResult) -> dict[str, Any]:
    outcome = "passed" if result.ok else "failed"
    if result.ok and result.gap:
        outcome = "gap"
    return {
        "case": result.name,
        "outcome": outcome,
        "seconds": round(result.seconds, 3),
        "detail": result.gap or result.detail,
    }
