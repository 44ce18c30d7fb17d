"""What one resource's processes get of the machine: a user, directories, a view of the file system."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from pathlib import Path

from holdfast.contract.spec import Software
from holdfast.hosts.allocation import Allocation, write_atomic
from holdfast.hosts.launching import Launch, namespaces_allowed, require_passage, veils
from holdfast.hosts.layout import SOCKET_PATH_LIMIT, Layout
from holdfast.hosts.software import Installed, SoftwareStore
from holdfast.kernel.errors import NeedsOperator

TOOLS_OWNER = "_tools"  # who runs tools that belong to no resource
_LONGEST_SOCKET = len("/.s.PGSQL.65535.lock")


class Quarters:
    """Makes launches for owners (resources, scratch servers, tools). Everything it makes on disk can be made again."""

    def __init__(self, layout: Layout, allocation: Allocation, software: SoftwareStore) -> None:
        self.layout = layout
        self.allocation = allocation
        self.software = software
        self.root = os.geteuid() == 0

    def user(self, owner: str) -> int | None:
        """A uid of its own when we are root; None: everything runs as we do."""
        return self.allocation.user(owner) if self.root else None

    def directory(self, path: Path, user: int | None, *, group: int | None = None) -> Path:
        """A directory in a directory of ours: 0700 (0710 for `group`), owned by `user`. Idempotent."""
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
        if user is not None:
            os.chown(path, user, user if group is None else group, follow_symlinks=False)
        path.chmod(0o700 if group is None else 0o710)
        return path

    def sockets(self, owner: str, user: int | None, *, group: int | None = None) -> Path:
        """A short directory for unix sockets, the same inside and outside. Raises NeedsOperator when too long."""
        path = self.layout.sockets(owner)
        if len(os.fsencode(path)) + _LONGEST_SOCKET > SOCKET_PATH_LIMIT:
            raise NeedsOperator(
                f"socket paths below {self.layout.runtime} would be longer than {SOCKET_PATH_LIMIT} bytes",
                code="runtime_too_long",
                hint="choose a shorter directory with HOLDFAST_RUNTIME",
            )
        return self.directory(path, user, group=group)

    def install(self, software: Software | None) -> Installed | None:
        return None if software is None else self.software.install(software)

    def launch(
        self,
        argv: tuple[str, ...],
        env: Mapping[str, str],
        *,
        user: int | None,
        paths: Mapping[Path, bool],
        isolated: bool = False,
        death_signal: int = 0,
        cwd: Path | None = None,
    ) -> Launch:
        """`paths`: {directory: read-only}. As root the child sees these of our data, and nothing else below the same
        parents; without mount namespaces it must be able to reach them as they are (NeedsOperator otherwise)."""
        if user is None:
            return Launch(argv, env, cwd=str(cwd or "/"), death_signal=death_signal)
        mounts = namespaces_allowed()
        if not mounts:
            require_passage(list(paths), user)
        return Launch(
            argv,
            env,
            cwd=str(cwd or "/"),
            user=user,
            mounts=mounts,
            isolated=isolated and mounts,
            veils=veils(list(paths), user, [self.layout.data]) if mounts else (),
            paths=tuple(sorted((str(path), readonly) for path, readonly in paths.items())),
            passwd=str(passwd_file(self.layout, user)) if mounts else None,
            death_signal=death_signal,
        )

    def maker(
        self, user: int | None, paths: Mapping[Path, bool], *, death_signal: int, isolated: bool = False
    ) -> Callable[[tuple[str, ...], Mapping[str, str]], Launch]:
        """`launch` with everything but the command decided."""

        def make(argv: tuple[str, ...], env: Mapping[str, str]) -> Launch:
            return self.launch(argv, env, user=user, paths=paths, death_signal=death_signal, isolated=isolated)

        return make


def passwd_file(layout: Layout, user: int) -> Path:
    """A user database with this user in it: initdb refuses to run as someone without a name."""
    path = layout.passwd(user)
    lines = ("root:x:0:0:root:/root:/usr/sbin/nologin", f"holdfast:x:{user}:{user}::/:/usr/sbin/nologin", "")
    content = "\n".join(lines).encode()
    if not path.is_file() or path.read_bytes() != content:
        path.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
        write_atomic(path, content, 0o644)
        path.chmod(0o644)
    return path


def restore_runtime(layout: Layout, launch: Launch) -> None:
    """Make again what a reboot took from the runtime directory."""
    if launch.user is not None and launch.passwd is not None:
        passwd_file(layout, launch.user)
    for text, readonly in launch.paths:
        path = Path(text)
        if not readonly and path.is_relative_to(layout.runtime) and not path.exists():
            path.mkdir(mode=0o700, parents=True)
            if launch.user is not None:
                os.chown(path, launch.user, launch.user)
