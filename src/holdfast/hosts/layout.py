"""Where everything of an installation lies. The only place that joins these paths."""

from __future__ import annotations

import hashlib
import os
import stat
from dataclasses import dataclass
from pathlib import Path

from holdfast.kernel.errors import NeedsOperator
from holdfast.kernel.settings import Settings

SOCKET_PATH_LIMIT = 107
LONGEST_OF_A_WORKER = f"w/{'0' * 32}/egress"  # of the sockets of a worker's version, below the runtime directory


@dataclass(frozen=True)
class Layout:
    """Paths under the data and the runtime directory; a server sees its own at the same places as we do."""

    data: Path
    runtime: Path

    @classmethod
    def of(cls, settings: Settings) -> Layout:
        return cls(settings.data, settings.runtime)

    @property
    def label(self) -> str:
        """Tells installations on one machine apart (control groups)."""
        return "holdfast-" + hashlib.sha256(str(self.data).encode()).hexdigest()[:10]

    @property
    def lock(self) -> Path:
        return self.data / "keeper.lock"

    @property
    def registry(self) -> Path:
        return self.data / "hosts"

    @property
    def servers(self) -> Path:
        return self.data / "servers"

    @property
    def logs(self) -> Path:
        return self.data / "logs"

    @property
    def software(self) -> Path:
        return self.data / "software"

    @property
    def scratch(self) -> Path:
        """Marks of scratch servers, so that those of a killed runner are found."""
        return self.data / "hosts" / "scratch"

    def resource(self, resource_id: str) -> Path:
        return self.data / "databases" / resource_id

    def sockets(self, name: str) -> Path:
        """A short, real directory, the same inside and outside: a unix socket's path may hold 107 bytes."""
        return self.runtime / "s" / hashlib.sha256(name.encode()).hexdigest()[:10]

    def passwd(self, user: int) -> Path:
        return self.runtime / "passwd" / str(user)

    def prepare(self) -> None:
        """Make the directories. Others may pass through (servers have users of their own), never list.

        Raises NeedsOperator when a directory cannot be made or belongs to someone else.
        """
        passing = 0o711 if os.geteuid() == 0 else 0o700
        wanted = [(self.data, passing), (self.runtime, passing), (self.runtime / "s", passing)]
        wanted += [(self.data / "databases", passing), (self.software, 0o755), (self.runtime / "passwd", 0o755)]
        wanted += [(self.registry, 0o700), (self.servers, 0o700), (self.logs, 0o700), (self.scratch, 0o700)]
        for directory, mode in wanted:
            _own_directory(directory, mode)


def _own_directory(directory: Path, mode: int) -> None:
    try:
        directory.mkdir(mode=mode, parents=True, exist_ok=True)
        facts = directory.lstat()
        if not stat.S_ISDIR(facts.st_mode) or facts.st_uid != os.geteuid():
            raise NeedsOperator(
                f"{directory} is not a directory of this user",
                code="directory_foreign",
                hint="remove it, or choose another place with HOLDFAST_DATA or HOLDFAST_RUNTIME",
            )
        if stat.S_IMODE(facts.st_mode) != mode:
            directory.chmod(mode)
    except OSError as error:
        raise NeedsOperator(
            f"{directory} cannot be used: {error.strerror}",
            code="directory_unusable",
            hint="make it writable for this user, or choose another place with HOLDFAST_DATA or HOLDFAST_RUNTIME",
        ) from error
