"""Hosts: carries plans out on this machine. Used by tasks in the runner; every method is synchronous."""

from __future__ import annotations

import os
import shutil
import signal
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from holdfast.contract.engine import Engine
from holdfast.contract.spec import Endpoint, Plan, Server, Site, Software, Spec
from holdfast.hosts import carry, owned, scratch
from holdfast.hosts.allocation import Allocation
from holdfast.hosts.external import Lines
from holdfast.hosts.external.listeners import policy_of
from holdfast.hosts.keeper import KeeperClient
from holdfast.hosts.launching import tool
from holdfast.hosts.layout import Layout
from holdfast.hosts.quarters import TOOLS_OWNER, Quarters
from holdfast.hosts.records import Records, ServerRecord
from holdfast.hosts.servers import ServerStatus
from holdfast.hosts.software import Installed, SoftwareStore
from holdfast.hosts.tools import ProcessTools
from holdfast.kernel.settings import Settings
from holdfast.kernel.stop import Stop


class Hosts:
    """Where resources live on this machine: directories, users, ports, software, servers, tools, scratch servers."""

    def __init__(self, settings: Settings, keeper: KeeperClient) -> None:
        self._layout = Layout.of(settings)
        self._keeper = keeper
        self._layout.prepare()
        self._allocation = Allocation(self._layout.registry)
        self._software = SoftwareStore(self._layout.software)
        self._quarters = Quarters(self._layout, self._allocation, self._software)
        self._records = Records(self._layout.servers)
        self.lines = Lines(policy_of(settings), self._layout.runtime / "s", self._layout.runtime / "tls", self._quarter)

    def site(
        self,
        resource_id: str,
        name: str,
        engine: Engine,
        spec: Spec,
        secrets: Mapping[str, str],
        port: int | None = None,
        software: Software | None = None,
    ) -> Site:
        """Allocate what a plan needs: directories, a user (as root), software, a port. Idempotent; `remove` gives back.
        `software`: this copy instead of the engine's newest.

        Embedded engines get directories of ours: our own processes open their files.
        """
        installed = self._quarters.install(software or engine.software(spec))
        user = self._quarters.user(resource_id) if installed is not None else None
        wants_port = engine.needs(spec)[0]
        return Site(
            resource_id=resource_id,
            name=name,
            data=self._quarters.directory(self._layout.resource(resource_id), user),
            sockets=self._quarters.sockets(resource_id, user),
            software=installed.root if installed is not None else None,
            port=self._allocation.port(resource_id, port) if wants_port or port is not None else None,
            secrets=dict(secrets),
        )

    def up(self, resource_id: str, plan: Plan, stop: Stop | None = None) -> None:
        """Carry the plan out until its server is ready. Idempotent: a running server of the same plan is left alone.

        Raises Permanent (code "server_failed") with the server's last words when it does not become ready; it is
        stopped then. Retryable when the keeper is away.
        """
        base = self._layout.resource(resource_id)
        tools = self._tools(resource_id, plan.software, base)
        carry.lay_out(plan, base, self._user(resource_id), tools, self._journal(resource_id))
        if plan.server is None:
            return
        self._keeper.start(self._record(resource_id, plan, plan.server))

        def last_words() -> str | None:
            status = self._keeper.status(resource_id)
            if status.state == "failed" or status.restarts > 1:
                return status.error or "it ended"
            return None

        try:
            carry.wait_ready(plan.server, tools, last_words, stop)
        except Exception:  # not ready, cancelled or the keeper away: a server nobody waits for would run on unseen
            self._keeper.stop(resource_id)
            raise

    def down(self, resource_id: str) -> None:
        """Stop the server and remember it. Without one: success."""
        if self._records.load(resource_id) is not None:
            self._keeper.stop(resource_id)

    def status(self, resource_id: str) -> ServerStatus:
        """ "none" when the resource has no server (embedded, or never brought up)."""
        if self._records.load(resource_id) is None:
            return ServerStatus("none")
        return self._keeper.status(resource_id)

    def statuses(self) -> Mapping[str, ServerStatus]:
        """Every server of this machine that was ever brought up, in one question to the keeper."""
        return self._keeper.list()

    def remove(self, resource_id: str) -> None:
        """Stop, delete directories, give user and port back. Absent is success; repeatable after a crash."""
        if self._records.load(resource_id) is not None:
            self._keeper.forget(resource_id)
        shutil.rmtree(self._layout.resource(resource_id), ignore_errors=False, onerror=_unless_absent)
        self._forget_quarters(resource_id)

    def has(self, resource_id: str, name: str) -> bool:
        """Whether the resource has a directory of that name."""
        return (self._layout.resource(resource_id) / name).is_dir()

    def rename(self, resource_id: str, source: str, target: str) -> None:
        """A directory of the resource, whose server is down. Atomic. Raises Permanent when `target` is there."""
        base = self._layout.resource(resource_id)
        carry.forget(self._journal(resource_id), base / target)
        owned.rename(base, source, target)

    def discard(self, resource_id: str, name: str) -> None:
        """Remove a directory of the resource that no server uses. Absent is success, of the resource too."""
        base = self._layout.resource(resource_id)
        if base.is_dir():
            owned.remove(base, name)
        carry.forget(self._journal(resource_id), base / name)

    def _journal(self, resource_id: str) -> Path:
        return self._layout.registry / f"{resource_id}.init"

    def free_port(self) -> int:
        """A loopback port nobody has now."""
        return self._allocation.free_port()

    def tools(self, resource_id: str | None, software: Software | None, scratch: Path) -> ProcessTools:
        """Tools whose children run as the resource's user (a shared unprivileged one without a resource) and die with
        this process. `Tools.scratch` is a directory below `scratch` that they may use."""
        return self._tools(resource_id, software, scratch, private=True)

    @contextmanager
    def scratch(
        self, engine: Engine, spec: Spec, name: str, secrets: Mapping[str, str], scratch_dir: Path
    ) -> Iterator[Endpoint]:
        """A throw-away place for one database: own user, no network, the plan's limits; always gone afterwards."""
        with scratch.scratch(
            self._quarters, engine, spec, name=name, secrets=secrets, scratch_dir=scratch_dir
        ) as endpoint:
            yield endpoint

    def sweep(self) -> list[str]:
        """Remove scratch servers whose runner was killed; names of what was removed."""
        return scratch.sweep(self._quarters)

    def pin_of(self, root: str | None, software: Software) -> str:
        """The name of the copy of this software whose root that is, as `Software.pin` takes it; "" = none of ours."""
        return self._software.pin_of(Path(root) if root else None, software)

    def install(self, software: Software) -> Path:
        """Copy and pin native tools; the root that holds bin/. Raises NeedsOperator (code "software_missing")."""
        return self._software.install(software).root

    def installed(self) -> list[Installed]:
        return self._software.installed()

    def _quarter(self, directory: Path) -> frozenset[int]:
        """A socket directory for us and for tools that belong to no resource; the uids that may connect."""
        tools = self._quarters.user(TOOLS_OWNER)
        self._quarters.directory(directory, None if tools is None else os.geteuid(), group=tools)
        return frozenset({os.geteuid()} | ({tools} if tools is not None else set()))

    def _user(self, resource_id: str) -> int | None:
        return self._allocation.known_user(resource_id) if self._quarters.root else None

    def _paths(self, resource_id: str, installed: Installed | None) -> dict[Path, bool]:
        paths = {self._layout.resource(resource_id): False, self._layout.sockets(resource_id): False}
        return paths | ({installed.top: True} if installed is not None else {})

    def _record(self, resource_id: str, plan: Plan, server: Server) -> ServerRecord:
        installed = self._quarters.install(plan.software)
        root = installed.root if installed is not None else None
        command = server.command
        launch = self._quarters.launch(
            (tool(root, command.argv[0]), *command.argv[1:]),
            command.env,
            user=self._user(resource_id),
            paths=self._paths(resource_id, installed),
        )
        return ServerRecord(resource_id, launch, server.stop_signal, server.stop_timeout, plan.limits)

    def _tools(
        self, resource_id: str | None, software: Software | None, scratch: Path, *, private: bool = False
    ) -> ProcessTools:
        installed = self._quarters.install(software)
        user = self._user(resource_id) if resource_id is not None else None
        if user is None and resource_id is None:
            user = self._quarters.user(TOOLS_OWNER)
        paths: dict[Path, bool] = {} if installed is None else {installed.top: True}
        if resource_id is not None and self._layout.resource(resource_id).is_dir():
            paths = self._paths(resource_id, installed)
        else:
            paths[self._layout.runtime / "s"] = False
        where = scratch
        if private:
            where = self._quarters.directory(scratch / f"tools-{os.geteuid() if user is None else user}", user)
        paths[where] = False
        make = self._quarters.maker(user, paths, death_signal=signal.SIGKILL)
        return ProcessTools(installed.root if installed is not None else None, where, make)

    def _forget_quarters(self, owner: str) -> None:
        scratch.drop_quarters(self._quarters, owner)
        (self._layout.registry / f"{owner}.init").unlink(missing_ok=True)


def _unless_absent(_function: object, _path: object, info: tuple[type[BaseException], BaseException, object]) -> None:
    if not isinstance(info[1], FileNotFoundError):
        raise info[1]
